//! Fuzz target: the header and the body of Square's webhooks.
//!
//! The input is a request as text, see [`request`]. It goes three ways: as a stranger's; signed here by
//! the words of the vendor's documentation, when it must be believed and no longer once it is altered;
//! and as a verified delivery through the use case onto a queue. What the parser names must stand in the
//! body, and of a snapshot nothing else may have been kept.
#![no_main]

mod request;
mod verified;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, KeyInit, Mac};
use jiff::Timestamp;
use libfuzzer_sys::fuzz_target;
use secrecy::SecretString;
use sha2::Sha256;
use sync_domain::model::{BookingSnapshot, System, TenantId};
use sync_domain::ports::{AccountOwner, AuthMode, HookOrigin, SignedBy, WebhookDelivery};
use sync_providers::webhook_protocol;

use crate::verified::Connected;

const KEY: &str = "square-signature-key";
const SIGNATURE: &str = "x-square-hmacsha256-signature";

fuzz_target!(|data: &[u8]| {
    let delivery = request::delivery_of(data);
    as_a_stranger(&delivery);
    signed_body_is_believed(&delivery);
    what_is_named_stands_in_the_body(&delivery);
    for has_app in [true, false] {
        let connected = Connected {
            system: System::Square,
            has_app,
            owner: owner_of_merchant,
            origin: HookOrigin::default(),
            tenant_of: tenant_of_merchant,
        };
        verified::counts_add_up_and_messages_read_back(&connected, &delivery);
    }
});

fn tenant_of_merchant(merchant_id: &str) -> String {
    format!("tenant-{}", merchant_id.len() % 3)
}

/// Of three sellers one is nobody's.
fn owner_of_merchant(merchant_id: &str) -> Option<AccountOwner> {
    let is_connected = merchant_id.len() % 3 > 0;
    let tenant = TenantId::parse(&tenant_of_merchant(merchant_id))?;
    is_connected.then_some(AccountOwner { tenant, auth: AuthMode::Oauth })
}

/// What comes without our key is not believed, and nothing of it says whose key to try.
fn as_a_stranger(delivery: &WebhookDelivery) {
    let protocol = webhook_protocol(System::Square);
    assert_eq!(protocol.claimed_account(delivery), None);
    for auth in AuthMode::ALL {
        assert_eq!(protocol.signed_by(auth), SignedBy::OurSubscription);
    }
    if let Ok(signature) = protocol.signature(delivery, Timestamp::UNIX_EPOCH) {
        assert!(!signature.is_made_with(&SecretString::from("never used to sign a seed")));
        assert!(!signature.is_made_with(&SecretString::from("")));
        assert!(!signature.is_of_address());
    }
}

fn signed_body_is_believed(delivery: &WebhookDelivery) {
    let text = [delivery.url.as_bytes(), delivery.body.as_slice()].concat();
    let mut mac = Hmac::<Sha256>::new_from_slice(KEY.as_bytes()).unwrap();
    mac.update(&text);
    let digest = STANDARD.encode(mac.finalize().into_bytes());
    let mut signed = WebhookDelivery {
        source: None,
        method: "POST".to_owned(),
        url: delivery.url.clone(),
        headers: vec![(SIGNATURE.to_owned(), digest)],
        body: delivery.body.clone(),
    };
    let protocol = webhook_protocol(System::Square);
    let is_believed = |signed: &WebhookDelivery| {
        let signature = protocol.signature(signed, Timestamp::UNIX_EPOCH);
        signature.is_ok_and(|signature| signature.is_made_with(&SecretString::from(KEY)))
    };
    assert_eq!(is_believed(&signed), !signed.url.is_empty());
    signed.body.push(b' ');
    assert!(!is_believed(&signed), "altered and believed");
}

fn is_id(id: &str) -> bool {
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b"_-.".contains(&byte);
    (1..=128).contains(&id.len()) && id.bytes().all(is_plain)
}

fn what_is_named_stands_in_the_body(delivery: &WebhookDelivery) {
    let protocol = webhook_protocol(System::Square);
    let Ok(events) = protocol.events(delivery) else { return };
    assert_eq!((events.count(), events.changes.len(), events.hook_ids.len()), (1, 0, 0));
    let body = String::from_utf8_lossy(&delivery.body);
    // Escapes can spell an id otherwise.
    let is_plain = !body.contains('\\');
    for booking in &events.bookings {
        let (account_id, external_id) = (booking.account_id.as_str(), booking.external_id.as_str());
        assert!(is_id(account_id) && is_id(external_id), "{account_id} {external_id}");
        let texts = booking.snapshot.iter().flat_map(texts_of);
        for text in texts.chain([account_id, external_id]) {
            assert!(!is_plain || body.contains(text), "{text}");
        }
    }
}

/// What a snapshot took from the body as it stood there.
fn texts_of(snapshot: &BookingSnapshot) -> impl Iterator<Item = &str> {
    assert!(snapshot.starts_at < snapshot.ends_at && snapshot.as_of.is_none());
    assert!(snapshot.provider_version.is_some_and(|version| version >= 0));
    let own_words = ["true", "customer", "business"];
    let details = snapshot.details.values().map(String::as_str);
    let details = details.filter(move |text| !own_words.contains(text));
    details.chain(snapshot.customer_id.as_deref())
}
