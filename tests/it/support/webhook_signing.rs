//! Requests as HubSpot sends them, and Acuity's signature, made here anew and not with the code under
//! test.

use std::borrow::Cow;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, KeyInit, Mac};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use sync_domain::ports::WebhookDelivery;

/// The address that providers call in these tests.
pub const BASE_URL: &str = "https://hooks.example.com";
/// The path of the route.
pub const PATH: &str = "/webhooks/crm/hubspot";

/// The path of Acuity's.
pub const ACUITY_PATH: &str = "/webhooks/booking/acuity";

/// Version 3 over an address that needs no decoding.
pub fn v3(secret: &str, method: &str, url: &str, body: &[u8], timestamp: &str) -> String {
    let mut mac = Hmac::<Sha256>::new_from_slice(secret.as_bytes()).unwrap();
    for part in [method.as_bytes(), url.as_bytes(), body, timestamp.as_bytes()] {
        mac.update(part);
    }
    STANDARD.encode(mac.finalize().into_bytes())
}

/// Acuity's, over nothing but the body.
pub fn acuity_signature(api_key: &str, body: &[u8]) -> String {
    let mut mac = Hmac::<Sha256>::new_from_slice(api_key.as_bytes()).unwrap();
    mac.update(body);
    STANDARD.encode(mac.finalize().into_bytes())
}

/// A delivery that is nothing but its body.
pub fn unsigned(body: &[u8]) -> WebhookDelivery {
    WebhookDelivery {
        source: None,
        method: "POST".to_owned(),
        url: format!("{BASE_URL}{PATH}"),
        headers: Vec::new(),
        body: body.to_vec(),
    }
}

/// Version 1.
pub fn v1(secret: &str, body: &[u8]) -> String {
    hex::encode(Sha256::new().chain_update(secret).chain_update(body).finalize())
}

/// A request on its way.
#[derive(Clone)]
pub struct Sent {
    pub body: Vec<u8>,
    pub headers: Vec<(String, String)>,
    pub raw_query: String,
    pub path: Cow<'static, str>,
    /// Whether the gateway passes the body on in base64.
    pub is_base64: bool,
    /// When the gateway says that it got it.
    pub received_ms: Option<i64>,
}

impl Sent {
    pub fn unsigned(body: impl Into<Vec<u8>>) -> Self {
        Self {
            body: body.into(),
            headers: vec![],
            raw_query: String::new(),
            path: PATH.into(),
            is_base64: true,
            received_ms: None,
        }
    }

    pub fn header(mut self, name: &str, value: &str) -> Self {
        self.headers.push((name.to_owned(), value.to_owned()));
        self
    }

    /// Signed with version 3 at a time in epoch milliseconds.
    pub fn v3(body: impl Into<Vec<u8>>, secret: &str, at_ms: i64) -> Self {
        let sent = Self::unsigned(body);
        let timestamp = at_ms.to_string();
        let url = format!("{BASE_URL}{PATH}");
        let signature = v3(secret, "POST", &url, &sent.body, &timestamp);
        sent.header("X-HubSpot-Signature-v3", &signature)
            .header("X-HubSpot-Request-Timestamp", &timestamp)
    }

    /// Signed with version 1.
    pub fn v1(body: impl Into<Vec<u8>>, secret: &str) -> Self {
        let sent = Self::unsigned(body);
        let signature = v1(secret, &sent.body);
        sent.header("X-HubSpot-Signature", &signature).header("X-HubSpot-Signature-Version", "v1")
    }

    /// As Acuity sends it to an address with a token.
    pub fn acuity(body: impl Into<Vec<u8>>, key: &str, token: &str) -> Self {
        let sent = Self::unsigned(body);
        let mut mac = Hmac::<Sha256>::new_from_slice(key.as_bytes()).unwrap();
        mac.update(&sent.body);
        let signature = STANDARD.encode(mac.finalize().into_bytes());
        let sent = sent.header("X-Acuity-Signature", &signature);
        Self { path: ACUITY_PATH.into(), raw_query: format!("token={token}"), ..sent }
    }

    /// Without the headers of that name, whatever their case.
    pub fn without(mut self, name: &str) -> Self {
        self.headers.retain(|(given, _)| !given.eq_ignore_ascii_case(name));
        self
    }

    /// The value of a header.
    pub fn value(&self, name: &str) -> String {
        let found = self.headers.iter().find(|(given, _)| given.eq_ignore_ascii_case(name));
        found.unwrap().1.clone()
    }

    /// The text of the gateway's event; a map could not hold a header twice.
    pub fn gateway_event(&self) -> String {
        let headers: Vec<_> = self
            .headers
            .iter()
            .map(|(name, value)| format!("{}:{}", json!(name), json!(value)))
            .collect();
        let body = if self.is_base64 {
            STANDARD.encode(&self.body)
        } else {
            String::from_utf8(self.body.clone()).unwrap()
        };
        let rest = json!({
            "rawPath": format!("/prod{}", self.path),
            "rawQueryString": self.raw_query,
            "requestContext": {
                "domainName": "internal.example.com",
                "http": { "method": "POST" },
                "timeEpoch": self.received_ms,
            },
            "body": body,
            "isBase64Encoded": self.is_base64,
        });
        let rest = rest.to_string();
        format!("{{\"headers\":{{{}}},{}", headers.join(","), rest.strip_prefix('{').unwrap())
    }
}

/// A body of these events.
pub fn body_of(events: &[Value]) -> Vec<u8> {
    Value::from(events).to_string().into_bytes()
}

/// One event of a portal about a contact.
pub fn contact_event(portal_id: u64, object_id: u64, kind: &str) -> Value {
    json!({
        "eventId": 1, "subscriptionId": 715_001, "portalId": portal_id, "appId": 54_321,
        "occurredAt": 1_789_999_990_000_i64, "subscriptionType": format!("contact.{kind}"),
        "attemptNumber": 0, "objectId": object_id, "changeSource": "CRM",
    })
}

/// A body of that many new contacts.
pub fn creations(portal_id: u64, count: u64) -> Vec<u8> {
    let events: Vec<_> = (1..=count).map(|id| contact_event(portal_id, id, "creation")).collect();
    body_of(&events)
}
