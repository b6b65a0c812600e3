//! The appointments of one account: find out what each is like, store what differs. What a delivery has
//! told is joined with who booked and not read, unless it can't be said whether it is newer than what
//! is stored.

use std::collections::BTreeSet;
use std::time::Duration;

use super::finding::{Finding, Found};
use super::{BookingSyncOutcome, Group, SyncBookingsDeps};
use crate::gate::Class;
use crate::ports::{BookingReader, DeadCause, UnreadableBooking};
use crate::usecase::apply_bookings::{Applied, ApplyCounts, ApplyScope, apply_bookings};
use crate::usecase::read_bookings::{Account, ReadCosts, ReadPorts};
use crate::usecase::settle_work::Verdict;

/// Kept back before the deadline: 5 s for the queue, where a batch is stopped that is not done, and
/// before that a few for the writes.
const RESERVE: Duration = Duration::from_secs(9);

/// What a group came to.
pub(super) struct GroupEnd {
    /// In the order of its appointments.
    pub outcomes: Vec<BookingSyncOutcome>,
    pub counts: ApplyCounts,
    pub unreadable: Vec<UnreadableBooking>,
    pub costs: ReadCosts,
}

impl GroupEnd {
    /// The same of every appointment, without a read.
    pub fn of_all(group: &Group, verdict: Verdict) -> Self {
        Self {
            outcomes: vec![BookingSyncOutcome::Unapplied(verdict); group.bookings.len()],
            counts: ApplyCounts::default(),
            unreadable: Vec::new(),
            costs: ReadCosts::default(),
        }
    }

    fn note(&mut self, place: usize, outcome: BookingSyncOutcome) {
        if let Some(slot) = self.outcomes.get_mut(place) {
            *slot = outcome;
        }
    }
}

/// Syncs a group.
pub(super) async fn sync_group(
    deps: &SyncBookingsDeps<'_>,
    reader: &dyn BookingReader,
    group: &Group,
) -> GroupEnd {
    if let Err(verdict) = check_account(deps, group).await {
        return GroupEnd::of_all(group, verdict);
    }
    let ports = ReadPorts {
        connections: deps.connections,
        reader,
        gate: deps.gate,
        notice: deps.notice,
        clock: deps.apply.clock,
    };
    let account = Account::new(ports, &group.tenant, group.system, Class::Live);
    let mut end = GroupEnd::of_all(group, Verdict::Retry { after: None });
    let placed: Vec<_> = group.bookings.values().enumerate().collect();
    let (told, marked): (Vec<_>, Vec<_>) =
        placed.into_iter().partition(|(_, it)| it.change.snapshot.is_some());
    let calls = deps.call_timeout.saturating_mul(reader.requests_per_read());
    let finding = Finding { account: &account, until: deps.deadline - calls - RESERVE };
    let found = finding.find_all(&told, &marked).await;
    let doubtful = store(deps, group, found, &mut end).await;
    if !doubtful.is_empty() {
        let doubtful: Vec<_> =
            told.into_iter().filter(|(place, _)| doubtful.contains(place)).collect();
        let found = finding.find_all(&[], &doubtful).await;
        store(deps, group, found, &mut end).await;
    }
    account.hand_back().await;
    end.costs = account.costs();
    end
}

/// The webhooks' account must still be the tenant's: a message may be days old, and a replayed one
/// older.
async fn check_account(deps: &SyncBookingsDeps<'_>, group: &Group) -> Result<(), Verdict> {
    let owner = deps.accounts.owner(group.system, &group.account_id).await;
    let owner = owner.map_err(|error| Verdict::from(&error))?;
    if owner.is_some_and(|owner| owner.tenant == group.tenant) {
        return Ok(());
    }
    Err(Verdict::Dead(DeadCause::ConnectionNotFound))
}

/// Stores what was found and notes what became of it. Gives the places of those of which it can't be
/// said whether they are newer than what is stored.
async fn store(
    deps: &SyncBookingsDeps<'_>,
    group: &Group,
    found: Vec<(usize, Found)>,
    end: &mut GroupEnd,
) -> BTreeSet<usize> {
    let (mut looks, mut places) = (Vec::new(), Vec::new());
    for (place, found) in found {
        match found {
            Found::Look(look) => {
                looks.push(*look);
                places.push(place);
            }
            Found::Unreadable(row) => {
                end.unreadable.push(row);
                end.note(place, REFUSED);
            }
            Found::Outcome(outcome) => end.note(place, outcome),
        }
    }
    let Some(first) = group.bookings.values().next() else { return BTreeSet::new() };
    let scope = ApplyScope {
        tenant: group.tenant.clone(),
        system: group.system,
        correlation_id: first.change.correlation_id.clone(),
        refreshes: true,
    };
    let report = apply_bookings(&deps.apply, &scope, &looks).await;
    end.counts += ApplyCounts::of(&report.outcomes);
    let mut doubtful = BTreeSet::new();
    for (place, applied) in places.into_iter().zip(report.outcomes) {
        end.note(place, outcome_of(applied));
        if applied == Applied::Doubtful {
            doubtful.insert(place);
        }
    }
    doubtful
}

/// An appointment that can't be read stays as it is stored, and its message is put aside: asking
/// again would not mend it, but a build that can read it may, and then it is replayed.
const REFUSED: BookingSyncOutcome =
    BookingSyncOutcome::Unapplied(Verdict::Dead(DeadCause::ProviderRejected));

const fn outcome_of(applied: Applied) -> BookingSyncOutcome {
    match applied {
        Applied::Imported | Applied::Updated | Applied::Completed => BookingSyncOutcome::Synced,
        Applied::Unchanged => BookingSyncOutcome::Unchanged,
        Applied::Superseded => BookingSyncOutcome::Superseded,
        Applied::Unreadable => REFUSED,
        Applied::Failed(verdict) => BookingSyncOutcome::Unapplied(verdict),
        Applied::Doubtful => BookingSyncOutcome::Unapplied(Verdict::Retry { after: None }),
    }
}
