//! What a provider offers for connecting an account: testing credentials, the steps of OAuth, and
//! making what our writes need.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use secrecy::SecretString;

use super::{AuthMode, ProviderError};
use crate::model::{ObjectType, System};

/// The account that credentials belong to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AccountDetails {
    /// The provider's id of the account.
    pub account_id: String,
    /// Its time zone, an IANA name, if the provider says it.
    pub time_zone: Option<String>,
}

/// Our app at a provider, which tenants let into their accounts.
#[derive(Debug, Clone)]
pub struct OauthApp {
    /// The app's public id.
    pub client_id: String,
    /// The app's secret.
    pub client_secret: SecretString,
    /// The secret before the last rotation, while it is still good.
    pub previous_client_secret: Option<SecretString>,
    /// Where the provider sends people back to.
    pub redirect_uri: String,
    /// What the app asks for; empty for the provider module's own list.
    pub scopes: Vec<String>,
}

/// Tokens as the provider hands them out.
#[derive(Debug, Clone)]
pub struct OauthTokens {
    /// The bearer token.
    pub access_token: SecretString,
    /// What gets the next one; some providers leave it out when it stays the same.
    pub refresh_token: Option<SecretString>,
    /// How long the bearer token is good for.
    pub expires_in: Duration,
}

/// Why there are no tokens, cut by what is done next.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum GrantError {
    /// The code or the refresh token is dead; asking again won't help.
    #[error("the provider refused the grant")]
    Refused,
    /// The provider refuses our app: a setting of ours is wrong and no tenant is at fault.
    #[error("the provider refused our app")]
    AppRefused,
    /// No answer, or one that says later.
    #[error(transparent)]
    Provider(ProviderError),
}

/// Whether the property that our upserts find records by can be used.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum KeyProperty {
    /// It is there and unique.
    Available,
    /// It can't be made, or something else has its name: upserts fall back.
    NotAvailable,
}

/// What registering our webhook at the provider came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum HookRegistration {
    /// It is there and active.
    Registered,
    /// The account has as many webhooks as it may have, none of them ours.
    NoRoom,
    /// The provider has no call for it: people enter the address by hand, or our app has it.
    Manual,
}

/// Connects accounts of one provider. Nothing of one tenant stays in it.
#[async_trait]
pub trait AccountConnector: Send + Sync {
    /// The ways to connect an account of this provider.
    fn auth_modes(&self) -> &'static [AuthMode];

    /// The kinds of record that need a key property of ours.
    fn keyed_types(&self) -> &'static [ObjectType];

    /// The account of a token, in one cheap call that also shows that the token is good.
    ///
    /// # Errors
    /// See [`ProviderError`].
    async fn account(&self, access_token: &SecretString) -> Result<AccountDetails, ProviderError>;

    /// Where a person gives their consent; the provider hands `state` back.
    fn authorize_url(&self, app: &OauthApp, state: &str) -> String;

    /// Exchanges the code of a consent for tokens. A code is good for one time.
    ///
    /// # Errors
    /// See [`GrantError`].
    async fn exchange(
        &self,
        app: &OauthApp,
        code: &SecretString,
    ) -> Result<OauthTokens, GrantError>;

    /// Gets a new bearer token.
    ///
    /// # Errors
    /// See [`GrantError`].
    async fn refresh(
        &self,
        app: &OauthApp,
        refresh_token: &SecretString,
    ) -> Result<OauthTokens, GrantError>;

    /// Makes the key property of a kind of record unless it is there.
    ///
    /// # Errors
    /// When it could not be found out; a lack of permission is no error.
    async fn ensure_key_property(
        &self,
        access_token: &SecretString,
        object_type: ObjectType,
    ) -> Result<KeyProperty, ProviderError>;

    /// Whether webhooks are registered by a call, to an address of each tenant's own.
    fn registers_webhooks(&self) -> bool {
        false
    }

    /// Registers `url` for what we want to be told of, once: what is there already is used, and what
    /// has been disabled is made anew. Others of our addresses, which begin like `url` up to its
    /// query, are removed.
    ///
    /// # Errors
    /// When it could not be found out.
    async fn ensure_webhook(
        &self,
        _access_token: &SecretString,
        _url: &str,
    ) -> Result<HookRegistration, ProviderError> {
        Ok(HookRegistration::Manual)
    }

    /// Removes every webhook whose address is one of ours, see
    /// [`AccountConnector::ensure_webhook`].
    ///
    /// # Errors
    /// When it could not be found out.
    async fn remove_webhooks(
        &self,
        _access_token: &SecretString,
        _url: &str,
    ) -> Result<(), ProviderError> {
        Ok(())
    }
}

/// Finds the connector of a system.
pub trait ConnectorCatalog: Send + Sync {
    /// The connector.
    fn connector(&self, system: System) -> Arc<dyn AccountConnector>;
}
