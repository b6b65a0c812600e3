//! A second implementation of version 3 of the signature, as plain as the vendor's description.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, KeyInit, Mac};
use jiff::Timestamp;
use secrecy::SecretString;
use sha2::Sha256;
use sync_domain::model::System;
use sync_domain::ports::WebhookDelivery;
use sync_providers::webhook_protocol;

const DECODED: [(&str, &str); 12] = [
    ("%3A", ":"),
    ("%2F", "/"),
    ("%3F", "?"),
    ("%40", "@"),
    ("%21", "!"),
    ("%24", "$"),
    ("%27", "'"),
    ("%28", "("),
    ("%29", ")"),
    ("%2A", "*"),
    ("%2C", ","),
    ("%3B", ";"),
];

fn signature(delivery: &WebhookDelivery, secret: &str, timestamp: &str) -> String {
    let mut url = delivery.url.clone();
    for (escape, character) in DECODED {
        url = url.replace(escape, character);
    }
    let mut mac = Hmac::<Sha256>::new_from_slice(secret.as_bytes()).unwrap();
    mac.update(delivery.method.as_bytes());
    mac.update(url.as_bytes());
    mac.update(&delivery.body);
    mac.update(timestamp.as_bytes());
    STANDARD.encode(mac.finalize().into_bytes())
}

/// Signs the request here and expects it to be believed, and not to be when it is altered.
pub fn signed_delivery_is_believed(delivery: &WebhookDelivery, secret: &str, now_ms: i64) {
    let protocol = webhook_protocol(System::Hubspot);
    let timestamp = now_ms.to_string();
    let now = Timestamp::from_millisecond(now_ms).unwrap();
    let mut signed = WebhookDelivery { source: None,
        method: delivery.method.clone(),
        url: delivery.url.clone(),
        headers: vec![
            ("x-hubspot-signature-v3".to_owned(), signature(delivery, secret, &timestamp)),
            ("x-hubspot-request-timestamp".to_owned(), timestamp),
        ],
        body: delivery.body.clone(),
    };
    let is_believed = |signed: &WebhookDelivery| {
        let signature = protocol.signature(signed, now);
        signature.is_ok_and(|signature| signature.is_made_with(&SecretString::from(secret)))
    };
    assert!(is_believed(&signed), "signed and not believed");
    signed.body.push(b' ');
    assert!(!is_believed(&signed), "altered and believed");
}
