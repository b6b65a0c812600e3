//! Fuzz target: the headers and the bodies of Salesforce's webhooks, JSON and SOAP.
//!
//! The input is a request as text, see [`request`]. It goes three ways: as a stranger's; signed here by
//! the words of the contract, when it must be believed and no longer once it is altered; and as a
//! verified delivery through the use case onto a queue. What the parser names must stand in the body.
#![no_main]

mod request;
mod verified;

use hmac::{Hmac, KeyInit, Mac};
use jiff::Timestamp;
use libfuzzer_sys::fuzz_target;
use secrecy::SecretString;
use sha2::Sha256;
use sync_domain::model::{System, TenantId};
use sync_domain::ports::{AccountOwner, AuthMode, HookOrigin, WebhookDelivery};
use sync_providers::webhook_protocol;

use crate::verified::Connected;

/// Some moment.
const NOW_S: i64 = 1_795_119_600;
const SECRET: &str = "apex-webhook-secret";
const ORG: &str = "00DD000000001ABMAY";
const ADDRESS: &str =
    "https://hooks.example.com/webhooks/crm/salesforce/0123456789abcdef0123456789abcdef";
const TENANT: &str = "acme";

fuzz_target!(|data: &[u8]| {
    let mut delivery = request::delivery_of(data);
    as_a_stranger(&delivery);
    signed_json_is_believed(&delivery);
    what_is_named_stands_in_the_body(&delivery);
    delivery.url = ADDRESS.to_owned();
    let origin = HookOrigin { account_id: Some(ORG.to_owned()), ..HookOrigin::default() };
    let connected = Connected {
        system: System::Salesforce,
        has_app: false,
        owner: |_account_id| {
            let tenant = TenantId::parse(TENANT)?;
            Some(AccountOwner { tenant, auth: AuthMode::JwtBearer })
        },
        origin,
        tenant_of: |account_id| {
            assert_eq!(account_id, ORG, "another org's event was taken");
            TENANT.to_owned()
        },
    };
    verified::counts_add_up_and_messages_read_back(&connected, &delivery);
});

fn now() -> Timestamp {
    Timestamp::from_second(NOW_S).unwrap_or_default()
}

/// What comes without the secret is not believed, and an address proves SOAP alone.
fn as_a_stranger(delivery: &WebhookDelivery) {
    let protocol = webhook_protocol(System::Salesforce);
    let claimed = protocol.claimed_account(delivery);
    assert!(claimed.is_none_or(|id| id.starts_with("hook-") || is_org(&id)));
    if let Ok(signature) = protocol.signature(delivery, now()) {
        assert!(!signature.is_made_with(&SecretString::from("never used to sign a seed")));
        assert!(!signature.is_made_with(&SecretString::from("")));
        assert_eq!(signature.is_of_address(), protocol.acknowledgement(delivery).is_some());
    }
}

fn signed_json_is_believed(delivery: &WebhookDelivery) {
    let timestamp = NOW_S.to_string();
    let text = [timestamp.as_bytes(), b".", delivery.body.as_slice()].concat();
    let mut mac = Hmac::<Sha256>::new_from_slice(SECRET.as_bytes()).unwrap();
    mac.update(&text);
    let digest: String =
        mac.finalize().into_bytes().iter().map(|byte| format!("{byte:02x}")).collect();
    let mut signed = WebhookDelivery { source: None,
        method: "POST".to_owned(),
        url: delivery.url.clone(),
        headers: vec![
            ("x-integration-timestamp".to_owned(), timestamp),
            ("x-integration-signature".to_owned(), format!("v1={digest}")),
        ],
        body: delivery.body.clone(),
    };
    let protocol = webhook_protocol(System::Salesforce);
    let is_believed = |signed: &WebhookDelivery| {
        let signature = protocol.signature(signed, now());
        signature.is_ok_and(|signature| signature.is_made_with(&SecretString::from(SECRET)))
    };
    assert!(is_believed(&signed), "signed and not believed");
    signed.body.push(b' ');
    assert!(!is_believed(&signed), "altered and believed");
}

fn is_id(id: &str) -> bool {
    id.len() == 18 && id.bytes().all(|byte| byte.is_ascii_alphanumeric())
}

fn is_org(id: &str) -> bool {
    is_id(id) && id.starts_with("00D")
}

fn what_is_named_stands_in_the_body(delivery: &WebhookDelivery) {
    let protocol = webhook_protocol(System::Salesforce);
    let Ok(events) = protocol.events(delivery) else { return };
    let is_soap = protocol.acknowledgement(delivery).is_some();
    let body = String::from_utf8_lossy(&delivery.body);
    let most = if is_soap { 100 } else { 200 };
    assert!(events.changes.len() <= 2 * most && events.count() <= 2 * most);
    // References, sections and escapes can spell an id otherwise.
    let is_plain = !["&", "<!", "\\"].iter().any(|sign| body.contains(sign));
    for change in &events.changes {
        let (org, id) = (change.account_id.as_str(), change.external_id.as_str());
        assert!(is_org(org) && is_id(id), "{org} {id}");
        if is_plain {
            assert!(body.contains(&org[..15]) && body.contains(&id[..15]), "{org} {id}");
        }
    }
    if is_soap && !body.contains("<![CDATA[") && !body.contains("<!--") {
        let lower = body.to_ascii_lowercase();
        assert!(!lower.contains("<!doctype") && !lower.contains("<!entity"), "a DTD was read");
    }
}
