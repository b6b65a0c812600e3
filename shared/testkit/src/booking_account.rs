//! A booking system's account in memory in which people book, move, cancel and delete while it is
//! read.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use sync_domain::gate::RateLimit;
use sync_domain::model::{
    BookingChange, CorrelationId, Details, ExternalId, Person, RemoteBooking, RemoteState, System,
    TenantId,
};
use sync_domain::ports::{Clock, PageError, ProviderError};

use crate::ManualClock;
use crate::booking_ways::Ways;

/// An appointment in the account.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Appointment {
    /// When it begins.
    pub starts_at: Timestamp,
    /// How long it takes.
    pub duration: SignedDuration,
    /// Its fate.
    pub state: RemoteState,
    /// Who booked.
    pub person: Person,
    /// What else is kept.
    pub details: Details,
}

impl Appointment {
    /// As a reader without versions gives it.
    pub fn remote(&self, id: &ExternalId) -> RemoteBooking {
        RemoteBooking {
            external_id: id.clone(),
            starts_at: self.starts_at,
            ends_at: self.starts_at + self.duration,
            state: self.state,
            person: Some(self.person.clone()),
            details: self.details.clone(),
            provider_version: None,
        }
    }
}

#[derive(Debug, Default)]
pub(crate) struct State {
    pub(crate) appointments: BTreeMap<ExternalId, Appointment>,
    pub(crate) unreadable: BTreeSet<ExternalId>,
    /// How often each appointment was changed.
    pub(crate) versions: BTreeMap<ExternalId, i64>,
    /// Each as it was before its last change.
    pub(crate) before: BTreeMap<ExternalId, (Appointment, i64)>,
    /// Who booked, also of what was deleted since.
    pub(crate) people: BTreeMap<ExternalId, Person>,
    pub(crate) stale: BTreeSet<ExternalId>,
    pub(crate) lost_people: BTreeSet<ExternalId>,
    /// Everybody who has ever booked, by email; the place is the provider's id of them.
    pub(crate) customers: Vec<String>,
    next_id: u64,
    page_faults: VecDeque<Option<PageError>>,
    booking_faults: VecDeque<Option<ProviderError>>,
    /// What reads that ask for an appointment end in, as long as it is here.
    pub(crate) sick: BTreeMap<ExternalId, ProviderError>,
    /// How often an appointment is still answered as if it were not there.
    pub(crate) unseen: BTreeMap<ExternalId, usize>,
    pub(crate) told_faults: VecDeque<ProviderError>,
    pub(crate) pages_read: u32,
    pub(crate) bookings_read: Vec<ExternalId>,
    pub(crate) told_read: Vec<usize>,
    pub(crate) in_flight: usize,
    pub(crate) in_flight_max: usize,
    random: Dice,
}

/// Always the same draws, so that a seed of the scheduler decides alone.
#[derive(Debug)]
struct Dice(fastrand::Rng);

impl Default for Dice {
    fn default() -> Self {
        Self(fastrand::Rng::with_seed(7))
    }
}

impl State {
    /// Notes that an appointment is as it is from now on.
    fn touch(&mut self, id: &ExternalId, before: Option<Appointment>) {
        let version = self.versions.entry(id.clone()).or_default();
        if let Some(before) = before {
            self.before.insert(id.clone(), (before, *version));
        }
        *version += 1;
        let Some(now) = self.appointments.get(id) else { return };
        self.people.insert(id.clone(), now.person.clone());
        if let Some(email) = now.person.email.clone()
            && !self.customers.contains(&email)
        {
            self.customers.push(email);
        }
    }
}

/// One tenant's account; its reader answers for that account alone.
///
/// A window is read in parts of a week, each in two pages: appointments with even ids, then those
/// with odd ones. A part is complete with its second page. `booking_ways` has the ways in which
/// a provider may be unlike this.
#[derive(Debug)]
pub struct ScriptedBookings {
    tenant: TenantId,
    pub(crate) connected_as: String,
    pub(crate) clock: Arc<ManualClock>,
    pub(crate) ways: Ways,
    slowness: usize,
    pub(crate) rate_limit: RateLimit,
    /// How long a page takes.
    pub(crate) page_time: Duration,
    /// How long a read of single appointments takes.
    pub(crate) booking_time: Duration,
    state: Mutex<State>,
}

impl ScriptedBookings {
    /// The account of a tenant.
    pub fn new(tenant: &TenantId, clock: Arc<ManualClock>) -> Self {
        Self {
            tenant: tenant.clone(),
            connected_as: format!("account-of-{tenant}"),
            clock,
            ways: Ways::default(),
            slowness: 2,
            rate_limit: RateLimit { max: 10_000, window: Duration::from_secs(1) },
            page_time: Duration::ZERO,
            booking_time: Duration::ZERO,
            state: Mutex::default(),
        }
    }

    /// Answers that others overtake: a call gives way up to so often after it was carried out.
    #[must_use]
    pub const fn with_slowness(mut self, slowness: usize) -> Self {
        self.slowness = slowness;
        self
    }

    /// With this limit in place of one that is out of the way.
    #[must_use]
    pub const fn with_rate_limit(mut self, rate_limit: RateLimit) -> Self {
        self.rate_limit = rate_limit;
        self
    }

    /// Pages that take so long.
    #[must_use]
    pub const fn with_page_time(mut self, page_time: Duration) -> Self {
        self.page_time = page_time;
        self
    }

    /// Reads by ids that take so long.
    #[must_use]
    pub const fn with_booking_time(mut self, booking_time: Duration) -> Self {
        self.booking_time = booking_time;
        self
    }

    /// The account as webhooks name it.
    pub fn hook_account(&self) -> String {
        format!("hook-of-{}", self.tenant)
    }

    /// Everything that is in the account.
    pub fn appointments(&self) -> BTreeMap<ExternalId, Appointment> {
        self.state().appointments.clone()
    }

    /// Books. Ids are numbers.
    pub fn book(&self, appointment: Appointment) -> ExternalId {
        self.clock.advance(Duration::from_millis(1));
        let mut state = self.state();
        state.next_id += 1;
        let id = ExternalId::new(state.next_id.to_string());
        state.appointments.insert(id.clone(), appointment);
        state.touch(&id, None);
        id
    }

    /// Changes an appointment, if it is there.
    pub fn edit(&self, id: &ExternalId, edit: impl FnOnce(&mut Appointment)) {
        self.clock.advance(Duration::from_millis(1));
        let mut state = self.state();
        if let Some(appointment) = state.appointments.get_mut(id) {
            let before = appointment.clone();
            edit(appointment);
            state.touch(id, Some(before));
        }
    }

    /// Removes an appointment for good.
    pub fn delete(&self, id: &ExternalId) {
        self.clock.advance(Duration::from_millis(1));
        self.state().appointments.remove(id);
    }

    /// What the account tells of an appointment that somebody touched; with a snapshot as of now, if
    /// that is its way and the appointment is there.
    pub fn change(&self, id: &ExternalId) -> BookingChange {
        BookingChange {
            tenant: self.tenant.clone(),
            system: System::Acuity,
            account_id: self.hook_account(),
            external_id: id.clone(),
            received_at: self.clock.now(),
            missing_since: None,
            snapshot: self.ways.tells_snapshots.then(|| self.snapshot(id)).flatten(),
            correlation_id: CorrelationId::unknown(),
        }
    }

    /// Lets an appointment come in a shape that can't be read, or again in one that can.
    pub fn set_unreadable(&self, id: &ExternalId, is_unreadable: bool) {
        let mut state = self.state();
        if is_unreadable {
            state.unreadable.insert(id.clone());
        } else {
            state.unreadable.remove(id);
        }
    }

    /// Lets a page fail, after so many that don't.
    pub fn fail_page(&self, after: usize, error: PageError) {
        let mut state = self.state();
        state.page_faults.extend(std::iter::repeat_with(|| None).take(after));
        state.page_faults.push_back(Some(error));
    }

    /// Lets the next read of one appointment fail, or the one after the faults that wait already.
    pub fn fail_booking(&self, error: ProviderError) {
        self.fail_booking_after(0, error);
    }

    /// The same, after so many reads that don't fail.
    pub fn fail_booking_after(&self, after: usize, error: ProviderError) {
        let mut state = self.state();
        state.booking_faults.extend(std::iter::repeat_with(|| None).take(after));
        state.booking_faults.push_back(Some(error));
    }

    /// Pages that were asked for so far.
    pub fn pages_read(&self) -> u32 {
        self.state().pages_read
    }

    /// The appointments that were read one by one so far.
    pub fn bookings_read(&self) -> Vec<ExternalId> {
        self.state().bookings_read.clone()
    }

    /// The most reads of single appointments that were in flight at once.
    pub fn in_flight_max(&self) -> usize {
        self.state().in_flight_max
    }

    pub(crate) fn page_fault(&self) -> Option<PageError> {
        let mut state = self.state();
        state.pages_read += 1;
        state.page_faults.pop_front().flatten()
    }

    pub(crate) fn booking_fault(&self, ids: &[ExternalId]) -> Option<ProviderError> {
        let mut state = self.state();
        let fault = state.booking_faults.pop_front().flatten();
        fault.or_else(|| ids.iter().find_map(|id| state.sick.get(id).cloned()))
    }

    pub(crate) async fn dawdle(&self) {
        let times = self.state().random.0.usize(0..=self.slowness);
        for _time in 0..times {
            tokio::task::yield_now().await;
        }
    }

    pub(crate) fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
