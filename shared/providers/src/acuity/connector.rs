//! Connecting an Acuity account by a user's id and their API key.
//!
//! There is no OAuth here: an app that is let in by OAuth has no API key, and without one it can't
//! check a webhook's signature.

use async_trait::async_trait;
use secrecy::{ExposeSecret, SecretString};
use sync_domain::model::ObjectType;
use sync_domain::ports::{
    AccountAccess, AccountConnector, AccountDetails, AuthMode, Hook, HookAddress, HookRegistration,
    KeyProperty, ProviderError,
};

use super::AcuitySettings;
use super::calls::Calls;
use super::error::{bad_answer, success_of};
use super::hooks;
use super::mapping::zone_of;
use super::wire::Me;
use crate::http::ProviderHttp;

/// Calls of connecting pass no gate, so nothing counts on how many they are.
const REQUESTS_MAX: u32 = u32::MAX;

/// Connects Acuity accounts of any tenant.
#[derive(Debug)]
pub struct AcuityConnector {
    http: ProviderHttp,
    settings: AcuitySettings,
}

impl AcuityConnector {
    /// Over this client.
    pub const fn new(http: ProviderHttp, settings: AcuitySettings) -> Self {
        Self { http, settings }
    }

    const fn calls<'a>(&'a self, credentials: &'a SecretString) -> Calls<'a> {
        Calls::new(&self.http, &self.settings, credentials, REQUESTS_MAX)
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

    /// `GET me`. That it has an `id` is known from public integrations, that it has a `timezone` is a
    /// guess: without one, UTC stands in.
    async fn account(&self, access: &AccountAccess) -> Result<AccountDetails, ProviderError> {
        let answer = self.calls(&access.token).get_raw("me").await?;
        let me: Me = success_of(&answer)?;
        let account_id = me.id.number().ok_or_else(|| bad_answer(&answer))?;
        let time_zone = zone_of(&me.timezone);
        Ok(AccountDetails {
            account_id: account_id.to_string(),
            also: Vec::new(),
            time_zone,
            gaps: Vec::new(),
        })
    }

    /// Bookings are only read.
    async fn ensure_key_property(
        &self,
        _access: &AccountAccess,
        _object_type: ObjectType,
    ) -> Result<KeyProperty, ProviderError> {
        Ok(KeyProperty::NotAvailable)
    }

    fn hook_address(&self) -> HookAddress {
        HookAddress::Registered
    }

    async fn ensure_webhook(
        &self,
        access: &AccountAccess,
        hook: &Hook,
    ) -> Result<HookRegistration, ProviderError> {
        hooks::ensure(&mut self.calls(&access.token), hook.url.expose_secret()).await
    }

    async fn remove_webhooks(
        &self,
        access: &AccountAccess,
        url: &str,
    ) -> Result<(), ProviderError> {
        hooks::remove(&mut self.calls(&access.token), url).await
    }
}
