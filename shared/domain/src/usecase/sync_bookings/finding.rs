//! Finding out what appointments are like: joining what was told with who booked, reading the others,
//! within the time of the invocation.

use std::time::Duration;

use futures::{FutureExt, StreamExt, stream};
use jiff::Timestamp;

use super::{BookingSyncOutcome, CONFIRM_MIN, Coalesced};
use crate::model::{BookingChange, RemoteBooking};
use crate::ports::{AskedBooking, ProviderError, ToldBooking, UnreadableBooking};
use crate::usecase::apply_bookings::{Evidence, Look};
use crate::usecase::read_bookings::{Account, Read, ReadError};
use crate::usecase::settle_work::Verdict;

/// Reads of one account in flight at once. The vendors' limits are per second, so more would only
/// wait in front of the gate.
const READS_MAX: usize = 4;
/// How long a call waits here for its turn. Behind an import the live share may be some calls per
/// second, and a batch of ten should get through; longer waits are cheaper on the queue.
const TURN_WAIT_MAX: Duration = Duration::from_secs(5);

/// What there was no time for goes back on the queue for so long.
const NEXT_BATCH: Duration = Duration::from_secs(1);

/// What is known of one appointment.
pub(super) enum Found {
    Look(Box<Look>),
    Unreadable(UnreadableBooking),
    Outcome(BookingSyncOutcome),
}

/// An appointment with its place in the group.
pub(super) type Placed<'a> = (usize, &'a Coalesced);

/// See the module.
#[derive(Clone, Copy)]
pub(super) struct Finding<'a> {
    pub account: &'a Account<'a>,
    /// No call is begun after it.
    pub until: Timestamp,
}

/// How appointments are found out: joined, or read.
#[derive(Debug, Clone, Copy)]
enum Way {
    Join,
    Read,
}

impl Finding<'_> {
    /// What the provider has of appointments: what deliveries have `told` needs only to be joined with
    /// who booked, the others are read.
    pub async fn find_all(
        &self,
        told: &[Placed<'_>],
        marked: &[Placed<'_>],
    ) -> Vec<(usize, Found)> {
        let at_once = self.account.bookings_max();
        let reads = told.chunks(at_once).map(|chunk| self.find(chunk, Way::Join).boxed());
        let marked = marked.chunks(at_once).map(|chunk| self.find(chunk, Way::Read).boxed());
        let reads: Vec<_> = reads.chain(marked).collect();
        let found: Vec<Vec<_>> = stream::iter(reads).buffered(READS_MAX).collect().await;
        found.into_iter().flatten().collect()
    }

    /// By one request, and by several where the provider refuses it for some of them.
    async fn find(&self, bookings: &[Placed<'_>], way: Way) -> Vec<(usize, Found)> {
        let (mut all, mut open) = (Vec::with_capacity(bookings.len()), vec![bookings]);
        while let Some(bookings) = open.pop() {
            let left = self.until.duration_since(self.account.clock().now());
            let left = Duration::try_from(left).unwrap_or_default();
            if left.is_zero() {
                let late = Verdict::Wait { after: NEXT_BATCH };
                all.extend(all_as(bookings, BookingSyncOutcome::Unapplied(late)));
                continue;
            }
            let wait_max = left.min(TURN_WAIT_MAX);
            let found = match way {
                Way::Join => join_told(self.account, bookings, wait_max).await,
                Way::Read => read(self.account, bookings, wait_max).await,
            };
            match found {
                Ok(found) => all.extend(found),
                Err(ReadError::Provider(ProviderError::Rejected { .. })) if bookings.len() > 1 => {
                    let (first, second) = bookings.split_at(bookings.len() / 2);
                    open.extend([second, first]);
                }
                Err(error) => {
                    let outcome = BookingSyncOutcome::Unapplied(Verdict::from(&error));
                    all.extend(all_as(bookings, outcome));
                }
            }
        }
        all
    }
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

fn all_as(bookings: &[Placed<'_>], outcome: BookingSyncOutcome) -> Vec<(usize, Found)> {
    bookings.iter().map(|(place, _)| (*place, Found::Outcome(outcome))).collect()
}

async fn join_told(
    account: &Account<'_>,
    bookings: &[Placed<'_>],
    wait_max: Duration,
) -> Result<Vec<(usize, Found)>, ReadError> {
    let told = bookings.iter().filter_map(|(_, booking)| {
        let Coalesced { change, .. } = booking;
        let external_id = change.external_id.clone();
        Some(ToldBooking { external_id, snapshot: change.snapshot.clone()? })
    });
    let told: Vec<_> = told.collect();
    let Read { value, read_at, .. } = account.told(&told, wait_max).await?;
    let found = bookings.iter().zip(value).map(|((place, booking), remote)| {
        let evidence = Evidence::Told(told_at(&booking.change));
        (*place, look_at(booking, Some(remote), read_at, evidence))
    });
    Ok(found.collect())
}

/// No clock of a provider's may make a state count as newer than its delivery.
fn told_at(change: &BookingChange) -> Timestamp {
    let as_of = change.snapshot.as_ref().and_then(|snapshot| snapshot.as_of);
    as_of.map_or(change.received_at, |as_of| as_of.min(change.received_at))
}

async fn read(
    account: &Account<'_>,
    bookings: &[Placed<'_>],
    wait_max: Duration,
) -> Result<Vec<(usize, Found)>, ReadError> {
    let ids: Vec<_> = bookings.iter().map(|(_, it)| it.change.external_id.clone()).collect();
    let Read { value, read_at, .. } = account.bookings(&ids, wait_max).await?;
    let found = bookings.iter().zip(value);
    Ok(found.map(|((place, it), asked)| (*place, found_of(it, asked, read_at))).collect())
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
