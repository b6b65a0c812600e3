//! Acts of sellers and their customers on bookings, and what webhooks tell of them.

use serde_json::{Value, json};

use super::Square;
use crate::harness::Receiver;

async fn start() -> (Square, Receiver) {
    let (receiver, url) = Receiver::start(&[]).await;
    let square =
        Square::start(&json!({ "webhook_url": url, "webhook_signature_key": "key" })).await;
    (square, receiver)
}

async fn booked(square: &Square, id: &str) -> Value {
    square.get(&format!("v2/bookings/{id}")).await["booking"].clone()
}

/// The acts and their words are those that Acuity's tests use.
#[tokio::test]
async fn every_act_changes_the_booking_and_is_told_once() {
    let (square, receiver) = start().await;
    square
        .seed(json!([{ "id": 101, "start_at": "2026-05-12T14:00:00Z", "status": "PENDING",
        "updated_at": "2026-01-01T00:00:00Z", "customer": { "given_name": "Ada" } }]))
        .await;
    for (place, (act, properties, name, value)) in [
        (
            "reschedule",
            json!({ "start_at": "2026-05-13T08:00:00-06:00" }),
            "start_at",
            json!("2026-05-13T14:00:00Z"),
        ),
        ("edit", json!({ "status": "ACCEPTED" }), "status", json!("ACCEPTED")),
        ("edit", json!({ "customer_note": "late" }), "customer_note", json!("late")),
        ("edit", json!({ "customer_note": "late" }), "customer_note", json!("late")),
        ("edit", json!({ "given_name": "Augusta" }), "customer_id", json!("CUSTOMER101")),
        ("decline", Value::Null, "status", json!("DECLINED")),
        ("cancel", Value::Null, "status", json!("CANCELLED_BY_SELLER")),
        ("cancel", json!({ "by": "customer" }), "status", json!("CANCELLED_BY_CUSTOMER")),
        ("no_show", Value::Null, "status", json!("NO_SHOW")),
    ]
    .into_iter()
    .enumerate()
    {
        let mut order = json!({ "act": act, "ids": [101] });
        if !properties.is_null() {
            order["properties"] = properties;
        }
        let told = square.act(&order).await;
        assert_eq!(told["ids"], json!(["101"]));
        assert_eq!(told["events"].as_array().unwrap().len(), 1, "{order}");
        assert_eq!(told["deliveries"][0]["first_status"], 200);
        assert_eq!(receiver.received().len(), place + 1);
        let row = booked(&square, "101").await;
        assert_eq!((&row[name], &row["version"]), (&value, &json!(place + 1)), "{order}");
        assert!(row["updated_at"].as_str().unwrap() > "2026-01-02");
        let body: Value = serde_json::from_slice(&receiver.received()[place].body).unwrap();
        assert_eq!(body["type"], "booking.updated");
        assert_eq!(body["data"]["object"]["booking"], row);
    }
}

#[tokio::test]
async fn booking_made_by_an_act_is_told_as_created_under_its_id_or_a_drawn_one() {
    let (square, receiver) = start().await;
    let properties = json!({ "id": 107, "start_at": "2026-05-12T14:00:00Z",
        "customer": { "given_name": "Ada" } });
    for act in ["create", "schedule"] {
        let mut order = json!({ "act": act, "properties": properties });
        if act == "schedule" {
            order["properties"].as_object_mut().unwrap().remove("id");
        }
        let told = square.act(&order).await;
        let id = told["ids"][0].as_str().unwrap();
        assert_eq!(id == "107", act == "create");
        assert_eq!(told["events"][0]["type"], "booking.created");
        let row = booked(&square, id).await;
        let customer_id = row["customer_id"].as_str().unwrap();
        square.get(&format!("v2/customers/{customer_id}")).await;
    }
    assert_eq!(receiver.received().len(), 2);
    let again = json!({ "act": "create", "properties": properties });
    let (status, told) = square.try_control("portal", &again).await;
    assert_eq!(
        (status, told["error"].as_str().unwrap().contains("booking 107 exists")),
        (400, true)
    );
}

#[tokio::test]
async fn acts_that_square_does_not_have_are_refused_and_change_nothing() {
    let (square, receiver) = start().await;
    square
        .seed(json!([{ "id": "a", "start_at": "2026-05-12T14:00:00Z" },
        { "id": "b", "start_at": "2026-05-12T14:00:00Z", "status": "DECLINED" }]))
        .await;
    let later = json!({ "start_at": "2026-05-13T14:00:00Z" });
    for order in [
        json!({ "act": "delete", "id": "a" }),
        json!({ "act": "archive", "id": "a" }),
        json!({ "act": "cancel", "id": "nobody" }),
        json!({ "act": "cancel", "id": "a", "properties": { "by": "the cat" } }),
        json!({ "act": "cancel", "id": "a", "properties": { "reason": "x" } }),
        json!({ "act": "cancel", "id": "a", "properties": { "stale_reads": 0 } }),
        json!({ "act": "reschedule", "id": "a" }),
        json!({ "act": "reschedule", "id": "a", "properties": { "location_id": "SOUTH" } }),
        json!({ "act": "reschedule", "ids": ["a", "b"], "properties": later }),
        json!({ "act": "decline", "id": "b" }),
        json!({ "act": "edit", "id": "a" }),
        json!({ "act": "edit", "id": "a", "properties": { "given_name": "Ada" } }),
        json!({ "act": "edit", "id": "a", "properties": { "start_at": "2026-05-13T14:00:00Z" } }),
        json!({ "act": "cancel", "type": "order", "id": "a" }),
    ] {
        let (status, told) = square.try_control("portal", &order).await;
        assert_eq!(status, 400, "{order} {told}");
    }
    assert_eq!(booked(&square, "a").await["version"], 0);
    assert!(receiver.received().is_empty());
}

#[tokio::test]
async fn deliver_holds_drops_repeats_and_delays_as_for_every_vendor() {
    let (square, receiver) = start().await;
    square
        .control(
            "seed",
            &json!({ "generate": {
        "from_date": "2026-05-04", "days": 1, "per_day": 40, "first_id": 1 } }),
        )
        .await;
    let ids: Vec<u64> = (1..=40).collect();
    let lost = square
        .act(&json!({ "act": "cancel", "ids": ids,
        "deliver": { "drop_percent": 20, "seed": 3, "shuffle": true } }))
        .await;
    let dropped = lost["dropped_events"].as_u64().unwrap();
    assert!(dropped > 0 && dropped < 20);
    assert_eq!(receiver.received().len() as u64, 40 - dropped);
    let held = square.act(&json!({ "act": "no_show", "id": 1, "deliver": { "hold": true } })).await;
    assert_eq!(held["held"], 1);
    square.act(&json!({ "act": "cancel", "id": 1, "deliver": { "hold": true } })).await;
    let before = receiver.received().len();
    square.control("portal/release", &json!({ "deliver": { "repeat": 2 } })).await;
    let later = receiver.received().split_off(before);
    let version = |place: usize| {
        let body: Value = serde_json::from_slice(&later[place].body).unwrap();
        body["data"]["object"]["booking"]["version"].as_u64().unwrap()
    };
    let mut versions: Vec<u64> = (0..later.len()).map(version).collect();
    versions.sort_unstable();
    assert_eq!(versions, [2, 2, 3, 3], "each as it was then");
    let silent = json!({ "act": "edit", "id": 2, "properties": { "seller_note": "x" },
        "deliver": { "drop_percent": 100 } });
    assert_eq!(square.act(&silent).await["deliveries"], json!([]));
}

#[tokio::test]
async fn control_api_shows_bookings_with_their_customer() {
    let (square, _) = start().await;
    square
        .seed(json!([{ "id": 1, "start_at": "2026-05-12T14:00:00Z",
        "customer": { "given_name": "Ada", "email_address": "a@example.com" } }]))
        .await;
    for kind in ["", "&type=appointment", "&type=booking"] {
        let path = format!("/_control/objects?system=square&account={}{kind}", super::ACCOUNT);
        let shown = square.sandbox.get_json(&path).await;
        assert_eq!(shown["objects"][0]["customer"]["email_address"], "a@example.com");
    }
}
