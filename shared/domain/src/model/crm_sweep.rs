//! The message of the queue of CRM sweeps. Like all messages it names things and holds no value of
//! them.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::change::is_id;
use super::{CorrelationId, ObjectType, System, TenantId, UnreadableMessage};

/// The version of the message's shape; a worker refuses one that it does not know.
const VERSION: u32 = 1;
/// The longest position of a provider that is carried.
const POSITION_MAX_BYTES: usize = 32 * 1024;

/// How far a sweep has come: the changes of all kinds of record before this place are on their queue.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CrmSweepPlace {
    /// The account that is swept, as the provider names it. A position says nothing of another one.
    pub account_id: String,
    /// The first moment of the span.
    pub since: Timestamp,
    /// The moment behind its last, and the watermark when all of it is done.
    pub until: Timestamp,
    /// The kind of record that is next.
    pub object_type: ObjectType,
    /// Where the provider's feed goes on within the kind; `None` at its beginning.
    pub position: Option<String>,
}

/// A part of a CRM's sweep: from here on, to the end of the span.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CrmSweepStep {
    /// Whose.
    pub tenant: TenantId,
    /// Which system.
    pub system: System,
    /// How far it has come; `None` before the span is known.
    pub place: Option<CrmSweepPlace>,
    /// When it last came forward; at first, when it was planned.
    pub forward_at: Timestamp,
    /// Hints so far.
    pub found: u64,
    /// How often a position was refused, so that its kind of record was begun anew.
    pub restarts: u32,
    /// The sweep. All of its steps have the same, and no other sweep has it.
    pub correlation_id: CorrelationId,
}

/// The members of a place are there all together or not at all, but for the position.
#[derive(Serialize, Deserialize)]
struct StepBody {
    version: u32,
    tenant_id: String,
    system: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    account_id: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    since_ms: Option<i64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    until_ms: Option<i64>,
    #[serde(default, rename = "type", skip_serializing_if = "Option::is_none")]
    object_type: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    position: Option<String>,
    forward_at_ms: i64,
    #[serde(default)]
    found: u64,
    #[serde(default)]
    restarts: u32,
    correlation_id: String,
}

impl CrmSweepStep {
    /// The body of the message.
    ///
    /// # Errors
    /// When it can't be written as JSON, which no value of these types causes.
    pub fn to_body(&self) -> Result<String, serde_json::Error> {
        let place = self.place.as_ref();
        serde_json::to_string(&StepBody {
            version: VERSION,
            tenant_id: self.tenant.as_str().to_owned(),
            system: self.system.as_str().to_owned(),
            account_id: place.map(|place| place.account_id.clone()),
            since_ms: place.map(|place| place.since.as_millisecond()),
            until_ms: place.map(|place| place.until.as_millisecond()),
            object_type: place.map(|place| place.object_type.as_str().to_owned()),
            position: place.and_then(|place| place.position.clone()),
            forward_at_ms: self.forward_at.as_millisecond(),
            found: self.found,
            restarts: self.restarts,
            correlation_id: self.correlation_id.as_str().to_owned(),
        })
    }

    /// Reads the body of a message.
    ///
    /// # Errors
    /// See [`UnreadableMessage`].
    pub fn parse(body: &str) -> Result<Self, UnreadableMessage> {
        let message: StepBody = super::message::read(body, VERSION)?;
        Self::of(message).ok_or(UnreadableMessage::Malformed)
    }

    fn of(message: StepBody) -> Option<Self> {
        let StepBody { account_id, since_ms, until_ms, object_type, position, .. } = message;
        let place = match (account_id, since_ms, until_ms, object_type) {
            (None, None, None, None) if position.is_none() => None,
            (account_id, since_ms, until_ms, object_type) => {
                Some(place_of(account_id?, (since_ms?, until_ms?), &object_type?, position)?)
            }
        };
        Some(Self {
            tenant: TenantId::parse(&message.tenant_id)?,
            system: System::parse(&message.system)?,
            place,
            forward_at: Timestamp::from_millisecond(message.forward_at_ms).ok()?,
            found: message.found,
            restarts: message.restarts,
            correlation_id: CorrelationId::parse(&message.correlation_id)?,
        })
    }
}

fn place_of(
    account_id: String,
    (since_ms, until_ms): (i64, i64),
    object_type: &str,
    position: Option<String>,
) -> Option<CrmSweepPlace> {
    let is_short = position.as_ref().is_none_or(|it| it.len() <= POSITION_MAX_BYTES);
    let since = Timestamp::from_millisecond(since_ms).ok()?;
    let until = Timestamp::from_millisecond(until_ms).ok()?;
    let object_type = ObjectType::parse(object_type)?;
    (is_short && is_id(&account_id) && since < until).then_some(CrmSweepPlace {
        account_id,
        since,
        until,
        object_type,
        position,
    })
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::{CrmSweepStep, UnreadableMessage};

    fn body() -> Value {
        json!({
            "version": 1, "tenant_id": "acme", "system": "pipedrive", "forward_at_ms": 3,
            "found": 4, "correlation_id": "sweep-1", "account_id": "7700", "since_ms": 1,
            "until_ms": 2, "type": "company", "position": "eyJ9",
        })
    }

    #[test]
    fn crm_sweep_step_survives_the_queue() {
        let step = CrmSweepStep::parse(&body().to_string()).unwrap();
        assert_eq!(CrmSweepStep::parse(&step.to_body().unwrap()).unwrap(), step);
        assert_eq!(step.restarts, 0, "a message of a build before has none");
        let first = CrmSweepStep { place: None, restarts: 2, ..step };
        assert_eq!(CrmSweepStep::parse(&first.to_body().unwrap()).unwrap(), first);
    }

    #[test]
    fn crm_sweep_step_that_is_malformed_is_told_from_one_of_another_version() {
        let mut future = body();
        future["version"] = json!(2);
        let error = CrmSweepStep::parse(&future.to_string()).unwrap_err();
        assert_eq!(error, UnreadableMessage::UnknownVersion);
        let long = json!("x".repeat(40_000));
        for (name, value) in [
            ("tenant_id", json!("a#b")),
            ("system", json!("other")),
            ("correlation_id", json!("")),
            ("forward_at_ms", json!("3")),
            ("account_id", json!("7#7")),
            ("type", json!("ticket")),
            ("until_ms", json!(1)),
            ("position", long),
            ("type", json!(null)),
            ("account_id", json!(null)),
        ] {
            let mut broken = body();
            broken[name] = value;
            let error = CrmSweepStep::parse(&broken.to_string()).unwrap_err();
            assert_eq!(error, UnreadableMessage::Malformed, "{name}");
        }
    }
}
