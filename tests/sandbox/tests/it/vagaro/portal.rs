//! Acts of Vagaro's users and the events that follow.

use serde_json::{Value, json};

use super::{ACCOUNT, SECOND, Vagaro};
use crate::harness::{Received, Receiver, sleep_ms};

async fn start(settings: Value) -> (Vagaro, Receiver) {
    let (receiver, url) = Receiver::start(&[]).await;
    let mut all = json!({ "webhook_url": url, "webhook_token": "tok",
        "webhook_subscriptions": ["appointment", "customer"] });
    all.as_object_mut().unwrap().extend(settings.as_object().unwrap().clone());
    let vagaro = Vagaro::start(&all).await;
    vagaro
        .seed(json!([{ "appointmentId": 101, "startTime": "2026-05-12T14:00:00Z",
            "endTime": "2026-05-12T14:30:00Z", "customerId": 9,
            "customer": { "customerFirstName": "Ada", "email": "ada@example.com" } }]))
        .await;
    (vagaro, receiver)
}

fn body(one: &Received) -> Value {
    serde_json::from_slice(&one.body).unwrap()
}

fn names(events: &[Value]) -> Vec<String> {
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    events.iter().map(|one| format!("{}.{}", text(&one["type"]), text(&one["action"]))).collect()
}

#[tokio::test]
async fn every_act_changes_the_row_and_is_told_whole_without_personal_data() {
    let (vagaro, receiver) = start(json!({})).await;
    for (act, properties, name, value) in [
        (
            "reschedule",
            json!({ "startTime": "2026-05-13T08:00:00Z" }),
            "endTime",
            json!("2026-05-13T08:30:00Z"),
        ),
        ("reschedule", json!({ "serviceProviderId": 4 }), "serviceProviderId", json!("4")),
        ("edit", json!({ "serviceTitle": "Long cut", "amount": 25.5 }), "amount", json!(25.5)),
        ("edit", json!({ "bookingStatus": "Confirmed" }), "bookingStatus", json!("Confirmed")),
        ("complete", json!({}), "bookingStatus", json!("Service Complete")),
        ("no_show", json!({}), "bookingStatus", json!("No Show")),
        ("cancel", json!({}), "bookingStatus", json!("Cancel")),
    ] {
        let before = vagaro.appointment("101").await;
        let order = json!({ "act": act, "ids": [101], "properties": properties });
        let told = vagaro.control("portal", &order).await;
        assert_eq!(told["ids"], json!(["101"]), "{order}");
        assert_eq!(told["deliveries"][0]["first_status"], 200);
        let row = vagaro.appointment("101").await;
        assert_eq!(row[name], value, "{order}");
        let received = receiver.received();
        let event = body(received.last().unwrap());
        assert_eq!((&event["type"], &event["action"]), (&json!("appointment"), &json!("updated")));
        assert_eq!(event["payload"], row, "{order}");
        assert_eq!(event["createdDate"], row["modifiedDate"]);
        assert!(row["modifiedDate"].as_str() > before["modifiedDate"].as_str());
        assert!(event.get("hook").is_none());
    }
    let received = receiver.received();
    assert_eq!(received.len(), 7);
    for one in &received {
        assert_eq!(one.headers["x-vagaro-signature"], "tok");
        assert_eq!(one.headers["content-type"], "application/json");
        assert!(!String::from_utf8_lossy(&one.body).contains("Ada"));
    }
    let ids: std::collections::BTreeSet<String> =
        received.iter().map(|one| body(one)["id"].to_string()).collect();
    assert_eq!(ids.len(), 7);
}

#[tokio::test]
async fn booking_and_customers_are_told_as_what_they_are() {
    let (vagaro, receiver) = start(json!({})).await;
    let rename = json!({ "customer": { "customerFirstName": "Eve" } });
    for (order, expected) in [
        (
            json!({ "act": "create", "properties": { "appointmentId": "102",
            "startTime": "2026-05-12T14:00:00Z", "customerId": "9" } }),
            vec!["appointment.created"],
        ),
        (
            json!({ "act": "schedule", "properties": { "startTime": "2026-05-12T14:00:00Z" } }),
            vec!["appointment.created"],
        ),
        (
            json!({ "act": "edit", "id": 101, "properties": rename }),
            vec!["customer.updated", "appointment.updated"],
        ),
        (
            json!({ "act": "update", "type": "customer", "id": 9,
            "properties": { "email": "eve@example.com" } }),
            vec!["customer.updated"],
        ),
        (
            json!({ "act": "create", "type": "customer", "properties": { "email": "b@example.com" } }),
            vec!["customer.created"],
        ),
        (json!({ "act": "delete", "type": "customer", "id": 9 }), vec!["customer.deleted"]),
        (json!({ "act": "delete", "id": 101 }), vec!["appointment.deleted"]),
    ] {
        let before = receiver.received().len();
        let told = vagaro.control("portal", &order).await;
        assert_eq!(names(told["events"].as_array().unwrap()), expected, "{order}");
        assert_eq!(receiver.received().len(), before + expected.len());
    }
    let received = receiver.received();
    let renamed = body(received.iter().find(|one| body(one)["type"] == "customer").unwrap());
    assert_eq!(renamed["payload"]["customerFirstName"], "Eve");
    assert_eq!(renamed["payload"]["businessIds"], json!([ACCOUNT]));
    let by_id = json!({ "businessId": ACCOUNT, "appointmentId": "101" });
    assert_eq!(vagaro.rows("appointments", &by_id).await, Vec::<Value>::new());
    assert_eq!(vagaro.appointment("102").await["customerId"], "9");
    let gone = json!({ "businessId": ACCOUNT, "customerId": "9" });
    assert_eq!(vagaro.rows("customers", &gone).await, Vec::<Value>::new());
}

#[tokio::test]
async fn deleted_event_tells_all_or_ids_only() {
    for (is_thin, expected) in [(false, json!("Deleted")), (true, Value::Null)] {
        let (vagaro, receiver) = start(json!({ "thin_deleted_events": is_thin })).await;
        vagaro.control("portal", &json!({ "act": "delete", "id": "101" })).await;
        let event = body(&receiver.received()[0]);
        let payload = &event["payload"];
        assert_eq!(event["action"], "deleted");
        let ids = (&payload["appointmentId"], &payload["businessId"]);
        assert_eq!(ids, (&json!("101"), &json!(ACCOUNT)));
        assert_eq!(payload["bookingStatus"], expected);
        assert_eq!(payload["startTime"].is_string(), !is_thin);
    }
}

#[tokio::test]
async fn refused_act_changes_nothing_and_tells_nobody() {
    let (vagaro, receiver) = start(json!({})).await;
    let quietly = json!({ "drop_percent": 100 });
    let at = "2026-05-12T12:00:00Z";
    let walk_in = json!({ "appointmentId": "5", "startTime": at });
    vagaro.seed(json!([walk_in.clone(), { "appointmentId": "6", "startTime": at }])).await;
    vagaro.control("portal", &json!({ "act": "cancel", "id": 6, "deliver": quietly })).await;
    let before = vagaro.shown("objects").await["objects"].clone();
    for (order, text) in [
        (json!({ "act": "cancel", "ids": [101, 1] }), "object 1: no appointment 1"),
        (json!({ "act": "reschedule", "id": 101 }), "needs `startTime`"),
        (json!({ "act": "reschedule", "id": 101, "properties": { "amount": 1 } }), "not `amount`"),
        (json!({ "act": "reschedule", "id": 6, "properties": { "startTime": at } }), "cancelled"),
        (json!({ "act": "edit", "id": 101, "properties": { "startTime": at } }), "can't be set"),
        (json!({ "act": "edit", "id": 101 }), "needs `properties`"),
        (json!({ "act": "edit", "id": 5, "properties": { "customer": {} } }), "nobody has booked"),
        (json!({ "act": "complete", "id": 101, "properties": { "amount": 1 } }), "takes no"),
        (json!({ "act": "create", "properties": {} }), "`startTime` is missing"),
        (json!({ "act": "create", "properties": walk_in }), "appointment 5 exists"),
        (
            json!({ "act": "create", "properties": { "appointmentId": 5, "startTime": at } }),
            "5 exists",
        ),
        (json!({ "act": "create", "id": 7, "properties": { "startTime": at } }), "takes no ids"),
        (json!({ "act": "merge", "id": 101 }), "no such act"),
        (json!({ "act": "cancel", "type": "customer", "id": 9 }), "no such act"),
        (
            json!({ "act": "update", "type": "customer", "id": 10, "properties": { "city": "x" } }),
            "no customer 10",
        ),
        (json!({ "act": "cancel", "id": 101, "type": "contact" }), "`type`"),
    ] {
        let (status, told) = vagaro.try_control("portal", &order).await;
        assert_eq!(status, 400, "{order}");
        assert!(told["error"].as_str().unwrap().contains(text), "{order} {told}");
    }
    assert_eq!(vagaro.shown("objects").await["objects"], before);
    assert!(receiver.received().is_empty());
}

#[tokio::test]
async fn webhook_is_told_of_its_own_types_and_locations_only() {
    let (receiver, url) = Receiver::start(&[]).await;
    let vagaro = Vagaro::start(&json!({})).await;
    for (path, more) in [
        ("usual", json!({})),
        ("people", json!({ "event_types": ["customer"] })),
        ("uptown", json!({ "event_types": ["appointment", "customer"], "businesses": [SECOND] })),
    ] {
        let mut hook = json!({ "act": "add", "target": format!("{url}/{path}"), "token": "t" });
        hook.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        vagaro.control("hooks", &hook).await;
    }
    let book = |business: &str| {
        json!({ "act": "create", "properties": { "startTime": "2026-05-12T14:00:00Z",
            "businessId": business, "customer": { "customerFirstName": "Ada" } } })
    };
    let mut seen = 0;
    let mut paths = || {
        let received = receiver.received();
        let mut new: Vec<String> = received[seen..].iter().map(|one| one.target.clone()).collect();
        seen = received.len();
        new.sort();
        new
    };
    let first = vagaro.control("portal", &book(ACCOUNT)).await["ids"][0].clone();
    assert_eq!(paths(), ["/usual"]);
    let second = vagaro.control("portal", &book(SECOND)).await["ids"][0].clone();
    assert_eq!(paths(), ["/uptown", "/usual"]);
    for (id, expected) in [
        (first, vec!["/people", "/usual"]),
        (second, vec!["/people", "/uptown", "/uptown", "/usual"]),
    ] {
        let properties = json!({ "customer": { "customerFirstName": "Eve" } });
        vagaro
            .control("portal", &json!({ "act": "edit", "id": id, "properties": properties }))
            .await;
        assert_eq!(paths(), expected);
    }
}

#[tokio::test]
async fn events_can_be_held_lost_repeated_and_delayed() {
    let (vagaro, receiver) = start(json!({})).await;
    let order = json!({ "from_date": "2026-05-12", "days": 1, "per_day": 100, "first_id": 1000 });
    vagaro.control("seed", &json!({ "generate": order })).await;
    let ids: Vec<u64> = (1000..1100).collect();
    let held = json!({ "act": "cancel", "ids": ids, "deliver": { "hold": true } });
    assert_eq!(vagaro.control("portal", &held).await["held"], 100);
    let deliver = json!({ "shuffle": true, "drop_percent": 5, "repeat_percent": 5, "seed": 7 });
    let told = vagaro.control("portal/release", &json!({ "deliver": deliver })).await;
    let [dropped, repeated] = ["dropped_events", "repeated_events"]
        .map(|name| usize::try_from(told[name].as_u64().unwrap()).unwrap());
    assert!(dropped > 0 && repeated > 0, "{told}");
    assert_eq!(receiver.received().len(), 100 - dropped + repeated);
    let ids: Vec<String> =
        receiver.received().iter().map(|one| body(one)["id"].to_string()).collect();
    let distinct: std::collections::BTreeSet<&String> = ids.iter().collect();
    assert!(distinct.len() < ids.len(), "a repeat has the id of what it repeats");
    let later = json!({ "act": "edit", "id": 1000, "properties": { "amount": 1 },
        "deliver": { "delay_ms": 300 } });
    let before = receiver.received().len();
    assert_eq!(vagaro.control("portal", &later).await["deliveries"], json!([]));
    assert_eq!(receiver.received().len(), before);
    sleep_ms(800).await;
    assert_eq!(receiver.received().len(), before + 1);
}
