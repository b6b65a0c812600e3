//! Connecting an Acuity account by a user's id and their API key.

use async_trait::async_trait;
use secrecy::SecretString;
use sync_domain::model::ObjectType;
use sync_domain::ports::{
    AccountConnector, AccountDetails, AuthMode, GrantError, KeyProperty, OauthApp, OauthTokens,
    ProviderError,
};

use super::AcuitySettings;
use crate::http::ProviderHttp;

/// Connects Acuity accounts.
pub struct AcuityConnector {
    _http: ProviderHttp,
    _settings: AcuitySettings,
}

impl AcuityConnector {
    /// Over this client.
    pub const fn new(http: ProviderHttp, settings: AcuitySettings) -> Self {
        Self { _http: http, _settings: settings }
    }
}

#[async_trait]
impl AccountConnector for AcuityConnector {
    fn auth_modes(&self) -> &'static [AuthMode] {
        &[AuthMode::ApiKey]
    }

    fn keyed_types(&self) -> &'static [ObjectType] {
        &[]
    }

    async fn account(&self, _access_token: &SecretString) -> Result<AccountDetails, ProviderError> {
        Err(ProviderError::TimedOut)
    }

    fn authorize_url(&self, _app: &OauthApp, _state: &str) -> String {
        String::new()
    }

    async fn exchange(
        &self,
        _app: &OauthApp,
        _code: &SecretString,
    ) -> Result<OauthTokens, GrantError> {
        Err(GrantError::AppRefused)
    }

    async fn refresh(
        &self,
        _app: &OauthApp,
        _refresh_token: &SecretString,
    ) -> Result<OauthTokens, GrantError> {
        Err(GrantError::AppRefused)
    }

    async fn ensure_key_property(
        &self,
        _access_token: &SecretString,
        _object_type: ObjectType,
    ) -> Result<KeyProperty, ProviderError> {
        Ok(KeyProperty::NotAvailable)
    }
}
