//! Who is let in: API tokens, the OAuth server, scopes.

use reqwest::Method;
use serde_json::{Value, json};

use super::{ACCOUNT, Pipedrive, TOKEN};

async fn start(extra: &Value) -> Pipedrive {
    let mut app = json!({ "client_id": "cid", "client_secret": "csec", "codes": ["code-1"],
        "redirect_uri": "https://app.example/cb", "refresh_token": "r-1" });
    let mut settings = json!({ "rate_limit_per_2s": null });
    for (name, value) in extra.as_object().unwrap() {
        let target = if ["expires_in_s", "rotate_refresh_token"].contains(&name.as_str()) {
            &mut app
        } else {
            &mut settings
        };
        target[name] = value.clone();
    }
    settings["oauth"] = app;
    Pipedrive::start(&settings).await
}

async fn form(pipedrive: &Pipedrive, path: &str, fields: &[(&str, &str)]) -> (u16, Value) {
    let path = format!("/pipedrive/_oauth/oauth/{path}");
    let request = pipedrive.sandbox.bare(Method::POST, &path).basic_auth("cid", Some("csec"));
    let response = request.form(fields).send().await.unwrap();
    let status = response.status().as_u16();
    (status, response.json().await.unwrap_or_default())
}

async fn exchange(pipedrive: &Pipedrive, code: &str) -> (u16, Value) {
    let fields = [
        ("grant_type", "authorization_code"),
        ("code", code),
        ("redirect_uri", "https://app.example/cb"),
    ];
    form(pipedrive, "token", &fields).await
}

async fn refresh(pipedrive: &Pipedrive, token: &str) -> (u16, Value) {
    form(pipedrive, "token", &[("grant_type", "refresh_token"), ("refresh_token", token)]).await
}

async fn status_with(pipedrive: &Pipedrive, tokens: &Value, path: &str) -> u16 {
    let bearer = format!("Bearer {}", tokens["access_token"].as_str().unwrap());
    let header = ("authorization", bearer.as_str());
    pipedrive.call_with(header, Method::GET, path, &Value::Null).await.status
}

#[tokio::test]
async fn wrong_tokens_and_domains_are_unauthorized() {
    let pipedrive = Pipedrive::start(&json!({ "expired_access_tokens": ["old"] })).await;
    let other = json!({ "account": "2", "domain": "globex", "api_token": "theirs" });
    pipedrive.control("accounts", &other).await;
    for (token, path) in [
        ("nobody", "acme/api/v1/users/me"),
        ("", "acme/api/v1/users/me"),
        ("old", "acme/api/v1/users/me"),
        ("theirs", "acme/api/v1/users/me"),
        (TOKEN, "globex/api/v1/users/me"),
        (TOKEN, "nowhere/api/v1/users/me"),
    ] {
        let header = ("x-api-token", token);
        let refused = pipedrive.call_with(header, Method::GET, path, &Value::Null).await;
        assert_eq!(
            (refused.status, &refused.body["errorCode"]),
            (401, &json!(401)),
            "{token} {path}"
        );
        assert_eq!(refused.body["error"], "unauthorized access");
        assert_eq!(refused.headers["x-401-by-gw"], "true");
        assert!(!refused.headers.contains_key("x-ratelimit-limit"));
    }
    let theirs = pipedrive
        .call_with(("x-api-token", "theirs"), Method::GET, "globex/api/v1/users/me", &Value::Null)
        .await;
    assert_eq!(theirs.body["data"]["company_id"], 2);
    let header = ("authorization", "Bearer x");
    let bearer =
        pipedrive.call_with(header, Method::GET, "acme/api/v1/users/me", &Value::Null).await;
    assert_eq!(bearer.status, 401);
    assert_eq!(pipedrive.limits().await["used_today"], 0);
    let twin = json!({ "account": "3", "domain": "acme", "api_token": "another" });
    assert_eq!(pipedrive.try_control("accounts", &twin).await.0, 400);
}

#[tokio::test]
async fn code_gives_tokens_once_with_the_company_host() {
    let pipedrive = start(&json!({})).await;
    let (status, tokens) = exchange(&pipedrive, "code-1").await;
    assert_eq!(status, 200, "{tokens}");
    assert_eq!((&tokens["token_type"], &tokens["expires_in"]), (&json!("Bearer"), &json!(1800)));
    assert_eq!(tokens["refresh_token"], "r-1");
    assert!(tokens["scope"].as_str().unwrap().ends_with(",base"));
    let api_domain = tokens["api_domain"].as_str().unwrap();
    assert_eq!(api_domain, format!("{}/pipedrive/acme", pipedrive.sandbox.url()));
    assert_eq!(status_with(&pipedrive, &tokens, "acme/api/v1/users/me").await, 200);
    let (status, error) = exchange(&pipedrive, "code-1").await;
    assert_eq!((status, &error["error"]), (400, &json!("invalid_grant")));
    let calls = pipedrive.shown("calls").await;
    assert_eq!(calls["totals"]["by_route"]["POST /oauth/token"], 2);
    assert!(!calls.to_string().contains("csec") && !calls.to_string().contains("r-1"));
}

#[tokio::test]
async fn app_has_a_burst_four_times_as_wide_and_shares_the_budget() {
    let pipedrive = start(&json!({ "plan": "premium" })).await;
    let (_, tokens) = refresh(&pipedrive, "r-1").await;
    let bearer = format!("Bearer {}", tokens["access_token"].as_str().unwrap());
    let path = "acme/api/v1/users/me";
    let header = ("authorization", bearer.as_str());
    let answered = pipedrive.call_with(header, Method::GET, path, &Value::Null).await;
    assert_eq!(answered.headers["x-ratelimit-limit"], "400");
    let by_token = pipedrive.call(Method::GET, "v1/users/me", &Value::Null).await;
    assert_eq!(by_token.headers["x-ratelimit-limit"], "100");
    assert_eq!(by_token.headers["x-ratelimit-remaining"], "99");
    assert_eq!(by_token.headers["x-daily-ratelimit-token-remaining"], "149996");
}

#[tokio::test]
async fn scopes_bind_apps_and_not_api_tokens() {
    let pipedrive = start(&json!({ "scopes": ["contacts:read"] })).await;
    let (_, tokens) = refresh(&pipedrive, "r-1").await;
    for (path, expected) in [
        ("acme/api/v1/users/me", 200),
        ("acme/api/v2/persons", 200),
        ("acme/api/v2/persons/search?term=ada", 200),
        ("acme/api/v2/personFields", 200),
        ("acme/api/v2/itemSearch/field?term=ada&entity_type=person&field=name", 403),
        ("acme/api/v2/deals", 403),
        ("acme/api/v1/webhooks", 403),
    ] {
        assert_eq!(status_with(&pipedrive, &tokens, path).await, expected, "{path}");
    }
    let bearer = format!("Bearer {}", tokens["access_token"].as_str().unwrap());
    let header = ("authorization", bearer.as_str());
    let body = json!({ "name": "x" });
    let refused = pipedrive.call_with(header, Method::POST, "acme/api/v2/persons", &body).await;
    assert_eq!((refused.status, &refused.body["error"]), (403, &json!("Scope and URL mismatch")));
    pipedrive.create("persons", &body).await;
}

#[tokio::test]
async fn revoking_the_refresh_token_throws_the_app_out_with_its_webhooks() {
    let pipedrive = start(&json!({})).await;
    let (_, tokens) = exchange(&pipedrive, "code-1").await;
    let bearer = format!("Bearer {}", tokens["access_token"].as_str().unwrap());
    let wish = json!({ "subscription_url": "http://localhost:1/", "event_action": "*",
        "event_object": "person", "name": "x" });
    let header = ("authorization", bearer.as_str());
    let made = pipedrive.call_with(header, Method::POST, "acme/api/v1/webhooks", &wish).await;
    assert_eq!(made.body["data"]["type"], "application");
    pipedrive.call(Method::POST, "v1/webhooks", &wish).await;
    let (_, more) = refresh(&pipedrive, "r-1").await;
    let access_token = more["access_token"].as_str().unwrap();
    assert_eq!(form(&pipedrive, "revoke", &[("token", access_token)]).await.0, 200);
    assert_eq!(status_with(&pipedrive, &more, "acme/api/v1/users/me").await, 401);
    assert_eq!(status_with(&pipedrive, &tokens, "acme/api/v1/users/me").await, 200);
    assert_eq!(form(&pipedrive, "revoke", &[("token", "r-1")]).await.0, 200);
    assert_eq!(status_with(&pipedrive, &tokens, "acme/api/v1/users/me").await, 401);
    let (status, error) = refresh(&pipedrive, "r-1").await;
    assert_eq!(
        (status, &error["message"]),
        (400, &json!("Invalid grant: refresh_token is invalid"))
    );
    let left = pipedrive.get("v1/webhooks").await;
    assert_eq!(left["data"].as_array().unwrap().len(), 1);
    assert_eq!(left["data"][0]["type"], "general");
    let added = json!({ "act": "add_code", "code": "code-2" });
    pipedrive.control("oauth", &added).await;
    let (status, renewed) = exchange(&pipedrive, "code-2").await;
    assert_eq!(status, 200);
    assert_ne!(renewed["refresh_token"], "r-1");
}

#[tokio::test]
async fn token_endpoint_names_what_is_wrong() {
    let pipedrive = start(&json!({ "rotate_refresh_token": true, "expires_in_s": 0 })).await;
    for (fields, expected) in [
        (vec![("code", "code-1")], "invalid_request"),
        (vec![("grant_type", "password")], "unsupported_grant_type"),
        (vec![("grant_type", "refresh_token")], "invalid_request"),
        (vec![("grant_type", "refresh_token"), ("refresh_token", "x")], "invalid_grant"),
        (
            vec![
                ("grant_type", "authorization_code"),
                ("code", "code-1"),
                ("redirect_uri", "https://x"),
            ],
            "invalid_grant",
        ),
    ] {
        let (status, body) = form(&pipedrive, "token", &fields).await;
        assert_eq!((status, &body["error"]), (400, &json!(expected)), "{fields:?}");
    }
    let path = "/pipedrive/_oauth/oauth/token";
    let fields = [("grant_type", "refresh_token"), ("refresh_token", "r-1")];
    let stranger = pipedrive.sandbox.bare(Method::POST, path).basic_auth("cid", Some("x"));
    let refused = stranger.form(&fields).send().await.unwrap();
    assert_eq!(refused.status(), 400);
    let in_body = [("client_id", "cid"), ("client_secret", "csec"), fields[0], fields[1]];
    let tolerated = pipedrive.sandbox.bare(Method::POST, path).form(&in_body).send().await.unwrap();
    let tokens: Value = tolerated.json().await.unwrap();
    assert_ne!(tokens["refresh_token"], "r-1");
    assert_eq!(status_with(&pipedrive, &tokens, "acme/api/v1/users/me").await, 401);
    assert_eq!(refresh(&pipedrive, "r-1").await.0, 400);
    let none = json!({ "account": ACCOUNT, "api_token": "" });
    assert_eq!(pipedrive.try_control("accounts", &none).await.0, 400);
}
