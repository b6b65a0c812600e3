//! The systems that tenants connect, and the kinds of record that are exchanged with them.

use std::fmt;

/// A provider that this build can talk to. Adding one starts here; the compiler then asks for its
/// arm in the catalog of `sync-providers`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum System {
    /// HubSpot CRM.
    Hubspot,
    /// Salesforce Sales Cloud.
    Salesforce,
    /// Pipedrive.
    Pipedrive,
    /// Acuity Scheduling.
    Acuity,
    /// Square Appointments.
    Square,
    /// Vagaro.
    Vagaro,
}

impl System {
    /// Every system, for the tests that walk docs, template and catalog.
    pub const ALL: [Self; 6] = [
        Self::Hubspot,
        Self::Salesforce,
        Self::Pipedrive,
        Self::Acuity,
        Self::Square,
        Self::Vagaro,
    ];

    /// The name in URLs, keys, events, logs and secret names.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Hubspot => "hubspot",
            Self::Salesforce => "salesforce",
            Self::Pipedrive => "pipedrive",
            Self::Acuity => "acuity",
            Self::Square => "square",
            Self::Vagaro => "vagaro",
        }
    }

    /// What the system is used for.
    pub const fn kind(self) -> SystemKind {
        match self {
            Self::Hubspot | Self::Salesforce | Self::Pipedrive => SystemKind::Crm,
            Self::Acuity | Self::Square | Self::Vagaro => SystemKind::Booking,
        }
    }

    /// The system of that name and kind, as a route names it.
    pub fn of_kind(kind: SystemKind, text: &str) -> Option<Self> {
        Self::parse(text).filter(|system| system.kind() == kind)
    }

    /// The system of that name, `None` when this build has none.
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|system| system.as_str() == text)
    }
}

impl fmt::Display for System {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.as_str())
    }
}

/// What a system is used for; a part of its routes and of the connection's key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum SystemKind {
    /// Contacts, companies and deals.
    Crm,
    /// Appointments.
    Booking,
}

impl SystemKind {
    /// The name in routes and keys.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Crm => "crm",
            Self::Booking => "booking",
        }
    }

    /// The kind of that name.
    pub fn parse(text: &str) -> Option<Self> {
        [Self::Crm, Self::Booking].into_iter().find(|kind| kind.as_str() == text)
    }
}

impl fmt::Display for SystemKind {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.as_str())
    }
}

/// A kind of CRM record.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum ObjectType {
    /// A person.
    Contact,
    /// An organisation.
    Company,
    /// A sale on its way through a pipeline.
    Deal,
}

impl ObjectType {
    /// Every kind.
    pub const ALL: [Self; 3] = [Self::Contact, Self::Company, Self::Deal];

    /// The name in requests, keys and events.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Contact => "contact",
            Self::Company => "company",
            Self::Deal => "deal",
        }
    }

    /// The kinds that a record of this kind is associated with. Each association is kept at one of
    /// its two ends only: the contact's for its companies, the deal's for its contacts and companies.
    pub const fn associated_types(self) -> &'static [Self] {
        match self {
            Self::Contact => &[Self::Company],
            Self::Company => &[],
            Self::Deal => &[Self::Contact, Self::Company],
        }
    }

    /// The kind of that name.
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|object_type| object_type.as_str() == text)
    }
}

impl fmt::Display for ObjectType {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.as_str())
    }
}
