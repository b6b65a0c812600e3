//! Connect a tenant's account: by a token of its own, or by the consent of OAuth.
//!
//! The order is what a crash needs. The account to be claimed is noted before it is claimed, so a
//! pointer is never left behind that nobody knows of. What can fail at the provider comes before
//! secrets are touched. The pointer of a former account is released before the entry that names it is
//! replaced. Every step may be repeated, so the same request again mends a half-done one.

mod run;

use std::time::Duration;

use secrecy::SecretString;

use self::run::Run;
use super::locked_connection::{ConnectionDeps, ConnectionRequest, ManageError, acquire};
use crate::model::{InvalidField, ObjectType};
use crate::oauth_state::{self, STATE_TTL};
use crate::ports::{AuthMode, OauthApp};

/// What the tenant connects with.
#[derive(Debug)]
pub enum ConnectMethod {
    /// A token of a private app.
    PrivateApp {
        /// The token.
        access_token: SecretString,
        /// What signs the app's webhooks; `None` keeps what is stored for the same account.
        webhook_secret: Option<SecretString>,
    },
    /// The code of a consent to our app.
    Oauth {
        /// The code; it is good for one time.
        code: SecretString,
        /// The state that the consent began with.
        state: String,
    },
}

/// What the caller wants.
#[derive(Debug)]
pub struct ConnectAccount {
    /// Who asks.
    pub request: ConnectionRequest,
    /// With what.
    pub method: ConnectMethod,
    /// Two-letter country code for phone numbers without a prefix.
    pub default_region: Option<String>,
}

/// A connected account.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Connected {
    /// How.
    pub auth: AuthMode,
    /// The provider's id of the account.
    pub account_id: String,
    /// The kinds of record whose key property can be used.
    pub key_properties: Vec<ObjectType>,
}

/// Where a person gives their consent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Consent {
    /// The provider's page, with a state.
    pub authorize_url: String,
    /// How long the state is good for.
    pub expires_in: Duration,
}

async fn app_of(
    deps: &ConnectionDeps<'_>,
    request: &ConnectionRequest,
) -> Result<OauthApp, ManageError> {
    deps.apps.app(request.system).await?.ok_or(ManageError::OauthNotConfigured)
}

/// Begins a consent. Nothing is stored.
///
/// # Errors
/// When there is no app of ours at the provider, or its secret can't be read.
pub async fn begin_consent(
    deps: &ConnectionDeps<'_>,
    request: &ConnectionRequest,
) -> Result<Consent, ManageError> {
    let app = app_of(deps, request).await?;
    let expires_at = deps.clock.now() + STATE_TTL;
    let nonce = deps.clock.unique_id();
    let state =
        oauth_state::issue(&app.client_secret, &request.tenant, request.system, expires_at, &nonce)
            .ok_or(ManageError::OauthNotConfigured)?;
    let authorize_url = deps.connector.authorize_url(&app, &state);
    Ok(Consent { authorize_url, expires_in: STATE_TTL })
}

/// Connects the account.
///
/// # Errors
/// See [`ManageError`]. Whatever was half done, the same request again completes it (a code of OAuth
/// excepted: it is good once, so the consent begins anew).
pub async fn connect_account(
    deps: &ConnectionDeps<'_>,
    command: ConnectAccount,
) -> Result<Connected, ManageError> {
    let app = match &command.method {
        ConnectMethod::PrivateApp { .. } => None,
        ConnectMethod::Oauth { state, .. } => {
            let app = app_of(deps, &command.request).await?;
            check_state(deps, &command.request, &app, state)?;
            Some(app)
        }
    };
    let (lock, found) = acquire(deps, &command.request).await?;
    Run { deps, command, app, lock, found }.run().await
}

/// A state that began before our app's secret was rotated is good as long as that secret is.
fn check_state(
    deps: &ConnectionDeps<'_>,
    request: &ConnectionRequest,
    app: &OauthApp,
    state: &str,
) -> Result<(), InvalidField> {
    let now = deps.clock.now();
    let secrets = [Some(&app.client_secret), app.previous_client_secret.as_ref()];
    let is_ours = secrets
        .into_iter()
        .flatten()
        .any(|secret| oauth_state::is_valid(secret, &request.tenant, request.system, now, state));
    if is_ours {
        return Ok(());
    }
    Err(InvalidField::new("state", "is not a state that was given to this tenant, or has ended"))
}
