//! What goes out on the bus, built from what was really stored.
//!
//! The shapes are fixed by the JSON Schemas in `infra/schemas/`; every event of every test is
//! validated against them. No raw email, phone or name is in an event, only tokens.

mod audit;
mod booking;
mod crm;

use jiff::Timestamp;
use serde::Serialize;

use crate::model::{AuditEntry, BookingVersion, CorrelationId, SyncedRecord, TenantId};
use crate::pseudonym::Pseudonymiser;

/// The version of the detail shapes below; it grows with a breaking change.
pub const SCHEMA_VERSION: &str = "1";
/// The `source` of every event.
pub const SOURCE: &str = "integrations";

/// A change in the table that subscribers are told of.
#[derive(Debug, Clone)]
pub enum Change {
    /// A record has a new stored version.
    RecordSynced(Box<SyncedRecord>),
    /// A booking has a new stored version.
    BookingStored(Box<BookingVersion>),
    /// An audit entry was written.
    Audited(AuditEntry),
}

/// An event could not be made of a change.
#[derive(Debug, thiserror::Error)]
pub enum EventError {
    /// No token or id could be made.
    #[error("no token can be made")]
    NoToken,
    /// The detail can't be written as JSON.
    #[error("the detail can't be written")]
    Detail(#[from] serde_json::Error),
}

/// An event ready for the bus.
#[derive(Debug, Clone)]
pub struct BusEvent {
    /// One of the detail types of the contract, for example `crm.synced`.
    pub detail_type: &'static str,
    /// Stable across repeats, so that a subscriber can drop one.
    pub event_id: String,
    /// The detail as JSON.
    pub detail: serde_json::Value,
}

#[derive(Serialize)]
struct Envelope<'a, T> {
    event_id: &'a str,
    schema_version: &'static str,
    tenant_id: &'a str,
    correlation_id: &'a str,
    occurred_at: String,
    #[serde(flatten)]
    body: T,
}

impl BusEvent {
    /// The event of a change.
    ///
    /// # Errors
    /// When the event can't be made, which only a bug of ours could cause.
    pub fn of(change: &Change, pseudonymiser: &Pseudonymiser) -> Result<Self, EventError> {
        match change {
            Change::RecordSynced(record) => crm::crm_synced(record, pseudonymiser),
            Change::BookingStored(version) => booking::booking_stored(version, pseudonymiser),
            Change::Audited(entry) => audit::audit_logged(entry, pseudonymiser),
        }
    }
}

/// What all events tell besides their bodies.
struct Common<'a> {
    detail_type: &'static str,
    event_id: String,
    tenant: &'a TenantId,
    correlation_id: &'a CorrelationId,
    occurred_at: Timestamp,
}

impl Common<'_> {
    fn with(self, body: impl Serialize) -> Result<BusEvent, EventError> {
        let detail = serde_json::to_value(Envelope {
            event_id: &self.event_id,
            schema_version: SCHEMA_VERSION,
            tenant_id: self.tenant.as_str(),
            correlation_id: self.correlation_id.as_str(),
            occurred_at: self.occurred_at.to_string(),
            body,
        })?;
        Ok(BusEvent { detail_type: self.detail_type, event_id: self.event_id, detail })
    }
}
