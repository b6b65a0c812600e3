//! Injected faults as the caller sees them.

use std::time::Instant;

use reqwest::Method;
use serde_json::{Value, json};

use crate::harness::{ACCOUNT, CONTACTS, TestSandbox, sleep_ms};

fn contact() -> Value {
    json!({ "properties": { "email": "a@example.com" } })
}

#[tokio::test]
async fn status_fault_speaks_like_the_vendor_and_runs_out() {
    let sandbox = TestSandbox::start().await;
    for (status, field, value) in [
        (400, "category", "VALIDATION_ERROR"),
        (401, "category", "INVALID_AUTHENTICATION"),
        (403, "category", "MISSING_SCOPES"),
        (404, "category", "OBJECT_NOT_FOUND"),
        (409, "message", "Contact already exists. Existing ID: 1"),
        (423, "category", "LOCKED"),
        (429, "policyName", "TEN_SECONDLY_ROLLING"),
        (477, "status", "error"),
        (500, "status", "error"),
        (502, "status", "error"),
        (503, "status", "error"),
        (504, "status", "error"),
    ] {
        sandbox.fault(&json!({ "fault": "status", "status": status })).await;
        let (given, body) = sandbox.hubspot(Method::POST, "", &contact()).await;
        assert_eq!((given, body[field].as_str()), (status, Some(value)));
    }
    assert!(sandbox.contacts().await.is_empty());
    assert_eq!(sandbox.get_json("/_control/faults").await["faults"], json!([]));
    assert_eq!(sandbox.hubspot(Method::POST, "", &contact()).await.0, 201);
    let calls = sandbox.calls().await;
    assert_eq!(calls["totals"]["total"], 13);
    assert_eq!(calls["totals"]["applied"], 1);
    assert_eq!(calls["calls"][0]["fault"], "status");
}

#[tokio::test]
async fn status_fault_takes_headers_raw_bodies_and_details() {
    let sandbox = TestSandbox::start().await;
    sandbox
        .fault(&json!({ "fault": "status", "status": 429, "headers": { "Retry-After": "7" } }))
        .await;
    sandbox.fault(&json!({ "fault": "status", "status": 502, "body": "" })).await;
    sandbox
        .fault(&json!({ "fault": "status", "status": 400, "details":
            { "property_name": "phone", "category": "INVALID_PHONE" } }))
        .await;
    assert_eq!(sandbox.get(CONTACTS).await.headers()["retry-after"], "7");
    let empty = sandbox.get(CONTACTS).await;
    assert_eq!((empty.status().as_u16(), empty.text().await.unwrap().as_str()), (502, ""));
    let (_, error) = sandbox.hubspot(Method::POST, "", &contact()).await;
    assert_eq!(error["errors"][0]["code"], "INVALID_PHONE");
    assert_eq!(error["errors"][0]["context"]["propertyName"][0], "phone");
}

#[tokio::test]
async fn fault_with_apply_changes_state_and_hides_it() {
    let sandbox = TestSandbox::start().await;
    sandbox.fault(&json!({ "fault": "status", "status": 504, "apply": true })).await;
    assert_eq!(sandbox.hubspot(Method::POST, "", &contact()).await.0, 504);
    assert_eq!(sandbox.contacts().await.len(), 1);
    let call = &sandbox.calls().await["calls"][0];
    assert_eq!((call["status"].as_u64(), call["applied"].as_bool()), (Some(504), Some(true)));
}

#[tokio::test]
async fn fault_matches_account_method_and_path_only() {
    let sandbox = TestSandbox::start().await;
    sandbox
        .fault(&json!({ "account": ACCOUNT, "fault": "status", "status": 500, "times": 9,
            "match": { "method": "POST", "path_prefix": "/crm/objects/2026-03/contacts/batch" } }))
        .await;
    assert_eq!(sandbox.get(CONTACTS).await.status(), 200);
    assert_eq!(sandbox.hubspot(Method::POST, "", &contact()).await.0, 201);
    assert_eq!(sandbox.hubspot(Method::POST, "/batch/read", &json!({})).await.0, 500);
    let cleared = sandbox.request(Method::DELETE, "/_control/faults").send().await.unwrap();
    assert_eq!(cleared.status(), 200);
    assert_eq!(sandbox.hubspot(Method::POST, "/batch/read", &json!({})).await.0, 400);
}

#[tokio::test]
async fn reset_fault_breaks_the_connection_without_a_status() {
    let sandbox = TestSandbox::start().await;
    sandbox.fault(&json!({ "fault": "reset", "apply": true })).await;
    let request = sandbox.request(Method::POST, CONTACTS).json(&contact());
    let error = request.send().await.unwrap_err();
    assert!(error.is_request() && !error.is_timeout(), "{error:?}");
    assert_eq!(sandbox.contacts().await.len(), 1);
    assert!(sandbox.calls().await["calls"][0]["status"].is_null());
}

#[tokio::test]
async fn truncate_fault_cuts_the_body_under_the_full_length() {
    let sandbox = TestSandbox::start().await;
    sandbox.fault(&json!({ "fault": "truncate", "apply": true })).await;
    let response = sandbox.post(CONTACTS, &contact()).await;
    assert_eq!(response.status(), 201);
    assert!(response.content_length().unwrap() > 100);
    assert!(response.bytes().await.is_err());
    sandbox.fault(&json!({ "fault": "truncate" })).await;
    let response = sandbox.get(CONTACTS).await;
    assert_eq!(response.status(), 200);
    assert!(response.bytes().await.is_err());
}

#[tokio::test]
async fn html_fault_gives_a_page() {
    let sandbox = TestSandbox::start().await;
    sandbox.fault(&json!({ "fault": "html" })).await;
    let response = sandbox.get(CONTACTS).await;
    assert_eq!(response.status(), 502);
    assert!(response.headers()["content-type"].to_str().unwrap().starts_with("text/html"));
    assert!(response.text().await.unwrap().contains("<html>"));
}

#[tokio::test]
async fn hang_and_delay_faults_take_their_time() {
    let sandbox = TestSandbox::start().await;
    let begun = Instant::now();
    sandbox.fault(&json!({ "fault": "hang", "delay_ms": 200 })).await;
    assert_eq!(sandbox.hubspot(Method::POST, "", &contact()).await.0, 504);
    assert!(begun.elapsed().as_millis() >= 200);
    sandbox.fault(&json!({ "fault": "delay", "delay_ms": 100 })).await;
    assert_eq!(sandbox.hubspot(Method::POST, "", &contact()).await.0, 201);
    assert!(begun.elapsed().as_millis() >= 300);
}

#[tokio::test]
async fn clearing_faults_releases_a_hang() {
    let sandbox = TestSandbox::start().await;
    sandbox.fault(&json!({ "fault": "hang", "delay_ms": 15_000 })).await;
    let begun = Instant::now();
    let release = async {
        sleep_ms(200).await;
        sandbox.request(Method::DELETE, "/_control/faults").send().await.unwrap()
    };
    let (hung, _) = tokio::join!(sandbox.get(CONTACTS), release);
    assert_eq!(hung.status(), 504);
    assert!(begun.elapsed().as_secs() < 10);
}

#[tokio::test]
async fn percentage_fault_hits_a_share_of_the_requests() {
    let sandbox = TestSandbox::start().await;
    sandbox
        .fault(
            &json!({ "fault": "status", "status": 503, "percent": 33, "seed": 7, "times": 9_999 }),
        )
        .await;
    let mut failed = 0;
    for _ in 0..100 {
        failed += usize::from(sandbox.get(CONTACTS).await.status() == 503);
    }
    assert!((15..=55).contains(&failed), "{failed}");
    let left = sandbox.get_json("/_control/faults").await;
    assert_eq!(left["faults"][0]["times"], 9_999 - failed);
}

#[tokio::test]
async fn outage_ends_by_itself_or_when_it_is_cleared() {
    let sandbox = TestSandbox::start().await;
    sandbox.fault(&json!({ "fault": "status", "status": 503, "for_ms": 700 })).await;
    let begun = Instant::now();
    assert_eq!(sandbox.get(CONTACTS).await.status(), 503);
    assert_eq!(sandbox.get(CONTACTS).await.status(), 503);
    while sandbox.get(CONTACTS).await.status() == 503 {
        sleep_ms(50).await;
    }
    assert!(begun.elapsed().as_millis() >= 650);
    sandbox.fault(&json!({ "fault": "reset", "for_ms": 60_000 })).await;
    assert!(sandbox.request(Method::GET, CONTACTS).send().await.is_err());
    sandbox.request(Method::DELETE, "/_control/faults").send().await.unwrap();
    assert_eq!(sandbox.get(CONTACTS).await.status(), 200);
}
