//! Tokens, credentials, regions, errors, and what an account is made of.

use reqwest::Method;
use serde_json::{Value, json};

use super::{ACCOUNT, REGION, SCOPES, SECOND, Vagaro};
use crate::harness::sleep_ms;

fn credentials(client_id: &str, secret: &str) -> Value {
    json!({ "clientId": client_id, "clientSecretKey": secret, "scope": SCOPES })
}

#[tokio::test]
async fn token_is_given_for_the_credentials_of_the_region_only() {
    let vagaro = Vagaro::start(&json!({})).await;
    let (status, told) = vagaro.ask_token(REGION, &credentials("id", "secret")).await;
    assert_eq!((status, &told["status"], &told["responseCode"]), (200, &json!(200), &json!(1000)));
    assert_eq!(told["data"]["expires_in"], 3600);
    for (region, body, expected) in [
        ("us03", credentials("id", "secret"), 401),
        (REGION, credentials("id", "Secret"), 401),
        (REGION, credentials("other", "secret"), 401),
        (REGION, json!({ "clientId": "id", "clientSecretKey": "secret", "scope": "" }), 400),
        (REGION, json!({ "clientId": "id", "clientSecretKey": "secret" }), 400),
        (REGION, json!([]), 400),
    ] {
        let (status, told) = vagaro.ask_token(region, &body).await;
        assert_eq!((status, &told["status"]), (expected, &json!(expected)), "{region} {body}");
        assert!(told["responseCode"].as_u64().unwrap() != 1000 && told.get("data").is_none());
    }
    let calls = vagaro.shown("calls").await;
    assert_eq!(calls["calls"][0]["fields"], json!({ "clientId": "id", "scope": SCOPES }));
    assert!(!calls.to_string().contains("\"secret\""), "{calls}");
}

#[tokio::test]
async fn token_goes_into_its_own_header_and_is_good_in_its_own_region() {
    let vagaro = Vagaro::start(&json!({})).await;
    let token = vagaro.token().await;
    assert_eq!(vagaro.call_as(&token, "locations", &json!({})).await.0, 200);
    for (region, header, value) in [
        (REGION, "authorization", format!("Bearer {token}")),
        (REGION, "accesstoken", format!("Bearer {token}")),
        (REGION, "accesstoken", "other".to_owned()),
        ("us03", "accesstoken", token.clone()),
    ] {
        let path = format!("/vagaro/{region}/api/v2/locations");
        let request = vagaro.sandbox.bare(Method::POST, &path).header(header, value);
        let response = request.json(&json!({})).send().await.unwrap();
        assert_eq!(response.status(), 401, "{region} {header}");
    }
}

#[tokio::test]
async fn expired_token_is_told_by_its_code_under_the_status_that_the_account_has() {
    let vagaro = Vagaro::start(&json!({ "session_lifetime_s": 1 })).await;
    let token = vagaro.token().await;
    assert_eq!(vagaro.call_as(&token, "locations", &json!({})).await.0, 200);
    sleep_ms(1_050).await;
    let (status, told) = vagaro.call_as(&token, "locations", &json!({})).await;
    assert_eq!((status, &told["status"], &told["responseCode"]), (200, &json!(200), &json!(1034)));
    assert!(told.get("data").is_none() && told["message"].is_string());
    let settings = json!({ "region": REGION, "client_id": "id", "client_secret": "secret",
        "response_statuses": { "1034": 401 } });
    vagaro.control("accounts", &settings).await;
    let token = vagaro.token().await;
    assert_eq!(vagaro.call_as(&token, "locations", &json!({})).await.0, 200);
    let state = vagaro.control("oauth", &json!({ "act": "expire_access_tokens" })).await;
    assert_eq!((&state["live_access_tokens"], &state["minted"]), (&json!(0), &json!(2)));
    let (status, told) = vagaro.call_as(&token, "locations", &json!({})).await;
    assert_eq!((status, &told["responseCode"]), (401, &json!(1034)));
}

#[tokio::test]
async fn withdrawn_access_gives_no_token_until_it_is_restored() {
    let vagaro = Vagaro::start(&json!({})).await;
    let token = vagaro.token().await;
    vagaro.control("oauth", &json!({ "act": "revoke" })).await;
    assert_eq!(vagaro.ask_token(REGION, &credentials("id", "secret")).await.0, 401);
    assert_eq!(vagaro.call_as(&token, "locations", &json!({})).await.0, 200);
    vagaro.control("oauth", &json!({ "act": "uninstall" })).await;
    assert_eq!(vagaro.call_as(&token, "locations", &json!({})).await.0, 401);
    vagaro.control("oauth", &json!({ "act": "restore" })).await;
    assert_eq!(vagaro.call("locations", &json!({})).await.0, 200);
    let code = json!({ "act": "add_code", "code": "c" });
    assert_eq!(vagaro.try_control("oauth", &code).await.0, 400);
}

#[tokio::test]
async fn scopes_bind_the_token_that_was_minted_with_them() {
    let vagaro = Vagaro::start(&json!({ "scopes": ["appointments:read", "locations:read"] })).await;
    let ask =
        |scope: &str| json!({ "clientId": "id", "clientSecretKey": "secret", "scope": scope });
    assert_eq!(vagaro.ask_token(REGION, &ask(SCOPES)).await.0, 400);
    let told = vagaro.ask_token(REGION, &ask("appointments:read, locations:read")).await.1;
    let token = told["data"]["access_token"].as_str().unwrap().to_owned();
    assert_eq!(vagaro.call_as(&token, "locations", &json!({})).await.0, 200);
    let by_customer = json!({ "businessId": ACCOUNT, "customerId": "1" });
    assert_eq!(vagaro.call_as(&token, "appointments", &by_customer).await.0, 200);
    assert_eq!(vagaro.call_as(&token, "customers", &by_customer).await.0, 401);
}

#[tokio::test]
async fn unknown_paths_and_methods_and_faults_take_the_vendors_shape() {
    let vagaro = Vagaro::start(&json!({})).await;
    assert_eq!(vagaro.call("appointments/1", &json!({})).await.0, 404);
    let token = vagaro.token().await;
    let path = format!("/vagaro/{REGION}/api/v2/appointments");
    let request = vagaro.sandbox.bare(Method::GET, &path).header("accessToken", &token);
    assert_eq!(request.send().await.unwrap().status(), 405);
    for (fault, status, code) in [
        (json!({ "status": 429 }), 429, 1038),
        (json!({ "status": 401 }), 401, 1034),
        (json!({ "status": 200, "details": { "category": "1038" } }), 200, 1038),
        (json!({ "status": 503 }), 503, 1051),
    ] {
        let mut fault = fault.clone();
        fault["fault"] = json!("status");
        fault["match"] = json!({ "path_prefix": "/us02/api/v2/locations" });
        vagaro.control("faults", &fault).await;
        let (got, told) = vagaro.call_as(&token, "locations", &json!({})).await;
        assert_eq!((got, &told["responseCode"]), (status, &json!(code)), "{fault}");
        assert_eq!(told["status"], status);
    }
}

#[tokio::test]
async fn accounts_that_vagaro_could_not_have_are_refused() {
    let vagaro = Vagaro::start(&json!({})).await;
    let usual =
        json!({ "account": "9", "region": "us02", "client_id": "i9", "client_secret": "s" });
    assert_eq!(vagaro.try_control("accounts", &usual).await.0, 200);
    for (name, value) in [
        ("region", json!(null)),
        ("region", json!("US02")),
        ("region", json!("us")),
        ("client_id", json!(null)),
        ("client_secret", json!(null)),
        ("access_token", json!("t")),
        ("businesses", json!([])),
        ("businesses", json!([{ "id": "9" }, { "id": "9" }])),
        ("businesses", json!([{ "id": "9" }, { "id": "8" }])),
        ("businesses", json!([{ "id": "9" }, { "id": "a b" }])),
        ("response_statuses", json!({ "1000": 500 })),
        ("response_statuses", json!({ "1034": 99 })),
        ("session_lifetime_s", json!(0)),
        ("webhook_url", json!("http://localhost:1")),
        ("webhook_subscriptions", json!(["appointments"])),
        // Somebody else's, in the same region.
        ("client_id", json!("id")),
    ] {
        let mut account = usual.clone();
        account[name] = value.clone();
        let (status, told) = vagaro.try_control("accounts", &account).await;
        assert_eq!(status, 400, "{name} {value} {told}");
    }
    let elsewhere = json!({ "account": "9", "region": "us03", "client_id": "id",
        "client_secret": "other", "businesses": [{ "id": "9" }, { "id": SECOND }] });
    assert_eq!(vagaro.try_control("accounts", &elsewhere).await.0, 200);
    let body = credentials("id", "other");
    assert_eq!(vagaro.ask_token("us03", &body).await.0, 200);
    assert_eq!(vagaro.ask_token(REGION, &body).await.0, 401);
}
