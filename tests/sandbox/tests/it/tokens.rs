//! Tokens against the published keys.

use aws_lc_rs::signature::{RSA_PKCS1_2048_8192_SHA256, RsaPublicKeyComponents};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Value, json};

use crate::harness::TestSandbox;

fn decoded(part: &str) -> Vec<u8> {
    URL_SAFE_NO_PAD.decode(part).unwrap()
}

#[tokio::test]
async fn token_verifies_against_the_discovered_keys() {
    let sandbox = TestSandbox::start().await;
    let issuer = format!("{}/oidc", sandbox.url());
    let found = sandbox.get_json("/oidc/.well-known/openid-configuration").await;
    assert_eq!(found["issuer"], issuer);
    assert_eq!(found["jwks_uri"], format!("{issuer}/jwks.json"));
    let key = sandbox.get_json("/oidc/jwks.json").await["keys"][0].clone();
    let order = json!({ "tenant_id": "acme", "scope": "crm:write", "expires_in_s": 60 });
    let minted: Value = sandbox.post("/oidc/token", &order).await.json().await.unwrap();
    assert_eq!(minted["expires_in"], 60);
    let token = minted["access_token"].as_str().unwrap();
    let (signed, signature) = token.rsplit_once('.').unwrap();
    let (header, claims) = signed.split_once('.').unwrap();
    let public = RsaPublicKeyComponents {
        n: decoded(key["n"].as_str().unwrap()),
        e: decoded(key["e"].as_str().unwrap()),
    };
    let verify = |message: &str| {
        public.verify(&RSA_PKCS1_2048_8192_SHA256, message.as_bytes(), &decoded(signature))
    };
    assert!(verify(signed).is_ok());
    assert!(verify(&format!("{signed}x")).is_err());
    let header: Value = serde_json::from_slice(&decoded(header)).unwrap();
    assert_eq!((header["alg"].as_str(), &header["kid"]), (Some("RS256"), &key["kid"]));
    let claims: Value = serde_json::from_slice(&decoded(claims)).unwrap();
    assert_eq!(claims["iss"], issuer);
    assert_eq!(claims["aud"], "integrations-api");
    assert_eq!(claims["tenant_id"], "acme");
    assert_eq!(claims["scope"], "crm:write");
}

#[tokio::test]
async fn token_order_without_tenant_is_refused() {
    let sandbox = TestSandbox::start().await;
    let refused = sandbox.post("/oidc/token", &json!({ "scope": "x" })).await;
    assert_eq!(refused.status(), 400);
    let body: Value = refused.json().await.unwrap();
    assert!(body["error"].as_str().unwrap().contains("tenant_id"));
}
