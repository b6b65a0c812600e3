//! Dynamic webhooks, ordered deliveries, signatures and retries.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, KeyInit, Mac};
use reqwest::Method;
use serde_json::{Value, json};
use sha2::Sha256;

use super::{Acuity, KEY};
use crate::harness::{Received, Receiver, sleep_ms};

fn text(one: &Received) -> String {
    String::from_utf8(one.body.to_vec()).unwrap()
}

fn signed(key: &str, body: &[u8]) -> String {
    let mut mac = Hmac::<Sha256>::new_from_slice(key.as_bytes()).unwrap();
    mac.update(body);
    STANDARD.encode(mac.finalize().into_bytes())
}

async fn register(acuity: &Acuity, event: &str, target: &str) -> Value {
    let body = json!({ "event": event, "target": target });
    let (status, made) = acuity.call(Method::POST, "webhooks", &body).await;
    assert_eq!(status, 200, "{made}");
    made
}

#[tokio::test]
async fn webhooks_are_made_listed_and_taken_away() {
    let acuity = Acuity::start(&json!({})).await;
    let made = register(&acuity, "appointment.changed", "http://localhost:1/a?token=t").await;
    let expected = json!({ "id": made["id"], "event": "appointment.changed",
        "target": "http://localhost:1/a?token=t", "status": "active" });
    assert_eq!(made, expected);
    let twin = register(&acuity, "appointment.changed", "http://localhost:1/a?token=t").await;
    assert_ne!(twin["id"], made["id"]);
    assert_eq!(acuity.get("webhooks").await, json!([made, twin]));
    let below = format!("webhooks/{}", made["id"]);
    assert_eq!(acuity.call(Method::DELETE, &below, &Value::Null).await.0, 204);
    assert_eq!(acuity.call(Method::DELETE, &below, &Value::Null).await.0, 404);
    assert_eq!(acuity.get("webhooks").await, json!([twin]));
    for refused in [
        json!({ "event": "changed", "target": "http://localhost:1/a" }),
        json!({ "event": "appointment.changed" }),
        json!({ "event": "appointment.changed", "target": "https://example.com:8443/" }),
        json!([]),
    ] {
        let (status, body) = acuity.call(Method::POST, "webhooks", &refused).await;
        assert_eq!((status, &body["error"]), (400, &json!("bad_request")), "{refused}");
    }
    let calls = acuity.shown("calls").await;
    assert!(!calls.to_string().contains("token=t"));
    assert_eq!(calls["totals"]["applied"], 3);
    acuity.control("reset", &json!({})).await;
    assert_eq!(acuity.get("webhooks").await, json!([twin]));
}

#[tokio::test]
async fn twenty_sixth_webhook_is_refused_until_one_goes() {
    let acuity = Acuity::start(&json!({})).await;
    for number in 0..25 {
        register(&acuity, "order.completed", &format!("http://localhost/{number}")).await;
    }
    let one_more = json!({ "event": "order.completed", "target": "http://localhost/x" });
    assert_eq!(acuity.call(Method::POST, "webhooks", &one_more).await.0, 400);
    acuity.call(Method::DELETE, "webhooks/3", &Value::Null).await;
    assert_eq!(acuity.call(Method::POST, "webhooks", &one_more).await.0, 200);
    acuity.control("hooks", &json!({ "act": "remove" })).await;
    assert_eq!(acuity.get("webhooks").await, json!([]));
}

#[tokio::test]
async fn static_receiver_gets_bare_names_and_registered_ones_dotted() {
    let (receiver, url) = Receiver::start(&[]).await;
    let settings = json!({ "webhook_url": format!("{url}/static") });
    let acuity = Acuity::start(&settings).await;
    register(&acuity, "appointment.changed", &format!("{url}/dynamic?token=t")).await;
    acuity
        .seed(json!([{ "id": 54321, "datetime": "2026-05-12T12:00:00Z", "calendarID": 27238,
            "appointmentTypeID": 1 }]))
        .await;
    let order = json!({ "object_ids": [54321], "event": "scheduled" });
    let told = acuity.control("webhooks", &order).await;
    assert_eq!(told["deliveries"].as_array().unwrap().len(), 2);
    let mut got: Vec<(String, String, String)> = receiver
        .received()
        .iter()
        .map(|one| {
            assert_eq!(one.headers["content-type"], "application/x-www-form-urlencoded");
            let signature = one.headers["x-acuity-signature"].to_str().unwrap().to_owned();
            assert_eq!(signature, signed(KEY, &one.body));
            (one.target.clone(), text(one), signature)
        })
        .collect();
    got.sort();
    assert_eq!(got[0].0, "/dynamic?token=t");
    assert_eq!(
        got[0].1,
        "action=appointment.scheduled&id=54321&calendarID=27238&appointmentTypeID=1"
    );
    assert_eq!(got[1].1, "action=scheduled&id=54321&calendarID=27238&appointmentTypeID=1");
    // The fact sheet's vector, whose key this account has.
    assert_eq!(got[1].2, "N2vF6ucyA+NCDiiwsdXBpIxFok9pGGS4/gMB2ComFwA=");
}

#[tokio::test]
async fn webhook_is_signed_with_the_present_key_of_the_user_who_made_it() {
    let (receiver, url) = Receiver::start(&[]).await;
    let users = |key: &str| json!([{ "user_id": "778", "api_key": key }]);
    let acuity = Acuity::start(&json!({ "users": users("ben") })).await;
    let body = json!({ "event": "appointment.changed", "target": url });
    let made = acuity.call_as(("778", "ben"), Method::POST, "webhooks", &body).await;
    assert_eq!(made.0, 200);
    let order = json!({ "object_ids": [1] });
    acuity.control("webhooks", &order).await;
    let account = json!({ "user_id": "777", "api_key": KEY, "users": users("new") });
    acuity.control("accounts", &account).await;
    acuity.control("webhooks", &order).await;
    acuity.control("webhooks", &json!({ "object_ids": [1], "secret": "forged" })).await;
    let received = receiver.received();
    for (one, key) in received.iter().zip(["ben", "new", "forged"]) {
        let signature = one.headers["x-acuity-signature"].to_str().unwrap();
        assert_eq!(signature, signed(key, &one.body), "{key}");
    }
    // The appointment isn't there, so only its id is known.
    assert_eq!(text(&received[0]), "action=appointment.changed&id=1");
    let below = format!("webhooks/{}", made.1["id"]);
    let account = json!({ "user_id": "777", "api_key": KEY,
        "users": [{ "user_id": "778", "api_key": "ben" }, { "user_id": "779", "api_key": "eve" }] });
    acuity.control("accounts", &account).await;
    let others = acuity.call_as(("779", "eve"), Method::DELETE, &below, &Value::Null).await;
    assert_eq!(others.0, 403);
    assert_eq!(acuity.call(Method::DELETE, &below, &Value::Null).await.0, 204);
}

#[tokio::test]
async fn only_server_errors_and_lost_connections_are_tried_again() {
    let (receiver, url) = Receiver::start(&[503, 500, 404]).await;
    let acuity = Acuity::start(&json!({ "webhook_url": url })).await;
    acuity.control("webhooks", &json!({ "object_ids": [1] })).await;
    for _ in 0..100 {
        if receiver.received().len() == 3 {
            break;
        }
        sleep_ms(50).await;
    }
    sleep_ms(600).await;
    let listed = acuity.shown("webhooks").await["deliveries"][0].clone();
    let statuses: Vec<&Value> =
        listed["attempts"].as_array().unwrap().iter().map(|one| &one["status"]).collect();
    assert_eq!(statuses, [503, 500, 404]);
    assert_eq!((&listed["delivered"], &listed["given_up"]), (&json!(false), &json!(true)));
    let received = receiver.received();
    assert!(received.iter().all(|one| one.body == received[0].body));
}

#[tokio::test]
async fn ordered_webhooks_repeat_drop_and_take_fields() {
    let (receiver, url) = Receiver::start(&[]).await;
    let acuity = Acuity::start(&json!({ "webhook_url": url })).await;
    let order = |extra: Value| {
        let mut order = json!({ "object_ids": [1, "2"] });
        order.as_object_mut().unwrap().extend(extra.as_object().unwrap().clone());
        order
    };
    acuity.control("webhooks", &order(json!({ "repeat": 3, "shuffle": true }))).await;
    assert_eq!(receiver.received().len(), 6);
    let told = acuity.control("webhooks", &order(json!({ "drop_percent": 100 }))).await;
    assert_eq!(told["dropped_events"], 2);
    assert_eq!(receiver.received().len(), 6);
    let fields = json!({ "fields": { "action": "a&b", "id": null, "zip": "8 1" } });
    acuity.control("webhooks", &order(fields)).await;
    assert_eq!(text(&receiver.received()[6]), "action=a%26b&zip=8+1");
    for refused in [
        json!({ "event": "appointment.exploded" }),
        json!({ "type": "contact" }),
        json!({ "object_ids": ["x"] }),
    ] {
        assert_eq!(
            acuity.try_control("webhooks", &order(refused.clone())).await.0,
            400,
            "{refused}"
        );
    }
}

#[tokio::test]
async fn disabled_webhook_gets_nothing_until_it_is_enabled() {
    let (receiver, url) = Receiver::start(&[]).await;
    let acuity = Acuity::start(&json!({})).await;
    let id = register(&acuity, "appointment.changed", &url).await["id"].clone();
    let told = acuity.control("hooks", &json!({ "act": "disable", "id": id })).await;
    assert_eq!(told["hooks"][0]["user_id"], "777");
    assert_eq!(acuity.get("webhooks").await[0]["status"], "disabled");
    let (status, told) = acuity.try_control("webhooks", &json!({ "object_ids": [1] })).await;
    assert_eq!(status, 400, "{told}");
    let act = json!({ "act": "create", "properties": { "datetime": "2026-05-12T12:00:00Z" } });
    assert_eq!(acuity.control("portal", &act).await["events"], json!([]));
    acuity.control("hooks", &json!({ "act": "enable" })).await;
    acuity.control("webhooks", &json!({ "object_ids": [1] })).await;
    assert_eq!(receiver.received().len(), 1);
    assert_eq!(acuity.try_control("hooks", &json!({ "act": "remove", "id": 99 })).await.0, 400);
    assert_eq!(acuity.shown("hooks").await["hooks"][0]["status"], "active");
}
