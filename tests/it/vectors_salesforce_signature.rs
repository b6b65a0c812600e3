//! The signature of the Apex package: vectors made with openssl, and that nothing near a good one passes.
//!
//! `printf '%s.%s' "$timestamp" "$body" | openssl dgst -sha256 -hmac "$secret"`

use jiff::Timestamp;
use secrecy::SecretString;
use sync_domain::model::System;
use sync_domain::ports::{AuthMode, SignatureFault, WebhookDelivery};
use sync_providers::webhook_protocol;

use crate::support::salesforce_signing::{apex_signature, delivery};

const SECRET: &str = "apex-webhook-secret";
const SIGNED_S: i64 = 1_795_119_600;
const BODY: &str = r#"{"event_id":"e1","org_id":"00DD000000001ABMAY","changes":[{"object":"Contact","change_type":"update","record_id":"003D000000QYVtZIAX","changed_fields":["Email"],"last_modified_date":"2026-11-19T20:19:58.000Z"}]}"#;
const DIGEST: &str = "aa1d8af5ad5bcb0e511628dd14d1d6d7cdd0c42562873bf011b91fa691181380";
const TIMESTAMP: &str = "x-integration-timestamp";
const SIGNATURE: &str = "x-integration-signature";

fn signed(timestamp: &str, signature: &str, body: &[u8]) -> WebhookDelivery {
    let headers = [(TIMESTAMP, timestamp), (SIGNATURE, signature)];
    let headers = headers.map(|(name, value)| (name.to_owned(), value.to_owned()));
    delivery(headers.to_vec(), body)
}

/// What is made of a delivery some milliseconds after it was signed.
fn check(delivery: &WebhookDelivery, secret: &str, after_ms: i64) -> Result<bool, SignatureFault> {
    let now = Timestamp::from_millisecond(SIGNED_S * 1_000 + after_ms).unwrap();
    let protocol = webhook_protocol(System::Salesforce);
    let signature = protocol.signature(delivery, now)?;
    Ok(signature.is_made_with(&SecretString::from(secret)))
}

fn good() -> WebhookDelivery {
    signed(&SIGNED_S.to_string(), &format!("v1={DIGEST}"), BODY.as_bytes())
}

#[test]
fn signature_vectors_pass_with_their_secret_and_with_no_other() {
    let vectors: [(&str, &str, &[u8], &str); 6] = [
        (SECRET, "1795119600", BODY.as_bytes(), DIGEST),
        (
            SECRET,
            "1795119600",
            b"",
            "0edd10880d0fa3877985b840332fdd568bde7617fdee750145f1e2c1d7199649",
        ),
        (
            SECRET,
            "1795119600",
            "{\"name\":\"José ☃\"}".as_bytes(),
            "7dac8f914ff51051c471c8948851b1d7773eea12e57f6ba4a489b7a35ea5aab1",
        ),
        (
            SECRET,
            "1795119599",
            BODY.as_bytes(),
            "acdaf63cb6538900f14ea6cbb62d33d41c460063803213b2e0ad84cb995c3c12",
        ),
        (
            "another secret, with blanks",
            "1795119600",
            BODY.as_bytes(),
            "e5bcce965f10439bd2b11001404f99c1c05825a2bd68a310285c95cfdfde4a4f",
        ),
        (
            SECRET,
            "1795119600",
            b"\xff\x00\xfe",
            "539fadde66a1afd116e1dfbde77ebdb1059457dfbab4137f9da72ff0772c3088",
        ),
    ];
    for (secret, timestamp, body, digest) in vectors {
        let delivery = signed(timestamp, &format!("v1={digest}"), body);
        assert_eq!(check(&delivery, secret, 0), Ok(true), "{digest}");
        assert_eq!(
            apex_signature(secret, timestamp, body),
            format!("v1={digest}"),
            "the tests' own"
        );
        for other in ["", "apex-webhook-secreT", "apex-webhook-secret ", "v1"] {
            assert_eq!(check(&delivery, other, 0), Ok(false), "{digest}");
        }
    }
}

#[test]
fn signature_with_any_bit_of_the_body_flipped_fits_no_more() {
    for at in 0..BODY.len() {
        for bit in 0..8 {
            let mut delivery = good();
            delivery.body[at] ^= 1 << bit;
            assert_eq!(check(&delivery, SECRET, 0), Ok(false), "bit {bit} of byte {at}");
        }
    }
    for body in [format!("{BODY} "), format!(" {BODY}"), BODY.replacen('{', "", 1), String::new()] {
        let delivery = WebhookDelivery { source: None, body: body.into_bytes(), ..good() };
        assert_eq!(check(&delivery, SECRET, 0), Ok(false));
    }
}

#[test]
fn signature_with_any_bit_of_itself_flipped_is_refused() {
    let text = format!("v1={DIGEST}");
    for at in 0..text.len() {
        // The eighth bit would be no header.
        for bit in 0..7 {
            let mut flipped = text.clone().into_bytes();
            flipped[at] ^= 1 << bit;
            let flipped = String::from_utf8(flipped).unwrap();
            let delivery = signed(&SIGNED_S.to_string(), &flipped, BODY.as_bytes());
            let result = check(&delivery, SECRET, 0);
            assert!(matches!(result, Ok(false) | Err(SignatureFault::Malformed)), "{flipped}");
        }
    }
}

#[test]
fn signature_with_any_bit_of_the_timestamp_flipped_is_refused() {
    let text = SIGNED_S.to_string();
    for at in 0..text.len() {
        for bit in 0..7 {
            let mut flipped = text.clone().into_bytes();
            flipped[at] ^= 1 << bit;
            let flipped = String::from_utf8(flipped).unwrap();
            let delivery = signed(&flipped, &format!("v1={DIGEST}"), BODY.as_bytes());
            let result = check(&delivery, SECRET, 0);
            assert_ne!(result, Ok(true), "{flipped}");
        }
    }
    for other in ["01795119600", "+1795119600"] {
        let delivery = signed(other, &format!("v1={DIGEST}"), BODY.as_bytes());
        assert_ne!(check(&delivery, SECRET, 0), Ok(true), "{other}: the text is signed");
    }
}

#[test]
fn signature_counts_for_five_minutes_to_either_side_and_no_longer() {
    for after_ms in [-300_000, -1, 0, 1, 300_000] {
        assert_eq!(check(&good(), SECRET, after_ms), Ok(true), "{after_ms} ms");
    }
    for after_ms in [-86_400_000, -300_001, 300_001, 86_400_000] {
        let result = check(&good(), SECRET, after_ms);
        assert_eq!(result, Err(SignatureFault::OutsideWindow), "{after_ms} ms");
    }
    let far = signed("99999999999", &format!("v1={DIGEST}"), BODY.as_bytes());
    assert_eq!(check(&far, SECRET, 0), Err(SignatureFault::OutsideWindow));
}

#[test]
fn header_that_is_missing_or_came_twice_is_refused() {
    for name in [TIMESTAMP, SIGNATURE] {
        let mut without = good();
        without.headers.retain(|(given, _)| given != name);
        assert_eq!(check(&without, SECRET, 0), Err(SignatureFault::Missing), "{name}");
        let mut doubled = good();
        let header = doubled.headers.iter().find(|(given, _)| given == name).unwrap().clone();
        doubled.headers.push(header);
        assert_eq!(check(&doubled, SECRET, 0), Err(SignatureFault::Repeated), "{name}");
    }
    let none = delivery(Vec::new(), BODY.as_bytes());
    assert_eq!(check(&none, SECRET, 0), Err(SignatureFault::Missing));
}

#[test]
fn header_that_is_not_of_its_one_form_is_refused() {
    let good_signature = format!("v1={DIGEST}");
    let signatures = [
        String::new(),
        DIGEST.to_owned(),
        format!("v1={}", DIGEST.to_uppercase()),
        format!("V1={DIGEST}"),
        format!("v2={DIGEST}"),
        format!("v1= {DIGEST}"),
        format!("v1={DIGEST} "),
        format!("v1={DIGEST}00"),
        format!("v1={}", DIGEST.get(2..).unwrap()),
        format!("v1={}g", DIGEST.get(1..).unwrap()),
        format!("v1={DIGEST},v1={DIGEST}"),
        format!("v0=00,v1={DIGEST}"),
        format!("sha256={DIGEST}"),
    ];
    for signature in signatures {
        let delivery = signed(&SIGNED_S.to_string(), &signature, BODY.as_bytes());
        assert_eq!(check(&delivery, SECRET, 0), Err(SignatureFault::Malformed), "{signature}");
    }
    let timestamps = [
        "",
        " ",
        "-1795119600",
        "+1795119600",
        "1795119600.0",
        "1795119600 ",
        "0x6afe3b30",
        "1e9",
        "999999999999",
        "1795119600000",
        "١٧٩٥١١٩٦٠٠",
        "2026-11-19T20:20:00Z",
    ];
    for timestamp in timestamps {
        let delivery = signed(timestamp, &good_signature, BODY.as_bytes());
        assert_eq!(check(&delivery, SECRET, 0), Err(SignatureFault::Malformed), "{timestamp}");
    }
}

#[test]
fn signature_may_come_from_the_ways_that_salesforce_is_connected_and_proves_no_address() {
    let (delivery, now) = (good(), Timestamp::from_second(SIGNED_S).unwrap());
    let protocol = webhook_protocol(System::Salesforce);
    let signature = protocol.signature(&delivery, now).unwrap();
    for auth in AuthMode::ALL {
        let expected = [AuthMode::ClientCredentials, AuthMode::JwtBearer].contains(&auth);
        assert_eq!(signature.may_come_from(auth), expected, "{auth:?}");
    }
    assert!(!signature.is_of_address());
}

#[test]
fn delivery_that_is_not_plainly_soap_has_to_be_signed() {
    let soap = |content_types: &[&str]| {
        let header = |value: &&str| ("content-type".to_owned(), (*value).to_owned());
        let delivery = delivery(content_types.iter().map(header).collect(), "<a/>");
        let protocol = webhook_protocol(System::Salesforce);
        let now = Timestamp::from_second(SIGNED_S).unwrap();
        protocol.signature(&delivery, now).map(|signature| {
            assert!(!signature.is_made_with(&SecretString::from("")), "no secret fits");
            (signature.is_of_address(), protocol.acknowledgement(&delivery).is_some())
        })
    };
    for content_type in ["text/xml", "Text/XML; charset=UTF-8", "text/xml;charset=utf-8;x=y"] {
        assert_eq!(soap(&[content_type]), Ok((true, true)), "{content_type}");
    }
    let others: [&[&str]; 6] = [
        &[],
        &["application/json"],
        &["text/xml", "text/xml"],
        &["application/xml"],
        &["text/xml+json"],
        &["application/json, text/xml"],
    ];
    for content_types in others {
        assert_eq!(soap(content_types), Err(SignatureFault::Missing), "{content_types:?}");
    }
}
