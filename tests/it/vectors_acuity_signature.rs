//! Signatures of Acuity's webhooks. The vendor publishes no vectors; these were computed with
//! another HMAC (`openssl dgst -sha256 -hmac`).

use base64::Engine;
use base64::engine::general_purpose::{STANDARD, URL_SAFE};
use jiff::Timestamp;
use secrecy::SecretString;
use sync_domain::model::System;
use sync_domain::ports::{AuthMode, DeliverySignature, SignatureFault, WebhookDelivery};
use sync_providers::webhook_protocol;

const KEY: &str = "abc123";
const VECTORS: [(&str, &str); 3] = [
    (
        "action=scheduled&id=54321&calendarID=27238&appointmentTypeID=1",
        "N2vF6ucyA+NCDiiwsdXBpIxFok9pGGS4/gMB2ComFwA=",
    ),
    (
        "action=appointment.rescheduled&id=54321&calendarID=27238&appointmentTypeID=1",
        "UIjQZZ9JrTJtRDdCBeoaWat6iSrh7qD5CakU2x4UJlU=",
    ),
    ("action=order.completed&id=987654321", "bd5xU4hdYEs+v+d6BI32/Vw4BsDjXg/RUv7Lrcmavrc="),
];

fn delivery(body: &[u8], signatures: &[&str]) -> WebhookDelivery {
    let header = |text: &&str| ("x-acuity-signature".to_owned(), (*text).to_owned());
    WebhookDelivery {
        source: None,
        method: "POST".to_owned(),
        url: "https://hooks.example.com/webhooks/booking/acuity?token=x".to_owned(),
        headers: signatures.iter().map(header).collect(),
        body: body.to_vec(),
    }
}

fn verdict(body: &[u8], signatures: &[&str], key: &str) -> Result<bool, SignatureFault> {
    let delivery = delivery(body, signatures);
    let protocol = webhook_protocol(System::Acuity);
    let signature = protocol.signature(&delivery, Timestamp::UNIX_EPOCH)?;
    Ok(signature.is_made_with(&SecretString::from(key.to_owned())))
}

#[test]
fn vectors_are_accepted_with_their_key_and_with_no_other() {
    for (body, signature) in VECTORS {
        assert_eq!(verdict(body.as_bytes(), &[signature], KEY), Ok(true), "{body}");
        for key in ["", "abc12", "abc1234", "ABC123", " abc123"] {
            assert_eq!(verdict(body.as_bytes(), &[signature], key), Ok(false), "{key}");
        }
    }
}

#[test]
fn every_flipped_bit_of_body_signature_and_key_is_refused() {
    for (body, signature) in VECTORS {
        let flipped = |bytes: &[u8], bit: usize| {
            let mut bytes = bytes.to_vec();
            bytes[bit / 8] ^= 1 << (bit % 8);
            bytes
        };
        for bit in 0..body.len() * 8 {
            let body = flipped(body.as_bytes(), bit);
            assert_eq!(verdict(&body, &[signature], KEY), Ok(false), "body bit {bit}");
        }
        let digest = STANDARD.decode(signature).unwrap();
        for bit in 0..digest.len() * 8 {
            let signature = STANDARD.encode(flipped(&digest, bit));
            assert_eq!(verdict(body.as_bytes(), &[&signature], KEY), Ok(false), "bit {bit}");
        }
        for bit in 0..KEY.len() * 8 {
            let key = flipped(KEY.as_bytes(), bit);
            let Ok(key) = String::from_utf8(key) else { continue };
            assert_eq!(verdict(body.as_bytes(), &[signature], &key), Ok(false), "key bit {bit}");
        }
        assert_eq!(verdict(b"", &[signature], KEY), Ok(false));
        assert_eq!(verdict(format!("{body}&").as_bytes(), &[signature], KEY), Ok(false));
    }
}

#[test]
fn signature_that_is_missing_repeated_or_of_another_form_is_told_apart() {
    let (body, signature) = VECTORS[0];
    let body = body.as_bytes();
    assert_eq!(verdict(body, &[], KEY), Err(SignatureFault::Missing));
    assert_eq!(verdict(body, &[signature, signature], KEY), Err(SignatureFault::Repeated));
    let digest = STANDARD.decode(signature).unwrap();
    let unpadded = signature.trim_end_matches('=');
    for other in [
        "",
        unpadded,
        &format!(" {signature}"),
        &format!("{signature}\n"),
        &format!("sha256={signature}"),
        &URL_SAFE.encode(&digest),
        &hex::encode(&digest),
        &STANDARD.encode(&digest[1..]),
        &STANDARD.encode([&digest[..], b"x"].concat()),
        // The same digest with bits set that stand for nothing.
        &signature.replace("FwA=", "FwB="),
    ] {
        assert_eq!(verdict(body, &[other], KEY), Err(SignatureFault::Malformed), "{other}");
    }
}

#[test]
fn signature_may_come_from_accounts_with_an_api_key_alone() {
    let (body, signature) = VECTORS[0];
    let delivery = delivery(body.as_bytes(), &[signature]);
    let protocol = webhook_protocol(System::Acuity);
    let signature: Box<dyn DeliverySignature> =
        protocol.signature(&delivery, Timestamp::UNIX_EPOCH).unwrap();
    assert!(signature.may_come_from(AuthMode::ApiKey));
    assert!(!signature.may_come_from(AuthMode::Oauth));
    assert!(!signature.may_come_from(AuthMode::PrivateApp));
}
