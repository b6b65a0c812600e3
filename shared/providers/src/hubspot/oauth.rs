//! The token endpoint: what it is asked, and what its answers mean (see the mapping doc).

use std::time::Duration;

use secrecy::{ExposeSecret, SecretString};
use serde::Deserialize;
use sync_domain::ports::{GrantError, OauthApp, OauthTokens, RemoteEffect};

use super::error::{error_of, is_code};
use crate::http::{RawAnswer, unavailable};

/// The longest time that a token is believed to be good for.
const EXPIRES_IN_MAX_S: u64 = 86_400;
/// `status` values of a refusal that concerns the tenant's grant and not our app.
const GRANT_STATUSES: [&str; 4] =
    ["BAD_REFRESH_TOKEN", "BAD_HUB", "BAD_AUTH_CODE", "BAD_CODE_VERIFIER"];

/// The tokens of a success. Everything but the two that are used is ignored.
#[derive(Deserialize)]
struct TokenAnswer {
    access_token: SecretString,
    refresh_token: Option<SecretString>,
    expires_in: u64,
}

/// A refusal: RFC 6749's member and the vendor's own. The descriptions are left out on purpose.
#[derive(Deserialize, Default)]
struct Refusal {
    error: Option<String>,
    status: Option<String>,
}

/// The form of a code exchange.
pub fn exchange_form<'a>(
    app: &'a OauthApp,
    code: &'a SecretString,
) -> [(&'static str, &'a str); 5] {
    [
        ("grant_type", "authorization_code"),
        ("client_id", &app.client_id),
        ("client_secret", app.client_secret.expose_secret()),
        ("redirect_uri", &app.redirect_uri),
        ("code", code.expose_secret()),
    ]
}

/// The form of a refresh.
pub fn refresh_form<'a>(
    app: &'a OauthApp,
    refresh_token: &'a SecretString,
) -> [(&'static str, &'a str); 4] {
    [
        ("grant_type", "refresh_token"),
        ("client_id", &app.client_id),
        ("client_secret", app.client_secret.expose_secret()),
        ("refresh_token", refresh_token.expose_secret()),
    ]
}

/// The tokens of an answer.
///
/// # Errors
/// See [`GrantError`].
pub fn tokens_of(answer: &RawAnswer) -> Result<OauthTokens, GrantError> {
    let broken = || GrantError::Provider(unavailable(Some(answer.status), RemoteEffect::Unknown));
    match answer.status {
        200..=299 => {}
        408 | 423 | 429 | 477 => return Err(GrantError::Provider(error_of(answer))),
        400..=499 => return Err(refusal_of(answer)),
        _ => return Err(GrantError::Provider(error_of(answer))),
    }
    let tokens: TokenAnswer =
        serde_json::from_slice(&answer.body).map_err(|_quotes_the_tokens| broken())?;
    if tokens.access_token.expose_secret().is_empty() || tokens.expires_in == 0 {
        return Err(broken());
    }
    Ok(OauthTokens {
        access_token: tokens.access_token,
        refresh_token: tokens.refresh_token.filter(|token| !token.expose_secret().is_empty()),
        expires_in: Some(Duration::from_secs(tokens.expires_in.min(EXPIRES_IN_MAX_S))),
        domain: None,
    })
}

/// Whose fault a refusal is: a dead grant is the tenant's, anything else is our app's.
fn refusal_of(answer: &RawAnswer) -> GrantError {
    let refusal: Refusal = serde_json::from_slice(&answer.body).unwrap_or_default();
    let vendor_status = refusal.status.as_deref().filter(|text| is_code(text));
    let is_grant = refusal.error.as_deref() == Some("invalid_grant")
        || vendor_status.is_some_and(|status| GRANT_STATUSES.contains(&status));
    if is_grant {
        tracing::warn!(
            system = "hubspot",
            status = answer.status,
            vendor_status,
            "HubSpot refused a grant."
        );
        return GrantError::Refused;
    }
    tracing::error!(
        system = "hubspot",
        status = answer.status,
        vendor_status,
        "HubSpot refused our OAuth app: its secret or its settings are wrong."
    );
    GrantError::AppRefused
}

#[cfg(test)]
mod tests {
    use reqwest::header::HeaderMap;
    use std::time::Duration;

    use secrecy::ExposeSecret;
    use sync_domain::ports::{GrantError, ProviderError};

    use super::tokens_of;
    use crate::http::RawAnswer;

    fn answer(status: u16, body: &str) -> RawAnswer {
        let headers = HeaderMap::new();
        RawAnswer { status, retry_after: None, headers, body: body.as_bytes().to_vec().into() }
    }

    #[test]
    fn tokens_are_read_and_an_empty_refresh_token_is_none() {
        let body = r#"{"access_token":"a","refresh_token":"","expires_in":1800,"hub_id":1}"#;
        let tokens = tokens_of(&answer(200, body)).unwrap();
        assert_eq!(tokens.access_token.expose_secret(), "a");
        assert!(tokens.refresh_token.is_none());
        assert_eq!(tokens.expires_in, Some(Duration::from_secs(1_800)));
        assert!(!format!("{tokens:?}").contains("\"a\""));
    }

    #[test]
    fn dead_grants_are_told_from_faults_of_our_app() {
        for (body, expected) in [
            (r#"{"error":"invalid_grant"}"#, GrantError::Refused),
            (r#"{"status":"BAD_REFRESH_TOKEN"}"#, GrantError::Refused),
            (r#"{"status":"BAD_HUB","error":"access_denied"}"#, GrantError::Refused),
            (r#"{"status":"BAD_AUTH_CODE"}"#, GrantError::Refused),
            (r#"{"status":"BAD_CLIENT_ID","error":"invalid_client"}"#, GrantError::AppRefused),
            (r#"{"status":"BAD_REDIRECT_URI"}"#, GrantError::AppRefused),
            ("<html>", GrantError::AppRefused),
        ] {
            assert_eq!(tokens_of(&answer(400, body)).unwrap_err(), expected, "{body}");
        }
    }

    #[test]
    fn passing_faults_and_unreadable_answers_are_the_providers() {
        for (status, body) in [(429, ""), (477, ""), (500, "<html>"), (503, ""), (200, "<html>")] {
            let error = tokens_of(&answer(status, body)).unwrap_err();
            assert!(matches!(error, GrantError::Provider(_)), "{status}: {error:?}");
        }
        let error = tokens_of(&answer(200, r#"{"access_token":"a","expires_in":0}"#)).unwrap_err();
        assert!(matches!(error, GrantError::Provider(ProviderError::Unavailable { .. })));
    }
}
