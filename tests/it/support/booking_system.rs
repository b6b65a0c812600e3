//! What differs between booking systems for a test: how an account is set up and connected, the
//! vendor's shape of an appointment, and the words of a user's acts. Tests that hold for every booking
//! system are functions over [`BookingSystem`], run for each by `for_every_booking_system`.

use jiff::{SignedDuration, Timestamp};
use serde_json::{Map, Value, json};

use super::booking_shapes;
use super::tenant::Provider;

/// A booking system that the sandbox plays.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BookingSystem {
    Acuity,
    Square,
    Vagaro,
}

/// An appointment in a test's own words.
#[derive(Clone, Debug)]
pub struct Appointment {
    pub id: u64,
    pub starts_at: Timestamp,
    pub minutes: u64,
    pub first_name: String,
    pub last_name: String,
    pub email: String,
    pub phone: String,
    pub calendar: Option<u64>,
    pub service: Option<u64>,
    pub class: Option<u64>,
    pub fate: Fate,
}

/// What became of an appointment, as the provider has it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fate {
    Standing,
    Cancelled,
    NoShow,
}

impl Appointment {
    /// An hour of somebody without contact data.
    pub fn at(id: u64, starts_at: Timestamp) -> Self {
        Self {
            id,
            starts_at,
            minutes: 60,
            first_name: "Canaryfirst".to_owned(),
            last_name: "Canarylast".to_owned(),
            email: String::new(),
            phone: String::new(),
            calendar: None,
            service: None,
            class: None,
            fate: Fate::Standing,
        }
    }

    /// The same of somebody else.
    pub fn of(self, first_name: &str, last_name: &str, email: &str) -> Self {
        let email = email.to_owned();
        Self { first_name: first_name.to_owned(), last_name: last_name.to_owned(), email, ..self }
    }

    /// The same with another fate.
    pub fn fated(self, fate: Fate) -> Self {
        Self { fate, ..self }
    }
}

/// Noon, UTC, so many days from now: no test runs over it.
pub fn noon(days: i64) -> Timestamp {
    let today = Timestamp::now().to_zoned(jiff::tz::TimeZone::UTC).start_of_day().unwrap();
    today.timestamp() + SignedDuration::from_hours(24 * days + 12)
}

impl BookingSystem {
    pub const fn provider(self) -> Provider {
        let system = match self {
            Self::Acuity => "acuity",
            Self::Square => "square",
            Self::Vagaro => "vagaro",
        };
        Provider { kind: "booking", system }
    }

    /// Whether it lists what begins in a span of time, so that imports and sweeps find what is new.
    pub const fn lists_by_date(self) -> bool {
        match self {
            Self::Acuity | Self::Square => true,
            Self::Vagaro => false,
        }
    }

    /// Whether connecting registers a webhook of the account's.
    pub const fn registers_webhooks(self) -> bool {
        match self {
            Self::Acuity => true,
            Self::Square | Self::Vagaro => false,
        }
    }

    /// The act by which an appointment goes for good, and the reason that it then has.
    pub const fn withdrawn(self) -> (&'static str, &'static str) {
        match self {
            Self::Acuity | Self::Vagaro => ("delete", "deleted"),
            Self::Square => ("decline", "declined"),
        }
    }

    /// Whether deliveries only hint at a deletion, so that it is looked at twice.
    pub const fn confirms_deletions(self) -> bool {
        match self {
            Self::Acuity => true,
            Self::Square | Self::Vagaro => false,
        }
    }

    /// What an event of a cancellation names as changed.
    pub const fn changed_by_cancel(self) -> &'static [&'static str] {
        match self {
            Self::Acuity | Self::Vagaro => &["reason", "status"],
            Self::Square => &["cancelled_by", "reason", "status"],
        }
    }

    /// An appointment in the vendor's shape.
    pub fn shaped(self, appointment: &Appointment) -> Value {
        match self {
            Self::Acuity => booking_shapes::acuity(appointment),
            Self::Square => booking_shapes::square(appointment),
            Self::Vagaro => booking_shapes::vagaro(appointment),
        }
    }

    /// What of the vendor's object we keep, in our words and under our names; `customers` are the
    /// account's, where the object only names who booked.
    pub fn kept(self, object: &Value, customers: &[Value]) -> Map<String, Value> {
        let kept = match self {
            Self::Acuity => booking_shapes::kept_of_acuity(object),
            Self::Square => booking_shapes::kept_of_square(object, customers),
            Self::Vagaro => booking_shapes::kept_of_vagaro(object, customers),
        };
        kept.as_object().unwrap().clone()
    }

    /// The values by which a user of the vendor's interface moves an appointment of an hour.
    pub fn moved_to(self, starts_at: Timestamp) -> Value {
        match self {
            Self::Acuity => json!({ "datetime": starts_at.to_string() }),
            Self::Square => json!({ "start_at": starts_at.to_string() }),
            Self::Vagaro => json!({
                "startTime": starts_at.to_string(),
                "endTime": (starts_at + SignedDuration::from_hours(1)).to_string(),
            }),
        }
    }

    /// The values of a change that leaves an appointment where it is, and what an event names as
    /// changed.
    pub fn edited(self) -> (Value, &'static [&'static str]) {
        match self {
            Self::Acuity => (json!({ "firstName": "Canarynew" }), &["first_name"]),
            Self::Square => (json!({ "duration_minutes": 90 }), &["end_time"]),
            Self::Vagaro => (json!({ "serviceTitle": "Long Massage" }), &["service_name"]),
        }
    }

    /// Where the provider lists appointments, as faults name it.
    pub const fn list_path(self) -> &'static str {
        match self {
            Self::Acuity => "/api/v1/appointments",
            Self::Square => "/v2/bookings",
            Self::Vagaro => "/api/v2/appointments",
        }
    }

    /// The route of such a list, as the sandbox's record names it.
    pub const fn list_route(self) -> &'static str {
        match self {
            Self::Acuity => "GET /api/v1/appointments",
            Self::Square => "GET /v2/bookings",
            Self::Vagaro => "POST /api/v2/appointments",
        }
    }
}

/// Each test once for each booking system, so that none can be left out.
macro_rules! for_every_booking_system {
    ($($test:ident;)*) => {
        for_every_booking_system!(@of acuity, Acuity, $($test;)*);
        for_every_booking_system!(@of square, Square, $($test;)*);
        for_every_booking_system!(@of vagaro, Vagaro, $($test;)*);
    };
    (@of $name:ident, $system:ident, $($test:ident;)*) => {
        mod $name {
            use crate::support::booking_system::BookingSystem;
            $(
                #[tokio::test]
                async fn $test() {
                    super::$test(BookingSystem::$system).await;
                }
            )*
        }
    };
}
pub(crate) use for_every_booking_system;
