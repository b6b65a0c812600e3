//! The issuer's RSA key: made at start, kept in memory only.

use aws_lc_rs::encoding::AsDer;
use aws_lc_rs::error::Unspecified;
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::rsa::{KeyPair, KeySize};
use aws_lc_rs::signature::{KeyPair as _, RSA_PKCS1_SHA256};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

/// A signing key and the name under which the key set shows it.
pub struct SigningKey {
    pair: KeyPair,
    key_id: String,
}

impl SigningKey {
    /// Makes a key.
    pub fn generate() -> Result<Self, Unspecified> {
        let pair = KeyPair::generate(KeySize::Rsa2048)?;
        let der = pair.public_key().as_der()?;
        let digest = Sha256::digest(der.as_ref());
        let key_id = hex::encode(digest.iter().take(8).copied().collect::<Vec<u8>>());
        Ok(Self { pair, key_id })
    }

    /// The key's name.
    pub fn key_id(&self) -> &str {
        &self.key_id
    }

    /// The public half as a JSON Web Key.
    pub fn jwk(&self) -> Value {
        let public = self.pair.public_key();
        json!({
            "kty": "RSA",
            "use": "sig",
            "alg": "RS256",
            "kid": self.key_id,
            "n": URL_SAFE_NO_PAD.encode(public.modulus().big_endian_without_leading_zero()),
            "e": URL_SAFE_NO_PAD.encode(public.exponent().big_endian_without_leading_zero()),
        })
    }

    /// Signs with RS256.
    pub fn sign(&self, message: &[u8]) -> Result<Vec<u8>, Unspecified> {
        let mut signature = vec![0; self.pair.public_modulus_len()];
        self.pair.sign(&RSA_PKCS1_SHA256, &SystemRandom::new(), message, &mut signature)?;
        Ok(signature)
    }
}
