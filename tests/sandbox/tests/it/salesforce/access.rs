//! Tokens by client credentials, what ends them, and what is asked of them.

use reqwest::Method;
use serde_json::{Value, json};

use super::{DATA, ORG, Salesforce, TOKEN_PATH, code};

async fn limits_with(salesforce: &Salesforce, token: &str) -> (u16, Value) {
    let request = salesforce.sandbox.bare(Method::GET, &format!("{DATA}/limits"));
    let response = request.bearer_auth(token).send().await.unwrap();
    (response.status().as_u16(), response.json().await.unwrap())
}

#[tokio::test]
async fn token_answer_has_the_documented_members_and_no_expiry() {
    let salesforce = Salesforce::start(&json!({})).await;
    let (status, minted) = salesforce.mint().await;
    assert_eq!(status, 200, "{minted}");
    let base = format!("{}/salesforce/acme", salesforce.sandbox.url());
    assert_eq!(minted["instance_url"], base.as_str());
    assert_eq!(minted["token_type"], "Bearer");
    let id = minted["id"].as_str().unwrap();
    assert!(id.starts_with(&format!("https://login.salesforce.com/id/{ORG}/005")), "{id}");
    assert!(minted["issued_at"].as_str().unwrap().parse::<i64>().unwrap() > 0);
    assert!(minted.get("expires_in").is_none() && minted.get("refresh_token").is_none());
    let token = minted["access_token"].as_str().unwrap();
    assert_eq!(limits_with(&salesforce, token).await.0, 200);
    let request = salesforce.sandbox.bare(Method::POST, TOKEN_PATH);
    let basic = request.basic_auth("3MVG9.key", Some("s3cret"));
    let basic = basic.form(&[("grant_type", "client_credentials")]).send().await.unwrap();
    assert_eq!(basic.status(), 200);
}

#[tokio::test]
async fn token_errors_are_objects_under_400() {
    let salesforce = Salesforce::start(&json!({})).await;
    let grant = ("grant_type", "client_credentials");
    let path = TOKEN_PATH;
    for (fields, error) in [
        (vec![], "invalid_request"),
        (vec![("grant_type", "password")], "unsupported_grant_type"),
        (vec![grant], "invalid_client_id"),
        (vec![grant, ("client_id", "other"), ("client_secret", "s3cret")], "invalid_client_id"),
        (vec![grant, ("client_id", "3MVG9.key"), ("client_secret", "x")], "invalid_client"),
    ] {
        let (status, body) = salesforce.form(path, &fields).await;
        assert_eq!((status, &body["error"]), (400, &json!(error)), "{fields:?}");
        assert!(body["error_description"].is_string());
    }
    let shared = path.replace("acme", "login");
    let app = [grant, ("client_id", "3MVG9.key"), ("client_secret", "s3cret")];
    assert_eq!(salesforce.form(&shared, &app).await.1["error"], "invalid_grant");
    assert_eq!(salesforce.form(&path.replace("acme", "nobody"), &app).await.0, 404);
    salesforce.put(&json!({ "client_secret": null })).await;
    let (_, off) = salesforce.mint().await;
    assert_eq!(off["error_description"], "no client credentials user enabled");
}

#[tokio::test]
async fn sessions_die_by_control_by_revocation_and_of_idleness() {
    let salesforce = Salesforce::start(&json!({ "session_lifetime": 1 })).await;
    let token = |minted: &(u16, Value)| minted.1["access_token"].as_str().unwrap().to_owned();
    let first = token(&salesforce.mint().await);
    salesforce.control("oauth", &json!({ "act": "expire_access_tokens" })).await;
    assert_eq!(code(&limits_with(&salesforce, &first).await), (401, "INVALID_SESSION_ID"));
    let second = token(&salesforce.mint().await);
    let revoke = TOKEN_PATH.replace("token", "revoke");
    assert_eq!(salesforce.form(&revoke, &[("token", &second)]).await.0, 200);
    assert_eq!(limits_with(&salesforce, &second).await.0, 401);
    assert_eq!(salesforce.form(&revoke, &[("token", &second)]).await.0, 400);
    let third = token(&salesforce.mint().await);
    assert_eq!(limits_with(&salesforce, &third).await.0, 200);
    crate::harness::sleep_ms(1_100).await;
    assert_eq!(limits_with(&salesforce, &third).await.0, 401);
}

#[tokio::test]
async fn an_app_that_is_revoked_or_gone_gets_no_token() {
    let salesforce = Salesforce::start(&json!({})).await;
    let live = salesforce.mint().await.1["access_token"].as_str().unwrap().to_owned();
    salesforce.control("oauth", &json!({ "act": "revoke" })).await;
    assert_eq!(salesforce.mint().await.1["error"], "invalid_grant");
    assert_eq!(limits_with(&salesforce, &live).await.0, 200);
    let state = salesforce.control("oauth", &json!({ "act": "uninstall" })).await;
    assert_eq!((&state["uninstalled"], &state["live_access_tokens"]), (&json!(true), &json!(0)));
    assert_eq!(salesforce.mint().await.1["error"], "app_not_found");
    assert_eq!(limits_with(&salesforce, &live).await.0, 401);
    salesforce.control("oauth", &json!({ "act": "restore" })).await;
    assert_eq!(salesforce.mint().await.0, 200);
    let refused = salesforce.try_control("oauth", &json!({ "act": "add_code", "code": "c" })).await;
    assert_eq!(refused.0, 400);
}

#[tokio::test]
async fn userinfo_and_introspection_tell_of_the_token() {
    let salesforce = Salesforce::start(&json!({})).await;
    let token = salesforce.mint().await.1["access_token"].as_str().unwrap().to_owned();
    let path = TOKEN_PATH.replace("token", "userinfo");
    let info = salesforce.sandbox.bare(Method::GET, &path).bearer_auth(&token);
    let info: Value = info.send().await.unwrap().json().await.unwrap();
    assert_eq!(info["organization_id"], ORG);
    let nobody = salesforce.sandbox.bare(Method::GET, &path).send().await.unwrap();
    assert_eq!(nobody.status(), 403);
    let path = TOKEN_PATH.replace("token", "introspect");
    let app = [("client_id", "3MVG9.key"), ("client_secret", "s3cret")];
    let ask =
        async |token: &str| salesforce.form(&path, &[app[0], app[1], ("token", token)]).await.1;
    assert_eq!(ask(&token).await["active"], true);
    assert_eq!(ask("x").await, json!({ "active": false }));
    assert_eq!(salesforce.form(&path, &[("token", &token)]).await.0, 400);
}

#[tokio::test]
async fn rest_refuses_strangers_and_tokens_without_the_api_scope() {
    let salesforce = Salesforce::start(&json!({ "scopes": ["openid"] })).await;
    let versions = "/salesforce/acme/services/data";
    let public = salesforce.sandbox.bare(Method::GET, versions).send().await.unwrap();
    let public: Value = public.json().await.unwrap();
    assert_eq!(public[0]["version"], "31.0");
    assert_eq!(code(&limits_with(&salesforce, "x").await), (401, "INVALID_SESSION_ID"));
    let refused = salesforce.call(Method::GET, "/limits", &Value::Null).await;
    assert_eq!(code(&refused), (401, "INVALID_SESSION_ID"));
    assert!(refused.1[0]["message"].as_str().unwrap().contains("not valid for use with the REST"));
    let other = json!({ "account": "00D5g000004AbCeEAK", "domain": "other", "access_token": "o",
        "scopes": null });
    salesforce.put(&other).await;
    assert_eq!(limits_with(&salesforce, "o").await.0, 401, "a token of another org");
}

#[tokio::test]
async fn accounts_that_cannot_be_are_refused() {
    let salesforce = Salesforce::start(&json!({})).await;
    let good = json!({ "domain": "acme", "client_id": "c" });
    for (name, value) in [
        ("account", json!("00D5g000004AbCd")),
        ("account", json!("00D5g000004AbCdAAA")),
        ("account", json!("00D5g000004AbCeEAK")),
        ("domain", json!("login")),
        ("domain", json!("a/b")),
        ("client_id", json!(null)),
        ("public_key_pem", json!("x")),
        ("stages", json!([])),
        ("record_types", json!([{ "developer_name": "X", "object": "Lead" }])),
        ("sobject_fields", json!({ "Contact": [{ "name": "Region" }] })),
        (
            "duplicate_rules",
            json!([{ "name": "R", "object": "Contact", "match_on": [], "action": "block" }]),
        ),
    ] {
        let mut account = good.clone();
        account[name] = value;
        assert_eq!(salesforce.try_control("accounts", &account).await.0, 400, "{account}");
    }
}
