//! The OAuth server: both flows, the state of a token, and revocation.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jiff::Timestamp;
use reqwest::Method;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use super::{ACCOUNT, Square, error, sent};

const VERIFIER: &str = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk";

async fn start(more: &Value) -> Square {
    let mut app = json!({ "client_id": "sq0idp-1", "client_secret": "sq0csp-1",
        "refresh_token": "EQAA1", "codes": ["sq0cgb-1"], "redirect_uri": "https://a.example/cb" });
    app.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    Square::start(
        &json!({ "oauth": app, "scopes": ["APPOINTMENTS_READ", "MERCHANT_PROFILE_READ"] }),
    )
    .await
}

async fn token(square: &Square, body: &Value) -> (u16, Value) {
    sent(square.bare(Method::POST, "oauth2/token").json(body)).await
}

fn with(body: &Value, more: &Value) -> Value {
    let mut body = body.clone();
    for (name, value) in more.as_object().unwrap() {
        if value.is_null() {
            body.as_object_mut().unwrap().remove(name);
        } else {
            body[name] = value.clone();
        }
    }
    body
}

fn of_code() -> Value {
    json!({ "client_id": "sq0idp-1", "client_secret": "sq0csp-1", "code": "sq0cgb-1",
        "grant_type": "authorization_code", "redirect_uri": "https://a.example/cb" })
}

fn of_refresh(token: &str) -> Value {
    json!({ "client_id": "sq0idp-1", "client_secret": "sq0csp-1", "refresh_token": token,
        "grant_type": "refresh_token" })
}

/// Days from now, as near as a test comes.
fn days_ahead(at: &Value) -> i64 {
    let at: Timestamp = at.as_str().unwrap().parse().unwrap();
    (at.as_second() - Timestamp::now().as_second() + 3_600) / (24 * 3_600)
}

async fn may_read(square: &Square, access_token: &Value) -> u16 {
    let token = access_token.as_str().unwrap();
    square.call_as(token, Method::GET, "v2/locations", &Value::Null).await.0
}

#[tokio::test]
async fn code_is_exchanged_once_and_its_refresh_token_stays_good() {
    let square = start(&json!({})).await;
    let (status, first) = token(&square, &of_code()).await;
    assert_eq!(status, 200, "{first}");
    assert_eq!((&first["token_type"], &first["merchant_id"]), (&json!("bearer"), &json!(ACCOUNT)));
    assert_eq!((days_ahead(&first["expires_at"]), &first["short_lived"]), (30, &json!(false)));
    assert!(first.get("refresh_token_expires_at").is_none());
    assert_eq!(token(&square, &of_code()).await.0, 401, "a code is good once");
    let refresh = of_refresh(first["refresh_token"].as_str().unwrap());
    let mut tokens = vec![first["access_token"].clone()];
    for _ in 0..2 {
        let (status, again) = token(&square, &refresh).await;
        assert_eq!((status, &again["refresh_token"]), (200, &first["refresh_token"]));
        tokens.push(again["access_token"].clone());
    }
    assert!(tokens[0] != tokens[1] && tokens[1] != tokens[2]);
    for access_token in &tokens {
        assert_eq!(may_read(&square, access_token).await, 200, "older ones live on");
    }
    let (_, short) = token(&square, &with(&refresh, &json!({ "short_lived": true }))).await;
    assert_eq!((days_ahead(&short["expires_at"]), &short["short_lived"]), (1, &json!(true)));
}

#[tokio::test]
async fn token_requests_that_prove_nothing_are_refused() {
    let square = start(&json!({})).await;
    for (request, more, status, code) in [
        (of_code(), json!({ "client_secret": "other" }), 401, "UNAUTHORIZED"),
        (of_code(), json!({ "client_id": "other" }), 401, "UNAUTHORIZED"),
        (of_code(), json!({ "client_secret": null }), 400, "MISSING_REQUIRED_PARAMETER"),
        (of_code(), json!({ "code": "other" }), 401, "UNAUTHORIZED"),
        (of_code(), json!({ "redirect_uri": "https://b.example" }), 400, "BAD_REQUEST"),
        (of_code(), json!({ "redirect_uri": null }), 400, "MISSING_REQUIRED_PARAMETER"),
        (of_code(), json!({ "grant_type": "password" }), 400, "INVALID_VALUE"),
        (of_code(), json!({ "scopes": ["ITEMS_READ"] }), 400, "UNKNOWN_BODY_PARAMETER"),
        (of_refresh("EQAA1"), json!({ "client_secret": "other" }), 401, "UNAUTHORIZED"),
        (of_refresh("other"), json!({}), 401, "UNAUTHORIZED"),
    ] {
        let (told, body) = token(&square, &with(&request, &more)).await;
        assert_eq!((told, error(&body).1.as_str()), (status, code), "{more}");
    }
    let request = square.bare(Method::POST, "oauth2/token").form(&[("client_id", "sq0idp-1")]);
    let (status, body) = sent(request).await;
    assert_eq!((status, error(&body).1.as_str()), (400, "EXPECTED_JSON_BODY"));
    assert_eq!(token(&square, &of_code()).await.0, 200, "none of it has used the code up");
    let calls = square.shown("calls").await.to_string();
    assert!(calls.contains("authorization_code"));
    for secret in ["sq0csp-1", "sq0cgb-1", "EQAA1"] {
        assert!(!calls.contains(secret), "the record of calls holds {secret}");
    }
}

#[tokio::test]
async fn public_app_proves_itself_by_its_verifier_and_refresh_tokens_are_good_once() {
    let square = start(&json!({ "pkce": true })).await;
    let challenge = URL_SAFE_NO_PAD.encode(Sha256::digest(VERIFIER));
    let add = json!({ "act": "add_code", "code": "sq0cgb-2", "code_challenge": challenge });
    square.control("oauth", &add).await;
    let request = with(
        &of_code(),
        &json!({ "client_secret": null, "code": "sq0cgb-2",
        "code_verifier": VERIFIER }),
    );
    for (more, code) in [
        (json!({ "code_verifier": null }), "MISSING_REQUIRED_PARAMETER"),
        (json!({ "code_verifier": VERIFIER.replace('d', "e") }), "BAD_REQUEST"),
        (json!({ "code_verifier": "short" }), "BAD_REQUEST"),
        (json!({ "client_secret": "sq0csp-1" }), "CONFLICTING_PARAMETERS"),
        (json!({ "code": "sq0cgb-1" }), "BAD_REQUEST"),
    ] {
        let (status, body) = token(&square, &with(&request, &more)).await;
        assert_eq!((status, error(&body).1.as_str()), (400, code), "{more}");
    }
    let (status, first) = token(&square, &request).await;
    assert_eq!(status, 200, "{first}");
    assert_eq!(days_ahead(&first["expires_at"]), 30);
    assert_eq!(days_ahead(&first["refresh_token_expires_at"]), 90);
    let refresh = |token: &Value| {
        with(&of_refresh(token.as_str().unwrap()), &json!({ "client_secret": null }))
    };
    let (status, second) = token(&square, &refresh(&first["refresh_token"])).await;
    assert_eq!(status, 200, "{second}");
    assert_ne!(second["refresh_token"], first["refresh_token"]);
    let (status, body) = token(&square, &refresh(&first["refresh_token"])).await;
    assert_eq!((status, error(&body).1.as_str()), (401, "UNAUTHORIZED"), "it is used");
    assert_eq!(token(&square, &refresh(&second["refresh_token"])).await.0, 200);
    let wrong = json!({ "act": "revoke", "code_challenge": "x" });
    assert_eq!(square.try_control("oauth", &wrong).await.0, 400);
}

#[tokio::test]
async fn status_tells_scopes_seller_and_end_of_a_token() {
    let square = start(&json!({ "expires_in_s": 86_400 })).await;
    let (_, made) = token(&square, &of_refresh("EQAA1")).await;
    let access_token = made["access_token"].as_str().unwrap();
    let path = "oauth2/token/status";
    let (status, body) = square.call_as(access_token, Method::POST, path, &json!({})).await;
    assert_eq!(status, 200, "{body}");
    assert_eq!(body["scopes"], json!(["APPOINTMENTS_READ", "MERCHANT_PROFILE_READ"]));
    assert_eq!((&body["merchant_id"], &body["client_id"]), (&json!(ACCOUNT), &json!("sq0idp-1")));
    assert_eq!(body["expires_at"], made["expires_at"]);
    square.control("oauth", &json!({ "act": "expire_access_tokens" })).await;
    let (status, body) = square.call_as(access_token, Method::POST, path, &json!({})).await;
    assert_eq!((status, error(&body).1.as_str()), (401, "UNAUTHORIZED"));
    let told = square.call_as(access_token, Method::GET, "v2/locations", &Value::Null).await;
    assert_eq!((told.0, error(&told.1).1.as_str()), (401, "ACCESS_TOKEN_EXPIRED"));
}

#[tokio::test]
async fn revocation_ends_all_tokens_of_the_grant_unless_only_one_is_meant() {
    let square = start(&json!({})).await;
    let mut tokens = Vec::new();
    for _ in 0..2 {
        tokens.push(token(&square, &of_refresh("EQAA1")).await.1["access_token"].clone());
    }
    let revoke = async |secret: &str, body: Value| {
        let request = square.bare(Method::POST, "oauth2/revoke").json(&body);
        sent(request.header("authorization", format!("Client {secret}"))).await
    };
    let one = json!({ "client_id": "sq0idp-1", "access_token": tokens[0],
        "revoke_only_access_token": true });
    assert_eq!(revoke("other", one.clone()).await.0, 401);
    assert_eq!(revoke("sq0csp-1", one).await, (200, json!({ "success": true })));
    assert_eq!(
        (may_read(&square, &tokens[0]).await, may_read(&square, &tokens[1]).await),
        (401, 200)
    );
    let all = json!({ "client_id": "sq0idp-1", "merchant_id": ACCOUNT });
    assert_eq!(revoke("sq0csp-1", all).await.0, 200);
    let token_text = tokens[1].as_str().unwrap();
    let (status, body) =
        square.call_as(token_text, Method::GET, "v2/locations", &Value::Null).await;
    assert_eq!((status, error(&body).1.as_str()), (401, "ACCESS_TOKEN_REVOKED"));
    assert_eq!(token(&square, &of_refresh("EQAA1")).await.0, 401);
    let (status, body) = revoke("sq0csp-1", json!({ "client_id": "sq0idp-1" })).await;
    assert_eq!((status, error(&body).1.as_str()), (400, "CONFLICTING_PARAMETERS"));
}
