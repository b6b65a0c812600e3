//! The day's limit, its header, and faults in the vendor's shape.

use reqwest::Method;
use serde_json::{Value, json};

use super::{DATA, Salesforce, TOKEN, TOKEN_PATH, code};

async fn usage(salesforce: &Salesforce) -> Option<String> {
    let request = salesforce.sandbox.bare(Method::GET, &format!("{DATA}/sobjects"));
    let response = request.bearer_auth(TOKEN).send().await.unwrap();
    let header = response.headers().get("sforce-limit-info");
    header.map(|value| value.to_str().unwrap().to_owned())
}

#[tokio::test]
async fn every_rest_answer_tells_how_much_of_the_day_is_used() {
    let salesforce = Salesforce::start(&json!({ "daily_limit": 3 })).await;
    assert_eq!(usage(&salesforce).await.as_deref(), Some("api-usage=1/3"));
    assert_eq!(salesforce.mint().await.0, 200);
    let limits = salesforce.get("/limits").await;
    assert_eq!(limits["DailyApiRequests"], json!({ "Max": 3, "Remaining": 1 }));
    assert_eq!(usage(&salesforce).await.as_deref(), Some("api-usage=3/3"));
    let over = salesforce.call(Method::GET, "/limits", &Value::Null).await;
    assert_eq!(code(&over), (403, "REQUEST_LIMIT_EXCEEDED"));
    assert_eq!(over.1[0]["message"], "TotalRequests Limit exceeded.");
    assert_eq!(salesforce.mint().await.0, 200, "the token endpoint has no part in it");
    let told = &salesforce.shown("limits").await["accounts"][0];
    assert_eq!((&told["rate_limit_daily"], &told["used_today"]), (&json!(3), &json!(3)));
    assert!(told.get("rate_limit_per_10s").is_none());
    salesforce.control("limits", &json!({ "reset_daily": true })).await;
    assert_eq!(usage(&salesforce).await.as_deref(), Some("api-usage=1/3"));
    salesforce.control("limits", &json!({ "rate_limit_daily": null })).await;
    assert_eq!(usage(&salesforce).await.as_deref(), Some("api-usage=2/100000"));
}

#[tokio::test]
async fn status_faults_are_arrays_or_oauth_objects() {
    let salesforce = Salesforce::start(&json!({})).await;
    for (status, category, expected) in [
        (400, Some("UNABLE_TO_LOCK_ROW"), "UNABLE_TO_LOCK_ROW"),
        (400, Some("DUPLICATES_DETECTED"), "DUPLICATES_DETECTED"),
        (401, None, "INVALID_SESSION_ID"),
        (403, None, "REQUEST_LIMIT_EXCEEDED"),
        (404, None, "NOT_FOUND"),
        (500, None, "UNKNOWN_EXCEPTION"),
        (503, None, "SERVER_UNAVAILABLE"),
    ] {
        let fault = json!({ "fault": "status", "status": status, "match":
            { "path_prefix": "/acme/services/data" }, "details": { "category": category } });
        salesforce.control("faults", &fault).await;
        let answer = salesforce.call(Method::GET, "/limits", &Value::Null).await;
        assert_eq!(code(&answer), (status, expected));
        let has_result = answer.1[0].get("duplicateResult").is_some();
        assert_eq!(has_result, expected == "DUPLICATES_DETECTED");
    }
    let fault =
        json!({ "fault": "status", "status": 400, "details": { "category": "invalid_grant" } });
    salesforce.control("faults", &fault).await;
    assert_eq!(salesforce.mint().await.1["error"], "invalid_grant");
    salesforce.control("faults", &json!({ "fault": "html", "status": 503 })).await;
    let page = salesforce.sandbox.bare(Method::POST, TOKEN_PATH).send().await.unwrap();
    assert_eq!(page.status(), 503);
    assert!(page.text().await.unwrap().contains("down for maintenance"));
}
