//! Shapes of Acuity's JSON, as far as we read them.
//!
//! The documented example of an appointment is of 2013 and lacks much that is seen today
//! (developers.acuityscheduling.com, "GET appointments"), so every member may be missing or of
//! another kind. Forms, notes, prices and links are dropped while they are read.

use std::fmt;

use serde::de::{IgnoredAny, MapAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize};

use super::scalar::Scalar;

/// The members of an appointment that we read.
#[derive(Deserialize)]
#[serde(field_identifier)]
enum Member {
    #[serde(rename = "id")]
    Id,
    #[serde(rename = "firstName")]
    FirstName,
    #[serde(rename = "lastName")]
    LastName,
    #[serde(rename = "phone")]
    Phone,
    #[serde(rename = "email")]
    Email,
    #[serde(rename = "datetime")]
    Datetime,
    #[serde(rename = "duration")]
    Duration,
    #[serde(rename = "type")]
    TypeName,
    #[serde(rename = "appointmentTypeID")]
    TypeId,
    #[serde(rename = "calendarID")]
    CalendarId,
    #[serde(rename = "classID")]
    ClassId,
    #[serde(rename = "timezone")]
    ClientZone,
    #[serde(rename = "calendarTimezone")]
    CalendarZone,
    #[serde(rename = "canceled")]
    Canceled,
    #[serde(rename = "noShow")]
    NoShow,
    #[serde(other)]
    Unread,
}

/// An appointment. It has no `Debug`: it is personal data.
#[derive(Clone, Default)]
pub struct Appointment {
    pub id: Scalar,
    pub first_name: Scalar,
    pub last_name: Scalar,
    pub phone: Scalar,
    pub email: Scalar,
    pub datetime: Scalar,
    pub duration: Scalar,
    pub type_name: Scalar,
    pub type_id: Scalar,
    pub calendar_id: Scalar,
    pub class_id: Scalar,
    pub client_zone: Scalar,
    pub calendar_zone: Scalar,
    pub canceled: Scalar,
    pub no_show: Scalar,
}

impl Appointment {
    fn slot(&mut self, member: &Member) -> Option<&mut Scalar> {
        Some(match member {
            Member::Id => &mut self.id,
            Member::FirstName => &mut self.first_name,
            Member::LastName => &mut self.last_name,
            Member::Phone => &mut self.phone,
            Member::Email => &mut self.email,
            Member::Datetime => &mut self.datetime,
            Member::Duration => &mut self.duration,
            Member::TypeName => &mut self.type_name,
            Member::TypeId => &mut self.type_id,
            Member::CalendarId => &mut self.calendar_id,
            Member::ClassId => &mut self.class_id,
            Member::ClientZone => &mut self.client_zone,
            Member::CalendarZone => &mut self.calendar_zone,
            Member::Canceled => &mut self.canceled,
            Member::NoShow => &mut self.no_show,
            Member::Unread => return None,
        })
    }
}

/// By hand, because a derived one fails on a member that comes twice, and one such row would cost the
/// whole answer.
impl<'de> Deserialize<'de> for Appointment {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(AppointmentVisitor)
    }
}

struct AppointmentVisitor;

impl<'de> Visitor<'de> for AppointmentVisitor {
    type Value = Appointment;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("an appointment")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Appointment, A::Error> {
        let mut appointment = Appointment::default();
        while let Some(member) = map.next_key::<Member>()? {
            match appointment.slot(&member) {
                Some(slot) => *slot = map.next_value()?,
                None => drop(map.next_value::<IgnoredAny>()?),
            }
        }
        Ok(appointment)
    }
}

/// An entry of a list of which only the id counts: calendars, appointment types.
#[derive(Deserialize)]
pub struct Listed {
    #[serde(default)]
    pub id: Scalar,
}

/// The account of the credentials. Only `id` is known for sure ("GET me" of public integrations).
#[derive(Deserialize)]
#[serde(default)]
#[derive(Default)]
pub struct Me {
    pub id: Scalar,
    pub timezone: Scalar,
}

/// A webhook that was made by a call (developers.acuityscheduling.com, "Webhooks").
#[derive(Deserialize, Default)]
#[serde(default)]
pub struct Hook {
    pub id: Scalar,
    pub event: Scalar,
    pub target: Scalar,
    pub status: Scalar,
}

/// A webhook to be made.
#[derive(Serialize)]
pub struct NewHook<'a> {
    pub event: &'a str,
    pub target: &'a str,
}

#[cfg(test)]
mod tests {
    use super::{Appointment, Scalar};

    #[test]
    fn appointment_is_read_in_spite_of_members_that_are_broken_repeated_or_unknown() {
        let json = r#"{"id": 1, "id": 2, "firstName": {"deep": [1]}, "forms": [[{"a": "\ud800"}]],
            "labels": null, "duration": [], "phone": 491}"#;
        let appointment: Appointment = serde_json::from_str(json).unwrap();
        assert_eq!(appointment.id.number(), Some(2));
        assert!(appointment.first_name == Scalar::Other && appointment.duration == Scalar::Other);
        for json in ["null", "7", "[]", "\"x\""] {
            assert!(serde_json::from_str::<Appointment>(json).is_err(), "{json}");
        }
    }
}
