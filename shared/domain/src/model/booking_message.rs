//! Messages of the booking queues. Like all messages they hold nothing of a person: they name things,
//! and where a delivery has told all of an appointment but who booked, that goes along.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::booking::{BookingSnapshot, DetailName, RemoteState};
use super::change::is_id;
use super::{CorrelationId, ExternalId, System, TenantId, UnreadableMessage};

/// The version of both messages' shapes; a worker refuses one that it does not know.
const VERSION: u32 = 1;
/// The longest position of a provider that is carried.
const POSITION_MAX_BYTES: usize = 32 * 1024;

/// An appointment of which a provider says that something has changed. Without a snapshot it is a mark
/// and no more: the worker reads the appointment anew.
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
    /// What the delivery says of the appointment, if that is all but who booked.
    pub snapshot: Option<BookingSnapshot>,
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
    #[serde(default, skip_serializing_if = "Option::is_none")]
    snapshot: Option<SnapshotBody>,
    correlation_id: String,
}

#[derive(Serialize, Deserialize)]
struct SnapshotBody {
    starts_at_ms: i64,
    ends_at_ms: i64,
    state: String,
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    details: BTreeMap<String, String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    customer_id: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    provider_version: Option<i64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    as_of_ms: Option<i64>,
}

impl From<&BookingSnapshot> for SnapshotBody {
    fn from(snapshot: &BookingSnapshot) -> Self {
        let details = snapshot.details.iter();
        Self {
            starts_at_ms: snapshot.starts_at.as_millisecond(),
            ends_at_ms: snapshot.ends_at.as_millisecond(),
            state: snapshot.state.as_str().to_owned(),
            details: details.map(|(name, value)| (name.as_str().into(), value.clone())).collect(),
            customer_id: snapshot.customer_id.clone(),
            provider_version: snapshot.provider_version,
            as_of_ms: snapshot.as_of.map(Timestamp::as_millisecond),
        }
    }
}

impl SnapshotBody {
    fn read(self) -> Option<BookingSnapshot> {
        let moment = |ms| Timestamp::from_millisecond(ms).ok();
        let (starts_at, ends_at) = (moment(self.starts_at_ms)?, moment(self.ends_at_ms)?);
        let details = self.details.into_iter();
        let details = details.map(|(name, value)| Some((DetailName::parse(&name)?, value)));
        (starts_at <= ends_at).then_some(())?;
        Some(BookingSnapshot {
            starts_at,
            ends_at,
            state: RemoteState::parse(&self.state)?,
            details: details.collect::<Option<_>>()?,
            customer_id: self.customer_id,
            provider_version: self.provider_version,
            as_of: self.as_of_ms.map(Timestamp::from_millisecond).transpose().ok()?,
        })
    }
}

impl BookingChange {
    /// Takes in what another change of the same appointment says. The newer of two snapshots counts; if
    /// one of them has none, something has changed of which no snapshot tells, and it is read anew.
    pub fn absorb(&mut self, other: Self) {
        // The first of all looks that missed it.
        let since = [self.missing_since, other.missing_since];
        self.missing_since = since.into_iter().flatten().min();
        self.snapshot = match (self.snapshot.take(), other.snapshot) {
            (Some(ours), Some(theirs)) if theirs.is_as_new_as(&ours) => Some(theirs),
            (Some(ours), Some(_older)) => Some(ours),
            (None, _) | (_, None) => None,
        };
    }

    /// The body of the message, a few hundred bytes; some more with a snapshot.
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
            snapshot: self.snapshot.as_ref().map(SnapshotBody::from),
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
        if !is_id(&message.account_id) || !is_booking_id(&message.booking_id) {
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
            snapshot: message.snapshot.map(|it| it.read().ok_or(())).transpose().ok()?,
            correlation_id: CorrelationId::parse(&message.correlation_id)?,
        })
    }
}

/// Whether a text may be a provider's id of an appointment: those of Vagaro are base64 and like it.
fn is_booking_id(text: &str) -> bool {
    is_id(&text.replace(['+', '/', '=', '~'], "-"))
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
