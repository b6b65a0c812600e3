//! Whatever comes as one of Vagaro's webhooks is read, counted or refused, and what proves it is
//! compared as a whole.

use proptest::prelude::*;
use serde_json::{Value, json};
use sync_domain::hook_address;
use sync_domain::model::{RemoteState, System};
use sync_domain::ports::{
    AuthMode, DeliveredBooking, DeliveredEvents, SignatureFault, UnreadableDelivery,
    WebhookDelivery, WebhookProtocol,
};
use sync_providers::vagaro::VagaroWebhooks;
use sync_providers::webhook_protocol;

use crate::support::vagaro::{
    APPOINTMENT, CUSTOMER, VAGARO_PATH, appointment, appointment_with, event,
};

const TOKEN: &str = "0f1e2d3c4b5a69788796a5b4c3d2e1f0";
const AT: &str = "2026-09-21T14:00:00.250Z";

fn delivery(headers: &[(&str, &str)], body: &[u8]) -> WebhookDelivery {
    let headers = headers.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
    WebhookDelivery {
        source: None,
        method: "POST".to_owned(),
        url: format!("https://hooks.example.com{VAGARO_PATH}/{TOKEN}"),
        headers: headers.collect(),
        body: body.to_vec(),
    }
}

fn events_of(body: &Value) -> DeliveredEvents {
    webhook_protocol(System::Vagaro).events(&delivery(&[], body.to_string().as_bytes())).unwrap()
}

#[track_caller]
fn booking_of(body: &Value) -> DeliveredBooking {
    let mut events = events_of(body);
    assert_eq!((events.count(), events.bookings.len()), (1, 1), "{body}");
    events.bookings.remove(0)
}

#[track_caller]
fn assert_mark(body: &Value) {
    let booking = booking_of(body);
    assert_eq!((booking.external_id.as_str(), booking.snapshot), (APPOINTMENT, None), "{body}");
}

fn counted(body: &Value) -> (usize, usize, usize) {
    let events = events_of(body);
    (events.bookings.len(), events.ignored, events.unreadable)
}

#[test]
fn delivery_tells_all_of_an_appointment_but_who_booked() {
    for action in ["created", "updated", "Updated"] {
        let booking = booking_of(&event(action, AT, appointment(APPOINTMENT)));
        assert_eq!(booking.account_id, hook_address::account_id(TOKEN));
        assert_eq!(booking.external_id.as_str(), APPOINTMENT);
        let snapshot = booking.snapshot.unwrap();
        assert_eq!(snapshot.as_of.unwrap().to_string(), "2026-09-21T14:00:00.25Z");
        assert_eq!(snapshot.customer_id.as_deref(), Some(CUSTOMER));
        assert_eq!((snapshot.state, snapshot.provider_version), (RemoteState::Standing, None));
        assert_eq!(snapshot.ends_at.to_string(), "2026-09-22T15:45:00Z");
    }
}

#[test]
fn time_of_the_event_is_read_in_both_spellings_and_without_its_zone() {
    let time = |members: Value| {
        let mut body = event("updated", "", appointment(APPOINTMENT));
        for (name, value) in members.as_object().unwrap() {
            body[name] = value.clone();
        }
        booking_of(&body).snapshot.map(|it| it.as_of.unwrap().to_string())
    };
    let noon = Some("2026-09-21T12:00:00Z".to_owned());
    assert_eq!(time(json!({"createdDate": "2026-09-21T12:00:00Z"})), noon);
    assert_eq!(time(json!({"createdAt": "2026-09-21T12:00:00Z"})), noon);
    assert_eq!(time(json!({"createdDate": "2026-09-21T12:00:00"})), noon);
    assert_eq!(time(json!({"createdDate": "2026-09-21T14:00:00+02:00"})), noon);
    assert_eq!(time(json!({"createdDate": "2026-09-21T12:00:00Z", "createdAt": AT})), noon);
    assert_eq!(time(json!({"createdDate": "soon", "createdAt": "2026-09-21T12:00:00Z"})), noon);
    // Nobody could tell which of two such events is newer: the appointment is read anew.
    for none in [json!({}), json!({"createdDate": null}), json!({"createdDate": "21.09.2026"})] {
        assert_eq!(time(none.clone()), None, "{none}");
    }
}

#[test]
fn deletion_is_told_in_full_or_is_a_mark() {
    let whole = booking_of(&event("deleted", AT, appointment(APPOINTMENT)));
    assert_eq!(whole.snapshot.unwrap().state, RemoteState::Deleted);
    let odd = appointment_with(APPOINTMENT, &[("bookingStatus", json!("whatever"))]);
    let odd = booking_of(&event("deleted", AT, odd));
    assert_eq!(odd.snapshot.unwrap().state, RemoteState::Deleted, "whatever its status was");
    assert_mark(&event("deleted", AT, json!({"appointmentId": APPOINTMENT})));
    for payload in [json!(null), json!({}), json!("gone"), json!([])] {
        assert_eq!(counted(&event("deleted", AT, payload)), (0, 0, 1));
    }
    let mut missing = event("deleted", AT, json!(null));
    missing.as_object_mut().unwrap().remove("payload");
    assert_eq!(counted(&missing), (0, 0, 1));
}

#[test]
fn event_that_can_not_be_read_as_a_whole_is_a_mark() {
    for (name, value) in [
        ("bookingStatus", json!("Teleported")),
        ("startTime", json!("2026-09-22T15:00:00")),
        ("endTime", json!(null)),
        ("customerId", json!("no id")),
    ] {
        assert_mark(&event("updated", AT, appointment_with(APPOINTMENT, &[(name, value)])));
    }
    for action in ["rescheduled", ""] {
        assert_mark(&event(action, AT, appointment(APPOINTMENT)));
    }
    let no_id = appointment_with(APPOINTMENT, &[("appointmentId", json!(null))]);
    assert_eq!(counted(&event("updated", AT, no_id)), (0, 0, 1));
}

#[test]
fn event_of_another_kind_is_counted_and_left_alone() {
    for kind in ["customer", "formResponse", "transaction", "employee", "businessLocation"] {
        let mut body = event("updated", AT, json!({"customerId": CUSTOMER}));
        body["type"] = kind.into();
        assert_eq!(counted(&body), (0, 1, 0), "{kind}");
    }
    let off = appointment_with(APPOINTMENT, &[("eventType", json!("PersonalOff"))]);
    for action in ["created", "updated", "deleted"] {
        assert_eq!(counted(&event(action, AT, off.clone())), (0, 1, 0));
    }
    let mut untyped = event("updated", AT, appointment(APPOINTMENT));
    untyped["type"] = json!(7.5);
    assert_eq!(counted(&untyped), (0, 0, 1));
}

#[test]
fn body_that_is_no_event_is_refused_as_a_whole() {
    let list = json!([event("updated", AT, appointment(APPOINTMENT))]).to_string();
    for body in ["", "null", "7", "\"x\"", "[]", "<html>", "{\"type\":", list.as_str()] {
        let read = VagaroWebhooks.events(&delivery(&[], body.as_bytes()));
        assert_eq!(read, Err(UnreadableDelivery::NotAList), "{body}");
    }
}

const SECRET: &str = "verification-token";

fn signature(headers: &[(&str, &str)]) -> Result<bool, SignatureFault> {
    let delivery = delivery(headers, b"{}");
    let signature = VagaroWebhooks.signature(&delivery, jiff::Timestamp::UNIX_EPOCH)?;
    Ok(signature.is_made_with(&SECRET.into()))
}

#[test]
fn token_is_compared_as_a_whole_and_comes_once() {
    const NAME: &str = "x-vagaro-signature";
    assert_eq!(signature(&[(NAME, SECRET)]), Ok(true));
    assert_eq!(signature(&[(NAME, &format!(" {SECRET} "))]), Ok(true));
    for token in ["verification-toke", "verification-token2", "Verification-token", "x"] {
        assert_eq!(signature(&[(NAME, token)]), Ok(false), "{token}");
    }
    let joined = format!("{SECRET}, {SECRET}");
    assert_eq!(signature(&[(NAME, &joined)]), Ok(false), "as a gateway joins two");
    assert_eq!(signature(&[]), Err(SignatureFault::Missing));
    assert_eq!(signature(&[("authorization", SECRET)]), Err(SignatureFault::Missing));
    assert_eq!(signature(&[(NAME, SECRET), (NAME, SECRET)]), Err(SignatureFault::Repeated));
    for token in ["", "  ", &"a".repeat(5_000)] {
        assert_eq!(signature(&[(NAME, token)]), Err(SignatureFault::Malformed));
    }
    let shown = delivery(&[(NAME, SECRET)], b"{}");
    let shown = VagaroWebhooks.signature(&shown, jiff::Timestamp::UNIX_EPOCH).unwrap();
    assert!(!shown.is_of_address() && VagaroWebhooks.drops_refused());
    let ways = AuthMode::ALL.into_iter().filter(|auth| shown.may_come_from(*auth));
    assert_eq!(ways.collect::<Vec<_>>(), [AuthMode::ClientCredentials]);
}

/// Every token of the same length with one other byte takes part in the same digest, so a comparison
/// that ends early would have nothing to tell.
#[test]
fn token_with_one_other_byte_is_refused_wherever_it_differs() {
    for at in 0..SECRET.len() {
        let mut other = SECRET.as_bytes().to_vec();
        other[at] ^= 1;
        let other = String::from_utf8(other).unwrap();
        assert_eq!(signature(&[("x-vagaro-signature", &other)]), Ok(false), "{at}");
    }
}

proptest! {
    #[test]
    fn whatever_comes_is_counted_once_or_refused(
        payload in prop_oneof![
            any::<String>().prop_map(Value::from),
            any::<Option<i64>>().prop_map(Value::from),
            proptest::collection::btree_map(
                prop_oneof!["[a-zA-Z_]{0,12}", Just("appointmentId".to_owned()),
                    Just("startTime".to_owned()), Just("bookingStatus".to_owned())],
                any::<String>(), 0..6,
            ).prop_map(|members| json!(members)),
        ],
        action in prop_oneof![Just("deleted".to_owned()), Just("updated".to_owned()), any::<String>()],
        at in prop_oneof![Just(AT.to_owned()), any::<String>()],
    ) {
        let events = events_of(&event(&action, &at, payload));
        prop_assert_eq!(events.count(), 1);
        prop_assert!(events.changes.is_empty());
    }

    #[test]
    fn bytes_that_are_no_json_are_refused(body in proptest::collection::vec(any::<u8>(), 0..200)) {
        let read = VagaroWebhooks.events(&delivery(&[], &body));
        prop_assume!(serde_json::from_slice::<Value>(&body).is_err());
        prop_assert_eq!(read, Err(UnreadableDelivery::NotAList));
    }
}
