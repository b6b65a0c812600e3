//! A connection's own webhook: its address, the pointer that leads from there to the tenant, and where
//! the provider registers webhooks by a call, that call.
//!
//! The token of the address is kept with the secrets that sign. It is stored before the pointer is
//! made, and the pointer before the provider is told, so that whatever a crash leaves can be found by
//! the stored token. It stays the same until the connection is removed. Only where people enter the
//! address, another account gets another token: the address may be all that such deliveries show, and
//! those who know the old one are the former account's.
//!
//! The provider's ids of what is registered are left out of what is stored before the call, and stored
//! after it: the call may make webhooks anew, and until their ids are known every webhook that shows the
//! secret counts. A crash in between leaves them out; the same request again gets them from the
//! provider, as nothing is registered twice.

use std::time::Duration;

use secrecy::{ExposeSecret, SecretString};

use super::locked_connection::{
    ConnectionDeps, ConnectionRequest, ManageError, renew, until_from, with_retries,
};
use super::renewed_token::last_token;
use crate::hook_address;
use crate::ports::{
    AccountAccess, AccountClaim, AccountOwner, AuthMode, ConnectionLock, Credentials, Hook,
    HookAddress, HookRegistration, HookSecret, HookStatus, ProviderError, WebhookSecretPair,
};
use crate::usecase::time_limit::within;

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

/// The secrets with what leads deliveries to the connection's own address, if it has one. What is
/// stored of that stays, as far as it is the account's; but for the ids of webhooks, until the provider
/// has told them again.
pub(super) fn addressed(
    deps: &ConnectionDeps<'_>,
    secrets: WebhookSecretPair,
    stored: Option<&WebhookSecretPair>,
    account_id: &str,
) -> WebhookSecretPair {
    let address = deps.connector.hook_address();
    if address == HookAddress::Shared {
        return secrets;
    }
    let is_of_account =
        |it: &&WebhookSecretPair| it.account_id.as_deref().is_none_or(|id| id == account_id);
    let url_token = stored
        .filter(|it| address == HookAddress::Registered || is_of_account(it))
        .and_then(|it| it.url_token.clone())
        .unwrap_or_else(|| hook_address::new_token(deps.clock));
    let account_id = Some(account_id.to_owned());
    WebhookSecretPair { url_token: Some(url_token), account_id, hook_ids: Vec::new(), ..secrets }
}

/// Gives up the pointer of a token that is about to be replaced.
pub(super) async fn give_up_other_token(
    deps: &ConnectionDeps<'_>,
    request: &ConnectionRequest,
    stored: &WebhookSecretPair,
    next: &WebhookSecretPair,
) -> Result<(), ManageError> {
    let account_of = |secrets: &WebhookSecretPair| {
        let token = secrets.url_token.as_ref();
        token.map(|token| hook_address::account_id(token.expose_secret()))
    };
    match account_of(stored) {
        Some(account_id) if account_of(next).as_ref() != Some(&account_id) => {
            Ok(deps.accounts.release(request.system, &account_id, &request.tenant).await?)
        }
        Some(_) | None => Ok(()),
    }
}

/// Makes the deliveries to the connection's own address the tenant's, if it has one.
pub(super) async fn claim(
    deps: &ConnectionDeps<'_>,
    request: &ConnectionRequest,
    auth: AuthMode,
    secrets: &WebhookSecretPair,
) -> Result<(), ManageError> {
    let Some(token) = &secrets.url_token else { return Ok(()) };
    let account_id = hook_address::account_id(token.expose_secret());
    let owner = AccountOwner { tenant: request.tenant.clone(), auth };
    match deps.accounts.claim(request.system, &account_id, &owner).await? {
        AccountClaim::Owned => Ok(()),
        // No two tenants are given one token: somebody has copied a secret.
        AccountClaim::Taken => Err(ManageError::AccountTaken),
    }
}

/// The address that people enter at the provider, where they do.
pub(super) fn entered_url(
    deps: &ConnectionDeps<'_>,
    request: &ConnectionRequest,
    secrets: Option<&WebhookSecretPair>,
) -> Option<SecretString> {
    let token = secrets?.url_token.as_ref()?;
    (deps.connector.hook_address() == HookAddress::Entered)
        .then(|| hook_address::entered_address(&request.webhook_url, token))
}

/// The webhook to be registered, where one is registered by a call.
pub(super) fn wanted(
    deps: &ConnectionDeps<'_>,
    request: &ConnectionRequest,
    secrets: &WebhookSecretPair,
) -> Option<Hook> {
    let token = secrets.url_token.as_ref()?;
    let secret = match deps.connector.hook_secret() {
        HookSecret::Drawn => secrets.current.clone(),
        HookSecret::Given => SecretString::default(),
    };
    (deps.connector.hook_address() == HookAddress::Registered)
        .then(|| Hook { url: hook_address::address(&request.webhook_url, token), secret })
}

/// Tells the provider the address, where it is told by a call, and notes the ids that it gives the
/// webhooks. That it can't be told is a result: the connection works without, as changes are then
/// found by the next sweep. It takes no longer than the invocation has, less what the end of the work
/// needs: else what is noted under the lock would not be written any more.
///
/// # Errors
/// When the ids could not be stored.
pub(super) async fn register(
    deps: &ConnectionDeps<'_>,
    request: &ConnectionRequest,
    lock: &mut ConnectionLock,
    access: &AccountAccess,
    secrets: &WebhookSecretPair,
) -> Result<Option<RegisteredHook>, ManageError> {
    let Some(hook) = wanted(deps, request, secrets) else { return Ok(None) };
    let call = || deps.connector.ensure_webhook(access, &hook);
    let end = request.deadline - RESERVE;
    let time_left = until_from(deps.clock.now(), end);
    let ensured = within(deps.clock, time_left, with_retries(deps, end, call)).await;
    let ensured = ensured.unwrap_or(Err(ProviderError::TimedOut));
    let (status, failure) = match ensured {
        Ok(HookRegistration::Registered { hook_ids }) => {
            if hook_ids != secrets.hook_ids {
                renew(deps, lock).await?;
                let noted = WebhookSecretPair { hook_ids, ..secrets.clone() };
                let (tenant, system) = (&request.tenant, request.system);
                deps.credentials.put_webhook_secrets(tenant, system, &noted).await?;
            }
            (HookStatus::Registered, None)
        }
        Ok(HookRegistration::NoRoom) => (HookStatus::NoRoom, None),
        Ok(HookRegistration::Manual) => return Ok(None),
        Err(error) => (HookStatus::Failed, Some(error)),
    };
    Ok(Some(RegisteredHook { status, failure }))
}

/// Has the provider forget our addresses, with credentials that are given up; tried once, and once more
/// with another token where the stored one has ended. What goes wrong is only told. A webhook that is
/// left leads nowhere: its deliveries are refused, and the provider disables it at some time.
pub(super) async fn remove(
    deps: &ConnectionDeps<'_>,
    request: &ConnectionRequest,
    credentials: &Credentials,
) -> Option<ProviderError> {
    if deps.connector.hook_address() != HookAddress::Registered {
        return None;
    }
    let access = credentials.access();
    let removed = deps.connector.remove_webhooks(&access, &request.webhook_url).await;
    if removed == Err(ProviderError::Unauthorized)
        && let Some(token) = last_token(deps, request.system, credentials).await
    {
        let access = AccountAccess { token, ..access };
        return deps.connector.remove_webhooks(&access, &request.webhook_url).await.err();
    }
    removed.err()
}
