//! The shape of Pipedrive's webhook bodies (version 2), read as leniently as can be.
//!
//! Numbers come as digits or as numbers, `data` and `previous` may be null, and members that are not
//! named here are skipped (pipedrive.readme.io, "Guide for Webhooks v2" and "Webhooks v2 migration
//! guide", read 2026-11-22; live types of `meta` from a recorded delivery of 2026-01-14).

use std::fmt;

use jiff::Timestamp;
use serde::de::{Deserialize, Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};

use super::webhook_members::{Meta, Previous, Record};

/// What may stand before JSON in UTF-8, though it should not.
const BYTE_ORDER_MARK: &[u8] = b"\xef\xbb\xbf";
/// A text that is longer is none of those that we look for.
const TEXT_MAX_BYTES: usize = 100;

/// A JSON value of which we need no more than this.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum Loose {
    /// Not there, or null.
    #[default]
    Nothing,
    /// True or false.
    Flag(bool),
    /// A whole number that is not negative.
    Number(u64),
    /// A short text.
    Text(String),
    /// Something else.
    Other,
}

impl Loose {
    /// An id: a positive number, or a text of its digits.
    pub fn id(&self) -> Option<u64> {
        let id = match self {
            Self::Number(number) => Some(*number),
            Self::Text(text) if text.bytes().all(|byte| byte.is_ascii_digit()) => text.parse().ok(),
            Self::Text(_) | Self::Nothing | Self::Flag(_) | Self::Other => None,
        };
        // No id of Pipedrive's needs more than a signed number of 64 bits.
        id.filter(|id| *id > 0 && i64::try_from(*id).is_ok())
    }

    /// A text.
    pub fn text(&self) -> Option<&str> {
        match self {
            Self::Text(text) => Some(text),
            Self::Nothing | Self::Flag(_) | Self::Number(_) | Self::Other => None,
        }
    }

    /// A moment: ISO 8601 with an offset, which is what comes, or the ten digits of Unix seconds,
    /// which is what the table of the documentation says.
    pub fn moment(&self) -> Option<Timestamp> {
        const TEN_DIGITS: std::ops::RangeInclusive<u64> = 1_000_000_000..=9_999_999_999;
        match self.text().filter(|text| text.contains('-')) {
            Some(text) => text.parse().ok(),
            None => {
                let seconds = self.id().filter(|seconds| TEN_DIGITS.contains(seconds))?;
                Timestamp::from_second(i64::try_from(seconds).ok()?).ok()
            }
        }
    }

    /// Whether anything stands there.
    pub const fn is_something(&self) -> bool {
        !matches!(self, Self::Nothing)
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

    fn visit_unit<E>(self) -> Result<Loose, E> {
        Ok(Loose::Nothing)
    }

    fn visit_bool<E>(self, value: bool) -> Result<Loose, E> {
        Ok(Loose::Flag(value))
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

    fn visit_seq<A: SeqAccess<'de>>(self, mut sequence: A) -> Result<Loose, A::Error> {
        while sequence.next_element::<IgnoredAny>()?.is_some() {}
        Ok(Loose::Other)
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Loose, A::Error> {
        while map.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {}
        Ok(Loose::Other)
    }
}

/// A delivery, the members that we read.
#[derive(Debug, Default, serde::Deserialize)]
#[serde(default)]
pub struct WireEvent {
    pub meta: Meta,
    pub data: Record,
    pub previous: Previous,
}

impl WireEvent {
    /// Reads a body; `None` when it is no object, or does not say what it is about. A list, by whose
    /// places the members could be read as well, is none.
    pub fn read(body: &[u8]) -> Option<Self> {
        let json = body.strip_prefix(BYTE_ORDER_MARK).unwrap_or(body);
        let is_object = json.trim_ascii_start().starts_with(b"{");
        let event: Self = is_object.then(|| serde_json::from_slice(json).ok())??;
        event.meta.is_there.then_some(event)
    }
}
