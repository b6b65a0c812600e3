//! Connecting a business by the credentials that Vagaro has given it.
//!
//! There is no consent page: after a review, Vagaro gives the business an id and a secret of its own
//! (docs.vagaro.com, "Getting started", 2026). Webhooks are made by people there, with our address.

use async_trait::async_trait;
use sync_domain::model::ObjectType;
use sync_domain::ports::{
    AccountAccess, AccountConnector, AccountDetails, AuthMode, GrantError, HookAddress, HookSecret,
    KeyProperty, OauthTokens, ProviderError, TenantGrant,
};

use super::VagaroSettings;
use super::calls::{Calls, url_of};
use super::region::region_of;
use super::token::{self, TokenRequest};
use crate::http::ProviderHttp;

/// Connects Vagaro businesses of any tenant.
#[derive(Debug)]
pub struct VagaroConnector {
    http: ProviderHttp,
    settings: VagaroSettings,
}

impl VagaroConnector {
    /// Over this client.
    pub const fn new(http: ProviderHttp, settings: VagaroSettings) -> Self {
        Self { http, settings }
    }
}

#[async_trait]
impl AccountConnector for VagaroConnector {
    fn auth_modes(&self) -> &'static [AuthMode] {
        &[AuthMode::ClientCredentials]
    }

    fn keyed_types(&self) -> &'static [ObjectType] {
        &[]
    }

    /// `POST locations`. No id of the business itself is told, so the first of its locations in byte
    /// order stands for it when it is connected, and each of them later. No time zone is told: times come in UTC.
    async fn account(&self, access: &AccountAccess) -> Result<AccountDetails, ProviderError> {
        let region = access.domain.as_deref();
        let mut calls = Calls::new(&self.http, &self.settings, region, &access.token);
        let locations = calls.locations().await?;
        let none =
            || ProviderError::Rejected { vendor_code: None, field: Some("businessId".to_owned()) };
        let mut locations = locations.into_iter();
        let account_id = locations.next().ok_or_else(none)?;
        Ok(AccountDetails {
            account_id,
            also: locations.collect(),
            time_zone: None,
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

    async fn mint(&self, grant: &TenantGrant, domain: &str) -> Result<OauthTokens, GrantError> {
        // A region that is none can't be called whatever the secret is.
        let url = url_of(&self.settings, Some(domain), token::PATH);
        let url = url.map_err(|_no_region| GrantError::Refused)?;
        let request = TokenRequest::of(grant)?;
        let answer = self
            .http
            .post_json_without_token(&url, &request)
            .await
            .map_err(GrantError::Provider)?;
        token::tokens_of(&answer)
    }

    /// The region, such as `us02`, in lower case.
    fn account_domain(&self, given: &str) -> Option<String> {
        region_of(given)
    }

    fn hook_address(&self) -> HookAddress {
        HookAddress::Entered
    }

    fn hook_secret(&self) -> HookSecret {
        HookSecret::Given
    }
}
