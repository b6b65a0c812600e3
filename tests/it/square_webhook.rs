//! What Square's events say.

use jiff::Timestamp;
use serde_json::{Value, json};
use sync_domain::model::{BookingSnapshot, DetailName, RemoteState, System};
use sync_domain::ports::{DeliveredBooking, DeliveredEvents, UnreadableDelivery};
use sync_providers::webhook_protocol;

use crate::support::square_signing::{BOOKING, MERCHANT, booking, delivery, event, event_of};

fn read(body: impl Into<Vec<u8>>) -> Result<DeliveredEvents, UnreadableDelivery> {
    webhook_protocol(System::Square).events(&delivery(body))
}

fn events(body: &Value) -> DeliveredEvents {
    read(body.to_string()).unwrap()
}

/// The one booking that a body tells of.
#[track_caller]
fn told(body: &Value) -> DeliveredBooking {
    let mut events = events(body);
    assert_eq!((events.count(), events.bookings.len()), (1, 1), "{events:?}");
    events.bookings.remove(0)
}

#[track_caller]
fn snapshot(body: &Value) -> BookingSnapshot {
    told(body).snapshot.unwrap()
}

fn ignored() -> DeliveredEvents {
    DeliveredEvents { ignored: 1, ..DeliveredEvents::default() }
}

fn unreadable() -> DeliveredEvents {
    DeliveredEvents { unreadable: 1, ..DeliveredEvents::default() }
}

fn at(text: &str) -> Timestamp {
    text.parse().unwrap()
}

#[test]
fn both_events_of_bookings_tell_all_but_who_booked() {
    for kind in ["booking.created", "booking.updated"] {
        let told = told(&event(kind, &booking(2, "ACCEPTED")));
        assert_eq!(told.account_id, MERCHANT);
        assert_eq!(told.external_id.as_str(), BOOKING, "data.id has the version behind it");
        let snapshot = told.snapshot.unwrap();
        assert_eq!(snapshot.starts_at, at("2026-12-01T15:30:00Z"));
        assert_eq!(snapshot.ends_at, at("2026-12-01T16:30:00Z"));
        assert_eq!(snapshot.state, RemoteState::Standing);
        assert_eq!(snapshot.customer_id.as_deref(), Some("EX2QSVGTZN4K1E5QE1CBFNVQ8M"));
        assert_eq!(snapshot.as_of, None, "the version orders");
        let details: Vec<_> = snapshot.details.iter().map(|(it, text)| (*it, &**text)).collect();
        assert_eq!(
            details,
            [
                (DetailName::ServiceId, "RU3PBTZTK7DXZDQFCJHOK2MC"),
                (DetailName::ResourceId, "TMXUrsBWWcHTt79t"),
                (DetailName::LocationId, "LEQHH0YY8B42M"),
            ]
        );
    }
}

#[test]
fn half_a_character_in_a_delivery_costs_no_other_member() {
    let body = event("booking.updated", &booking(3, "ACCEPTED")).to_string();
    let cut = body.replace("TMXUrsBWWcHTt79t", "TMX\\ud83d");
    assert_ne!(cut, body);
    let mut events = read(cut).unwrap();
    let snapshot = events.bookings.remove(0).snapshot.unwrap();
    assert_eq!(snapshot.starts_at, at("2026-12-01T15:30:00Z"));
    assert_eq!(snapshot.details.get(&DetailName::LocationId).unwrap(), "LEQHH0YY8B42M");
}

#[test]
fn update_may_be_a_cancellation_a_refusal_or_a_missed_appointment() {
    for (status, state, cancelled_by) in [
        ("CANCELLED_BY_CUSTOMER", RemoteState::Cancelled, Some("customer")),
        ("CANCELLED_BY_SELLER", RemoteState::Cancelled, Some("business")),
        ("DECLINED", RemoteState::Declined, None),
        ("NO_SHOW", RemoteState::NoShow, None),
    ] {
        let snapshot = snapshot(&event("booking.updated", &booking(3, status)));
        assert_eq!(snapshot.state, state);
        let told = snapshot.details.get(&DetailName::CancelledBy).map(String::as_str);
        assert_eq!(told, cancelled_by, "{status}");
    }
}

#[test]
fn later_version_is_newer_whatever_the_times_say() {
    let older = booking(2, "ACCEPTED");
    let mut newer = booking(3, "ACCEPTED");
    newer["updated_at"] = json!("2026-11-19T20:19:59Z");
    let version =
        |booking: &Value| snapshot(&event("booking.updated", booking)).provider_version.unwrap();
    assert!(version(&newer) > version(&older));
    let mut same = older.clone();
    same["updated_at"] = json!("2026-11-19T20:20:00.501Z");
    assert!(version(&same) > version(&older), "of equal versions the later change");
}

#[test]
fn time_of_any_precision_is_read() {
    for created_at in [
        json!("2026-11-19T20:20:00Z"),
        json!("2022-07-13T20:30:59.037339943Z"),
        json!("yesterday"),
        json!(1_795_119_600),
        Value::Null,
    ] {
        let mut event = event("booking.created", &booking(0, "PENDING"));
        event["created_at"] = created_at;
        let snapshot = snapshot(&event);
        assert_eq!(snapshot.details[&DetailName::IsTentative], "true");
    }
    let mut nanoseconds = booking(1, "ACCEPTED");
    nanoseconds["start_at"] = json!("2026-12-01T15:30:00.000000001Z");
    nanoseconds["updated_at"] = json!("2026-11-19T20:20:00.037339943Z");
    assert!(told(&event("booking.updated", &nanoseconds)).snapshot.is_some());
}

#[test]
fn events_of_other_kinds_are_ignored_whatever_is_in_them() {
    for kind in [
        "customer.created",
        "customer.updated",
        "customer.deleted",
        "oauth.authorization.revoked",
        "webhooks.test_notification",
        "booking.custom_attribute.updated",
        "Booking.created",
        "booking.deleted",
    ] {
        assert_eq!(events(&event(kind, &booking(1, "ACCEPTED"))), ignored(), "{kind}");
        assert_eq!(events(&json!({"type": kind})), ignored(), "{kind}");
    }
}

/// It is read anew, and what is wrong with it shows there.
#[test]
fn booking_that_can_not_be_read_is_marked_by_its_id() {
    for (member, value) in [
        ("status", json!("WAITING")),
        ("status", Value::Null),
        ("start_at", Value::Null),
        ("start_at", json!("2026-12-01")),
        ("version", json!("one")),
        ("appointment_segments", Value::Null),
        ("appointment_segments", json!([])),
        ("appointment_segments", json!([{"duration_minutes": null}])),
        ("customer_id", json!(7)),
    ] {
        let mut broken = booking(1, "ACCEPTED");
        broken[member] = value.clone();
        let told = told(&event("booking.updated", &broken));
        assert_eq!(told.external_id.as_str(), BOOKING);
        assert_eq!(told.snapshot, None, "{member} {value}");
    }
}

#[test]
fn event_without_a_seller_or_a_booking_with_an_id_is_unreadable() {
    let good = event("booking.updated", &booking(1, "ACCEPTED"));
    for (pointer, value) in [
        ("/type", Value::Null),
        ("/type", json!("")),
        ("/type", json!(["booking.updated"])),
        ("/merchant_id", Value::Null),
        ("/merchant_id", json!("")),
        ("/merchant_id", json!(5)),
        ("/merchant_id", json!("a#b")),
        ("/merchant_id", json!("m".repeat(129))),
        ("/data", Value::Null),
        ("/data", json!("x")),
        ("/data/object", json!({})),
        ("/data/object/booking", Value::Null),
        ("/data/object/booking", json!("x")),
        ("/data/object/booking/id", Value::Null),
        ("/data/object/booking/id", json!("")),
        ("/data/object/booking/id", json!(7)),
        ("/data/object/booking/id", json!("a/b")),
        ("/data/object/booking/id", json!("i2id2g3enyspi7:1")),
        ("/data/object/booking/id", json!("ａｂ")),
        ("/data/object/booking/id", json!("b".repeat(129))),
    ] {
        let mut broken = good.clone();
        *broken.pointer_mut(pointer).unwrap() = value.clone();
        assert_eq!(events(&broken), unreadable(), "{pointer} {value}");
    }
    assert_eq!(events(&json!({})), unreadable());
}

#[test]
fn id_is_taken_from_the_booking_and_never_from_the_event() {
    let mut other = event("booking.updated", &booking(1, "ACCEPTED"));
    other["data"]["id"] = json!("another:9");
    other["booking_id"] = json!("another");
    assert_eq!(told(&other).external_id.as_str(), BOOKING);
    let foreign = event_of("ANOTHER0SELLER", "booking.updated", &booking(1, "ACCEPTED"));
    assert_eq!(told(&foreign).account_id, "ANOTHER0SELLER");
}

#[test]
fn body_that_is_no_event_is_refused_as_a_whole() {
    let inner = event("booking.updated", &booking(1, "ACCEPTED"));
    let list = json!([inner]).to_string();
    let members = json!([MERCHANT, "booking.updated"]).to_string();
    let cut = inner.to_string();
    for body in ["", " ", "[]", "null", "true", "5", "\"x\"", "a=b", "<html>", "{", &list, &members]
    {
        assert_eq!(read(body), Err(UnreadableDelivery::NotAList), "{body}");
    }
    assert_eq!(read(cut.strip_suffix('}').unwrap()), Err(UnreadableDelivery::NotAList));
    assert_eq!(read(b"{\"type\":\"\xff\"}".as_slice()), Err(UnreadableDelivery::NotAList));
}

/// A half of a character pair can stand in what people type; it is not read.
#[test]
fn text_that_is_no_text_in_a_note_costs_nothing() {
    let body = event("booking.updated", &booking(1, "ACCEPTED")).to_string();
    let body = body.replace("ring the canary bell", "\\ud83d");
    assert!(body.contains("\\ud83d"));
    assert_eq!(read(body).unwrap().bookings.len(), 1);
}

#[test]
fn event_of_a_million_bytes_says_no_more_than_a_small_one() {
    let small = event("booking.updated", &booking(1, "ACCEPTED"));
    let mut large = small.clone();
    large["data"]["object"]["booking"]["customer_note"] = json!("x".repeat(1_000_000));
    assert_eq!(events(&large), events(&small));
    let mut many = small.clone();
    let segments = vec![json!({"duration_minutes": 1}); 20_000];
    many["data"]["object"]["booking"]["appointment_segments"] = Value::from(segments);
    assert_eq!(snapshot(&many).details.len(), 1, "the place alone");
    let deep = format!("{{\"type\":\"x\",\"data\":{}1{}}}", "[".repeat(10_000), "]".repeat(10_000));
    assert_eq!(read(deep), Ok(ignored()));
}
