//! One kind of record of one account: ask, make units, apply.

use std::collections::BTreeMap;

use futures::future::{join, join_all};

use super::apply::{Application, settle_units};
use super::fetch::{Associations, Objects, Provider};
use super::unit::{Answers, needs_associations, units_of};
use super::{Group, GroupReport, SyncDeps, SyncOutcome};
use crate::model::{ChangeKind, ExternalId, ObjectType};
use crate::ports::{AssociationsOf, DeadCause, Lookup, READ_MAX, RecordScope};
use crate::usecase::settle_work::Verdict;

/// The most pages of associations that are read of one object; a page has hundreds.
const PAGES_MAX: usize = 20;

/// Syncs a group; the outcomes are in the order of its objects.
pub(super) async fn sync_group(
    deps: &SyncDeps<'_>,
    scope: RecordScope,
    account_id: &str,
    group: Group,
) -> GroupReport {
    let began = deps.clock.monotonic();
    let provider = Provider::new(deps, &scope);
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
    let units = units_of(group, answers);
    let settled = match loaded {
        Ok(()) => settle_units(&mut application, &units).await,
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

/// Everything that the provider must be asked, in flight together.
async fn answers_of(provider: &Provider<'_>, scope: &RecordScope, group: &Group) -> Answers {
    let asked = group
        .objects
        .iter()
        .filter(|(_, object)| !object.change.kinds.contains(&ChangeKind::Erased));
    let ids: Vec<_> = asked.clone().map(|(id, _)| id.clone()).collect();
    let with_associations: Vec<_> = asked
        .filter(|(_, object)| needs_associations(&object.change))
        .map(|(id, _)| id.clone())
        .collect();
    let objects =
        join_all(ids.chunks(READ_MAX).map(|chunk| provider.ask_in_parts(Objects(chunk.to_vec()))));
    let associations = join_all(scope.object_type.associated_types().iter().flat_map(|to| {
        with_associations.chunks(READ_MAX).map(|chunk| associations_of(provider, *to, chunk))
    }));
    let (objects, associations) = join(objects, associations).await;
    let mut answers = Answers::default();
    for (Objects(ids), answer) in objects.into_iter().flatten() {
        match answer {
            Ok(found) => {
                for id in ids {
                    let is_it = |it: &&crate::ports::RemoteObject| {
                        it.external_id == id || it.merged_ids.contains(&id)
                    };
                    let exact = found.iter().find(|it| it.external_id == id);
                    if let Some(object) = exact.or_else(|| found.iter().find(is_it)) {
                        answers.objects.insert(id, object.clone());
                    }
                }
            }
            Err(verdict) => answers.failed.extend(ids.into_iter().map(|id| (id, verdict))),
        }
    }
    for id in with_associations {
        answers.associations.insert(id, Default::default());
    }
    for part in associations {
        for (id, found) in part.associations {
            answers.associations.entry(id).or_default().extend(found);
        }
        answers.failed.extend(part.failed);
    }
    answers
}

/// All pages of the associations with one kind of record.
async fn associations_of(provider: &Provider<'_>, to: ObjectType, ids: &[ExternalId]) -> Answers {
    let mut answers = Answers::default();
    let first = |id: &ExternalId| AssociationsOf { external_id: id.clone(), after: None };
    let mut open: Vec<_> = ids.iter().map(first).collect();
    for _page in 0..PAGES_MAX {
        if open.is_empty() {
            return answers;
        }
        let parts = provider.ask_in_parts(Associations { to, of: std::mem::take(&mut open) }).await;
        for (question, answer) in parts {
            match answer {
                Ok(page) => {
                    for (id, found) in page.found {
                        answers.associations.entry(id).or_default().extend(found);
                    }
                    open.extend(page.more);
                }
                Err(verdict) => {
                    let ids = question.of.into_iter().map(|of| (of.external_id, verdict));
                    answers.failed.extend(ids);
                }
            }
        }
    }
    // Half a set must not be taken for the whole.
    let too_many = Verdict::Dead(DeadCause::Internal);
    answers.failed.extend(open.into_iter().map(|of| (of.external_id, too_many)));
    answers
}
