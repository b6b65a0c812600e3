//! Replace the secrets of a connection: what its account is called with, what signs its webhooks, or
//! both.
//!
//! The webhook secret before stays good for a grace period, because the provider goes on signing with
//! it for a while. Two are good at most: the newest and the one before. What signs is replaced before
//! what calls: a delivery that is refused may be lost, while a call that is refused is made again.
//! A webhook secret that we draw ourselves is drawn anew by every rotation.

mod secrets;
mod signing;
mod token;

use std::time::Duration;

use jiff::Timestamp;
use secrecy::SecretString;

pub use self::secrets::{NewSecrets, SecretKind};
use super::locked_connection::{
    ConnectionDeps, ConnectionRequest, ManageError, acquire, finish, give_back, renew,
};
use super::registered_hook::{self, RegisteredHook};
use super::signing_rotation::end_of_previous;
use crate::model::AuditAction;
use crate::ports::{
    AccountAccess, ConnectionEntry, ConnectionLock, Finish, Found, HookAddress, WebhookSecretPair,
};

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
#[derive(Debug, Clone)]
pub struct Rotated {
    /// Whether any secret was replaced; not, when the same were given again, or when a drawn one was
    /// only told the provider.
    pub is_changed: bool,
    /// Until when the webhook secret before is good, if there is one.
    pub previous_until: Option<Timestamp>,
    /// The webhook, where webhooks are registered by a call.
    pub webhook: Option<RegisteredHook>,
    /// The address of its webhook with the token, where people enter it at the provider.
    pub entered_url: Option<SecretString>,
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
    let before = found.entry.clone().ok_or(ManageError::NotFound)?;
    command.secrets.check(before.auth, deps.connector.hook_secret())?;
    let mut entry = before.clone();
    let mut new = token::tested(deps, command, &entry).await?;
    renew(deps, lock).await?;
    let signing = signing::renewed(deps, command, &entry).await?;
    let (mut is_changed, secrets) = (signing.is_changed, signing.secrets);
    let previous_until = end_of_previous(secrets.as_ref(), deps.clock.now());
    if let Some(new) = &mut new {
        is_changed |= new.store(deps, request, &mut entry).await?;
    }
    let access = new.map(|new| new.credentials.access());
    let webhook = match &secrets {
        Some(it) => renew_hook(deps, request, lock, &mut entry, access, it).await?,
        None => None,
    };
    // One that died may have written everything but its audit entry.
    if is_changed || found.took_over || entry != before {
        let audit = request.audit(deps.clock, AuditAction::ConnectionRotated);
        finish(deps, lock, &Finish::Updated(&entry), &audit).await?;
    } else {
        give_back(deps, lock, &Finish::Unchanged).await;
    }
    let entered_url = registered_hook::entered_url(deps, request, secrets.as_ref());
    Ok(Rotated { is_changed, previous_until, webhook, entered_url })
}

/// Claims the webhook's address again, and where the provider is told it by a call, tells it: it is
/// signed with the secret that it was registered with.
async fn renew_hook(
    deps: &ConnectionDeps<'_>,
    request: &ConnectionRequest,
    lock: &mut ConnectionLock,
    entry: &mut ConnectionEntry,
    access: Option<AccountAccess>,
    secrets: &WebhookSecretPair,
) -> Result<Option<RegisteredHook>, ManageError> {
    registered_hook::claim(deps, request, entry.auth, secrets).await?;
    if deps.connector.hook_address() != HookAddress::Registered {
        return Ok(None);
    }
    let access = match access {
        Some(access) => access,
        None => {
            let stored = deps.credentials.credentials(&request.tenant, request.system).await?;
            stored.access()
        }
    };
    let webhook = registered_hook::register(deps, request, lock, &access, secrets).await?;
    entry.webhook = webhook.as_ref().map(|hook| hook.status);
    Ok(webhook)
}
