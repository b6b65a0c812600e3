//! Connecting a Pipedrive account: whose token it is, the steps of OAuth, our fields, our webhooks.

use async_trait::async_trait;
use reqwest::Url;
use secrecy::{ExposeSecret, SecretString};
use serde::Deserialize;
use sync_domain::model::ObjectType;
use sync_domain::ports::{
    AccountAccess, AccountConnector, AccountDetails, AuthMode, GrantError, Hook, HookAddress,
    HookRegistration, HookSecret, KeyProperty, OauthApp, OauthTokens, ProviderError,
};

use super::calls::{Calls, bad_answer, read};
use super::error::without_effect;
use super::host::{PipedriveSettings, company_domain};
use super::oauth::{HostIs, tokens_of};
use super::wire::Text;
use super::{field_definitions, hooks};
use crate::http::ProviderHttp;

/// Connects Pipedrive accounts of any tenant.
#[derive(Debug)]
pub struct PipedriveConnector {
    http: ProviderHttp,
    settings: PipedriveSettings,
}

#[derive(Deserialize)]
struct OwnUser {
    #[serde(default)]
    company_id: Text,
    #[serde(default)]
    company_domain: Text,
}

impl PipedriveConnector {
    /// A connector that uses `http`.
    pub const fn new(http: ProviderHttp, settings: PipedriveSettings) -> Self {
        Self { http, settings }
    }

    fn calls<'a>(&'a self, access: &'a AccountAccess) -> Calls<'a> {
        Calls::of_access(&self.http, &self.settings, access)
    }

    /// The app shows itself by HTTP Basic; its secret in the form is discouraged.
    async fn grant(
        &self,
        app: &OauthApp,
        form: &[(&str, &str)],
        host: HostIs,
    ) -> Result<OauthTokens, GrantError> {
        let url = self.settings.oauth_url("token");
        let credentials = (app.client_id.as_str(), &app.client_secret);
        let answer = self.http.post_form_basic(&url, credentials, form).await;
        tokens_of(&answer.map_err(GrantError::Provider)?, &self.settings, host)
    }
}

#[async_trait]
impl AccountConnector for PipedriveConnector {
    fn auth_modes(&self) -> &'static [AuthMode] {
        &[AuthMode::ApiToken, AuthMode::Oauth]
    }

    fn keyed_types(&self) -> &'static [ObjectType] {
        &field_definitions::KEYED_TYPES
    }

    /// `GET /api/v1/users/me` at the account's own host, which must be the token's company. The time
    /// zone in it is the user's; the day's tokens go by the server's, which nobody tells.
    async fn account(&self, access: &AccountAccess) -> Result<AccountDetails, ProviderError> {
        let answer = self.calls(access).get("/api/v1/users/me", &[]).await?;
        let unreadable = || without_effect(bad_answer(&answer));
        let user = read::<OwnUser>(&answer)?.data.ok_or_else(unreadable)?;
        let account_id = user.company_id.id().ok_or_else(unreadable)?.to_owned();
        let its = user.company_domain.get().and_then(company_domain);
        if its.is_some_and(|its| Some(its) != access.domain) {
            let field = Some("domain".to_owned());
            return Err(ProviderError::Rejected { vendor_code: None, field });
        }
        Ok(AccountDetails { account_id, also: Vec::new(), time_zone: None, gaps: Vec::new() })
    }

    /// What the app may do is set where the app is made, and everybody accepts all of it.
    fn authorize_url(&self, app: &OauthApp, state: &str) -> String {
        let parameters = [
            ("client_id", app.client_id.as_str()),
            ("redirect_uri", app.redirect_uri.as_str()),
            ("state", state),
        ];
        let url = self.settings.oauth_url("authorize");
        Url::parse_with_params(&url, parameters).map(Into::into).unwrap_or_default()
    }

    async fn exchange(
        &self,
        app: &OauthApp,
        code: &SecretString,
    ) -> Result<OauthTokens, GrantError> {
        let form = [
            ("grant_type", "authorization_code"),
            ("code", code.expose_secret()),
            ("redirect_uri", &app.redirect_uri),
        ];
        self.grant(app, &form, HostIs::Wanted).await
    }

    async fn refresh(
        &self,
        app: &OauthApp,
        refresh_token: &SecretString,
    ) -> Result<OauthTokens, GrantError> {
        let form =
            [("grant_type", "refresh_token"), ("refresh_token", refresh_token.expose_secret())];
        self.grant(app, &form, HostIs::Known).await
    }

    async fn ensure_key_property(
        &self,
        access: &AccountAccess,
        object_type: ObjectType,
    ) -> Result<KeyProperty, ProviderError> {
        field_definitions::ensure(&mut self.calls(access), object_type).await
    }

    fn account_domain(&self, given: &str) -> Option<String> {
        company_domain(given)
    }

    fn hook_address(&self) -> HookAddress {
        HookAddress::Registered
    }

    fn hook_secret(&self) -> HookSecret {
        HookSecret::Drawn
    }

    async fn ensure_webhook(
        &self,
        access: &AccountAccess,
        hook: &Hook,
    ) -> Result<HookRegistration, ProviderError> {
        hooks::ensure(&mut self.calls(access), hook).await
    }

    async fn remove_webhooks(
        &self,
        access: &AccountAccess,
        url: &str,
    ) -> Result<(), ProviderError> {
        hooks::remove(&mut self.calls(access), url).await
    }
}
