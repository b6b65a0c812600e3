//! Replace the secrets of a connection: a private app's token, what signs its webhooks, or both; or an
//! API key, which is both.
//!
//! The webhook secret before stays good for a grace period, because the provider goes on signing with
//! it for a while. Two are good at most: the newest and the one before. What signs is replaced before
//! what calls: a delivery that is refused may be lost, while a call that is refused is made again.

use std::time::Duration;

use jiff::Timestamp;
use secrecy::{ExposeSecret, SecretString};

use super::api_key;
use super::locked_connection::{
    ConnectionDeps, ConnectionRequest, ManageError, acquire, finish, give_back, renew, with_retries,
};
use super::registered_hook::{self, RegisteredHook};
use super::signing_rotation::{end_of_previous, rotated};
use crate::model::{AuditAction, InvalidField};
use crate::ports::{
    AccountAccess, AccountDetails, AuthMode, ConnectionEntry, ConnectionError, ConnectionLock,
    ConnectionStatus, Credentials, Finish, Found, WebhookSecretPair,
};

/// The new secrets.
#[derive(Debug)]
pub enum NewSecrets {
    /// A private app's; at least one of the two.
    PrivateApp {
        /// The new webhook secret.
        webhook_secret: Option<SecretString>,
        /// The new token.
        access_token: Option<SecretString>,
    },
    /// The API key of the user that is connected.
    ApiKey(SecretString),
}

/// What the caller wants.
#[derive(Debug)]
pub struct RotateConnection {
    /// Who asks.
    pub request: ConnectionRequest,
    /// With what.
    pub secrets: NewSecrets,
    /// How long the webhook secret before stays good (`WEBHOOK_SECRET_GRACE_S`).
    pub grace: Duration,
}

/// What came of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rotated {
    /// Whether any secret was replaced; not, when the same were given again.
    pub is_changed: bool,
    /// Until when the webhook secret before is good, if there is one.
    pub previous_until: Option<Timestamp>,
    /// The webhook, where webhooks are registered by a call.
    pub webhook: Option<RegisteredHook>,
}

impl NewSecrets {
    /// What is to sign webhooks.
    const fn signing(&self) -> Option<&SecretString> {
        match self {
            Self::PrivateApp { webhook_secret, .. } => webhook_secret.as_ref(),
            Self::ApiKey(key) => Some(key),
        }
    }
}

/// A token to be put in the place of the stored one.
struct NewToken {
    /// The credentials as they are stored.
    stored: Credentials,
    /// The token.
    token: SecretString,
    /// The member of the request that it came with.
    member: &'static str,
}

/// Replaces the secrets.
///
/// # Errors
/// See [`ManageError`]. The same request again completes what was half done.
pub async fn rotate_connection(
    deps: &ConnectionDeps<'_>,
    command: &RotateConnection,
) -> Result<Rotated, ManageError> {
    let (mut lock, found) = acquire(deps, &command.request).await?;
    let rotated = rotate(deps, command, &mut lock, found).await;
    if rotated.is_err() {
        give_back(deps, &lock, &Finish::Unchanged).await;
    }
    rotated
}

async fn rotate(
    deps: &ConnectionDeps<'_>,
    command: &RotateConnection,
    lock: &mut ConnectionLock,
    found: Found,
) -> Result<Rotated, ManageError> {
    let request = &command.request;
    let before = found.entry.ok_or(ManageError::NotFound)?;
    check_auth(&before, &command.secrets)?;
    let mut entry = before.clone();
    let tested = match new_token(deps, command).await? {
        Some(new) => Some((test(deps, request, &entry, &new).await?, new)),
        None => None,
    };
    renew(deps, lock).await?;
    let (mut is_changed, secrets) = renew_webhook_secret(deps, command).await?;
    let previous_until = end_of_previous(secrets.as_ref(), deps.clock.now());
    let mut webhook = None;
    if let Some((account, new)) = tested {
        let (is_new, stored) = renew_token(deps, request, &mut entry, new, account).await?;
        is_changed |= is_new;
        webhook = renew_hook(deps, request, &stored, secrets.as_ref()).await?;
        entry.webhook = webhook.as_ref().map(|hook| hook.status);
    }
    // One that died may have written everything but its audit entry.
    if is_changed || found.took_over || entry != before {
        let audit = request.audit(deps.clock, AuditAction::ConnectionRotated);
        finish(deps, lock, &Finish::Updated(&entry), &audit).await?;
    } else {
        give_back(deps, lock, &Finish::Unchanged).await;
    }
    Ok(Rotated { is_changed, previous_until, webhook })
}

fn check_auth(entry: &ConnectionEntry, secrets: &NewSecrets) -> Result<(), InvalidField> {
    let (field, reason) = match (entry.auth, secrets) {
        (AuthMode::PrivateApp, NewSecrets::PrivateApp { .. })
        | (AuthMode::ApiKey, NewSecrets::ApiKey(_)) => return Ok(()),
        (AuthMode::Oauth, NewSecrets::PrivateApp { access_token, .. }) => (
            if access_token.is_some() { "access_token" } else { "webhook_secret" },
            "belongs to our app where the connection was made by OAuth",
        ),
        (AuthMode::ApiKey, NewSecrets::PrivateApp { .. }) => {
            ("api_key", "is what this connection was made with: give a new one")
        }
        (
            AuthMode::ApiToken | AuthMode::ClientCredentials | AuthMode::JwtBearer,
            NewSecrets::PrivateApp { .. },
        ) => ("access_token", "is nothing that this connection was made with"),
        (
            AuthMode::PrivateApp
            | AuthMode::Oauth
            | AuthMode::ApiToken
            | AuthMode::ClientCredentials
            | AuthMode::JwtBearer,
            NewSecrets::ApiKey(_),
        ) => ("api_key", "is nothing that this connection was made with"),
    };
    Err(InvalidField::new(field, reason))
}

async fn new_token(
    deps: &ConnectionDeps<'_>,
    command: &RotateConnection,
) -> Result<Option<NewToken>, ManageError> {
    let ConnectionRequest { tenant, system, .. } = &command.request;
    let read = || deps.credentials.credentials(tenant, *system);
    match &command.secrets {
        NewSecrets::PrivateApp { access_token: None, .. } => Ok(None),
        NewSecrets::PrivateApp { access_token: Some(token), .. } => {
            let (stored, token) = (read().await?, token.clone());
            Ok(Some(NewToken { stored, token, member: "access_token" }))
        }
        NewSecrets::ApiKey(key) => {
            let stored = read().await?;
            let user_id = api_key::user_of(&stored.access_token)
                .ok_or(ConnectionError::Malformed("the access token names no user"))?;
            let token = api_key::token_of(user_id, key);
            Ok(Some(NewToken { stored, token, member: "api_key" }))
        }
    }
}

/// A new token must be good, and of the same account.
async fn test(
    deps: &ConnectionDeps<'_>,
    request: &ConnectionRequest,
    entry: &ConnectionEntry,
    new: &NewToken,
) -> Result<AccountDetails, ManageError> {
    let access = AccountAccess { token: new.token.clone(), ..new.stored.access() };
    let call = || deps.connector.account(&access);
    let account = with_retries(deps, request.deadline, call).await?;
    if account.account_id != entry.account_id {
        let reason = "is of another account: connect that one instead";
        return Err(InvalidField::new(new.member, reason).into());
    }
    Ok(account)
}

/// Replaces what signs, and gives the webhook's address a token if it has none and needs one. Returns
/// whether what signs is new, and what is stored now.
async fn renew_webhook_secret(
    deps: &ConnectionDeps<'_>,
    command: &RotateConnection,
) -> Result<(bool, Option<WebhookSecretPair>), ManageError> {
    let ConnectionRequest { tenant, system, .. } = &command.request;
    let stored = deps.credentials.webhook_secrets(tenant, *system).await?;
    let next = command
        .secrets
        .signing()
        .and_then(|secret| rotated(stored.as_ref(), secret, deps.clock.now(), command.grace));
    let is_changed = next.is_some();
    let Some(mut now) = next.or(stored) else { return Ok((false, None)) };
    let url_token = registered_hook::token_for(deps, Some(&now));
    let is_new_address = now.url_token.is_none() && url_token.is_some();
    if is_changed || is_new_address {
        now.url_token = url_token;
        deps.credentials.put_webhook_secrets(tenant, *system, &now).await?;
    }
    Ok((is_changed, Some(now)))
}

async fn renew_token(
    deps: &ConnectionDeps<'_>,
    request: &ConnectionRequest,
    entry: &mut ConnectionEntry,
    new: NewToken,
    account: AccountDetails,
) -> Result<(bool, Credentials), ManageError> {
    let NewToken { mut stored, token, .. } = new;
    let is_new = stored.access_token.expose_secret() != token.expose_secret();
    if is_new {
        stored.access_token = token;
        stored.time_zone = account.time_zone.or(stored.time_zone);
        stored.token_version = stored.token_version.max(entry.token_version) + 1;
        deps.credentials.put_credentials(&request.tenant, request.system, &stored).await?;
    }
    entry.token_version = stored.token_version;
    entry.status = ConnectionStatus::Connected;
    Ok((is_new, stored))
}

/// Registers the webhook again: it is signed with the key of the user who registered it.
async fn renew_hook(
    deps: &ConnectionDeps<'_>,
    request: &ConnectionRequest,
    stored: &Credentials,
    secrets: Option<&WebhookSecretPair>,
) -> Result<Option<RegisteredHook>, ManageError> {
    let Some(token) = secrets.and_then(|secrets| secrets.url_token.as_ref()) else {
        return Ok(None);
    };
    registered_hook::claim(deps, request, stored.auth, token).await?;
    Ok(registered_hook::register(deps, request, &stored.access(), token).await)
}
