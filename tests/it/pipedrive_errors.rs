//! Each row of the table of errors in `docs/integrations/pipedrive_mapping.md`, over the wire.

use std::time::Duration;

use serde_json::json;
use sync_domain::model::ExternalId;
use sync_domain::ports::{CrmGateway, ProviderError, RateScope, RemoteEffect};

use crate::support::pipedrive::{DEAL_KEY, Pipedrive, ada, big_one, connection, wanted};

const LEFT: &str = "x-daily-ratelimit-token-remaining";
const HOUR: u64 = 3_600;

async fn refused(
    status: u16,
    headers: &[(&'static str, &str)],
    body: impl ToString,
) -> ProviderError {
    let pipedrive = Pipedrive::start().await;
    pipedrive.server.will_answer_with(status, headers, body);
    let known = ExternalId::new("41");
    let upsert = pipedrive.gateway.upsert(&connection(), &wanted(&big_one(), Some(&known))).await;
    upsert.unwrap_err()
}

fn limited(seconds: u64, scope: RateScope) -> ProviderError {
    ProviderError::RateLimited { retry_after: Some(Duration::from_secs(seconds)), scope }
}

fn rejected(vendor_code: Option<&str>, field: Option<&str>) -> ProviderError {
    let text = |text: &str| text.to_owned();
    ProviderError::Rejected { vendor_code: vendor_code.map(text), field: field.map(text) }
}

#[tokio::test]
async fn refusal_of_a_value_names_the_attribute_and_quotes_nothing() {
    let error = json!({"success": false, "code": "ERR_SCHEMA_VALIDATION_FAILED",
        "error": "Validation failed: stage_id: Expected number for ada@example.com"});
    let expected = rejected(Some("ERR_SCHEMA_VALIDATION_FAILED"), Some("attributes.stage"));
    assert_eq!(refused(400, &[], error).await, expected);
    // Since May 2026 errors name a custom field; ours is gone.
    let gone = json!({"success": false, "error": format!("Unknown field {DEAL_KEY}")});
    assert_eq!(refused(400, &[], gone).await, rejected(None, Some("attributes.reference")));
    let off = json!({"success": false, "error": "feature disabled"});
    assert_eq!(refused(415, &[], off).await, rejected(None, None));
}

#[tokio::test]
async fn credentials_and_permissions_are_told_apart() {
    let gateway = json!({"success": false, "error": "unauthorized access", "errorCode": 401});
    assert_eq!(refused(401, &[], gateway).await, ProviderError::Unauthorized);
    let scope = json!({"success": false, "error": "Scope and URL mismatch"});
    assert_eq!(refused(403, &[], scope).await, ProviderError::MissingScope);
    let full = json!({"success": false, "code": "feature_capping_deals_limit", "error": "x"});
    let expected = rejected(Some("feature_capping_deals_limit"), None);
    assert_eq!(refused(403, &[], full).await, expected);
}

#[tokio::test]
async fn block_of_the_edge_and_unpaid_bill_keep_us_away_for_an_hour() {
    let page = "<!DOCTYPE html><title>Access denied</title>";
    assert_eq!(refused(403, &[], page).await, limited(HOUR, RateScope::Window));
    let bill = json!({"success": false, "error": "Company account is not open"});
    assert_eq!(refused(402, &[], bill).await, limited(HOUR, RateScope::Window));
}

#[tokio::test]
async fn burst_waits_for_its_window_and_the_day_for_its_end() {
    let error = json!({"success": false, "error": "request over limit"});
    let burst = [("x-ratelimit-reset", "2"), (LEFT, "146932")];
    assert_eq!(refused(429, &burst, &error).await, limited(2, RateScope::Window));
    assert_eq!(refused(429, &[], "<html>").await, limited(2, RateScope::Window));
    let day = [("x-ratelimit-reset", "2"), (LEFT, "0")];
    assert_eq!(refused(429, &day, &error).await, limited(HOUR, RateScope::Daily));
    assert_eq!(refused(429, &[("retry-after", "9")], &error).await, limited(9, RateScope::Window));
}

#[tokio::test]
async fn day_is_over_where_what_is_left_does_not_pay_for_the_call() {
    let error = json!({"success": false, "error": "request over limit"});
    for (left, is_paid) in [("4", false), ("5", true)] {
        let headers = [("x-ratelimit-reset", "2"), (LEFT, left)];
        let expected =
            if is_paid { limited(2, RateScope::Window) } else { limited(HOUR, RateScope::Daily) };
        assert_eq!(refused(429, &headers, &error).await, expected, "a write costs 5");
    }
    let pipedrive = Pipedrive::start().await;
    pipedrive.server.will_answer_with(429, &[(LEFT, "19")], &error);
    let upsert = pipedrive.gateway.upsert(&connection(), &wanted(&big_one(), None)).await;
    assert_eq!(upsert.unwrap_err(), limited(HOUR, RateScope::Daily), "a search costs 20");
}

#[tokio::test]
async fn refused_search_is_waited_for_so_long_that_all_instances_pause() {
    let pipedrive = Pipedrive::start().await;
    let error = json!({"success": false, "error": "request over limit"});
    let contact = ada();
    for (reset, seconds) in [("2", 5), ("9", 9)] {
        let headers = [("x-ratelimit-reset", reset)];
        pipedrive.server.will_answer_with(429, &headers, &error);
        let upsert = pipedrive.gateway.upsert(&connection(), &wanted(&contact, None)).await;
        assert_eq!(upsert.unwrap_err(), limited(seconds, RateScope::Window), "by key");
        pipedrive.will_give(&[json!([])]);
        pipedrive.server.will_answer_with(429, &headers, &error);
        let upsert = pipedrive.gateway.upsert(&connection(), &wanted(&contact, None)).await;
        assert_eq!(upsert.unwrap_err(), limited(seconds, RateScope::Window), "by email");
    }
}

#[tokio::test]
async fn fault_of_pipedrive_leaves_the_outcome_open() {
    for (status, body) in [(500, "{}"), (502, "<html>"), (503, ""), (504, ""), (302, "")] {
        let error = refused(status, &[], body).await;
        assert!(matches!(error, ProviderError::Unavailable { .. }), "{status}: {error:?}");
        assert_eq!(error.effect(), RemoteEffect::Unknown, "{status}");
    }
    assert_eq!(refused(408, &[], "").await, ProviderError::TimedOut);
}
