//! JWT assertions: signature and claims, really checked.

use aws_lc_rs::signature::{RSA_PKCS1_2048_8192_SHA256, UnparsedPublicKey};
use base64::Engine;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use serde::Deserialize;
use serde_json::Value;

/// The longest that an assertion may be good for: five minutes, and a little for clocks.
const LONGEST_LIFE_S: i64 = 5 * 60 + 30;

/// What an assertion says.
#[derive(Deserialize)]
pub struct Claims {
    /// The app's consumer key.
    pub iss: String,
    /// The username.
    pub sub: String,
    aud: Value,
    exp: i64,
}

/// An OAuth error: code and description.
pub type Refused = (&'static str, &'static str);

const INVALID: Refused = ("invalid_grant", "invalid assertion");

/// What is checked against.
pub struct Expected<'a> {
    /// The app's consumer key.
    pub client_id: &'a str,
    /// The user that has approved it.
    pub username: &'a str,
    /// The key whose private half signs.
    pub public_key_pem: &'a str,
    /// What the audience may be.
    pub audiences: &'a [String],
    /// Now.
    pub now_s: i64,
}

fn decoded<T: serde::de::DeserializeOwned>(part: &str) -> Option<T> {
    serde_json::from_slice(&URL_SAFE_NO_PAD.decode(part).ok()?).ok()
}

/// The claims, unchecked: they tell whose assertion it is.
pub fn unchecked(assertion: &str) -> Option<Claims> {
    decoded(assertion.split('.').nth(1)?)
}

/// The bytes between the lines of a PEM text with a public key.
pub fn der(pem: &str) -> Option<Vec<u8>> {
    let mut lines = pem.trim().lines().map(str::trim);
    let first = lines.next()?;
    if !matches!(first, "-----BEGIN PUBLIC KEY-----" | "-----BEGIN RSA PUBLIC KEY-----") {
        return None;
    }
    let body: String = lines.take_while(|line| !line.starts_with("-----END")).collect();
    STANDARD.decode(body).ok()
}

fn is_signed(assertion: &str, public_key_pem: &str) -> bool {
    let Some((signed, signature)) = assertion.rsplit_once('.') else { return false };
    let Some(header) = signed.split('.').next().and_then(decoded::<Value>) else { return false };
    let key = der(public_key_pem);
    let Some((key, signature)) = key.zip(URL_SAFE_NO_PAD.decode(signature).ok()) else {
        return false;
    };
    let key = UnparsedPublicKey::new(&RSA_PKCS1_2048_8192_SHA256, key);
    header["alg"] == "RS256" && key.verify(signed.as_bytes(), &signature).is_ok()
}

/// Checks an assertion.
pub fn check(assertion: &str, expected: &Expected<'_>) -> Result<(), Refused> {
    let claims = unchecked(assertion).ok_or(INVALID)?;
    if claims.iss != expected.client_id {
        return Err(("invalid_client_id", "client identifier invalid"));
    }
    if !is_signed(assertion, expected.public_key_pem) {
        return Err(INVALID);
    }
    let audience = claims.aud.as_str().map(|aud| aud.trim_end_matches('/'));
    if !expected.audiences.iter().any(|known| audience == Some(known)) {
        return Err(("invalid_grant", "audience is invalid"));
    }
    if claims.sub != expected.username {
        return Err(("invalid_grant", "user hasn't approved this consumer"));
    }
    let left_s = claims.exp - expected.now_s;
    if (1..=LONGEST_LIFE_S).contains(&left_s) { Ok(()) } else { Err(INVALID) }
}
