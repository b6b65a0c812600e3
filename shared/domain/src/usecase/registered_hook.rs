//! The webhook of a connection where a provider registers webhooks by a call: its address, the pointer
//! that leads from there to the tenant, and the call.
//!
//! The token of the address is kept with the secrets that sign. It is stored before the pointer is
//! made, and the pointer before the provider is told, so that whatever a crash leaves can be found by
//! the stored token. It stays the same until the connection is removed, also if the account changes:
//! the deliveries of two accounts differ by what they are signed with.

use std::time::Duration;

use secrecy::{ExposeSecret, SecretString};

use super::locked_connection::{ConnectionDeps, ConnectionRequest, ManageError, with_retries};
use crate::hook_address;
use crate::ports::{
    AccountAccess, AccountClaim, AccountOwner, AuthMode, Hook, HookAddress, HookRegistration,
    HookStatus, ProviderError, WebhookSecretPair,
};

/// Left of the invocation when no further try begins: one that times out, and the end of the work.
const RESERVE: Duration = Duration::from_secs(8);

/// What registering a webhook came to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RegisteredHook {
    /// What is noted of it.
    pub status: HookStatus,
    /// Why it failed, if it did.
    pub failure: Option<ProviderError>,
}

/// The token to store: the one that is stored, a new one, or none where nothing is registered.
pub(super) fn token_for(
    deps: &ConnectionDeps<'_>,
    stored: Option<&WebhookSecretPair>,
) -> Option<SecretString> {
    let token = || stored.and_then(|secrets| secrets.url_token.clone());
    let token = || token().unwrap_or_else(|| hook_address::new_token(deps.clock));
    (deps.connector.hook_address() != HookAddress::Shared).then(token)
}

/// Makes the address's deliveries the tenant's.
pub(super) async fn claim(
    deps: &ConnectionDeps<'_>,
    request: &ConnectionRequest,
    auth: AuthMode,
    token: &SecretString,
) -> Result<(), ManageError> {
    let account_id = hook_address::account_id(token.expose_secret());
    let owner = AccountOwner { tenant: request.tenant.clone(), auth };
    match deps.accounts.claim(request.system, &account_id, &owner).await? {
        AccountClaim::Owned => Ok(()),
        // No two tenants are given one token: somebody has copied a secret.
        AccountClaim::Taken => Err(ManageError::AccountTaken),
    }
}

/// Tells the provider the address. A failure is a result: the connection works without, as changes
/// are then found by the next sweep.
pub(super) async fn register(
    deps: &ConnectionDeps<'_>,
    request: &ConnectionRequest,
    access: &AccountAccess,
    token: &SecretString,
) -> Option<RegisteredHook> {
    let url = hook_address::address(&request.webhook_url, token);
    let hook = Hook { url, secret: SecretString::default() };
    let call = || deps.connector.ensure_webhook(access, &hook);
    let (status, failure) = match with_retries(deps, request.deadline - RESERVE, call).await {
        Ok(HookRegistration::Registered { .. }) => (HookStatus::Registered, None),
        Ok(HookRegistration::NoRoom) => (HookStatus::NoRoom, None),
        Ok(HookRegistration::Manual) => return None,
        Err(error) => (HookStatus::Failed, Some(error)),
    };
    Some(RegisteredHook { status, failure })
}

/// Has the provider forget our addresses; tried once, and what goes wrong is only told. A webhook that
/// is left leads nowhere: its deliveries are refused, and the provider disables it at some time.
pub(super) async fn remove(
    deps: &ConnectionDeps<'_>,
    request: &ConnectionRequest,
    access: &AccountAccess,
) -> Option<ProviderError> {
    if deps.connector.hook_address() != HookAddress::Registered {
        return None;
    }
    deps.connector.remove_webhooks(access, &request.webhook_url).await.err()
}
