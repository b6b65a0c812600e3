//! The systems that tenants connect, and the kinds of record that are exchanged with them.

use std::fmt;

/// A provider that this build can talk to. Adding one starts here; the compiler then asks for its
/// arm in the catalog of `sync-providers`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum System {
    /// HubSpot CRM.
    Hubspot,
}

impl System {
    /// Every system, for the tests that walk docs, template and catalog.
    pub const ALL: [Self; 1] = [Self::Hubspot];

    /// The name in URLs, keys, events, logs and secret names.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Hubspot => "hubspot",
        }
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

/// A kind of CRM record.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum ObjectType {
    /// A person.
    Contact,
}

impl ObjectType {
    /// Every kind.
    pub const ALL: [Self; 1] = [Self::Contact];

    /// The name in requests, keys and events.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Contact => "contact",
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
