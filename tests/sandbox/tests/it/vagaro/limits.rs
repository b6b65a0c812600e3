//! The rate limit, and what the control API says about it.

use futures::future::join_all;
use serde_json::{Value, json};

use super::{REGION, Vagaro};

async fn refusals(vagaro: &Vagaro, token: &str, count: usize) -> Vec<(u16, Value)> {
    let body = json!({});
    let calls = (0..count).map(|_| vagaro.call_as(token, "locations", &body));
    let mut answers = join_all(calls).await;
    answers.retain(|(_, told)| told["responseCode"] != 1000);
    answers
}

#[tokio::test]
async fn call_over_the_limit_of_a_second_is_refused_and_the_next_second_is_free() {
    let vagaro = Vagaro::start(&json!({ "rate_limit_per_s": null })).await;
    let token = vagaro.token().await;
    let refused = refusals(&vagaro, &token, 8).await;
    assert_eq!(refused.len(), 3);
    assert!(
        refused
            .iter()
            .all(|(status, told)| (*status, &told["responseCode"]) == (429, &json!(1038)))
    );
    let found = vagaro.shown("limits").await["accounts"][0].clone();
    assert_eq!((&found["rate_limit_per_s"], &found["over_limit"]), (&json!(5), &json!(3)));
    assert_eq!((&found["max_in_window"], &found["oauth_token_calls"]), (&json!(8), &json!(1)));
    crate::harness::sleep_ms(1_050).await;
    assert_eq!(refusals(&vagaro, &token, 1).await, []);
}

#[tokio::test]
async fn limit_can_be_set_and_be_told_by_the_code_alone() {
    let vagaro =
        Vagaro::start(&json!({ "rate_limit_per_s": 1, "response_statuses": { "1038": 200 } }))
            .await;
    let token = vagaro.token().await;
    let refused = refusals(&vagaro, &token, 2).await;
    assert_eq!(refused.len(), 1);
    assert_eq!((refused[0].0, &refused[0].1["responseCode"]), (200, &json!(1038)));
    let told =
        vagaro.control("limits", &json!({ "rate_limit_per_s": 50, "max_concurrent": 0 })).await;
    assert_eq!((&told["rate_limit_per_s"], &told["max_concurrent"]), (&json!(50), &json!(0)));
    assert_eq!(refusals(&vagaro, &token, 1).await.len(), 1);
    vagaro.control("limits", &json!({ "max_concurrent": null })).await;
    assert_eq!(refusals(&vagaro, &token, 3).await, []);
}

#[tokio::test]
async fn token_endpoint_is_limited_by_fault_only() {
    let vagaro = Vagaro::start(&json!({ "rate_limit_per_s": 1 })).await;
    for _ in 0..5 {
        vagaro.token().await;
    }
    let match_token = json!({ "path_prefix": format!("/{REGION}/api/v2/merchants") });
    let fault = json!({ "fault": "status", "status": 429, "match": match_token });
    vagaro.control("faults", &fault).await;
    let body = json!({ "clientId": "id", "clientSecretKey": "secret", "scope": "locations:read" });
    let (status, told) = vagaro.ask_token(REGION, &body).await;
    assert_eq!((status, &told["responseCode"]), (429, &json!(1038)));
    assert_eq!(vagaro.ask_token(REGION, &body).await.0, 200);
}
