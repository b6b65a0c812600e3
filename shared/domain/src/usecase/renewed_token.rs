//! Bearer tokens that are got without a person: minted by an app of the tenant's own, or with a
//! refresh token.

use std::time::Duration;

use jiff::Timestamp;
use secrecy::SecretString;

use super::locked_connection::{ConnectionDeps, ManageError, with_retries};
use crate::model::{InvalidField, System};
use crate::ports::{AccountConnector, Credentials, GrantError, OauthTokens, TenantGrant};

/// When a bearer token ends and when it is replaced, neither of which is known if the provider does not
/// say how long it is good for.
pub(super) struct TokenTerm {
    pub(super) expires_at: Option<Timestamp>,
    pub(super) refresh_at: Option<Timestamp>,
}

impl TokenTerm {
    /// Of a token that is good for `expires_in`. `began` is before the call that got it: what is thought
    /// to end too early does no harm.
    pub(super) fn of(
        connector: &dyn AccountConnector,
        began: Timestamp,
        expires_in: Option<Duration>,
    ) -> Self {
        let expires_at = expires_in.map(|lifetime| began + lifetime);
        let refresh_at = expires_in
            .map(|lifetime| began + lifetime.saturating_sub(connector.refresh_ahead(lifetime)));
        Self { expires_at, refresh_at }
    }
}

/// Mints a token. Minting has no effect that a repeat could double, so it is tried like any read.
///
/// # Errors
/// A refusal is the caller's input: it names `member`.
pub(super) async fn minted(
    deps: &ConnectionDeps<'_>,
    deadline: Timestamp,
    grant: &TenantGrant,
    domain: &str,
    member: &'static str,
) -> Result<OauthTokens, ManageError> {
    let call = || async {
        match deps.connector.mint(grant, domain).await {
            Ok(tokens) => Ok(Some(tokens)),
            Err(GrantError::Refused | GrantError::AppRefused) => Ok(None),
            Err(GrantError::Provider(error)) => Err(error),
        }
    };
    let reason = "is refused by the provider, or something else that came with it";
    with_retries(deps, deadline, call)
        .await?
        .ok_or_else(|| InvalidField::new(member, reason).into())
}

/// Another token of the same account, which nobody stores: for the last calls with credentials that
/// are given up. Tried once; `None` when there is none to be had.
pub(super) async fn last_token(
    deps: &ConnectionDeps<'_>,
    system: System,
    credentials: &Credentials,
) -> Option<SecretString> {
    let granted = match (&credentials.grant, &credentials.domain, &credentials.refresh_token) {
        (Some(grant), Some(domain), _) => deps.connector.mint(grant, domain).await,
        (None, _, Some(refresh_token)) => {
            let app = deps.apps.app(system).await.ok()??;
            deps.connector.refresh(&app, refresh_token).await
        }
        (Some(_), None, _) | (None, _, None) => return None,
    };
    granted.ok().map(|tokens| tokens.access_token)
}
