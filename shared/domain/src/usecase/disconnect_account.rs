//! Disconnect a tenant's account: the pointer, then the secrets, then the entry.
//!
//! The entry goes last, with its audit, so that a crash before leaves something that the same request
//! finds. It also clears up after a connect that died half way.

use super::locked_connection::{
    ConnectionDeps, ConnectionRequest, ManageError, acquire, finish, give_back, renew,
};
use crate::model::AuditAction;
use crate::ports::{ConnectionError, ConnectionLock, Finish, Found};

/// Disconnects the account.
///
/// # Errors
/// See [`ManageError`]; `NotFound` when nothing is left to remove.
pub async fn disconnect_account(
    deps: &ConnectionDeps<'_>,
    request: &ConnectionRequest,
) -> Result<(), ManageError> {
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
) -> Result<(), ManageError> {
    let (tenant, system) = (&request.tenant, request.system);
    let mut accounts: Vec<String> = found.claiming.iter().cloned().collect();
    accounts.extend(found.entry.as_ref().map(|entry| entry.account_id.clone()));
    match deps.credentials.credentials(tenant, system).await {
        Ok(credentials) => accounts.push(credentials.account_id),
        Err(ConnectionError::NotFound) if accounts.is_empty() => return Err(ManageError::NotFound),
        // Unreadable ones go as well as any others.
        Err(
            ConnectionError::NotFound | ConnectionError::Malformed(_) | ConnectionError::Broken,
        ) => {}
        Err(error @ (ConnectionError::Unavailable(_) | ConnectionError::NoToken { .. })) => {
            return Err(error.into());
        }
    }
    accounts.sort_unstable();
    accounts.dedup();
    for account_id in accounts.iter().filter(|id| !id.is_empty()) {
        deps.accounts.release(system, account_id, tenant).await?;
    }
    renew(deps, lock).await?;
    deps.credentials.delete_all(tenant, system).await?;
    let audit = request.audit(deps.clock, AuditAction::ConnectionRemoved);
    finish(deps, lock, &Finish::Removed, &audit).await
}
