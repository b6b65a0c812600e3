//! Whatever comes as one of Acuity's webhooks is read, counted or refused.

use proptest::prelude::*;
use sha2::{Digest, Sha256};
use sync_domain::model::{ExternalId, System};
use sync_domain::ports::{DeliveredBooking, DeliveredEvents, UnreadableDelivery, WebhookDelivery};
use sync_providers::webhook_protocol;

const TOKEN: &str = "0f1e2d3c4b5a69788796a5b4c3d2e1f0";

fn delivery(body: &[u8]) -> WebhookDelivery {
    WebhookDelivery {
        source: None,
        method: "POST".to_owned(),
        url: format!("https://hooks.example.com/webhooks/booking/acuity?token={TOKEN}"),
        headers: vec![],
        body: body.to_vec(),
    }
}

fn events(body: &[u8]) -> Result<DeliveredEvents, UnreadableDelivery> {
    webhook_protocol(System::Acuity).events(&delivery(body))
}

fn account_id() -> String {
    let hash = hex::encode(Sha256::digest(TOKEN));
    format!("hook-{}", hash.get(..40).unwrap())
}

/// As integrators have seen it.
#[test]
fn delivery_of_a_dynamic_webhook_marks_its_appointment() {
    let body =
        b"action=appointment.changed&id=399682887&calendarID=4038206&appointmentTypeID=14792299";
    let read = events(body).unwrap();
    let expected = DeliveredBooking {
        account_id: account_id(),
        external_id: ExternalId::new("399682887"),
        snapshot: None,
    };
    assert_eq!((read.count(), read.bookings), (1, vec![expected]));
    let claimed = webhook_protocol(System::Acuity).claimed_account(&delivery(body));
    assert_eq!(claimed, Some(account_id()));
}

#[test]
fn order_is_counted_and_left_alone() {
    let read = events(b"action=order.completed&id=987654321").unwrap();
    assert_eq!((read.ignored, read.count()), (1, 1));
}

#[test]
fn json_and_a_body_of_a_megabyte_are_refused() {
    let json = br#"{"action":"appointment.changed","id":399682887}"#;
    assert_eq!(events(json), Err(UnreadableDelivery::NotAList));
    let mut large = b"action=changed&id=1&notes=".to_vec();
    large.resize(1_000_000, b'a');
    assert_eq!(events(&large), Err(UnreadableDelivery::TooMany));
}

proptest! {
    /// No body has more than one event, and an appointment is only ever named by its number.
    #[test]
    fn body_of_any_bytes_is_one_event_or_refused(
        action in "(appointment\\.)?(scheduled|changed|canceled|[a-z.%+]{0,9})",
        id in prop_oneof!["[0-9]{0,21}", "[0-9%+=&a-f]{0,9}"],
        tail in prop::collection::vec(any::<u8>(), 0..40),
    ) {
        let mut body = format!("action={action}&id={id}&").into_bytes();
        body.extend(&tail);
        if let Ok(events) = events(&body) {
            prop_assert_eq!(events.count(), 1);
            for booking in events.bookings {
                let text = booking.external_id.as_str();
                prop_assert!(text.parse::<i64>().is_ok_and(|id| id > 0 && id.to_string() == text));
            }
        }
    }

    #[test]
    fn garbage_is_refused_or_counted(body in prop::collection::vec(any::<u8>(), 0..200)) {
        if let Ok(events) = events(&body) {
            prop_assert_eq!(events.count(), 1);
        }
    }
}
