//! Connecting an org: by an app of the tenant's own, with its secret or with a signed assertion.

use std::sync::Arc;

use async_trait::async_trait;
use secrecy::ExposeSecret;
use serde::Deserialize;
use sync_domain::model::ObjectType;
use sync_domain::ports::{
    AccountAccess, AccountConnector, AccountDetails, AuthMode, Clock, GrantError, HookAddress,
    HookSecret, KeyProperty, OauthTokens, ProviderError, RemoteEffect, TenantGrant,
};

use super::calls::{self, Calls, success_of};
use super::settings::{SalesforceSettings, my_domain};
use super::token::{self, Audience, Refused};
use super::{ids, key_field};
use crate::http::{ProviderHttp, unavailable};

/// Who the token's user is, and in which org. It needs the scope `openid`.
const USERINFO_PATH: &str = "/services/oauth2/userinfo";
/// The org itself, which every user may see.
const ORGANIZATION_QUERY: &str = "SELECT Id FROM Organization LIMIT 1";

/// Connects Salesforce orgs of any tenant.
pub struct SalesforceConnector {
    http: ProviderHttp,
    settings: SalesforceSettings,
    clock: Arc<dyn Clock>,
}

#[derive(Deserialize)]
struct UserInfo {
    organization_id: Option<String>,
}

impl SalesforceConnector {
    /// A connector that uses `http`; `clock` dates assertions.
    pub fn new(http: ProviderHttp, settings: SalesforceSettings, clock: Arc<dyn Clock>) -> Self {
        Self { http: calls::client(http), settings, clock }
    }

    async fn ask_token(
        &self,
        grant: &TenantGrant,
        domain: &str,
        audience: Audience,
    ) -> Result<OauthTokens, Refused> {
        // A domain that is none can't be called whatever the secret is.
        let base = self.settings.base(Some(domain)).map_err(|_no_domain| GrantError::Refused)?;
        let form = token::form_of(grant, domain, &base, audience, self.clock.now())?;
        let form: Vec<_> =
            form.iter().map(|(name, value)| (*name, value.expose_secret())).collect();
        let url = format!("{base}{}", token::PATH);
        let answer = self.http.post_form(&url, &form).await.map_err(GrantError::Provider)?;
        token::tokens_of(&self.settings, domain, &answer)
    }
}

#[async_trait]
impl AccountConnector for SalesforceConnector {
    fn auth_modes(&self) -> &'static [AuthMode] {
        &[AuthMode::ClientCredentials, AuthMode::JwtBearer]
    }

    fn keyed_types(&self) -> &'static [ObjectType] {
        &ObjectType::ALL
    }

    /// `GET /services/oauth2/userinfo` or, where the app lacks `openid`, a query of the org. No time
    /// zone is told: the quota counts the last 24 hours and knows no midnight.
    async fn account(&self, access: &AccountAccess) -> Result<AccountDetails, ProviderError> {
        let mut calls = Calls::connecting(&self.http, &self.settings, access)?;
        let answer = calls.get_path(USERINFO_PATH).await?;
        let mut account_id = match answer.status {
            200..=299 => success_of::<UserInfo>(&answer)?.organization_id,
            401 | 403 | 404 => None,
            _ => return Err(super::error::error_of(&answer)),
        };
        if account_id.is_none() {
            let page = calls.query(ORGANIZATION_QUERY).await?;
            let org = page.records.first();
            account_id = org.and_then(|org| org.text("Id")).map(str::to_owned);
        }
        let account_id = account_id.as_deref().and_then(ids::long_org);
        let account_id = account_id.ok_or_else(|| unavailable(Some(200), RemoteEffect::None))?;
        Ok(AccountDetails { account_id, also: Vec::new(), time_zone: None, gaps: Vec::new() })
    }

    async fn ensure_key_property(
        &self,
        access: &AccountAccess,
        object_type: ObjectType,
    ) -> Result<KeyProperty, ProviderError> {
        let mut calls = Calls::connecting(&self.http, &self.settings, access)?;
        key_field::look(&mut calls, object_type).await
    }

    /// An assertion for an audience that the org does not take is made once more, for the other one.
    async fn mint(&self, grant: &TenantGrant, domain: &str) -> Result<OauthTokens, GrantError> {
        let first = self.ask_token(grant, domain, Audience::Login).await;
        let is_assertion = matches!(grant, TenantGrant::JwtBearer { .. });
        let answer = match first {
            Err(Refused::Audience) if is_assertion => {
                self.ask_token(grant, domain, Audience::MyDomain).await
            }
            answer => answer,
        };
        answer.map_err(|refused| match refused {
            Refused::Audience => GrantError::Refused,
            Refused::Error(error) => error,
        })
    }

    fn account_domain(&self, given: &str) -> Option<String> {
        my_domain(given)
    }

    fn hook_address(&self) -> HookAddress {
        HookAddress::Entered
    }

    fn hook_secret(&self) -> HookSecret {
        HookSecret::Given
    }
}
