//! Reading single bookings and customers, one by one and many at once.

use serde_json::{Map, Value, json};

use super::access::Level;
use super::booking::Booking;
use super::errors::Refusal;
use super::store::Shop;

/// The ids of a bulk call's body.
fn ids(body: &[u8], name: &str, most: usize) -> Result<Vec<String>, Refusal> {
    let refused = |code: &str| Err(Refusal::bad_request(code, name, format!("1 to {most} texts.")));
    let body: Value = serde_json::from_slice(body).unwrap_or_default();
    let Value::Object(members) = body else { return Err(Refusal::not_json()) };
    if let Some(unknown) = members.keys().find(|given| *given != name) {
        let detail = "There is no such member.";
        return Err(Refusal::bad_request("UNKNOWN_BODY_PARAMETER", unknown, detail));
    }
    let Some(given) = members.get(name) else { return refused("MISSING_REQUIRED_PARAMETER") };
    let Some(given) = given.as_array() else { return refused("EXPECTED_ARRAY") };
    if given.is_empty() {
        return refused("ARRAY_EMPTY");
    }
    if given.len() > most {
        return refused("ARRAY_LENGTH_TOO_LONG");
    }
    let ids = given.iter().map(|id| id.as_str().map(str::to_owned));
    ids.collect::<Option<Vec<_>>>().map_or_else(|| refused("INVALID_ARRAY_VALUE"), Ok)
}

/// A booking that the caller sees.
fn seen<'a>(shop: &'a Shop, level: Level, id: &str) -> Result<&'a Booking, Refusal> {
    let found = shop.bookings.get(id).filter(|booking| level.sees(booking));
    found.ok_or_else(|| Refusal::not_found("booking"))
}

/// `GET /v2/bookings/{booking_id}`.
pub fn booking(shop: &Shop, level: Level, id: &str) -> Result<Value, Refusal> {
    let booking = seen(shop, level, id)?.rendered(level == Level::Seller);
    Ok(json!({ "booking": booking, "errors": [] }))
}

/// `POST /v2/bookings/bulk-retrieve`.
pub fn bulk_bookings(
    shop: &Shop,
    level: Level,
    body: &[u8],
    most: usize,
) -> Result<Value, Refusal> {
    let answers = ids(body, "booking_ids", most)?.into_iter().map(|id| {
        let answer = booking(shop, level, &id);
        (id, answer.unwrap_or_else(|refusal| json!({ "errors": refusal.errors() })))
    });
    Ok(json!({ "bookings": answers.collect::<Map<_, _>>(), "errors": [] }))
}

/// `GET /v2/customers/{customer_id}`.
pub fn customer(shop: &Shop, id: &str) -> Result<Value, Refusal> {
    let found = shop.customers.get(id).ok_or_else(|| Refusal::not_found("customer"))?;
    Ok(json!({ "customer": found.rendered() }))
}

/// `POST /v2/customers/bulk-retrieve`.
pub fn bulk_customers(shop: &Shop, body: &[u8], most: usize) -> Result<Value, Refusal> {
    let answers = ids(body, "customer_ids", most)?.into_iter().map(|id| {
        let answer = customer(shop, &id);
        (id, answer.unwrap_or_else(|refusal| json!({ "errors": refusal.errors() })))
    });
    Ok(json!({ "responses": answers.collect::<Map<_, _>>() }))
}
