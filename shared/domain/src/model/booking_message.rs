//! Messages of the booking queues. Like all messages they name things and hold no value of them.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::change::is_id;
use super::{CorrelationId, ExternalId, System, TenantId, UnreadableMessage};

/// The version of both messages' shapes; a worker refuses one that it does not know.
const VERSION: u32 = 1;
/// The longest position of a provider that is carried.
const POSITION_MAX_BYTES: usize = 32 * 1024;

/// An appointment of which a provider says that something has changed. It is a mark and no more: the
/// worker reads the appointment anew.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BookingChange {
    /// Whose.
    pub tenant: TenantId,
    /// Where it is.
    pub system: System,
    /// The account as webhooks name it, see [`crate::ports::DeliveredBooking`].
    pub account_id: String,
    /// The provider's id.
    pub external_id: ExternalId,
    /// When we were told.
    pub received_at: Timestamp,
    /// When the provider first said that it has no such appointment; a second look confirms it.
    pub missing_since: Option<Timestamp>,
    /// The delivery.
    pub correlation_id: CorrelationId,
}

#[derive(Serialize, Deserialize)]
struct ChangeBody {
    version: u32,
    tenant_id: String,
    system: String,
    account_id: String,
    booking_id: String,
    received_at_ms: i64,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    missing_since_ms: Option<i64>,
    correlation_id: String,
}

impl BookingChange {
    /// The body of the message, a few hundred bytes.
    ///
    /// # Errors
    /// When it can't be written as JSON, which no value of these types causes.
    pub fn to_body(&self) -> Result<String, serde_json::Error> {
        serde_json::to_string(&ChangeBody {
            version: VERSION,
            tenant_id: self.tenant.as_str().to_owned(),
            system: self.system.as_str().to_owned(),
            account_id: self.account_id.clone(),
            booking_id: self.external_id.as_str().to_owned(),
            received_at_ms: self.received_at.as_millisecond(),
            missing_since_ms: self.missing_since.map(Timestamp::as_millisecond),
            correlation_id: self.correlation_id.as_str().to_owned(),
        })
    }

    /// Reads the body of a message.
    ///
    /// # Errors
    /// See [`UnreadableMessage`].
    pub fn parse(body: &str) -> Result<Self, UnreadableMessage> {
        let message: ChangeBody = super::message::read(body, VERSION)?;
        Self::of(message).ok_or(UnreadableMessage::Malformed)
    }

    fn of(message: ChangeBody) -> Option<Self> {
        if !is_id(&message.account_id) || !is_id(&message.booking_id) {
            return None;
        }
        let missing_since = message.missing_since_ms.map(Timestamp::from_millisecond);
        Some(Self {
            tenant: TenantId::parse(&message.tenant_id)?,
            system: System::parse(&message.system)?,
            account_id: message.account_id,
            external_id: ExternalId::new(message.booking_id),
            received_at: Timestamp::from_millisecond(message.received_at_ms).ok()?,
            missing_since: missing_since.transpose().ok()?,
            correlation_id: CorrelationId::parse(&message.correlation_id)?,
        })
    }
}

/// A part of a connection's sweep: from here on, to the window's end.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SweepStep {
    /// Whose.
    pub tenant: TenantId,
    /// Which system.
    pub system: System,
    /// The first moment of the window.
    pub from: Timestamp,
    /// The moment behind its last.
    pub until: Timestamp,
    /// Where the provider's reader goes on; `None` at the beginning.
    pub position: Option<String>,
    /// When the sweep began.
    pub began_at: Timestamp,
    /// Bookings found so far that no webhook had told of.
    pub drift: u64,
    /// The sweep.
    pub correlation_id: CorrelationId,
}

#[derive(Serialize, Deserialize)]
struct SweepBody {
    version: u32,
    tenant_id: String,
    system: String,
    from_ms: i64,
    until_ms: i64,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    position: Option<String>,
    began_at_ms: i64,
    #[serde(default)]
    drift: u64,
    correlation_id: String,
}

impl SweepStep {
    /// The body of the message.
    ///
    /// # Errors
    /// When it can't be written as JSON, which no value of these types causes.
    pub fn to_body(&self) -> Result<String, serde_json::Error> {
        serde_json::to_string(&SweepBody {
            version: VERSION,
            tenant_id: self.tenant.as_str().to_owned(),
            system: self.system.as_str().to_owned(),
            from_ms: self.from.as_millisecond(),
            until_ms: self.until.as_millisecond(),
            position: self.position.clone(),
            began_at_ms: self.began_at.as_millisecond(),
            drift: self.drift,
            correlation_id: self.correlation_id.as_str().to_owned(),
        })
    }

    /// Reads the body of a message.
    ///
    /// # Errors
    /// See [`UnreadableMessage`].
    pub fn parse(body: &str) -> Result<Self, UnreadableMessage> {
        let message: SweepBody = super::message::read(body, VERSION)?;
        Self::of(message).ok_or(UnreadableMessage::Malformed)
    }

    fn of(message: SweepBody) -> Option<Self> {
        let position = message.position;
        if position.as_ref().is_some_and(|position| position.len() > POSITION_MAX_BYTES) {
            return None;
        }
        let (from, until) = (
            Timestamp::from_millisecond(message.from_ms).ok()?,
            Timestamp::from_millisecond(message.until_ms).ok()?,
        );
        (from < until).then_some(())?;
        Some(Self {
            tenant: TenantId::parse(&message.tenant_id)?,
            system: System::parse(&message.system)?,
            from,
            until,
            position,
            began_at: Timestamp::from_millisecond(message.began_at_ms).ok()?,
            drift: message.drift,
            correlation_id: CorrelationId::parse(&message.correlation_id)?,
        })
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::{BookingChange, SweepStep, UnreadableMessage};

    fn change() -> Value {
        json!({
            "version": 1, "tenant_id": "acme", "system": "acuity", "account_id": "hook-1",
            "booking_id": "54321", "received_at_ms": 1_700_000_000_000_i64, "correlation_id": "c-1",
        })
    }

    fn step() -> Value {
        json!({
            "version": 1, "tenant_id": "acme", "system": "acuity", "from_ms": 1, "until_ms": 2,
            "position": "{}", "began_at_ms": 3, "drift": 4, "correlation_id": "c-1",
        })
    }

    fn assert_refuses(body: &Value, parse: impl Fn(&str) -> Option<UnreadableMessage>) {
        let mut future = body.clone();
        future["version"] = json!(2);
        assert_eq!(parse(&future.to_string()), Some(UnreadableMessage::UnknownVersion));
        for name in ["tenant_id", "system", "correlation_id"] {
            let mut broken = body.clone();
            broken[name] = json!("a#b");
            let error = parse(&broken.to_string());
            assert_eq!(error, Some(UnreadableMessage::Malformed), "{broken}");
        }
    }

    #[test]
    fn booking_messages_survive_the_queue() {
        let read = BookingChange::parse(&change().to_string()).unwrap();
        assert_eq!(BookingChange::parse(&read.to_body().unwrap()).unwrap(), read);
        let read = SweepStep::parse(&step().to_string()).unwrap();
        assert_eq!(SweepStep::parse(&read.to_body().unwrap()).unwrap(), read);
    }

    #[test]
    fn booking_messages_that_are_malformed_are_told_from_those_of_another_version() {
        assert_refuses(&change(), |body| BookingChange::parse(body).err());
        assert_refuses(&step(), |body| SweepStep::parse(body).err());
        let mut empty = step();
        empty["until_ms"] = json!(1);
        assert!(SweepStep::parse(&empty.to_string()).is_err());
    }
}
