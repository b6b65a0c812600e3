//! What is read of a webhook's objects: of `meta` a few members, of `previous` only the names, of `data`
//! only whether a link is there. A record's values are personal data; none is ever decoded.

use std::fmt;

use serde::de::{Deserialize, Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};

use super::webhook_wire::Loose;

/// The most names of changed properties that are read of one event.
const NAMES_MAX: usize = 200;
/// Holds the values of the fields that an account has added, by their 40-digit keys.
const CUSTOM_FIELDS: &str = "custom_fields";

/// What a delivery says of itself.
#[derive(Debug, Default)]
pub struct Meta {
    /// Whether it is there.
    pub is_there: bool,
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

impl<'de> Deserialize<'de> for Meta {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(MembersVisitor(Self::default()))
    }
}

impl Members for Meta {
    fn open(&mut self) {
        self.is_there = true;
    }

    fn take<'de, A: MapAccess<'de>>(&mut self, name: &str, map: &mut A) -> Result<(), A::Error> {
        let member = match name {
            "version" => &mut self.version,
            "action" => &mut self.action,
            "entity" => &mut self.entity,
            "entity_id" => &mut self.entity_id,
            "company_id" => &mut self.company_id,
            "webhook_id" => &mut self.webhook_id,
            "timestamp" => &mut self.timestamp,
            "merged_to_id" => &mut self.merged_to_id,
            "merged_from_id" => &mut self.merged_from_id,
            _ => return map.next_value::<IgnoredAny>().map(drop),
        };
        *member = map.next_value()?;
        Ok(())
    }
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
