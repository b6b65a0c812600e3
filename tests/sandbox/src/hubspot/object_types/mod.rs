//! The table of object types: names, identifiers, scopes and HubSpot's own properties. Another type
//! is a row here; what a portal adds to a type is in `schema`.

mod companies;
mod contacts;
mod deals;

use std::fmt;

/// What values a property takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Any text.
    Text,
    /// An email address, stored in lower case.
    Email,
    /// A decimal number.
    Number,
    /// Epoch milliseconds or ISO 8601.
    DateTime,
    /// `true` or `false`.
    Bool,
    /// One of these internal values.
    Choice(&'static [&'static str]),
    /// Like `Choice`, but a value never goes back to an earlier one without being cleared.
    Progress(&'static [&'static str]),
    /// The id of one of the portal's pipelines.
    Pipeline,
    /// The id of a stage of one of the portal's pipelines.
    Stage,
}

/// One of HubSpot's own properties.
pub struct Property {
    /// Internal name.
    pub name: &'static str,
    /// Kind of its values.
    pub kind: Kind,
    /// Set by HubSpot only.
    pub is_read_only: bool,
}

const fn writable(name: &'static str, kind: Kind) -> Property {
    Property { name, kind, is_read_only: false }
}

const fn read_only(name: &'static str, kind: Kind) -> Property {
    Property { name, kind, is_read_only: true }
}

/// One object type.
pub struct ObjectType {
    /// Plural, as in paths.
    pub plural: &'static str,
    /// Singular, also accepted in paths, and the prefix of webhook events.
    pub singular: &'static str,
    /// Numeric type id.
    pub type_id: &'static str,
    /// The name in conflict messages.
    pub title: &'static str,
    /// Scope of reads.
    pub read_scope: &'static str,
    /// Scope of writes.
    pub write_scope: &'static str,
    /// Scope that also allows reading property definitions.
    pub schema_read_scope: &'static str,
    /// Scope of creating property definitions.
    pub schema_write_scope: &'static str,
    /// The group of properties that HubSpot makes for the type.
    pub property_group: &'static str,
    /// Properties whose value only one live record may have.
    pub unique: &'static [&'static str],
    /// A property with more values of a unique one, separated by semicolons.
    pub more_unique: Option<(&'static str, &'static str)>,
    /// A new record needs at least one of these.
    pub one_required: &'static [&'static str],
    /// A new record needs all of these.
    pub all_required: &'static [&'static str],
    /// Whether records can be deleted for privacy, which block-lists their unique values.
    pub is_erasable: bool,
    /// What a read without `properties` shows.
    pub shown: &'static [&'static str],
    /// What `query` of a search looks at.
    pub searched: &'static [&'static str],
    /// Where the time of the last change is kept.
    pub modified: &'static str,
    /// All properties.
    pub properties: &'static [Property],
}

pub use companies::COMPANY;
pub use contacts::CONTACT;
pub use deals::DEAL;

/// Every object type.
static ALL: [&ObjectType; 3] = [&CONTACT, &COMPANY, &DEAL];

impl PartialEq for ObjectType {
    fn eq(&self, other: &Self) -> bool {
        self.type_id == other.type_id
    }
}

impl Eq for ObjectType {}

impl fmt::Debug for ObjectType {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.type_id)
    }
}

impl ObjectType {
    /// Every type.
    pub fn every() -> impl Iterator<Item = &'static Self> {
        ALL.into_iter()
    }

    /// By plural, singular or type id.
    pub fn from_name(name: &str) -> Option<&'static Self> {
        ALL.into_iter().find(|kind| [kind.plural, kind.singular, kind.type_id].contains(&name))
    }

    /// A property by name.
    pub fn property(&self, name: &str) -> Option<&'static Property> {
        self.properties.iter().find(|property| property.name == name)
    }
}
