//! The token call: what it is asked, and what its answers mean.
//!
//! `POST /{region}/api/v2/merchants/generate-access-token` with `clientId`, `clientSecretKey` and
//! `scope`, which names what is to be read, joined by commas (docs.vagaro.com, "Generate access token",
//! 2026; the names of the scopes are unverified). A token is good for an hour and there is none to
//! refresh it with. One public client wraps the answer in `data`, others spell its members otherwise:
//! all of that is read.

use std::time::Duration;

use reqwest::header::HeaderValue;
use secrecy::{ExposeSecret, SecretString};
use serde::{Deserialize, Serialize};
use sync_domain::ports::{GrantError, OauthTokens, ProviderError, TenantGrant};

use super::error::{bad_answer, error_of, verdict_of};
use super::row::Text;
use crate::http::RawAnswer;

/// The call's path below `/{region}/api/v2/`.
pub const PATH: &str = "merchants/generate-access-token";
/// What the platform reads.
const SCOPE: &str = "appointments:read,customers:read,locations:read";
/// How long a token is good for where the answer does not say.
const GOOD_FOR: Duration = Duration::from_secs(3_600);
/// A longer time is not believed.
const GOOD_FOR_MAX: Duration = Duration::from_secs(86_400);

/// The question. It has no `Debug`: it holds a secret.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub struct TokenRequest<'a> {
    client_id: &'a str,
    client_secret_key: &'a str,
    scope: &'static str,
}

impl<'a> TokenRequest<'a> {
    /// The question of an app of the tenant's own.
    ///
    /// # Errors
    /// [`GrantError::Refused`] for another kind of grant.
    pub fn of(grant: &'a TenantGrant) -> Result<Self, GrantError> {
        match grant {
            TenantGrant::ClientCredentials { client_id, client_secret } => Ok(Self {
                client_id,
                client_secret_key: client_secret.expose_secret(),
                scope: SCOPE,
            }),
            TenantGrant::JwtBearer { .. } => Err(GrantError::Refused),
        }
    }
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct TokenMembers {
    access_token: Text,
    #[serde(rename = "accessToken")]
    access_token_camel: Text,
    token: Text,
    expires_in: Text,
    #[serde(rename = "expiresIn")]
    expires_in_camel: Text,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct TokenAnswer {
    data: TokenData,
    #[serde(flatten)]
    bare: TokenMembers,
}

/// What is wrapped, or whatever else.
#[derive(Default, Deserialize)]
#[serde(untagged)]
enum TokenData {
    Members(TokenMembers),
    Token(String),
    Other(serde::de::IgnoredAny),
    #[default]
    Missing,
}

impl TokenMembers {
    fn token(&self) -> Option<&str> {
        let spellings = [&self.access_token, &self.access_token_camel, &self.token];
        spellings.into_iter().find_map(given).filter(|it| is_token(it))
    }

    fn good_for(&self) -> Option<Duration> {
        let spellings = [&self.expires_in, &self.expires_in_camel];
        let seconds = spellings.into_iter().find_map(given)?;
        let seconds: u64 = seconds.trim().parse().ok()?;
        (seconds > 0).then(|| Duration::from_secs(seconds).min(GOOD_FOR_MAX))
    }
}

/// What a spelling holds; an empty one does not hide another.
fn given(text: &Text) -> Option<&str> {
    text.0.as_deref().filter(|it| !it.trim().is_empty())
}

/// Whether a text can stand in the header that tokens are sent in.
fn is_token(text: &str) -> bool {
    !text.is_empty() && text.trim() == text && HeaderValue::from_str(text).is_ok()
}

/// The token of an answer.
///
/// # Errors
/// See [`GrantError`].
pub fn tokens_of(answer: &RawAnswer) -> Result<OauthTokens, GrantError> {
    let is_ok = verdict_of(answer).is_none_or(|verdict| verdict.is_ok());
    if !(200..300).contains(&answer.status) || !is_ok {
        return Err(refusal_of(answer));
    }
    let broken = || GrantError::Provider(bad_answer(answer));
    let read: TokenAnswer =
        serde_json::from_slice(&answer.body).map_err(|_quotes_the_token| broken())?;
    let TokenAnswer { data, bare } = read;
    let wrapped = match data {
        TokenData::Members(members) => members,
        TokenData::Token(token) => {
            TokenMembers { access_token: Text(Some(token)), ..TokenMembers::default() }
        }
        TokenData::Other(_) | TokenData::Missing => TokenMembers::default(),
    };
    let token = wrapped.token().or_else(|| bare.token()).ok_or_else(broken)?;
    let good_for = wrapped.good_for().or_else(|| bare.good_for()).unwrap_or(GOOD_FOR);
    Ok(OauthTokens {
        access_token: SecretString::from(token.to_owned()),
        refresh_token: None,
        expires_in: Some(good_for),
        domain: None,
    })
}

/// A refusal ends the grant only where Vagaro itself says that the credentials are no good: an edge's
/// page, a limit and a fault do not.
fn refusal_of(answer: &RawAnswer) -> GrantError {
    let is_vendors = verdict_of(answer).is_some_and(|verdict| verdict.code().is_some());
    let error = error_of(answer);
    let is_refusal = matches!(
        error,
        ProviderError::Unauthorized | ProviderError::MissingScope | ProviderError::Rejected { .. }
    );
    if is_refusal && (is_vendors || is_plain_refusal(answer)) {
        GrantError::Refused
    } else if error == ProviderError::Unauthorized {
        // There was no token yet that could have been refused.
        GrantError::Provider(bad_answer(answer))
    } else {
        GrantError::Provider(error)
    }
}

/// `400` and `401` are documented for the call; an answer in JSON is not an edge's.
fn is_plain_refusal(answer: &RawAnswer) -> bool {
    matches!(answer.status, 400 | 401) && verdict_of(answer).is_some()
}
