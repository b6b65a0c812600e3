//! What differs between booking systems for a test: how an account is set up and connected, the
//! vendor's shape of an appointment, and the words of a user's acts. Tests that hold for every booking
//! system go over [`BookingSystem::ALL`].

use jiff::{SignedDuration, Timestamp};
use serde_json::{Map, Value, json};

use super::tenant::Provider;

/// A booking system that the sandbox plays.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BookingSystem {
    Acuity,
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
    /// All of them.
    pub const ALL: [Self; 1] = [Self::Acuity];

    pub const fn provider(self) -> Provider {
        match self {
            Self::Acuity => Provider { kind: "booking", system: "acuity" },
        }
    }

    /// The account at the sandbox, but for its id.
    pub fn account(self, user_id: &str, key: &str) -> Value {
        match self {
            Self::Acuity => json!({
                "user_id": user_id, "api_key": key, "time_zone": "America/New_York",
                "calendars": [{"id": 1, "name": "Calendar 1"}, {"id": 2, "name": "Calendar 2"}, {"id": 3, "name": "Calendar 3"}],
                "appointment_types": [
                    {"id": 11, "name": "Haircut", "duration": 60},
                    {"id": 12, "name": "Yoga", "duration": 60, "type": "class"},
                ],
            }),
        }
    }

    /// What connects the account, but for the tenant.
    pub fn connection(self, user_id: &str, key: &str) -> Value {
        match self {
            Self::Acuity => json!({
                "auth": "api_key", "user_id": user_id, "api_key": key, "default_region": "US",
            }),
        }
    }

    /// An appointment in the vendor's shape.
    pub fn shaped(self, appointment: &Appointment) -> Value {
        match self {
            Self::Acuity => {
                let mut shaped = json!({
                    "id": appointment.id,
                    "datetime": appointment.starts_at.to_string(),
                    "duration": appointment.minutes,
                    "firstName": appointment.first_name,
                    "lastName": appointment.last_name,
                    "email": appointment.email,
                    "phone": appointment.phone,
                    "canceled": appointment.fate != Fate::Standing,
                    "noShow": appointment.fate == Fate::NoShow,
                });
                for (name, id) in [
                    ("calendarID", appointment.calendar),
                    ("appointmentTypeID", appointment.service),
                    ("classID", appointment.class),
                ] {
                    if let Some(id) = id {
                        shaped[name] = json!(id);
                    }
                }
                shaped
            }
        }
    }

    /// What of the vendor's object we keep, in our words and under our names.
    pub fn kept(self, object: &Value) -> Map<String, Value> {
        match self {
            Self::Acuity => {
                let text = |name: &str| object[name].as_str().unwrap_or_default().to_owned();
                let starts_at: Timestamp = text("datetime").parse().unwrap();
                let minutes = text("duration").parse().unwrap();
                let is_off = object["canceled"] == true;
                let reason = if object["noShow"] == true { "no_show" } else { "cancelled" };
                let kept = json!({
                    "external_id": object["id"].to_string(),
                    "start_time": starts_at.to_string(),
                    "end_time": (starts_at + SignedDuration::from_mins(minutes)).to_string(),
                    "is_cancelled": is_off,
                    "reason": if is_off { reason } else { "" },
                    "first_name": text("firstName"),
                    "last_name": text("lastName"),
                    "client_email": text("email").to_lowercase(),
                });
                kept.as_object().unwrap().clone()
            }
        }
    }

    /// The values by which a user of the vendor's interface moves an appointment.
    pub fn moved_to(self, starts_at: Timestamp) -> Value {
        match self {
            Self::Acuity => json!({ "datetime": starts_at.to_string() }),
        }
    }

    /// The values by which one gives a client another first name.
    pub fn renamed(self, first_name: &str) -> Value {
        match self {
            Self::Acuity => json!({ "firstName": first_name }),
        }
    }

    /// Where the provider lists appointments, as faults name it.
    pub const fn list_path(self) -> &'static str {
        match self {
            Self::Acuity => "/api/v1/appointments",
        }
    }

    /// The route of such a list, as the sandbox's record names it.
    pub const fn list_route(self) -> &'static str {
        match self {
            Self::Acuity => "GET /api/v1/appointments",
        }
    }
}
