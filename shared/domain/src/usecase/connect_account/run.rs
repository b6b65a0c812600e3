//! The steps of a connect, under its lock.

use futures::future::try_join_all;
use jiff::Timestamp;

use super::super::locked_connection::{
    ConnectionDeps, ManageError, finish, give_back, renew, with_retries,
};
use super::super::registered_hook;
use super::tokens::Tokens;
use super::{ConnectAccount, Connected};
use crate::model::{AuditAction, ObjectType};
use crate::ports::{
    AccountClaim, AccountDetails, AccountOwner, ConnectionEntry, ConnectionError, ConnectionLock,
    ConnectionStatus, Credentials, CustomFields, Fenced, Finish, Found, KeyProperty, OauthApp,
};

/// One connect on its way.
pub(super) struct Run<'a, 'd> {
    pub(super) deps: &'a ConnectionDeps<'d>,
    pub(super) command: ConnectAccount,
    pub(super) app: Option<OauthApp>,
    /// The account's own name in the provider's host names, as the caller gave it and checked.
    pub(super) domain: Option<String>,
    pub(super) lock: ConnectionLock,
    pub(super) found: Found,
}

/// What can be used of our key properties.
struct KeyFields {
    types: Vec<ObjectType>,
    /// Those that have names of the account's own.
    named: CustomFields,
}

impl Run<'_, '_> {
    pub(super) async fn run(mut self) -> Result<Connected, ManageError> {
        let (tokens, account) = match self.try_tokens().await {
            Ok(tested) => tested,
            Err(error) => {
                give_back(self.deps, &self.lock, &Finish::Unchanged).await;
                return Err(error);
            }
        };
        if let Err(error) = self.claim(&tokens, &account).await {
            // Also after a refusal, which has given the lock back: that is fenced.
            give_back(self.deps, &self.lock, &Finish::Unchanged).await;
            return Err(error);
        }
        let key_fields = match self.ensure_key_properties(&tokens).await {
            Ok(fields) => fields,
            Err(error) => {
                self.undo_claim(&account).await;
                return Err(error);
            }
        };
        let stored = self.store(tokens, account, key_fields).await;
        if stored.is_err() {
            // Secrets may be written: the claim stays noted, and the same request again mends it.
            give_back(self.deps, &self.lock, &Finish::Unchanged).await;
        }
        stored
    }

    /// The account that the entry names, if there is an entry.
    pub(super) fn former_account(&self) -> Option<&str> {
        self.found.entry.as_ref().map(|entry| entry.account_id.as_str())
    }

    /// Gets tokens and tests them with one cheap call. An account that still goes by the stored id keeps
    /// it, and with it its webhook's address and secret.
    async fn try_tokens(&self) -> Result<(Tokens, AccountDetails), ManageError> {
        let tokens = self.tokens().await?;
        let access = tokens.access();
        let call = || self.deps.connector.account(&access);
        let mut account = with_retries(self.deps, self.command.request.deadline, call).await?;
        if let Some(former) = self.former_account()
            && account.goes_by(former)
        {
            account.account_id = former.to_owned();
        }
        Ok((tokens, account))
    }

    /// Makes the account the tenant's. What an earlier connect noted and did not finish goes first.
    async fn claim(&self, tokens: &Tokens, account: &AccountDetails) -> Result<(), ManageError> {
        let Self { deps, command, lock, found, .. } = self;
        let request = &command.request;
        let account_id = account.account_id.as_str();
        let former = self.former_account();
        if let Some(left) = found.claiming.as_deref()
            && left != account_id
            && Some(left) != former
        {
            deps.accounts.release(request.system, left, &request.tenant).await?;
        }
        if former != Some(account_id)
            && deps.registry.note_claim(lock, account_id).await? == Fenced::Lost
        {
            return Err(ManageError::lost());
        }
        let owner = AccountOwner { tenant: request.tenant.clone(), auth: tokens.auth };
        match deps.accounts.claim(request.system, account_id, &owner).await? {
            AccountClaim::Owned => Ok(()),
            AccountClaim::Taken => {
                let audit = request.audit(deps.clock, AuditAction::AccountClaimRefused);
                finish(deps, lock, &Finish::AccountGivenUp, &audit).await?;
                Err(ManageError::AccountTaken)
            }
        }
    }

    async fn ensure_key_properties(&self, tokens: &Tokens) -> Result<KeyFields, ManageError> {
        let deps = self.deps;
        let deadline = self.command.request.deadline;
        let access = &tokens.access();
        let ensure = |object_type: ObjectType| async move {
            let call = || deps.connector.ensure_key_property(access, object_type);
            let property = with_retries(deps, deadline, call).await?;
            Ok::<_, ManageError>((object_type, property))
        };
        let types = deps.connector.keyed_types().iter().copied();
        let properties = try_join_all(types.map(ensure)).await?;
        let mut fields = KeyFields { types: Vec::new(), named: CustomFields::new() };
        for (object_type, property) in properties {
            match property {
                KeyProperty::Available => fields.types.push(object_type),
                KeyProperty::Named(names) => {
                    fields.types.push(object_type);
                    let names = names.into_iter();
                    fields.named.extend(names.map(|(it, name)| ((object_type, it), name)));
                }
                KeyProperty::NotAvailable => {}
            }
        }
        Ok(fields)
    }

    /// Nothing of the new account is stored yet, so its pointer goes again.
    async fn undo_claim(&self, account: &AccountDetails) {
        let request = &self.command.request;
        let account_id = account.account_id.as_str();
        let mut end = Finish::Unchanged;
        if self.former_account() != Some(account_id) {
            let released =
                self.deps.accounts.release(request.system, account_id, &request.tenant).await;
            // One that could not be released stays noted.
            if released.is_ok() {
                end = Finish::AccountGivenUp;
            }
        }
        give_back(self.deps, &self.lock, &end).await;
    }

    async fn store(
        &mut self,
        tokens: Tokens,
        account: AccountDetails,
        key_fields: KeyFields,
    ) -> Result<Connected, ManageError> {
        let former = self.stored_credentials().await?;
        let version = self.version_after(former.as_ref());
        renew(self.deps, &mut self.lock).await?;
        let key_properties = key_fields.types.clone();
        let gaps = account.gaps.clone();
        let stored = self.store_credentials(tokens, account, version, key_fields).await?;
        let secrets = self.store_webhook_secret(&stored.account_id).await?;
        if let Some(secrets) = &secrets {
            registered_hook::claim(self.deps, &self.command.request, stored.auth, secrets).await?;
        }
        let connected_at = self.connected_at(&stored.account_id);
        let former_webhook_left = self.leave_former(&stored.account_id, former.as_ref()).await?;
        let Self { deps, command: ConnectAccount { request, .. }, lock, .. } = self;
        let webhook = match &secrets {
            Some(it) => {
                registered_hook::register(deps, request, lock, &stored.access(), it).await?
            }
            None => None,
        };
        let entered_url = registered_hook::entered_url(deps, request, secrets.as_ref());
        let entry = ConnectionEntry {
            status: ConnectionStatus::Connected,
            auth: stored.auth,
            account_id: stored.account_id.clone(),
            connected_at,
            token_version: version,
            token_expires_at: stored.expires_at,
            key_properties: key_properties.clone(),
            webhook: webhook.as_ref().map(|hook| hook.status),
            gaps: gaps.clone(),
        };
        let audit = request.audit(deps.clock, AuditAction::ConnectionCreated);
        finish(deps, lock, &Finish::Connected(&entry), &audit).await?;
        let Credentials { auth, account_id, .. } = stored;
        Ok(Connected {
            auth,
            account_id,
            key_properties,
            gaps,
            webhook,
            entered_url,
            former_webhook_left,
        })
    }

    async fn store_credentials(
        &self,
        tokens: Tokens,
        account: AccountDetails,
        token_version: u64,
        key_fields: KeyFields,
    ) -> Result<Credentials, ManageError> {
        let ConnectAccount { request, default_region, import_horizon_days, .. } = &self.command;
        let credentials = Credentials {
            auth: tokens.auth,
            access_token: tokens.access_token,
            refresh_token: tokens.refresh_token,
            expires_at: tokens.expires_at,
            refresh_at: tokens.refresh_at,
            account_id: account.account_id,
            default_region: default_region.clone(),
            import_horizon_days: *import_horizon_days,
            time_zone: account.time_zone,
            token_version,
            key_properties: Some(key_fields.types),
            domain: tokens.domain,
            custom_fields: key_fields.named,
            grant: tokens.grant,
        };
        let store = self.deps.credentials;
        store.put_credentials(&request.tenant, request.system, &credentials).await?;
        Ok(credentials)
    }

    /// Since when the account has been connected. One that is connected again stays so: what sweeps ask
    /// for begins there.
    fn connected_at(&self, account_id: &str) -> Timestamp {
        let same = self.found.entry.as_ref().filter(|entry| entry.account_id == account_id);
        same.map_or_else(|| self.deps.clock.now(), |entry| entry.connected_at)
    }

    /// The credentials that are about to be replaced. Unreadable ones are replaced like any others.
    async fn stored_credentials(&self) -> Result<Option<Credentials>, ManageError> {
        let request = &self.command.request;
        match self.deps.credentials.credentials(&request.tenant, request.system).await {
            Ok(credentials) => Ok(Some(credentials)),
            Err(
                ConnectionError::NotFound | ConnectionError::Malformed(_) | ConnectionError::Broken,
            ) => Ok(None),
            Err(error @ (ConnectionError::Unavailable(_) | ConnectionError::NoToken { .. })) => {
                Err(error.into())
            }
        }
    }

    /// One more than any version that was ever stored, so that whoever has an older token sees it.
    fn version_after(&self, stored: Option<&Credentials>) -> u64 {
        let stored = stored.map_or(0, |credentials| credentials.token_version);
        let listed = self.found.entry.as_ref().map_or(0, |entry| entry.token_version);
        stored.max(listed) + 1
    }
}
