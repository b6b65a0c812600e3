//! Looks whether the webhook of a connection is still there, and has it made anew where it is gone.
//!
//! The provider is asked without the connection's lock, as nothing is written when all is well. The
//! lock is taken to note what is new. Somebody may have connected anew or rotated meanwhile, and has
//! then registered the webhook with other secrets: what was seen here is not noted.

use std::sync::Arc;

use secrecy::ExposeSecret;

use crate::ports::{
    Called, Connection, ConnectionEntry, ConnectionLock, Fenced, Finish, Found, HookAddress,
    HookRegistration, HookStatus, WebhookSecretPair,
};
use crate::usecase::locked_connection::{
    ConnectionDeps, ConnectionRequest, ManageError, acquire, give_back, renew,
};
use crate::usecase::provider_reads::{PageLimits, ProviderReads};
use crate::usecase::registered_hook;

/// What became of the webhook.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum HookLook {
    /// It is there.
    Standing,
    /// It was not, and is again.
    Remade,
    /// It is not there, and the account has no room for it.
    NoRoom,
    /// It could not be found out, or not noted; why.
    Unknown(&'static str),
}

impl HookLook {
    /// The name in logs.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Standing => "standing",
            Self::Remade => "remade",
            Self::NoRoom => "no_room",
            Self::Unknown(reason) => reason,
        }
    }
}

/// What is needed to look at one connection's webhook.
pub(super) struct HookCare<'a> {
    pub reads: &'a ProviderReads<'a>,
    pub deps: &'a ConnectionDeps<'a>,
    pub request: &'a ConnectionRequest,
    /// The connection as it was when the sweep's step began.
    pub entry: &'a ConnectionEntry,
    pub limits: PageLimits,
}

impl HookCare<'_> {
    /// Looks at the webhook; `None` where none is registered by a call. Whatever goes wrong is told
    /// and stops nothing: the sweep is there for the time without a webhook.
    pub async fn look(&self) -> Option<HookLook> {
        if self.deps.connector.hook_address() != HookAddress::Registered {
            return None;
        }
        let ConnectionRequest { tenant, system, .. } = self.request;
        let secrets = match self.deps.credentials.webhook_secrets(tenant, *system).await {
            Ok(Some(secrets)) => secrets,
            Ok(None) => return Some(HookLook::Unknown("no_secret")),
            Err(_error) => return Some(HookLook::Unknown("secrets_unavailable")),
        };
        let (status, hook_ids) = match self.registered(&secrets).await? {
            Ok(registered) => registered,
            Err(look) => return Some(look),
        };
        let is_new = hook_ids.iter().any(|id| !secrets.hook_ids.contains(id));
        let was_registered = self.entry.webhook == Some(HookStatus::Registered);
        let look = match status {
            HookStatus::Registered if is_new || !was_registered => HookLook::Remade,
            HookStatus::Registered => HookLook::Standing,
            HookStatus::NoRoom | HookStatus::Failed => HookLook::NoRoom,
        };
        let are_noted = same_ids(&hook_ids, &secrets.hook_ids);
        if are_noted && self.entry.webhook == Some(status) {
            return Some(look);
        }
        Some(match self.note(&secrets, status, hook_ids).await {
            Ok(true) => look,
            Ok(false) => HookLook::Unknown("overtaken"),
            Err(_error) => HookLook::Unknown("not_noted"),
        })
    }

    /// Has the provider look; `None` where it takes no registrations after all.
    async fn registered(
        &self,
        secrets: &WebhookSecretPair,
    ) -> Option<Result<(HookStatus, Vec<String>), HookLook>> {
        let Some(hook) = registered_hook::wanted(self.deps, self.request, secrets) else {
            return Some(Err(HookLook::Unknown("no_address")));
        };
        let hook = Arc::new(hook);
        let call = |connection: Arc<Connection>| {
            let hook = Arc::clone(&hook);
            async move {
                let value = self.deps.connector.ensure_webhook(&connection.access(), &hook).await?;
                Ok(Called { value, calls: 1, rate: None, quota: None })
            }
        };
        match self.reads.repeated(1, self.limits, call).await {
            Ok(read) => match read.value {
                HookRegistration::Registered { hook_ids } => {
                    Some(Ok((HookStatus::Registered, hook_ids)))
                }
                HookRegistration::NoRoom => Some(Ok((HookStatus::NoRoom, Vec::new()))),
                HookRegistration::Manual => None,
            },
            Err(_failure) => Some(Err(HookLook::Unknown("provider_unavailable"))),
        }
    }

    /// Stores what is new under the connection's lock; `false` where somebody else was at it.
    async fn note(
        &self,
        seen: &WebhookSecretPair,
        status: HookStatus,
        hook_ids: Vec<String>,
    ) -> Result<bool, ManageError> {
        let (mut lock, found) = acquire(self.deps, self.request).await?;
        let noted = self.note_locked(&mut lock, found, seen, (status, hook_ids)).await;
        if !matches!(noted, Ok(true)) {
            give_back(self.deps, &lock, &Finish::Unchanged).await;
        }
        noted
    }

    async fn note_locked(
        &self,
        lock: &mut ConnectionLock,
        found: Found,
        seen: &WebhookSecretPair,
        (status, hook_ids): (HookStatus, Vec<String>),
    ) -> Result<bool, ManageError> {
        let ConnectionRequest { tenant, system, .. } = self.request;
        let Some(entry) = found.entry.filter(|it| it.account_id == self.entry.account_id) else {
            return Ok(false);
        };
        let stored = self.deps.credentials.webhook_secrets(tenant, *system).await?;
        let Some(stored) = stored.filter(|stored| is_same(stored, seen)) else { return Ok(false) };
        if !same_ids(&hook_ids, &stored.hook_ids) {
            renew(self.deps, lock).await?;
            let secrets = WebhookSecretPair { hook_ids, ..stored };
            self.deps.credentials.put_webhook_secrets(tenant, *system, &secrets).await?;
        }
        let entry = ConnectionEntry { webhook: Some(status), ..entry };
        match self.deps.registry.finish(lock, &Finish::Updated(&entry), None).await? {
            Fenced::Done => Ok(true),
            Fenced::Lost => Err(ManageError::lost()),
        }
    }
}

/// Whether the webhook that was looked at is the one of these secrets.
fn is_same(stored: &WebhookSecretPair, seen: &WebhookSecretPair) -> bool {
    let token = |secrets: &WebhookSecretPair| {
        secrets.url_token.as_ref().map(|token| token.expose_secret().to_owned())
    };
    stored.signs_with(&seen.current) && token(stored) == token(seen)
}

fn same_ids(some: &[String], others: &[String]) -> bool {
    some.len() == others.len() && some.iter().all(|id| others.contains(id))
}
