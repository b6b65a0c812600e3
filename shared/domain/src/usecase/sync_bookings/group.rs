//! The appointments of one account: find out what each is like, store what differs. What a delivery has
//! told is joined with who booked and not read, unless it can't be said whether it is newer than what
//! is stored.

use std::collections::BTreeSet;
use std::time::Duration;

use futures::{FutureExt, StreamExt, stream};
use jiff::Timestamp;

use super::{BookingSyncOutcome, CONFIRM_MIN, Coalesced, Group, SyncBookingsDeps};
use crate::gate::Class;
use crate::model::{BookingChange, RemoteBooking};
use crate::ports::{AskedBooking, BookingReader, DeadCause, ToldBooking, UnreadableBooking};
use crate::usecase::apply_bookings::{
    Applied, ApplyCounts, ApplyScope, Evidence, Look, apply_bookings,
};
use crate::usecase::read_bookings::{Account, Read, ReadCosts, ReadError, ReadPorts};
use crate::usecase::settle_work::Verdict;

/// Reads of one account in flight at once. The vendors' limits are per second, so more would only
/// wait in front of the gate.
const READS_MAX: usize = 4;
/// How long a call waits here for its turn. Behind an import the live share may be some calls per
/// second, and a batch of ten should get through; longer waits are cheaper on the queue.
const TURN_WAIT_MAX: Duration = Duration::from_secs(5);

/// What is known of one appointment.
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
    let found = find_all(&account, &told, &marked).await;
    let doubtful = store(deps, group, found, &mut end).await;
    if !doubtful.is_empty() {
        let doubtful: Vec<_> =
            told.into_iter().filter(|(place, _)| doubtful.contains(place)).collect();
        let found = find_all(&account, &[], &doubtful).await;
        store(deps, group, found, &mut end).await;
    }
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

/// An appointment with its place in the group.
type Placed<'a> = (usize, &'a Coalesced);

/// What the provider has of appointments: what deliveries have `told` needs only to be joined with who
/// booked, the others are read.
async fn find_all(
    account: &Account<'_>,
    told: &[Placed<'_>],
    marked: &[Placed<'_>],
) -> Vec<(usize, Found)> {
    let at_once = account.bookings_max();
    let reads = told.chunks(at_once).map(|chunk| join_told(account, chunk).boxed());
    let reads = reads.chain(marked.chunks(at_once).map(|chunk| read(account, chunk).boxed()));
    let reads: Vec<_> = reads.collect();
    let found: Vec<Vec<_>> = stream::iter(reads).buffered(READS_MAX).collect().await;
    found.into_iter().flatten().collect()
}

fn look_at(
    booking: &Coalesced,
    found: Option<RemoteBooking>,
    read_at: Timestamp,
    evidence: Evidence,
) -> Found {
    let change = &booking.change;
    let correlation_id = Some(change.correlation_id.clone());
    // Whatever id the answer has: it was this one that was asked for.
    let external_id = change.external_id.clone();
    let gone = Look::gone(external_id, read_at);
    Found::Look(Box::new(Look { found, evidence, correlation_id, ..gone }))
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
        Ok(Read { value, read_at, .. }) => {
            let found = bookings.iter().zip(value).map(|((place, booking), remote)| {
                let evidence = Evidence::Told(told_at(&booking.change));
                (*place, look_at(booking, Some(remote), read_at, evidence))
            });
            found.collect()
        }
        Err(error) => all_failed(bookings, &error),
    }
}

/// No clock of a provider's may make a state count as newer than its delivery.
fn told_at(change: &BookingChange) -> Timestamp {
    let as_of = change.snapshot.as_ref().and_then(|snapshot| snapshot.as_of);
    as_of.map_or(change.received_at, |as_of| as_of.min(change.received_at))
}

async fn read(account: &Account<'_>, bookings: &[Placed<'_>]) -> Vec<(usize, Found)> {
    let ids: Vec<_> = bookings.iter().map(|(_, it)| it.change.external_id.clone()).collect();
    match account.bookings(&ids, TURN_WAIT_MAX).await {
        Ok(Read { value, read_at, .. }) => {
            let found = bookings.iter().zip(value);
            found.map(|((place, it), asked)| (*place, found_of(it, asked, read_at))).collect()
        }
        Err(error) => all_failed(bookings, &error),
    }
}

fn found_of(booking: &Coalesced, asked: AskedBooking, read_at: Timestamp) -> Found {
    match asked {
        Some(Ok(remote)) => look_at(booking, Some(remote), read_at, Evidence::Read),
        Some(Err(unreadable)) => Found::Unreadable(unreadable),
        None => match confirmed(booking.change.missing_since, read_at) {
            Some(outcome) => Found::Outcome(outcome),
            None => look_at(booking, None, read_at, Evidence::Read),
        },
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
