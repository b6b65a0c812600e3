//! What a portal knows of an object type: HubSpot's own properties and those that users and apps
//! have added.

use std::collections::BTreeMap;

use serde::Deserialize;

use super::object_types::{Kind, ObjectType};

/// More unique properties than this a type can't have.
pub const MAX_UNIQUE: usize = 10;

/// An added property, as HubSpot's API and the accounts file write it.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Definition {
    /// Internal name.
    pub name: String,
    /// What users see.
    #[serde(default)]
    pub label: Option<String>,
    /// `string`, `number`, `date`, `datetime` or `bool`.
    #[serde(default, rename = "type")]
    pub value_type: Option<String>,
    /// How forms show it.
    #[serde(default)]
    pub field_type: Option<String>,
    /// The group that it is listed under.
    #[serde(default)]
    pub group_name: Option<String>,
    /// For users.
    #[serde(default)]
    pub description: String,
    /// Whether a value can be held by one record only. Can't be changed later.
    #[serde(default)]
    pub has_unique_value: bool,
}

/// A property that was added.
#[derive(Clone, Debug)]
pub struct Added {
    /// What it is.
    pub definition: Definition,
    /// When it was added.
    pub created_ms: i64,
}

/// What a write or a search has to know of a property.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Known {
    /// Kind of its values.
    pub kind: Kind,
    /// Set by HubSpot only.
    pub is_read_only: bool,
}

/// The properties of one type in one portal.
pub struct Schema {
    /// The type.
    pub object_type: &'static ObjectType,
    added: BTreeMap<String, Added>,
}

fn kind_of(definition: &Definition) -> Kind {
    match definition.value_type.as_deref() {
        Some("number") => Kind::Number,
        Some("date" | "datetime") => Kind::DateTime,
        Some("bool") => Kind::Bool,
        Some(_) | None => Kind::Text,
    }
}

impl Schema {
    /// Only HubSpot's own properties.
    pub fn new(object_type: &'static ObjectType) -> Self {
        Self { object_type, added: BTreeMap::new() }
    }

    /// A property by name.
    pub fn property(&self, name: &str) -> Option<Known> {
        let own = self.object_type.property(name);
        let own = own.map(|own| Known { kind: own.kind, is_read_only: own.is_read_only });
        own.or_else(|| {
            let added = self.added.get(name)?;
            Some(Known { kind: kind_of(&added.definition), is_read_only: false })
        })
    }

    /// The kind of a property's values; of one that isn't known, text.
    pub fn kind(&self, name: &str) -> Kind {
        self.property(name).map_or(Kind::Text, |known| known.kind)
    }

    /// Whether the property can identify a record.
    pub fn is_unique(&self, name: &str) -> bool {
        self.object_type.unique.contains(&name) || self.is_added_unique(name)
    }

    /// The same of an added property.
    pub fn is_added_unique(&self, name: &str) -> bool {
        self.added.get(name).is_some_and(|added| added.definition.has_unique_value)
    }

    /// All properties that can identify a record.
    pub fn unique(&self) -> impl Iterator<Item = &str> {
        let added = self.added.values().filter(|added| added.definition.has_unique_value);
        let added = added.map(|added| added.definition.name.as_str());
        self.object_type.unique.iter().copied().chain(added)
    }

    /// Added properties that can identify a record.
    pub fn added_unique_count(&self) -> usize {
        self.added.values().filter(|added| added.definition.has_unique_value).count()
    }

    /// The properties that were added.
    pub fn added(&self) -> impl Iterator<Item = &Added> {
        self.added.values()
    }

    /// One that was added.
    pub fn added_named(&self, name: &str) -> Option<&Added> {
        self.added.get(name)
    }

    /// Adds a property.
    pub fn add(&mut self, definition: Definition, created_ms: i64) {
        self.added.insert(definition.name.clone(), Added { definition, created_ms });
    }

    /// Removes an added property; says whether there was one.
    pub fn remove(&mut self, name: &str) -> bool {
        self.added.remove(name).is_some()
    }
}
