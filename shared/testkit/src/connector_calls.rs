//! How a scripted provider answers: it gives way before and after its effect.

use std::time::Duration;

use async_trait::async_trait;
use secrecy::{ExposeSecret, SecretString};
use sync_domain::model::{AttributeName, ObjectType};
use sync_domain::ports::{
    AccountAccess, AccountConnector, AccountDetails, AuthMode, GrantError, Hook, HookAddress,
    HookRegistration, HookSecret, KeyProperty, OauthApp, OauthTokens, ProviderError, TenantGrant,
};

use crate::connector::{ProviderKind, ScriptedConnector, State};

impl ScriptedConnector {
    async fn in_turn<T>(&self, effect: impl FnOnce(&mut State) -> T + Send) -> T {
        tokio::task::yield_now().await;
        let result = effect(&mut self.state());
        tokio::task::yield_now().await;
        result
    }
}

impl State {
    fn ensure_property(
        &mut self,
        access: &AccountAccess,
        object_type: ObjectType,
    ) -> Result<KeyProperty, ProviderError> {
        let account_id = self.account_of(access)?;
        if self.not_permitted.contains(&object_type) {
            return Ok(KeyProperty::NotAvailable);
        }
        self.properties.insert((account_id, object_type));
        Ok(match self.kind {
            ProviderKind::DrawnSecrets => {
                let field = format!("f1e1d-{object_type}");
                KeyProperty::Named(vec![(AttributeName::Reference, field)])
            }
            ProviderKind::SharedHooks | ProviderKind::ApiKeys | ProviderKind::MintedTokens => {
                KeyProperty::Available
            }
        })
    }
}

#[async_trait]
impl AccountConnector for ScriptedConnector {
    fn auth_modes(&self) -> &'static [AuthMode] {
        self.state().kind.auth_modes()
    }

    fn hook_address(&self) -> HookAddress {
        self.state().kind.hook_address()
    }

    fn hook_secret(&self) -> HookSecret {
        self.state().kind.hook_secret()
    }

    fn account_domain(&self, given: &str) -> Option<String> {
        let is_name = given.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-');
        let is_one = is_name && !given.is_empty() && self.state().kind.has_domains();
        is_one.then(|| given.to_ascii_lowercase())
    }

    async fn ensure_webhook(
        &self,
        access: &AccountAccess,
        hook: &Hook,
    ) -> Result<HookRegistration, ProviderError> {
        let is_silent = self.state().is_silent_about_hooks;
        if is_silent {
            std::future::pending::<()>().await;
        }
        self.in_turn(|state| state.ensure_hook(access, hook)).await
    }

    async fn remove_webhooks(
        &self,
        access: &AccountAccess,
        url: &str,
    ) -> Result<(), ProviderError> {
        self.in_turn(|state| state.remove_hooks(access, url)).await
    }

    fn keyed_types(&self) -> &'static [ObjectType] {
        self.state().kind.keyed_types()
    }

    async fn account(&self, access: &AccountAccess) -> Result<AccountDetails, ProviderError> {
        let look = |state: &mut State| {
            state.account_calls += 1;
            state.account_of(access)
        };
        let account_id = self.in_turn(look).await?;
        let (also, gaps) = {
            let state = self.state();
            (state.also.clone(), state.gaps.clone())
        };
        Ok(AccountDetails { account_id, also, time_zone: Some("US/Eastern".to_owned()), gaps })
    }

    fn refresh_ahead(&self, lifetime: Duration) -> Duration {
        self.state().refresh_ahead(lifetime)
    }

    fn authorize_url(&self, app: &OauthApp, state: &str) -> String {
        self.state().begin(app);
        format!("https://provider.example.com/authorize?client_id={}&state={state}", app.client_id)
    }

    async fn exchange(
        &self,
        app: &OauthApp,
        code: &SecretString,
    ) -> Result<OauthTokens, GrantError> {
        self.in_turn(|state| state.exchange(app, code.expose_secret())).await
    }

    async fn refresh(
        &self,
        _app: &OauthApp,
        refresh_token: &SecretString,
    ) -> Result<OauthTokens, GrantError> {
        self.in_turn(|state| state.refresh(refresh_token.expose_secret())).await
    }

    async fn mint(&self, grant: &TenantGrant, domain: &str) -> Result<OauthTokens, GrantError> {
        self.in_turn(|state| state.mint(grant, domain)).await
    }

    async fn ensure_key_property(
        &self,
        access: &AccountAccess,
        object_type: ObjectType,
    ) -> Result<KeyProperty, ProviderError> {
        self.in_turn(|state| state.ensure_property(access, object_type)).await
    }
}
