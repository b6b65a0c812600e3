//! Where bookings and clients are kept.
//!
//! A booking and the client that is made for it are one write. Who was overtaken is told what is
//! there now, and decides anew.

use std::collections::{BTreeMap, BTreeSet};

use async_trait::async_trait;

use super::{BookingWindow, StoreError};
use crate::keys::{BlockKey, BookingKey, IdentifierKey};
use crate::model::{
    BookingVersion, ClientBlock, ClientId, ClientWrite, ExternalId, Recency, StoredBooking, System,
    TenantId,
};

/// The most bookings of one read.
pub const BOOKINGS_READ_MAX: usize = 100;

/// A state to be stored.
#[derive(Debug, Clone)]
pub struct BookingWrite {
    /// The new version; its number is one more than the seen one.
    pub version: BookingVersion,
    /// The version that was read; `None` for a booking that was not there.
    pub seen: Option<u64>,
    /// What changes about clients with it.
    pub client: Option<ClientWrite>,
}

/// What a write came to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum BookingOutcome {
    /// It is stored.
    Stored,
    /// The booking is another one by now, or has appeared: this one, if it is known.
    Overtaken(Option<Box<StoredBooking>>),
    /// An identifier or a block was written by somebody else: look the clients up again.
    ClientsChanged,
}

/// A booking in the index of when bookings begin.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KnownBooking {
    /// The provider's id.
    pub external_id: ExternalId,
    /// Its place among those of a window: what comes behind it is listed by giving this. Free of
    /// personal data, some hundred bytes at most.
    pub place: String,
}

/// Bookings, unique by system and the provider's id within the tenant.
#[async_trait]
pub trait BookingStore: Send + Sync {
    /// Reads up to [`BOOKINGS_READ_MAX`] bookings, consistently, in one call. One that can't be read
    /// is left out; [`BookingStore::store`] says so then.
    ///
    /// # Errors
    /// See [`StoreError`].
    async fn load(
        &self,
        tenant: &TenantId,
        system: System,
        keys: &[BookingKey],
    ) -> Result<BTreeMap<BookingKey, StoredBooking>, StoreError>;

    /// Stores a version unless the booking has changed since it was read, or the stored version has
    /// been seen again more recently than the new one was read. Writing the same twice, because an
    /// answer was lost, is [`BookingOutcome::Stored`] both times.
    ///
    /// # Errors
    /// See [`StoreError`].
    async fn store(&self, write: &BookingWrite) -> Result<BookingOutcome, StoreError>;

    /// Notes that a stored version was seen again, so that a state that was read before can't
    /// overwrite it: stored, also if it was seen later by somebody else; overtaken if it is another
    /// version by now, which may be the older state, so the caller decides anew.
    ///
    /// # Errors
    /// See [`StoreError`].
    async fn refresh(
        &self,
        tenant: &TenantId,
        system: System,
        stored: &StoredBooking,
        recency: Recency,
    ) -> Result<BookingOutcome, StoreError>;

    /// The bookings that begin in a window, in the order of their places and a page at a time: the
    /// second part of a page is what to give as `after` for the next one, and any
    /// [`KnownBooking::place`] may be given too, also of one that begins elsewhere by now. Those that the provider has no more ([`crate::model::StatusReason::Deleted`])
    /// are not among them: nobody needs to look for them again. It may lag by moments behind what was
    /// stored.
    ///
    /// # Errors
    /// See [`StoreError`].
    async fn beginning_in(
        &self,
        tenant: &TenantId,
        system: System,
        window: BookingWindow,
        after: Option<&str>,
    ) -> Result<(Vec<KnownBooking>, Option<String>), StoreError>;
}

/// What is asked about clients.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ClientLookup {
    /// Emails and phone numbers.
    pub identifiers: BTreeSet<IdentifierKey>,
    /// Blocks of clients who may be this one.
    pub blocks: BTreeSet<BlockKey>,
}

/// What is there of it; a block that is not there is absent.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct FoundClients {
    /// Whose an identifier is.
    pub identifiers: BTreeMap<IdentifierKey, ClientId>,
    /// The blocks.
    pub blocks: BTreeMap<BlockKey, ClientBlock>,
}

/// The clients of tenants.
#[async_trait]
pub trait ClientDirectory: Send + Sync {
    /// Looks any number of identifiers and blocks up, consistently, a hundred per call.
    ///
    /// # Errors
    /// See [`StoreError`].
    async fn look_up(
        &self,
        tenant: &TenantId,
        lookup: &ClientLookup,
    ) -> Result<FoundClients, StoreError>;
}
