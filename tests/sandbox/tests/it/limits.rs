//! Rate limits and what the control API says about them.

use futures::future::join_all;
use reqwest::Method;
use serde_json::{Value, json};

use crate::harness::{ACCOUNT, CONTACTS, TestSandbox};

async fn limits(sandbox: &TestSandbox) -> Value {
    let path = format!("/_control/limits?system=hubspot&account={ACCOUNT}");
    sandbox.get_json(&path).await["accounts"][0].clone()
}

async fn set(sandbox: &TestSandbox, change: &Value) -> Value {
    let mut order = change.clone();
    order["system"] = json!("hubspot");
    order["account"] = json!(ACCOUNT);
    let (status, told) = sandbox.call(Method::POST, "/_control/limits", &order).await;
    assert_eq!(status, 200, "{told}");
    told
}

#[tokio::test]
async fn limits_count_refused_and_faulted_calls_but_only_real_refusals() {
    let sandbox = TestSandbox::start_with(None, json!({ "rate_limit_per_10s": 2 })).await;
    sandbox.fault(&json!({ "fault": "status", "status": 429 })).await;
    for expected in [429, 200, 200, 429, 429] {
        assert_eq!(sandbox.get(CONTACTS).await.status().as_u16(), expected);
    }
    let found = limits(&sandbox).await;
    assert_eq!((&found["max_in_window"], &found["in_window"]), (&json!(5), &json!(5)));
    assert_eq!(found["over_limit"], 2);
    assert_eq!(found["over_limit_by_policy"]["TEN_SECONDLY_ROLLING"], 2);
    assert_eq!((&found["used_today"], &found["max_in_flight"]), (&json!(2), &json!(1)));
    let told = set(&sandbox, &json!({ "rate_limit_per_10s": 3, "reset_counters": true })).await;
    assert_eq!((&told["rate_limit_per_10s"], &told["over_limit"]), (&json!(3), &json!(0)));
    assert_eq!(sandbox.get(CONTACTS).await.status(), 200);
    assert_eq!(sandbox.get(CONTACTS).await.status(), 429);
    let told = set(&sandbox, &json!({ "rate_limit_per_10s": null })).await;
    assert_eq!(told["rate_limit_per_10s"], 190);
}

#[tokio::test]
async fn day_that_is_used_up_refuses_until_it_is_reset() {
    let sandbox = TestSandbox::start().await;
    assert_eq!(sandbox.get(CONTACTS).await.status(), 200);
    set(&sandbox, &json!({ "rate_limit_daily": 1 })).await;
    let over = sandbox.get(CONTACTS).await;
    assert_eq!(over.status(), 429);
    assert_eq!(over.headers()["x-hubspot-ratelimit-daily-remaining"], "0");
    let body: Value = over.json().await.unwrap();
    assert_eq!(body["policyName"], "DAILY");
    assert_eq!(body["message"], "You have reached your daily limit.");
    set(&sandbox, &json!({ "reset_daily": true })).await;
    let last = sandbox.get(CONTACTS).await;
    assert_eq!(
        (last.status().as_u16(), &last.headers()["x-hubspot-ratelimit-daily"]),
        (200, &"1".parse().unwrap())
    );
    assert_eq!(limits(&sandbox).await["used_today"], 1);
}

#[tokio::test]
async fn every_answer_but_those_of_search_carries_the_limits() {
    let sandbox = TestSandbox::start_with(None, json!({ "rate_limit_per_10s": 3 })).await;
    sandbox.fault(&json!({ "fault": "status", "status": 503 })).await;
    for (path, status, remaining) in [
        (CONTACTS.to_owned(), 503, "3"),
        (format!("{CONTACTS}/999"), 404, "2"),
        ("/hubspot/crm/properties/2026-03/deals".to_owned(), 200, "1"),
        ("/hubspot/nowhere".to_owned(), 404, "0"),
        (CONTACTS.to_owned(), 429, "0"),
    ] {
        let response = sandbox.get(&path).await;
        assert_eq!(response.status().as_u16(), status, "{path}");
        assert_eq!(response.headers()["x-hubspot-ratelimit-remaining"], remaining, "{path}");
    }
    let search = sandbox.post(&format!("{CONTACTS}/search"), &json!({})).await;
    assert_eq!(search.status(), 200);
    assert!(!search.headers().contains_key("x-hubspot-ratelimit-max"));
    assert_eq!(limits(&sandbox).await["max_in_window_by_policy"]["SECONDLY"], 1);
}

#[tokio::test]
async fn associations_have_a_burst_of_their_own() {
    let sandbox = TestSandbox::start().await;
    let path = "/hubspot/crm/objects/2026-03/contacts/1/associations/companies";
    let statuses = join_all((0..151).map(|_| sandbox.get(path))).await;
    let over = statuses.iter().filter(|response| response.status() == 429).count();
    assert_eq!(over, 1);
    let found = limits(&sandbox).await;
    assert_eq!(found["max_in_window"], 151);
    assert_eq!(found["over_limit"], 1);
}

#[tokio::test]
async fn most_calls_at_one_time_are_counted() {
    let sandbox = TestSandbox::start().await;
    sandbox.fault(&json!({ "fault": "delay", "delay_ms": 400, "times": 4 })).await;
    join_all((0..4).map(|_| sandbox.get(CONTACTS))).await;
    let found = limits(&sandbox).await;
    assert_eq!((&found["max_in_flight"], &found["in_flight"]), (&json!(4), &json!(0)));
}
