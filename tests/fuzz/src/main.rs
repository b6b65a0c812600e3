//! Fuzz target: the headers and the body of HubSpot's webhooks.
//!
//! The input is a request as text, see [`request`]. It goes three ways: as an unsigned stranger's
//! request; signed by a second, plainer implementation of the signature, which must then be believed;
//! and as a verified delivery through the use case onto a queue, where the counts must add up and every
//! message must read back.
#![no_main]

mod reference;
mod request;
mod verified;

use jiff::Timestamp;
use libfuzzer_sys::fuzz_target;
use secrecy::SecretString;
use sync_domain::model::{System, TenantId};
use sync_domain::ports::{AccountOwner, AuthMode, HookOrigin, WebhookDelivery};
use sync_providers::webhook_protocol;

use crate::verified::Connected;

/// Some moment; seeds are signed around it.
const NOW_MS: i64 = 1_693_657_560_000;
const SECRET: &str = "yyyyyyyy-yyyy-yyyy-yyyy-yyyyyyyyyyyy";

fuzz_target!(|data: &[u8]| {
    let delivery = request::delivery_of(data);
    as_a_stranger(&delivery);
    reference::signed_delivery_is_believed(&delivery, SECRET, NOW_MS);
    for has_app in [true, false] {
        let connected = Connected {
            system: System::Hubspot,
            has_app,
            owner: owner_of_portal,
            origin: HookOrigin::default(),
            tenant_of: tenant_of_portal,
        };
        verified::counts_add_up_and_messages_read_back(&connected, &delivery);
    }
});

fn tenant_of_portal(portal_id: &str) -> String {
    format!("tenant-{portal_id}")
}

/// Of three portals one has let our app in, one has an app of its own, and one is nobody's.
fn owner_of_portal(portal_id: &str) -> Option<AccountOwner> {
    let auth = match portal_id.len() % 3 {
        0 => return None,
        1 => AuthMode::Oauth,
        _ => AuthMode::PrivateApp,
    };
    let tenant = TenantId::parse(&tenant_of_portal(portal_id))?;
    Some(AccountOwner { tenant, auth })
}

/// Whatever comes without our secret is not believed, and nothing about it panics.
fn as_a_stranger(delivery: &WebhookDelivery) {
    let protocol = webhook_protocol(System::Hubspot);
    let claimed = protocol.claimed_account(delivery);
    assert!(claimed.is_none_or(|id| id.parse::<u64>().is_ok_and(|number| number > 0)));
    let now = Timestamp::from_millisecond(NOW_MS).unwrap_or_default();
    if let Ok(signature) = protocol.signature(delivery, now) {
        // The fuzzer does not know this secret and can't guess it.
        assert!(!signature.is_made_with(&SecretString::from("never used to sign a seed")));
        assert!(signature.may_come_from(AuthMode::PrivateApp));
    }
}
