//! Stable keys made of several parts.
//!
//! The parts are joined with the byte 0x1F, which no part may contain, so two different tuples
//! never hash to one key by running into each other.

use std::fmt;

use jiff::Timestamp;
use sha2::{Digest, Sha256};

use crate::model::{
    Association, Booking, CrmDraft, ExternalId, IdempotencyKey, ObjectType, Sensitive, System,
    TenantId,
};
use crate::ports::BookingSelection;

/// Joins key parts; forbidden inside them.
const SEPARATOR: char = '\u{1f}';

/// A part of a key holds the separator, so no key can be made of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a key part contains the separator 0x1F")]
pub struct SeparatorInPart;

fn digest_of(parts: &[&str]) -> Result<String, SeparatorInPart> {
    let mut hasher = Sha256::new();
    for (index, part) in parts.iter().enumerate() {
        if part.contains(SEPARATOR) {
            return Err(SeparatorInPart);
        }
        if index > 0 {
            hasher.update([SEPARATOR as u8]);
        }
        hasher.update(part.as_bytes());
    }
    Ok(hex::encode(hasher.finalize()))
}

macro_rules! digest_key {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(String);

        impl $name {
            /// 64 lower-case hexadecimal digits.
            pub fn as_str(&self) -> &str {
                &self.0
            }

            /// Takes a digest that was stored before.
            pub fn from_stored(text: impl Into<String>) -> Self {
                Self(text.into())
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                formatter.write_str(&self.0)
            }
        }
    };
}

digest_key!(
    /// Where a record is stored: `sha256(tenant, system, type, natural key)`.
    RecordKey
);
digest_key!(
    /// Where a caller's claim is stored: `sha256(tenant, route, idempotency key)`.
    ClaimKey
);
digest_key!(
    /// What a caller asked for, after normalisation: tells a retry from a key that was used again
    /// for something else.
    Fingerprint
);

digest_key!(
    /// Where a booking is stored: `sha256(tenant, system, external id)`.
    BookingKey
);
digest_key!(
    /// Where an identifier of a client leads from: `sha256(tenant, kind, normalised value)`.
    IdentifierKey
);
digest_key!(
    /// Where clients are listed who may be one: `sha256(tenant, block)`.
    BlockKey
);
digest_key!(
    /// What a booking's state is recognised by.
    ContentHash
);

/// The key of a booking.
///
/// # Errors
/// When the id contains the separator.
pub fn booking_key(
    tenant: &TenantId,
    system: System,
    external_id: &ExternalId,
) -> Result<BookingKey, SeparatorInPart> {
    digest_of(&[tenant.as_str(), system.as_str(), external_id.as_str()]).map(BookingKey)
}

/// An identifier that one person has, and mostly one only.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum IdentifierKind {
    /// A normalised email.
    Email,
    /// A phone number in E.164.
    Phone,
}

/// The key of an identifier.
///
/// # Errors
/// When the value contains the separator.
pub fn identifier_key(
    tenant: &TenantId,
    kind: IdentifierKind,
    value: &str,
) -> Result<IdentifierKey, SeparatorInPart> {
    let kind = match kind {
        IdentifierKind::Email => "email",
        IdentifierKind::Phone => "phone",
    };
    digest_of(&[tenant.as_str(), "client", kind, value]).map(IdentifierKey)
}

/// The key of a block of clients.
///
/// # Errors
/// When the block contains the separator.
pub fn block_key(tenant: &TenantId, block: &str) -> Result<BlockKey, SeparatorInPart> {
    digest_of(&[tenant.as_str(), "client", "block", block]).map(BlockKey)
}

/// The hash of a booking's state. What is absent and what is empty are the same; values that hold the
/// separator can't be told apart from others and are refused.
///
/// # Errors
/// When a value contains the separator.
pub fn content_hash(booking: &Booking) -> Result<ContentHash, SeparatorInPart> {
    let fields = booking.fields();
    let parts: Vec<&str> = fields
        .iter()
        .flat_map(|(name, value)| [*name, value.as_deref().unwrap_or_default()])
        .collect();
    digest_of(&parts).map(ContentHash)
}

/// The key of a record.
///
/// # Errors
/// When the natural key contains the separator.
pub fn record_key(
    tenant: &TenantId,
    system: System,
    object_type: ObjectType,
    natural_key: &Sensitive<String>,
) -> Result<RecordKey, SeparatorInPart> {
    digest_of(&[tenant.as_str(), system.as_str(), object_type.as_str(), natural_key.expose()])
        .map(RecordKey)
}

/// The key of a record that has nothing natural to be known by, made of the provider's id. It has one
/// part more than the others, so that no natural key can lead to it.
///
/// # Errors
/// When the id contains the separator.
pub fn record_key_of_id(
    tenant: &TenantId,
    system: System,
    object_type: ObjectType,
    external_id: &ExternalId,
) -> Result<RecordKey, SeparatorInPart> {
    let parts =
        [tenant.as_str(), system.as_str(), object_type.as_str(), "id", external_id.as_str()];
    digest_of(&parts).map(RecordKey)
}

/// The key of a caller's claim. Tenant and route are part of it: the same key of another tenant, or
/// on another route, is another claim.
///
/// # Errors
/// When a part contains the separator.
pub fn claim_key(
    tenant: &TenantId,
    route: &str,
    key: &IdempotencyKey,
) -> Result<ClaimKey, SeparatorInPart> {
    digest_of(&[tenant.as_str(), route, key.expose()]).map(ClaimKey)
}

/// The fingerprint of what an import was asked for; what is absent and what is empty are the same.
///
/// # Errors
/// When a part contains the separator.
pub fn import_fingerprint(
    since: Option<Timestamp>,
    until: Option<Timestamp>,
    cursor: Option<&str>,
    selection: Option<&BookingSelection>,
) -> Result<Fingerprint, SeparatorInPart> {
    let moment = |given: Option<Timestamp>| given.map(|it| it.to_string()).unwrap_or_default();
    let (since, until) = (moment(since), moment(until));
    let mut parts = vec!["import", &since, &until, cursor.unwrap_or_default()];
    let count = selection.map(|it| it.booking_ids.len().to_string());
    if let Some((selection, count)) = selection.zip(count.as_deref()) {
        // The number tells where the ids of one kind end.
        parts.push(count);
        parts.extend(selection.booking_ids.iter().map(ExternalId::as_str));
        parts.extend(selection.customer_ids.iter().map(ExternalId::as_str));
    }
    digest_of(&parts).map(Fingerprint)
}

/// The fingerprint of a normalised payload. The order of associations does not count.
///
/// # Errors
/// When a value contains the separator.
pub fn fingerprint(record: &RecordKey, draft: &CrmDraft) -> Result<Fingerprint, SeparatorInPart> {
    let mut parts = vec![record.as_str()];
    for (name, value) in draft.attributes.iter() {
        parts.push(name.as_str());
        parts.push(value);
    }
    let mut associations: Vec<_> = draft.associations.iter().map(Association::to_stored).collect();
    associations.sort_unstable();
    parts.extend(associations.iter().map(String::as_str));
    digest_of(&parts).map(Fingerprint)
}
