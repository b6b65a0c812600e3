//! One kind of record of one account: ask, make units, apply.

use std::collections::BTreeMap;

use futures::future::join;

use super::apply::{Application, settle_units};
use super::asking::answers_of;
use super::fetch::Provider;
use super::unit::units_of;
use std::time::Duration;

use super::{Group, GroupReport, SyncDeps, SyncOutcome};
use crate::ports::{DeadCause, Lookup, RecordScope};
use crate::usecase::settle_work::Verdict;

/// Syncs a group; the outcomes are in the order of its objects.
pub(super) async fn sync_group(
    deps: &SyncDeps<'_>,
    scope: RecordScope,
    account_id: &str,
    group: Group,
) -> GroupReport {
    let began = deps.clock.monotonic();
    let Some(system) = (deps.systems)(scope.system) else {
        let outcomes =
            vec![SyncOutcome::Unapplied(Verdict::Dead(DeadCause::Malformed)); group.objects.len()];
        let took = Duration::ZERO;
        return GroupReport { scope, outcomes, provider_calls: 0, provider_time: took, took };
    };
    let provider = Provider::new(deps, &scope, system);
    let outcomes = match check_account(deps, &scope, account_id).await {
        Ok(()) => sync_objects(deps, &scope, &provider, &group).await,
        Err(verdict) => vec![SyncOutcome::Unapplied(verdict); group.objects.len()],
    };
    let (provider_calls, provider_time) = (provider.calls(), provider.time());
    let took = deps.clock.monotonic().saturating_sub(began);
    GroupReport { scope, outcomes, provider_calls, provider_time, took }
}

/// The changes must be of the account that is connected now.
async fn check_account(
    deps: &SyncDeps<'_>,
    scope: &RecordScope,
    account_id: &str,
) -> Result<(), Verdict> {
    let connection = deps.connections.connection(&scope.tenant, scope.system).await;
    let connection = connection.map_err(|error| Verdict::from(&error))?;
    if connection.account_id == account_id {
        return Ok(());
    }
    Err(Verdict::Dead(DeadCause::ConnectionNotFound))
}

async fn sync_objects(
    deps: &SyncDeps<'_>,
    scope: &RecordScope,
    provider: &Provider<'_>,
    group: &Group,
) -> Vec<SyncOutcome> {
    // Before anything is asked, so that no state counts as more recent than it is.
    let read_at_ms = deps.clock.now().as_millisecond();
    let mut application = Application::new(deps, scope, read_at_ms);
    let (loaded, answers) =
        join(application.load(pointers_of(group)), answers_of(provider, scope, group)).await;
    let failed: BTreeMap<_, _> = group
        .objects
        .keys()
        .enumerate()
        .filter_map(|(place, id)| Some((place, *answers.failed.get(id)?)))
        .collect();
    let unknown = SyncOutcome::Unapplied(Verdict::Retry { after: None });
    let mut outcomes = vec![unknown; group.objects.len()];
    let mut units = units_of(group, answers);
    let settled = match loaded {
        Ok(()) => settle_units(&mut application, provider, &mut units).await,
        Err(verdict) => vec![SyncOutcome::Unapplied(verdict); units.len()],
    };
    let of_units = units.iter().zip(settled);
    let of_units =
        of_units.flat_map(|(unit, outcome)| unit.places.iter().map(move |place| (*place, outcome)));
    let of_failed = failed.into_iter().map(|(place, it)| (place, SyncOutcome::Unapplied(it)));
    for (place, outcome) in of_units.chain(of_failed) {
        if let Some(slot) = outcomes.get_mut(place) {
            *slot = outcome;
        }
    }
    outcomes
}

fn pointers_of(group: &Group) -> Lookup {
    let ids = group
        .objects
        .iter()
        .flat_map(|(id, object)| [id].into_iter().chain(&object.change.merged_ids))
        .cloned();
    Lookup { ids: ids.collect(), ..Lookup::default() }
}
