//! Appointments put in from outside as if they had long been there: given one by one in the
//! vendor's own shape, or made in great numbers by an order.

use jiff::civil::Date;
use jiff::{SignedDuration, Timestamp, ToSpan};
use serde::Deserialize;
use serde_json::{Value, json};

use super::appointment::{Appointment, Members};
use super::business::Business;
use super::store::Office;
use crate::people::person;

/// No order makes more than this.
const MOST_MADE: u64 = 1_000_000;
/// Made appointments begin between eight in the morning and eight in the evening.
const FIRST_HOUR: i64 = 8;
const OPEN_MINUTES: u64 = 12 * 60;
/// Made appointments were booked so long before they begin.
const BOOKED_BEFORE: SignedDuration = SignedDuration::from_hours(7 * 24);

/// Reads objects of the vendor's shape; all or none.
pub fn read(
    business: &Business,
    office: &Office,
    objects: &[Value],
    now: Timestamp,
) -> Result<Vec<Appointment>, String> {
    let mut next_id = office.next_id();
    let read = objects.iter().enumerate().map(|(index, object)| {
        let told = |reason: String| format!("objects[{index}]: {reason}");
        let members = object.as_object().ok_or_else(|| told("must be an object".to_owned()))?;
        let id = match members.get("id") {
            None => next_id,
            Some(id) => id.as_u64().ok_or_else(|| told("`id` must be a number".to_owned()))?,
        };
        next_id = next_id.max(id.saturating_add(1));
        Appointment::new(business, id, members, now).map_err(told)
    });
    read.collect()
}

/// An order for many appointments. Without chances in it: the same order makes the same ones.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Order {
    from_date: Date,
    days: u64,
    per_day: u64,
    #[serde(default)]
    calendars: Vec<u64>,
    #[serde(default)]
    appointment_types: Vec<u64>,
    #[serde(default)]
    first_id: Option<u64>,
    /// Rows that begin at one time on one calendar, as a class has one for each attendee.
    #[serde(default = "one")]
    attendees: u64,
    /// Different clients; absent means one for each appointment.
    #[serde(default)]
    clients: Option<u64>,
    #[serde(default)]
    canceled_percent: u64,
    #[serde(default)]
    no_show_percent: u64,
    #[serde(default)]
    duration: Option<u64>,
    #[serde(default = "yes")]
    forms: bool,
}

const fn one() -> u64 {
    1
}

const fn yes() -> bool {
    true
}

fn client(number: u64) -> Members {
    let person = person(number);
    let members = json!({
        "firstName": person.first_name,
        "lastName": person.last_name,
        "email": person.email,
        "phone": person.phone,
    });
    members.as_object().cloned().unwrap_or_default()
}

fn intake_form(number: u64) -> Value {
    json!([{ "id": 1, "name": "Intake", "values": [
        { "id": number + 1, "fieldID": 11, "name": "Allergies", "value": "none known" }] }])
}

impl Order {
    /// Refuses what could not be made.
    pub fn check(&self) -> Result<(), String> {
        if self.attendees == 0 || self.clients == Some(0) || self.duration == Some(0) {
            return Err("`attendees`, `clients` and `duration` must be at least 1".to_owned());
        }
        if self.canceled_percent + self.no_show_percent > 100 {
            return Err("`canceled_percent` and `no_show_percent` are over 100".to_owned());
        }
        let count = self.days.checked_mul(self.per_day);
        if !count.is_some_and(|count| (1..=MOST_MADE).contains(&count)) {
            return Err(format!("`days` times `per_day` must be between 1 and {MOST_MADE}"));
        }
        Ok(())
    }

    fn state(&self, number: u64, made: &mut Members) {
        let place = number * 37 % 100;
        if place < self.no_show_percent {
            made.insert("noShow".to_owned(), json!(true));
        } else if place < self.no_show_percent + self.canceled_percent {
            made.insert("canceled".to_owned(), json!(true));
        }
    }

    fn start(&self, business: &Business, day: u64, slot: u64) -> Result<Timestamp, String> {
        let slots = self.per_day.div_ceil(self.attendees).max(1);
        let minute = slot * OPEN_MINUTES / slots;
        let too_far = |_| "the days go too far".to_owned();
        let days = i64::try_from(day).unwrap_or_default().days();
        let date = self.from_date.checked_add(days).map_err(too_far)?;
        let minutes = i64::try_from(minute).unwrap_or_default();
        let at = date.at(0, 0, 0, 0).checked_add((FIRST_HOUR * 60 + minutes).minutes());
        let zoned = at.and_then(|at| at.to_zoned(business.zone().clone()));
        zoned.map(|zoned| zoned.timestamp()).map_err(too_far)
    }

    /// Makes them.
    pub fn make(
        &self,
        business: &Business,
        office: &Office,
        now: Timestamp,
    ) -> Result<Vec<Appointment>, String> {
        let or_listed = |ids: &[u64], listed: Vec<u64>| {
            if ids.is_empty() { listed } else { ids.to_vec() }
        };
        let calendars = or_listed(&self.calendars, business.calendar_ids());
        let types = or_listed(&self.appointment_types, business.type_ids());
        let of = |ids: &[u64], place: u64| {
            let count = u64::try_from(ids.len()).unwrap_or(1).max(1);
            usize::try_from(place % count).ok().and_then(|index| ids.get(index)).copied()
        };
        let calendar_count = u64::try_from(calendars.len()).unwrap_or(1).max(1);
        let first_id = self.first_id.unwrap_or_else(|| office.next_id());
        let made = (0..self.days * self.per_day).map(|number| {
            let (day, slot) = (number / self.per_day, number % self.per_day / self.attendees);
            let mut members = client(number % self.clients.unwrap_or(u64::MAX));
            members.insert("calendarID".to_owned(), json!(of(&calendars, slot)));
            let type_id = of(&types, slot / calendar_count);
            members.insert("appointmentTypeID".to_owned(), json!(type_id));
            let start = self.start(business, day, slot)?;
            members.insert("datetime".to_owned(), json!(start.to_string()));
            if let Some(duration) = self.duration {
                members.insert("duration".to_owned(), json!(duration));
            }
            if self.attendees > 1 {
                let class_id = first_id + number / self.per_day * self.per_day + slot;
                members.insert("classID".to_owned(), json!(class_id));
            }
            if self.forms {
                members.insert("forms".to_owned(), intake_form(number));
            }
            self.state(number, &mut members);
            let mut made = Appointment::new(business, first_id + number, &members, now)?;
            made.created = start.checked_sub(BOOKED_BEFORE).unwrap_or(now).min(now);
            Ok(made)
        });
        made.collect()
    }
}
