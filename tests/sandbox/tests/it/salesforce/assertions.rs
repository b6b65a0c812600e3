//! Tokens by JWT assertions, signed with a key that the test makes.

use aws_lc_rs::encoding::{AsDer, PublicKeyX509Der};
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::rsa::{KeyPair, KeySize};
use aws_lc_rs::signature::{KeyPair as _, RSA_PKCS1_SHA256};
use base64::Engine;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use serde_json::{Value, json};

use super::{Salesforce, TOKEN_PATH};

const USERNAME: &str = "sync@acme.example";

struct Signer(KeyPair);

impl Signer {
    fn new() -> Self {
        Self(KeyPair::generate(KeySize::Rsa2048).unwrap())
    }

    fn public_key_pem(&self) -> String {
        let der: PublicKeyX509Der<'_> = self.0.public_key().as_der().unwrap();
        let text = STANDARD.encode(der.as_ref());
        let lines: Vec<&str> =
            text.as_bytes().chunks(64).map(|line| str::from_utf8(line).unwrap()).collect();
        format!("-----BEGIN PUBLIC KEY-----\n{}\n-----END PUBLIC KEY-----\n", lines.join("\n"))
    }

    fn sign(&self, header: &Value, claims: &Value) -> String {
        let parts = [header, claims].map(|part| URL_SAFE_NO_PAD.encode(part.to_string()));
        let signed = parts.join(".");
        let mut signature = vec![0; self.0.public_modulus_len()];
        let random = SystemRandom::new();
        self.0.sign(&RSA_PKCS1_SHA256, &random, signed.as_bytes(), &mut signature).unwrap();
        format!("{signed}.{}", URL_SAFE_NO_PAD.encode(signature))
    }
}

fn now_s() -> i64 {
    let since = std::time::UNIX_EPOCH.elapsed().unwrap();
    i64::try_from(since.as_secs()).unwrap()
}

fn claims() -> Value {
    json!({ "iss": "3MVG9.key", "sub": USERNAME, "aud": "https://acme.my.salesforce.com",
        "exp": now_s() + 180 })
}

async fn exchange(salesforce: &Salesforce, domain: &str, assertion: &str) -> (u16, Value) {
    let grant = "urn:ietf:params:oauth:grant-type:jwt-bearer";
    let path = TOKEN_PATH.replace("acme", domain);
    salesforce.form(&path, &[("grant_type", grant), ("assertion", assertion)]).await
}

async fn start(signer: &Signer) -> Salesforce {
    let settings = json!({ "username": USERNAME, "public_key_pem": signer.public_key_pem(),
        "client_secret": null });
    Salesforce::start(&settings).await
}

#[tokio::test]
async fn signed_assertion_is_taken_by_every_host_of_the_org() {
    let signer = Signer::new();
    let salesforce = start(&signer).await;
    let header = json!({ "alg": "RS256" });
    let own = format!("{}/salesforce/acme", salesforce.sandbox.url());
    for audience in ["https://acme.my.salesforce.com", "https://login.salesforce.com", &own] {
        for domain in ["acme", "login"] {
            if domain == "login" && audience == own {
                continue;
            }
            let mut claims = claims();
            claims["aud"] = json!(audience);
            let assertion = signer.sign(&header, &claims);
            let (status, minted) = exchange(&salesforce, domain, &assertion).await;
            assert_eq!(status, 200, "{audience} {domain} {minted}");
            assert_eq!(minted["instance_url"], own.as_str());
        }
    }
}

#[tokio::test]
async fn assertion_with_a_wrong_claim_key_or_algorithm_is_refused() {
    let signer = Signer::new();
    let salesforce = start(&signer).await;
    let header = json!({ "alg": "RS256" });
    for (name, value, error, description) in [
        ("iss", json!("other"), "invalid_client_id", "client identifier invalid"),
        ("sub", json!("x@y.z"), "invalid_grant", "user hasn't approved this consumer"),
        ("aud", json!("https://test.salesforce.com"), "invalid_grant", "audience is invalid"),
        ("aud", json!("https://evil.example"), "invalid_grant", "audience is invalid"),
        ("exp", json!(now_s() - 1), "invalid_grant", "invalid assertion"),
        ("exp", json!(now_s() + 3_600), "invalid_grant", "invalid assertion"),
    ] {
        let mut claims = claims();
        claims[name] = value;
        let (status, body) = exchange(&salesforce, "acme", &signer.sign(&header, &claims)).await;
        assert_eq!((status, body["error"].as_str()), (400, Some(error)), "{name}");
        assert_eq!(body["error_description"], description);
    }
    let stranger = Signer::new().sign(&header, &claims());
    assert_eq!(exchange(&salesforce, "acme", &stranger).await.1["error"], "invalid_grant");
    let other_algorithm = signer.sign(&json!({ "alg": "none" }), &claims());
    assert_eq!(exchange(&salesforce, "acme", &other_algorithm).await.0, 400);
    for broken in ["", "a.b", "a.b.c"] {
        assert_eq!(exchange(&salesforce, "acme", broken).await.0, 400);
    }
}
