//! Webhooks: envelope, signature, who is told of what, and retries.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, KeyInit, Mac};
use serde_json::{Value, json};
use sha2::Sha256;

use super::{ACCOUNT, Square};
use crate::harness::{Received, Receiver, sleep_ms};

const KEY: &str = "Ibxx_5AKakO-3qeNVR61Dw";

async fn start(planned: &[u16], settings: &Value) -> (Square, Receiver, String) {
    let (receiver, url) = Receiver::start(planned).await;
    let url = format!("{url}/webhooks/booking/square?x=1");
    let mut account = json!({ "webhook_url": url, "webhook_signature_key": KEY });
    account.as_object_mut().unwrap().extend(settings.as_object().unwrap().clone());
    let square = Square::start(&account).await;
    square.seed(json!([{ "id": "b1", "start_at": "2026-05-12T14:00:00Z" }])).await;
    (square, receiver, url)
}

fn body(received: &Received) -> Value {
    serde_json::from_slice(&received.body).unwrap()
}

fn signed(key: &str, url: &str, body: &[u8]) -> String {
    let mut mac = Hmac::<Sha256>::new_from_slice(key.as_bytes()).unwrap();
    mac.update(url.as_bytes());
    mac.update(body);
    STANDARD.encode(mac.finalize().into_bytes())
}

async fn until_received(receiver: &Receiver, count: usize) -> Vec<Received> {
    for _ in 0..100 {
        if receiver.received().len() >= count {
            break;
        }
        sleep_ms(50).await;
    }
    receiver.received()
}

#[tokio::test]
async fn webhook_is_signed_over_the_registered_address_and_the_body() {
    let (square, receiver, url) = start(&[], &json!({})).await;
    square.act(&json!({ "act": "cancel", "id": "b1" })).await;
    let received = receiver.received().remove(0);
    assert_eq!(received.target, "/webhooks/booking/square?x=1");
    let header = &received.headers["x-square-hmacsha256-signature"];
    assert_eq!(header.to_str().unwrap(), signed(KEY, &url, &received.body));
    let told = body(&received);
    assert_eq!((&told["merchant_id"], &told["location_id"]), (&json!(ACCOUNT), &json!("NORTH")));
    assert_eq!(
        (&told["type"], &told["data"]["type"]),
        (&json!("booking.updated"), &json!("booking"))
    );
    assert_eq!(told["data"]["id"], "b1:1", "id and version");
}

#[tokio::test]
async fn failed_webhook_comes_again_with_the_same_event_id() {
    let (square, receiver, _) = start(&[500, 302, 404], &json!({})).await;
    square.act(&json!({ "act": "cancel", "id": "b1" })).await;
    let received = until_received(&receiver, 4).await;
    assert_eq!(received.len(), 4);
    assert!(received.iter().all(|one| one.body == received[0].body));
    sleep_ms(300).await;
    assert_eq!(receiver.received().len(), 4, "it was taken");
}

#[tokio::test]
async fn ordered_webhook_tells_the_present_state_or_what_is_put_over_it() {
    let (square, receiver, url) = start(&[], &json!({})).await;
    square.control("webhooks", &json!({ "object_ids": ["b1"], "repeat": 3 })).await;
    let events: Vec<Value> = receiver.received().iter().map(body).collect();
    assert_eq!(events.len(), 3);
    assert_eq!(
        (&events[0]["event_id"], &events[0]["type"]),
        (&events[2]["event_id"], &json!("booking.updated"))
    );
    assert_eq!(events[0]["data"]["object"]["booking"]["version"], 0);
    for (order, path, expected) in [
        (
            json!({ "object_ids": ["b1"], "event": "booking.created" }),
            "/type",
            json!("booking.created"),
        ),
        (json!({ "object_ids": [999] }), "/data/object/booking", json!({ "id": "999" })),
        (
            json!({ "object_ids": ["b1"], "fields": { "status": "NEW" } }),
            "/data/object/booking/status",
            json!("NEW"),
        ),
        (
            json!({ "object_ids": ["b1"], "fields": { "start_at": null } }),
            "/data/object/booking/start_at",
            Value::Null,
        ),
        (
            json!({ "object_ids": ["b1"], "fields": { "merchant_id": "M2" } }),
            "/merchant_id",
            json!("M2"),
        ),
        (
            json!({ "object_ids": ["C"], "event": "customer.deleted" }),
            "/data/object/customer/id",
            json!("C"),
        ),
        (
            json!({ "object_ids": ["x"], "event": "oauth.authorization.revoked" }),
            "/data/type",
            json!("revocation"),
        ),
    ] {
        square.control("webhooks", &order).await;
        let told = body(receiver.received().last().unwrap());
        assert_eq!(told.pointer(path).cloned().unwrap_or_default(), expected, "{order}");
    }
    square.control("webhooks", &json!({ "object_ids": ["b1"], "secret": "other" })).await;
    let last = receiver.received().pop().unwrap();
    let header = last.headers["x-square-hmacsha256-signature"].to_str().unwrap().to_owned();
    assert_eq!(header, signed("other", &url, &last.body));
    for order in [
        json!({ "object_ids": ["b1"], "event": "booking.deleted" }),
        json!({ "object_ids": ["b1"], "type": "booking" }),
    ] {
        assert_eq!(square.try_control("webhooks", &order).await.0, 400, "{order}");
    }
}

#[tokio::test]
async fn app_is_told_of_what_it_subscribed_to_and_at_buyer_level_of_its_own() {
    let settings = json!({ "webhook_subscriptions": ["booking.created"] });
    let (square, receiver, _) = start(&[], &settings).await;
    square.act(&json!({ "act": "cancel", "id": "b1" })).await;
    assert!(receiver.received().is_empty());
    let (square, receiver, _) = start(&[], &json!({ "scopes": ["APPOINTMENTS_READ"] })).await;
    square
        .seed(json!([{ "id": "own", "start_at": "2026-05-12T14:00:00Z", "by_this_app": true }]))
        .await;
    square.act(&json!({ "act": "cancel", "ids": ["b1", "own"] })).await;
    let ids: Vec<Value> =
        receiver.received().iter().map(|one| body(one)["data"]["id"].clone()).collect();
    assert_eq!(ids, ["own:1"]);
}

#[tokio::test]
async fn account_without_address_or_key_is_told_nothing() {
    let app = json!({ "client_id": "c", "client_secret": "s", "refresh_token": "r" });
    for missing in ["webhook_url", "webhook_signature_key"] {
        let settings = json!({ missing: null, "oauth": app });
        let (square, receiver, _) = start(&[], &settings).await;
        let told = square.act(&json!({ "act": "cancel", "id": "b1" })).await;
        assert_eq!(told["deliveries"], json!([]), "the client secret signs nothing");
        let order = json!({ "object_ids": ["b1"] });
        assert_eq!(square.try_control("webhooks", &order).await.0, 400);
        assert!(receiver.received().is_empty());
    }
}
