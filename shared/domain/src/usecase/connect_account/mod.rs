//! Connect a tenant's account: by a token or an API key of its own, or by the consent of OAuth.
//!
//! The order is what a crash needs. The account to be claimed is noted before it is claimed, so a
//! pointer is never left behind that nobody knows of. What can fail at the provider comes before
//! secrets are touched. The pointer of a former account is released before the entry that names it is
//! replaced. Every step may be repeated, so the same request again mends a half-done one.

mod run;
mod webhook;

use std::time::Duration;

use secrecy::SecretString;

use self::run::Run;
use super::locked_connection::{ConnectionDeps, ConnectionRequest, ManageError, acquire};
use super::registered_hook::RegisteredHook;
use crate::model::{InvalidField, ObjectType};
use crate::oauth_state::{self, STATE_TTL};
use crate::ports::{AccountConnector, AuthMode, OauthApp, ProviderError};

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
    /// A user's API key, which also signs the account's webhooks.
    ApiKey {
        /// The provider's id of the user.
        user_id: String,
        /// The key.
        api_key: SecretString,
    },
    /// The code of a consent to our app.
    Oauth {
        /// The code; it is good for one time.
        code: SecretString,
        /// The state that the consent began with.
        state: String,
    },
}

impl ConnectMethod {
    /// Which way it is.
    pub const fn auth(&self) -> AuthMode {
        match self {
            Self::PrivateApp { .. } => AuthMode::PrivateApp,
            Self::ApiKey { .. } => AuthMode::ApiKey,
            Self::Oauth { .. } => AuthMode::Oauth,
        }
    }
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
    /// How far ahead appointments are imported, in days; `None` for the deployment's own setting.
    pub import_horizon_days: Option<u16>,
    /// How long an API key that is replaced still signs (`WEBHOOK_SECRET_GRACE_S`).
    pub grace: Duration,
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
    /// Its webhook, where webhooks are registered by a call.
    pub webhook: Option<RegisteredHook>,
    /// Why the webhook of the account that was connected before could not be removed there.
    pub former_webhook_left: Option<ProviderError>,
}

/// Where a person gives their consent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Consent {
    /// The provider's page, with a state.
    pub authorize_url: String,
    /// How long the state is good for.
    pub expires_in: Duration,
}

/// Checks that accounts of the provider are connected in this way.
///
/// # Errors
/// When they are not.
pub fn check_auth(connector: &dyn AccountConnector, auth: AuthMode) -> Result<(), InvalidField> {
    let modes = connector.auth_modes();
    if modes.contains(&auth) {
        return Ok(());
    }
    let reason = match modes {
        [AuthMode::ApiKey] => "must be api_key for this system",
        [AuthMode::PrivateApp, AuthMode::Oauth] => "must be private_app or oauth for this system",
        _ => "is not a way to connect this system",
    };
    Err(InvalidField::new("auth", reason))
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
    check_auth(deps.connector, AuthMode::Oauth)?;
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
    check_auth(deps.connector, command.method.auth())?;
    let app = match &command.method {
        ConnectMethod::PrivateApp { .. } | ConnectMethod::ApiKey { .. } => None,
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
