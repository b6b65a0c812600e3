//! Tokens that stand for personal data in events.
//!
//! A token is a keyed HMAC, so it can't be found by trying out emails; the tenant is part of it, so
//! the same person has unrelated tokens at two tenants; and the same input always gives the same
//! token, so a subscriber can join on it.

use hmac::{Hmac, KeyInit, Mac};
use secrecy::{ExposeSecret, SecretString};
use sha2::Sha256;

use crate::model::{AttributeName, TenantId};

/// How many hexadecimal digits of the HMAC a token keeps: 128 bits.
const TOKEN_HEX_DIGITS: usize = 32;

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
        if value.is_empty() {
            return None;
        }
        // An HMAC key may have any length, so this can't fail; the type says it might.
        let mut mac = Hmac::<Sha256>::new_from_slice(self.key.expose_secret().as_bytes()).ok()?;
        for part in [tenant.as_str(), name.as_str(), value] {
            mac.update(part.as_bytes());
            mac.update(b"\x1f");
        }
        let mut token = hex::encode(mac.finalize().into_bytes());
        token.truncate(TOKEN_HEX_DIGITS);
        Some(token)
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
