//! What is to be written of one appointment, given what is stored of it.

use super::{Applied, Look};
use crate::keys::{ContentHash, SeparatorInPart, content_hash};
use crate::model::{Booking, BookingStatus, Recency, RemoteState, StatusReason, StoredBooking};

/// A state to be stored.
#[derive(Debug)]
pub(super) struct Draft {
    pub booking: Booking,
    pub hash: ContentHash,
    pub recency: Recency,
    /// What it comes after.
    pub before: Option<StoredBooking>,
    /// What it is once it is stored.
    pub applied: Applied,
}

impl Draft {
    /// Whether it must be found out who booked: it is not known yet, or somebody else by now.
    pub fn needs_client(&self) -> bool {
        let known = self.before.as_ref();
        known.is_none_or(|before| before.booking.person != self.booking.person)
    }
}

/// A stored version that was seen again.
#[derive(Debug)]
pub(super) struct SeenAgain {
    pub stored: StoredBooking,
    pub recency: Recency,
}

/// What is to be done.
#[derive(Debug)]
pub(super) enum Decision {
    Settled(Applied),
    Refresh(Box<SeenAgain>),
    Write(Box<Draft>),
}

/// Decides. Two states of one recency can't be told apart by age; the one that comes later counts,
/// because whatever changed in between is told of once more.
pub(super) fn decide(
    look: &Look,
    stored: Option<&StoredBooking>,
    refreshes: bool,
) -> Result<Decision, SeparatorInPart> {
    let booking = match (&look.found, stored) {
        (Some(remote), _) => {
            Booking::of(remote, stored.map(|stored| &stored.booking), look.read_at)
        }
        (None, Some(stored)) => Booking {
            status: BookingStatus::Cancelled,
            reason: Some(StatusReason::Deleted),
            ..stored.booking.clone()
        },
        (None, None) => return Ok(Decision::Settled(Applied::Unchanged)),
    };
    let hash = content_hash(&booking)?;
    let recency = recency_of(look, stored);
    let Some(stored) = stored else {
        let applied = Applied::Imported;
        return Ok(Decision::Write(Box::new(Draft {
            booking,
            hash,
            recency,
            before: None,
            applied,
        })));
    };
    if stored.hash == hash || stored.booking == booking {
        let is_news = refreshes && recency > stored.recency;
        return Ok(if is_news {
            Decision::Refresh(Box::new(SeenAgain { stored: stored.clone(), recency }))
        } else {
            Decision::Settled(Applied::Unchanged)
        });
    }
    if recency < stored.recency {
        return Ok(Decision::Settled(Applied::Superseded));
    }
    let applied =
        if is_end_only(look, stored, &booking) { Applied::Completed } else { Applied::Updated };
    let before = Some(stored.clone());
    Ok(Decision::Write(Box::new(Draft { booking, hash, recency, before, applied })))
}

/// That a provider has something no more comes without a version: it counts under the last one.
fn recency_of(look: &Look, stored: Option<&StoredBooking>) -> Recency {
    let provider_version = match &look.found {
        Some(remote) => remote.provider_version.unwrap_or_default(),
        None => stored.map(|stored| stored.recency.provider_version).unwrap_or_default(),
    };
    Recency { provider_version, read_at_ms: look.read_at.as_millisecond() }
}

/// Whether all that happened is that the end has come.
fn is_end_only(look: &Look, stored: &StoredBooking, booking: &Booking) -> bool {
    let is_derived =
        look.found.as_ref().is_some_and(|remote| remote.state == RemoteState::Standing);
    is_derived
        && stored.booking.status == BookingStatus::Scheduled
        && booking.status == BookingStatus::Completed
        && stored.booking == Booking { status: BookingStatus::Scheduled, ..booking.clone() }
}
