//! Claims and their signature. Test options can bend every claim, so that each reason to refuse a
//! token can be shown.

use aws_lc_rs::error::Unspecified;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::key::SigningKey;
use crate::clock::{new_uuid, now_ms};

const DEFAULT_AUDIENCE: &str = "integrations-api";
const DEFAULT_LIFETIME_S: i64 = 3_600;

/// What a token is asked to say.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TokenOrder {
    tenant_id: String,
    #[serde(default)]
    scope: String,
    #[serde(default)]
    audience: Option<String>,
    #[serde(default)]
    expires_in_s: Option<i64>,
    #[serde(default)]
    issuer: Option<String>,
    /// Merged over the usual claims; `null` takes a claim away.
    #[serde(default)]
    claims: Map<String, Value>,
}

/// The issuer.
pub struct Issuer {
    key: SigningKey,
    url: String,
}

impl Issuer {
    /// Makes an issuer with a new key for the sandbox on that port.
    pub fn new(port: u16) -> Result<Self, Unspecified> {
        Ok(Self { key: SigningKey::generate()?, url: format!("http://localhost:{port}/oidc") })
    }

    /// The issuer's URL, which is the `iss` claim.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// The public keys.
    pub fn jwks(&self) -> Value {
        json!({ "keys": [self.key.jwk()] })
    }

    fn claims(&self, order: &TokenOrder, now_s: i64) -> Map<String, Value> {
        let expiry_s = now_s.saturating_add(order.expires_in_s.unwrap_or(DEFAULT_LIFETIME_S));
        // A token that is over already must still have begun before it ended.
        let issued_s = now_s.min(expiry_s.saturating_sub(60));
        let audience = order.audience.as_deref().unwrap_or(DEFAULT_AUDIENCE);
        let subject = format!("tenant:{}", order.tenant_id);
        let usual = [
            ("iss", json!(order.issuer.as_deref().unwrap_or(&self.url))),
            ("aud", json!(audience)),
            ("sub", json!(subject)),
            ("iat", json!(issued_s)),
            ("nbf", json!(issued_s)),
            ("exp", json!(expiry_s)),
            ("jti", json!(new_uuid())),
            ("scope", json!(order.scope)),
            ("tenant_id", json!(order.tenant_id)),
            ("client_id", json!("provider-sandbox")),
            ("token_use", json!("access")),
        ];
        let mut claims: Map<String, Value> =
            usual.into_iter().map(|(name, value)| (name.to_owned(), value)).collect();
        for (name, value) in &order.claims {
            if value.is_null() {
                claims.remove(name);
            } else {
                claims.insert(name.clone(), value.clone());
            }
        }
        claims
    }

    /// Mints a token and gives the answer of the token endpoint.
    pub fn mint(&self, order: &TokenOrder) -> Result<Value, String> {
        let now_s = now_ms().div_euclid(1_000);
        let claims = Value::Object(self.claims(order, now_s));
        let header = json!({ "alg": "RS256", "typ": "JWT", "kid": self.key.key_id() });
        let signed =
            [header, claims].map(|part| URL_SAFE_NO_PAD.encode(part.to_string())).join(".");
        let signature = self
            .key
            .sign(signed.as_bytes())
            .map_err(|_| "the token could not be signed".to_owned())?;
        Ok(json!({
            "access_token": format!("{signed}.{}", URL_SAFE_NO_PAD.encode(signature)),
            "token_type": "Bearer",
            "expires_in": order.expires_in_s.unwrap_or(DEFAULT_LIFETIME_S),
        }))
    }
}

#[cfg(test)]
mod tests {
    use super::{Issuer, TokenOrder};

    fn order(json: &str) -> TokenOrder {
        serde_json::from_str(json).unwrap()
    }

    #[test]
    fn claims_of_an_expired_token_end_in_the_past() {
        let issuer = Issuer::new(1).unwrap();
        let claims = issuer.claims(&order(r#"{"tenant_id":"a","expires_in_s":-10}"#), 1_000);
        assert_eq!(claims["exp"], 990);
        assert_eq!(claims["iat"], 930);
        assert_eq!(claims["nbf"], 930);
    }

    #[test]
    fn claims_can_be_replaced_and_removed() {
        let issuer = Issuer::new(1).unwrap();
        let claims = issuer.claims(
            &order(r#"{"tenant_id":"a","issuer":"x","claims":{"tenant_id":null,"aud":["p","q"]}}"#),
            1_000,
        );
        assert!(!claims.contains_key("tenant_id"));
        assert_eq!(claims["iss"], "x");
        assert_eq!(claims["aud"][1], "q");
    }
}
