//! A provider's side of connecting, in memory: accounts by their tokens, and a token endpoint.

use std::collections::{HashMap, HashSet, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use secrecy::{ExposeSecret, SecretString};
use sync_domain::model::{ObjectType, System};
use sync_domain::ports::{
    AccountAccess, AccountConnector, AccountDetails, AuthMode, ConnectorCatalog, GrantError, Hook,
    HookAddress, HookRegistration, KeyProperty, OauthApp, OauthTokens, ProviderError,
};

/// How long this provider's tokens are good for.
pub const TOKEN_LIFETIME: Duration = Duration::from_secs(1_800);

#[derive(Default)]
struct State {
    tokens: HashMap<String, String>,
    codes: HashMap<String, String>,
    refresh_tokens: HashMap<String, String>,
    properties: HashSet<(String, ObjectType)>,
    not_permitted: HashSet<ObjectType>,
    faults: VecDeque<ProviderError>,
    grant_faults: VecDeque<GrantError>,
    hooks: HashMap<String, Vec<String>>,
    hook_faults: VecDeque<ProviderError>,
    takes_api_keys: bool,
    has_no_room: bool,
    is_rotating: bool,
    is_silent_about_refresh_token: bool,
    issued: u32,
    refreshes: u32,
    account_calls: u32,
}

/// Knows accounts by tokens, codes and refresh tokens, and counts what it is asked.
#[derive(Default)]
pub struct ScriptedConnector(Mutex<State>);

impl ScriptedConnector {
    /// A token that is good for an account.
    pub fn add_token(&self, token: &str, account_id: &str) {
        self.state().tokens.insert(token.to_owned(), account_id.to_owned());
    }

    /// A code that a person's consent to an account gave.
    pub fn add_code(&self, code: &str, account_id: &str) {
        self.state().codes.insert(code.to_owned(), account_id.to_owned());
    }

    /// A refresh token of an account.
    pub fn add_refresh_token(&self, token: &str, account_id: &str) {
        self.state().refresh_tokens.insert(token.to_owned(), account_id.to_owned());
    }

    /// Kills a refresh token, as an uninstallation does.
    pub fn revoke(&self, refresh_token: &str) {
        self.state().refresh_tokens.remove(refresh_token);
    }

    /// From now on each refresh gives another refresh token and kills the one it was asked with.
    pub fn rotate_refresh_tokens(&self) {
        self.state().is_rotating = true;
    }

    /// From now on a refresh says nothing of the refresh token.
    pub fn omit_refresh_tokens(&self) {
        self.state().is_silent_about_refresh_token = true;
    }

    /// Lets the next call fail, the token endpoint excepted.
    pub fn fail_next(&self, error: ProviderError) {
        self.state().faults.push_back(error);
    }

    /// Lets the next call of the token endpoint fail.
    pub fn fail_next_grant(&self, error: GrantError) {
        self.state().grant_faults.push_back(error);
    }

    /// The accounts don't permit a key property of this kind.
    pub fn forbid_property(&self, object_type: ObjectType) {
        self.state().not_permitted.insert(object_type);
    }

    /// From now on accounts are connected by API keys, and webhooks registered by a call.
    pub fn take_api_keys(&self) {
        self.state().takes_api_keys = true;
    }

    /// From now on no account has room for a webhook, or has again.
    pub fn leave_no_room(&self, has_no_room: bool) {
        self.state().has_no_room = has_no_room;
    }

    /// Lets the next call about webhooks fail.
    pub fn fail_next_hook(&self, error: ProviderError) {
        self.state().hook_faults.push_back(error);
    }

    /// The addresses that an account has webhooks to.
    pub fn hooks(&self, account_id: &str) -> Vec<String> {
        self.state().hooks.get(account_id).cloned().unwrap_or_default()
    }

    /// How often a token was refreshed or was tried to be.
    pub fn refreshes(&self) -> u32 {
        self.state().refreshes
    }

    /// How often an account was looked up by its token.
    pub fn account_calls(&self) -> u32 {
        self.state().account_calls
    }

    /// How many key properties there are in an account.
    pub fn property_count(&self, account_id: &str) -> usize {
        self.state().properties.iter().filter(|(account, _)| account == account_id).count()
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn account_of(&mut self, token: &SecretString) -> Result<String, ProviderError> {
        if let Some(error) = self.faults.pop_front() {
            return Err(error);
        }
        self.tokens.get(token.expose_secret()).cloned().ok_or(ProviderError::Unauthorized)
    }

    fn issue(&mut self, account_id: String, refresh_token: Option<SecretString>) -> OauthTokens {
        self.issued += 1;
        let access_token = format!("oauth-access-{}", self.issued);
        self.tokens.insert(access_token.clone(), account_id);
        let access_token = access_token.into();
        OauthTokens { access_token, refresh_token, expires_in: Some(TOKEN_LIFETIME), domain: None }
    }

    fn exchange(&mut self, code: &str) -> Result<OauthTokens, GrantError> {
        if let Some(error) = self.grant_faults.pop_front() {
            return Err(error);
        }
        let account_id = self.codes.remove(code).ok_or(GrantError::Refused)?;
        let refresh_token = format!("oauth-refresh-{}", self.issued + 1);
        self.refresh_tokens.insert(refresh_token.clone(), account_id.clone());
        Ok(self.issue(account_id, Some(refresh_token.into())))
    }

    fn refresh(&mut self, refresh_token: &str) -> Result<OauthTokens, GrantError> {
        self.refreshes += 1;
        if let Some(error) = self.grant_faults.pop_front() {
            return Err(error);
        }
        let account_id = self.refresh_tokens.get(refresh_token).cloned();
        let account_id = account_id.ok_or(GrantError::Refused)?;
        let mut next = refresh_token.to_owned();
        if self.is_rotating {
            self.refresh_tokens.remove(refresh_token);
            next = format!("oauth-refresh-{}", self.issued + 1);
            self.refresh_tokens.insert(next.clone(), account_id.clone());
        }
        let told = (!self.is_silent_about_refresh_token).then(|| next.into());
        Ok(self.issue(account_id, told))
    }
}

/// Whether an address is one of those that begin like `url` up to its query.
fn is_alike(address: &str, url: &str) -> bool {
    address.split('?').next() == url.split('?').next()
}

impl State {
    fn hooks_of(&mut self, token: &SecretString) -> Result<&mut Vec<String>, ProviderError> {
        if let Some(error) = self.hook_faults.pop_front() {
            return Err(error);
        }
        let account_id = self.account_of(token)?;
        Ok(self.hooks.entry(account_id).or_default())
    }

    fn ensure_hook(
        &mut self,
        token: &SecretString,
        url: &str,
    ) -> Result<HookRegistration, ProviderError> {
        let has_room = !self.has_no_room;
        let hooks = self.hooks_of(token)?;
        hooks.retain(|address| address == url || !is_alike(address, url));
        if !hooks.iter().any(|address| address == url) {
            if !has_room {
                return Ok(HookRegistration::NoRoom);
            }
            hooks.push(url.to_owned());
        }
        Ok(HookRegistration::Registered { hook_ids: Vec::new() })
    }
}

#[async_trait]
impl AccountConnector for ScriptedConnector {
    fn auth_modes(&self) -> &'static [AuthMode] {
        if self.state().takes_api_keys {
            &[AuthMode::ApiKey]
        } else {
            &[AuthMode::PrivateApp, AuthMode::Oauth]
        }
    }

    fn hook_address(&self) -> HookAddress {
        if self.state().takes_api_keys { HookAddress::Registered } else { HookAddress::Shared }
    }

    async fn ensure_webhook(
        &self,
        access: &AccountAccess,
        hook: &Hook,
    ) -> Result<HookRegistration, ProviderError> {
        tokio::task::yield_now().await;
        let ensured = self.state().ensure_hook(&access.token, hook.url.expose_secret());
        tokio::task::yield_now().await;
        ensured
    }

    async fn remove_webhooks(
        &self,
        access: &AccountAccess,
        url: &str,
    ) -> Result<(), ProviderError> {
        tokio::task::yield_now().await;
        let removed = self
            .state()
            .hooks_of(&access.token)
            .map(|hooks| hooks.retain(|address| !is_alike(address, url)));
        tokio::task::yield_now().await;
        removed
    }

    fn keyed_types(&self) -> &'static [ObjectType] {
        if self.state().takes_api_keys { &[] } else { &[ObjectType::Company, ObjectType::Deal] }
    }

    async fn account(&self, access: &AccountAccess) -> Result<AccountDetails, ProviderError> {
        tokio::task::yield_now().await;
        let account = {
            let mut state = self.state();
            state.account_calls += 1;
            state.account_of(&access.token)
        };
        tokio::task::yield_now().await;
        Ok(AccountDetails { account_id: account?, time_zone: Some("US/Eastern".to_owned()) })
    }

    fn authorize_url(&self, app: &OauthApp, state: &str) -> String {
        format!("https://provider.example.com/authorize?client_id={}&state={state}", app.client_id)
    }

    async fn exchange(
        &self,
        _app: &OauthApp,
        code: &SecretString,
    ) -> Result<OauthTokens, GrantError> {
        tokio::task::yield_now().await;
        let tokens = self.state().exchange(code.expose_secret());
        tokio::task::yield_now().await;
        tokens
    }

    async fn refresh(
        &self,
        _app: &OauthApp,
        refresh_token: &SecretString,
    ) -> Result<OauthTokens, GrantError> {
        tokio::task::yield_now().await;
        let tokens = self.state().refresh(refresh_token.expose_secret());
        tokio::task::yield_now().await;
        tokens
    }

    async fn ensure_key_property(
        &self,
        access: &AccountAccess,
        object_type: ObjectType,
    ) -> Result<KeyProperty, ProviderError> {
        tokio::task::yield_now().await;
        let ensured = {
            let mut state = self.state();
            state.account_of(&access.token).map(|account_id| {
                if state.not_permitted.contains(&object_type) {
                    return KeyProperty::NotAvailable;
                }
                state.properties.insert((account_id, object_type));
                KeyProperty::Available
            })
        };
        tokio::task::yield_now().await;
        ensured
    }
}

/// One connector for every system.
pub struct OneConnector(pub Arc<ScriptedConnector>);

impl ConnectorCatalog for OneConnector {
    fn connector(&self, _system: System) -> Arc<dyn AccountConnector> {
        Arc::clone(&self.0) as Arc<dyn AccountConnector>
    }
}
