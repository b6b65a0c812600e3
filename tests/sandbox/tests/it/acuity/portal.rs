//! Acts of Acuity's users and the webhooks that follow.

use reqwest::Method;
use serde_json::{Value, json};

use super::Acuity;
use crate::harness::{Receiver, sleep_ms};

async fn start() -> (Acuity, Receiver) {
    let (receiver, url) = Receiver::start(&[]).await;
    let acuity = Acuity::start(&json!({})).await;
    let hook = json!({ "event": "appointment.changed", "target": format!("{url}/changed") });
    assert_eq!(acuity.call(Method::POST, "webhooks", &hook).await.0, 200);
    (acuity, receiver)
}

async fn book(acuity: &Acuity) -> String {
    let act = json!({ "act": "create", "deliver": { "drop_percent": 100 }, "properties": {
        "datetime": "2026-05-12T14:00:00-0600", "firstName": "Ada", "email": "a@example.com" } });
    acuity.control("portal", &act).await["ids"][0].as_str().unwrap().to_owned()
}

#[tokio::test]
async fn every_act_changes_the_row_and_is_told_once() {
    let (acuity, receiver) = start().await;
    let id = book(&acuity).await;
    for (act, properties, name, value) in [
        (
            "reschedule",
            json!({ "datetime": "2026-05-13T08:00:00-0600" }),
            "date",
            json!("May 13, 2026"),
        ),
        ("reschedule", json!({ "calendarID": 2 }), "calendarID", json!(2)),
        ("edit", json!({ "email": "b@example.com" }), "email", json!("b@example.com")),
        ("edit", json!({ "email": "b@example.com" }), "email", json!("b@example.com")),
        ("edit", json!({ "appointmentTypeID": 8, "duration": 90 }), "duration", json!("90")),
        ("cancel", json!({}), "canceled", json!(true)),
        ("no_show", json!({}), "noShow", json!(true)),
        ("cancel", json!({}), "noShow", json!(false)),
    ] {
        let before = receiver.received().len();
        let order = json!({ "act": act, "id": id, "properties": properties });
        let told = acuity.control("portal", &order).await;
        assert_eq!(told["events"].as_array().unwrap().len(), 1, "{order}");
        assert_eq!(told["deliveries"][0]["first_status"], 200);
        assert_eq!(receiver.received().len(), before + 1);
        let row = acuity.get(&format!("appointments/{id}")).await;
        assert_eq!(row[name], value, "{order}");
    }
    let received = receiver.received();
    let last = String::from_utf8(received.last().unwrap().body.to_vec()).unwrap();
    let expected = format!("action=appointment.changed&id={id}&calendarID=2&appointmentTypeID=8");
    assert_eq!(last, expected);
    acuity.control("portal", &json!({ "act": "delete", "id": id })).await;
    assert_eq!(receiver.received().len(), received.len() + 1);
    assert_eq!(acuity.call(Method::GET, &format!("appointments/{id}"), &Value::Null).await.0, 404);
    assert!(acuity.ids("?showall=true").await.is_empty());
    assert_eq!(acuity.shown("calls").await["totals"]["by_route"]["POST /api/v1/webhooks"], 1);
}

#[tokio::test]
async fn each_registration_is_told_of_its_own_kind_of_act() {
    let (acuity, receiver) = start().await;
    let target = acuity.get("webhooks").await[0]["target"].as_str().unwrap().to_owned();
    for event in ["appointment.scheduled", "appointment.rescheduled", "appointment.canceled"] {
        let hook = json!({ "event": event, "target": target.replace("changed", event) });
        acuity.call(Method::POST, "webhooks", &hook).await;
    }
    let id = book(&acuity).await;
    for (order, expected) in [
        (
            json!({ "act": "create", "properties": { "datetime": "2026-05-12T12:00:00Z" } }),
            vec!["/appointment.scheduled", "/changed"],
        ),
        (
            json!({ "act": "reschedule", "id": id,
            "properties": { "datetime": "2026-05-12T12:00:00Z" } }),
            vec!["/appointment.rescheduled", "/changed"],
        ),
        (json!({ "act": "edit", "id": id, "properties": { "notes": "x" } }), vec!["/changed"]),
        (json!({ "act": "no_show", "id": id }), vec!["/appointment.canceled", "/changed"]),
        (json!({ "act": "cancel", "id": id }), vec!["/changed"]),
        (json!({ "act": "delete", "id": id }), vec!["/changed"]),
    ] {
        let before = receiver.received().len();
        acuity.control("portal", &order).await;
        let received = receiver.received();
        let mut paths: Vec<&str> =
            received.iter().skip(before).map(|one| one.target.as_str()).collect();
        paths.sort_unstable();
        assert_eq!(paths, expected, "{order}");
    }
}

#[tokio::test]
async fn refused_act_changes_nothing_and_tells_nobody() {
    let (acuity, receiver) = start().await;
    let id = book(&acuity).await;
    let gone = book(&acuity).await;
    let quietly = json!({ "hold": true });
    acuity.control("portal", &json!({ "act": "cancel", "id": gone, "deliver": quietly })).await;
    let before = acuity.shown("objects").await["objects"].clone();
    let at = "2026-05-12T12:00:00Z";
    for (order, text) in [
        (json!({ "act": "cancel", "ids": [id, "1"] }), "object 1: no appointment 1"),
        (json!({ "act": "reschedule", "id": id }), "needs `datetime`"),
        (json!({ "act": "reschedule", "id": id, "properties": { "email": "x" } }), "not `email`"),
        (json!({ "act": "reschedule", "id": gone, "properties": { "datetime": at } }), "cancelled"),
        (json!({ "act": "edit", "id": id, "properties": { "datetime": at } }), "can't be set"),
        (json!({ "act": "edit", "id": id }), "needs `properties`"),
        (json!({ "act": "cancel", "id": id, "properties": { "noShow": true } }), "takes no"),
        (json!({ "act": "create", "properties": {} }), "`datetime` is missing"),
        (json!({ "act": "create", "id": id, "properties": { "datetime": at } }), "takes no ids"),
        (json!({ "act": "create", "properties": { "id": 1, "datetime": at, "type": 5 } }), "type"),
        (json!({ "act": "merge", "id": id }), "no such act"),
        (json!({ "act": "cancel", "id": id, "type": "contact" }), "`type`"),
    ] {
        let (status, told) = acuity.try_control("portal", &order).await;
        assert_eq!(status, 400, "{order}");
        assert!(told["error"].as_str().unwrap().contains(text), "{told}");
    }
    assert_eq!(acuity.shown("objects").await["objects"], before);
    assert!(receiver.received().is_empty());
}

#[tokio::test]
async fn held_webhooks_go_when_released_each_in_a_request_of_its_own() {
    let (acuity, receiver) = start().await;
    let order = json!({ "from_date": "2026-05-12", "days": 1, "per_day": 300, "first_id": 1 });
    acuity.generate(order).await;
    let ids: Vec<u64> = (1..=300).collect();
    let order = json!({ "act": "cancel", "ids": ids, "deliver": { "hold": true } });
    assert_eq!(acuity.control("portal", &order).await["held"], 300);
    assert!(receiver.received().is_empty());
    let deliver = json!({ "shuffle": true, "drop_percent": 5, "repeat_percent": 5, "seed": 7 });
    let released = acuity.control("portal/release", &json!({ "deliver": deliver })).await;
    let [events, dropped, repeated] = ["events", "dropped_events", "repeated_events"]
        .map(|name| usize::try_from(released[name].as_u64().unwrap()).unwrap());
    assert!(events == 300 && dropped > 0 && repeated > 0);
    assert_eq!(receiver.received().len(), 300 - dropped + repeated);
    let bodies: Vec<String> = receiver
        .received()
        .iter()
        .map(|one| String::from_utf8(one.body.to_vec()).unwrap())
        .collect();
    assert!(!bodies.is_sorted());
    assert!(bodies.iter().all(|body| body.matches("action=").count() == 1));
}

#[tokio::test]
async fn delayed_webhook_comes_after_the_answer_and_none_after_its_registration_is_gone() {
    let (acuity, receiver) = start().await;
    let id = book(&acuity).await;
    let edit = |deliver: Value| json!({ "act": "edit", "id": id, "properties": { "notes": "x" }, "deliver": deliver });
    let told = acuity.control("portal", &edit(json!({ "delay_ms": 300, "repeat": 2 }))).await;
    assert_eq!(told["deliveries"], json!([]));
    assert!(receiver.received().is_empty());
    sleep_ms(800).await;
    assert_eq!(receiver.received().len(), 2);
    acuity.control("portal", &edit(json!({ "hold": true }))).await;
    acuity.control("hooks", &json!({ "act": "remove" })).await;
    let released = acuity.control("portal/release", &json!({})).await;
    assert_eq!((&released["events"], &released["deliveries"]), (&json!(1), &json!([])));
    assert_eq!(receiver.received().len(), 2);
}

#[tokio::test]
async fn created_appointments_keep_given_ids_and_never_replace_others() {
    let (acuity, _) = start().await;
    let create = |id: u64| {
        json!({ "act": "create", "objects": [
            { "properties": { "id": id, "datetime": "2026-05-12T12:00:00" } }] })
    };
    assert_eq!(acuity.control("portal", &create(5)).await["ids"], json!(["5"]));
    assert_eq!(acuity.get("appointments/5").await["datetime"], "2026-05-12T12:00:00-0600");
    let (status, told) = acuity.try_control("portal", &create(5)).await;
    assert_eq!(status, 400);
    assert!(told["error"].as_str().unwrap().contains("appointment 5 exists"));
    let drawn = book(&acuity).await;
    assert_ne!(drawn, book(&acuity).await);
}
