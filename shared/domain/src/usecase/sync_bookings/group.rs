//! The appointments of one account: read each, store what differs.

use std::time::Duration;

use futures::{StreamExt, stream};
use jiff::Timestamp;

use super::{BookingSyncOutcome, CONFIRM_MIN, Coalesced, Group, SyncBookingsDeps};
use crate::gate::Class;
use crate::ports::{BookingReader, DeadCause, UnreadableBooking};
use crate::usecase::apply_bookings::{Applied, ApplyCounts, ApplyScope, Look, apply_bookings};
use crate::usecase::read_bookings::{Account, Read, ReadCosts, ReadPorts};
use crate::usecase::settle_work::Verdict;

/// Reads of one account in flight at once. The vendors' limits are per second, so more would only
/// wait in front of the gate.
const READS_MAX: usize = 4;
/// How long a call waits here for its turn. Behind an import the live share may be some calls per
/// second, and a batch of ten should get through; longer waits are cheaper on the queue.
const TURN_WAIT_MAX: Duration = Duration::from_secs(5);

/// What one read says.
enum Found {
    Look(Box<Look>),
    Unreadable(UnreadableBooking),
    Outcome(BookingSyncOutcome),
}

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
    let reads: Vec<_> = group.bookings.values().map(|booking| find(&account, booking)).collect();
    let found: Vec<_> = stream::iter(reads).buffered(READS_MAX).collect().await;
    GroupEnd { costs: account.costs(), ..store(deps, group, found).await }
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

async fn find(account: &Account<'_>, booking: &Coalesced) -> Found {
    let change = &booking.change;
    let correlation_id = Some(change.correlation_id.clone());
    match account.booking(&change.external_id, TURN_WAIT_MAX).await {
        Ok(Read { value: Some(Ok(remote)), read_at, .. }) => {
            // Whatever id the answer has: it was this one that was asked for.
            let found = Some(remote);
            let external_id = change.external_id.clone();
            Found::Look(Box::new(Look { external_id, found, read_at, correlation_id }))
        }
        Ok(Read { value: Some(Err(unreadable)), .. }) => Found::Unreadable(unreadable),
        Ok(Read { value: None, read_at, .. }) => match confirmed(change.missing_since, read_at) {
            Some(outcome) => Found::Outcome(outcome),
            None => {
                let look = Look::gone(change.external_id.clone(), read_at);
                Found::Look(Box::new(Look { correlation_id, ..look }))
            }
        },
        Err(error) => Found::Outcome(BookingSyncOutcome::Unapplied(Verdict::from(&error))),
    }
}

/// What is still to be done before a missing appointment is taken for deleted, if anything.
fn confirmed(missing_since: Option<Timestamp>, read_at: Timestamp) -> Option<BookingSyncOutcome> {
    let Some(since) = missing_since else {
        return Some(BookingSyncOutcome::Confirm { missing_since: read_at });
    };
    let passed = Duration::try_from(read_at.duration_since(since)).unwrap_or_default();
    let left = CONFIRM_MIN.checked_sub(passed).filter(|left| !left.is_zero());
    left.map(|after| BookingSyncOutcome::Unapplied(Verdict::Wait { after }))
}

async fn store(deps: &SyncBookingsDeps<'_>, group: &Group, found: Vec<Found>) -> GroupEnd {
    let mut end = GroupEnd::of_all(group, Verdict::Retry { after: None });
    let (mut looks, mut slots) = (Vec::new(), Vec::new());
    for (found, slot) in found.into_iter().zip(&mut end.outcomes) {
        match found {
            Found::Look(look) => {
                looks.push(*look);
                slots.push(slot);
            }
            Found::Unreadable(row) => {
                end.unreadable.push(row);
                *slot = REFUSED;
            }
            Found::Outcome(outcome) => *slot = outcome,
        }
    }
    let Some(first) = group.bookings.values().next() else { return end };
    let scope = ApplyScope {
        tenant: group.tenant.clone(),
        system: group.system,
        correlation_id: first.change.correlation_id.clone(),
        refreshes: true,
    };
    let report = apply_bookings(&deps.apply, &scope, &looks).await;
    end.counts = ApplyCounts::of(&report.outcomes);
    for (slot, applied) in slots.into_iter().zip(report.outcomes) {
        *slot = outcome_of(applied);
    }
    end
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
    }
}
