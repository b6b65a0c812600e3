//! Every answer and every webhook against the members and types of the vendor's specification.

use reqwest::Method;
use serde_json::{Value, json};

use super::schema::members;
use super::{ACCOUNT, Square, sent};
use crate::harness::Receiver;

/// What is wrong with a value of a type, in words.
fn faults(place: &str, value: &Value, kind: &str) -> Vec<String> {
    let (kind, may_be_null) = kind.strip_suffix('?').map_or((kind, false), |kind| (kind, true));
    let one = |fits: bool| {
        if fits { Vec::new() } else { vec![format!("{place} is no {kind}: {value}")] }
    };
    if value.is_null() {
        return one(may_be_null);
    }
    let inside = |open, close| kind.strip_prefix(open).and_then(|it: &str| it.strip_suffix(close));
    if let Some(kind) = inside('[', ']') {
        let Some(items) = value.as_array() else { return one(false) };
        let each = items.iter().enumerate();
        return each.flat_map(|(at, item)| faults(&format!("{place}[{at}]"), item, kind)).collect();
    }
    if let Some(kind) = inside('{', '}') {
        let Some(items) = value.as_object() else { return one(false) };
        let each = items.iter();
        return each
            .flat_map(|(name, item)| faults(&format!("{place}.{name}"), item, kind))
            .collect();
    }
    match kind {
        "string" => one(value.is_string()),
        "integer" => one(value.is_i64()),
        "boolean" => one(value.is_boolean()),
        "object" => one(value.is_object()),
        _ if kind.contains(" | ") => one(kind.split(" | ").any(|word| value == word)),
        schema => of_schema(place, value, schema),
    }
}

fn of_schema(place: &str, value: &Value, schema: &str) -> Vec<String> {
    let known = members(schema);
    assert!(!known.is_empty(), "no schema {schema}");
    let Some(given) = value.as_object() else { return vec![format!("{place} is no {schema}")] };
    let each = given.iter().flat_map(|(name, value)| {
        let kind = known.iter().find(|(known, _)| known == name);
        let place = format!("{place}.{name}");
        kind.map_or_else(
            || vec![format!("{place} is not in {schema}")],
            |(_, kind)| faults(&place, value, kind),
        )
    });
    each.collect()
}

fn check(value: &Value, schema: &str) {
    let faults = of_schema(schema, value, schema);
    assert!(faults.is_empty(), "{faults:#?}\n{value:#}");
}

/// A seller whose bookings and customers have all that they can have.
async fn full(settings: &Value) -> Square {
    let square = Square::start(settings).await;
    square
        .seed(json!([{
        "id": "b1", "start_at": "2026-05-12T14:00:00Z", "status": "PENDING",
        "customer": { "id": "C1", "given_name": "Ada", "family_name": "Love", "nickname": "A",
            "company_name": "Engines", "email_address": "a@example.com",
            "phone_number": "+12125550100", "birthday": "1815-12-10", "note": "x" },
        "customer_note": "x", "seller_note": "y", "source": "FIRST_PARTY_MERCHANT",
        "location_type": "PHONE", "all_day": true, "transition_time_minutes": 5,
        "creator_details": { "creator_type": "TEAM_MEMBER", "team_member_id": "ANNA" },
        "address": { "locality": "Denver" },
        "appointment_segments": [
            { "intermission_minutes": 10, "resource_ids": ["R"], "any_team_member": true },
            { "duration_minutes": null, "service_variation_id": "DYE" }],
    }, { "id": "b2", "start_at": "2026-05-13T14:00:00Z" }]))
        .await;
    square
}

#[tokio::test]
async fn answers_have_the_specified_members_and_types() {
    let square = full(&json!({})).await;
    let may = "start_at_min=2026-05-01T00:00:00Z&start_at_max=2026-05-31T00:00:00Z";
    for (path, schema) in [
        (&*format!("v2/bookings?{may}&limit=1"), "ListBookingsResponse"),
        ("v2/bookings/b1", "RetrieveBookingResponse"),
        ("v2/bookings/business-booking-profile", "RetrieveBusinessBookingProfileResponse"),
        ("v2/customers/C1", "RetrieveCustomerResponse"),
        ("v2/locations", "ListLocationsResponse"),
        ("v2/merchants/me", "RetrieveMerchantResponse"),
    ] {
        check(&square.get(path).await, schema);
    }
    let booking = square.get("v2/bookings/b1").await["booking"].clone();
    assert_eq!(booking.as_object().unwrap().len(), members("Booking").len(), "all are played");
    for (path, body, schema) in [
        (
            "v2/bookings/bulk-retrieve",
            json!({ "booking_ids": ["b1", "x"] }),
            "BulkRetrieveBookingsResponse",
        ),
        (
            "v2/customers/bulk-retrieve",
            json!({ "customer_ids": ["C1", "x"] }),
            "BulkRetrieveCustomersResponse",
        ),
        ("oauth2/token/status", json!({}), "RetrieveTokenStatusResponse"),
    ] {
        let (status, body) = square.call(Method::POST, path, &body).await;
        assert_eq!(status, 200, "{path}");
        check(&body, schema);
    }
}

#[tokio::test]
async fn answers_at_buyer_level_and_errors_have_the_specified_members_and_types() {
    let square = full(&json!({ "scopes": ["APPOINTMENTS_READ"] })).await;
    square
        .seed(json!([{ "id": "own", "start_at": "2026-05-12T14:00:00Z", "by_this_app": true }]))
        .await;
    check(&square.get("v2/bookings/own").await, "RetrieveBookingResponse");
    for path in ["v2/bookings/b1", "v2/bookings?limit=0", "v2/locations", "v2/nothing"] {
        let (status, body) = square.call(Method::GET, path, &Value::Null).await;
        assert!(status >= 400, "{path}");
        assert_eq!(body.as_object().unwrap().len(), 1);
        for error in body["errors"].as_array().unwrap() {
            check(error, "Error");
            assert!(
                error["category"].is_string() && error["code"].is_string(),
                "both are required"
            );
        }
    }
}

#[tokio::test]
async fn tokens_have_the_specified_members_and_types() {
    for pkce in [false, true] {
        let square = Square::start(&json!({ "oauth": { "client_id": "c", "client_secret": "s",
            "refresh_token": "r", "pkce": pkce } }))
        .await;
        let mut body =
            json!({ "client_id": "c", "grant_type": "refresh_token", "refresh_token": "r" });
        if !pkce {
            body["client_secret"] = json!("s");
        }
        let (status, made) = sent(square.bare(Method::POST, "oauth2/token").json(&body)).await;
        assert_eq!(status, 200, "{made}");
        check(&made, "ObtainTokenResponse");
        let token = made["access_token"].as_str().unwrap();
        let (_, told) =
            square.call_as(token, Method::POST, "oauth2/token/status", &json!({})).await;
        check(&told, "RetrieveTokenStatusResponse");
        let revoke = square.bare(Method::POST, "oauth2/revoke").header("authorization", "Client s");
        let body = json!({ "client_id": "c", "merchant_id": ACCOUNT });
        check(&sent(revoke.json(&body)).await.1, "RevokeTokenResponse");
    }
}

#[tokio::test]
async fn webhooks_have_the_specified_members_and_types() {
    let (receiver, url) = Receiver::start(&[]).await;
    let square = full(&json!({ "webhook_url": url, "webhook_signature_key": "key",
        "webhook_subscriptions": ["booking.created", "booking.updated", "customer.created", "customer.updated"] }))
    .await;
    square
        .act(&json!({ "act": "create", "properties": { "start_at": "2026-05-12T14:00:00Z" } }))
        .await;
    square.act(&json!({ "act": "edit", "id": "b1", "properties": { "given_name": "Eve" } })).await;
    square.seed(json!([{ "type": "customer", "id": "C2" }])).await;
    square.act(&json!({ "act": "merge", "type": "customer", "id": "C1", "merge_id": "C2" })).await;
    let received = receiver.received();
    assert_eq!(received.len(), 4);
    for one in received {
        let event: Value = serde_json::from_slice(&one.body).unwrap();
        let is_booking = event["type"].as_str().unwrap().starts_with("booking.");
        check(&event, if is_booking { "BookingUpdatedEvent" } else { "CustomerCreatedEvent" });
    }
}
