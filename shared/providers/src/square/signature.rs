//! How Square signs its webhooks: `x-square-hmacsha256-signature` is the base64 of an HMAC-SHA256 over the
//! address, as it is entered in the subscription, and the body as it was sent; its key is the
//! subscription's signature key (developer.squareup.com, "Validate and process event notifications";
//! `WebhooksHelper` and its tests in Square's Node SDK). No time is signed: what is sent again does no
//! harm, because of two states of a booking the later one counts.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, KeyInit, Mac};
use secrecy::{ExposeSecret, SecretString};
use sha2::Sha256;
use subtle::ConstantTimeEq;
use sync_domain::ports::{
    AuthMode, DeliverySignature, HeaderValue, SignatureFault, WebhookDelivery,
};

const SIGNATURE: &str = "x-square-hmacsha256-signature";

/// A signature of the right form.
pub struct SquareSignature<'a> {
    url: &'a str,
    body: &'a [u8],
    claimed: [u8; 32],
}

impl<'a> SquareSignature<'a> {
    /// Reads the signature of a delivery.
    ///
    /// # Errors
    /// When the header is missing, repeated or not of its form, such as the 20 bytes of the SHA-1 header
    /// that Square used to send.
    pub fn read(delivery: &'a WebhookDelivery) -> Result<Self, SignatureFault> {
        let text = match delivery.header(SIGNATURE) {
            HeaderValue::Sole(text) => text,
            HeaderValue::Absent => return Err(SignatureFault::Missing),
            HeaderValue::Repeated => return Err(SignatureFault::Repeated),
        };
        // One canonical form: no two texts stand for one digest.
        let claimed = STANDARD.decode(text).ok().and_then(|bytes| bytes.try_into().ok());
        let claimed = claimed.ok_or(SignatureFault::Malformed)?;
        Ok(Self { url: &delivery.url, body: &delivery.body, claimed })
    }
}

impl DeliverySignature for SquareSignature<'_> {
    /// The subscription is our app's, so it tells of those that have let the app in.
    fn may_come_from(&self, auth: AuthMode) -> bool {
        auth == AuthMode::Oauth
    }

    /// An empty key or address proves nothing.
    fn is_made_with(&self, secret: &SecretString) -> bool {
        let key = secret.expose_secret().as_bytes();
        if key.is_empty() || self.url.is_empty() {
            return false;
        }
        // A key of any length is allowed; the type says it may not be.
        let mac = Hmac::<Sha256>::new_from_slice(key);
        mac.is_ok_and(|mac| {
            let expected = mac.chain_update(self.url).chain_update(self.body).finalize();
            expected.into_bytes().as_slice().ct_eq(&self.claimed).into()
        })
    }
}
