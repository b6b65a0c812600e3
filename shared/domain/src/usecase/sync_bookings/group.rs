//! The appointments of one account: read each, store what differs.

use std::collections::BTreeMap;
use std::time::Duration;

use futures::{FutureExt, StreamExt, stream};
use jiff::Timestamp;

use super::{BookingSyncOutcome, CONFIRM_MIN, Coalesced, Group, SyncBookingsDeps};
use crate::gate::Class;
use crate::model::RemoteBooking;
use crate::ports::{
    AskedBooking, BookingReader, DeadCause, ProviderError, RemoteEffect, ToldBooking,
    UnreadableBooking,
};
use crate::usecase::apply_bookings::{Applied, ApplyCounts, ApplyScope, Look, apply_bookings};
use crate::usecase::read_bookings::{Account, Read, ReadCosts, ReadError, ReadPorts};
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
    let found = find_all(&account, group).await;
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

/// What the provider has of each appointment, in their order: those that deliveries have told need
/// only to be joined with who booked, the others are read.
async fn find_all(account: &Account<'_>, group: &Group) -> Vec<Found> {
    let at_once = account.bookings_max();
    let (told, marked): (Vec<_>, Vec<_>) =
        group.bookings.values().enumerate().partition(|(_, it)| it.change.snapshot.is_some());
    let reads = told.chunks(at_once).map(|chunk| join_told(account, chunk).boxed());
    let reads = reads.chain(marked.chunks(at_once).map(|chunk| read(account, chunk).boxed()));
    let reads: Vec<_> = reads.collect();
    let found: Vec<Vec<_>> = stream::iter(reads).buffered(READS_MAX).collect().await;
    let found: BTreeMap<_, _> = found.into_iter().flatten().collect();
    found.into_values().collect()
}

/// An appointment with its place in the group.
type Placed<'a> = (usize, &'a Coalesced);

fn look_at(booking: &Coalesced, found: Option<RemoteBooking>, read_at: Timestamp) -> Look {
    let change = &booking.change;
    let correlation_id = Some(change.correlation_id.clone());
    // Whatever id the answer has: it was this one that was asked for.
    Look { external_id: change.external_id.clone(), found, read_at, correlation_id }
}

fn all_failed(bookings: &[Placed<'_>], error: &ReadError) -> Vec<(usize, Found)> {
    let outcome = BookingSyncOutcome::Unapplied(Verdict::from(error));
    bookings.iter().map(|(place, _)| (*place, Found::Outcome(outcome))).collect()
}

async fn join_told(account: &Account<'_>, bookings: &[Placed<'_>]) -> Vec<(usize, Found)> {
    let told = bookings.iter().filter_map(|(_, booking)| {
        let Coalesced { change, .. } = booking;
        let external_id = change.external_id.clone();
        Some(ToldBooking { external_id, snapshot: change.snapshot.clone()? })
    });
    let told: Vec<_> = told.collect();
    match account.told(&told, TURN_WAIT_MAX).await {
        Ok(Read { value, read_at, .. }) if value.len() == bookings.len() => {
            let found = bookings.iter().zip(value).map(|((place, booking), remote)| {
                let as_of = booking.change.snapshot.as_ref().and_then(|it| it.as_of);
                // No clock of a provider's may make a state count as newer than its delivery.
                let read_at = as_of.map_or(read_at, |as_of| as_of.min(booking.change.received_at));
                (*place, Found::Look(Box::new(look_at(booking, Some(remote), read_at))))
            });
            found.collect()
        }
        Ok(_) => all_failed(bookings, &short_answer()),
        Err(error) => all_failed(bookings, &error),
    }
}

async fn read(account: &Account<'_>, bookings: &[Placed<'_>]) -> Vec<(usize, Found)> {
    let ids: Vec<_> = bookings.iter().map(|(_, it)| it.change.external_id.clone()).collect();
    match account.bookings(&ids, TURN_WAIT_MAX).await {
        Ok(Read { value, read_at, .. }) if value.len() == bookings.len() => {
            let found = bookings.iter().zip(value);
            found.map(|((place, it), asked)| (*place, found_of(it, asked, read_at))).collect()
        }
        Ok(_) => all_failed(bookings, &short_answer()),
        Err(error) => all_failed(bookings, &error),
    }
}

fn found_of(booking: &Coalesced, asked: AskedBooking, read_at: Timestamp) -> Found {
    match asked {
        Some(Ok(remote)) => Found::Look(Box::new(look_at(booking, Some(remote), read_at))),
        Some(Err(unreadable)) => Found::Unreadable(unreadable),
        None => match confirmed(booking.change.missing_since, read_at) {
            Some(outcome) => Found::Outcome(outcome),
            None => Found::Look(Box::new(look_at(booking, None, read_at))),
        },
    }
}

/// An answer for fewer or more than were asked for can't be told apart.
const fn short_answer() -> ReadError {
    ReadError::Provider(ProviderError::Unavailable {
        status: None,
        retry_after: None,
        effect: RemoteEffect::None,
    })
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
