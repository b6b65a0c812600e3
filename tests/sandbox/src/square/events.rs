//! What webhooks tell: the whole object in an envelope, signed over the address and the body. One
//! subscription of the app serves all of its sellers; here each account has its own address.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, KeyInit, Mac};
use jiff::Timestamp;
use serde_json::{Value, json};
use sha2::Sha256;

use super::access::Level;
use super::booking::Booking;
use super::customer::Customer;
use super::store::Shop;
use crate::accounts::Account;
use crate::clock::new_uuid;
use crate::vendor::{SignedWebhook, WebhookOrder};
use crate::webhooks::Target;

/// A booking was made.
pub const BOOKING_CREATED: &str = "booking.created";
/// A booking has changed, cancellations among it.
pub const BOOKING_UPDATED: &str = "booking.updated";
/// A customer was added.
pub const CUSTOMER_CREATED: &str = "customer.created";
/// A customer has changed.
pub const CUSTOMER_UPDATED: &str = "customer.updated";
/// A customer is gone.
pub const CUSTOMER_DELETED: &str = "customer.deleted";
/// The seller has thrown the app out.
const REVOKED: &str = "oauth.authorization.revoked";

const KNOWN: [&str; 6] = [
    BOOKING_CREATED,
    BOOKING_UPDATED,
    CUSTOMER_CREATED,
    CUSTOMER_UPDATED,
    CUSTOMER_DELETED,
    REVOKED,
];
/// What is told to a subscription that doesn't choose.
const USUAL: [&str; 2] = [BOOKING_CREATED, BOOKING_UPDATED];
/// Members of the envelope; in an ordered event all others are the object's.
const ENVELOPE: [&str; 6] =
    ["merchant_id", "location_id", "type", "event_id", "created_at", "data"];

/// Whether it is the name of an event.
pub fn is_known(name: &str) -> bool {
    KNOWN.contains(&name)
}

fn is_told(account: &Account, event_type: &str) -> bool {
    match &account.webhook_subscriptions {
        None => USUAL.contains(&event_type),
        Some(names) => names.iter().any(|name| name == event_type),
    }
}

fn envelope(account: &Account, event_type: &str, data: Value, now: Timestamp) -> Value {
    json!({
        "merchant_id": account.account,
        "type": event_type,
        "event_id": new_uuid(),
        "created_at": now.to_string(),
        "data": data,
    })
}

fn with_booking(account: &Account, event_type: &str, booking: &Booking, now: Timestamp) -> Value {
    let rendered = booking.rendered(Level::of(account) == Level::Seller);
    let data = json!({
        "type": "booking",
        "id": format!("{}:{}", booking.id, booking.version),
        "object": { "booking": rendered },
    });
    let mut event = envelope(account, event_type, data, now);
    event["location_id"] = json!(booking.location_id);
    event
}

fn with_customer(
    account: &Account,
    event_type: &str,
    customer: &Customer,
    now: Timestamp,
) -> Value {
    let object = json!({ "customer": customer.rendered() });
    let data = json!({ "type": "customer", "id": customer.id, "object": object });
    envelope(account, event_type, data, now)
}

/// The event of a booking, if the app is told of it: at buyer level it learns of its own only.
pub fn of_booking(
    account: &Account,
    event_type: &str,
    booking: &Booking,
    now: Timestamp,
) -> Option<Value> {
    let is_told = is_told(account, event_type) && Level::of(account).sees(booking);
    is_told.then(|| with_booking(account, event_type, booking, now))
}

/// The event of a customer, if the app is told of it; of a merge, with the ids from before and the
/// one after.
pub fn of_customer(
    account: &Account,
    event_type: &str,
    customer: &Customer,
    merge: Option<(&[&str], &str)>,
    now: Timestamp,
) -> Option<Value> {
    let mut event = with_customer(account, event_type, customer, now);
    if let Some((from, to)) = merge {
        let merge = json!({ "from_customer_ids": from, "to_customer_id": to });
        event["data"]["object"]["event_context"] = json!({ "merge": merge });
    }
    is_told(account, event_type).then_some(event)
}

fn overlay(event: &mut Value, fields: &Value) {
    for (name, value) in fields.as_object().into_iter().flatten() {
        let place = if ENVELOPE.contains(&name.as_str()) {
            Some(&mut *event)
        } else {
            let object = event["data"]["object"].as_object_mut();
            object.and_then(|object| object.values_mut().next())
        };
        let Some(members) = place.and_then(Value::as_object_mut) else { continue };
        if value.is_null() {
            members.remove(name);
        } else {
            members.insert(name.clone(), value.clone());
        }
    }
}

/// One event per object, whatever the subscription is for. Objects need not be there, because events
/// outlive them: then there is the id and nothing else.
pub fn ordered(
    account: &Account,
    shop: &Shop,
    order: &WebhookOrder,
    now: Timestamp,
) -> Result<Vec<Value>, String> {
    let name = order.event.as_deref().unwrap_or(BOOKING_UPDATED);
    if !is_known(name) {
        return Err(format!("unknown event `{name}`; known: {}", KNOWN.join(", ")));
    }
    if order.object_type.is_some() || order.property_name.is_some() || order.form.is_some() {
        return Err("events of Square have no `type`, `property_name` and `form`".to_owned());
    }
    let bare = |kind: &str, id: &str| {
        let data = json!({ "type": kind, "id": id, "object": { kind: { "id": id } } });
        envelope(account, name, data, now)
    };
    let events = order.object_ids.iter().map(|id| {
        let mut event = if name == REVOKED {
            let revocation = json!({ "revoked_at": now.to_string(), "revoker_type": "MERCHANT" });
            let object = json!({ "revocation": revocation });
            let data = json!({ "type": "revocation", "id": new_uuid(), "object": object });
            envelope(account, name, data, now)
        } else if name.starts_with("customer.") {
            let known = shop.customers.get(id);
            known.map_or_else(
                || bare("customer", id),
                |customer| with_customer(account, name, customer, now),
            )
        } else {
            let known = shop.bookings.get(id);
            known.map_or_else(
                || bare("booking", id),
                |booking| with_booking(account, name, booking, now),
            )
        };
        overlay(&mut event, &order.fields);
        event
    });
    Ok(events.collect())
}

/// Where webhooks go. The app's client secret signs none.
pub fn target(account: &Account) -> Option<Target> {
    Some(Target {
        system: account.system,
        account: account.account.clone(),
        url: account.webhook_url.clone()?,
        secret: account.webhook_secret.clone()?,
        signature_version: None,
    })
}

/// Base64 of the HMAC-SHA256 over the address as it was registered and the bytes of the body.
pub fn signature(key: &str, url: &str, body: &[u8]) -> String {
    // A key of any length is allowed, so this can't fail.
    let Ok(mut mac) = Hmac::<Sha256>::new_from_slice(key.as_bytes()) else {
        return String::new();
    };
    mac.update(url.as_bytes());
    mac.update(body);
    STANDARD.encode(mac.finalize().into_bytes())
}

/// Builds and signs the request of one event.
pub fn sign(target: &Target, event: &Value) -> SignedWebhook {
    let body = event.to_string().into_bytes();
    let headers = vec![
        ("content-type", "application/json".to_owned()),
        ("x-square-hmacsha256-signature", signature(&target.secret, &target.url, &body)),
    ];
    SignedWebhook { headers, body }
}

#[cfg(test)]
mod tests {
    use super::signature;

    /// The vectors of the vendor's Node SDK (c58c6e09, MIT), `tests/integration/webhooks.test.ts`.
    #[test]
    fn signature_agrees_with_the_vendors_vectors() {
        let test = r#"{"merchant_id":"MLEFBHHSJGVHD","type":"webhooks.test_notification","event_id":"ac3ac95b-f97d-458c-a6e6-18981597e05f","created_at":"2022-07-13T20:30:59.037339943Z","data":{"type":"webhooks","id":"bc368e64-01aa-407e-b46e-3231809b1129"}}"#;
        for (key, url, body, expected) in [
            (
                "Ibxx_5AKakO-3qeNVR61Dw",
                "https://webhook.site/679a4f3a-dcfa-49ee-bac5-9d0edad886b9",
                test,
                "GF4YkrJgGBDZ9NIYbNXBnMzqb2HoL4RW/S6vkZ9/2N4=",
            ),
            (
                "signature-key",
                "https://webhook.site/webhooks",
                r#"{"data":{"type":"webhooks","id":"fake_id"}}"#,
                "W3FlCNk5IA3ZQ2LHTWoajvzfaDu/OwY2tNHIHC3IUOA=",
            ),
            (
                "signature-key",
                "https://webhook.site/webhooks",
                r#"{"data":{"type":"webhooks","id":">id<"}}"#,
                "Cxt7+aTi4rKgcA0bC4g9EHdVtLSDWdqccmL5MvihU4U=",
            ),
        ] {
            assert_eq!(signature(key, url, body.as_bytes()), expected);
        }
    }
}
