//! The shape of Pipedrive's webhook bodies (version 2), read as leniently as can be.
//!
//! Numbers come as digits or as numbers, `data` and `previous` may be null, and members that are not
//! named here are skipped. Of a record's values none is ever decoded: of `previous` only the names are
//! read, of `data` only whether a link is there (pipedrive.readme.io, "Guide for Webhooks v2" and
//! "Webhooks v2 migration guide", read 2026-11-22; live types of `meta` from a recorded delivery of
//! 2026-01-14).

use std::fmt;

use jiff::Timestamp;
use serde::de::{Deserialize, Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};

/// What may stand before JSON in UTF-8, though it should not.
const BYTE_ORDER_MARK: &[u8] = b"\xef\xbb\xbf";
/// A text that is longer is none of those that we look for.
const TEXT_MAX_BYTES: usize = 100;
/// The most names of changed properties that are read of one event.
const NAMES_MAX: usize = 200;
/// Holds the values of the fields that an account has added, by their 40-digit keys.
const CUSTOM_FIELDS: &str = "custom_fields";

/// The JSON of a body.
pub fn json_of(body: &[u8]) -> &[u8] {
    body.strip_prefix(BYTE_ORDER_MARK).unwrap_or(body)
}

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

    const fn is_something(&self) -> bool {
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
#[derive(Debug, serde::Deserialize)]
pub struct WireEvent {
    pub meta: Meta,
    #[serde(default)]
    pub data: Record,
    #[serde(default)]
    pub previous: Previous,
}

/// What a delivery says of itself.
#[derive(Debug, Default, serde::Deserialize)]
#[serde(default)]
pub struct Meta {
    pub version: Loose,
    pub action: Loose,
    pub entity: Loose,
    pub entity_id: Loose,
    pub company_id: Loose,
    pub webhook_id: Loose,
    pub timestamp: Loose,
    pub merged_to_id: Loose,
    pub merged_from_id: Loose,
}

/// The record as it is now, or null after it was deleted; of its members only these.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Record {
    /// Whether it is there.
    pub is_there: bool,
    /// Whether it names an organization.
    pub has_organization: bool,
    /// Whether it names a person.
    pub has_person: bool,
    /// Whether it says that it lies in the recycling bin.
    pub is_deleted: bool,
}

impl<'de> Deserialize<'de> for Record {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(MembersVisitor(Self::default()))
    }
}

/// The names of the members that had another value before.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Previous {
    /// `None` where it is not told.
    pub names: Option<Vec<String>>,
}

impl<'de> Deserialize<'de> for Previous {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(MembersVisitor(Self::default()))
    }
}

/// What is made of an object's members, and of anything that is no object.
trait Members: Default {
    fn open(&mut self);

    fn take<'de, A: MapAccess<'de>>(&mut self, name: &str, map: &mut A) -> Result<(), A::Error>;
}

impl Members for Record {
    fn open(&mut self) {
        self.is_there = true;
    }

    fn take<'de, A: MapAccess<'de>>(&mut self, name: &str, map: &mut A) -> Result<(), A::Error> {
        match name {
            "org_id" => self.has_organization = map.next_value::<Loose>()?.is_something(),
            "person_id" => self.has_person = map.next_value::<Loose>()?.is_something(),
            "is_deleted" => self.is_deleted = map.next_value::<Loose>()? == Loose::Flag(true),
            _ => drop(map.next_value::<IgnoredAny>()?),
        }
        Ok(())
    }
}

impl Members for Previous {
    fn open(&mut self) {
        self.names = Some(Vec::new());
    }

    fn take<'de, A: MapAccess<'de>>(&mut self, name: &str, map: &mut A) -> Result<(), A::Error> {
        let inner = if name == CUSTOM_FIELDS {
            map.next_value::<Names>()?.0
        } else {
            map.next_value::<IgnoredAny>()?;
            None
        };
        let names = self.names.get_or_insert_default();
        names.extend(inner.unwrap_or_else(|| vec![name.to_owned()]));
        names.truncate(NAMES_MAX);
        Ok(())
    }
}

/// The names of an object's members; `None` of anything else.
#[derive(Default)]
struct Names(Option<Vec<String>>);

impl<'de> Deserialize<'de> for Names {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(MembersVisitor(Self::default()))
    }
}

impl Members for Names {
    fn open(&mut self) {
        self.0 = Some(Vec::new());
    }

    fn take<'de, A: MapAccess<'de>>(&mut self, name: &str, map: &mut A) -> Result<(), A::Error> {
        map.next_value::<IgnoredAny>()?;
        let names = self.0.get_or_insert_default();
        if names.len() < NAMES_MAX {
            names.push(name.to_owned());
        }
        Ok(())
    }
}

struct MembersVisitor<M>(M);

impl<'de, M: Members> Visitor<'de> for MembersVisitor<M> {
    type Value = M;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("any value")
    }

    fn visit_unit<E>(self) -> Result<M, E> {
        Ok(self.0)
    }

    fn visit_bool<E>(self, _value: bool) -> Result<M, E> {
        Ok(self.0)
    }

    fn visit_i64<E>(self, _value: i64) -> Result<M, E> {
        Ok(self.0)
    }

    fn visit_u64<E>(self, _value: u64) -> Result<M, E> {
        Ok(self.0)
    }

    fn visit_f64<E>(self, _value: f64) -> Result<M, E> {
        Ok(self.0)
    }

    fn visit_str<E>(self, _value: &str) -> Result<M, E> {
        Ok(self.0)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut sequence: A) -> Result<M, A::Error> {
        while sequence.next_element::<IgnoredAny>()?.is_some() {}
        Ok(self.0)
    }

    fn visit_map<A: MapAccess<'de>>(mut self, mut map: A) -> Result<M, A::Error> {
        self.0.open();
        while let Some(name) = map.next_key::<String>()? {
            self.0.take(&name, &mut map)?;
        }
        Ok(self.0)
    }
}
