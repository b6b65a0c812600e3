//! The token endpoint: what it is asked, and what its answers mean.
//!
//! developer.squareup.com, "Obtain token" (read November 2026): the code flow shows the app's secret, the
//! PKCE flow a verifier with the code and nothing with a refresh token. Refusals are documented nowhere.
//! What integrators have measured: a code that is unknown is 401 with an `errors` list and
//! `UNAUTHORIZED`, a wrong app or secret is 401 with `{"message", "type"}` and no list. So only Square's
//! own word on the grant breaks a connection; all else is taken for a fault of our app.

use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jiff::Timestamp;
use secrecy::{ExposeSecret, SecretString};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use sync_domain::ports::{GrantError, OauthApp, OauthTokens, RemoteEffect};

use super::error::{error_of, errors_of};
use super::wire::{Lenient, VendorError};
use crate::http::{RawAnswer, unavailable};

/// The longest time that a token is believed to be good for; documented are 30 days.
const LIFETIME_MAX: Duration = Duration::from_secs(90 * 86_400);
/// How long a token is used before it is replaced: seven days at most, as Square is said to advise
/// (developer.squareup.com/forums, thread 7131).
const REPLACED_AFTER: Duration = Duration::from_secs(7 * 86_400);
/// What Square says of a code or a refresh token that is good no more.
const DEAD_GRANTS: [&str; 3] = ["UNAUTHORIZED", "ACCESS_TOKEN_EXPIRED", "ACCESS_TOKEN_REVOKED"];

/// `POST /oauth2/token`. It has no `Debug`: it holds secrets.
#[derive(Serialize)]
pub struct TokenRequest<'a> {
    client_id: &'a str,
    grant_type: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    client_secret: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    code: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    redirect_uri: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    code_verifier: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    refresh_token: Option<&'a str>,
}

impl<'a> TokenRequest<'a> {
    fn of(app: &'a OauthApp, grant_type: &'static str) -> Self {
        Self {
            client_id: &app.client_id,
            grant_type,
            client_secret: (!app.is_public).then(|| app.client_secret.expose_secret()),
            code: None,
            redirect_uri: None,
            code_verifier: None,
            refresh_token: None,
        }
    }

    /// For the code of a consent. `None` for a public app without the verifier that the consent began
    /// with: there is nothing that it could show.
    pub fn exchange(app: &'a OauthApp, code: &'a SecretString) -> Option<Self> {
        let verifier = app.code_verifier.as_ref().filter(|_| app.is_public);
        let request = Self {
            code: Some(code.expose_secret()),
            redirect_uri: Some(&app.redirect_uri),
            code_verifier: verifier.map(ExposeSecret::expose_secret),
            ..Self::of(app, "authorization_code")
        };
        (!app.is_public || verifier.is_some()).then_some(request)
    }

    /// For a refresh token.
    pub fn refresh(app: &'a OauthApp, refresh_token: &'a SecretString) -> Self {
        let refresh_token = Some(refresh_token.expose_secret());
        Self { refresh_token, ..Self::of(app, "refresh_token") }
    }
}

/// The challenge of a verifier: base64 of its SHA-256 (RFC 7636, section 4.2).
pub fn challenge_of(verifier: &SecretString) -> String {
    URL_SAFE_NO_PAD.encode(Sha256::digest(verifier.expose_secret()))
}

/// How long before its end a token of this lifetime is replaced: after a week, and one that does not
/// live for two weeks after half of its life.
pub fn refresh_ahead(lifetime: Duration) -> Duration {
    lifetime - REPLACED_AFTER.min(lifetime / 2)
}

/// The tokens of a success.
#[derive(Deserialize)]
struct TokenAnswer {
    access_token: SecretString,
    refresh_token: Option<SecretString>,
    /// RFC 3339.
    #[serde(default)]
    expires_at: Lenient<String>,
}

/// The tokens of an answer that came at `now`.
///
/// # Errors
/// See [`GrantError`].
pub fn tokens_of(answer: &RawAnswer, now: Timestamp) -> Result<OauthTokens, GrantError> {
    let broken = || GrantError::Provider(unavailable(Some(answer.status), RemoteEffect::Unknown));
    match answer.status {
        200..=299 => {}
        408 | 429 => return Err(GrantError::Provider(error_of(answer))),
        400..=499 => return Err(refusal_of(answer)),
        _ => return Err(GrantError::Provider(error_of(answer))),
    }
    let tokens: TokenAnswer =
        serde_json::from_slice(&answer.body).map_err(|_quotes_the_tokens| broken())?;
    if tokens.access_token.expose_secret().is_empty() {
        return Err(broken());
    }
    // Without a readable end the token is good until Square refuses it.
    let ends_at: Option<Timestamp> = tokens.expires_at.text().and_then(|it| it.parse().ok());
    let expires_in = match ends_at {
        Some(end) if end <= now => return Err(broken()),
        Some(end) => Duration::try_from(end.duration_since(now)).ok(),
        None => None,
    };
    Ok(OauthTokens {
        access_token: tokens.access_token,
        refresh_token: tokens.refresh_token.filter(|token| !token.expose_secret().is_empty()),
        expires_in: expires_in.map(|time| time.min(LIFETIME_MAX)),
        domain: None,
    })
}

/// Whose fault a refusal is: a dead grant is the tenant's, anything else is our app's.
fn refusal_of(answer: &RawAnswer) -> GrantError {
    let errors = errors_of(answer);
    let vendor_code = errors.first().and_then(VendorError::code);
    let status = answer.status;
    if vendor_code.is_some_and(|code| DEAD_GRANTS.contains(&code)) {
        tracing::warn!(system = "square", status, vendor_code, "Square refused a grant.");
        return GrantError::Refused;
    }
    tracing::error!(
        system = "square",
        status,
        vendor_code,
        "Square refused our OAuth app: its secret or its settings are wrong."
    );
    GrantError::AppRefused
}
