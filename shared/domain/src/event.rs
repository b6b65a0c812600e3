//! What goes out on the bus, built from what was really stored.
//!
//! The shapes are fixed by the JSON Schemas in `infra/schemas/`; every event of every test is
//! validated against them. No raw email, phone or name is in an event, only tokens.

use serde::Serialize;

use crate::model::{AuditEntry, ExternalId, SyncedRecord};
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

#[derive(Serialize)]
struct CrmSynced<'a> {
    system: &'static str,
    #[serde(rename = "type")]
    object_type: &'static str,
    external_id: &'a str,
    record_token: String,
    version: u64,
    change: &'static str,
    origin: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    merged_into: Option<&'a str>,
    changed_attributes: Vec<&'static str>,
    tokens: serde_json::Map<String, serde_json::Value>,
}

#[derive(Serialize)]
struct AuditLogged<'a> {
    audit_id: &'a str,
    action: &'static str,
    route: &'a str,
}

impl BusEvent {
    /// The event of a change.
    ///
    /// # Errors
    /// When the event can't be made, which only a bug of ours could cause.
    pub fn of(change: &Change, pseudonymiser: &Pseudonymiser) -> Result<Self, EventError> {
        match change {
            Change::RecordSynced(record) => crm_synced(record, pseudonymiser),
            Change::Audited(entry) => audit_logged(entry, pseudonymiser),
        }
    }
}

fn crm_synced(
    record: &SyncedRecord,
    pseudonymiser: &Pseudonymiser,
) -> Result<BusEvent, EventError> {
    let version = record.version.to_string();
    // A place that was given up, as by an erasure, begins anew at version 1: the time tells its
    // versions from those before.
    let stored_at = record.synced_at.to_string();
    let parts = ["crm.synced", record.tenant.as_str(), record.key.as_str(), &version, &stored_at];
    let event_id = pseudonymiser.stable_id(&parts).ok_or(EventError::NoToken)?;
    let record_token = pseudonymiser.record_token(&record.tenant, &record.key);
    let tokens = record
        .attributes
        .iter()
        .filter(|(name, _)| name.is_personal())
        .filter_map(|(name, value)| {
            let token = pseudonymiser.token(&record.tenant, name, value)?;
            Some((name.as_str().to_owned(), token.into()))
        })
        .collect();
    let detail = Envelope {
        event_id: &event_id,
        schema_version: SCHEMA_VERSION,
        tenant_id: record.tenant.as_str(),
        correlation_id: record.correlation_id.as_str(),
        occurred_at: record.synced_at.to_string(),
        body: CrmSynced {
            system: record.system.as_str(),
            object_type: record.object_type.as_str(),
            external_id: record.external_id.as_str(),
            record_token: record_token.ok_or(EventError::NoToken)?,
            version: record.version,
            change: record.change.as_str(),
            origin: record.origin.as_str(),
            merged_into: record.merged_into.as_ref().map(ExternalId::as_str),
            changed_attributes: record.differences.names(),
            tokens,
        },
    };
    let detail = serde_json::to_value(detail)?;
    Ok(BusEvent { detail_type: "crm.synced", event_id, detail })
}

fn audit_logged(entry: &AuditEntry, pseudonymiser: &Pseudonymiser) -> Result<BusEvent, EventError> {
    let parts = ["audit.logged", entry.tenant.as_str(), &entry.id];
    let event_id = pseudonymiser.stable_id(&parts).ok_or(EventError::NoToken)?;
    let detail = Envelope {
        event_id: &event_id,
        schema_version: SCHEMA_VERSION,
        tenant_id: entry.tenant.as_str(),
        correlation_id: entry.correlation_id.as_str(),
        occurred_at: entry.occurred_at.to_string(),
        body: AuditLogged {
            audit_id: &entry.id,
            action: entry.action.as_str(),
            route: &entry.route,
        },
    };
    let detail = serde_json::to_value(detail)?;
    Ok(BusEvent { detail_type: "audit.logged", event_id, detail })
}
