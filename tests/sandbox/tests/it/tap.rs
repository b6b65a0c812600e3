//! The AWS tap in front of a stand-in for AWS.

use std::time::{Duration, Instant};

use reqwest::{Method, RequestBuilder};
use serde_json::{Value, json};

use crate::harness::{Receiver, TestSandbox, sleep_ms};

const SCOPE: &str =
    "AWS4-HMAC-SHA256 Credential=AK/20261122/eu-west-1/dynamodb/aws4_request, Signature=0";

async fn start(planned: &[u16]) -> (TestSandbox, Receiver) {
    let (receiver, url) = Receiver::start(planned).await;
    (TestSandbox::start_with(Some(url), json!({})).await, receiver)
}

fn put_item(sandbox: &TestSandbox, body: &str) -> RequestBuilder {
    sandbox
        .tap(Method::POST)
        .header("x-amz-target", "DynamoDB_20120810.PutItem")
        .header("authorization", SCOPE)
        .body(body.to_owned())
}

async fn fault(sandbox: &TestSandbox, fault: Value) {
    assert_eq!(sandbox.post("/_control/aws/faults", &fault).await.status(), 200);
}

async fn total(sandbox: &TestSandbox, query: &str) -> u64 {
    let path = format!("/_control/aws/calls?{query}");
    sandbox.get_json(&path).await["totals"]["total"].as_u64().unwrap()
}

#[tokio::test]
async fn tap_passes_requests_and_answers_unchanged() {
    let (sandbox, receiver) = start(&[201]).await;
    let body = "x".repeat(3_000_000);
    let response = put_item(&sandbox, &body).header("host", "dynamodb.local").send().await.unwrap();
    assert_eq!(response.status(), 201);
    assert_eq!(response.headers()["x-amzn-requestid"], "r1");
    assert_eq!(response.text().await.unwrap().len(), 3_000_000);
    let got = receiver.received().remove(0);
    assert_eq!(got.target, "/some/path?x=%2F1");
    assert_eq!(got.headers["host"], "dynamodb.local");
    assert_eq!(got.headers["authorization"], SCOPE);
}

#[tokio::test]
async fn tap_counts_by_operation_and_content_and_hides_bodies() {
    let (sandbox, _) = start(&[]).await;
    for body in ["T#acme", "T#globex"] {
        put_item(&sandbox, body).send().await.unwrap();
    }
    let all = sandbox.get_json("/_control/aws/calls?service=dynamodb").await;
    assert_eq!(all["totals"]["by_operation"]["PutItem"], 2);
    assert_eq!(all["calls"][0]["status"], 200);
    assert!(all["calls"][0]["duration_ms"].is_number());
    assert!(!all.to_string().contains("T#acme"));
    assert_eq!(total(&sandbox, "contains=T%23acme").await, 1);
    assert_eq!(total(&sandbox, "operation=GetItem").await, 0);
    sandbox.post("/_control/aws/reset", &json!({})).await;
    assert_eq!(total(&sandbox, "").await, 0);
}

#[tokio::test]
async fn tap_serves_64_callers_at_once() {
    let (sandbox, receiver) = start(&[]).await;
    fault(&sandbox, json!({ "fault": "delay", "delay_ms": 200, "times": 64 })).await;
    let begun = Instant::now();
    let calls = (0..64).map(|_| put_item(&sandbox, "{}").send());
    for answer in futures::future::join_all(calls).await {
        assert_eq!(answer.unwrap().status(), 200);
    }
    assert!(begun.elapsed() < Duration::from_secs(5));
    assert_eq!(receiver.received().len(), 64);
}

#[tokio::test]
async fn hold_before_drops_the_call_of_a_caller_that_left() {
    let (sandbox, receiver) = start(&[]).await;
    fault(&sandbox, json!({ "operation": "PutItem", "fault": "hold_before", "delay_ms": 500 }))
        .await;
    let left = put_item(&sandbox, "{}").timeout(Duration::from_millis(100)).send().await;
    assert!(left.unwrap_err().is_timeout());
    sleep_ms(800).await;
    assert!(receiver.received().is_empty());
    let calls = sandbox.get_json("/_control/aws/calls").await;
    assert_eq!(calls["calls"][0]["forwarded"], false);
    fault(&sandbox, json!({ "fault": "hold_before", "delay_ms": 100 })).await;
    assert_eq!(put_item(&sandbox, "{}").send().await.unwrap().status(), 200);
    assert_eq!(receiver.received().len(), 1);
}

#[tokio::test]
async fn hold_after_carries_out_and_keeps_the_answer() {
    let (sandbox, receiver) = start(&[]).await;
    fault(&sandbox, json!({ "skip": 1, "fault": "hold_after", "delay_ms": 400 })).await;
    assert_eq!(put_item(&sandbox, "{}").send().await.unwrap().status(), 200);
    let left = put_item(&sandbox, "{}").timeout(Duration::from_millis(200)).send().await;
    assert!(left.unwrap_err().is_timeout());
    assert_eq!(receiver.received().len(), 2);
}

#[tokio::test]
async fn status_and_reset_faults_keep_the_call_from_aws() {
    let (sandbox, receiver) = start(&[]).await;
    fault(&sandbox, json!({ "fault": "status", "status": 400, "body": { "__type": "Throttled" } }))
        .await;
    let refused = put_item(&sandbox, "{}").send().await.unwrap();
    assert_eq!(refused.status(), 400);
    assert_eq!(refused.text().await.unwrap(), r#"{"__type":"Throttled"}"#);
    fault(&sandbox, json!({ "fault": "reset" })).await;
    assert!(put_item(&sandbox, "{}").send().await.is_err());
    assert!(receiver.received().is_empty());
    fault(&sandbox, json!({ "fault": "reset", "apply": true, "times": 5 })).await;
    assert!(put_item(&sandbox, "{}").send().await.is_err());
    assert_eq!(receiver.received().len(), 1);
    let cleared = sandbox.request(Method::DELETE, "/_control/aws/faults").send().await.unwrap();
    assert_eq!(cleared.status(), 200);
    assert_eq!(put_item(&sandbox, "{}").send().await.unwrap().status(), 200);
}

#[tokio::test]
async fn missing_upstream_is_a_bad_gateway() {
    let sandbox = TestSandbox::start_with(Some("http://127.0.0.1:9".to_owned()), json!({})).await;
    assert_eq!(put_item(&sandbox, "{}").send().await.unwrap().status(), 502);
}
