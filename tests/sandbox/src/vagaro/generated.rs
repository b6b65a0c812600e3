//! Orders for many appointments at once, with the members of Acuity's orders where Vagaro has the
//! like.

use jiff::civil::Date;
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp, ToSpan};
use serde::Deserialize;
use serde_json::{Value, json};

use super::appointment::{Appointment, CANCELLED, COMPLETED, NO_SHOW};
use super::customer::Customer;
use super::ids;
use super::members::Members;
use super::settings::locations;
use super::store::Draft;
use crate::accounts::Account;
use crate::people::person;

/// No order makes more than this.
const MOST_MADE: u64 = 1_000_000;
/// Made appointments begin between eight in the morning and eight in the evening.
const FIRST_HOUR: i64 = 8;
const OPEN_MINUTES: u64 = 12 * 60;
/// Made appointments were booked so long before they begin.
const BOOKED_BEFORE: SignedDuration = SignedDuration::from_hours(7 * 24);
const USUAL_ZONE: &str = "America/New_York";
const USUAL_MINUTES: u64 = 60;

/// An order. Without chances in it: the same order makes the same appointments.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Order {
    from_date: Date,
    days: u64,
    per_day: u64,
    /// Locations, in turn; absent means all.
    #[serde(default)]
    businesses: Vec<Value>,
    /// Service providers, in turn.
    #[serde(default = "first_provider")]
    calendars: Vec<Value>,
    /// Services, in turn.
    #[serde(default = "first_service")]
    appointment_types: Vec<Value>,
    /// The first of the ids, which are then plain numbers; absent means opaque ones.
    #[serde(default)]
    first_id: Option<u64>,
    /// Appointments that begin at one time with one provider, as a class has one for each attendee.
    #[serde(default = "one")]
    attendees: u64,
    /// Different customers; absent means one for each appointment.
    #[serde(default)]
    clients: Option<u64>,
    #[serde(default)]
    canceled_percent: u64,
    #[serde(default)]
    no_show_percent: u64,
    #[serde(default)]
    completed_percent: u64,
    /// Minutes.
    #[serde(default)]
    duration: Option<u64>,
    /// Whether they have filled-in forms.
    #[serde(default = "yes")]
    forms: bool,
}

const fn one() -> u64 {
    1
}

const fn yes() -> bool {
    true
}

fn first_provider() -> Vec<Value> {
    vec![json!("provider-1")]
}

fn first_service() -> Vec<Value> {
    vec![json!("service-1")]
}

fn in_turn(all: &[String], place: u64) -> Value {
    let count = u64::try_from(all.len()).unwrap_or(1).max(1);
    let one = usize::try_from(place % count).ok().and_then(|index| all.get(index));
    json!(one)
}

fn read_ids(name: &str, given: &[Value]) -> Result<Vec<String>, String> {
    let read: Vec<String> = given.iter().map(|id| ids::read(name, id)).collect::<Result<_, _>>()?;
    if read.is_empty() { Err(format!("`{name}` must not be empty")) } else { Ok(read) }
}

fn customer(id: String, number: u64, now: Timestamp) -> Result<Customer, String> {
    let person = person(number);
    let members = json!({
        "customerFirstName": person.first_name,
        "customerLastName": person.last_name,
        "email": person.email,
        "mobilePhone": person.phone,
        "countryCode": "US",
    });
    let mut made = Customer::new(id, now);
    made.set(members.as_object().unwrap_or(&Members::new()))?;
    Ok(made)
}

/// What the appointments of an order have in turn.
struct Offers {
    zone: TimeZone,
    businesses: Vec<String>,
    providers: Vec<String>,
    services: Vec<String>,
}

impl Order {
    /// Refuses what could not be made.
    pub fn check(&self) -> Result<(), String> {
        if self.attendees == 0 || self.clients == Some(0) || self.duration == Some(0) {
            return Err("`attendees`, `clients` and `duration` must be at least 1".to_owned());
        }
        if self.canceled_percent + self.no_show_percent + self.completed_percent > 100 {
            return Err("the percentages are over 100 together".to_owned());
        }
        let count = self.days.checked_mul(self.per_day);
        if !count.is_some_and(|count| (1..=MOST_MADE).contains(&count)) {
            return Err(format!("`days` times `per_day` must be between 1 and {MOST_MADE}"));
        }
        Ok(())
    }

    fn offers(&self, account: &Account) -> Result<Offers, String> {
        let name = account.time_zone.as_deref().unwrap_or(USUAL_ZONE);
        let of_account = || locations(account).into_iter().map(|location| location.id).collect();
        let businesses = if self.businesses.is_empty() {
            of_account()
        } else {
            read_ids("businesses", &self.businesses)?
        };
        Ok(Offers {
            zone: TimeZone::get(name).map_err(|_| format!("`{name}` is no IANA time zone"))?,
            businesses,
            providers: read_ids("calendars", &self.calendars)?,
            services: read_ids("appointment_types", &self.appointment_types)?,
        })
    }

    fn status(&self, number: u64) -> &'static str {
        let place = number * 37 % 100;
        let cancelled = self.no_show_percent + self.canceled_percent;
        if place < self.no_show_percent {
            NO_SHOW
        } else if place < cancelled {
            CANCELLED
        } else if place < cancelled + self.completed_percent {
            COMPLETED
        } else {
            "Accepted"
        }
    }

    fn start(&self, zone: &TimeZone, day: u64, slot: u64) -> Result<Timestamp, String> {
        let slots = self.per_day.div_ceil(self.attendees).max(1);
        let minute = i64::try_from(slot * OPEN_MINUTES / slots).unwrap_or_default();
        let days = i64::try_from(day).unwrap_or_default().days();
        let too_far = |_| "the days go too far".to_owned();
        let date = self.from_date.checked_add(days).map_err(too_far)?;
        let at = date.at(0, 0, 0, 0).checked_add((FIRST_HOUR * 60 + minute).minutes());
        let zoned = at.and_then(|at| at.to_zoned(zone.clone()));
        zoned.map(|zoned| zoned.timestamp()).map_err(too_far)
    }

    fn members(&self, offers: &Offers, number: u64) -> Result<Members, String> {
        let (day, slot) = (number / self.per_day, number % self.per_day / self.attendees);
        let start = self.start(&offers.zone, day, slot)?;
        let minutes = self.duration.unwrap_or(USUAL_MINUTES);
        let length = SignedDuration::from_mins(i64::try_from(minutes).unwrap_or(i64::MAX));
        let end = start.checked_add(length).map_err(|_| "`duration` is too long".to_owned())?;
        let provider_count = u64::try_from(offers.providers.len()).unwrap_or(1).max(1);
        let created = start.checked_sub(BOOKED_BEFORE).unwrap_or(start);
        let mut members = json!({
            "businessId": in_turn(&offers.businesses, slot),
            "serviceProviderId": in_turn(&offers.providers, slot),
            "serviceId": in_turn(&offers.services, slot / provider_count),
            "startTime": start.to_string(),
            "endTime": end.to_string(),
            "bookingStatus": self.status(number),
            "createdDate": created.to_string(),
            "modifiedDate": created.to_string(),
        });
        if self.attendees > 1 {
            members["eventType"] = json!("Class");
            members["calendarEventId"] = json!(format!("class-{day}-{slot}"));
        }
        if self.forms {
            members["formResponseIds"] = json!([format!("form-{number}")]);
        }
        Ok(members.as_object().cloned().unwrap_or_default())
    }

    /// Drafts them, and gives their ids.
    pub fn make(
        &self,
        draft: &mut Draft<'_>,
        account: &Account,
        now: Timestamp,
    ) -> Result<Vec<String>, String> {
        let offers = self.offers(account)?;
        let mut customers: Vec<String> = Vec::new();
        let made = (0..self.days * self.per_day).map(|number| {
            let customer_number = number % self.clients.unwrap_or(u64::MAX);
            let known = usize::try_from(customer_number).ok().and_then(|it| customers.get(it));
            let mut booker = match known.and_then(|id| draft.customer(id)) {
                Some(known) => known,
                None => {
                    let id = draft.draw_id("customer");
                    customers.push(id.clone());
                    customer(id, customer_number, now)?
                }
            };
            let id = match self.first_id {
                Some(first) => (first + number).to_string(),
                None => draft.draw_id("appointment"),
            };
            let members = self.members(&offers, number)?;
            let mut made = Appointment::new(id, &account.account, &members, now)?;
            (made.created, made.modified) = (made.created.min(now), made.modified.min(now));
            made.customer_id = Some(booker.id.clone());
            booker.belongs_to(&made.business_id);
            draft.put_customer(booker);
            let id = made.id.clone();
            draft.put_appointment(made);
            Ok(id)
        });
        made.collect()
    }
}
