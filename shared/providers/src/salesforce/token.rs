//! The token endpoint of an org: what it is asked, and what its answers mean.
//!
//! Both grants go to the org's own My Domain (`login.salesforce.com` refuses client credentials). No
//! answer tells an expiry: a token lives as long as the session setting of its user says.

use std::time::Duration;

use jiff::Timestamp;
use jsonwebtoken::{Algorithm, EncodingKey, Header};
use secrecy::{ExposeSecret, SecretString};
use serde::{Deserialize, Serialize};
use sync_domain::ports::{
    GrantError, OauthTokens, ProviderError, RateScope, RemoteEffect, TenantGrant,
};

use super::settings::SalesforceSettings;
use super::wire::MessageHints;
use crate::http::{RawAnswer, unavailable};

/// The endpoint, below the org's address.
pub const PATH: &str = "/services/oauth2/token";
/// The grant type of RFC 7523.
const JWT_BEARER: &str = "urn:ietf:params:oauth:grant-type:jwt-bearer";
/// An assertion must end within minutes; three is what a widely used client gives it.
const ASSERTION_TTL_S: i64 = 180;
/// What a wait for the limit of logins is taken for: 3,600 per user and hour (unverified).
const LOGIN_RATE_WAIT: Duration = Duration::from_secs(60);

/// Whom an assertion is meant for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Audience {
    /// `https://login.salesforce.com`, or `test` for a sandbox: what the documentation names.
    Login,
    /// The My Domain, which a guide of 2026 says is required of newer orgs (unverified).
    MyDomain,
}

/// A form to post.
pub type Form = Vec<(&'static str, SecretString)>;

/// The claims of an assertion ("OAuth 2.0 JWT bearer flow", help.salesforce.com).
#[derive(Serialize)]
struct Claims<'a> {
    iss: &'a str,
    sub: &'a str,
    aud: &'a str,
    exp: i64,
}

/// The tokens of a success.
#[derive(Deserialize)]
struct TokenAnswer {
    access_token: SecretString,
    instance_url: Option<String>,
}

/// A refusal (RFC 6749). The description is read for what it tells and dropped.
#[derive(Deserialize)]
struct Refusal {
    error: String,
    #[serde(default, rename = "error_description")]
    hints: MessageHints,
}

/// What a refusal came to.
#[derive(Debug, PartialEq, Eq)]
pub enum Refused {
    /// The assertion was meant for another audience.
    Audience,
    /// Anything else.
    Error(GrantError),
}

impl From<GrantError> for Refused {
    fn from(error: GrantError) -> Self {
        Self::Error(error)
    }
}

/// The form that gets a token.
///
/// # Errors
/// [`GrantError::Refused`] for a private key that is no RSA key in PEM.
pub fn form_of(
    grant: &TenantGrant,
    domain: &str,
    base: &str,
    audience: Audience,
    now: Timestamp,
) -> Result<Form, GrantError> {
    let text = |text: &str| SecretString::from(text.to_owned());
    match grant {
        TenantGrant::ClientCredentials { client_id, client_secret } => Ok(vec![
            ("grant_type", text("client_credentials")),
            ("client_id", text(client_id)),
            ("client_secret", client_secret.clone()),
        ]),
        TenantGrant::JwtBearer { client_id, username, private_key } => {
            let aud = match audience {
                Audience::Login if is_sandbox(domain) => "https://test.salesforce.com",
                Audience::Login => "https://login.salesforce.com",
                Audience::MyDomain => base,
            };
            let exp = now.as_second() + ASSERTION_TTL_S;
            let claims = Claims { iss: client_id, sub: username, aud, exp };
            let key = EncodingKey::from_rsa_pem(private_key.expose_secret().as_bytes());
            let key = key.map_err(|_no_key| GrantError::Refused)?;
            let assertion = jsonwebtoken::encode(&Header::new(Algorithm::RS256), &claims, &key);
            let assertion = assertion.map_err(|_no_key| GrantError::Refused)?;
            Ok(vec![("grant_type", text(JWT_BEARER)), ("assertion", assertion.into())])
        }
    }
}

/// `acme--uat.sandbox`.
fn is_sandbox(domain: &str) -> bool {
    domain.split_once('.').is_some_and(|(_, partition)| partition == "sandbox")
}

/// The token of an answer.
///
/// # Errors
/// See [`Refused`].
pub fn tokens_of(
    settings: &SalesforceSettings,
    domain: &str,
    answer: &RawAnswer,
) -> Result<OauthTokens, Refused> {
    if !(200..300).contains(&answer.status) {
        return Err(refusal_of(answer));
    }
    let broken = || GrantError::Provider(unavailable(Some(answer.status), RemoteEffect::Unknown));
    let tokens: TokenAnswer =
        serde_json::from_slice(&answer.body).map_err(|_quotes_the_token| broken())?;
    if tokens.access_token.expose_secret().is_empty() {
        return Err(broken().into());
    }
    if tokens.instance_url.is_some_and(|url| !settings.is_own(domain, &url)) {
        tracing::warn!(
            system = "salesforce",
            "Salesforce gave a token for another host than the tenant's My Domain."
        );
        return Err(GrantError::Refused.into());
    }
    Ok(OauthTokens {
        access_token: tokens.access_token,
        refresh_token: None,
        expires_in: None,
        domain: None,
    })
}

/// A refusal ends the grant only where it says so in the form of RFC 6749; the app is the tenant's own.
fn refusal_of(answer: &RawAnswer) -> Refused {
    let provider = |error| Refused::Error(GrantError::Provider(error));
    let limited = |wait| ProviderError::RateLimited {
        retry_after: Some(answer.retry_after.unwrap_or(wait)),
        scope: RateScope::Window,
    };
    if answer.status == 429 {
        return provider(limited(LOGIN_RATE_WAIT));
    }
    let refusal = serde_json::from_slice::<Refusal>(&answer.body).ok();
    let Some(refusal) = refusal.filter(|_| (400..500).contains(&answer.status)) else {
        return provider(unavailable(Some(answer.status), RemoteEffect::Unknown));
    };
    let is_code = |text: &&str| {
        text.len() <= 64 && text.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'_')
    };
    tracing::warn!(
        system = "salesforce",
        status = answer.status,
        vendor_code = Some(refusal.error.as_str()).filter(is_code),
        "Salesforce refused a grant."
    );
    match refusal.error.as_str() {
        _ if refusal.hints.is_login_rate => provider(limited(LOGIN_RATE_WAIT)),
        "server_error" | "temporarily_unavailable" => {
            provider(unavailable(Some(answer.status), RemoteEffect::None))
        }
        _ if refusal.hints.is_audience => Refused::Audience,
        _ => GrantError::Refused.into(),
    }
}
