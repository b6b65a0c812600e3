//! How Vagaro shows that a delivery is its own: `X-Vagaro-Signature` is the verification token that it
//! gave out when the webhook was made (docs.vagaro.com, "Securing your webhook endpoint", 2026). It is
//! the same each time and covers neither time nor body, so whoever has seen one delivery can write what
//! they like: besides it, the address has a token of the connection's own, and the addresses that
//! deliveries come from may be listed.

use secrecy::{ExposeSecret, SecretString};
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;
use sync_domain::ports::{
    AuthMode, DeliverySignature, HeaderValue, SignatureFault, WebhookDelivery,
};

const SIGNATURE: &str = "x-vagaro-signature";
/// The longest token that is looked at.
const TOKEN_MAX_BYTES: usize = 4_096;

/// The token of a delivery.
pub struct VagaroSignature {
    shown: [u8; 32],
}

impl VagaroSignature {
    /// Reads the one header. A gateway joins two by a comma: such a value is no token of ours.
    ///
    /// # Errors
    /// When it is missing, repeated, empty or too long.
    pub fn read(delivery: &WebhookDelivery) -> Result<Self, SignatureFault> {
        let token = match delivery.header(SIGNATURE) {
            HeaderValue::Sole(token) => token.trim(),
            HeaderValue::Absent => return Err(SignatureFault::Missing),
            HeaderValue::Repeated => return Err(SignatureFault::Repeated),
        };
        if token.is_empty() || token.len() > TOKEN_MAX_BYTES {
            return Err(SignatureFault::Malformed);
        }
        Ok(Self { shown: Sha256::digest(token).into() })
    }
}

impl DeliverySignature for VagaroSignature {
    fn may_come_from(&self, auth: AuthMode) -> bool {
        match auth {
            AuthMode::ClientCredentials => true,
            AuthMode::PrivateApp
            | AuthMode::Oauth
            | AuthMode::ApiKey
            | AuthMode::ApiToken
            | AuthMode::JwtBearer => false,
        }
    }

    fn is_made_with(&self, secret: &SecretString) -> bool {
        // Digests are of one length, so that the time does not tell the token's either.
        let expected = Sha256::digest(secret.expose_secret().trim());
        expected.as_slice().ct_eq(&self.shown).into()
    }
}
