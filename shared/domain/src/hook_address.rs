//! The address of a connection's own webhook, for providers that name no account in what they send.
//!
//! Its query carries a token that nobody can guess. The token tells whose the delivery claims to be;
//! what is looked up by it, and written down, is a digest, so that neither the table nor a message
//! lets anybody call the address. It proves nothing: deliveries are signed as well.

use secrecy::{ExposeSecret, SecretString};
use sha2::{Digest, Sha256};

use crate::ports::Clock;

/// The parameter of the query.
pub const TOKEN_PARAMETER: &str = "token";
/// Begins the account ids that are made of tokens; no vendor's id of an account begins so.
const ACCOUNT_PREFIX: &str = "hook-";
/// So many hexadecimal digits of the token's digest, 160 bits.
const DIGEST_CHARS: usize = 40;

/// A token for a connection that has none, 32 hexadecimal digits.
pub fn new_token(clock: &dyn Clock) -> SecretString {
    clock.unique_id().replace('-', "").into()
}

/// The address that a provider is told: `webhook_url`, which has no query, with the token.
pub fn address(webhook_url: &str, token: &SecretString) -> SecretString {
    format!("{webhook_url}?{TOKEN_PARAMETER}={}", token.expose_secret()).into()
}

/// What the token's deliveries name as their account, and its pointer to the tenant is found by.
pub fn account_id(token: &str) -> String {
    let digest = hex::encode(Sha256::digest(token));
    ACCOUNT_PREFIX.chars().chain(digest.chars().take(DIGEST_CHARS)).collect()
}

#[cfg(test)]
mod tests {
    use secrecy::ExposeSecret;

    use super::{account_id, address};

    #[test]
    fn account_id_of_a_token_is_the_beginning_of_its_digest() {
        // sha256("abc"), FIPS 180-4.
        assert_eq!(account_id("abc"), "hook-ba7816bf8f01cfea414140de5dae2223b00361a3");
    }

    #[test]
    fn address_carries_the_token_in_its_query() {
        let url = address("https://a.example.com/webhooks/booking/acuity", &"t0".into());
        assert_eq!(url.expose_secret(), "https://a.example.com/webhooks/booking/acuity?token=t0");
    }
}
