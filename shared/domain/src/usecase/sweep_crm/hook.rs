//! Looks whether the webhook of a connection is still there, and has it made anew where it is gone.
//!
//! The provider may be told to delete and to create, so all of it is done under the connection's lock
//! and with the secrets that are read under it: beside a rotation the old password would come back, and
//! beside a disconnect a webhook would be left that leads nowhere. Where somebody else has the lock the
//! webhook is left for this turn.

use std::sync::Arc;
use std::time::Duration;

use crate::ports::{
    Called, Connection, ConnectionEntry, ConnectionLock, ConnectionStatus, Fenced, Finish, Found,
    HookAddress, HookRegistration, HookStatus, WebhookSecretPair,
};
use crate::usecase::locked_connection::{
    ConnectionDeps, ConnectionRequest, ManageError, acquire, renew,
};
use crate::usecase::provider_reads::{PageLimits, ProviderReads};
use crate::usecase::registered_hook;
use crate::usecase::time_limit::within;

/// The provider's part takes no longer than this; what is not answered by then is left.
pub(super) const LOOK_MAX: Duration = Duration::from_secs(20);

/// What became of the webhook.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum HookLook {
    /// It is there.
    Standing,
    /// It was not, and is again.
    Remade,
    /// It is not there, and the account has no room for it.
    NoRoom,
    /// Somebody is changing the connection: the next sweep looks.
    Left,
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
            Self::Left => "left",
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
        // Ahead of the lock: a token is renewed under the same one.
        if self.reads.connection().await.is_err() {
            return Some(HookLook::Unknown("provider_unavailable"));
        }
        let (mut lock, found) = match acquire(self.deps, self.request).await {
            Ok(locked) => locked,
            Err(ManageError::InProgress { .. }) => return Some(HookLook::Left),
            Err(_error) => return Some(HookLook::Unknown("lock_unavailable")),
        };
        let (look, noted) = match self.look_locked(&mut lock, found).await {
            Ok((look, noted)) => (look, noted),
            Err(look) => (look, None),
        };
        let end = noted.as_ref().map_or(Finish::Unchanged, Finish::Updated);
        match self.deps.registry.finish(&lock, &end, None).await {
            Ok(Fenced::Done) => look,
            Ok(Fenced::Lost) | Err(_) if noted.is_some() => Some(HookLook::Unknown("not_noted")),
            // Nothing was to be noted; the lock ends by itself.
            Ok(Fenced::Lost) | Err(_) => look,
        }
    }

    /// What was seen, and the entry where it says something else by now. The error is a look that
    /// leaves everything as it is noted.
    async fn look_locked(
        &self,
        lock: &mut ConnectionLock,
        found: Found,
    ) -> Result<(Option<HookLook>, Option<ConnectionEntry>), Option<HookLook>> {
        let ConnectionRequest { tenant, system, .. } = self.request;
        let unknown = |reason| Some(HookLook::Unknown(reason));
        let is_swept = |it: &ConnectionEntry| {
            it.account_id == self.entry.account_id && it.status == ConnectionStatus::Connected
        };
        let entry = found.entry.filter(is_swept).ok_or(unknown("overtaken"))?;
        let stored = self.deps.credentials.webhook_secrets(tenant, *system).await;
        let secrets = stored.map_err(|_error| unknown("secrets_unavailable"))?;
        let secrets = secrets.ok_or(unknown("no_secret"))?;
        renew(self.deps, lock).await.map_err(|_error| unknown("overtaken"))?;
        let (status, hook_ids) = self.registered(&secrets).await?;
        let is_new = hook_ids.iter().any(|id| !secrets.hook_ids.contains(id));
        let was_registered = entry.webhook == Some(HookStatus::Registered);
        let look = match status {
            HookStatus::Registered if is_new || !was_registered => HookLook::Remade,
            HookStatus::Registered => HookLook::Standing,
            HookStatus::NoRoom | HookStatus::Failed => HookLook::NoRoom,
        };
        if !same_ids(&hook_ids, &secrets.hook_ids) {
            renew(self.deps, lock).await.map_err(|_error| unknown("not_noted"))?;
            let secrets = WebhookSecretPair { hook_ids, ..secrets };
            let put = self.deps.credentials.put_webhook_secrets(tenant, *system, &secrets).await;
            put.map_err(|_error| unknown("not_noted"))?;
        }
        let noted = (entry.webhook != Some(status))
            .then_some(ConnectionEntry { webhook: Some(status), ..entry });
        Ok((Some(look), noted))
    }

    /// Has the provider look. The error is `None` where it takes no registrations after all.
    async fn registered(
        &self,
        secrets: &WebhookSecretPair,
    ) -> Result<(HookStatus, Vec<String>), Option<HookLook>> {
        let unknown = |reason| Some(HookLook::Unknown(reason));
        let hook = registered_hook::wanted(self.deps, self.request, secrets);
        let hook = Arc::new(hook.ok_or(unknown("no_address"))?);
        let call = |connection: Arc<Connection>| {
            let hook = Arc::clone(&hook);
            async move {
                // Credentials that are cached may be of the account before.
                let is_swept = connection.account_id == self.entry.account_id;
                let value = match is_swept {
                    true => {
                        let access = connection.access();
                        Some(self.deps.connector.ensure_webhook(&access, &hook).await?)
                    }
                    false => None,
                };
                Ok(Called { value, calls: u32::from(is_swept), rate: None, quota: None })
            }
        };
        let until = self.limits.until.min(self.deps.clock.now() + LOOK_MAX);
        let limits = PageLimits { until, ..self.limits };
        let work = self.reads.repeated(1, limits, call);
        let read = within(self.deps.clock, LOOK_MAX, work).await;
        let read = read.and_then(Result::ok).ok_or(unknown("provider_unavailable"))?;
        match read.value {
            Some(HookRegistration::Registered { hook_ids }) => {
                Ok((HookStatus::Registered, hook_ids))
            }
            Some(HookRegistration::NoRoom) => Ok((HookStatus::NoRoom, Vec::new())),
            Some(HookRegistration::Manual) => Err(None),
            None => Err(unknown("overtaken")),
        }
    }
}

fn same_ids(some: &[String], others: &[String]) -> bool {
    some.len() == others.len() && some.iter().all(|id| others.contains(id))
}
