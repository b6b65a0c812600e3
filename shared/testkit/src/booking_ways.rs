//! Ways in which the provider of a [`ScriptedBookings`] differs from one that lists by date, reads one
//! appointment at a time, has no versions and tells ids alone.

use sync_domain::model::{BookingSnapshot, ExternalId, RemoteBooking};
use sync_domain::ports::{Clock, ProviderError, UnreadableBooking};

use crate::booking_account::{ScriptedBookings, State};

/// See the module.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Ways {
    pub(crate) has_versions: bool,
    pub(crate) tells_snapshots: bool,
    pub(crate) lists_by_date: bool,
    pub(crate) bookings_max: usize,
}

impl Default for Ways {
    fn default() -> Self {
        Self { has_versions: false, tells_snapshots: false, lists_by_date: true, bookings_max: 1 }
    }
}

impl ScriptedBookings {
    /// Each change of an appointment raises its version, from 1.
    #[must_use]
    pub const fn with_versions(mut self) -> Self {
        self.ways.has_versions = true;
        self
    }

    /// Webhooks tell an appointment in full, but for who booked.
    #[must_use]
    pub const fn with_snapshots(mut self) -> Self {
        self.ways.tells_snapshots = true;
        self
    }

    /// So many appointments are read, and people joined, by one request.
    #[must_use]
    pub const fn with_bookings_max(mut self, bookings_max: usize) -> Self {
        self.ways.bookings_max = bookings_max;
        self
    }

    /// There is no list by date: pages of a window hold nothing, and selections are read.
    #[must_use]
    pub const fn without_list(mut self) -> Self {
        self.ways.lists_by_date = false;
        self
    }

    /// What a delivery of this moment says of an appointment, if it is there. Without versions it says
    /// when it was so.
    pub fn snapshot(&self, id: &ExternalId) -> Option<BookingSnapshot> {
        let state = self.state();
        let appointment = state.appointments.get(id)?;
        let has_versions = self.ways.has_versions;
        Some(BookingSnapshot {
            starts_at: appointment.starts_at,
            ends_at: appointment.starts_at + appointment.duration,
            state: appointment.state,
            details: appointment.details.clone(),
            customer_id: customer_of(&state, id).map(|id| id.as_str().to_owned()),
            provider_version: has_versions.then(|| state.versions.get(id).copied()).flatten(),
            as_of: (!has_versions).then(|| self.clock.now()),
        })
    }

    /// The provider's id of who booked.
    pub fn customer_id(&self, id: &ExternalId) -> Option<ExternalId> {
        customer_of(&self.state(), id)
    }

    /// Lets it be impossible to find out who booked, or possible again.
    pub fn set_person_lost(&self, id: &ExternalId, is_lost: bool) {
        let mut state = self.state();
        if is_lost {
            state.lost_people.insert(id.clone());
        } else {
            state.lost_people.remove(id);
        }
    }

    /// Lets lists and reads give an appointment as it was before its last change, version and all, or
    /// again as it is.
    pub fn set_stale(&self, id: &ExternalId, is_stale: bool) {
        let mut state = self.state();
        if is_stale {
            state.stale.insert(id.clone());
        } else {
            state.stale.remove(id);
        }
    }

    /// Lets every read and joining fail that asks for this appointment.
    pub fn fail_always(&self, id: &ExternalId, error: ProviderError) {
        self.state().sick.insert(id.clone(), error);
    }

    /// Lets so many reads answer as if an appointment were not there.
    pub fn overlook(&self, id: &ExternalId, times: usize) {
        self.state().unseen.insert(id.clone(), times);
    }

    /// Lets the next joining of people fail, or the one after the faults that wait already.
    pub fn fail_told(&self, error: ProviderError) {
        self.state().told_faults.push_back(error);
    }

    /// How many told appointments each call was given to join with who booked.
    pub fn told_read(&self) -> Vec<usize> {
        self.state().told_read.clone()
    }

    /// An appointment as a list or a read gives it.
    pub(crate) fn read(
        &self,
        state: &State,
        id: &ExternalId,
    ) -> Option<Result<RemoteBooking, UnreadableBooking>> {
        let appointment = state.appointments.get(id)?;
        if state.unreadable.contains(id) {
            let external_id = Some(id.clone());
            return Some(Err(UnreadableBooking { external_id, field: "duration" }));
        }
        let now = (appointment, state.versions.get(id).copied().unwrap_or_default());
        let before = state.before.get(id).filter(|_| state.stale.contains(id));
        let (appointment, version) =
            before.map_or(now, |(appointment, version)| (appointment, *version));
        let mut remote = appointment.remote(id);
        remote.provider_version = self.ways.has_versions.then_some(version);
        if state.lost_people.contains(id) {
            remote.person = None;
        }
        Some(Ok(remote))
    }
}

pub(crate) fn customer_of(state: &State, id: &ExternalId) -> Option<ExternalId> {
    let email = state.appointments.get(id)?.person.email.as_ref()?;
    let place = state.customers.iter().position(|known| known == email)?;
    Some(ExternalId::new(format!("customer-{place}")))
}

/// Whether this answer says nothing of an appointment that is there.
pub(crate) fn is_overlooked(state: &mut State, id: &ExternalId) -> bool {
    let Some(times) = state.unseen.get_mut(id).filter(|times| **times > 0) else { return false };
    *times -= 1;
    true
}
