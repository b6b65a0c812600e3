//! Deliveries as the Apex package and Outbound Messages send them, made here anew and not with the code
//! under test.

use hmac::{Hmac, KeyInit, Mac};
use serde_json::{Value, json};
use sha2::Sha256;
use sync_domain::ports::WebhookDelivery;

use super::webhook_signing::{BASE_URL, Sent};

/// The path of the route, before a token.
pub const SALESFORCE_PATH: &str = "/webhooks/crm/salesforce";
/// An org, and another one.
pub const ORG: &str = "00DD000000001ABMAY";
pub const OTHER_ORG: &str = "00DD000000002BCMAY";
/// Ids of records in both forms.
pub const CONTACT: &str = "003D000000QYVtZIAX";
pub const ACCOUNT: &str = "001A0000006Vm9uIAC";

/// What the package sends as its signature.
pub fn apex_signature(secret: &str, timestamp: &str, body: &[u8]) -> String {
    let mut mac = Hmac::<Sha256>::new_from_slice(secret.as_bytes()).unwrap();
    mac.update(&[timestamp.as_bytes(), b".", body].concat());
    format!("v1={}", hex::encode(mac.finalize().into_bytes()))
}

/// One change as the package tells it.
pub fn apex_change(object: &str, change_type: &str, record_id: &str, fields: &[&str]) -> Value {
    json!({
        "object": object, "change_type": change_type, "record_id": record_id,
        "changed_fields": fields, "last_modified_date": "2026-11-19T20:19:58.000Z",
    })
}

/// The body of these changes.
pub fn apex_body(org_id: &str, changes: &[Value]) -> Vec<u8> {
    let event_id = "5f0c1d6e-8c3b-4a86-9d0a-5b1f6f6f0a01";
    json!({ "event_id": event_id, "org_id": org_id, "changes": changes }).to_string().into_bytes()
}

/// One notification of an Outbound Message.
pub fn notification(object: &str, record_id: &str) -> String {
    format!(
        "<Notification><Id>04lD000000FakeOne</Id>\
         <sObject xsi:type=\"sf:{object}\" xmlns:sf=\"urn:sobject.enterprise.soap.sforce.com\">\
         <sf:Id>{record_id}</sf:Id><sf:Name>Lovelace &amp; Byron</sf:Name></sObject></Notification>"
    )
}

/// An Outbound Message around what is in its `notifications` after the org.
pub fn outbound_message(org_id: &str, inner: &str) -> String {
    format!(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n\
         <soapenv:Envelope xmlns:soapenv=\"http://schemas.xmlsoap.org/soap/envelope/\" \
         xmlns:xsd=\"http://www.w3.org/2001/XMLSchema\" \
         xmlns:xsi=\"http://www.w3.org/2001/XMLSchema-instance\">\n <soapenv:Body>\n  \
         <notifications xmlns=\"http://soap.sforce.com/2005/09/outbound\">\n   \
         <OrganizationId>{org_id}</OrganizationId>\n   <ActionId>04kD0000000Fake1AA</ActionId>\n   \
         <SessionId xsi:nil=\"true\"/>\n   \
         <EnterpriseUrl>https://acme.my.salesforce.com/services/Soap/c/67.0</EnterpriseUrl>\n   \
         <PartnerUrl>https://acme.my.salesforce.com/services/Soap/u/67.0</PartnerUrl>\n   \
         {inner}\n  </notifications>\n </soapenv:Body>\n</soapenv:Envelope>\n"
    )
}

/// A delivery of an Outbound Message to no address in particular.
pub fn soap_delivery(body: impl Into<Vec<u8>>) -> WebhookDelivery {
    let content_type = ("content-type".to_owned(), "text/xml; charset=UTF-8".to_owned());
    delivery(vec![content_type], body)
}

/// A delivery with these headers to no address in particular.
pub fn delivery(headers: Vec<(String, String)>, body: impl Into<Vec<u8>>) -> WebhookDelivery {
    WebhookDelivery {
        source: None,
        method: "POST".to_owned(),
        url: format!("{BASE_URL}{SALESFORCE_PATH}"),
        headers,
        body: body.into(),
    }
}

impl Sent {
    /// Signed by the package at a time in epoch seconds, to the address with this token, or to the
    /// one without any.
    pub fn apex(body: impl Into<Vec<u8>>, secret: &str, at_s: i64, token: &str) -> Self {
        let sent = Self::unsigned(body);
        let timestamp = at_s.to_string();
        let signature = apex_signature(secret, &timestamp, &sent.body);
        sent.header("Content-Type", "application/json")
            .header("X-Integration-Timestamp", &timestamp)
            .header("X-Integration-Signature", &signature)
            .at_token(token)
    }

    /// An Outbound Message to the address with this token, or to the one without any.
    pub fn outbound(body: impl Into<Vec<u8>>, token: &str) -> Self {
        let sent = Self::unsigned(body).header("Content-Type", "text/xml; charset=UTF-8");
        sent.header("SOAPAction", "\"\"").at_token(token)
    }

    fn at_token(self, token: &str) -> Self {
        let separator = if token.is_empty() { "" } else { "/" };
        Self { path: format!("{SALESFORCE_PATH}{separator}{token}").into(), ..self }
    }
}
