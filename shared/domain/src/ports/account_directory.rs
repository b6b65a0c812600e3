//! Which tenant an account of a provider belongs to.

use async_trait::async_trait;

use super::StoreError;
use crate::model::{System, TenantId};

/// How an account is connected, which says whose secret signs its webhooks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum AuthMode {
    /// A token and an app of the tenant's own: the app's secret is the tenant's.
    PrivateApp,
    /// The tenant has let our app in: one secret signs for all of them.
    Oauth,
    /// A user's id and their API key, which also signs webhooks.
    ApiKey,
    /// A token of one user, that does not end.
    ApiToken,
    /// An app of the tenant's own that mints tokens with its id and secret, without a person.
    ClientCredentials,
    /// An app of the tenant's own that mints tokens with a signed assertion for one user.
    JwtBearer,
}

impl AuthMode {
    /// Every mode.
    pub const ALL: [Self; 6] = [
        Self::PrivateApp,
        Self::Oauth,
        Self::ApiKey,
        Self::ApiToken,
        Self::ClientCredentials,
        Self::JwtBearer,
    ];

    /// The text in requests, in the table and in secrets.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::PrivateApp => "private_app",
            Self::Oauth => "oauth",
            Self::ApiKey => "api_key",
            Self::ApiToken => "api_token",
            Self::ClientCredentials => "client_credentials",
            Self::JwtBearer => "jwt_bearer",
        }
    }

    /// The mode of that name.
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|mode| mode.as_str() == text)
    }

    /// Whether bearer tokens end and another one can be had without a person.
    pub const fn renews_tokens(self) -> bool {
        match self {
            Self::Oauth | Self::ClientCredentials | Self::JwtBearer => true,
            Self::PrivateApp | Self::ApiKey | Self::ApiToken => false,
        }
    }
}

/// Who an account belongs to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AccountOwner {
    /// The tenant.
    pub tenant: TenantId,
    /// How it is connected.
    pub auth: AuthMode,
}

/// What a claim of an account came to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum AccountClaim {
    /// It is the tenant's, now or already.
    Owned,
    /// It belongs to another tenant.
    Taken,
}

/// Finds the tenant of an account. The answer may be a few minutes old.
#[async_trait]
pub trait AccountDirectory: Send + Sync {
    /// The owner of an account, `None` when nobody has connected it.
    ///
    /// # Errors
    /// See [`StoreError`].
    async fn owner(
        &self,
        system: System,
        account_id: &str,
    ) -> Result<Option<AccountOwner>, StoreError>;
}

/// Gives accounts to tenants; one account belongs to one tenant.
#[async_trait]
pub trait AccountRegistry: Send + Sync {
    /// Makes the account the tenant's unless it is another's.
    ///
    /// # Errors
    /// See [`StoreError`].
    async fn claim(
        &self,
        system: System,
        account_id: &str,
        owner: &AccountOwner,
    ) -> Result<AccountClaim, StoreError>;

    /// Gives the account up if it is the tenant's.
    ///
    /// # Errors
    /// See [`StoreError`].
    async fn release(
        &self,
        system: System,
        account_id: &str,
        tenant: &TenantId,
    ) -> Result<(), StoreError>;
}
