//! Tokens, permissions, the version, what a plan lets see, and limits.

use reqwest::Method;
use serde_json::{Value, json};

use super::{Square, TOKEN, error, sent};

const MAY: &str = "v2/bookings?start_at_min=2026-05-01T00:00:00Z&start_at_max=2026-05-31T00:00:00Z";

#[tokio::test]
async fn version_must_be_there_and_a_date() {
    let square = Square::start(&json!({})).await;
    for (version, expected) in [
        (None, Some("API_VERSION_INCOMPATIBLE")),
        (Some("20260520"), Some("INVALID_SQUARE_VERSION_FORMAT")),
        (Some("2026-05-20T00:00"), Some("INVALID_SQUARE_VERSION_FORMAT")),
        (Some("2026-02-30"), Some("INVALID_SQUARE_VERSION_FORMAT")),
        (Some("2026-05-20"), None),
    ] {
        let request = square.bare(Method::GET, "v2/locations").bearer_auth(TOKEN);
        let request = match version {
            Some(version) => request.header("Square-Version", version),
            None => request,
        };
        let (status, body) = sent(request).await;
        let code = Some(error(&body).1).filter(|code| !code.is_empty());
        assert_eq!((status == 200, code.as_deref()), (expected.is_none(), expected), "{version:?}");
    }
}

#[tokio::test]
async fn tokens_that_are_unknown_or_over_are_refused() {
    let square = Square::start(&json!({ "expired_access_tokens": ["EAAAold"] })).await;
    for (token, code) in [("EAAAnobody", "UNAUTHORIZED"), ("EAAAold", "ACCESS_TOKEN_EXPIRED")] {
        let (status, body) = square.call_as(token, Method::GET, "v2/locations", &Value::Null).await;
        let expected = ("AUTHENTICATION_ERROR".to_owned(), code.to_owned());
        assert_eq!((status, error(&body)), (401, expected));
        let status = square.call_as(token, Method::POST, "oauth2/token/status", &json!({})).await;
        assert_eq!((status.0, error(&status.1).1.as_str()), (401, "UNAUTHORIZED"));
    }
    let calls = square.shown("calls").await;
    assert_eq!(calls["totals"]["total"], 2, "those with the old token are the account's");
}

#[tokio::test]
async fn each_call_needs_its_permission() {
    for (below, scope) in [
        (MAY, "APPOINTMENTS_READ"),
        ("v2/bookings/b1", "APPOINTMENTS_READ"),
        ("v2/bookings/business-booking-profile", "APPOINTMENTS_BUSINESS_SETTINGS_READ"),
        ("v2/customers/C1", "CUSTOMERS_READ"),
        ("v2/locations", "MERCHANT_PROFILE_READ"),
        ("v2/merchants/me", "MERCHANT_PROFILE_READ"),
    ] {
        let square = Square::start(&json!({ "scopes": [scope],
            "square": { "customers": [{ "id": "C1", "given_name": "Ada" }] } }))
        .await;
        square
            .seed(json!([{ "id": "b1", "start_at": "2026-05-02T10:00:00Z", "by_this_app": true }]))
            .await;
        square.get(below).await;
        square.account(&json!({ "scopes": ["ITEMS_READ"] })).await;
        let (status, category, code) = square.refused(below).await;
        let told = (status, category.as_str(), code.as_str());
        assert_eq!(told, (403, "AUTHENTICATION_ERROR", "INSUFFICIENT_SCOPES"), "{below}");
    }
}

async fn with_two(settings: &Value) -> Square {
    let square = Square::start(settings).await;
    let start_at = "2026-05-02T10:00:00Z";
    square
        .seed(
            json!([{ "id": "own", "start_at": start_at, "by_this_app": true, "customer_id": "C1" },
        { "id": "other", "start_at": start_at }]),
        )
        .await;
    square
}

#[tokio::test]
async fn buyer_level_sees_only_what_the_app_made() {
    for settings in [
        json!({ "scopes": ["APPOINTMENTS_READ", "APPOINTMENTS_BUSINESS_SETTINGS_READ"] }),
        json!({ "square": { "seller_level": false } }),
    ] {
        let square = with_two(&settings).await;
        let listed = square.get(MAY).await;
        assert_eq!(listed["bookings"].as_array().unwrap().len(), 1, "{settings}");
        let row = &listed["bookings"][0];
        assert_eq!((&row["id"], &row["source"]), (&json!("own"), &Value::Null));
        assert_eq!(row["creator_details"], json!({ "creator_type": "CUSTOMER" }));
        assert_eq!(square.refused("v2/bookings/other").await.0, 404);
        let ids = json!({ "booking_ids": ["own", "other"] });
        let (_, bulk) = square.call(Method::POST, "v2/bookings/bulk-retrieve", &ids).await;
        assert_eq!(bulk["bookings"]["own"]["booking"]["id"], "own");
        assert_eq!(error(&bulk["bookings"]["other"]).1, "NOT_FOUND");
        let profile = square.get("v2/bookings/business-booking-profile").await;
        let writes = &profile["business_booking_profile"]["support_seller_level_writes"];
        assert_eq!(*writes, settings["square"].is_null());
    }
    let square = with_two(&json!({})).await;
    let all = square.get(MAY).await;
    assert_eq!(all["bookings"].as_array().unwrap().len(), 2);
    let details = json!({ "creator_type": "CUSTOMER", "customer_id": "C1" });
    assert_eq!(all["bookings"][1]["creator_details"], details);
}

#[tokio::test]
async fn missing_plan_refuses_where_the_account_says_so() {
    let square =
        with_two(&json!({ "square": { "seller_level": false, "without_plan": "refused" } })).await;
    for below in [MAY, "v2/bookings/own"] {
        let (status, category, code) = square.refused(below).await;
        let told = (status, category.as_str(), code.as_str());
        let expected = (403, "MERCHANT_SUBSCRIPTION_ERROR", "MERCHANT_SUBSCRIPTION_NOT_FOUND");
        assert_eq!(told, expected);
    }
    let ids = json!({ "booking_ids": ["own"] });
    assert_eq!(square.call(Method::POST, "v2/bookings/bulk-retrieve", &ids).await.0, 403);
}

#[tokio::test]
async fn calls_over_the_limit_are_refused_and_it_can_be_set() {
    let square = Square::start(&json!({ "rate_limit_per_s": 2 })).await;
    for _ in 0..2 {
        square.get("v2/locations").await;
    }
    let (status, category, code) = square.refused("v2/locations").await;
    let told = (status, category.as_str(), code.as_str());
    assert_eq!(told, (429, "RATE_LIMIT_ERROR", "RATE_LIMITED"));
    // The OAuth server is no part of it.
    let told = square.call(Method::POST, "oauth2/token/status", &json!({})).await;
    assert_eq!(told.0, 200);
    square.control("limits", &json!({ "rate_limit_per_s": 50 })).await;
    square.get("v2/locations").await;
    let limits = square.shown("limits").await["accounts"][0].clone();
    assert_eq!((&limits["rate_limit_per_s"], &limits["over_limit"]), (&json!(50), &json!(1)));
}

#[tokio::test]
async fn accounts_that_square_could_not_have_are_refused() {
    let square = Square::start(&json!({})).await;
    for settings in [
        json!({}),
        json!({ "access_token": "x", "api_key": "k" }),
        json!({ "access_token": "x", "square": { "locations": [] } }),
        json!({ "access_token": "x", "square": { "team_members": [] } }),
        json!({ "access_token": "x", "square": { "locations": [{ "id": "L", "timezone": "Mars" }] } }),
        json!({ "access_token": "x", "square": { "customers": [{ "given_name": "Ada" }] } }),
        json!({ "access_token": "x", "square": { "sites": [] } }),
        json!({ "access_token": "x", "webhook_subscriptions": ["booking.deleted"] }),
        json!({ "access_token": "x", "account": "a/b" }),
        json!({ "access_token": TOKEN, "account": "M2" }),
    ] {
        let (status, told) = square.try_control("accounts", &settings).await;
        assert_eq!(status, 400, "{settings} {told}");
    }
}

#[tokio::test]
async fn injected_faults_look_like_squares_errors() {
    let square = Square::start(&json!({})).await;
    for (status, details, expected) in [
        (503, json!({}), ("API_ERROR", "SERVICE_UNAVAILABLE")),
        (
            401,
            json!({ "category": "CLIENT_DISABLED" }),
            ("AUTHENTICATION_ERROR", "CLIENT_DISABLED"),
        ),
    ] {
        let fault = json!({ "fault": "status", "status": status, "details": details,
            "match": { "path_prefix": "/v2/locations" } });
        square.control("faults", &fault).await;
        let (told, category, code) = square.refused("v2/locations").await;
        assert_eq!((told, (category.as_str(), code.as_str())), (status, expected));
    }
}
