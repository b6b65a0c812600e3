//! What a connect calls the provider with: given, exchanged for a code, or minted.

use jiff::Timestamp;
use secrecy::SecretString;

use super::super::api_key;
use super::super::locked_connection::ManageError;
use super::super::renewed_token::{TokenTerm, minted};
use super::ConnectMethod;
use super::run::Run;
use crate::model::InvalidField;
use crate::ports::{AccountAccess, AuthMode, GrantError, OauthTokens, TenantGrant};

/// What the provider is called with.
pub(super) struct Tokens {
    pub(super) auth: AuthMode,
    pub(super) access_token: SecretString,
    pub(super) refresh_token: Option<SecretString>,
    pub(super) expires_at: Option<Timestamp>,
    pub(super) refresh_at: Option<Timestamp>,
    pub(super) domain: Option<String>,
    pub(super) grant: Option<TenantGrant>,
}

impl Tokens {
    pub(super) fn access(&self) -> AccountAccess {
        let (token, domain) = (self.access_token.clone(), self.domain.clone());
        AccountAccess { auth: self.auth, token, domain }
    }
}

impl Run<'_, '_> {
    pub(super) async fn tokens(&self) -> Result<Tokens, ManageError> {
        match &self.command.method {
            ConnectMethod::PrivateApp { access_token: token, .. }
            | ConnectMethod::ApiToken { api_token: token, .. } => Ok(self.given(token.clone())),
            ConnectMethod::ApiKey { user_id, api_key } => {
                Ok(self.given(api_key::token_of(user_id, api_key)))
            }
            ConnectMethod::ClientCredentials { client_id, client_secret, .. } => {
                let (client_id, client_secret) = (client_id.clone(), client_secret.clone());
                self.minted(TenantGrant::ClientCredentials { client_id, client_secret }).await
            }
            ConnectMethod::JwtBearer { client_id, username, private_key, .. } => {
                let grant = TenantGrant::JwtBearer {
                    client_id: client_id.clone(),
                    username: username.expose().clone(),
                    private_key: private_key.clone(),
                };
                self.minted(grant).await
            }
            ConnectMethod::Oauth { code, .. } => self.exchanged(code).await,
        }
    }

    /// A token that does not end.
    fn given(&self, access_token: SecretString) -> Tokens {
        Tokens {
            auth: self.command.method.auth(),
            access_token,
            refresh_token: None,
            expires_at: None,
            refresh_at: None,
            domain: self.domain.clone(),
            grant: None,
        }
    }

    async fn minted(&self, grant: TenantGrant) -> Result<Tokens, ManageError> {
        let Some(domain) = &self.domain else {
            return Err(InvalidField::new("domain", "is required").into());
        };
        let began = self.deps.clock.now();
        let deadline = self.command.request.deadline;
        let OauthTokens { access_token, expires_in, .. } =
            minted(self.deps, deadline, &grant, domain, "client_id").await?;
        let TokenTerm { expires_at, refresh_at } =
            TokenTerm::of(self.deps.connector, began, expires_in);
        Ok(Tokens { expires_at, refresh_at, grant: Some(grant), ..self.given(access_token) })
    }

    async fn exchanged(&self, code: &SecretString) -> Result<Tokens, ManageError> {
        let app = self.app.as_ref().ok_or(ManageError::OauthNotConfigured)?;
        // Counted from before the call: a token that is thought to end too early does no harm.
        let began = self.deps.clock.now();
        let tokens =
            self.deps.connector.exchange(app, code).await.map_err(|error| match error {
                GrantError::Refused => {
                    InvalidField::new("code", "is refused by the provider: begin the consent again")
                        .into()
                }
                GrantError::AppRefused => ManageError::OauthAppRefused,
                GrantError::Provider(error) => error.into(),
            })?;
        let TokenTerm { expires_at, refresh_at } =
            TokenTerm::of(self.deps.connector, began, tokens.expires_in);
        Ok(Tokens {
            auth: AuthMode::Oauth,
            access_token: tokens.access_token,
            refresh_token: tokens.refresh_token,
            expires_at,
            refresh_at,
            domain: tokens.domain,
            grant: None,
        })
    }
}
