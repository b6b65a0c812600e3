//! What shows where a Salesforce delivery comes from.
//!
//! The Apex package of ours in the tenant's org signs: `x-integration-signature: v1=<hex>` is the
//! HMAC-SHA256 over `x-integration-timestamp` (Unix seconds), a full stop and the bytes of the body,
//! keyed with the tenant's webhook secret. That is a contract of ours, Salesforce has none.
//!
//! Outbound Messages can't be signed and carry no headers of anybody's choice. Salesforce's own advice is
//! to check the org's id, and addresses, which it says do not tell its customers apart ("Understanding
//! Outbound Messaging, Security Considerations", read 2026-11-20). So the address that they are sent to
//! must be one that nobody can guess.

use hmac::{Hmac, KeyInit, Mac};
use jiff::Timestamp;
use secrecy::{ExposeSecret, SecretString};
use sha2::Sha256;
use subtle::ConstantTimeEq;
use sync_domain::ports::{
    AuthMode, DeliverySignature, HeaderValue, SignatureFault, WebhookDelivery,
};

const TIMESTAMP: &str = "x-integration-timestamp";
const SIGNATURE: &str = "x-integration-signature";
/// The one way of signing that there is so far.
const VERSION_PREFIX: &str = "v1=";
/// How old a signature may be, and how far ahead of our clock. Exactly this much is accepted.
const WINDOW_MS: u64 = 300_000;
/// Seconds have 10 digits until the year 2286.
const TIMESTAMP_MAX_DIGITS: usize = 11;

/// A signature of the right form.
pub struct SalesforceSignature<'a> {
    timestamp: &'a str,
    body: &'a [u8],
    claimed: [u8; 32],
}

impl<'a> SalesforceSignature<'a> {
    /// Reads the headers of a delivery. `now` is compared with the signed time.
    ///
    /// # Errors
    /// When a header is missing, repeated, not of its form, or the time is off.
    pub fn read(delivery: &'a WebhookDelivery, now: Timestamp) -> Result<Self, SignatureFault> {
        let timestamp = sole(delivery, TIMESTAMP)?;
        let claimed = digest_of(sole(delivery, SIGNATURE)?).ok_or(SignatureFault::Malformed)?;
        check_age(timestamp, now)?;
        Ok(Self { timestamp, body: &delivery.body, claimed })
    }
}

impl DeliverySignature for SalesforceSignature<'_> {
    fn may_come_from(&self, auth: AuthMode) -> bool {
        is_salesforces(auth)
    }

    fn is_made_with(&self, secret: &SecretString) -> bool {
        // A key of any length is allowed; the type says it may not be.
        let Ok(mut mac) = Hmac::<Sha256>::new_from_slice(secret.expose_secret().as_bytes()) else {
            return false;
        };
        mac.update(self.timestamp.as_bytes());
        mac.update(b".");
        mac.update(self.body);
        mac.finalize().into_bytes().ct_eq(&self.claimed).into()
    }
}

/// An Outbound Message: nothing is signed.
pub struct UnsignedMessage;

impl DeliverySignature for UnsignedMessage {
    fn may_come_from(&self, auth: AuthMode) -> bool {
        is_salesforces(auth)
    }

    fn is_made_with(&self, _secret: &SecretString) -> bool {
        false
    }

    fn is_of_address(&self) -> bool {
        true
    }
}

/// Whether a Salesforce account can be connected like that.
const fn is_salesforces(auth: AuthMode) -> bool {
    match auth {
        AuthMode::ClientCredentials | AuthMode::JwtBearer => true,
        AuthMode::PrivateApp | AuthMode::Oauth | AuthMode::ApiKey | AuthMode::ApiToken => false,
    }
}

fn sole<'a>(delivery: &'a WebhookDelivery, name: &str) -> Result<&'a str, SignatureFault> {
    match delivery.header(name) {
        HeaderValue::Sole(value) => Ok(value),
        HeaderValue::Absent => Err(SignatureFault::Missing),
        HeaderValue::Repeated => Err(SignatureFault::Repeated),
    }
}

/// 64 lower-case hexadecimal digits after the version: no two texts stand for one digest.
fn digest_of(text: &str) -> Option<[u8; 32]> {
    let digits = text.strip_prefix(VERSION_PREFIX)?;
    let is_lower_case = !digits.bytes().any(|byte| byte.is_ascii_uppercase());
    let mut digest = [0; 32];
    (is_lower_case && hex::decode_to_slice(digits, &mut digest).is_ok()).then_some(digest)
}

fn check_age(timestamp: &str, now: Timestamp) -> Result<(), SignatureFault> {
    let is_of_form = !timestamp.is_empty()
        && timestamp.len() <= TIMESTAMP_MAX_DIGITS
        && timestamp.bytes().all(|byte| byte.is_ascii_digit());
    let signed_s = is_of_form.then(|| timestamp.parse::<i64>().ok()).flatten();
    let signed_ms = signed_s.ok_or(SignatureFault::Malformed)?.saturating_mul(1_000);
    if now.as_millisecond().abs_diff(signed_ms) > WINDOW_MS {
        return Err(SignatureFault::OutsideWindow);
    }
    Ok(())
}
