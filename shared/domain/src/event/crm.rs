//! `crm.synced`: what is told of a record.

use serde::Serialize;

use super::{BusEvent, Common, EventError};
use crate::model::{ExternalId, SyncedRecord};
use crate::pseudonym::Pseudonymiser;

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

/// The event of a record's new version.
pub(super) fn crm_synced(
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
    let common = Common {
        detail_type: "crm.synced",
        event_id,
        tenant: &record.tenant,
        correlation_id: &record.correlation_id,
        occurred_at: record.synced_at,
    };
    common.with(CrmSynced {
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
    })
}
