//! Tokens that stand for personal data in events.
//!
//! A token is a keyed HMAC, so it can't be found by trying out emails; the tenant is part of it, so
//! the same person has unrelated tokens at two tenants; and the same input always gives the same
//! token, so a subscriber can join on it.

use hmac::{Hmac, KeyInit, Mac};
use secrecy::{ExposeSecret, SecretString};
use sha2::Sha256;
use uuid::Uuid;

use crate::keys::RecordKey;
use crate::model::{AttributeName, TenantId};

/// How many hexadecimal digits of the HMAC a token keeps: 128 bits.
const TOKEN_HEX_DIGITS: usize = 32;

fn shortened(digest: &[u8]) -> String {
    let mut token = hex::encode(digest);
    token.truncate(TOKEN_HEX_DIGITS);
    token
}

/// Makes tokens with the deployment's secret key.
pub struct Pseudonymiser {
    key: SecretString,
}

impl Pseudonymiser {
    /// Takes the secret key.
    pub const fn new(key: SecretString) -> Self {
        Self { key }
    }

    /// The token of one value, `None` for an empty one. The attribute is part of the input: a phone
    /// number that someone typed as a name does not give the phone number's token.
    pub fn token(&self, tenant: &TenantId, name: AttributeName, value: &str) -> Option<String> {
        let digest = self.digest(&[tenant.as_str(), name.as_str(), value])?;
        (!value.is_empty()).then(|| shortened(&digest))
    }

    /// The token of a record. Its key in the table is a plain hash with the email in it, which
    /// anyone could guess by trying; this one needs the secret key.
    pub fn record_token(&self, tenant: &TenantId, key: &RecordKey) -> Option<String> {
        Some(shortened(&self.digest(&["record", tenant.as_str(), key.as_str()])?))
    }

    /// The same parts always give the same UUID (version 8: made of our own hash).
    pub fn stable_id(&self, parts: &[&str]) -> Option<String> {
        let digest = self.digest(&[&["event"], parts].concat())?;
        let bytes = digest.first_chunk::<16>()?;
        Some(Uuid::new_v8(*bytes).to_string())
    }

    /// An HMAC key may have any length, so there is always a digest; the type says there may not.
    fn digest(&self, parts: &[&str]) -> Option<[u8; 32]> {
        let mut mac = Hmac::<Sha256>::new_from_slice(self.key.expose_secret().as_bytes()).ok()?;
        for part in parts {
            mac.update(part.as_bytes());
            mac.update(b"\x1f");
        }
        Some(mac.finalize().into_bytes().into())
    }
}

#[cfg(test)]
mod tests {
    use super::Pseudonymiser;
    use crate::model::{AttributeName, TenantId};

    #[test]
    fn token_differs_by_tenant_attribute_and_key_and_repeats_otherwise() {
        let ours = Pseudonymiser::new("key-1".into());
        let acme = TenantId::parse("acme").unwrap();
        let globex = TenantId::parse("globex").unwrap();
        let token = ours.token(&acme, AttributeName::Email, "ada@example.com").unwrap();
        assert_eq!(ours.token(&acme, AttributeName::Email, "ada@example.com").unwrap(), token);
        assert_ne!(ours.token(&globex, AttributeName::Email, "ada@example.com").unwrap(), token);
        assert_ne!(ours.token(&acme, AttributeName::Lastname, "ada@example.com").unwrap(), token);
        let other = Pseudonymiser::new("key-2".into());
        assert_ne!(other.token(&acme, AttributeName::Email, "ada@example.com").unwrap(), token);
        assert_eq!(ours.token(&acme, AttributeName::Email, ""), None);
    }
}
