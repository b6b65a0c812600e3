//! Fuzz target: the header and the body of Vagaro's webhooks.
//!
//! The input is a request as text, see [`request`]. It goes three ways: as a stranger's; with the
//! verification token, when it must be believed and no longer with another one; and as a verified
//! delivery through the use case onto a queue. What the parser names must stand in the body.
#![no_main]

mod request;
mod verified;

use jiff::Timestamp;
use libfuzzer_sys::fuzz_target;
use secrecy::SecretString;
use sync_domain::hook_address;
use sync_domain::model::{System, TenantId};
use sync_domain::ports::{AccountOwner, AuthMode, HookOrigin, WebhookDelivery};
use sync_providers::webhook_protocol;

use crate::verified::Connected;

const SECRET: &str = "verification-token";
const TOKEN: &str = "0123456789abcdef0123456789abcdef";
const ADDRESS: &str =
    "https://hooks.example.com/webhooks/booking/vagaro/0123456789abcdef0123456789abcdef";
const HEADER: &str = "x-vagaro-signature";
const TENANT: &str = "acme";

fuzz_target!(|data: &[u8]| {
    let mut delivery = request::delivery_of(data);
    as_a_stranger(&delivery);
    token_alone_is_believed(&mut delivery);
    delivery.url = ADDRESS.to_owned();
    what_is_named_stands_in_the_body(&delivery);
    let connected = Connected {
        system: System::Vagaro,
        has_app: false,
        owner: |account_id| {
            let tenant = TenantId::parse(TENANT)?;
            let owner = AccountOwner { tenant, auth: AuthMode::ClientCredentials };
            (account_id == hook_address::account_id(TOKEN)).then_some(owner)
        },
        origin: HookOrigin::default(),
        tenant_of: |_account_id| TENANT.to_owned(),
    };
    verified::counts_add_up_and_messages_read_back(&connected, &delivery);
});

/// What comes without the token is not believed.
fn as_a_stranger(delivery: &WebhookDelivery) {
    let protocol = webhook_protocol(System::Vagaro);
    let claimed = protocol.claimed_account(delivery);
    assert!(claimed.is_none_or(|id| id.starts_with("hook-")));
    if let Ok(signature) = protocol.signature(delivery, Timestamp::UNIX_EPOCH) {
        assert!(!signature.is_made_with(&SecretString::from("never used to sign a seed")));
        assert!(!signature.is_made_with(&SecretString::from("")));
        assert!(!signature.is_of_address());
    }
}

fn token_alone_is_believed(delivery: &mut WebhookDelivery) {
    let protocol = webhook_protocol(System::Vagaro);
    delivery.headers = vec![(HEADER.to_owned(), SECRET.to_owned())];
    let signature = protocol.signature(delivery, Timestamp::UNIX_EPOCH);
    let signature = signature.unwrap_or_else(|fault| panic!("{}", fault.as_str()));
    assert!(signature.is_made_with(&SecretString::from(SECRET)), "shown and not believed");
    assert!(!signature.is_made_with(&SecretString::from("verification-tokeN")), "another one");
}

fn what_is_named_stands_in_the_body(delivery: &WebhookDelivery) {
    let Ok(events) = webhook_protocol(System::Vagaro).events(delivery) else { return };
    assert_eq!(events.count(), 1);
    let body = String::from_utf8_lossy(&delivery.body);
    // Escapes can spell an id otherwise.
    if body.contains('\\') {
        return;
    }
    for booking in &events.bookings {
        assert_eq!(booking.account_id, hook_address::account_id(TOKEN));
        assert!(body.contains(booking.external_id.as_str()), "an id of nowhere");
        let customer = booking.snapshot.as_ref().and_then(|it| it.customer_id.as_deref());
        assert!(customer.is_none_or(|id| body.contains(id)), "a customer of nowhere");
    }
}
