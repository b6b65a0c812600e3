//! The tenant's clients: who bookings belong to.

use std::fmt;

use super::Person;
use crate::keys::{BlockKey, IdentifierKey};

/// The platform's id of a client; random, so it says nothing of the person.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ClientId(String);

impl ClientId {
    /// Takes something unique, such as a random UUID.
    pub fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }

    /// The id's text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for ClientId {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

/// Which rule found a booking's client.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum LinkRule {
    /// The same email.
    Email,
    /// The same phone number.
    Phone,
    /// A name that is much alike, within its block.
    Name,
    /// Nobody fitted: the client was made for this booking.
    Created,
}

impl LinkRule {
    /// Every rule.
    pub const ALL: [Self; 4] = [Self::Email, Self::Phone, Self::Name, Self::Created];

    /// The text in the table and in events.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Email => "email",
            Self::Phone => "phone",
            Self::Name => "name",
            Self::Created => "created",
        }
    }

    /// The rule of that name.
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|rule| rule.as_str() == text)
    }
}

/// A booking's client.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ClientLink {
    /// Who.
    pub client: ClientId,
    /// How they were found.
    pub rule: LinkRule,
}

/// One client in a block. It holds what the decision needs, so that no client has to be read for it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BlockEntry {
    /// Who.
    pub client: ClientId,
    /// The name in the form that names are compared in, empty where there is none; personal.
    pub name: ComparedName,
    /// Their email, as the key of its pointer.
    pub email: Option<IdentifierKey>,
    /// Their phone number, as the key of its pointer.
    pub phone: Option<IdentifierKey>,
}

/// A name in the form that names are compared in. `Debug` can't print it.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct ComparedName(String);

impl ComparedName {
    /// Takes a name that is in that form.
    pub fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }

    /// The name, to be compared or stored.
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for ComparedName {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("ComparedName([hidden])")
    }
}

/// Clients who may be one: those whose names look alike, or those who share a phone number. It is
/// written as a whole under its revision, so two writers who each would add the same person can't
/// both succeed.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ClientBlock {
    /// Counts the writes; 0 where there is none yet.
    pub revision: u64,
    /// The clients, oldest first, [`BLOCK_MAX`] at most.
    pub entries: Vec<BlockEntry>,
}

/// The most clients of one block; beyond it the oldest are no longer found by name.
pub const BLOCK_MAX: usize = 100;

/// A change to the clients that belongs to one booking's write, and is made with it or not at all.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ClientWrite {
    /// Who.
    pub client: ClientId,
    /// A client to be made, with what the first booking says of the person; `None` where an existing
    /// one is only added to.
    pub new: Option<Person>,
    /// Identifiers that lead to the client from now on; each must lead nowhere yet.
    pub identifiers: Vec<IdentifierKey>,
    /// The blocks that change, as they are to be, each once: the name's, and the one of those who
    /// share the phone number.
    pub blocks: Vec<BlockWrite>,
}

/// A block's next state.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BlockWrite {
    /// Which.
    pub key: BlockKey,
    /// The revision that was read; 0 where there was none.
    pub seen: u64,
    /// All entries.
    pub entries: Vec<BlockEntry>,
}
