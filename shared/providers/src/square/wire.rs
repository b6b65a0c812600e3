//! Shapes of Square's JSON, as far as we read them.
//!
//! Members and their kinds: Square's published description of 2025-08-20 (`Booking`,
//! `AppointmentSegment`, `Customer`). Any of them may be null, missing or of another kind without a cost
//! to its neighbours. Notes, addresses, birthdays and who created a booking are dropped while they are
//! read.

use std::collections::{BTreeMap, BTreeSet};

use serde::de::{DeserializeOwned, IgnoredAny};
use serde::{Deserialize, Deserializer, Serialize};

use super::json::from_body;

/// What was expected, or nothing where nothing or something else came. It has no `Debug`: it may be
/// personal.
#[derive(Clone, PartialEq, Eq)]
pub struct Lenient<T>(Option<T>);

impl<T> Lenient<T> {
    /// The value, if it is of the kind.
    pub const fn get(&self) -> Option<&T> {
        self.0.as_ref()
    }

    /// The value itself.
    pub fn into_value(self) -> Option<T> {
        self.0
    }
}

impl Lenient<String> {
    /// The trimmed text; `None` where there is none or an empty one.
    pub fn text(&self) -> Option<&str> {
        self.0.as_deref().map(str::trim).filter(|text| !text.is_empty())
    }
}

impl<T> Default for Lenient<T> {
    fn default() -> Self {
        Self(None)
    }
}

#[derive(Deserialize)]
#[serde(untagged)]
enum Either<T> {
    Expected(T),
    Other(IgnoredAny),
}

impl<'de, T: DeserializeOwned> Deserialize<'de> for Lenient<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Ok(match Either::deserialize(deserializer)? {
            Either::Expected(value) => Self(Some(value)),
            Either::Other(IgnoredAny) => Self(None),
        })
    }
}

/// A whole number. Encoders of 64-bit numbers may write them as texts.
#[derive(Clone, PartialEq, Eq, Deserialize)]
#[serde(untagged)]
pub enum Whole {
    Number(u64),
    Digits(String),
}

impl Lenient<Whole> {
    /// The number; `None` for one below zero or with a fraction.
    pub fn number(&self) -> Option<u64> {
        match self.get()? {
            Whole::Number(number) => Some(*number),
            Whole::Digits(text) if text.bytes().all(|byte| byte.is_ascii_digit()) => {
                text.parse().ok()
            }
            Whole::Digits(_) => None,
        }
    }
}

/// An appointment. It has no `Debug`: it is personal data.
#[derive(Clone, Default, Deserialize)]
#[serde(default)]
pub struct Booking {
    pub id: Lenient<String>,
    pub version: Lenient<Whole>,
    pub status: Lenient<String>,
    pub updated_at: Lenient<String>,
    pub start_at: Lenient<String>,
    pub location_id: Lenient<String>,
    /// Null where nobody in particular booked.
    pub customer_id: Option<Lenient<String>>,
    pub appointment_segments: Lenient<Vec<Segment>>,
}

/// One service of an appointment.
#[derive(Clone, Default, Deserialize)]
#[serde(default)]
pub struct Segment {
    pub duration_minutes: Lenient<Whole>,
    /// The gap before the next segment. Null counts as none.
    pub intermission_minutes: Option<Lenient<Whole>>,
    pub service_variation_id: Lenient<String>,
    pub team_member_id: Lenient<String>,
}

/// A customer profile. It has no `Debug`: it is personal data.
#[derive(Clone, Default, Deserialize)]
#[serde(default)]
pub struct Customer {
    pub given_name: Lenient<String>,
    pub family_name: Lenient<String>,
    pub email_address: Lenient<String>,
    pub phone_number: Lenient<String>,
}

/// A page of `GET /v2/bookings`.
#[derive(Deserialize)]
pub struct BookingList {
    /// Left out where there are none.
    pub bookings: Option<Vec<Booking>>,
    pub cursor: Option<String>,
}

impl BookingList {
    /// The members of such an answer. One that has none of them and others instead is somebody else's.
    const MEMBERS: [&'static str; 3] = ["bookings", "cursor", "errors"];

    /// Reads an answer's body.
    pub fn read(body: &[u8]) -> Option<Self> {
        let list: Self = from_body(body).ok()?;
        if list.bookings.is_none() {
            let members: BTreeMap<String, IgnoredAny> = from_body(body).ok()?;
            let given: BTreeSet<_> = members.keys().map(String::as_str).collect();
            let is_squares = given.is_empty() || Self::MEMBERS.iter().any(|it| given.contains(it));
            is_squares.then_some(())?;
        }
        Some(list)
    }

    /// Where the next page begins.
    pub fn next_cursor(&self) -> Option<&str> {
        self.cursor.as_deref().filter(|cursor| !cursor.is_empty())
    }
}

/// `POST /v2/bookings/bulk-retrieve`.
#[derive(Serialize)]
pub struct BookingIds<'a> {
    pub booking_ids: Vec<&'a str>,
}

/// Its answer, by the id that was asked for.
#[derive(Deserialize)]
pub struct BookingsById {
    pub bookings: BTreeMap<String, BookingEntry>,
}

/// Either is there.
#[derive(Deserialize)]
pub struct BookingEntry {
    pub booking: Option<Booking>,
    #[serde(default)]
    pub errors: Lenient<Vec<VendorError>>,
}

/// `POST /v2/customers/bulk-retrieve`.
#[derive(Serialize)]
pub struct CustomerIds<'a> {
    pub customer_ids: &'a [&'a str],
}

/// Its answer, by the id that was asked for.
#[derive(Deserialize)]
pub struct CustomersById {
    pub responses: BTreeMap<String, CustomerEntry>,
}

/// Either is there.
#[derive(Deserialize)]
pub struct CustomerEntry {
    pub customer: Option<Customer>,
    #[serde(default)]
    pub errors: Lenient<Vec<VendorError>>,
}

/// The body of an error; also a member of answers that say success, where it is empty or missing.
#[derive(Default, Deserialize)]
#[serde(default)]
pub struct ErrorBody {
    pub errors: Lenient<Vec<VendorError>>,
}

impl Lenient<Vec<VendorError>> {
    /// The errors; none where there is no list of them.
    pub fn list(&self) -> &[VendorError] {
        self.get().map(Vec::as_slice).unwrap_or_default()
    }
}

/// One error. `detail` may quote what was sent and is not read.
#[derive(Default, Deserialize)]
#[serde(default)]
pub struct VendorError {
    pub category: Lenient<String>,
    pub code: Lenient<String>,
}

#[cfg(test)]
mod tests {
    use super::{Booking, BookingList};

    #[test]
    fn booking_is_read_in_spite_of_members_that_are_broken_null_or_unknown() {
        let json = r#"{"id": "b1", "version": "3", "start_at": 7, "status": null,
            "customer_note": "\ud800", "address": {"deep": [1]}, "location_id": ["x"],
            "appointment_segments": [{"duration_minutes": null, "intermission_minutes": null}]}"#;
        let booking: Booking = serde_json::from_str(json).unwrap();
        assert_eq!(booking.id.text(), Some("b1"));
        assert_eq!(booking.version.number(), Some(3));
        assert!(booking.start_at.text().is_none() && booking.location_id.text().is_none());
        let segments = booking.appointment_segments.get().unwrap();
        assert_eq!(segments[0].duration_minutes.number(), None);
        assert!(segments[0].intermission_minutes.is_none());
    }

    #[test]
    fn whole_number_is_taken_as_a_number_and_as_digits_only() {
        let number = |json: &str| {
            let json = format!(r#"{{"version": {json}}}"#);
            serde_json::from_str::<Booking>(&json).unwrap().version.number()
        };
        assert_eq!((number("60"), number("\"60\"")), (Some(60), Some(60)));
        for json in ["-1", "60.5", "\"\"", "\"-6\"", "\" 6\"", "null", "true", "[6]"] {
            assert_eq!(number(json), None, "{json}");
        }
    }

    #[test]
    fn list_without_bookings_is_squares_only_if_nothing_else_is_in_it() {
        let rows = |json: &str| {
            let list = BookingList::read(json.as_bytes())?;
            Some(list.bookings.unwrap_or_default().len())
        };
        for json in ["{}", "{\"errors\":[]}", "{\"cursor\":null}", "{\"bookings\":null,\"x\":1}"] {
            assert_eq!(rows(json), Some(0), "{json}");
        }
        assert_eq!(rows("{\"bookings\":[{}],\"more\":1}"), Some(1));
        for json in ["", "[]", "null", "{\"message\":\"hello\"}", "{\"bookings\":[null]}"] {
            assert_eq!(rows(json), None, "{json}");
        }
    }
}
