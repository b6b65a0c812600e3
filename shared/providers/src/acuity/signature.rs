//! How Acuity signs its webhooks: `X-Acuity-Signature` is the base64 of an HMAC-SHA256 over the body
//! as it was sent, keyed with the API key of the user who made the webhook
//! (developers.acuityscheduling.com, "Webhooks"). No time is signed: what is sent again does no harm,
//! because a delivery is never more than a hint.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, KeyInit, Mac};
use secrecy::{ExposeSecret, SecretString};
use sha2::Sha256;
use subtle::ConstantTimeEq;
use sync_domain::ports::{
    AuthMode, DeliverySignature, HeaderValue, SignatureFault, WebhookDelivery,
};

const SIGNATURE: &str = "x-acuity-signature";

/// A signature of the right form.
pub struct AcuitySignature<'a> {
    body: &'a [u8],
    claimed: [u8; 32],
}

impl<'a> AcuitySignature<'a> {
    /// Reads the signature of a delivery.
    ///
    /// # Errors
    /// When the header is missing, repeated or not of its form.
    pub fn read(delivery: &'a WebhookDelivery) -> Result<Self, SignatureFault> {
        let text = match delivery.header(SIGNATURE) {
            HeaderValue::Sole(text) => text,
            HeaderValue::Absent => return Err(SignatureFault::Missing),
            HeaderValue::Repeated => return Err(SignatureFault::Repeated),
        };
        // One canonical form: no two texts stand for one digest.
        let claimed = STANDARD.decode(text).ok().and_then(|bytes| bytes.try_into().ok());
        Ok(Self { body: &delivery.body, claimed: claimed.ok_or(SignatureFault::Malformed)? })
    }
}

impl DeliverySignature for AcuitySignature<'_> {
    /// Accounts that are connected by OAuth have no key that we know.
    fn may_come_from(&self, auth: AuthMode) -> bool {
        match auth {
            AuthMode::ApiKey => true,
            AuthMode::PrivateApp
            | AuthMode::Oauth
            | AuthMode::ApiToken
            | AuthMode::ClientCredentials
            | AuthMode::JwtBearer => false,
        }
    }

    fn is_made_with(&self, secret: &SecretString) -> bool {
        // A key of any length is allowed; the type says it may not be.
        let mac = Hmac::<Sha256>::new_from_slice(secret.expose_secret().as_bytes());
        mac.is_ok_and(|mac| {
            let expected = mac.chain_update(self.body).finalize().into_bytes();
            expected.as_slice().ct_eq(&self.claimed).into()
        })
    }
}
