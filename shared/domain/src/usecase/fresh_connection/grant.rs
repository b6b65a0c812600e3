//! Asking the provider for another token, and what a refusal means.

use std::time::Duration;

use super::NoToken;
use super::winner::Winner;
use crate::ports::{ConnectionError, Credentials, GrantError, OauthTokens};

/// How long a failing provider is left alone, unless it says.
const PROVIDER_PAUSE: Duration = Duration::from_secs(15);
/// How long after the provider refused our app.
const APP_PAUSE: Duration = Duration::from_secs(60);

impl Winner<'_> {
    /// Asks the provider for another token: the tenant's own app mints one, or the refresh token gets
    /// one for our app.
    pub(super) async fn granted(
        &self,
        credentials: &Credentials,
    ) -> Result<Result<OauthTokens, NotGranted>, ConnectionError> {
        let ports = &self.store.ports;
        let connector = ports.connectors.connector(self.lock.system);
        let granted = match (&credentials.grant, &credentials.refresh_token) {
            (Some(grant), _) => {
                let domain = credentials.domain.as_deref();
                let domain = domain.ok_or(ConnectionError::Malformed("there is no domain"))?;
                // There is no app of ours in it.
                match connector.mint(grant, domain).await {
                    Err(GrantError::AppRefused) => Err(GrantError::Refused),
                    granted => granted,
                }
            }
            (None, Some(refresh_token)) => match ports.apps.app(self.lock.system).await? {
                Some(app) => connector.refresh(&app, refresh_token).await,
                None => return Ok(Err(NotGranted::Later(NoToken::NoApp, APP_PAUSE))),
            },
            (None, None) => {
                return Err(ConnectionError::Malformed("nothing gets another token"));
            }
        };
        Ok(granted.map_err(NotGranted::from))
    }
}

/// Why there is no other token.
pub(super) enum NotGranted {
    /// What gets tokens is dead.
    Refused,
    /// Not now: the reason, and how long nothing is asked.
    Later(NoToken, Duration),
}

impl From<GrantError> for NotGranted {
    fn from(error: GrantError) -> Self {
        match error {
            GrantError::Refused => Self::Refused,
            GrantError::AppRefused => Self::Later(NoToken::AppRefused, APP_PAUSE),
            GrantError::Provider(error) => {
                let pause = error.retry().flatten().unwrap_or(PROVIDER_PAUSE);
                Self::Later(NoToken::Provider(error), pause)
            }
        }
    }
}
