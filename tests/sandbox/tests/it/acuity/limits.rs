//! Both rate limits, and what the control API says about them.

use futures::future::join_all;
use reqwest::Method;
use serde_json::{Value, json};

use super::Acuity;

async fn statuses(acuity: &Acuity, count: usize) -> (usize, usize) {
    let calls = (0..count).map(|_| acuity.call(Method::GET, "me", &Value::Null));
    let answers = join_all(calls).await;
    let of = |wanted: u16| answers.iter().filter(|(status, _)| *status == wanted).count();
    for (_, body) in answers.iter().filter(|(status, _)| *status == 429) {
        assert_eq!(body["error"], "too_many_requests");
        let message = body["message"].as_str().unwrap();
        assert!(message.contains("10 requests per second") && message.contains("20 concurrent"));
    }
    (of(200), of(429))
}

#[tokio::test]
async fn eleventh_call_of_a_second_is_refused_and_the_next_second_is_free() {
    let acuity = Acuity::start(&json!({ "rate_limit_per_s": null })).await;
    assert_eq!(statuses(&acuity, 13).await, (10, 3));
    let found = acuity.shown("limits").await["accounts"][0].clone();
    assert_eq!((&found["rate_limit_per_s"], &found["max_concurrent"]), (&json!(10), &json!(20)));
    assert_eq!((&found["max_in_window"], &found["over_limit"]), (&json!(13), &json!(3)));
    assert_eq!(found["over_limit_by_policy"], json!({ "REQUESTS_PER_SECOND": 3 }));
    assert!(found.get("rate_limit_per_10s").is_none());
    crate::harness::sleep_ms(1_050).await;
    assert_eq!(statuses(&acuity, 1).await, (1, 0));
    assert_eq!(acuity.shown("limits").await["accounts"][0]["in_window"], 1);
}

#[tokio::test]
async fn more_calls_at_one_time_than_allowed_are_refused() {
    let acuity = Acuity::start(&json!({})).await;
    let delay = json!({ "fault": "delay", "delay_ms": 1_200, "times": 25 });
    acuity.control("faults", &delay).await;
    assert_eq!(statuses(&acuity, 25).await, (20, 5));
    let found = acuity.shown("limits").await["accounts"][0].clone();
    assert_eq!((&found["max_in_flight"], &found["in_flight"]), (&json!(25), &json!(0)));
    assert_eq!(found["over_limit_by_policy"]["CONCURRENT_CONNECTIONS"], 5);
}

#[tokio::test]
async fn limits_are_set_while_calls_go_on_and_accounts_do_not_share_them() {
    let acuity = Acuity::start(&json!({ "rate_limit_per_s": 2 })).await;
    let other = json!({ "account": "5", "user_id": "55", "api_key": "other" });
    acuity.control("accounts", &other).await;
    assert_eq!(statuses(&acuity, 3).await, (2, 1));
    let theirs = acuity.call_as(("55", "other"), Method::GET, "me", &Value::Null).await;
    assert_eq!(theirs.0, 200);
    let told =
        acuity.control("limits", &json!({ "rate_limit_per_s": 9, "max_concurrent": 0 })).await;
    assert_eq!((&told["rate_limit_per_s"], &told["max_concurrent"]), (&json!(9), &json!(0)));
    assert_eq!(statuses(&acuity, 1).await, (0, 1));
    let told = acuity.control("limits", &json!({ "max_concurrent": null })).await;
    assert_eq!(told["max_concurrent"], 20);
    assert_eq!(statuses(&acuity, 1).await, (1, 0));
}

#[tokio::test]
async fn refused_credentials_and_public_paths_count_against_nothing() {
    let acuity = Acuity::start(&json!({ "rate_limit_per_s": 1 })).await;
    for _ in 0..3 {
        let meta = acuity.sandbox.bare(Method::GET, "/acuity/api/v1/meta").send().await.unwrap();
        assert_eq!(meta.status(), 200);
    }
    assert_eq!(statuses(&acuity, 1).await, (1, 0));
}
