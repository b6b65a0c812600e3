//! The token endpoint and the tokens it gives.

use reqwest::Method;
use serde_json::{Value, json};

use crate::harness::{ACCOUNT, CONTACTS, TestSandbox};

const TOKEN_PATH: &str = "/hubspot/oauth/2026-03/token";

async fn start(extra: &Value) -> TestSandbox {
    let mut app = json!({ "client_id": "cid", "client_secret": "csec",
        "redirect_uri": "https://app.example/cb", "codes": ["code-1"], "refresh_token": "na1-r1" });
    for (name, value) in extra.as_object().unwrap() {
        app[name] = value.clone();
    }
    let settings = json!({ "access_token": "", "oauth": app, "scopes": ["oauth",
        "crm.objects.contacts.read"] });
    TestSandbox::start_with(None, settings).await
}

async fn form_at(sandbox: &TestSandbox, path: &str, fields: &[(&str, &str)]) -> (u16, Value) {
    let client = reqwest::Client::builder().no_proxy().build().unwrap();
    let request = client.post(format!("{}{path}", sandbox.url())).form(fields);
    let response = request.send().await.unwrap();
    let status = response.status().as_u16();
    (status, response.json().await.unwrap_or_default())
}

async fn refresh(sandbox: &TestSandbox, token: &str) -> (u16, Value) {
    let fields = [
        ("grant_type", "refresh_token"),
        ("client_id", "cid"),
        ("client_secret", "csec"),
        ("refresh_token", token),
    ];
    form_at(sandbox, TOKEN_PATH, &fields).await
}

async fn exchange(sandbox: &TestSandbox, code: &str) -> (u16, Value) {
    let fields = [
        ("grant_type", "authorization_code"),
        ("client_id", "cid"),
        ("client_secret", "csec"),
        ("redirect_uri", "https://app.example/cb"),
        ("code", code),
    ];
    form_at(sandbox, TOKEN_PATH, &fields).await
}

async fn status_with(sandbox: &TestSandbox, token: &str) -> (u16, Value) {
    let client = reqwest::Client::builder().no_proxy().build().unwrap();
    let request = client.get(format!("{}{CONTACTS}", sandbox.url())).bearer_auth(token);
    let response = request.send().await.unwrap();
    (response.status().as_u16(), response.json().await.unwrap())
}

async fn control(sandbox: &TestSandbox, act: &Value) -> Value {
    let mut order = act.clone();
    order["system"] = json!("hubspot");
    order["account"] = json!(ACCOUNT);
    let (status, state) = sandbox.call(Method::POST, "/_control/oauth", &order).await;
    assert_eq!(status, 200, "{state}");
    state
}

#[tokio::test]
async fn code_gives_tokens_once_and_the_access_token_works() {
    let sandbox = start(&json!({})).await;
    let (status, tokens) = exchange(&sandbox, "code-1").await;
    assert_eq!(status, 200, "{tokens}");
    assert_eq!(tokens["refresh_token"], "na1-r1");
    assert_eq!(
        (tokens["expires_in"].as_i64(), tokens["token_type"].as_str()),
        (Some(1800), Some("bearer"))
    );
    assert_eq!(tokens["hub_id"].to_string(), ACCOUNT);
    assert_eq!(tokens["scopes"][1], "crm.objects.contacts.read");
    let access_token = tokens["access_token"].as_str().unwrap();
    assert!(access_token.len() > 300);
    assert_eq!(status_with(&sandbox, access_token).await.0, 200);
    assert_eq!(status_with(&sandbox, "").await.0, 401);
    let (status, error) = exchange(&sandbox, "code-1").await;
    assert_eq!((status, error["status"].as_str()), (400, Some("BAD_AUTH_CODE")));
    let calls = sandbox.calls().await;
    assert_eq!(calls["totals"]["by_route"]["POST /oauth/{version}/token"], 2);
    assert_eq!(calls["calls"][0]["fields"], json!({ "grant_type": "authorization_code" }));
    assert!(!calls.to_string().contains("csec"));
}

#[tokio::test]
async fn refresh_gives_a_new_access_token_and_keeps_the_old_ones() {
    let sandbox = start(&json!({ "expires_in_s": 60 })).await;
    let (_, first) = refresh(&sandbox, "na1-r1").await;
    let (_, second) = refresh(&sandbox, "na1-r1").await;
    assert_ne!(first["access_token"], second["access_token"]);
    assert_eq!((&second["refresh_token"], &second["expires_in"]), (&json!("na1-r1"), &json!(60)));
    for tokens in [&first, &second] {
        let token = tokens["access_token"].as_str().unwrap();
        assert_eq!(status_with(&sandbox, token).await.0, 200);
    }
    let state = control(&sandbox, &json!({ "act": "expire_access_tokens" })).await;
    assert_eq!((&state["live_access_tokens"], &state["minted"]), (&json!(0), &json!(2)));
    let (status, error) = status_with(&sandbox, first["access_token"].as_str().unwrap()).await;
    assert_eq!((status, error["category"].as_str()), (401, Some("EXPIRED_AUTHENTICATION")));
}

#[tokio::test]
async fn access_token_expires_by_itself() {
    let sandbox = start(&json!({ "expires_in_s": 0 })).await;
    let (_, tokens) = refresh(&sandbox, "na1-r1").await;
    let (status, error) = status_with(&sandbox, tokens["access_token"].as_str().unwrap()).await;
    assert_eq!((status, error["category"].as_str()), (401, Some("EXPIRED_AUTHENTICATION")));
}

#[tokio::test]
async fn revoked_refresh_token_is_an_invalid_grant_until_a_new_code_is_exchanged() {
    let sandbox = start(&json!({})).await;
    let (_, tokens) = refresh(&sandbox, "na1-r1").await;
    control(&sandbox, &json!({ "act": "revoke" })).await;
    let (status, error) = refresh(&sandbox, "na1-r1").await;
    assert_eq!(status, 400);
    assert_eq!(
        (&error["error"], &error["status"]),
        (&json!("invalid_grant"), &json!("BAD_REFRESH_TOKEN"))
    );
    assert_eq!(error["message"], "refresh token is invalid, expired or revoked");
    assert_eq!(status_with(&sandbox, tokens["access_token"].as_str().unwrap()).await.0, 200);
    control(&sandbox, &json!({ "act": "add_code", "code": "code-2" })).await;
    let (status, renewed) = exchange(&sandbox, "code-2").await;
    assert_eq!(status, 200);
    assert_ne!(renewed["refresh_token"], "na1-r1");
    assert_eq!(refresh(&sandbox, renewed["refresh_token"].as_str().unwrap()).await.0, 200);
    control(&sandbox, &json!({ "act": "uninstall" })).await;
    let (_, error) = refresh(&sandbox, renewed["refresh_token"].as_str().unwrap()).await;
    assert_eq!(error["status"], "BAD_HUB");
    assert_eq!(status_with(&sandbox, renewed["access_token"].as_str().unwrap()).await.0, 401);
}

#[tokio::test]
async fn rotation_ends_the_old_refresh_token_and_omission_leaves_it_out() {
    let sandbox = start(&json!({ "rotate_refresh_token": true })).await;
    let (_, tokens) = refresh(&sandbox, "na1-r1").await;
    let rotated = tokens["refresh_token"].as_str().unwrap();
    assert_eq!(refresh(&sandbox, "na1-r1").await.0, 400);
    assert_eq!(refresh(&sandbox, rotated).await.0, 200);
    let sandbox = start(&json!({ "omit_refresh_token": true })).await;
    let (status, tokens) = refresh(&sandbox, "na1-r1").await;
    assert_eq!((status, tokens.get("refresh_token")), (200, None));
    assert_eq!(refresh(&sandbox, "na1-r1").await.0, 200);
}

#[tokio::test]
async fn wrong_client_redirect_and_grant_are_named() {
    let sandbox = start(&json!({})).await;
    let right = [
        ("grant_type", "authorization_code"),
        ("client_id", "cid"),
        ("client_secret", "csec"),
        ("redirect_uri", "https://app.example/cb"),
        ("code", "code-1"),
    ];
    for (field, value, error, status) in [
        ("client_id", "x", "invalid_client", "BAD_CLIENT_ID"),
        ("client_secret", "x", "invalid_client", "BAD_CLIENT_SECRET"),
        ("redirect_uri", "https://x", "invalid_request", "BAD_REDIRECT_URI"),
        ("grant_type", "password", "unsupported_grant_type", "BAD_GRANT_TYPE"),
        ("code", "x", "invalid_grant", "BAD_AUTH_CODE"),
    ] {
        let fields = right.map(|(name, good)| (name, if name == field { value } else { good }));
        let (given, body) = form_at(&sandbox, TOKEN_PATH, &fields).await;
        assert_eq!((given, &body["error"], &body["status"]), (400, &json!(error), &json!(status)));
    }
    let as_json = sandbox.post(TOKEN_PATH, &json!({ "grant_type": "refresh_token" })).await;
    assert_eq!(as_json.status(), 415);
    let in_query = form_at(&sandbox, &format!("{TOKEN_PATH}?grant_type=refresh_token"), &[]).await;
    assert_eq!(in_query.0, 400);
    assert_eq!(exchange(&sandbox, "code-1").await.0, 200);
}

#[tokio::test]
async fn introspection_and_revocation_know_the_tokens() {
    let sandbox = start(&json!({})).await;
    let (_, tokens) = refresh(&sandbox, "na1-r1").await;
    let ask = |path: &'static str, token: String| {
        let sandbox = &sandbox;
        async move {
            let fields =
                [("client_id", "cid"), ("client_secret", "csec"), ("token", token.as_str())];
            form_at(sandbox, &format!("{TOKEN_PATH}{path}"), &fields).await
        }
    };
    let access_token = tokens["access_token"].as_str().unwrap().to_owned();
    let (_, known) = ask("/introspect", access_token).await;
    assert_eq!((&known["active"], known["hub_id"].to_string().as_str()), (&json!(true), ACCOUNT));
    assert_eq!(ask("/introspect", "who".to_owned()).await.1, json!({ "active": false }));
    assert_eq!(ask("/revoke", "na1-r1".to_owned()).await.0, 204);
    assert_eq!(refresh(&sandbox, "na1-r1").await.1["status"], "BAD_REFRESH_TOKEN");
}

#[tokio::test]
async fn oauth_app_has_a_lower_burst_and_no_word_about_the_day() {
    let sandbox = start(&json!({})).await;
    let (_, tokens) = refresh(&sandbox, "na1-r1").await;
    let client = reqwest::Client::builder().no_proxy().build().unwrap();
    let request = client.get(format!("{}{CONTACTS}", sandbox.url()));
    let response =
        request.bearer_auth(tokens["access_token"].as_str().unwrap()).send().await.unwrap();
    assert_eq!(response.headers()["x-hubspot-ratelimit-max"], "110");
    assert!(!response.headers().contains_key("x-hubspot-ratelimit-daily"));
    let limits = sandbox.get_json("/_control/limits?system=hubspot").await;
    assert_eq!(limits["accounts"][0]["oauth_token_calls"], 1);
    assert!(limits["accounts"][0]["rate_limit_daily"].is_null());
}

#[tokio::test]
async fn tokens_survive_a_reset_and_accounts_do_not_share_grants() {
    let sandbox = start(&json!({})).await;
    let (_, tokens) = refresh(&sandbox, "na1-r1").await;
    sandbox.request(Method::POST, "/_control/reset").send().await.unwrap();
    assert_eq!(status_with(&sandbox, tokens["access_token"].as_str().unwrap()).await.0, 200);
    let twin = json!({ "system": "hubspot", "account": "7",
        "oauth": { "client_id": "cid", "client_secret": "csec", "refresh_token": "na1-r1" } });
    assert_eq!(sandbox.post("/_control/accounts", &twin).await.status(), 400);
    let none = json!({ "system": "hubspot", "account": "7" });
    assert_eq!(sandbox.post("/_control/accounts", &none).await.status(), 400);
}
