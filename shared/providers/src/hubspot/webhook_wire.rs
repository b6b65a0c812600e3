//! The shape of HubSpot's webhook bodies, read as leniently as can be.
//!
//! Of an event only the members named here are ever decoded: the value of a changed property, which
//! is personal data, is skipped over and never in memory as a value.

use std::borrow::Cow;
use std::fmt;

use serde::de::{Deserialize, Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};

/// What may stand before JSON in UTF-8, though it should not.
const BYTE_ORDER_MARK: &[u8] = b"\xef\xbb\xbf";
/// A text that is longer is none of those that we look for.
const TEXT_MAX_BYTES: usize = 100;
/// The most elements of a list of ids that are read.
const LIST_MAX: usize = 100;

/// The text of a body. Bytes that are no UTF-8 are replaced: the signature was made over the bytes,
/// and no member that we read has such bytes.
pub fn text_of(body: &[u8]) -> Cow<'_, str> {
    String::from_utf8_lossy(body.strip_prefix(BYTE_ORDER_MARK).unwrap_or(body))
}

/// A JSON value that should be an id, a name or a list of ids.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum Loose {
    /// Not there, or something else.
    #[default]
    Other,
    /// A whole number that is not negative.
    Number(u64),
    /// A short text.
    Text(String),
    /// A list; the first hundred of it.
    List(Vec<Self>),
}

impl Loose {
    /// An id: a positive number, or a text of its digits.
    pub fn id(&self) -> Option<u64> {
        let id = match self {
            Self::Number(number) => Some(*number),
            Self::Text(text) if text.bytes().all(|byte| byte.is_ascii_digit()) => text.parse().ok(),
            Self::Text(_) | Self::List(_) | Self::Other => None,
        };
        // HubSpot's ids are signed numbers of 64 bits.
        id.filter(|id| *id > 0 && i64::try_from(*id).is_ok())
    }

    /// A text.
    pub fn text(&self) -> Option<&str> {
        match self {
            Self::Text(text) => Some(text),
            Self::Number(_) | Self::List(_) | Self::Other => None,
        }
    }

    /// What is in a list.
    pub fn list(&self) -> &[Self] {
        match self {
            Self::List(list) => list,
            Self::Number(_) | Self::Text(_) | Self::Other => &[],
        }
    }
}

impl<'de> Deserialize<'de> for Loose {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(LooseVisitor)
    }
}

struct LooseVisitor;

impl<'de> Visitor<'de> for LooseVisitor {
    type Value = Loose;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("any value")
    }

    fn visit_bool<E>(self, _value: bool) -> Result<Loose, E> {
        Ok(Loose::Other)
    }

    fn visit_i64<E>(self, _negative: i64) -> Result<Loose, E> {
        Ok(Loose::Other)
    }

    fn visit_u64<E>(self, value: u64) -> Result<Loose, E> {
        Ok(Loose::Number(value))
    }

    fn visit_f64<E>(self, _value: f64) -> Result<Loose, E> {
        Ok(Loose::Other)
    }

    fn visit_str<E>(self, value: &str) -> Result<Loose, E> {
        let is_short = value.len() <= TEXT_MAX_BYTES;
        Ok(if is_short { Loose::Text(value.to_owned()) } else { Loose::Other })
    }

    fn visit_unit<E>(self) -> Result<Loose, E> {
        Ok(Loose::Other)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut sequence: A) -> Result<Loose, A::Error> {
        let mut list = Vec::new();
        while list.len() < LIST_MAX {
            let Some(element) = sequence.next_element()? else { return Ok(Loose::List(list)) };
            list.push(element);
        }
        while sequence.next_element::<IgnoredAny>()?.is_some() {}
        Ok(Loose::List(list))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Loose, A::Error> {
        while map.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {}
        Ok(Loose::Other)
    }
}

/// One event, the members that we read.
#[derive(Debug, Default, serde::Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct WireEvent {
    pub portal_id: Loose,
    pub occurred_at: Loose,
    pub subscription_type: Loose,
    /// What HubSpot's tables call `subscriptionType`.
    pub event_type: Loose,
    pub object_id: Loose,
    pub object_type_id: Loose,
    pub property_name: Loose,
    pub primary_object_id: Loose,
    pub merged_object_ids: Loose,
    pub new_object_id: Loose,
    pub association_type: Loose,
    pub from_object_id: Loose,
    pub to_object_id: Loose,
    pub from_object_type_id: Loose,
    pub to_object_type_id: Loose,
}

/// Of an event that is not yet to be trusted: which account it claims to be about.
#[derive(Debug, Default, serde::Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Claim {
    pub portal_id: Loose,
}

#[cfg(test)]
mod tests {
    use super::{Loose, WireEvent, text_of};

    #[test]
    fn loose_takes_ids_as_numbers_and_as_digits_only() {
        let id = |json: &str| serde_json::from_str::<Loose>(json).unwrap().id();
        assert_eq!(id("17"), Some(17));
        assert_eq!(id("\"017\""), Some(17));
        for json in [
            "0",
            "-1",
            "1.5",
            "1e3",
            "\"\"",
            "\"1#2\"",
            "\"-1\"",
            "\" 1\"",
            "null",
            "true",
            "{}",
            "9223372036854775808",
            "[1]",
            "{\"a\":[{}]}",
        ] {
            assert_eq!(id(json), None, "{json}");
        }
    }

    #[test]
    fn event_is_read_in_spite_of_members_that_are_broken_or_unknown() {
        let json = r#"{"portalId":1,"objectId":{"deep":[1]},"propertyValue":"\ud800","new":[[]]}"#;
        let event: WireEvent = serde_json::from_str(json).unwrap();
        assert_eq!(event.portal_id.id(), Some(1));
        assert_eq!(event.object_id, Loose::Other);
    }

    #[test]
    fn text_of_a_body_leaves_the_byte_order_mark_out() {
        assert_eq!(text_of(b"\xef\xbb\xbf[]"), "[]");
        assert_eq!(text_of(b"[\"\xff\"]"), "[\"\u{fffd}\"]");
    }
}
