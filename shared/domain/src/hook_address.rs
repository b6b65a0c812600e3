//! The address of a connection's own webhook, for providers that name no account in what they send,
//! or that sign nothing.
//!
//! It carries a token that nobody can guess: in its query where we register the address by a call, as
//! its last segment where people enter it at the provider. The token tells whose the delivery claims
//! to be; what is looked up by it, and written down, is a digest, so that neither the table nor a
//! message lets anybody call the address. Where deliveries are signed it proves nothing; where they
//! can't be, it is all the proof there is, and what it lets in is never more than a hint.

use secrecy::{ExposeSecret, SecretString};
use sha2::{Digest, Sha256};

use crate::ports::Clock;

/// The parameter of the query.
pub const TOKEN_PARAMETER: &str = "token";
/// Begins the account ids that are made of tokens; no vendor's id of an account begins so.
const ACCOUNT_PREFIX: &str = "hook-";
/// The hexadecimal digits of a token.
const TOKEN_DIGITS: usize = 32;
/// So many hexadecimal digits of the token's digest, 160 bits.
const DIGEST_CHARS: usize = 40;

/// A token for a connection that has none, 32 hexadecimal digits.
pub fn new_token(clock: &dyn Clock) -> SecretString {
    clock.unique_id().replace('-', "").into()
}

/// The address that a provider is told by a call: `webhook_url`, which has no query, with the token in
/// one.
pub fn address(webhook_url: &str, token: &SecretString) -> SecretString {
    format!("{webhook_url}?{TOKEN_PARAMETER}={}", token.expose_secret()).into()
}

/// The address that people enter at a provider: `webhook_url`, which has neither a query nor a slash at
/// its end, with the token as its last segment. Some providers' forms and proxies drop a query.
pub fn entered_address(webhook_url: &str, token: &SecretString) -> SecretString {
    format!("{webhook_url}/{}", token.expose_secret()).into()
}

/// The token of an address that was made by [`address`], as it was called: the one `token` of its
/// query. Escapes are not decoded, because no token needs any.
pub fn token_of_query(url: &str) -> Option<&str> {
    let (_path, query) = url.split_once('?')?;
    let mut tokens = query.split('&').filter_map(|pair| match pair.split_once('=') {
        Some((TOKEN_PARAMETER, value)) => Some(value),
        Some(_) => None,
        None => (pair == TOKEN_PARAMETER).then_some(""),
    });
    let (token, other) = (tokens.next()?, tokens.next());
    (is_token(token) && other.is_none()).then_some(token)
}

/// The token of an address that was made by [`entered_address`], as it was called: the last segment of
/// its path. What a query holds does not matter.
pub fn token_of_path(url: &str) -> Option<&str> {
    let path = url.split(['?', '#']).next()?;
    let (_before, last) = path.rsplit_once('/')?;
    is_token(last).then_some(last)
}

/// Lower case only: no two texts are one token.
fn is_token(text: &str) -> bool {
    let is_digit = |byte: u8| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte);
    text.len() == TOKEN_DIGITS && text.bytes().all(is_digit)
}

/// What the token's deliveries name as their account, and its pointer to the tenant is found by.
pub fn account_id(token: &str) -> String {
    let digest = hex::encode(Sha256::digest(token));
    ACCOUNT_PREFIX.chars().chain(digest.chars().take(DIGEST_CHARS)).collect()
}

#[cfg(test)]
mod tests {
    use secrecy::ExposeSecret;

    use super::{account_id, address, entered_address, token_of_path, token_of_query};

    const TOKEN: &str = "0123456789abcdef0123456789abcdef";

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

    #[test]
    fn entered_address_ends_with_the_token() {
        let url = entered_address("https://a.example.com/webhooks/crm/salesforce", &TOKEN.into());
        let expected = format!("https://a.example.com/webhooks/crm/salesforce/{TOKEN}");
        assert_eq!(url.expose_secret(), expected);
        assert_eq!(token_of_path(&expected), Some(TOKEN));
    }

    #[test]
    fn token_of_a_path_is_its_last_segment_and_of_the_form_of_a_token() {
        for suffix in ["", "?a=b", "?token=x/y", "#f"] {
            assert_eq!(token_of_path(&format!("https://h/p/{TOKEN}{suffix}")), Some(TOKEN));
        }
        for url in [
            String::new(),
            TOKEN.to_owned(),
            "https://h/webhooks/crm/salesforce".to_owned(),
            format!("https://h/p/{TOKEN}/"),
            format!("https://h/p/{TOKEN}/x"),
            format!("https://h/p/{TOKEN}0"),
            format!("https://h/p/{}", TOKEN.to_uppercase()),
            format!("https://h/p/{}%66", TOKEN.get(..31).unwrap()),
            format!("https://h/p?token=/{TOKEN}"),
        ] {
            assert_eq!(token_of_path(&url), None, "{url}");
        }
    }

    #[test]
    fn token_of_a_query_is_its_one_token() {
        assert_eq!(token_of_query(&format!("https://h/p?a&token={TOKEN}")), Some(TOKEN));
        for query in [
            format!("/{TOKEN}"),
            "?token=".to_owned(),
            format!("?token={TOKEN}&token={TOKEN}"),
            format!("?token={TOKEN}&token"),
            format!("?Token={TOKEN}"),
        ] {
            assert_eq!(token_of_query(&format!("https://h/p{query}")), None, "{query}");
        }
    }
}
