//! Bursts, the daily budget of tokens, the block, and what the control API says about them.

use futures::future::join_all;
use reqwest::Method;
use serde_json::{Value, json};

use super::{Pipedrive, TOKEN};

async fn statuses(pipedrive: &Pipedrive, below: &str, count: usize) -> (usize, usize) {
    let calls = (0..count).map(|_| pipedrive.call(Method::GET, below, &Value::Null));
    let answers = join_all(calls).await;
    let of = |wanted: u16| answers.iter().filter(|answered| answered.status == wanted).count();
    (of(200), of(429))
}

#[tokio::test]
async fn calls_cost_what_the_price_list_says() {
    let pipedrive = Pipedrive::start(&json!({ "plan": "growth" })).await;
    let person = pipedrive.create("persons", &json!({ "name": "Ada" })).await;
    pipedrive.patch(&format!("persons/{}", person["id"]), &json!({ "name": "Eve" })).await;
    pipedrive.get(&format!("v2/persons/{}", person["id"])).await;
    pipedrive.get("v2/persons").await;
    pipedrive.get("v2/persons/search?term=ada").await;
    pipedrive.get("v2/personFields").await;
    pipedrive.get("v2/stages").await;
    pipedrive.get("v1/webhooks").await;
    pipedrive.get("v1/users/me").await;
    let below = format!("v2/persons/{}", person["id"]);
    let last = pipedrive.call(Method::DELETE, &below, &Value::Null).await;
    let spent = 5 + 5 + 1 + 10 + 20 + 10 + 5 + 10 + 2 + 3;
    let limits = pipedrive.limits().await;
    assert_eq!(limits["tokens_spent"], spent);
    assert_eq!(limits["tokens_by_route"]["GET /api/v2/persons/search"], 20);
    assert_eq!(limits["tokens_by_route"]["PATCH /api/v2/persons/{id}"], 5);
    assert_eq!(
        (&limits["rate_limit_daily"], &limits["used_today"]),
        (&json!(60_000), &json!(spent))
    );
    assert_eq!(last.headers["x-daily-ratelimit-token-limit"], "60000");
    let remaining = (60_000 - spent).to_string();
    assert_eq!(last.headers["x-daily-ratelimit-token-remaining"], remaining.as_str());
    pipedrive.call(Method::POST, "v2/persons", &json!({})).await;
    assert_eq!(pipedrive.limits().await["tokens_spent"], spent + 5);
    pipedrive.control("limits", &json!({ "reset_counters": true })).await;
    assert_eq!(pipedrive.limits().await["tokens_spent"], 0);
}

#[tokio::test]
async fn burst_of_the_plan_is_counted_over_two_seconds() {
    let pipedrive = Pipedrive::start(&json!({ "rate_limit_per_2s": null })).await;
    let first = pipedrive.call(Method::GET, "v1/users/me", &Value::Null).await;
    assert_eq!(first.headers["x-ratelimit-limit"], "20");
    assert_eq!(first.headers["x-ratelimit-remaining"], "19");
    assert_eq!(first.headers["x-ratelimit-reset"], "2");
    assert_eq!(statuses(&pipedrive, "v1/users/me", 22).await, (19, 3));
    let refused = pipedrive.call(Method::GET, "v1/users/me", &Value::Null).await;
    assert_eq!((refused.status, &refused.body["errorCode"]), (429, &json!(429)));
    assert_eq!(refused.headers["x-ratelimit-remaining"], "0");
    assert_ne!(refused.headers["x-daily-ratelimit-token-remaining"], "0");
    assert!(!refused.headers.contains_key("retry-after"));
    let limits = pipedrive.limits().await;
    assert_eq!((&limits["rate_limit_per_2s"], &limits["over_limit"]), (&json!(20), &json!(4)));
    assert_eq!(limits["tokens_spent"], 40);
    crate::harness::sleep_ms(2_050).await;
    assert_eq!(statuses(&pipedrive, "v1/users/me", 1).await, (1, 0));
}

#[tokio::test]
async fn search_has_a_narrower_burst_of_its_own() {
    let pipedrive = Pipedrive::start(&json!({})).await;
    let below = "v2/persons/search?term=ada";
    assert_eq!(statuses(&pipedrive, below, 12).await, (10, 2));
    let refused = pipedrive.call(Method::GET, below, &Value::Null).await;
    assert_eq!(refused.headers["x-ratelimit-limit"], "10");
    assert_eq!(statuses(&pipedrive, "v2/persons", 5).await, (5, 0));
    let refused_by = pipedrive.limits().await["over_limit_by_policy"].clone();
    assert_eq!(refused_by, json!({ "BURST": 0, "SEARCH": 3 }));
}

#[tokio::test]
async fn spent_budget_refuses_everything_until_the_day_ends() {
    let pipedrive = Pipedrive::start(&json!({ "daily_tokens": 12 })).await;
    assert_eq!(statuses(&pipedrive, "v2/persons", 1).await, (1, 0));
    let last = pipedrive.call(Method::GET, "v2/persons", &Value::Null).await;
    assert_eq!(
        (last.status, last.headers["x-daily-ratelimit-token-remaining"].as_bytes()),
        (200, &b"0"[..])
    );
    let refused = pipedrive.call(Method::GET, "v1/users/me", &Value::Null).await;
    assert_eq!(refused.status, 429);
    assert_eq!(refused.headers["x-daily-ratelimit-token-remaining"], "0");
    pipedrive.control("limits", &json!({ "reset_daily": true })).await;
    assert_eq!(statuses(&pipedrive, "v1/users/me", 1).await, (1, 0));
    pipedrive.control("limits", &json!({ "rate_limit_daily": null, "rate_limit_per_2s": 1 })).await;
    let limits = pipedrive.limits().await;
    assert_eq!(
        (&limits["rate_limit_daily"], &limits["rate_limit_per_2s"]),
        (&json!(30_000), &json!(1))
    );
}

#[tokio::test]
async fn api_token_that_ignores_refusals_is_blocked_by_a_page() {
    let settings = json!({ "rate_limit_per_2s": 1, "block_after_429s": 3, "block_ms": 2_500 });
    let pipedrive = Pipedrive::start(&settings).await;
    assert_eq!(statuses(&pipedrive, "v1/users/me", 4).await, (1, 3));
    let blocked = pipedrive.call(Method::GET, "v1/users/me", &Value::Null).await;
    assert_eq!((blocked.status, &blocked.body), (403, &Value::Null));
    assert!(blocked.text.starts_with("<!DOCTYPE html>"));
    assert_eq!(blocked.headers["content-type"], "text/html; charset=UTF-8");
    assert!(!blocked.headers.contains_key("x-ratelimit-limit"));
    crate::harness::sleep_ms(2_600).await;
    assert_eq!(statuses(&pipedrive, "v1/users/me", 1).await, (1, 0));
}

#[tokio::test]
async fn faults_have_the_vendors_bodies() {
    let pipedrive = Pipedrive::start(&json!({})).await;
    for (status, member, expected) in [
        (402, "error", json!("Payment Required")),
        (429, "errorCode", json!(429)),
        (500, "code", json!("ERR_UNKNOWN")),
        (503, "success", json!(false)),
    ] {
        let fault = json!({ "fault": "status", "status": status,
            "match": { "path_prefix": "/acme/api/v2" } });
        pipedrive.control("faults", &fault).await;
        let answered = pipedrive.call(Method::GET, "v2/persons", &Value::Null).await;
        assert_eq!((answered.status, &answered.body[member]), (status, &expected));
    }
    let html = json!({ "fault": "html", "status": 403 });
    pipedrive.control("faults", &html).await;
    let header = ("x-api-token", TOKEN);
    let page = pipedrive.call_with(header, Method::GET, "acme/api/v2/persons", &Value::Null).await;
    assert!(page.status == 403 && page.text.contains("<html>"));
}
