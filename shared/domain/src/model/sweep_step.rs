//! Messages of the sweeps of booking systems: how far one connection's sweep is.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::{CorrelationId, System, TenantId, UnreadableMessage};

/// The version of the message's shape; a worker refuses one that it does not know.
const VERSION: u32 = 1;
/// The longest position of a provider that is carried: a vendor's cursor of 64 KiB (Square's may be
/// as long, `providers/square`), and what the reader says beside it.
pub(crate) const POSITION_MAX_BYTES: usize = 80 * 1024;
/// The longest place in the index of bookings: a moment and a key.
const PLACE_MAX_BYTES: usize = 512;

/// How far the known bookings of a part have been checked that the page at a step's position completes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CheckedUpTo {
    /// The first moment of the part. The parts before it, in the page's order, are done.
    pub from: Timestamp,
    /// The place of the last booking that is done, see [`crate::ports::KnownBooking`].
    pub place: String,
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
    /// What of the page at that position is done already; `None` where nothing is.
    pub checked: Option<CheckedUpTo>,
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
    #[serde(default, skip_serializing_if = "Option::is_none")]
    checked_part_ms: Option<i64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    checked_place: Option<String>,
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
            checked_part_ms: self.checked.as_ref().map(|it| it.from.as_millisecond()),
            checked_place: self.checked.as_ref().map(|it| it.place.clone()),
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
        let is_over = |text: &Option<String>, max| text.as_ref().is_some_and(|it| it.len() > max);
        if is_over(&position, POSITION_MAX_BYTES)
            || is_over(&message.checked_place, PLACE_MAX_BYTES)
        {
            return None;
        }
        let checked = message.checked_part_ms.zip(message.checked_place);
        let checked = checked.map(|(from_ms, place)| {
            Some(CheckedUpTo { from: Timestamp::from_millisecond(from_ms).ok()?, place })
        });
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
            checked: checked.map(|it| it.ok_or(())).transpose().ok()?,
            began_at: Timestamp::from_millisecond(message.began_at_ms).ok()?,
            drift: message.drift,
            correlation_id: CorrelationId::parse(&message.correlation_id)?,
        })
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::{CheckedUpTo, POSITION_MAX_BYTES, SweepStep};
    use crate::model::UnreadableMessage;

    fn step() -> Value {
        json!({
            "version": 1, "tenant_id": "acme", "system": "acuity", "from_ms": 1, "until_ms": 2,
            "position": "{}", "began_at_ms": 3, "drift": 4, "correlation_id": "c-1",
        })
    }

    fn parsed(change: impl FnOnce(&mut Value)) -> Result<SweepStep, UnreadableMessage> {
        let mut body = step();
        change(&mut body);
        SweepStep::parse(&body.to_string())
    }

    fn assert_survives(step: &SweepStep) -> usize {
        let body = step.to_body().unwrap();
        assert_eq!(SweepStep::parse(&body).as_ref(), Ok(step));
        body.len()
    }

    #[test]
    fn sweep_step_survives_the_queue_with_and_without_what_is_checked() {
        let mut read = parsed(|_| {}).unwrap();
        assert_eq!(read.checked, None);
        assert_survives(&read);
        let place = "2026-11-22T10:00:00Z BOOKING#vagaro#0a".to_owned();
        read.checked = Some(CheckedUpTo { from: read.from, place });
        assert_survives(&read);
    }

    #[test]
    fn sweep_step_carries_a_vendors_cursor_of_64_kib_in_a_position() {
        let cursor = "A".repeat(64 * 1024);
        let position = json!({"from": "2026-11-22T10:00:00Z", "cursor": cursor}).to_string();
        let read = parsed(|body| body["position"] = json!(position)).unwrap();
        assert!(
            assert_survives(&read) < 256 * 1024,
            "what SQS took before 2025, and what the emulator takes"
        );
        let longest = "\"".repeat(POSITION_MAX_BYTES);
        let read = parsed(|body| body["position"] = json!(longest)).unwrap();
        assert!(assert_survives(&read) < 256 * 1024, "however it is written");
        let longer = "A".repeat(POSITION_MAX_BYTES + 1);
        let refused = parsed(|body| body["position"] = json!(longer));
        assert_eq!(refused, Err(UnreadableMessage::Malformed));
    }

    #[test]
    fn sweep_step_that_is_malformed_is_told_from_one_of_another_version() {
        let future = parsed(|body| body["version"] = json!(2));
        assert_eq!(future, Err(UnreadableMessage::UnknownVersion));
        for (name, value) in [
            ("tenant_id", json!("a#b")),
            ("system", json!("a#b")),
            ("correlation_id", json!("a#b")),
            ("until_ms", json!(1)),
            ("checked_place", json!("x".repeat(513))),
        ] {
            let broken = parsed(|body| body[name] = value);
            assert_eq!(broken, Err(UnreadableMessage::Malformed), "{name}");
        }
        let broken = parsed(|body| {
            body["checked_place"] = json!("a");
            body["checked_part_ms"] = json!(i64::MAX);
        });
        assert_eq!(broken, Err(UnreadableMessage::Malformed));
    }
}
