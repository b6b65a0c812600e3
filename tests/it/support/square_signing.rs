//! Square's events as they come, signed here anew and not with the code under test.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, KeyInit, Mac};
use serde_json::{Value, json};
use sha2::Sha256;
use sync_domain::ports::WebhookDelivery;

use super::webhook_signing::{BASE_URL, Sent};

/// The path of the route.
pub const PATH: &str = "/webhooks/booking/square";
/// The header of the signature.
pub const SIGNATURE: &str = "x-square-hmacsha256-signature";
/// A seller.
pub const MERCHANT: &str = "6SSW7HV8K2ST5";
/// An appointment of theirs.
pub const BOOKING: &str = "zkras0xv0xwswx";
/// What people have typed into it.
pub const TYPED: [&str; 4] =
    ["ring the canary bell", "canary of the staff", "1 Canary Lane", "Canaryville"];

/// An HMAC over the address and the body.
pub fn signature(key: &str, url: &str, body: &[u8]) -> String {
    let mut mac = Hmac::<Sha256>::new_from_slice(key.as_bytes()).unwrap();
    mac.update(url.as_bytes());
    mac.update(body);
    STANDARD.encode(mac.finalize().into_bytes())
}

/// As Square sends it to our address.
pub fn sent(body: impl Into<Vec<u8>>, key: &str) -> Sent {
    sent_to(&format!("{BASE_URL}{PATH}"), body, key)
}

/// The same to an address that is registered otherwise.
pub fn sent_to(url: &str, body: impl Into<Vec<u8>>, key: &str) -> Sent {
    let sent = Sent { path: PATH.into(), ..Sent::unsigned(body) };
    let signature = signature(key, url, &sent.body);
    sent.header("X-Square-HmacSha256-Signature", &signature)
}

/// A verified delivery with nothing but its body.
pub fn delivery(body: impl Into<Vec<u8>>) -> WebhookDelivery {
    WebhookDelivery {
        source: None,
        method: "POST".to_owned(),
        url: format!("{BASE_URL}{PATH}"),
        headers: Vec::new(),
        body: body.into(),
    }
}

/// A booking with all members that Square's description has, an hour long.
pub fn booking(version: u64, status: &str) -> Value {
    let [customer_note, seller_note, address_line_1, locality] = TYPED;
    json!({
        "id": BOOKING, "version": version, "status": status,
        "created_at": "2026-11-01T09:00:00Z", "updated_at": "2026-11-19T20:20:00.5Z",
        "start_at": "2026-12-01T15:30:00Z", "location_id": "LEQHH0YY8B42M",
        "customer_id": "EX2QSVGTZN4K1E5QE1CBFNVQ8M", "customer_note": customer_note,
        "seller_note": seller_note, "transition_time_minutes": 15, "all_day": false,
        "location_type": "CUSTOMER_LOCATION", "source": "FIRST_PARTY_BUYER",
        "creator_details": {"creator_type": "CUSTOMER", "customer_id": "creator-canary"},
        "address": {"address_line_1": address_line_1, "locality": locality},
        "appointment_segments": [{
            "duration_minutes": 60, "service_variation_id": "RU3PBTZTK7DXZDQFCJHOK2MC",
            "service_variation_version": 1_599_775_456_731_u64, "intermission_minutes": 10,
            "team_member_id": "TMXUrsBWWcHTt79t", "any_team_member": false,
        }],
    })
}

/// An event about a booking of a seller.
pub fn event_of(merchant_id: &str, kind: &str, booking: &Value) -> Value {
    let id = format!("{}:{}", booking["id"].as_str().unwrap_or_default(), booking["version"]);
    json!({
        "merchant_id": merchant_id, "location_id": "LEQHH0YY8B42M", "type": kind,
        "event_id": "5ed7e8a4-0000-4000-8000-000000000001",
        "created_at": "2026-11-19T20:20:00.037339943Z",
        "data": {"type": "booking", "id": id, "object": {"booking": booking}},
    })
}

/// The same of the one seller.
pub fn event(kind: &str, booking: &Value) -> Value {
    event_of(MERCHANT, kind, booking)
}
