//! The canonical attributes of a record: a closed set of names with sensitive values.

use std::collections::BTreeMap;

use super::{ObjectType, Sensitive};

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
    /// The platform's own id of a company or a deal, its natural key.
    Reference,
    /// The name of a company or a deal.
    Name,
    /// A company's internet domain.
    Domain,
    /// What a deal is worth, a decimal number in the account's currency.
    Amount,
    /// The pipeline that a deal is in, by the provider's id.
    Pipeline,
    /// The stage that a deal is at, by the provider's id.
    Stage,
    /// When a deal is expected to be closed, an instant in UTC.
    Closedate,
}

impl AttributeName {
    /// Every attribute of any kind of record.
    pub const ALL: [Self; 13] = [
        Self::Email,
        Self::Phone,
        Self::Firstname,
        Self::Lastname,
        Self::Company,
        Self::Lifecyclestage,
        Self::Reference,
        Self::Name,
        Self::Domain,
        Self::Amount,
        Self::Pipeline,
        Self::Stage,
        Self::Closedate,
    ];

    /// The attributes of a kind of record, in the order of the docs.
    pub const fn of(object_type: ObjectType) -> &'static [Self] {
        match object_type {
            ObjectType::Contact => &[
                Self::Email,
                Self::Phone,
                Self::Firstname,
                Self::Lastname,
                Self::Company,
                Self::Lifecyclestage,
            ],
            ObjectType::Company => &[Self::Reference, Self::Name, Self::Domain, Self::Phone],
            ObjectType::Deal => &[
                Self::Reference,
                Self::Name,
                Self::Amount,
                Self::Pipeline,
                Self::Stage,
                Self::Closedate,
            ],
        }
    }

    /// The name in requests and in the stored payload.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Email => "email",
            Self::Phone => "phone",
            Self::Firstname => "firstname",
            Self::Lastname => "lastname",
            Self::Company => "company",
            Self::Lifecyclestage => "lifecyclestage",
            Self::Reference => "reference",
            Self::Name => "name",
            Self::Domain => "domain",
            Self::Amount => "amount",
            Self::Pipeline => "pipeline",
            Self::Stage => "stage",
            Self::Closedate => "closedate",
        }
    }

    /// The attribute of that name.
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|name| name.as_str() == text)
    }

    /// Whether the value is personal and goes into events only as a token. No value of another
    /// attribute is in an event at all.
    pub const fn is_personal(self) -> bool {
        match self {
            Self::Email | Self::Phone | Self::Firstname | Self::Lastname => true,
            Self::Company
            | Self::Lifecyclestage
            | Self::Reference
            | Self::Name
            | Self::Domain
            | Self::Amount
            | Self::Pipeline
            | Self::Stage
            | Self::Closedate => false,
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
