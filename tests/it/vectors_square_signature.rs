//! Signatures of Square's webhooks: the vectors of the vendor's Node SDK (`tests/integration/webhooks`,
//! MIT), and what its suite wants refused.

use base64::Engine;
use base64::engine::general_purpose::{STANDARD, URL_SAFE};
use jiff::Timestamp;
use secrecy::SecretString;
use sync_domain::model::System;
use sync_domain::ports::{AuthMode, SignatureFault, SignedBy, WebhookDelivery};
use sync_providers::webhook_protocol;

use crate::support::square_signing::SIGNATURE;

struct Vector {
    key: &'static str,
    url: &'static str,
    body: &'static str,
    signature: &'static str,
}

const VECTORS: [Vector; 3] = [
    Vector {
        key: "Ibxx_5AKakO-3qeNVR61Dw",
        url: "https://webhook.site/679a4f3a-dcfa-49ee-bac5-9d0edad886b9",
        body: r#"{"merchant_id":"MLEFBHHSJGVHD","type":"webhooks.test_notification","event_id":"ac3ac95b-f97d-458c-a6e6-18981597e05f","created_at":"2022-07-13T20:30:59.037339943Z","data":{"type":"webhooks","id":"bc368e64-01aa-407e-b46e-3231809b1129"}}"#,
        signature: "GF4YkrJgGBDZ9NIYbNXBnMzqb2HoL4RW/S6vkZ9/2N4=",
    },
    Vector {
        key: "signature-key",
        url: "https://webhook.site/webhooks",
        body: r#"{"data":{"type":"webhooks","id":"fake_id"}}"#,
        signature: "W3FlCNk5IA3ZQ2LHTWoajvzfaDu/OwY2tNHIHC3IUOA=",
    },
    Vector {
        key: "signature-key",
        url: "https://webhook.site/webhooks",
        body: r#"{"data":{"type":"webhooks","id":">id<"}}"#,
        signature: "Cxt7+aTi4rKgcA0bC4g9EHdVtLSDWdqccmL5MvihU4U=",
    },
];

fn verdict(url: &str, body: &[u8], signatures: &[&str], key: &str) -> Result<bool, SignatureFault> {
    let header = |text: &&str| (SIGNATURE.to_owned(), (*text).to_owned());
    let delivery = WebhookDelivery {
        source: None,
        method: "POST".to_owned(),
        url: url.to_owned(),
        headers: signatures.iter().map(header).collect(),
        body: body.to_vec(),
    };
    let protocol = webhook_protocol(System::Square);
    let signature = protocol.signature(&delivery, Timestamp::UNIX_EPOCH)?;
    Ok(signature.is_made_with(&SecretString::from(key.to_owned())))
}

impl Vector {
    fn of(&self, url: &str, body: &[u8]) -> Result<bool, SignatureFault> {
        verdict(url, body, &[self.signature], self.key)
    }

    fn with_key(&self, key: &str) -> Result<bool, SignatureFault> {
        verdict(self.url, self.body.as_bytes(), &[self.signature], key)
    }
}

fn flipped(bytes: &[u8], bit: usize) -> Vec<u8> {
    let mut bytes = bytes.to_vec();
    bytes[bit / 8] ^= 1 << (bit % 8);
    bytes
}

#[test]
fn vectors_are_accepted_with_their_key_and_with_no_other() {
    for vector in &VECTORS {
        assert_eq!(vector.with_key(vector.key), Ok(true), "{}", vector.body);
        let (longer, shorter) = (format!("{} ", vector.key), vector.key.get(1..).unwrap());
        for key in ["", "MCmhFRxGX82xMwg5FsaoQA", "Signature-key", &longer, shorter] {
            assert_eq!(vector.with_key(key), Ok(false), "{key}");
        }
    }
}

#[test]
fn every_flipped_bit_of_body_address_signature_and_key_is_refused() {
    for vector in &VECTORS {
        let Vector { key, url, body, signature } = vector;
        for bit in 0..body.len() * 8 {
            let body = flipped(body.as_bytes(), bit);
            assert_eq!(vector.of(url, &body), Ok(false), "body bit {bit}");
        }
        for bit in 0..url.len() * 8 {
            let Ok(url) = String::from_utf8(flipped(url.as_bytes(), bit)) else { continue };
            assert_eq!(vector.of(&url, body.as_bytes()), Ok(false), "address bit {bit}");
        }
        let digest = STANDARD.decode(signature).unwrap();
        for bit in 0..digest.len() * 8 {
            let signature = STANDARD.encode(flipped(&digest, bit));
            let verdict = verdict(url, body.as_bytes(), &[&signature], key);
            assert_eq!(verdict, Ok(false), "signature bit {bit}");
        }
        for bit in 0..key.len() * 8 {
            let Ok(key) = String::from_utf8(flipped(key.as_bytes(), bit)) else { continue };
            assert_eq!(vector.with_key(&key), Ok(false), "key bit {bit}");
        }
    }
}

#[test]
fn what_the_vendors_own_suite_wants_refused_is_refused() {
    let vector = &VECTORS[0];
    let body = vector.body;
    let later = body.replace("30:59.037339943Z", "30:59.037339944Z");
    let indented: serde_json::Value = serde_json::from_str(body).unwrap();
    let indented = serde_json::to_string_pretty(&indented).unwrap();
    for (url, body, what) in [
        (vector.url, later.as_str(), "another created_at"),
        (vector.url, &indented, "the same JSON, written otherwise"),
        (vector.url, "", "no body"),
        ("https://webhook.site/79a4f3a-dcfa-49ee-bac5-9d0edad886b9", body, "another address"),
        ("", body, "no address"),
        // The registered address and what a proxy may make of it.
        ("http://webhook.site/679a4f3a-dcfa-49ee-bac5-9d0edad886b9", body, "another scheme"),
        ("https://webhook.site/679a4f3a-dcfa-49ee-bac5-9d0edad886b9/", body, "a slash"),
        ("https://webhook.site/679a4f3a-dcfa-49ee-bac5-9d0edad886b9?", body, "an empty query"),
    ] {
        assert_eq!(vector.of(url, body.as_bytes()), Ok(false), "{what}");
    }
}

/// What is between address and body is nobody's: neither takes a byte from the other unnoticed, because
/// the address is ours and not the sender's.
#[test]
fn nothing_is_believed_without_a_key_or_an_address() {
    for (url, key) in [("", "key"), ("https://webhook.site/webhooks", ""), ("", "")] {
        let signature = crate::support::square_signing::signature(key, url, b"{}");
        assert_eq!(verdict(url, b"{}", &[&signature], key), Ok(false), "{url} {key}");
    }
}

#[test]
fn signature_that_is_missing_repeated_or_of_another_form_is_told_apart() {
    let Vector { key, url, body, signature } = VECTORS[0];
    let verdict = |signatures: &[&str]| verdict(url, body.as_bytes(), signatures, key);
    assert_eq!(verdict(&[]), Err(SignatureFault::Missing));
    assert_eq!(verdict(&[signature, signature]), Err(SignatureFault::Repeated));
    let digest = STANDARD.decode(signature).unwrap();
    for other in [
        "",
        signature.trim_end_matches('='),
        &format!(" {signature}"),
        &format!("{signature}\n"),
        &format!("sha256={signature}"),
        &URL_SAFE.encode(&digest),
        &hex::encode(&digest),
        // The SHA-1 header of former times has 20 bytes.
        &STANDARD.encode(&digest[..20]),
        &STANDARD.encode([&digest[..], b"x"].concat()),
        // The same digest with bits set that stand for nothing.
        &signature.replace("2N4=", "2N5="),
    ] {
        assert_eq!(verdict(&[other]), Err(SignatureFault::Malformed), "{other}");
    }
}

#[test]
fn key_of_the_subscription_signs_for_accounts_by_consent_and_for_no_others() {
    let protocol = webhook_protocol(System::Square);
    let delivery = WebhookDelivery {
        headers: vec![(SIGNATURE.to_owned(), VECTORS[0].signature.to_owned())],
        ..crate::support::square_signing::delivery("{}")
    };
    let signature = protocol.signature(&delivery, Timestamp::UNIX_EPOCH).unwrap();
    for auth in AuthMode::ALL {
        assert_eq!(signature.may_come_from(auth), auth == AuthMode::Oauth, "{auth:?}");
        assert_eq!(protocol.signed_by(auth), SignedBy::OurSubscription, "{auth:?}");
    }
    assert!(!signature.is_of_address());
}
