//! Messages of changed appointments. Like all messages they hold nothing of a person: they name things,
//! and where a delivery has told all of an appointment but who booked, that goes along.

use std::cmp::Ordering;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::booking_snapshot::{SnapshotBody, is_provider_id};
use super::change::is_id;
use super::{BookingSnapshot, CorrelationId, ExternalId, System, TenantId, UnreadableMessage};

/// The version of the message's shape; a worker refuses one that it does not know.
const VERSION: u32 = 1;

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

impl BookingChange {
    /// Takes in what another change of the same appointment says. The newer of two snapshots counts, with
    /// its delivery. Where one has none, something has changed of which no snapshot tells, and where
    /// it can't be said which is newer, neither is believed: the appointment is read anew.
    pub fn absorb(&mut self, other: Self) {
        // The first of all looks that missed it.
        let since = [self.missing_since, other.missing_since];
        self.missing_since = since.into_iter().flatten().min();
        let order = self.snapshot.as_ref().zip(other.snapshot.as_ref());
        match order.and_then(|(ours, theirs)| ours.compared(theirs)) {
            Some(Ordering::Less) => {
                self.snapshot = other.snapshot;
                self.received_at = other.received_at;
                self.correlation_id = other.correlation_id;
            }
            Some(Ordering::Equal | Ordering::Greater) => {}
            None => self.snapshot = None,
        }
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
            snapshot: self.snapshot.as_ref().and_then(SnapshotBody::of),
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
        if !is_id(&message.account_id) || !is_provider_id(&message.booking_id) {
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
            snapshot: message.snapshot.and_then(SnapshotBody::read),
            correlation_id: CorrelationId::parse(&message.correlation_id)?,
        })
    }
}

#[cfg(test)]
mod tests {
    use jiff::{SignedDuration, Timestamp};
    use serde_json::{Value, json};

    use super::{BookingChange, UnreadableMessage};
    use crate::model::{BookingSnapshot, CorrelationId, RemoteState};

    const RECEIVED: Timestamp = Timestamp::constant(1_700_000_000, 0);

    fn change() -> Value {
        json!({
            "version": 1, "tenant_id": "acme", "system": "vagaro", "account_id": "hook-1",
            "booking_id": "L1qX+/9~ab==", "received_at_ms": RECEIVED.as_millisecond(),
            "correlation_id": "c-1",
        })
    }

    fn snapshot() -> Value {
        json!({
            "starts_at_ms": 1_000, "ends_at_ms": 2_000, "state": "declined",
            "details": {"service_id": "7", "is_tentative": "true", "cancelled_by": "business"},
            "customer_id": "kHf/3+a==", "provider_version": 5, "as_of_ms": 3_000,
        })
    }

    fn parsed(change_body: impl FnOnce(&mut Value)) -> BookingChange {
        let mut body = change();
        body["snapshot"] = snapshot();
        change_body(&mut body);
        BookingChange::parse(&body.to_string()).unwrap()
    }

    /// A change with a snapshot of that version or time, received so many seconds later.
    fn told(version: Option<i64>, as_of_s: Option<i64>, later_s: i64) -> BookingChange {
        let mut told = parsed(|_| {});
        told.received_at = RECEIVED + SignedDuration::from_secs(later_s);
        told.correlation_id = CorrelationId::parse(&format!("c-{later_s}")).unwrap();
        let snapshot = told.snapshot.as_mut().unwrap();
        snapshot.provider_version = version;
        snapshot.as_of = as_of_s.map(|second| Timestamp::from_second(second).unwrap());
        told
    }

    fn absorbed(mut one: BookingChange, other: BookingChange) -> BookingChange {
        one.absorb(other);
        one
    }

    #[test]
    fn booking_change_survives_the_queue_with_and_without_a_snapshot() {
        for change in [parsed(|_| {}), parsed(|body| body["snapshot"] = Value::Null)] {
            let body = change.to_body().unwrap();
            assert_eq!(BookingChange::parse(&body).unwrap(), change);
            assert_eq!(body.contains("snapshot"), change.snapshot.is_some());
        }
        let told = parsed(|_| {}).snapshot.unwrap();
        assert_eq!((told.state, told.details.len()), (RemoteState::Declined, 3));
        let old = BookingChange::parse(&change().to_string()).unwrap();
        assert_eq!(old.snapshot, None, "an older build's message has no such member");
    }

    #[test]
    fn booking_change_whose_snapshot_says_nothing_sensible_is_a_mark() {
        for (name, value) in [
            ("ends_at_ms", json!(999)),
            ("starts_at_ms", json!(i64::MAX)),
            ("as_of_ms", json!(i64::MIN)),
            ("state", json!("postponed")),
            ("details", json!({"notes": "x"})),
            ("details", json!({"service_name": "x".repeat(1_025)})),
            ("details", json!({"service_name": ""})),
            ("customer_id", json!("x".repeat(129))),
            ("customer_id", json!("a\u{1f}b")),
            ("customer_id", json!("")),
        ] {
            let read = parsed(|body| body["snapshot"][name] = value.clone());
            assert_eq!(read.snapshot, None, "{name} {value}");
        }
        let longest = json!({"service_name": "x".repeat(1_024)});
        assert!(parsed(|body| body["snapshot"]["details"] = longest).snapshot.is_some());
    }

    #[test]
    fn booking_change_leaves_a_snapshot_out_that_its_message_could_not_give_back() {
        let mut broken = parsed(|_| {});
        let ends_before = broken.snapshot.as_mut().unwrap();
        ends_before.ends_at = ends_before.starts_at - SignedDuration::from_secs(1);
        let read = BookingChange::parse(&broken.to_body().unwrap()).unwrap();
        assert_eq!(read, BookingChange { snapshot: None, ..broken });
    }

    #[test]
    fn booking_change_that_is_malformed_is_told_from_one_of_another_version() {
        let error = |name: &str, value: Value| {
            let mut body = change();
            body["snapshot"] = snapshot();
            body[name] = value;
            BookingChange::parse(&body.to_string()).err()
        };
        assert_eq!(error("version", json!(2)), Some(UnreadableMessage::UnknownVersion));
        for name in ["tenant_id", "system", "account_id", "booking_id", "correlation_id"] {
            let found = error(name, json!("a#b"));
            assert_eq!(found, Some(UnreadableMessage::Malformed), "{name}");
        }
        assert_eq!(error("snapshot", json!("text")), Some(UnreadableMessage::Malformed));
    }

    #[test]
    fn newer_of_two_snapshots_counts_with_its_delivery_in_either_order() {
        for (old, new) in [
            (told(Some(4), None, 1), told(Some(5), None, 2)),
            (told(Some(4), Some(90), 1), told(Some(5), Some(80), 2)),
            (told(None, Some(80), 1), told(None, Some(81), 2)),
        ] {
            assert_eq!(absorbed(old.clone(), new.clone()), new);
            assert_eq!(absorbed(new.clone(), old), new);
        }
        let (first, again) = (told(Some(4), None, 1), told(Some(4), None, 2));
        assert_eq!(absorbed(first.clone(), again), first, "the same twice is the first");
    }

    #[test]
    fn snapshots_that_cannot_be_put_in_order_are_read_anew() {
        let other = |mut change: BookingChange| {
            change.snapshot.as_mut().unwrap().state = RemoteState::NoShow;
            change
        };
        let mark = parsed(|body| body["snapshot"] = Value::Null);
        for (one, two) in [
            (told(Some(4), None, 1), mark),
            (told(Some(4), None, 1), other(told(Some(4), None, 2))),
            (told(None, Some(80), 1), other(told(None, Some(80), 2))),
            (told(None, None, 1), told(None, None, 2)),
            (told(Some(4), None, 1), told(None, Some(80), 2)),
        ] {
            let snapshot_of =
                |change: BookingChange| -> Option<BookingSnapshot> { change.snapshot };
            assert_eq!(snapshot_of(absorbed(one.clone(), two.clone())), None);
            assert_eq!(snapshot_of(absorbed(two, one)), None);
        }
    }

    #[test]
    fn first_look_that_missed_an_appointment_counts() {
        let missed = |second| BookingChange {
            missing_since: Some(Timestamp::from_second(second).unwrap()),
            ..told(Some(4), None, 1)
        };
        let since = absorbed(missed(9), missed(7)).missing_since;
        assert_eq!(since, Some(Timestamp::from_second(7).unwrap()));
        let since = absorbed(told(Some(4), None, 1), missed(9)).missing_since;
        assert_eq!(since, Some(Timestamp::from_second(9).unwrap()));
    }
}
