//! Fuzz target: the headers and the body of HubSpot's webhooks.
//!
//! The input is a request as text: the address on the first line, then headers, a blank line and the
//! body. It goes three ways: as an unsigned stranger's request; signed by a second, plainer
//! implementation of the signature, which must then be believed; and as a verified delivery through
//! the use case onto a queue, where the counts must add up and every message must read back.
#![no_main]

mod reference;
mod verified;

use jiff::Timestamp;
use libfuzzer_sys::fuzz_target;
use secrecy::SecretString;
use sync_domain::model::System;
use sync_domain::ports::{AuthMode, WebhookDelivery};
use sync_providers::webhook_protocol;

/// Some moment; seeds are signed around it.
const NOW_MS: i64 = 1_693_657_560_000;
const SECRET: &str = "yyyyyyyy-yyyy-yyyy-yyyy-yyyyyyyyyyyy";

fuzz_target!(|data: &[u8]| {
    let delivery = delivery_of(data);
    as_a_stranger(&delivery);
    reference::signed_delivery_is_believed(&delivery, SECRET, NOW_MS);
    verified::counts_add_up_and_messages_read_back(delivery);
});

fn delivery_of(data: &[u8]) -> WebhookDelivery {
    let blank = data.windows(2).position(|pair| pair == b"\n\n");
    let (head, body) = match blank {
        Some(at) => (&data[..at], &data[at + 2..]),
        None => (&data[..0], data),
    };
    let head = String::from_utf8_lossy(head);
    let mut lines = head.lines();
    let url = lines.next().unwrap_or_default().to_owned();
    let headers = lines.filter_map(|line| line.split_once(": "));
    WebhookDelivery {
        method: "POST".to_owned(),
        url,
        headers: headers.map(|(name, value)| (name.to_owned(), value.to_owned())).collect(),
        body: body.to_vec(),
    }
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
