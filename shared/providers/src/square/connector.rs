//! Connecting a Square account: by the consent of a seller to our app, and in no other way.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use reqwest::Url;
use secrecy::SecretString;
use sync_domain::model::ObjectType;
use sync_domain::ports::{
    AccountAccess, AccountConnector, AccountDetails, AuthMode, Clock, GrantError, KeyProperty,
    OauthApp, OauthTokens, ProviderError,
};

use super::SquareSettings;
use super::calls::{Calls, client};
use super::oauth::{TokenRequest, challenge_of, tokens_of};
use super::{account, oauth};
use crate::http::ProviderHttp;

/// Connects Square accounts of any tenant.
pub struct SquareConnector {
    http: ProviderHttp,
    settings: SquareSettings,
    clock: Arc<dyn Clock>,
}

impl SquareConnector {
    /// A connector that uses `http`. `clock` tells how long a token is good for of which Square says
    /// when it ends.
    pub fn new(http: ProviderHttp, settings: SquareSettings, clock: Arc<dyn Clock>) -> Self {
        let http = client(http, &settings);
        Self { http, settings, clock }
    }

    fn url(&self, path: &str) -> String {
        format!("{}/oauth2/{path}", self.settings.base_url.trim_end_matches('/'))
    }

    async fn grant(&self, request: &TokenRequest<'_>) -> Result<OauthTokens, GrantError> {
        let answer = self.http.post_json_without_token(&self.url("token"), request).await;
        tokens_of(&answer.map_err(GrantError::Provider)?, self.clock.now())
    }
}

#[async_trait]
impl AccountConnector for SquareConnector {
    fn auth_modes(&self) -> &'static [AuthMode] {
        &[AuthMode::Oauth]
    }

    fn keyed_types(&self) -> &'static [ObjectType] {
        &[]
    }

    async fn account(&self, access: &AccountAccess) -> Result<AccountDetails, ProviderError> {
        account::account(Calls::new(&self.http, &self.settings, &access.token)).await
    }

    /// `session=false`: the person signs in, so that nobody lets us into the account that happens to be
    /// open in the browser. The challenge is always SHA-256; no parameter that names the method is
    /// documented.
    fn authorize_url(&self, app: &OauthApp, state: &str) -> String {
        let scopes = match app.scopes.as_slice() {
            [] => account::scopes().collect::<Vec<_>>().join(" "),
            scopes => scopes.join(" "),
        };
        let mut parameters = vec![
            ("client_id", app.client_id.clone()),
            ("scope", scopes),
            ("session", "false".to_owned()),
            ("state", state.to_owned()),
            ("redirect_uri", app.redirect_uri.clone()),
        ];
        let verifier = app.code_verifier.as_ref().filter(|_| app.is_public);
        parameters.extend(verifier.map(|it| ("code_challenge", challenge_of(it))));
        let url = Url::parse_with_params(&self.url("authorize"), parameters);
        url.map(Into::into).unwrap_or_default()
    }

    async fn exchange(
        &self,
        app: &OauthApp,
        code: &SecretString,
    ) -> Result<OauthTokens, GrantError> {
        let request = TokenRequest::exchange(app, code).ok_or(GrantError::AppRefused)?;
        self.grant(&request).await
    }

    async fn refresh(
        &self,
        app: &OauthApp,
        refresh_token: &SecretString,
    ) -> Result<OauthTokens, GrantError> {
        self.grant(&TokenRequest::refresh(app, refresh_token)).await
    }

    /// Bookings are only read.
    async fn ensure_key_property(
        &self,
        _access: &AccountAccess,
        _object_type: ObjectType,
    ) -> Result<KeyProperty, ProviderError> {
        Ok(KeyProperty::NotAvailable)
    }

    fn refresh_ahead(&self, lifetime: Duration) -> Duration {
        oauth::refresh_ahead(lifetime)
    }
}
