//! The steps of a connect, under its lock.

use futures::future::try_join_all;
use jiff::Timestamp;
use secrecy::SecretString;

use super::super::api_key;
use super::super::locked_connection::{
    ConnectionDeps, ManageError, finish, give_back, renew, with_retries,
};
use super::super::registered_hook;
use super::{ConnectAccount, ConnectMethod, Connected};
use crate::model::{AuditAction, InvalidField, ObjectType};
use crate::ports::{
    AccountAccess, AccountClaim, AccountDetails, AccountOwner, AuthMode, ConnectionEntry,
    ConnectionError, ConnectionLock, ConnectionStatus, Credentials, CustomFields, Fenced, Finish,
    Found, GrantError, KeyProperty, OauthApp, TenantGrant,
};

/// One connect on its way.
pub(super) struct Run<'a, 'd> {
    pub(super) deps: &'a ConnectionDeps<'d>,
    pub(super) command: ConnectAccount,
    pub(super) app: Option<OauthApp>,
    pub(super) lock: ConnectionLock,
    pub(super) found: Found,
}

/// What the provider gave us to call it with.
struct Tokens {
    auth: AuthMode,
    access_token: SecretString,
    refresh_token: Option<SecretString>,
    expires_at: Option<Timestamp>,
    domain: Option<String>,
    grant: Option<TenantGrant>,
}

impl Tokens {
    fn access(&self) -> AccountAccess {
        let (token, domain) = (self.access_token.clone(), self.domain.clone());
        AccountAccess { auth: self.auth, token, domain }
    }
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
        let key_properties = match self.ensure_key_properties(&tokens).await {
            Ok(types) => types,
            Err(error) => {
                self.undo_claim(&account).await;
                return Err(error);
            }
        };
        let stored = self.store(tokens, account, key_properties).await;
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

    /// Gets tokens and tests them with one cheap call.
    async fn try_tokens(&self) -> Result<(Tokens, AccountDetails), ManageError> {
        let tokens = self.tokens().await?;
        let access = tokens.access();
        let call = || self.deps.connector.account(&access);
        let account = with_retries(self.deps, self.command.request.deadline, call).await?;
        Ok((tokens, account))
    }

    async fn tokens(&self) -> Result<Tokens, ManageError> {
        let (app, code) = match (&self.command.method, &self.app) {
            (ConnectMethod::PrivateApp { access_token, .. }, _) => {
                return Ok(Tokens {
                    auth: AuthMode::PrivateApp,
                    access_token: access_token.clone(),
                    refresh_token: None,
                    expires_at: None,
                    domain: None,
                    grant: None,
                });
            }
            (ConnectMethod::ApiKey { user_id, api_key }, _) => {
                return Ok(Tokens {
                    auth: AuthMode::ApiKey,
                    access_token: api_key::token_of(user_id, api_key),
                    refresh_token: None,
                    expires_at: None,
                    domain: None,
                    grant: None,
                });
            }
            (ConnectMethod::Oauth { code, .. }, Some(app)) => (app, code),
            (ConnectMethod::Oauth { .. }, None) => return Err(ManageError::OauthNotConfigured),
        };
        // Counted from before the call: a token that is thought to end too early does no harm.
        let began = self.deps.clock.now();
        let tokens =
            self.deps.connector.exchange(app, code).await.map_err(|error| match error {
                GrantError::Refused => {
                    InvalidField::new("code", "is refused by the provider: begin the consent again")
                        .into()
                }
                GrantError::AppRefused => ManageError::OauthAppRefused,
                GrantError::Provider(error) => error.into(),
            })?;
        Ok(Tokens {
            auth: AuthMode::Oauth,
            access_token: tokens.access_token,
            refresh_token: tokens.refresh_token,
            expires_at: tokens.expires_in.map(|time| began + time),
            domain: tokens.domain,
            grant: None,
        })
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

    async fn ensure_key_properties(&self, tokens: &Tokens) -> Result<Vec<ObjectType>, ManageError> {
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
        let usable = properties
            .into_iter()
            .filter(|(_, property)| *property == KeyProperty::Available)
            .map(|(object_type, _)| object_type);
        Ok(usable.collect())
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
        key_properties: Vec<ObjectType>,
    ) -> Result<Connected, ManageError> {
        let former = self.stored_credentials().await?;
        let version = self.version_after(former.as_ref());
        renew(self.deps, &mut self.lock).await?;
        let stored = self.store_credentials(tokens, account, version, &key_properties).await?;
        let url_token = self.store_webhook_secret(&stored.account_id).await?;
        let Self { deps, command: ConnectAccount { request, .. }, .. } = &*self;
        if let Some(token) = &url_token {
            registered_hook::claim(deps, request, stored.auth, token).await?;
        }
        let former_webhook_left = self.leave_former(&stored.account_id, former.as_ref()).await?;
        let webhook = match &url_token {
            Some(token) => registered_hook::register(deps, request, &stored.access(), token).await,
            None => None,
        };
        let entry = ConnectionEntry {
            status: ConnectionStatus::Connected,
            auth: stored.auth,
            account_id: stored.account_id.clone(),
            connected_at: deps.clock.now(),
            token_version: version,
            token_expires_at: stored.expires_at,
            key_properties: key_properties.clone(),
            webhook: webhook.as_ref().map(|hook| hook.status),
        };
        let audit = request.audit(deps.clock, AuditAction::ConnectionCreated);
        finish(deps, &self.lock, &Finish::Connected(&entry), &audit).await?;
        let Credentials { auth, account_id, .. } = stored;
        Ok(Connected { auth, account_id, key_properties, webhook, former_webhook_left })
    }

    async fn store_credentials(
        &self,
        tokens: Tokens,
        account: AccountDetails,
        token_version: u64,
        key_properties: &[ObjectType],
    ) -> Result<Credentials, ManageError> {
        let ConnectAccount { request, default_region, import_horizon_days, .. } = &self.command;
        let credentials = Credentials {
            auth: tokens.auth,
            access_token: tokens.access_token,
            refresh_token: tokens.refresh_token,
            expires_at: tokens.expires_at,
            account_id: account.account_id,
            default_region: default_region.clone(),
            import_horizon_days: *import_horizon_days,
            time_zone: account.time_zone,
            token_version,
            key_properties: Some(key_properties.to_vec()),
            domain: tokens.domain,
            custom_fields: CustomFields::new(),
            grant: tokens.grant,
        };
        let store = self.deps.credentials;
        store.put_credentials(&request.tenant, request.system, &credentials).await?;
        Ok(credentials)
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
