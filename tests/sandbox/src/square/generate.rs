//! Bookings made in great numbers by an order, spread over a seller's days. The order's members are
//! those that Acuity's takes, so that one test can drive both.

use jiff::civil::Date;
use jiff::{SignedDuration, Timestamp, ToSpan};
use serde::Deserialize;
use serde_json::{Value, json};

use super::booking::Booking;
use super::customer::{Customer, Members, id_text};
use super::intake::Read;
use super::seller::Seller;
use super::store::Shop;

/// No order makes more than this.
const MOST_MADE: u64 = 1_000_000;
/// Made bookings begin between eight in the morning and eight in the evening.
const FIRST_HOUR: i64 = 8;
const OPEN_MINUTES: u64 = 12 * 60;
/// Made bookings were booked so long before they begin.
const BOOKED_BEFORE: SignedDuration = SignedDuration::from_hours(7 * 24);
const LONGEST_ID: usize = 36;

/// An order for many bookings. Without chances in it: the same order makes the same ones.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Order {
    from_date: Date,
    days: u64,
    per_day: u64,
    /// Team members, in turn.
    #[serde(default, alias = "calendars")]
    team_members: Vec<Value>,
    /// Services, in turn.
    #[serde(default, alias = "appointment_types")]
    services: Vec<Value>,
    /// Ids count up from here; absent means ids that look like the vendor's.
    #[serde(default)]
    first_id: Option<u64>,
    /// Bookings that begin at one time with one team member.
    #[serde(default = "one")]
    attendees: u64,
    /// Different customers; absent means one for each booking.
    #[serde(default)]
    clients: Option<u64>,
    #[serde(default)]
    canceled_percent: u64,
    #[serde(default)]
    no_show_percent: u64,
    #[serde(default)]
    duration: Option<u64>,
    /// Acuity's intake forms, which Square doesn't have.
    #[serde(default, rename = "forms")]
    _forms: bool,
}

const fn one() -> u64 {
    1
}

const FIRST_NAMES: [&str; 12] = [
    "Ada", "Bruno", "Carla", "Dario", "Edda", "Farid", "Greta", "Hugo", "Ines", "Jonas", "Kira",
    "Luis",
];
const SYLLABLES: [&str; 16] = [
    "ba", "de", "fi", "go", "ku", "la", "me", "ni", "po", "ru", "sa", "te", "vi", "wo", "za", "lo",
];

/// A name of its own for each number, so that customers are as unlike as people are.
fn last_name(number: u64) -> String {
    let syllable = |place: u32| {
        let index = usize::try_from(number / 16_u64.pow(place) % 16).unwrap_or_default();
        SYLLABLES.get(index).copied().unwrap_or_default()
    };
    let name: String = (0..4).map(syllable).collect();
    let first = name.chars().next().map(|first| first.to_ascii_uppercase());
    first.into_iter().chain(name.chars().skip(1)).collect()
}

fn client(number: u64) -> Members {
    let first_name = FIRST_NAMES.get(usize::try_from(number % 12).unwrap_or_default());
    let members = json!({
        "given_name": first_name,
        "family_name": last_name(number),
        "email_address": format!("client{number}@example.com"),
        "phone_number": format!("+1212{:03}{:04}", 200 + number / 10_000 % 800, number % 10_000),
    });
    members.as_object().cloned().unwrap_or_default()
}

/// The one whose turn it is.
fn turn(ids: &[String], place: u64) -> Option<&String> {
    let count = u64::try_from(ids.len()).unwrap_or(1).max(1);
    usize::try_from(place % count).ok().and_then(|index| ids.get(index))
}

fn ids(name: &str, given: &[Value], known: Vec<String>) -> Result<Vec<String>, String> {
    let ids: Vec<String> =
        given.iter().map(|id| id_text(name, id, LONGEST_ID)).collect::<Result<_, _>>()?;
    Ok(if ids.is_empty() { known } else { ids })
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

    fn status(&self, number: u64) -> &'static str {
        let place = number * 37 % 100;
        if place < self.no_show_percent {
            "NO_SHOW"
        } else if place >= self.no_show_percent + self.canceled_percent {
            "ACCEPTED"
        } else if number.is_multiple_of(2) {
            "CANCELLED_BY_CUSTOMER"
        } else {
            "CANCELLED_BY_SELLER"
        }
    }

    fn start(&self, seller: &Seller<'_>, day: u64, slot: u64) -> Result<Timestamp, String> {
        let slots = self.per_day.div_ceil(self.attendees).max(1);
        let minute = i64::try_from(slot * OPEN_MINUTES / slots).unwrap_or_default();
        let too_far = |_| "the days go too far".to_owned();
        let days = i64::try_from(day).unwrap_or_default().days();
        let date = self.from_date.checked_add(days).map_err(too_far)?;
        let at = date.at(0, 0, 0, 0).checked_add((FIRST_HOUR * 60 + minute).minutes());
        let zoned = at.and_then(|at| at.to_zoned(seller.zone.clone()));
        zoned.map(|zoned| zoned.timestamp()).map_err(too_far)
    }

    /// Makes them and who booked them.
    pub fn make(
        &self,
        seller: &Seller<'_>,
        shop: &mut Shop,
        now: Timestamp,
    ) -> Result<Read, String> {
        let known = seller.entry.services.iter().map(|service| service.id.clone()).collect();
        let services = ids("services", &self.services, known)?;
        let team = ids("team_members", &self.team_members, seller.entry.team_members.clone())?;
        let team_size = u64::try_from(team.len()).unwrap_or(1).max(1);
        let count = self.days * self.per_day;
        let mut made = Read::default();
        for number in 0..count.min(self.clients.unwrap_or(count)) {
            made.customers.push(Customer::new(client_id(number), &client(number), now)?);
        }
        for number in 0..count {
            let (day, slot) = (number / self.per_day, number % self.per_day / self.attendees);
            let start = self.start(seller, day, slot)?;
            let id = match self.first_id {
                Some(first_id) => first_id.saturating_add(number).to_string(),
                None => shop.draw_id(),
            };
            let mut members = Members::new();
            let mut say = |name: &str, value: Value| drop(members.insert(name.to_owned(), value));
            say("start_at", json!(start.to_string()));
            say("status", json!(self.status(number)));
            say("customer_id", json!(client_id(number % self.clients.unwrap_or(u64::MAX))));
            say("team_member_id", json!(turn(&team, slot)));
            say("service_variation_id", json!(turn(&services, slot / team_size)));
            if let Some(duration) = self.duration {
                say("duration_minutes", json!(duration));
            }
            let booking = Booking::new(seller, id, &members, now)?;
            let booked_at = start.checked_sub(BOOKED_BEFORE).unwrap_or(now).min(now);
            made.bookings.push(booking.made_at(booked_at));
        }
        Ok(made)
    }
}

fn client_id(number: u64) -> String {
    format!("CLIENT{number}")
}
