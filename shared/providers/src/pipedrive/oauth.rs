//! The token endpoint: what its answers mean.
//!
//! pipedrive.readme.io, "OAuth authorization" and "Status codes" of the marketplace (copies of October
//! 2025). The members of a refusal are not documented, so a dead grant is known by its words wherever
//! they stand; the words themselves are dropped.

use std::time::Duration;

use secrecy::{ExposeSecret, SecretString};
use serde::Deserialize;
use serde_json::Value;
use sync_domain::ports::{GrantError, OauthTokens, RemoteEffect};

use super::error::error_of;
use super::host::PipedriveSettings;
use crate::http::{RawAnswer, unavailable};

/// The longest time that a token is believed to be good for.
const EXPIRES_IN_MAX_S: u64 = 86_400;
/// How a refusal begins that is the tenant's grant and not our app.
const DEAD_GRANTS: [&str; 2] = ["invalid_grant", "invalid grant"];

/// The tokens of a success.
#[derive(Deserialize)]
struct TokenAnswer {
    access_token: SecretString,
    refresh_token: Option<SecretString>,
    expires_in: u64,
    api_domain: Option<String>,
}

/// Whether the answer must say where the account is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum HostIs {
    /// Nobody knows it yet.
    Wanted,
    /// It is stored already; a new one takes its place.
    Known,
}

/// The tokens of an answer, and the account's company domain.
///
/// # Errors
/// See [`GrantError`]. A host that our setting does not give is [`GrantError::AppRefused`]: no token
/// is sent there, and no tenant is at fault.
pub fn tokens_of(
    answer: &RawAnswer,
    settings: &PipedriveSettings,
    host: HostIs,
) -> Result<OauthTokens, GrantError> {
    let broken = || GrantError::Provider(unavailable(Some(answer.status), RemoteEffect::Unknown));
    match answer.status {
        200..=299 => {}
        408 | 429 => return Err(GrantError::Provider(error_of(answer))),
        400..=499 => return Err(refusal_of(answer)),
        _ => return Err(GrantError::Provider(error_of(answer))),
    }
    let tokens: TokenAnswer =
        serde_json::from_slice(&answer.body).map_err(|_quotes_the_tokens| broken())?;
    if tokens.access_token.expose_secret().is_empty() || tokens.expires_in == 0 {
        return Err(broken());
    }
    let domain = match tokens.api_domain.as_deref() {
        Some(api_domain) => Some(settings.domain_of(api_domain).ok_or_else(foreign_host)?),
        None if host == HostIs::Wanted => return Err(broken()),
        None => None,
    };
    Ok(OauthTokens {
        access_token: tokens.access_token,
        refresh_token: tokens.refresh_token.filter(|token| !token.expose_secret().is_empty()),
        expires_in: Some(Duration::from_secs(tokens.expires_in.min(EXPIRES_IN_MAX_S))),
        domain,
    })
}

fn foreign_host() -> GrantError {
    tracing::error!(
        system = "pipedrive",
        "A token answer named a host that PIPEDRIVE_BASE_URL does not give; it is not called."
    );
    GrantError::AppRefused
}

/// Whose fault a refusal is: a dead grant is the tenant's, anything else is our app's.
fn refusal_of(answer: &RawAnswer) -> GrantError {
    let body: Value = serde_json::from_slice(&answer.body).unwrap_or_default();
    let is_dead = |text: &str| {
        let text = text.trim_start().to_ascii_lowercase();
        DEAD_GRANTS.iter().any(|grant| text.starts_with(grant))
    };
    let texts = body.as_object().into_iter().flat_map(|members| members.values());
    if texts.filter_map(Value::as_str).any(is_dead) {
        let status = answer.status;
        tracing::warn!(system = "pipedrive", status, "Pipedrive refused a grant.");
        return GrantError::Refused;
    }
    tracing::error!(
        system = "pipedrive",
        status = answer.status,
        "Pipedrive refused our OAuth app: its secret or its settings are wrong."
    );
    GrantError::AppRefused
}

#[cfg(test)]
mod tests {
    use reqwest::header::HeaderMap;
    use secrecy::ExposeSecret;
    use serde_json::{Value, json};
    use std::time::Duration;
    use sync_domain::ports::{GrantError, OauthTokens};

    use super::{HostIs, tokens_of};
    use crate::http::RawAnswer;
    use crate::pipedrive::PipedriveSettings;

    fn tokens(status: u16, body: &Value, host: HostIs) -> Result<OauthTokens, GrantError> {
        let body = body.to_string().into_bytes().into();
        let answer = RawAnswer { status, retry_after: None, headers: HeaderMap::new(), body };
        let settings = PipedriveSettings {
            base_url: "https://{domain}.pipedrive.com".to_owned(),
            oauth_base_url: String::new(),
        };
        tokens_of(&answer, &settings, host)
    }

    fn good(api_domain: Value) -> Value {
        json!({"access_token": "a", "refresh_token": "r", "token_type": "Bearer",
            "expires_in": 3599, "scope": "base", "api_domain": api_domain})
    }

    #[test]
    fn tokens_come_with_the_accounts_domain() {
        let body = good(json!("https://acme-1.pipedrive.com"));
        let tokens = tokens(200, &body, HostIs::Wanted).unwrap();
        assert_eq!(tokens.domain.as_deref(), Some("acme-1"));
        assert_eq!(tokens.expires_in, Some(Duration::from_secs(3_599)));
        assert_eq!(tokens.refresh_token.unwrap().expose_secret(), "r");
    }

    #[test]
    fn token_answer_of_a_foreign_host_is_refused() {
        for api_domain in ["https://acme.pipedrive.com.evil.com", "http://169.254.169.254", ""] {
            let error = tokens(200, &good(json!(api_domain)), HostIs::Known).unwrap_err();
            assert_eq!(error, GrantError::AppRefused, "{api_domain}");
        }
    }

    #[test]
    fn token_answer_without_a_host_is_enough_only_for_an_account_that_has_one() {
        assert!(tokens(200, &good(Value::Null), HostIs::Known).unwrap().domain.is_none());
        let error = tokens(200, &good(Value::Null), HostIs::Wanted).unwrap_err();
        assert!(matches!(error, GrantError::Provider(_)));
    }

    #[test]
    fn dead_grants_are_told_from_faults_of_our_app_and_of_pipedrive() {
        let of = |status, body| tokens(status, &body, HostIs::Known).unwrap_err();
        for body in [
            json!({"error": "invalid_grant"}),
            json!({"success": false, "message": "Invalid grant: refresh_token is invalid"}),
            json!({"error": "x", "error_description": "Invalid grant: authorization_code has expired"}),
        ] {
            assert_eq!(of(400, body), GrantError::Refused);
        }
        for body in [
            json!({"error": "invalid_client", "message": "Invalid client: client is invalid"}),
            json!({"message": "Missing parameter: `grant_type`"}),
            json!([]),
        ] {
            assert_eq!(of(400, body), GrantError::AppRefused);
        }
        for (status, body) in
            [(429, json!({})), (500, json!({})), (503, json!("")), (200, json!({}))]
        {
            assert!(matches!(of(status, body), GrantError::Provider(_)), "{status}");
        }
    }
}
