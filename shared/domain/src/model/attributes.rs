//! The canonical attributes of a record: a closed set of names with sensitive values.

use std::collections::BTreeMap;

use super::Sensitive;

/// A canonical attribute. The text form is the one of the HTTP contract and of the stored payload.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum AttributeName {
    /// The person's email address, the natural key of a contact.
    Email,
    /// A phone number.
    Phone,
    /// The given name.
    Firstname,
    /// The family name.
    Lastname,
    /// The name of the company that a contact works for; free text, not a link.
    Company,
    /// Where the person stands in the tenant's funnel.
    Lifecyclestage,
}

impl AttributeName {
    /// The attributes of a contact, in the order of the docs.
    pub const CONTACT: [Self; 6] = [
        Self::Email,
        Self::Phone,
        Self::Firstname,
        Self::Lastname,
        Self::Company,
        Self::Lifecyclestage,
    ];

    /// The name in requests and in the stored payload.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Email => "email",
            Self::Phone => "phone",
            Self::Firstname => "firstname",
            Self::Lastname => "lastname",
            Self::Company => "company",
            Self::Lifecyclestage => "lifecyclestage",
        }
    }

    /// The attribute of that name.
    pub fn parse(text: &str) -> Option<Self> {
        Self::CONTACT.into_iter().find(|name| name.as_str() == text)
    }

    /// Whether the value is personal and goes into events only as a token.
    pub const fn is_personal(self) -> bool {
        match self {
            Self::Email | Self::Phone | Self::Firstname | Self::Lastname => true,
            Self::Company | Self::Lifecyclestage => false,
        }
    }
}

/// Attribute values of one record, normalised. An empty value means "clear it".
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Attributes(BTreeMap<AttributeName, Sensitive<String>>);

impl Attributes {
    /// Sets one value.
    pub fn set(&mut self, name: AttributeName, value: impl Into<String>) {
        self.0.insert(name, Sensitive::new(value.into()));
    }

    /// One value, if it is there.
    pub fn get(&self, name: AttributeName) -> Option<&str> {
        self.0.get(&name).map(|value| value.expose().as_str())
    }

    /// All of them, in a stable order.
    pub fn iter(&self) -> impl Iterator<Item = (AttributeName, &str)> {
        self.0.iter().map(|(name, value)| (*name, value.expose().as_str()))
    }

    /// Whether `self` holds every value that `wanted` has. An attribute that is absent counts as
    /// empty, because a provider reports a cleared property either way.
    pub fn contains_all(&self, wanted: &Self) -> bool {
        wanted.iter().all(|(name, value)| self.get(name).unwrap_or_default() == value)
    }
}

impl FromIterator<(AttributeName, String)> for Attributes {
    fn from_iter<I: IntoIterator<Item = (AttributeName, String)>>(pairs: I) -> Self {
        Self(pairs.into_iter().map(|(name, value)| (name, Sensitive::new(value))).collect())
    }
}
