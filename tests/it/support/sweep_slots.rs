//! In which slot of the hour a test's tenant is swept. A planned sweep reaches every tenant of its slot,
//! so the slots that tests have planned are kept free of tenants that count sweeps of their own.

use jiff::Timestamp;
use jiff::tz::TimeZone;
use sync_domain::model::{System, TenantId};
use sync_domain::ports::sweep_slot;
use sync_domain::usecase::sweeping::slot_at;

use super::booking_system::BookingSystem;
use super::tenant::new_id;

/// The minutes of the event files `slot.json` of booking-sweep and crm-sweep.
const FILED_MINUTES: [i8; 2] = [2, 3];
/// The minutes at which a test has its one tenant of a booking system swept.
const PLANNED_MINUTES: [(BookingSystem, i8); 3] =
    [(BookingSystem::Acuity, 57), (BookingSystem::Square, 52), (BookingSystem::Vagaro, 47)];

fn at_minute(minute: i8) -> Timestamp {
    let now = Timestamp::now().to_zoned(TimeZone::UTC);
    now.with().minute(minute).build().unwrap().timestamp()
}

fn is_swept_at(minute: i8, id: &str, system: &str) -> bool {
    let (tenant, system) = (TenantId::parse(id).unwrap(), System::parse(system).unwrap());
    sweep_slot(&tenant, system) == slot_at(at_minute(minute))
}

/// The id of a new tenant that only sweeps of its own test reach.
pub fn unplanned_id(system: &str) -> String {
    let minutes = PLANNED_MINUTES.map(|(_, minute)| minute).into_iter().chain(FILED_MINUTES);
    let minutes: Vec<_> = minutes.collect();
    let is_unplanned = |id: &String| !minutes.iter().any(|minute| is_swept_at(*minute, id, system));
    std::iter::repeat_with(new_id).find(is_unplanned).unwrap()
}

/// The id of a new tenant, and when the schedule has it swept.
pub fn planned_id(system: BookingSystem) -> (String, Timestamp) {
    let (_, minute) = PLANNED_MINUTES.into_iter().find(|(it, _)| *it == system).unwrap();
    let name = system.provider().system;
    let id = std::iter::repeat_with(new_id).find(|id| is_swept_at(minute, id, name)).unwrap();
    (id, at_minute(minute))
}
