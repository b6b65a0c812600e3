//! What a provider says has changed, and the message that carries it to the worker.
//!
//! A change is a hint: it names the object and what kind of thing happened to it, never a value. The
//! worker reads the object anew, so a change that is repeated, late or out of order does no harm.

use std::collections::BTreeSet;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::{CorrelationId, ExternalId, ObjectType, System, TenantId, UnreadableMessage};

/// The version of the message's shape; a worker refuses one that it does not know.
const VERSION: u32 = 1;
/// More names of properties than this are not carried: the worker reads all of them anyway.
const PROPERTIES_MAX: usize = 50;
/// The longest name of a property that is carried.
const PROPERTY_MAX_BYTES: usize = 100;
/// The most ids of a merge that are carried; a provider merges two at a time.
const MERGED_IDS_MAX: usize = 100;
/// The longest id of a provider.
const ID_MAX_BYTES: usize = 128;

/// What kind of thing happened to an object.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ChangeKind {
    /// It is new.
    Created,
    /// A property has another value.
    Properties,
    /// It was associated with another object, or no longer is.
    Associations,
    /// It was put into the recycling bin.
    Deleted,
    /// It was deleted for privacy: what we hold of it must go.
    Erased,
    /// Another object was merged into it.
    Merged,
    /// It came back from the recycling bin.
    Restored,
}

/// One object that has changed, with everything that one delivery said of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ObjectChange {
    /// Whose object.
    pub tenant: TenantId,
    /// Where it is.
    pub system: System,
    /// The provider's id of the account.
    pub account_id: String,
    /// Which kind of record.
    pub object_type: ObjectType,
    /// The provider's id; after a merge the one that is left.
    pub external_id: ExternalId,
    /// What happened.
    pub kinds: BTreeSet<ChangeKind>,
    /// Names of the properties that changed, as the vendor has them; for logs and never complete.
    pub properties: BTreeSet<String>,
    /// Of a merge: the ids that are no more.
    pub merged_ids: BTreeSet<ExternalId>,
    /// When the latest of it happened, by the provider's clock.
    pub occurred_at: Timestamp,
    /// When we were told.
    pub received_at: Timestamp,
    /// The delivery.
    pub correlation_id: CorrelationId,
}

#[derive(Serialize, Deserialize)]
struct Message {
    version: u32,
    tenant_id: String,
    system: String,
    account_id: String,
    #[serde(rename = "type")]
    object_type: String,
    object_id: String,
    changes: BTreeSet<ChangeKind>,
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    properties: BTreeSet<String>,
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    merged_ids: BTreeSet<String>,
    occurred_at_ms: i64,
    received_at_ms: i64,
    correlation_id: String,
}

impl ObjectChange {
    /// Takes in what else is known of the same object.
    pub fn absorb(&mut self, other: Self) {
        self.kinds.extend(other.kinds);
        self.properties.extend(other.properties);
        self.merged_ids.extend(other.merged_ids);
        self.occurred_at = self.occurred_at.max(other.occurred_at);
        self.received_at = self.received_at.min(other.received_at);
    }

    /// The body of the message; a few hundred bytes, at most some 20 KB.
    ///
    /// # Errors
    /// When it can't be written as JSON, which no value of these types causes.
    pub fn to_body(&self) -> Result<String, serde_json::Error> {
        let is_carried = |name: &&String| name.len() <= PROPERTY_MAX_BYTES;
        serde_json::to_string(&Message {
            version: VERSION,
            tenant_id: self.tenant.as_str().to_owned(),
            system: self.system.as_str().to_owned(),
            account_id: self.account_id.clone(),
            object_type: self.object_type.as_str().to_owned(),
            object_id: self.external_id.as_str().to_owned(),
            changes: self.kinds.clone(),
            properties: self
                .properties
                .iter()
                .filter(is_carried)
                .take(PROPERTIES_MAX)
                .cloned()
                .collect(),
            merged_ids: self
                .merged_ids
                .iter()
                .take(MERGED_IDS_MAX)
                .map(|id| id.as_str().to_owned())
                .collect(),
            occurred_at_ms: self.occurred_at.as_millisecond(),
            received_at_ms: self.received_at.as_millisecond(),
            correlation_id: self.correlation_id.as_str().to_owned(),
        })
    }

    /// Reads the body of a message.
    ///
    /// # Errors
    /// See [`UnreadableMessage`].
    pub fn parse(body: &str) -> Result<Self, UnreadableMessage> {
        let message: Message = super::message::read(body, VERSION)?;
        Self::of(message).ok_or(UnreadableMessage::Malformed)
    }

    fn of(message: Message) -> Option<Self> {
        let id = |text: String| is_id(&text).then(|| ExternalId::new(text));
        if message.changes.is_empty() || !is_id(&message.account_id) {
            return None;
        }
        Some(Self {
            tenant: TenantId::parse(&message.tenant_id)?,
            system: System::parse(&message.system)?,
            account_id: message.account_id,
            object_type: ObjectType::parse(&message.object_type)?,
            external_id: id(message.object_id)?,
            kinds: message.changes,
            properties: message.properties,
            merged_ids: message.merged_ids.into_iter().map(id).collect::<Option<_>>()?,
            occurred_at: Timestamp::from_millisecond(message.occurred_at_ms).ok()?,
            received_at: Timestamp::from_millisecond(message.received_at_ms).ok()?,
            correlation_id: CorrelationId::parse(&message.correlation_id)?,
        })
    }
}

/// Whether a text may be a provider's id: short, plain, and free of the separators of our keys.
pub(super) fn is_id(text: &str) -> bool {
    !text.is_empty()
        && text.len() <= ID_MAX_BYTES
        && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"_-.".contains(&byte))
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::{ObjectChange, UnreadableMessage};

    fn body() -> Value {
        json!({
            "version": 1, "tenant_id": "acme", "system": "hubspot", "account_id": "62515",
            "type": "contact", "object_id": "17", "changes": ["created", "properties"],
            "properties": ["firstname"], "occurred_at_ms": 1_700_000_000_000_i64,
            "received_at_ms": 1_700_000_000_500_i64, "correlation_id": "c-1",
        })
    }

    #[test]
    fn change_survives_the_queue() {
        let change = ObjectChange::parse(&body().to_string()).unwrap();
        assert_eq!(ObjectChange::parse(&change.to_body().unwrap()).unwrap(), change);
    }

    #[test]
    fn change_of_another_version_is_told_from_a_malformed_one() {
        let mut future = body();
        future["version"] = json!(2);
        future["changes"] = json!({"of": "another shape"});
        let error = ObjectChange::parse(&future.to_string()).unwrap_err();
        assert_eq!(error, UnreadableMessage::UnknownVersion);
        for (name, value) in [
            ("version", json!("1")),
            ("tenant_id", json!("a#b")),
            ("system", json!("other")),
            ("type", json!("ticket")),
            ("object_id", json!("17#x")),
            ("object_id", json!(17)),
            ("changes", json!([])),
            ("changes", json!(["exploded"])),
            ("occurred_at_ms", json!(i64::MAX)),
            ("correlation_id", json!("")),
        ] {
            let mut broken = body();
            broken[name] = value;
            let error = ObjectChange::parse(&broken.to_string()).unwrap_err();
            assert_eq!(error, UnreadableMessage::Malformed, "{broken}");
        }
    }

    #[test]
    fn change_stays_small_whatever_a_provider_calls_its_properties() {
        let mut change = ObjectChange::parse(&body().to_string()).unwrap();
        change.properties = (0..5_000).map(|index| format!("{index}-{}", "x".repeat(90))).collect();
        assert!(change.to_body().unwrap().len() < 20_000);
    }
}
