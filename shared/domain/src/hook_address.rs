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
/// The hexadecimal digits of a token.
const TOKEN_CHARS: usize = 32;

/// A token for a connection that has none, 32 hexadecimal digits.
pub fn new_token(clock: &dyn Clock) -> SecretString {
    clock.unique_id().replace('-', "").into()
}

/// The address that a provider is told: `webhook_url`, which has no query, with the token.
pub fn address(webhook_url: &str, token: &SecretString) -> SecretString {
    format!("{webhook_url}?{TOKEN_PARAMETER}={}", token.expose_secret()).into()
}

/// The one token in the query of an address that was called: 32 hexadecimal digits in lower case.
pub fn queried_token(url: &str) -> Option<&str> {
    let (_path, query) = url.split_once('?')?;
    let mut tokens = query.split('&').filter_map(|pair| match pair.split_once('=') {
        Some((TOKEN_PARAMETER, value)) => Some(value),
        Some(_) => None,
        None => (pair == TOKEN_PARAMETER).then_some(""),
    });
    let (token, other) = (tokens.next()?, tokens.next());
    let is_digit = |byte: u8| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte);
    let is_token = token.len() == TOKEN_CHARS && token.bytes().all(is_digit);
    (is_token && other.is_none()).then_some(token)
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
