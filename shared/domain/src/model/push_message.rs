//! The message that wakes a worker up for an upsert that waits. It carries keys only; what is wanted
//! waits in the table.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::{CorrelationId, ObjectType, System, TenantId, UnreadableMessage};
use crate::keys::{ClaimKey, RecordKey};

/// The version of the message's shape; a worker refuses one that it does not know.
const VERSION: u32 = 1;

/// An upsert that waits.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PushMessage {
    /// Whose record.
    pub tenant: TenantId,
    /// Which system.
    pub system: System,
    /// Which kind of record.
    pub object_type: ObjectType,
    /// The record.
    pub record: RecordKey,
    /// The claim on the caller's key.
    pub key: ClaimKey,
    /// The request.
    pub correlation_id: CorrelationId,
    /// When the call is surely over that sent the message: until then its claim may still be on the
    /// way.
    pub call_ends_at: Option<Timestamp>,
}

#[derive(Serialize, Deserialize)]
struct Message {
    version: u32,
    tenant_id: String,
    system: String,
    #[serde(rename = "type")]
    object_type: String,
    record_key: String,
    claim_key: String,
    correlation_id: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    call_ends_at_ms: Option<i64>,
}

impl PushMessage {
    /// The body of the message, about 300 bytes.
    ///
    /// # Errors
    /// When it can't be written as JSON, which no value of these types causes.
    pub fn to_body(&self) -> Result<String, serde_json::Error> {
        serde_json::to_string(&Message {
            version: VERSION,
            tenant_id: self.tenant.as_str().to_owned(),
            system: self.system.as_str().to_owned(),
            object_type: self.object_type.as_str().to_owned(),
            record_key: self.record.as_str().to_owned(),
            claim_key: self.key.as_str().to_owned(),
            correlation_id: self.correlation_id.as_str().to_owned(),
            call_ends_at_ms: self.call_ends_at.map(Timestamp::as_millisecond),
        })
    }

    /// Reads the body of a message.
    ///
    /// # Errors
    /// See [`UnreadableMessage`].
    pub fn parse(body: &str) -> Result<Self, UnreadableMessage> {
        let message: Message = super::message::read(body, VERSION)?;
        Self::of(&message).ok_or(UnreadableMessage::Malformed)
    }

    fn of(message: &Message) -> Option<Self> {
        let digest = |text: &str| {
            let is_digest = text.len() == 64 && text.bytes().all(|byte| byte.is_ascii_hexdigit());
            is_digest.then(|| text.to_owned())
        };
        Some(Self {
            tenant: TenantId::parse(&message.tenant_id)?,
            system: System::parse(&message.system)?,
            object_type: ObjectType::parse(&message.object_type)?,
            record: RecordKey::from_stored(digest(&message.record_key)?),
            key: ClaimKey::from_stored(digest(&message.claim_key)?),
            correlation_id: CorrelationId::parse(&message.correlation_id)?,
            call_ends_at: match message.call_ends_at_ms {
                Some(millis) => Some(Timestamp::from_millisecond(millis).ok()?),
                None => None,
            },
        })
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::{PushMessage, Timestamp, UnreadableMessage};

    #[test]
    fn push_message_survives_the_queue_and_refuses_other_shapes() {
        let digest = "ab".repeat(32);
        let body = json!({
            "version": 1, "tenant_id": "acme", "system": "hubspot", "type": "deal",
            "record_key": digest, "claim_key": digest, "correlation_id": "c-1",
        });
        let message = PushMessage::parse(&body.to_string()).unwrap();
        assert_eq!(PushMessage::parse(&message.to_body().unwrap()).unwrap(), message);
        let call_ends_at = Timestamp::from_second(1_790_000_000).ok();
        let message = PushMessage { call_ends_at, ..message };
        assert_eq!(PushMessage::parse(&message.to_body().unwrap()).unwrap(), message);
        for (name, value, expected) in [
            ("version", json!(2), UnreadableMessage::UnknownVersion),
            ("version", json!(null), UnreadableMessage::Malformed),
            ("record_key", json!("ab#"), UnreadableMessage::Malformed),
            ("tenant_id", json!("a#b"), UnreadableMessage::Malformed),
            ("call_ends_at_ms", json!(i64::MAX), UnreadableMessage::Malformed),
        ] {
            let mut other = body.clone();
            other[name] = value;
            assert_eq!(PushMessage::parse(&other.to_string()).unwrap_err(), expected, "{name}");
        }
    }
}
