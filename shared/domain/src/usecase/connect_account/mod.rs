//! Connect a tenant's account: by a token, a key or an app of its own, or by the consent of OAuth.
//!
//! The order is what a crash needs. The account to be claimed is noted before it is claimed, so a
//! pointer is never left behind that nobody knows of. What can fail at the provider comes before
//! secrets are touched. The pointer of a former account is released before the entry that names it is
//! replaced. Every step may be repeated, so the same request again mends a half-done one.

mod run;
mod tokens;
mod webhook;

use std::time::Duration;

use secrecy::SecretString;

use self::run::Run;
use super::locked_connection::{ConnectionDeps, ConnectionRequest, ManageError, acquire};
use super::registered_hook::RegisteredHook;
use crate::model::{InvalidField, ObjectType, Sensitive, either};
use crate::oauth_state::{self, STATE_TTL};
use crate::ports::{AccountConnector, AccountGap, AuthMode, OauthApp, ProviderError};

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
    /// A token of one user, that does not end.
    ApiToken {
        /// The token.
        api_token: SecretString,
        /// The account's own name in the provider's host names.
        domain: String,
    },
    /// An app of the tenant's own that mints tokens with its id and secret.
    ClientCredentials {
        /// The account's own name in the provider's host names.
        domain: String,
        /// The app's public id.
        client_id: String,
        /// The app's secret.
        client_secret: SecretString,
        /// What signs the account's webhooks; `None` keeps what is stored for the same account.
        webhook_secret: Option<SecretString>,
    },
    /// An app of the tenant's own that mints tokens for one user with a signed assertion.
    JwtBearer {
        /// The account's own name in the provider's host names.
        domain: String,
        /// The app's public id.
        client_id: String,
        /// The user that the app acts as.
        username: Sensitive<String>,
        /// What the assertion is signed with, PEM.
        private_key: SecretString,
        /// As for [`ConnectMethod::ClientCredentials`].
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

impl ConnectMethod {
    /// Which way it is.
    pub const fn auth(&self) -> AuthMode {
        match self {
            Self::PrivateApp { .. } => AuthMode::PrivateApp,
            Self::ApiKey { .. } => AuthMode::ApiKey,
            Self::ApiToken { .. } => AuthMode::ApiToken,
            Self::ClientCredentials { .. } => AuthMode::ClientCredentials,
            Self::JwtBearer { .. } => AuthMode::JwtBearer,
            Self::Oauth { .. } => AuthMode::Oauth,
        }
    }

    /// The account's own name in the provider's host names, as the tenant wrote it.
    const fn domain(&self) -> Option<&String> {
        match self {
            Self::ApiToken { domain, .. }
            | Self::ClientCredentials { domain, .. }
            | Self::JwtBearer { domain, .. } => Some(domain),
            Self::PrivateApp { .. } | Self::ApiKey { .. } | Self::Oauth { .. } => None,
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
#[derive(Debug, Clone)]
pub struct Connected {
    /// How.
    pub auth: AuthMode,
    /// The provider's id of the account.
    pub account_id: String,
    /// The kinds of record whose key property can be used.
    pub key_properties: Vec<ObjectType>,
    /// What the account does not let us have.
    pub gaps: Vec<AccountGap>,
    /// Its webhook, where webhooks are registered by a call.
    pub webhook: Option<RegisteredHook>,
    /// The address of its webhook with the token, where people enter it at the provider.
    pub entered_url: Option<SecretString>,
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

/// The way to connect of that name, if accounts of the provider are connected so.
///
/// # Errors
/// When they are not.
pub fn auth_of(connector: &dyn AccountConnector, name: &str) -> Result<AuthMode, InvalidField> {
    let auth = AuthMode::parse(name).ok_or_else(|| not_a_way(connector))?;
    check_auth(connector, auth)?;
    Ok(auth)
}

fn check_auth(connector: &dyn AccountConnector, auth: AuthMode) -> Result<(), InvalidField> {
    if connector.auth_modes().contains(&auth) { Ok(()) } else { Err(not_a_way(connector)) }
}

fn not_a_way(connector: &dyn AccountConnector) -> InvalidField {
    let names: Vec<_> = connector.auth_modes().iter().map(|mode| mode.as_str()).collect();
    InvalidField::new("auth", format!("must be {} for this system", either(&names)))
}

/// Checks the account's own name in the provider's host names: what is made of it must be a host of the
/// provider's, and no other.
fn checked_domain(
    connector: &dyn AccountConnector,
    method: &ConnectMethod,
) -> Result<Option<String>, InvalidField> {
    let Some(given) = method.domain() else { return Ok(None) };
    let reason = "is not the account's own name in the provider's addresses";
    let checked = connector.account_domain(given);
    checked.map(Some).ok_or_else(|| InvalidField::new("domain", reason))
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
    let mut app = app_of(deps, request).await?;
    let expires_at = deps.clock.now() + STATE_TTL;
    let nonce = deps.clock.unique_id();
    let state =
        oauth_state::issue(&app.client_secret, &request.tenant, request.system, expires_at, &nonce)
            .ok_or(ManageError::OauthNotConfigured)?;
    app.code_verifier = verifier_of(&app, &app.client_secret, &state);
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
    let domain = checked_domain(deps.connector, &command.method)?;
    let app = match &command.method {
        ConnectMethod::Oauth { state, .. } => {
            let mut app = app_of(deps, &command.request).await?;
            let secret = secret_of_state(deps, &command.request, &app, state)?;
            app.code_verifier = verifier_of(&app, secret, state);
            Some(app)
        }
        ConnectMethod::PrivateApp { .. }
        | ConnectMethod::ApiKey { .. }
        | ConnectMethod::ApiToken { .. }
        | ConnectMethod::ClientCredentials { .. }
        | ConnectMethod::JwtBearer { .. } => None,
    };
    let (lock, found) = acquire(deps, &command.request).await?;
    Run { deps, command, app, domain, lock, found }.run().await
}

/// The secret that a state was made with. One that began before our app's secret was rotated is good as
/// long as that secret is.
fn secret_of_state<'a>(
    deps: &ConnectionDeps<'_>,
    request: &ConnectionRequest,
    app: &'a OauthApp,
    state: &str,
) -> Result<&'a SecretString, InvalidField> {
    let now = deps.clock.now();
    let secrets = [Some(&app.client_secret), app.previous_client_secret.as_ref()];
    let mut secrets = secrets.into_iter().flatten();
    let reason = "is not a state that was given to this tenant, or has ended";
    secrets
        .find(|secret| oauth_state::is_valid(secret, &request.tenant, request.system, now, state))
        .ok_or_else(|| InvalidField::new("state", reason))
}

/// What a public app shows at the end of the consent in place of its secret; the same at its begin,
/// because it is made of the state.
fn verifier_of(app: &OauthApp, secret: &SecretString, state: &str) -> Option<SecretString> {
    app.is_public.then(|| oauth_state::code_verifier(secret, state)).flatten()
}
