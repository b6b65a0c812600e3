//! Requests of HubSpot's published signature vectors, and what the code under test says of them.

use jiff::Timestamp;
use secrecy::SecretString;
use sync_domain::model::System;
use sync_domain::ports::{SignatureFault, WebhookDelivery};
use sync_providers::webhook_protocol;

pub const SECRET: &str = "yyyyyyyy-yyyy-yyyy-yyyy-yyyyyyyyyyyy";
pub const URL: &str = "https://www.example.com/webhook_uri";
pub const B1: &str = r#"[{"eventId":1,"subscriptionId":12345,"portalId":62515,"occurredAt":1564113600000,"subscriptionType":"contact.creation","attemptNumber":0,"objectId":123,"changeSource":"CRM","changeFlag":"NEW","appId":54321}]"#;
pub const B2: &str = r#"{"example_field":"example_value"}"#;
pub const B3: &str = "{'example_field':'example_value'}";
pub const B4: &str = r#"[{"objectId":1,"propertyName":"firstname","propertyValue":"José ☃"}]"#;
pub const SIGNED_MS: &str = "1693657560000";
pub const V3: &str = "x-hubspot-signature-v3";
pub const TIMESTAMP: &str = "x-hubspot-request-timestamp";
pub const V1: &str = "x-hubspot-signature";
pub const VERSION: &str = "x-hubspot-signature-version";

/// A request as the vectors describe it.
#[derive(Clone)]
pub struct Vector {
    pub method: &'static str,
    pub url: String,
    pub body: Vec<u8>,
    pub headers: Vec<(&'static str, String)>,
}

impl Vector {
    pub fn plain(version: &str, method: &'static str, body: &str, signature: &str) -> Self {
        Self {
            method,
            url: URL.to_owned(),
            body: body.as_bytes().to_vec(),
            headers: vec![(V1, signature.to_owned()), (VERSION, version.to_owned())],
        }
    }

    pub fn v3(body: &str, timestamp: &str, signature: &str) -> Self {
        Self {
            method: "POST",
            url: URL.to_owned(),
            body: body.as_bytes().to_vec(),
            headers: vec![(V3, signature.to_owned()), (TIMESTAMP, timestamp.to_owned())],
        }
    }

    pub fn set(&mut self, name: &str, value: &str) {
        let header = self.headers.iter_mut().find(|(given, _)| *given == name);
        value.clone_into(&mut header.unwrap().1);
    }

    pub fn value(&self, name: &str) -> &str {
        &self.headers.iter().find(|(given, _)| *given == name).unwrap().1
    }

    /// What comes of it when it arrives `late_ms` after [`SIGNED_MS`] (before it, if negative).
    pub fn check_at(&self, secret: &str, late_ms: i64) -> Result<bool, SignatureFault> {
        let signed = self.headers.iter().find(|(name, _)| *name == TIMESTAMP);
        let signed_ms = signed.map_or(SIGNED_MS, |(_, value)| value).parse::<i64>();
        let now_ms = signed_ms.unwrap_or_else(|_| SIGNED_MS.parse().unwrap()) + late_ms;
        self.check_when(secret, Timestamp::from_millisecond(now_ms).unwrap())
    }

    pub fn check_when(&self, secret: &str, now: Timestamp) -> Result<bool, SignatureFault> {
        let headers = self.headers.iter();
        let delivery = WebhookDelivery {
            source: None,
            method: self.method.to_owned(),
            url: self.url.clone(),
            headers: headers.map(|(name, value)| ((*name).to_owned(), value.clone())).collect(),
            body: self.body.clone(),
        };
        let protocol = webhook_protocol(System::Hubspot);
        let signature = protocol.signature(&delivery, now)?;
        Ok(signature.is_made_with(&SecretString::from(secret)))
    }

    pub fn check(&self) -> Result<bool, SignatureFault> {
        self.check_at(SECRET, 0)
    }

    /// Whether anything at all would be believed.
    pub fn passes(&self) -> bool {
        self.check_when(SECRET, Timestamp::from_millisecond(1_693_657_560_000).unwrap()) == Ok(true)
    }
}

pub fn vector_8() -> Vector {
    Vector::v3(B1, SIGNED_MS, "ecWWq6SLunL3htE3leWhW3cjrE6R0rZmBOcQ2bf4D40=")
}

pub fn vector_11(signature: &str) -> Vector {
    let mut vector = Vector::v3(B3, SIGNED_MS, signature);
    vector.url = format!("{URL}?src=hs%3Aapp%2Fv3&x=%28a%29%20b");
    vector
}
