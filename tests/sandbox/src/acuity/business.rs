//! What an account's business is made of: its time zone, calendars and appointment types.

use std::collections::BTreeMap;

use jiff::tz::TimeZone;
use serde::Deserialize;
use serde_json::{Value, json};

use super::users::may_see;
use crate::accounts::{Account, User};

const DEFAULT_ZONE: &str = "America/New_York";

/// A calendar, which is a member of staff or a resource.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Calendar {
    /// Id.
    pub id: u64,
    /// Name.
    pub name: String,
    /// IANA name; absent means the account's zone.
    #[serde(default)]
    pub timezone: Option<String>,
    /// Whether it is listed no more, while appointments still name it.
    #[serde(default)]
    pub deleted: bool,
}

/// An appointment type.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct AppointmentType {
    /// Id.
    pub id: u64,
    /// Name.
    pub name: String,
    /// Minutes.
    #[serde(default = "an_hour_in_minutes")]
    pub duration: i64,
    /// Decimal text.
    #[serde(default = "no_price")]
    pub price: String,
    /// Category, may be empty.
    #[serde(default)]
    pub category: String,
    /// `service` or `class`.
    #[serde(default = "service", rename = "type")]
    pub kind: String,
    /// The calendars that offer it; absent means all.
    #[serde(default, rename = "calendarIDs")]
    pub calendar_ids: Option<Vec<u64>>,
    /// Whether it is listed no more, while appointments still name it.
    #[serde(default)]
    pub deleted: bool,
}

const fn an_hour_in_minutes() -> i64 {
    60
}

fn no_price() -> String {
    "0.00".to_owned()
}

fn service() -> String {
    "service".to_owned()
}

/// The order of appointments that begin at one time. The vendor promises none.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum EqualStarts {
    /// By rising id in both directions, so that one direction is not the other one reversed.
    #[default]
    ById,
    /// Another one in each answer.
    Shuffled,
}

/// A calendar with its zone found.
pub struct Desk {
    calendar: Calendar,
    /// Its zone.
    pub zone: TimeZone,
}

impl Desk {
    /// Name of the calendar.
    pub fn name(&self) -> &str {
        &self.calendar.name
    }
}

/// The business of one account.
pub struct Business {
    zone: TimeZone,
    desks: BTreeMap<u64, Desk>,
    types: BTreeMap<u64, AppointmentType>,
}

fn zone(name: &str) -> Result<TimeZone, String> {
    TimeZone::get(name).map_err(|_| format!("`{name}` is no IANA time zone"))
}

fn only_calendar() -> Vec<Calendar> {
    vec![Calendar { id: 1, name: "Calendar".to_owned(), timezone: None, deleted: false }]
}

fn only_type() -> Vec<AppointmentType> {
    vec![AppointmentType {
        id: 1,
        name: "Appointment".to_owned(),
        duration: an_hour_in_minutes(),
        price: no_price(),
        category: String::new(),
        kind: service(),
        calendar_ids: None,
        deleted: false,
    }]
}

impl Business {
    /// Reads it from the account's entry; refuses zones that don't exist.
    pub fn of(account: &Account) -> Result<Self, String> {
        let business_zone = zone(account.time_zone.as_deref().unwrap_or(DEFAULT_ZONE))?;
        let calendars = account.calendars.clone().unwrap_or_else(only_calendar);
        let types = account.appointment_types.clone().unwrap_or_else(only_type);
        if calendars.is_empty() || types.is_empty() {
            return Err("`calendars` and `appointment_types` must not be empty".to_owned());
        }
        let desk = |calendar: Calendar| {
            let own = calendar.timezone.as_deref().map(zone).transpose()?;
            let zone = own.unwrap_or_else(|| business_zone.clone());
            Ok((calendar.id, Desk { calendar, zone }))
        };
        let desks = calendars.into_iter().map(desk).collect::<Result<_, String>>()?;
        let types = types.into_iter().map(|one| (one.id, one)).collect();
        Ok(Self { zone: business_zone, desks, types })
    }

    /// The zone in which days begin and end.
    pub fn zone(&self) -> &TimeZone {
        &self.zone
    }

    /// A calendar, if the account's entry has it, deleted or not.
    pub fn desk(&self, calendar_id: u64) -> Option<&Desk> {
        self.desks.get(&calendar_id)
    }

    /// The zone of a calendar; of one that the entry doesn't have, the business's.
    pub fn zone_of(&self, calendar_id: u64) -> &TimeZone {
        self.desk(calendar_id).map_or(&self.zone, |desk| &desk.zone)
    }

    /// An appointment type, if the account's entry has it, deleted or not.
    pub fn appointment_type(&self, type_id: u64) -> Option<&AppointmentType> {
        self.types.get(&type_id)
    }

    /// Ids of the calendars that are listed.
    pub fn calendar_ids(&self) -> Vec<u64> {
        let listed = self.desks.values().filter(|desk| !desk.calendar.deleted);
        listed.map(|desk| desk.calendar.id).collect()
    }

    /// Ids of the appointment types that are listed.
    pub fn type_ids(&self) -> Vec<u64> {
        self.types.values().filter(|one| !one.deleted).map(|one| one.id).collect()
    }

    /// The answer of `GET /calendars`.
    pub fn calendars(&self, user: &User<'_>) -> Value {
        let listed = self.desks.values().filter(|desk| !desk.calendar.deleted);
        let seen = listed.filter(|desk| may_see(user, desk.calendar.id));
        let rendered = seen.map(|Desk { calendar, zone }| {
            json!({
                "id": calendar.id,
                "name": calendar.name,
                "email": "",
                "replyTo": "",
                "description": "",
                "location": "",
                "timezone": zone.iana_name(),
            })
        });
        rendered.collect()
    }

    /// The answer of `GET /appointment-types`.
    pub fn appointment_types(&self) -> Value {
        let listed = self.types.values().filter(|one| !one.deleted);
        let rendered = listed.map(|one| {
            let calendar_ids = one.calendar_ids.clone().unwrap_or_else(|| self.calendar_ids());
            json!({
                "id": one.id,
                "name": one.name,
                "active": true,
                "description": "",
                "duration": one.duration,
                "price": one.price,
                "category": one.category,
                "private": false,
                "type": one.kind,
                "calendarIDs": calendar_ids,
            })
        });
        rendered.collect()
    }
}
