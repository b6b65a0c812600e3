//! A user's id and their API key as the one token that a system is called with: `{user id}:{key}`, the
//! way HTTP Basic joins them.

use secrecy::{ExposeSecret, SecretString};

/// The token of a user.
pub(super) fn token_of(user_id: &str, api_key: &SecretString) -> SecretString {
    format!("{user_id}:{}", api_key.expose_secret()).into()
}

/// The user of a token; `None` when it is none of this form.
pub(super) fn user_of(token: &SecretString) -> Option<&str> {
    token.expose_secret().split_once(':').map(|(user_id, _)| user_id)
}
