//! Webhook deliveries.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, KeyInit, Mac};
use serde_json::{Value, json};
use sha2::Sha256;

use crate::harness::{ACCOUNT, Receiver, TestSandbox, sleep_ms};

async fn start(planned: &[u16]) -> (TestSandbox, Receiver, String) {
    let (receiver, url) = Receiver::start(planned).await;
    let url = format!("{url}/webhooks/crm/hubspot");
    let settings = json!({ "webhook_url": url, "webhook_secret": "s3cret" });
    (TestSandbox::start_with(None, settings).await, receiver, url)
}

async fn order(sandbox: &TestSandbox, extra: &Value) -> Value {
    let mut order = json!({ "system": "hubspot", "account": ACCOUNT, "object_ids": [5, "6"] });
    for (name, value) in extra.as_object().unwrap() {
        order[name] = value.clone();
    }
    sandbox.post("/_control/webhooks", &order).await.json().await.unwrap()
}

#[tokio::test]
async fn webhook_is_signed_over_the_bytes_sent() {
    let (sandbox, receiver, url) = start(&[]).await;
    let answer = order(&sandbox, &json!({ "event": "contact.creation" })).await;
    assert_eq!(answer["deliveries"][0]["first_status"], 200);
    let got = receiver.received().remove(0);
    let timestamp = got.headers["x-hubspot-request-timestamp"].to_str().unwrap();
    let mut mac = Hmac::<Sha256>::new_from_slice(b"s3cret").unwrap();
    for part in [b"POST".as_slice(), url.as_bytes(), &got.body, timestamp.as_bytes()] {
        mac.update(part);
    }
    let expected = STANDARD.encode(mac.finalize().into_bytes());
    assert_eq!(got.headers["x-hubspot-signature-v3"], expected.as_str());
    let events: Value = serde_json::from_slice(&got.body).unwrap();
    assert_eq!(events[1]["objectId"], 6);
    assert_eq!(events[0]["portalId"].to_string(), ACCOUNT);
}

#[tokio::test]
async fn failed_webhook_is_tried_again_until_taken() {
    let (sandbox, receiver, _) = start(&[500, 404]).await;
    let answer = order(&sandbox, &json!({})).await;
    assert_eq!(answer["deliveries"][0]["first_status"], 500);
    for _ in 0..100 {
        if receiver.received().len() == 3 {
            break;
        }
        sleep_ms(50).await;
    }
    sleep_ms(100).await;
    let listed = sandbox.get_json("/_control/webhooks").await["deliveries"][0].clone();
    assert_eq!(listed["delivered"], true);
    let statuses: Vec<&Value> =
        listed["attempts"].as_array().unwrap().iter().map(|a| &a["status"]).collect();
    assert_eq!(statuses, [500, 404, 200]);
    let last: Value = serde_json::from_slice(&receiver.received()[2].body).unwrap();
    assert_eq!(last[0]["attemptNumber"], 2);
}

#[tokio::test]
async fn webhooks_repeat_and_drop_as_ordered() {
    let (sandbox, receiver, _) = start(&[]).await;
    order(&sandbox, &json!({ "repeat": 3 })).await;
    assert_eq!(receiver.received().len(), 3);
    let dropped = order(&sandbox, &json!({ "drop_percent": 100 })).await;
    assert_eq!(dropped["dropped_events"], 2);
    assert_eq!(receiver.received().len(), 3);
    let refused = order(&sandbox, &json!({ "event": "contact.nothing" })).await;
    assert!(refused["error"].as_str().unwrap().contains("unknown event"));
}

#[tokio::test]
async fn webhook_orders_know_every_subscription_and_take_fields() {
    let (sandbox, receiver, _) = start(&[]).await;
    for (event, field, value) in [
        ("deal.associationChange", "fromObjectId", json!(5)),
        ("company.merge", "newObjectId", json!(5)),
        ("contact.privacyDeletion", "objectId", json!(5)),
        ("deal.propertyChange", "propertyName", json!("firstname")),
        ("company.restore", "changeFlag", json!("RESTORED")),
    ] {
        order(&sandbox, &json!({ "event": event })).await;
        let got = receiver.received().pop().unwrap();
        let events: Value = serde_json::from_slice(&got.body).unwrap();
        assert_eq!((&events[0]["subscriptionType"], &events[0][field]), (&json!(event), &value));
    }
    let more = json!({ "event": "object.deletion", "type": "deal",
        "fields": { "portalId": 1, "sourceId": null } });
    order(&sandbox, &more).await;
    let got = receiver.received().pop().unwrap();
    let events: Value = serde_json::from_slice(&got.body).unwrap();
    assert_eq!((&events[0]["objectTypeId"], &events[0]["portalId"]), (&json!("0-3"), &json!(1)));
    assert!(events[0].get("sourceId").is_none());
    for refused in [
        json!({ "event": "contact.creation", "type": "deal" }),
        json!({ "event": "deal.privacyDeletion" }),
        json!({ "fields": 5 }),
    ] {
        assert!(order(&sandbox, &refused).await["error"].is_string(), "{refused}");
    }
}

#[tokio::test]
async fn webhook_can_be_signed_with_another_secret() {
    let (sandbox, receiver, url) = start(&[]).await;
    order(&sandbox, &json!({ "secret": "other" })).await;
    let got = receiver.received().remove(0);
    let timestamp = got.headers["x-hubspot-request-timestamp"].to_str().unwrap();
    let mut mac = Hmac::<Sha256>::new_from_slice(b"other").unwrap();
    for part in [b"POST".as_slice(), url.as_bytes(), &got.body, timestamp.as_bytes()] {
        mac.update(part);
    }
    let expected = STANDARD.encode(mac.finalize().into_bytes());
    assert_eq!(got.headers["x-hubspot-signature-v3"], expected.as_str());
}
