//! What Acuity's webhooks say: that something about an appointment has changed.
//!
//! A form with `action` and `id`, and nothing that tells the account: that is told by the token in
//! the address, of which each tenant has one of its own. Two changes of one appointment have the same
//! body, so a body is never taken for a repeat (developers.acuityscheduling.com, "Webhooks").

use jiff::Timestamp;
use sync_domain::hook_address;
use sync_domain::model::{ExternalId, System};
use sync_domain::ports::{
    DeliveredBooking, DeliveredEvents, DeliverySignature, SignatureFault, UnreadableDelivery,
    WebhookDelivery, WebhookProtocol,
};

use super::form::{Field, field};
use super::scalar::digits;
use super::signature::AcuitySignature;

/// A delivery has about a hundred bytes.
const BODY_MAX_BYTES: usize = 16 * 1024;
/// The digits of the longest id.
const ID_MAX_DIGITS: usize = 19;
/// What deliveries of webhooks that were made by a call have before the action (seen by integrators;
/// the documentation names the bare word).
const ACTION_PREFIX: &str = "appointment.";

/// Acuity's webhooks.
#[derive(Debug, Clone, Copy, Default)]
pub struct AcuityWebhooks;

impl WebhookProtocol for AcuityWebhooks {
    fn system(&self) -> System {
        System::Acuity
    }

    fn signature<'a>(
        &self,
        delivery: &'a WebhookDelivery,
        _now: Timestamp,
    ) -> Result<Box<dyn DeliverySignature + 'a>, SignatureFault> {
        Ok(Box::new(AcuitySignature::read(delivery)?))
    }

    fn claimed_account(&self, delivery: &WebhookDelivery) -> Option<String> {
        hook_address::token_of_query(&delivery.url).map(hook_address::account_id)
    }

    fn events(&self, delivery: &WebhookDelivery) -> Result<DeliveredEvents, UnreadableDelivery> {
        if delivery.body.len() > BODY_MAX_BYTES {
            return Err(UnreadableDelivery::TooMany);
        }
        let mut events = DeliveredEvents::default();
        let action = match field(&delivery.body, "action") {
            // JSON, or nothing at all.
            Field::Absent => return Err(UnreadableDelivery::NotAList),
            Field::Sole(action) => Some(action),
            Field::Unreadable => None,
        };
        match action.as_deref().map(is_of_appointment) {
            None => events.unreadable = 1,
            Some(false) => events.ignored = 1,
            Some(true) => match self.claimed_account(delivery).zip(id_of(&delivery.body)) {
                None => events.unreadable = 1,
                Some((account_id, external_id)) => {
                    let booking = DeliveredBooking { account_id, external_id, snapshot: None };
                    events.bookings.push(booking);
                }
            },
        }
        Ok(events)
    }
}

/// Whether an action is one of an appointment. All are treated alike; orders are not ours.
fn is_of_appointment(action: &str) -> bool {
    let name = action.strip_prefix(ACTION_PREFIX).unwrap_or(action);
    matches!(name, "scheduled" | "rescheduled" | "canceled" | "changed")
}

fn id_of(body: &[u8]) -> Option<ExternalId> {
    let Field::Sole(text) = field(body, "id") else { return None };
    let id = (text.len() <= ID_MAX_DIGITS).then(|| digits(&text)).flatten();
    id.filter(|id| *id > 0).map(|id| ExternalId::new(id.to_string()))
}

#[cfg(test)]
mod tests {
    use sync_domain::ports::{
        DeliveredBooking, DeliveredEvents, UnreadableDelivery, WebhookDelivery, WebhookProtocol,
    };

    use super::AcuityWebhooks;

    const TOKEN: &str = "0123456789abcdef0123456789abcdef";
    /// Of `printf %s 0123456789abcdef0123456789abcdef | sha256sum`.
    const ACCOUNT: &str = "hook-3eb1bd439947eb762998e566ccc2e099c791118b";

    fn delivery(query: &str, body: &[u8]) -> WebhookDelivery {
        WebhookDelivery {
            source: None,
            method: "POST".to_owned(),
            url: format!("https://hooks.example.com/webhooks/booking/acuity{query}"),
            headers: Vec::new(),
            body: body.to_vec(),
        }
    }

    fn events(body: &[u8]) -> Result<DeliveredEvents, UnreadableDelivery> {
        AcuityWebhooks.events(&delivery(&format!("?token={TOKEN}"), body))
    }

    fn account(query: &str) -> Option<String> {
        AcuityWebhooks.claimed_account(&delivery(query, b""))
    }

    #[test]
    fn account_is_the_hash_of_the_one_token_of_the_address() {
        assert_eq!(account(&format!("?token={TOKEN}")).as_deref(), Some(ACCOUNT));
        assert_eq!(account(&format!("?a=1&token={TOKEN}&b")).as_deref(), Some(ACCOUNT));
        for query in [
            String::new(),
            "?".to_owned(),
            "?token".to_owned(),
            "?token=".to_owned(),
            format!("?Token={TOKEN}"),
            format!("?token={TOKEN}&token={TOKEN}"),
            format!("?token={TOKEN}&token"),
            format!("?token={}", TOKEN.to_uppercase()),
            format!("?token={TOKEN}0"),
            format!("?token={}", TOKEN.get(1..).unwrap()),
            format!("?token={}%", TOKEN.get(1..).unwrap()),
            format!("?token={}g", TOKEN.get(1..).unwrap()),
            format!("?%74oken={TOKEN}"),
            format!("#token={TOKEN}"),
        ] {
            assert_eq!(account(&query), None, "{query}");
        }
    }

    #[test]
    fn appointment_is_named_by_bare_and_dotted_actions() {
        for action in ["scheduled", "rescheduled", "canceled", "changed"] {
            for prefix in ["", "appointment."] {
                let body = format!("action={prefix}{action}&id=054321&calendarID=&new=%zz");
                let booking = DeliveredBooking {
                    account_id: ACCOUNT.to_owned(),
                    external_id: sync_domain::model::ExternalId::new("54321"),
                    snapshot: None,
                };
                let expected = DeliveredEvents { bookings: vec![booking], ..Default::default() };
                assert_eq!(events(body.as_bytes()), Ok(expected), "{body}");
            }
        }
    }

    #[test]
    fn action_that_is_no_appointments_is_ignored() {
        for action in [
            "order.completed",
            "",
            "deleted",
            "appointment.",
            "appointment.appointment.changed",
            "Changed",
        ] {
            let expected = DeliveredEvents { ignored: 1, ..DeliveredEvents::default() };
            assert_eq!(
                events(format!("action={action}&id=1").as_bytes()),
                Ok(expected),
                "{action}"
            );
        }
    }

    #[test]
    fn event_without_a_sole_and_plain_id_or_action_is_unreadable() {
        for body in [
            "action=changed",
            "action=changed&id=",
            "action=changed&id=0",
            "action=changed&id=-1",
            "action=changed&id=1.5",
            "action=changed&id=1%2F2",
            "action=changed&id=%D9%A1",
            "action=changed&id=1&id=1",
            "action=changed&id=9223372036854775808",
            "action=changed&id=00000000000000000001",
            "action=changed&action=changed&id=1",
            "action=%ff&id=1",
            "action=%&id=1",
        ] {
            let expected = DeliveredEvents { unreadable: 1, ..DeliveredEvents::default() };
            assert_eq!(events(body.as_bytes()), Ok(expected), "{body}");
        }
    }

    #[test]
    fn body_that_is_no_form_of_acuitys_is_refused_as_a_whole() {
        for body in [&b""[..], br#"{"action":"changed","id":1}"#, b"[]", b"id=1", b"\xff\xfe"] {
            assert_eq!(events(body), Err(UnreadableDelivery::NotAList));
        }
        let large = format!("action=changed&id=1&x={}", "a".repeat(1_000_000));
        assert_eq!(events(large.as_bytes()), Err(UnreadableDelivery::TooMany));
    }

    #[test]
    fn event_without_a_token_in_the_address_is_nobodys() {
        let events = AcuityWebhooks.events(&delivery("", b"action=changed&id=1")).unwrap();
        assert_eq!((events.unreadable, events.bookings.len()), (1, 0));
    }
}
