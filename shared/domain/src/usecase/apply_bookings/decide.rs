//! What is to be written of one appointment, given what is stored of it.

use jiff::SignedDuration;

use super::{Applied, Evidence, LOOKS_APART, Look};
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
        (Some(remote), None) => Booking::of(remote, None, look.read_at),
        (Some(remote), Some(stored)) => {
            let mut booking = Booking::of(remote, Some(&stored.booking), look.read_at);
            look.untold.carry_over(&stored.booking, &mut booking);
            booking
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
        if is_late(look) {
            return Ok(Decision::Settled(Applied::Doubtful));
        }
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
        // A higher version must be noted by anybody: one between both may still be told.
        let is_higher = recency.provider_version > stored.recency.provider_version;
        let is_news = (refreshes || is_higher)
            && recency > stored.recency
            && !is_of_one_version(recency, stored);
        return Ok(if is_news {
            Decision::Refresh(Box::new(SeenAgain { stored: stored.clone(), recency }))
        } else {
            Decision::Settled(Applied::Unchanged)
        });
    }
    if let Some(refusal) = refusal_of(look, recency, stored) {
        return Ok(Decision::Settled(refusal));
    }
    let applied =
        if is_end_only(look, stored, &booking) { Applied::Completed } else { Applied::Updated };
    let before = Some(stored.clone());
    Ok(Decision::Write(Box::new(Draft { booking, hash, recency, before, applied })))
}

/// Whether what was told of an appointment that nobody knows may be of before its deletion, of which
/// nothing was stored.
fn is_late(look: &Look) -> bool {
    let Evidence::Told(at) = look.evidence else { return false };
    look.read_at.duration_since(at) >= SignedDuration::try_from(LOOKS_APART).unwrap_or_default()
}

/// Why a state is not stored over another one, if it is not.
fn refusal_of(look: &Look, recency: Recency, stored: &StoredBooking) -> Option<Applied> {
    let has_version = recency.provider_version != 0;
    let is_gone = stored.booking.reason == Some(StatusReason::Deleted);
    // That it is gone was seen at a moment and has no version: a state of before may have a higher one.
    let is_of_before = is_gone && recency.read_at_ms <= stored.recency.read_at_ms;
    match look.evidence {
        // A delivery may be given again, and received, long after the deletion.
        Evidence::Told(_) if has_version && is_gone => Some(Applied::Doubtful),
        Evidence::Read | Evidence::ReadOnce if has_version && is_of_before => {
            Some(Applied::Superseded)
        }
        // Two clocks are compared only where they are far apart.
        Evidence::Told(_) if !has_version => {
            if recency.is_surely_read_after(stored.recency) {
                return None;
            }
            let is_older = stored.recency.is_surely_read_after(recency);
            Some(if is_older { Applied::Superseded } else { Applied::Doubtful })
        }
        // What was told a moment ago may be of after this read began, or not be there yet.
        Evidence::ReadOnce
            if (look.found.is_none() || !has_version)
                && !recency.is_surely_read_after(stored.recency) =>
        {
            Some(Applied::Doubtful)
        }
        Evidence::Read | Evidence::ReadOnce | Evidence::Told(_) => {
            (recency < stored.recency).then_some(Applied::Superseded)
        }
    }
}

/// Whether both are the same state by the provider's own word: nothing between them is on its way.
const fn is_of_one_version(recency: Recency, stored: &StoredBooking) -> bool {
    recency.provider_version != 0 && recency.provider_version == stored.recency.provider_version
}

/// That a provider has something no more comes without a version: it counts under the last one. What
/// was told is as recent as the delivery, however late it is worked on.
fn recency_of(look: &Look, stored: Option<&StoredBooking>) -> Recency {
    let provider_version = match &look.found {
        Some(remote) => remote.provider_version.unwrap_or_default(),
        None => stored.map(|stored| stored.recency.provider_version).unwrap_or_default(),
    };
    let at = match look.evidence {
        Evidence::Told(at) => at.min(look.read_at),
        Evidence::Read | Evidence::ReadOnce => look.read_at,
    };
    Recency { provider_version, read_at_ms: at.as_millisecond() }
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
