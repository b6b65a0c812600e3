//! Both forms of webhooks: signed JSON, and Outbound Messages until they are acknowledged.

use std::sync::{Arc, Mutex};

use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use hmac::{Hmac, KeyInit, Mac};
use http::StatusCode;
use serde_json::{Value, json};
use sha2::Sha256;

use super::{ORG, Salesforce};
use crate::harness::{Receiver, sleep_ms};

const ACK: &str = "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\
    <soapenv:Envelope xmlns:soapenv=\"http://schemas.xmlsoap.org/soap/envelope/\"><soapenv:Body>\
    <notificationsResponse xmlns=\"http://soap.sforce.com/2005/09/outbound\"><Ack>true</Ack>\
    </notificationsResponse></soapenv:Body></soapenv:Envelope>";

/// Answers 200 without the Ack as often as told, then with it.
#[derive(Clone, Default)]
struct Listener {
    received: Arc<Mutex<Vec<String>>>,
    refusals: usize,
}

impl Listener {
    async fn start(refusals: usize) -> (Self, String) {
        let this = Self { refusals, ..Self::default() };
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}/om", listener.local_addr().unwrap());
        let router = Router::new().fallback(Self::take).with_state(this.clone());
        tokio::spawn(async move { axum::serve(listener, router).await });
        (this, url)
    }

    async fn take(State(this): State<Self>, body: Bytes) -> (StatusCode, &'static str) {
        let mut received = this.received.lock().unwrap();
        received.push(String::from_utf8(body.to_vec()).unwrap());
        (StatusCode::OK, if received.len() > this.refusals { ACK } else { "<ok/>" })
    }

    fn received(&self) -> Vec<String> {
        self.received.lock().unwrap().clone()
    }
}

fn between<'a>(text: &'a str, before: &str, behind: &str) -> &'a str {
    text.split_once(before).unwrap().1.split_once(behind).unwrap().0
}

#[tokio::test]
async fn json_form_is_signed_over_timestamp_and_body() {
    let (receiver, url) = Receiver::start(&[500]).await;
    let hook = json!({ "webhook_url": url, "webhook_secret": "whsec" });
    let salesforce = Salesforce::start(&hook).await;
    let id = salesforce.create("Contact", json!({ "LastName": "A" })).await;
    assert!(receiver.received().is_empty(), "API writes tell nothing by themselves");
    let order =
        json!({ "act": "update", "type": "contact", "id": id, "properties": { "Title": "Dr" } });
    salesforce.control("portal", &order).await;
    while receiver.received().len() < 2 {
        sleep_ms(20).await;
    }
    let received = receiver.received();
    let header = |name: &str| received[1].headers[name].to_str().unwrap().to_owned();
    let mut mac = Hmac::<Sha256>::new_from_slice(b"whsec").unwrap();
    mac.update(format!("{}.", header("x-integration-timestamp")).as_bytes());
    mac.update(&received[1].body);
    let expected = format!("v1={}", hex::encode(mac.finalize().into_bytes()));
    assert_eq!(header("x-integration-signature"), expected);
    let bodies =
        [0, 1].map(|place| serde_json::from_slice::<Value>(&received[place].body).unwrap());
    assert_eq!(bodies[0], bodies[1], "a retry has the same event id");
    assert_eq!(bodies[1]["org_id"], ORG);
    assert_eq!(bodies[1]["event_id"].as_str().unwrap().len(), 36);
    let change = &bodies[1]["changes"][0];
    assert_eq!(change.as_object().unwrap().len(), 5);
    assert_eq!((&change["object"], &change["change_type"]), (&json!("Contact"), &json!("update")));
    assert_eq!((&change["record_id"], &change["changed_fields"]), (&json!(id), &json!(["Title"])));
}

#[tokio::test]
async fn outbound_message_comes_again_until_the_ack_with_the_latest_values() {
    let (listener, url) = Listener::start(1).await;
    let salesforce = Salesforce::start(&json!({ "outbound_message_url": url })).await;
    let body = json!({ "LastName": "A & <B>", "Email": "a@example.com" });
    let order = json!({ "act": "create", "type": "contact", "properties": body });
    let told = salesforce.control("portal", &order).await;
    let id = told["ids"][0].as_str().unwrap().to_owned();
    let change = json!({ "act": "update", "type": "contact", "id": id,
        "properties": { "Email": null }, "deliver": { "drop_percent": 100 } });
    salesforce.control("portal", &change).await;
    while listener.received().len() < 2 {
        sleep_ms(20).await;
    }
    let received = listener.received();
    assert!(received[0].contains("<sf:Email>a@example.com</sf:Email>"), "{}", received[0]);
    assert!(!received[1].contains("sf:Email"), "{}", received[1]);
    for text in &received {
        assert_eq!(between(text, "<OrganizationId>", "<"), ORG);
        assert_eq!(between(text, "<sf:Id>", "<"), id);
        assert!(text.contains("<sf:LastName>A &amp; &lt;B&gt;</sf:LastName>"));
        assert!(
            text.contains("xsi:type=\"sf:Contact\"")
                && text.contains("<SessionId xsi:nil=\"true\"/>")
        );
    }
    let notification = |text: &str| between(text, "<Notification><Id>", "<").to_owned();
    assert_eq!(notification(&received[0]), notification(&received[1]));
    assert!(notification(&received[0]).starts_with("04l"));
    sleep_ms(100).await;
    let deliveries = salesforce.shown("webhooks").await;
    assert_eq!(deliveries["deliveries"][0]["delivered"], true);
    assert_eq!(deliveries["deliveries"][0]["attempts"].as_array().unwrap().len(), 2);
    let gone = json!({ "act": "archive", "type": "contact", "id": id });
    assert!(salesforce.control("portal", &gone).await["events"].as_array().unwrap().is_empty());
}

#[tokio::test]
async fn ordered_events_go_in_the_form_asked_for_and_messages_by_object_type() {
    let (receiver, url) = Receiver::start(&[]).await;
    let (listener, soap_url) = Listener::start(0).await;
    let salesforce = Salesforce::start(&json!({ "webhook_url": url, "webhook_secret": "s",
        "outbound_message_url": soap_url }))
    .await;
    let order = |event: &str, form: Value| json!({ "event": event, "form": form, "object_ids": ["003000000000001AAA", "x"] });
    salesforce.control("webhooks", &order("contact.delete", json!("json"))).await;
    assert_eq!((receiver.received().len(), listener.received().len()), (1, 0));
    salesforce.control("webhooks", &order("opportunity.update", json!("soap"))).await;
    assert_eq!((receiver.received().len(), listener.received().len()), (1, 1));
    assert_eq!(listener.received()[0].matches("<Notification>").count(), 2);
    salesforce.control("webhooks", &order("account.create", Value::Null)).await;
    assert_eq!((receiver.received().len(), listener.received().len()), (2, 2));
    for bad in [order("lead.update", Value::Null), order("contact.update", json!("csv"))] {
        assert_eq!(salesforce.try_control("webhooks", &bad).await.0, 400);
    }
    let held = |kind: &str, body: Value| json!({ "act": "create", "type": kind, "properties": body, "deliver": { "hold": true } });
    salesforce.control("portal", &held("contact", json!({ "LastName": "A" }))).await;
    salesforce.control("portal", &held("account", json!({ "Name": "A" }))).await;
    let release = json!({ "system": "salesforce", "deliver": { "shuffle": true, "repeat": 2 } });
    salesforce.control("portal/release", &release).await;
    let messages = &listener.received()[2..];
    assert_eq!(messages.len(), 2, "one for each object type");
    let of_type = |name: &str| {
        let full_name = format!("sf:{name}\"");
        messages.iter().map(|text| text.matches(&full_name).count()).max().unwrap()
    };
    assert_eq!((of_type("Contact"), of_type("Account")), (2, 2));
    assert_eq!(receiver.received().len(), 3);
}
