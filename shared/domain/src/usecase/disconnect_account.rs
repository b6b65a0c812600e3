//! Disconnect a tenant's account: the webhook at the provider, the pointers, then the secrets, then the
//! entry.
//!
//! The entry goes last, with its audit, so that a crash before leaves something that the same request
//! finds. It also clears up after a connect that died half way.

use secrecy::ExposeSecret;

use super::locked_connection::{
    ConnectionDeps, ConnectionRequest, ManageError, acquire, finish, give_back, renew,
};
use super::registered_hook;
use crate::hook_address;
use crate::model::AuditAction;
use crate::ports::{ConnectionError, ConnectionLock, Finish, Found, HookAddress, ProviderError};

/// Disconnects the account. Says why its webhook could not be removed at the provider, if it could
/// not.
///
/// # Errors
/// See [`ManageError`]; `NotFound` when nothing is left to remove.
pub async fn disconnect_account(
    deps: &ConnectionDeps<'_>,
    request: &ConnectionRequest,
) -> Result<Option<ProviderError>, ManageError> {
    let (mut lock, found) = acquire(deps, request).await?;
    let removed = remove(deps, request, &mut lock, &found).await;
    if removed.is_err() {
        give_back(deps, &lock, &Finish::Unchanged).await;
    }
    removed
}

async fn remove(
    deps: &ConnectionDeps<'_>,
    request: &ConnectionRequest,
    lock: &mut ConnectionLock,
    found: &Found,
) -> Result<Option<ProviderError>, ManageError> {
    let (tenant, system) = (&request.tenant, request.system);
    let mut accounts: Vec<String> = found.claiming.iter().cloned().collect();
    accounts.extend(found.entry.as_ref().map(|entry| entry.account_id.clone()));
    let mut webhook_left = None;
    match deps.credentials.credentials(tenant, system).await {
        Ok(credentials) => {
            webhook_left = registered_hook::remove(deps, request, &credentials).await;
            accounts.push(credentials.account_id);
        }
        Err(ConnectionError::NotFound) if accounts.is_empty() => return Err(ManageError::NotFound),
        // Unreadable ones go as well as any others.
        Err(
            ConnectionError::NotFound | ConnectionError::Malformed(_) | ConnectionError::Broken,
        ) => {}
        Err(error @ (ConnectionError::Unavailable(_) | ConnectionError::NoToken { .. })) => {
            return Err(error.into());
        }
    }
    accounts.extend(pointer_of_address(deps, request).await?);
    accounts.sort_unstable();
    accounts.dedup();
    for account_id in accounts.iter().filter(|id| !id.is_empty()) {
        deps.accounts.release(system, account_id, tenant).await?;
    }
    renew(deps, lock).await?;
    deps.credentials.delete_all(tenant, system).await?;
    let audit = request.audit(deps.clock, AuditAction::ConnectionRemoved);
    finish(deps, lock, &Finish::Removed, &audit).await?;
    Ok(webhook_left)
}

/// What the deliveries to the connection's own address name as their account. With secrets that can't
/// be read it stays: nothing that is sent there can be verified then.
async fn pointer_of_address(
    deps: &ConnectionDeps<'_>,
    request: &ConnectionRequest,
) -> Result<Option<String>, ManageError> {
    if deps.connector.hook_address() == HookAddress::Shared {
        return Ok(None);
    }
    match deps.credentials.webhook_secrets(&request.tenant, request.system).await {
        Ok(secrets) => {
            let token = secrets.and_then(|secrets| secrets.url_token);
            Ok(token.map(|token| hook_address::account_id(token.expose_secret())))
        }
        Err(
            ConnectionError::NotFound | ConnectionError::Malformed(_) | ConnectionError::Broken,
        ) => Ok(None),
        Err(error @ (ConnectionError::Unavailable(_) | ConnectionError::NoToken { .. })) => {
            Err(error.into())
        }
    }
}
