//! A row of Vagaro's: the members of an appointment or a customer that we read, as texts.
//!
//! The same names come in webhooks (docs.vagaro.com, "Appointment events" and "Customer events"), in
//! answers to reads, of which no public page shows the shape, and as the columns of exports. So a row
//! is read by its names alone: every member may be missing, a number, or something else. Case, blanks
//! and underscores of names don't matter. What is not named here is dropped while it is read.

use std::collections::BTreeMap;
use std::fmt;

use serde::de::{IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer};

/// As much of a text is read; nothing that we keep is longer.
const TEXT_MAX_BYTES: usize = 1_024;
/// The longest name of a member that is looked at.
const NAME_MAX_BYTES: usize = 64;

/// A member that is read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Member {
    AppointmentId,
    StartTime,
    EndTime,
    BookingStatus,
    EventType,
    ServiceId,
    ServiceTitle,
    ServiceProviderId,
    BusinessId,
    CalendarEventId,
    CustomerId,
    FirstName,
    LastName,
    Email,
    MobilePhone,
    DayPhone,
    NightPhone,
    CountryCode,
}

impl Member {
    /// Every member.
    pub const ALL: [Self; 18] = [
        Self::AppointmentId,
        Self::StartTime,
        Self::EndTime,
        Self::BookingStatus,
        Self::EventType,
        Self::ServiceId,
        Self::ServiceTitle,
        Self::ServiceProviderId,
        Self::BusinessId,
        Self::CalendarEventId,
        Self::CustomerId,
        Self::FirstName,
        Self::LastName,
        Self::Email,
        Self::MobilePhone,
        Self::DayPhone,
        Self::NightPhone,
        Self::CountryCode,
    ];

    /// The vendor's name.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::AppointmentId => "appointmentId",
            Self::StartTime => "startTime",
            Self::EndTime => "endTime",
            Self::BookingStatus => "bookingStatus",
            Self::EventType => "eventType",
            Self::ServiceId => "serviceId",
            Self::ServiceTitle => "serviceTitle",
            Self::ServiceProviderId => "serviceProviderId",
            Self::BusinessId => "businessId",
            Self::CalendarEventId => "calendarEventId",
            Self::CustomerId => "customerId",
            Self::FirstName => "customerFirstName",
            Self::LastName => "customerLastName",
            Self::Email => "email",
            Self::MobilePhone => "mobilePhone",
            Self::DayPhone => "dayPhone",
            Self::NightPhone => "nightPhone",
            Self::CountryCode => "countryCode",
        }
    }

    /// The member of that name, whatever its case, blanks and underscores.
    pub fn named(name: &str) -> Option<Self> {
        if name.len() > NAME_MAX_BYTES {
            return None;
        }
        let kept = name.chars().filter(|it| !it.is_whitespace() && *it != '_');
        let folded: String = kept.map(|it| it.to_ascii_lowercase()).collect();
        let is_it = |member: &Self| member.as_str().eq_ignore_ascii_case(&folded);
        Self::ALL.into_iter().find(is_it)
    }
}

/// The members that are there and hold a text or a number. It has no `Debug`: it is personal data.
#[derive(Clone, Default)]
pub struct Row(BTreeMap<Member, String>);

impl Row {
    /// The trimmed text of a member; `None` where it is not there or blank.
    pub fn text(&self, member: Member) -> Option<&str> {
        self.0.get(&member).map(|text| text.trim()).filter(|text| !text.is_empty())
    }

    /// Sets a member, whatever it was.
    pub fn set(&mut self, member: Member, text: &str) {
        let text = text.get(..text.floor_char_boundary(TEXT_MAX_BYTES)).unwrap_or_default();
        self.0.insert(member, text.to_owned());
    }
}

/// By hand, because a derived one fails on a member that comes twice or is of another kind, and one
/// such row would cost the whole answer.
impl<'de> Deserialize<'de> for Row {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(RowVisitor)
    }
}

struct RowVisitor;

impl<'de> Visitor<'de> for RowVisitor {
    type Value = Row;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("a row")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Row, A::Error> {
        let mut row = Row::default();
        while let Some(name) = map.next_key::<String>()? {
            match Member::named(&name) {
                None => drop(map.next_value::<IgnoredAny>()?),
                Some(member) => match map.next_value::<Text>()?.0 {
                    Some(text) => row.set(member, &text),
                    None => drop(row.0.remove(&member)),
                },
            }
        }
        Ok(row)
    }
}

/// A JSON value as a text, if it is one or a whole number.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Text(pub Option<String>);

impl<'de> Deserialize<'de> for Text {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(TextVisitor)
    }
}

struct TextVisitor;

impl<'de> Visitor<'de> for TextVisitor {
    type Value = Text;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("a JSON value")
    }

    fn visit_str<E>(self, text: &str) -> Result<Text, E> {
        let text = text.get(..text.floor_char_boundary(TEXT_MAX_BYTES)).unwrap_or_default();
        Ok(Text(Some(text.to_owned())))
    }

    fn visit_i64<E>(self, number: i64) -> Result<Text, E> {
        Ok(Text(Some(number.to_string())))
    }

    fn visit_u64<E>(self, number: u64) -> Result<Text, E> {
        Ok(Text(Some(number.to_string())))
    }

    fn visit_f64<E>(self, _number: f64) -> Result<Text, E> {
        Ok(Text(None))
    }

    fn visit_bool<E>(self, _flag: bool) -> Result<Text, E> {
        Ok(Text(None))
    }

    fn visit_unit<E>(self) -> Result<Text, E> {
        Ok(Text(None))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut sequence: A) -> Result<Text, A::Error> {
        while sequence.next_element::<IgnoredAny>()?.is_some() {}
        Ok(Text(None))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Text, A::Error> {
        while map.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {}
        Ok(Text(None))
    }
}

#[cfg(test)]
mod tests {
    use super::{Member, Row};

    fn row(json: &str) -> Row {
        serde_json::from_str(json).unwrap()
    }

    #[test]
    fn member_is_known_by_its_name_in_any_case_and_spacing() {
        for name in ["appointmentId", "AppointmentID", "appointment_id", " Appointment Id "] {
            assert_eq!(Member::named(name), Some(Member::AppointmentId), "{name}");
        }
        for member in Member::ALL {
            assert_eq!(Member::named(member.as_str()), Some(member));
        }
        for name in ["", "id", "appointment-id", "appointmentIds", &"a".repeat(100_000)] {
            assert_eq!(Member::named(name), None);
        }
    }

    #[test]
    fn row_is_read_in_spite_of_members_that_are_broken_repeated_or_unknown() {
        let row = row(r#"{"appointmentId": "a", "appointmentId": "b", "customerId": 12,
            "startTime": {"deep": [1]}, "endTime": [], "bookingStatus": null, "email": true,
            "serviceId": 1.5, "notes": [[{"a": "x"}]], "serviceTitle": "  ", "eventType": "Class",
            "EventType": null}"#);
        assert_eq!(row.text(Member::AppointmentId), Some("b"));
        assert_eq!(row.text(Member::CustomerId), Some("12"));
        for member in [
            Member::StartTime,
            Member::EndTime,
            Member::BookingStatus,
            Member::Email,
            Member::ServiceId,
            Member::ServiceTitle,
            Member::EventType,
        ] {
            assert_eq!(row.text(member), None, "{member:?}");
        }
        for json in ["null", "7", "[]", "\"x\""] {
            assert!(serde_json::from_str::<Row>(json).is_err(), "{json}");
        }
    }

    #[test]
    fn text_is_cut_at_a_character() {
        let row = row(&serde_json::json!({"serviceTitle": "ä".repeat(1_000)}).to_string());
        assert_eq!(row.text(Member::ServiceTitle).map(str::len), Some(1_024));
    }
}
