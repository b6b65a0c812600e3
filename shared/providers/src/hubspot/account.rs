//! Connecting a HubSpot account: whose token it is, and the steps of OAuth.

use async_trait::async_trait;
use reqwest::Url;
use secrecy::SecretString;
use serde::Deserialize;
use sync_domain::model::ObjectType;
use sync_domain::ports::{
    AccountAccess, AccountConnector, AccountDetails, AuthMode, GrantError, KeyProperty, OauthApp,
    OauthTokens, ProviderError, RemoteEffect,
};

use super::client::HubspotSettings;
use super::error::error_of;
use super::oauth;
use super::properties;
use crate::http::{ProviderHttp, unavailable};

/// Where people give their consent; one address serves every data centre (see the mapping doc).
const AUTHORIZE_URL: &str = "https://app.hubspot.com/oauth/authorize";
/// What our app asks for unless its secret says otherwise (see the mapping doc): records of the three
/// kinds, and making the key properties.
const SCOPES: [&str; 9] = [
    "oauth",
    "crm.objects.contacts.read",
    "crm.objects.contacts.write",
    "crm.objects.companies.read",
    "crm.objects.companies.write",
    "crm.objects.deals.read",
    "crm.objects.deals.write",
    "crm.schemas.companies.write",
    "crm.schemas.deals.write",
];

/// Connects HubSpot accounts of any tenant.
#[derive(Debug)]
pub struct HubspotConnector {
    http: ProviderHttp,
    settings: HubspotSettings,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Details {
    portal_id: i64,
    time_zone: Option<String>,
}

impl HubspotConnector {
    /// A connector that uses `http`.
    pub const fn new(http: ProviderHttp, settings: HubspotSettings) -> Self {
        Self { http, settings }
    }

    /// `{base}/{api}/{version}/{rest}`.
    fn url(&self, api: &str, rest: &str) -> String {
        let HubspotSettings { base_url, api_version } = &self.settings;
        format!("{}/{api}/{api_version}/{rest}", base_url.trim_end_matches('/'))
    }

    async fn grant(&self, form: &[(&str, &str)]) -> Result<OauthTokens, GrantError> {
        let url = self.url("oauth", "token");
        let answer = self.http.post_form(&url, form).await.map_err(GrantError::Provider)?;
        oauth::tokens_of(&answer)
    }
}

#[async_trait]
impl AccountConnector for HubspotConnector {
    fn auth_modes(&self) -> &'static [AuthMode] {
        &[AuthMode::PrivateApp, AuthMode::Oauth]
    }

    fn keyed_types(&self) -> &'static [ObjectType] {
        &properties::KEYED_TYPES
    }

    /// `GET /account-info/{version}/details`.
    async fn account(&self, access: &AccountAccess) -> Result<AccountDetails, ProviderError> {
        let url = self.url("account-info", "details");
        let answer = self.http.get(&url, &access.token).await?;
        if !(200..300).contains(&answer.status) {
            return Err(error_of(&answer));
        }
        let details: Details = serde_json::from_slice(&answer.body)
            .map_err(|_unreadable| unavailable(Some(answer.status), RemoteEffect::None))?;
        Ok(AccountDetails {
            gaps: Vec::new(),
            account_id: details.portal_id.to_string(),
            also: Vec::new(),
            time_zone: details.time_zone.filter(|zone| !zone.is_empty()),
        })
    }

    fn authorize_url(&self, app: &OauthApp, state: &str) -> String {
        let scopes = if app.scopes.is_empty() { SCOPES.join(" ") } else { app.scopes.join(" ") };
        let parameters = [
            ("client_id", app.client_id.as_str()),
            ("redirect_uri", app.redirect_uri.as_str()),
            ("scope", scopes.as_str()),
            ("state", state),
        ];
        Url::parse_with_params(AUTHORIZE_URL, parameters).map(Into::into).unwrap_or_default()
    }

    /// `POST /oauth/{version}/token` with everything in the body: a query would be in logs.
    async fn exchange(
        &self,
        app: &OauthApp,
        code: &SecretString,
    ) -> Result<OauthTokens, GrantError> {
        self.grant(&oauth::exchange_form(app, code)).await
    }

    async fn refresh(
        &self,
        app: &OauthApp,
        refresh_token: &SecretString,
    ) -> Result<OauthTokens, GrantError> {
        self.grant(&oauth::refresh_form(app, refresh_token)).await
    }

    /// `POST /crm/properties/{version}/{type}`; a name that is taken is looked at.
    async fn ensure_key_property(
        &self,
        access: &AccountAccess,
        object_type: ObjectType,
    ) -> Result<KeyProperty, ProviderError> {
        let url = self.url("crm/properties", properties::path_of(object_type));
        let definition = properties::definition_of(object_type);
        let answer = self.http.post_json(&url, &access.token, &definition).await?;
        match properties::created(&answer)? {
            properties::Created::Decided(decided) => Ok(decided),
            properties::Created::NameTaken => {
                let url = format!("{url}/{}", properties::NAME);
                properties::existing(&self.http.get(&url, &access.token).await?)
            }
        }
    }
}
