//! A provider's side of connecting, in memory: accounts by their tokens, a token endpoint, apps of
//! tenants that mint tokens, and the webhooks of each account.
//!
//! It stands for one of several kinds of provider. How it answers is in `connector_calls`.

use std::collections::{HashMap, HashSet, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use secrecy::{ExposeSecret, SecretString};
use sync_domain::model::{ObjectType, System};
use sync_domain::ports::{
    AccountAccess, AccountConnector, AccountGap, AuthMode, ConnectorCatalog, GrantError,
    HookAddress, HookSecret, OauthApp, OauthTokens, ProviderError, TenantGrant,
};

use crate::connector_hooks::ScriptedHook;

/// How long this provider's tokens are good for, where it says so.
pub const TOKEN_LIFETIME: Duration = Duration::from_secs(1_800);
/// How long before its end a token is replaced, where the test says nothing else.
const REFRESH_AHEAD: Duration = Duration::from_secs(300);
/// The name that an account of a provider with hosts of its tenants' own has there.
pub const DOMAIN: &str = "acme";

/// What kind of provider it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum ProviderKind {
    /// A CRM with one address for all webhooks (HubSpot).
    #[default]
    SharedHooks,
    /// A booking system whose accounts are connected by API keys, which sign webhooks (Acuity).
    ApiKeys,
    /// A CRM with hosts of its tenants' own, whose apps mint tokens; people enter the webhook's address
    /// (Salesforce).
    MintedTokens,
    /// A CRM with hosts of its tenants' own, API tokens or OAuth; webhooks are registered with a secret
    /// that we draw, and key fields have names of the account's own (Pipedrive).
    DrawnSecrets,
}

impl ProviderKind {
    pub(crate) const fn auth_modes(self) -> &'static [AuthMode] {
        match self {
            Self::SharedHooks => &[AuthMode::PrivateApp, AuthMode::Oauth],
            Self::ApiKeys => &[AuthMode::ApiKey],
            Self::MintedTokens => &[AuthMode::ClientCredentials, AuthMode::JwtBearer],
            Self::DrawnSecrets => &[AuthMode::ApiToken, AuthMode::Oauth],
        }
    }

    pub(crate) const fn hook_address(self) -> HookAddress {
        match self {
            Self::SharedHooks => HookAddress::Shared,
            Self::ApiKeys | Self::DrawnSecrets => HookAddress::Registered,
            Self::MintedTokens => HookAddress::Entered,
        }
    }

    pub(crate) const fn hook_secret(self) -> HookSecret {
        match self {
            Self::SharedHooks | Self::ApiKeys | Self::MintedTokens => HookSecret::Given,
            Self::DrawnSecrets => HookSecret::Drawn,
        }
    }

    pub(crate) const fn keyed_types(self) -> &'static [ObjectType] {
        match self {
            Self::SharedHooks => &[ObjectType::Company, ObjectType::Deal],
            Self::ApiKeys => &[],
            Self::MintedTokens | Self::DrawnSecrets => &ObjectType::ALL,
        }
    }

    pub(crate) const fn has_domains(self) -> bool {
        match self {
            Self::SharedHooks | Self::ApiKeys => false,
            Self::MintedTokens | Self::DrawnSecrets => true,
        }
    }
}

#[derive(Default)]
pub(crate) struct State {
    pub(crate) kind: ProviderKind,
    tokens: HashMap<String, String>,
    codes: HashMap<String, String>,
    refresh_tokens: HashMap<String, String>,
    /// The accounts of tenants' apps by id and proof.
    apps: HashMap<(String, String), String>,
    pub(crate) properties: HashSet<(String, ObjectType)>,
    pub(crate) not_permitted: HashSet<ObjectType>,
    faults: VecDeque<ProviderError>,
    grant_faults: VecDeque<GrantError>,
    pub(crate) hooks: HashMap<String, Vec<ScriptedHook>>,
    pub(crate) hook_faults: VecDeque<ProviderError>,
    pub(crate) hooks_made: u32,
    pub(crate) is_silent_about_hooks: bool,
    pub(crate) has_no_room: bool,
    lifetime: Option<Duration>,
    replaced_after: Option<Duration>,
    pub(crate) gaps: Vec<AccountGap>,
    pub(crate) also: Vec<String>,
    /// The verifier that the last consent began with.
    challenged: Option<String>,
    is_rotating: bool,
    is_silent_about_refresh_token: bool,
    issued: u32,
    refreshes: u32,
    mints: u32,
    pub(crate) account_calls: u32,
}

/// Knows accounts by tokens, codes, refresh tokens and tenants' apps, and counts what it is asked.
#[derive(Default)]
pub struct ScriptedConnector(Mutex<State>);

impl ScriptedConnector {
    /// From now on it is a provider of that kind.
    pub fn become_kind(&self, kind: ProviderKind) {
        self.state().kind = kind;
    }

    /// A token that is good for an account.
    pub fn add_token(&self, token: &str, account_id: &str) {
        self.state().tokens.insert(token.to_owned(), account_id.to_owned());
    }

    /// Ends a token.
    pub fn end_token(&self, token: &str) {
        self.state().tokens.remove(token);
    }

    /// A code that a person's consent to an account gave.
    pub fn add_code(&self, code: &str, account_id: &str) {
        self.state().codes.insert(code.to_owned(), account_id.to_owned());
    }

    /// A refresh token of an account.
    pub fn add_refresh_token(&self, token: &str, account_id: &str) {
        self.state().refresh_tokens.insert(token.to_owned(), account_id.to_owned());
    }

    /// A proof, which is a secret or a private key, that an app of an account's own mints tokens with.
    pub fn add_app(&self, client_id: &str, proof: &str, account_id: &str) {
        let key = (client_id.to_owned(), proof.to_owned());
        self.state().apps.insert(key, account_id.to_owned());
    }

    /// Takes the app away.
    pub fn remove_app(&self, client_id: &str) {
        self.state().apps.retain(|(id, _), _| id != client_id);
    }

    /// Kills a refresh token, as an uninstallation does.
    pub fn revoke(&self, refresh_token: &str) {
        self.state().refresh_tokens.remove(refresh_token);
    }

    /// From now on each refresh gives another refresh token and kills the one it was asked with.
    pub fn rotate_refresh_tokens(&self) {
        self.state().is_rotating = true;
    }

    /// From now on tokens are good for so long, and are to be replaced when they were used for so long, or
    /// for half of their life.
    pub fn give_tokens_for(&self, lifetime: Duration, replaced_after: Duration) {
        let mut state = self.state();
        state.lifetime = Some(lifetime);
        state.replaced_after = Some(replaced_after);
    }

    /// From now on no account lets us have this.
    pub fn withhold(&self, gaps: &[AccountGap]) {
        self.state().gaps = gaps.to_vec();
    }

    /// From now on each account goes by these ids besides its own.
    pub fn go_also_by(&self, account_ids: &[&str]) {
        self.state().also = account_ids.iter().map(|it| (*it).to_owned()).collect();
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

    /// How often a token was refreshed or was tried to be.
    pub fn refreshes(&self) -> u32 {
        self.state().refreshes
    }

    /// How often a token was minted or was tried to be.
    pub fn mints(&self) -> u32 {
        self.state().mints
    }

    /// How often an account was looked up by its token.
    pub fn account_calls(&self) -> u32 {
        self.state().account_calls
    }

    /// How many key properties there are in an account.
    pub fn property_count(&self, account_id: &str) -> usize {
        self.state().properties.iter().filter(|(account, _)| account == account_id).count()
    }

    pub(crate) fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    /// Whose token it is. A call to a host of nobody's reaches nobody.
    pub(crate) fn account_of(&mut self, access: &AccountAccess) -> Result<String, ProviderError> {
        if let Some(error) = self.faults.pop_front() {
            return Err(error);
        }
        if self.kind.has_domains() && access.domain.as_deref() != Some(DOMAIN) {
            return Err(ProviderError::TimedOut);
        }
        let token = access.token.expose_secret();
        self.tokens.get(token).cloned().ok_or(ProviderError::Unauthorized)
    }

    fn issue(
        &mut self,
        kind: &str,
        account_id: String,
        refresh_token: Option<SecretString>,
    ) -> OauthTokens {
        self.issued += 1;
        let access_token = format!("{kind}-access-{}", self.issued);
        self.tokens.insert(access_token.clone(), account_id);
        OauthTokens {
            access_token: access_token.into(),
            refresh_token,
            expires_in: Some(self.lifetime.unwrap_or(TOKEN_LIFETIME)),
            domain: self.kind.has_domains().then(|| DOMAIN.to_owned()),
        }
    }

    /// Keeps the verifier that a consent begins with; one of an app with a secret has none.
    pub(crate) fn begin(&mut self, app: &OauthApp) {
        assert_eq!(app.is_public, app.code_verifier.is_some(), "a verifier is a public app's");
        self.challenged = app.code_verifier.as_ref().map(|it| it.expose_secret().to_owned());
    }

    pub(crate) fn exchange(
        &mut self,
        app: &OauthApp,
        code: &str,
    ) -> Result<OauthTokens, GrantError> {
        if let Some(error) = self.grant_faults.pop_front() {
            return Err(error);
        }
        let shown = app.code_verifier.as_ref().map(ExposeSecret::expose_secret);
        if shown != self.challenged.as_deref() {
            return Err(GrantError::Refused);
        }
        let account_id = self.codes.remove(code).ok_or(GrantError::Refused)?;
        let refresh_token = format!("oauth-refresh-{}", self.issued + 1);
        self.refresh_tokens.insert(refresh_token.clone(), account_id.clone());
        Ok(self.issue("oauth", account_id, Some(refresh_token.into())))
    }

    /// Minutes before the end, unless the test says something else.
    pub(crate) fn refresh_ahead(&self, lifetime: Duration) -> Duration {
        let replaced_after = self.replaced_after.map(|it| it.min(lifetime / 2));
        replaced_after.map_or(REFRESH_AHEAD, |it| lifetime - it)
    }

    pub(crate) fn refresh(&mut self, refresh_token: &str) -> Result<OauthTokens, GrantError> {
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
        Ok(self.issue("oauth", account_id, told))
    }

    /// A token of which nobody is told when it ends.
    pub(crate) fn mint(
        &mut self,
        grant: &TenantGrant,
        domain: &str,
    ) -> Result<OauthTokens, GrantError> {
        self.mints += 1;
        if let Some(error) = self.grant_faults.pop_front() {
            return Err(error);
        }
        let (TenantGrant::ClientCredentials { client_id, .. }
        | TenantGrant::JwtBearer { client_id, .. }) = grant;
        let key = (client_id.clone(), grant.proof().expose_secret().to_owned());
        let account_id = self.apps.get(&key).filter(|_| domain == DOMAIN).cloned();
        let account_id = account_id.ok_or(GrantError::Refused)?;
        Ok(OauthTokens { expires_in: None, ..self.issue("minted", account_id, None) })
    }
}

/// One connector for every system.
pub struct OneConnector(pub Arc<ScriptedConnector>);

impl ConnectorCatalog for OneConnector {
    fn connector(&self, _system: System) -> Arc<dyn AccountConnector> {
        Arc::clone(&self.0) as Arc<dyn AccountConnector>
    }
}
