//! How HubSpot signs its webhooks.
//!
//! Version 3 is an HMAC with a time; if any of its headers came, it alone decides. Versions 1 and 2
//! are plain hashes without a time and the documented scheme of private apps only; what is repeated
//! under them does no harm, because an event is never more than a hint.
//! Evidence: `docs/integrations/hubspot_webhooks.md`.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, KeyInit, Mac};
use jiff::Timestamp;
use secrecy::{ExposeSecret, SecretString};
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;
use sync_domain::ports::{
    AuthMode, DeliverySignature, HeaderValue, SignatureFault, WebhookDelivery,
};

const SIGNATURE_V3: &str = "x-hubspot-signature-v3";
const TIMESTAMP: &str = "x-hubspot-request-timestamp";
const SIGNATURE: &str = "x-hubspot-signature";
const VERSION: &str = "x-hubspot-signature-version";

/// How old a signature may be, and how far ahead of our clock. Exactly this much is accepted.
const WINDOW_MS: u64 = 300_000;
/// Milliseconds have 13 digits until the year 2286.
const TIMESTAMP_MAX_DIGITS: usize = 15;

type Digest256 = [u8; 32];

/// The escapes that HubSpot decodes in the address before it signs; all others stay as they are.
const DECODED_ESCAPES: [(&str, char); 12] = [
    ("%3A", ':'),
    ("%2F", '/'),
    ("%3F", '?'),
    ("%40", '@'),
    ("%21", '!'),
    ("%24", '$'),
    ("%27", '\''),
    ("%28", '('),
    ("%29", ')'),
    ("%2A", '*'),
    ("%2C", ','),
    ("%3B", ';'),
];

/// What the digest was made of, besides secret and body.
enum Scheme<'a> {
    V1,
    V2,
    V3 { timestamp: &'a str },
}

/// A signature of the right form.
pub struct HubspotSignature<'a> {
    delivery: &'a WebhookDelivery,
    scheme: Scheme<'a>,
    claimed: Digest256,
}

impl<'a> HubspotSignature<'a> {
    /// Reads the signature of a delivery. `now` is compared with a version 3's time.
    ///
    /// # Errors
    /// When a header is missing, repeated, not of its form, or the time is off.
    pub fn read(delivery: &'a WebhookDelivery, now: Timestamp) -> Result<Self, SignatureFault> {
        let is_absent = |name| delivery.header(name) == HeaderValue::Absent;
        let (scheme, claimed) = if is_absent(SIGNATURE_V3) && is_absent(TIMESTAMP) {
            let scheme = match sole(delivery, VERSION)? {
                "v1" => Scheme::V1,
                "v2" => Scheme::V2,
                _ => return Err(SignatureFault::Malformed),
            };
            (scheme, hex_digest(sole(delivery, SIGNATURE)?))
        } else {
            let timestamp = sole(delivery, TIMESTAMP)?;
            let claimed = base64_digest(sole(delivery, SIGNATURE_V3)?);
            check_age(timestamp, now)?;
            (Scheme::V3 { timestamp }, claimed)
        };
        let claimed = claimed.ok_or(SignatureFault::Malformed)?;
        Ok(Self { delivery, scheme, claimed })
    }

    /// The digest that `secret` gives.
    fn expected(&self, secret: &[u8]) -> Option<Digest256> {
        let WebhookDelivery { method, url, body, .. } = self.delivery;
        let plain = || Sha256::new().chain_update(secret);
        Some(match self.scheme {
            Scheme::V1 => plain().chain_update(body).finalize().into(),
            Scheme::V2 => {
                plain().chain_update(method).chain_update(url).chain_update(body).finalize().into()
            }
            Scheme::V3 { timestamp } => {
                // A key of any length is allowed; the type says it may not be.
                let mut mac = Hmac::<Sha256>::new_from_slice(secret).ok()?;
                mac.update(method.as_bytes());
                mac.update(signed_url(url).as_bytes());
                mac.update(body);
                mac.update(timestamp.as_bytes());
                mac.finalize().into_bytes().into()
            }
        })
    }
}

impl DeliverySignature for HubspotSignature<'_> {
    fn may_come_from(&self, auth: AuthMode) -> bool {
        match (&self.scheme, auth) {
            (_, AuthMode::PrivateApp) | (Scheme::V3 { .. }, AuthMode::Oauth) => true,
            (Scheme::V1 | Scheme::V2, AuthMode::Oauth)
            | (
                _,
                AuthMode::ApiKey
                | AuthMode::ApiToken
                | AuthMode::ClientCredentials
                | AuthMode::JwtBearer,
            ) => false,
        }
    }

    fn is_made_with(&self, secret: &SecretString) -> bool {
        let expected = self.expected(secret.expose_secret().as_bytes());
        expected.is_some_and(|expected| expected.ct_eq(&self.claimed).into())
    }
}

fn sole<'a>(delivery: &'a WebhookDelivery, name: &str) -> Result<&'a str, SignatureFault> {
    match delivery.header(name) {
        HeaderValue::Sole(value) => Ok(value),
        HeaderValue::Absent => Err(SignatureFault::Missing),
        HeaderValue::Repeated => Err(SignatureFault::Repeated),
    }
}

/// 64 lower-case hexadecimal digits.
fn hex_digest(text: &str) -> Option<Digest256> {
    let is_lower_case = !text.bytes().any(|byte| byte.is_ascii_uppercase());
    let mut digest = Digest256::default();
    (is_lower_case && hex::decode_to_slice(text, &mut digest).is_ok()).then_some(digest)
}

/// Standard base64 with padding, in its one canonical form: no two texts stand for one digest.
fn base64_digest(text: &str) -> Option<Digest256> {
    STANDARD.decode(text).ok()?.try_into().ok()
}

fn check_age(timestamp: &str, now: Timestamp) -> Result<(), SignatureFault> {
    let is_of_form = !timestamp.is_empty()
        && timestamp.len() <= TIMESTAMP_MAX_DIGITS
        && timestamp.bytes().all(|byte| byte.is_ascii_digit());
    let signed_ms = is_of_form.then(|| timestamp.parse::<i64>().ok()).flatten();
    let signed_ms = signed_ms.ok_or(SignatureFault::Malformed)?;
    if now.as_millisecond().abs_diff(signed_ms) > WINDOW_MS {
        return Err(SignatureFault::OutsideWindow);
    }
    Ok(())
}

/// The address as version 3 signs it: only the documented escapes, in upper case, are decoded, each
/// once.
fn signed_url(url: &str) -> String {
    let mut signed = String::with_capacity(url.len());
    let mut rest = url;
    while let Some(at) = rest.find('%') {
        let (plain, escaped) = rest.split_at(at);
        signed.push_str(plain);
        let decoded = DECODED_ESCAPES
            .iter()
            .find_map(|(escape, character)| Some((*character, escaped.strip_prefix(escape)?)));
        let (character, after) = decoded.unwrap_or(('%', escaped.get(1..).unwrap_or_default()));
        signed.push(character);
        rest = after;
    }
    signed.push_str(rest);
    signed
}
