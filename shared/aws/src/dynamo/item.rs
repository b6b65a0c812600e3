//! Names of keys and attributes, and how items are read back.

use std::collections::HashMap;

use aws_sdk_dynamodb::types::AttributeValue;
use jiff::Timestamp;
use sync_domain::keys::{BlockKey, BookingKey, ClaimKey, IdentifierKey, RecordKey};
use sync_domain::model::{ClientId, ExternalId, ObjectType, System, SystemKind, TenantId};

/// An item as the SDK has it.
pub type Item = HashMap<String, AttributeValue>;

pub const PK: &str = "pk";
pub const SK: &str = "sk";

/// The sort key of an account pointer.
pub const ACCOUNT_SK: &str = "ACCOUNT";

/// Values of the attribute `entity`.
pub const ENTITY_RECORD: &str = "CrmRecord";
pub const ENTITY_CLAIM: &str = "IdempotencyClaim";
pub const ENTITY_AUDIT: &str = "Audit";
pub const ENTITY_GATE: &str = "Gate";
pub const ENTITY_QUEUED_PUSH: &str = "QueuedPush";
pub const ENTITY_DEAD_LETTER: &str = "DeadLetter";
pub const ENTITY_CONNECTION: &str = "Connection";
pub const ENTITY_ACCOUNT: &str = "AccountPointer";
pub const ENTITY_POINTER: &str = "CrmPointer";
pub const ENTITY_BOOKING: &str = "Booking";
pub const ENTITY_CLIENT: &str = "Client";
pub const ENTITY_CLIENT_IDENTIFIER: &str = "ClientIdentifier";
pub const ENTITY_CLIENT_BLOCK: &str = "ClientBlock";
pub const ENTITY_WATERMARK: &str = "ImportWatermark";
pub const ENTITY_SWEEP_WATERMARK: &str = "SweepWatermark";
pub const ENTITY_IMPORT_CLAIM: &str = "ImportClaim";

/// The index that finds a tenant's bookings by the second in which they begin.
pub const BOOKINGS_BY_START: &str = "bookings-by-start";
/// The index that finds connections by their slot of the hour.
pub const CONNECTIONS_BY_SWEEP_SLOT: &str = "connections-by-sweep-slot";

/// Values of a claim's attribute `status`.
pub const STATUS_IN_PROGRESS: &str = "in_progress";
pub const STATUS_COMPLETED: &str = "completed";
pub const STATUS_QUEUED: &str = "queued";
pub const STATUS_FAILED: &str = "failed";

/// Value of a record's attribute `origin` for versions that our own callers caused.
pub const ORIGIN_PLATFORM: &str = "platform";

/// Every tenant-owned item is in the tenant's own partition.
pub fn tenant_pk(tenant: &TenantId) -> String {
    format!("T#{tenant}")
}

pub fn record_sk(system: System, object_type: ObjectType, key: &RecordKey) -> String {
    format!("CRM#{system}#{object_type}#{key}")
}

/// The item that leads from a provider's id to our record.
pub fn pointer_sk(system: System, object_type: ObjectType, id: &ExternalId) -> String {
    format!("CRMID#{system}#{object_type}#{id}")
}

pub fn claim_sk(key: &ClaimKey) -> String {
    format!("IDEM#{key}")
}

/// The pushes that wait for one record.
pub fn queued_prefix(system: System, record: &RecordKey) -> String {
    format!("QUEUED#{system}#{record}#")
}

pub fn queued_sk(
    system: System,
    record: &RecordKey,
    queued_at: Timestamp,
    key: &ClaimKey,
) -> String {
    // Always 13 digits, so that the order of the keys is the order of time.
    format!("{}{:013}#{key}", queued_prefix(system, record), queued_at.as_millisecond())
}

/// The pushes of one record that were given up.
pub fn refused_prefix(system: System, record: &RecordKey) -> String {
    format!("REFUSED#{system}#{record}#")
}

pub fn refused_sk(system: System, record: &RecordKey, key: &ClaimKey) -> String {
    format!("{}{key}", refused_prefix(system, record))
}

pub fn dead_letter_sk(system: System, id: &str) -> String {
    format!("DEAD#{system}#{id}")
}

pub fn connection_sk(system: System) -> String {
    format!("CONN#{}#{system}", system.kind())
}

/// The value under which a connection to a system of a kind is found by its slot of the hour.
pub fn slot_text(kind: SystemKind, slot: u32) -> String {
    format!("{kind}#{slot}")
}

pub fn audit_sk(at: Timestamp, id: &str) -> String {
    // Always six decimals, so that the order of the keys is the order of time.
    format!("AUDIT#{at:.6}#{id}")
}

pub fn gate_sk(system: System) -> String {
    format!("GATE#{system}")
}

pub fn booking_sk(system: System, key: &BookingKey) -> String {
    format!("BOOKING#{system}#{key}")
}

/// The bookings of one tenant at one system, in [`BOOKINGS_BY_START`].
pub fn booking_partition(tenant: &TenantId, system: System) -> String {
    format!("{}#BOOKING#{system}", tenant_pk(tenant))
}

/// A second of [`BOOKINGS_BY_START`]. The part behind the second is dropped, so every text is equally
/// long and the order of the texts is the order of time.
pub fn second_text(at: Timestamp) -> String {
    format!("{at:.0}")
}

pub fn client_sk(client: &ClientId) -> String {
    format!("CLIENT#{client}")
}

pub fn identifier_sk(key: &IdentifierKey) -> String {
    format!("CLIENTID#{key}")
}

pub fn block_sk(key: &BlockKey) -> String {
    format!("CLIENTBLOCK#{key}")
}

pub fn crm_sweep_sk(system: System) -> String {
    format!("CRMSWEEP#{system}")
}

pub fn watermark_sk(system: System) -> String {
    format!("IMPORT#{system}")
}

pub fn import_claim_sk(key: &ClaimKey) -> String {
    format!("IMPORTIDEM#{key}")
}

/// Pointers are in no tenant's partition.
pub fn account_pk(system: System, account_id: &str) -> String {
    format!("ACCOUNT#{system}#{account_id}")
}

pub fn text(value: impl Into<String>) -> AttributeValue {
    AttributeValue::S(value.into())
}

pub fn number(value: impl ToString) -> AttributeValue {
    AttributeValue::N(value.to_string())
}

pub fn millis(at: Timestamp) -> AttributeValue {
    number(at.as_millisecond())
}

pub fn text_of<'a>(item: &'a Item, name: &str) -> Option<&'a str> {
    item.get(name)?.as_s().ok().map(String::as_str)
}

pub fn timestamp_of(item: &Item, name: &str) -> Option<Timestamp> {
    let millis = item.get(name)?.as_n().ok()?.parse().ok()?;
    Timestamp::from_millisecond(millis).ok()
}

/// A whole number that may be below zero.
pub fn integer_of(item: &Item, name: &str) -> Option<i64> {
    item.get(name)?.as_n().ok()?.parse().ok()
}

/// The texts of a set; none where it is absent.
pub fn texts_of(item: &Item, name: &str) -> impl Iterator<Item = String> {
    let texts = item.get(name).and_then(|value| value.as_ss().ok()).cloned();
    texts.into_iter().flatten()
}

/// The item of those attributes that have a value.
pub fn item_of(
    attributes: impl IntoIterator<Item = (&'static str, Option<AttributeValue>)>,
) -> Item {
    let attributes = attributes.into_iter();
    attributes.filter_map(|(name, value)| Some((name.to_owned(), value?))).collect()
}

pub fn number_of(item: &Item, name: &str) -> Option<u64> {
    item.get(name)?.as_n().ok()?.parse().ok()
}
