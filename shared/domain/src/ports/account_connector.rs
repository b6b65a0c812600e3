//! What a provider offers for connecting an account: testing credentials, the steps of OAuth, and
//! making what our writes need.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use secrecy::SecretString;

use super::{AuthMode, ProviderError};
use crate::model::{AttributeName, ObjectType, System};

/// How long before its end a bearer token is replaced, unless that would be most of its life.
const REFRESH_AHEAD: Duration = Duration::from_secs(300);

/// What one account is called with while it is being connected. `Debug` can't print the token.
#[derive(Debug, Clone)]
pub struct AccountAccess {
    /// How the account is connected.
    pub auth: AuthMode,
    /// The bearer token, or what stands in for one.
    pub token: SecretString,
    /// The account's own name in the provider's host names, see [`super::Connection::domain`].
    pub domain: Option<String>,
}

/// What mints bearer tokens for one tenant without a person: an app of the tenant's own. `Debug`
/// prints neither the secrets nor the user, whose name may be an email address.
#[derive(Clone)]
pub enum TenantGrant {
    /// The app's id and secret ([`AuthMode::ClientCredentials`]).
    ClientCredentials {
        /// The app's public id.
        client_id: String,
        /// Its secret.
        client_secret: SecretString,
    },
    /// An assertion for one user, signed with the app's key ([`AuthMode::JwtBearer`]).
    JwtBearer {
        /// The app's public id.
        client_id: String,
        /// The user that the app acts as.
        username: String,
        /// The private key, PEM.
        private_key: SecretString,
    },
}

impl TenantGrant {
    /// What proves the app: its secret, or its private key.
    pub const fn proof(&self) -> &SecretString {
        match self {
            Self::ClientCredentials { client_secret, .. } => client_secret,
            Self::JwtBearer { private_key, .. } => private_key,
        }
    }

    /// The same app with another proof.
    #[must_use]
    pub fn with_proof(&self, proof: SecretString) -> Self {
        match self.clone() {
            Self::ClientCredentials { client_id, .. } => {
                Self::ClientCredentials { client_id, client_secret: proof }
            }
            Self::JwtBearer { client_id, username, .. } => {
                Self::JwtBearer { client_id, username, private_key: proof }
            }
        }
    }
}

impl fmt::Debug for TenantGrant {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::ClientCredentials { .. } => "ClientCredentials([hidden])",
            Self::JwtBearer { .. } => "JwtBearer([hidden])",
        })
    }
}

/// The account that credentials belong to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AccountDetails {
    /// The provider's id of the account.
    pub account_id: String,
    /// Other ids that it goes by, where the provider has none of the account itself: which of them comes
    /// first may change, and the account is still the same.
    pub also: Vec<String>,
    /// Its time zone, an IANA name, if the provider says it.
    pub time_zone: Option<String>,
    /// What it does not let us have although the credentials are good.
    pub gaps: Vec<AccountGap>,
}

impl AccountDetails {
    /// Whether the account goes by this id.
    pub fn goes_by(&self, account_id: &str) -> bool {
        self.account_id == account_id || self.also.iter().any(|it| it == account_id)
    }
}

/// What a connected account does not let us have.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum AccountGap {
    /// The provider's name of a scope that was not granted.
    Scope(String),
    /// The provider's name of a plan that the account lacks, or of what would come with it.
    Plan(String),
}

impl AccountGap {
    /// The text in the table and in answers: `scope:<name>` or `plan:<name>`.
    pub fn to_text(&self) -> String {
        match self {
            Self::Scope(name) => format!("scope:{name}"),
            Self::Plan(name) => format!("plan:{name}"),
        }
    }

    /// The gap of that text.
    pub fn parse(text: &str) -> Option<Self> {
        match text.split_once(':')? {
            (_, "") => None,
            ("scope", name) => Some(Self::Scope(name.to_owned())),
            ("plan", name) => Some(Self::Plan(name.to_owned())),
            _ => None,
        }
    }
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
    /// Whether it proves itself by a verifier (PKCE, RFC 7636) in place of its secret, which then
    /// never leaves us.
    pub is_public: bool,
    /// The verifier of the consent under way, of a public app.
    pub code_verifier: Option<SecretString>,
}

/// Tokens as the provider hands them out.
#[derive(Debug, Clone)]
pub struct OauthTokens {
    /// The bearer token.
    pub access_token: SecretString,
    /// What gets the next one; some providers leave it out when it stays the same.
    pub refresh_token: Option<SecretString>,
    /// How long the bearer token is good for, if the provider says it.
    pub expires_in: Option<Duration>,
    /// The account's own name in the provider's host names, if the provider says it.
    pub domain: Option<String>,
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
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum KeyProperty {
    /// It is there and unique.
    Available,
    /// It is there under names that the provider has chosen, one for each of our attributes that has
    /// a field of its own. They go into [`super::Connection::custom_fields`].
    Named(Vec<(AttributeName, String)>),
    /// It can't be made, or something else has its name: upserts fall back.
    NotAvailable,
}

/// What registering our webhook at the provider came to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum HookRegistration {
    /// It is there and active.
    Registered {
        /// The provider's ids of it, where deliveries name them; else none.
        hook_ids: Vec<String>,
    },
    /// The account has as many webhooks as it may have, none of them ours.
    NoRoom,
    /// The provider has no call for it: people enter the address by hand, or our app has it.
    Manual,
}

/// A webhook to be registered. `Debug` can't print what is secret of it.
#[derive(Debug, Clone)]
pub struct Hook {
    /// The address, with its token.
    pub url: SecretString,
    /// What the provider is to show with each delivery, where it shows something that we choose.
    pub secret: SecretString,
}

/// How a provider's deliveries find their tenant.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum HookAddress {
    /// All tenants have one address; deliveries name their account.
    Shared,
    /// Each connection has an address with a token in its query, registered by a call.
    Registered,
    /// Each connection has an address with a token as its last segment, which people enter at the
    /// provider; the answer to connecting tells it.
    Entered,
}

/// Where the secret comes from that a connection's deliveries are signed with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum HookSecret {
    /// From the tenant, with the request that connects ([`AuthMode::ApiKey`]: it is the key).
    Given,
    /// We draw it, and the provider is told when the webhook is registered.
    Drawn,
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
    async fn account(&self, access: &AccountAccess) -> Result<AccountDetails, ProviderError>;

    /// Where a person gives their consent; the provider hands `state` back. Empty where there is no
    /// consent to an app of ours.
    fn authorize_url(&self, _app: &OauthApp, _state: &str) -> String {
        String::new()
    }

    /// Exchanges the code of a consent for tokens. A code is good for one time.
    ///
    /// # Errors
    /// See [`GrantError`]; without an app of ours always [`GrantError::AppRefused`].
    async fn exchange(
        &self,
        _app: &OauthApp,
        _code: &SecretString,
    ) -> Result<OauthTokens, GrantError> {
        Err(GrantError::AppRefused)
    }

    /// Gets a new bearer token.
    ///
    /// # Errors
    /// See [`GrantError`]; without an app of ours always [`GrantError::AppRefused`].
    async fn refresh(
        &self,
        _app: &OauthApp,
        _refresh_token: &SecretString,
    ) -> Result<OauthTokens, GrantError> {
        Err(GrantError::AppRefused)
    }

    /// Makes the key property of a kind of record unless it is there.
    ///
    /// # Errors
    /// When it could not be found out; a lack of permission is no error.
    async fn ensure_key_property(
        &self,
        access: &AccountAccess,
        object_type: ObjectType,
    ) -> Result<KeyProperty, ProviderError>;

    /// Gets a bearer token with an app of the tenant's own, for providers that let apps do so.
    ///
    /// # Errors
    /// See [`GrantError`]; here a refused app is the tenant's, so it is [`GrantError::Refused`].
    async fn mint(&self, _grant: &TenantGrant, _domain: &str) -> Result<OauthTokens, GrantError> {
        Err(GrantError::Refused)
    }

    /// Reads the account's own name in the provider's host names, as a tenant wrote it; `None` when
    /// it is no such name. Where a provider has no such names, nothing is one.
    fn account_domain(&self, _given: &str) -> Option<String> {
        None
    }

    /// How long before its end a bearer token is replaced that is good for `lifetime` from now on. It is
    /// less than `lifetime`: a token that is to be replaced as soon as it is there would cost a refresh
    /// for every call.
    fn refresh_ahead(&self, lifetime: Duration) -> Duration {
        REFRESH_AHEAD.min(lifetime / 2)
    }

    /// How deliveries find their tenant.
    fn hook_address(&self) -> HookAddress {
        HookAddress::Shared
    }

    /// Where the secret comes from that deliveries are signed with.
    fn hook_secret(&self) -> HookSecret {
        HookSecret::Given
    }

    /// Registers the webhook for what we want to be told of, once: what is there already is used, and what
    /// has been disabled is made anew. Others of our addresses, which begin like this one up to its
    /// query, are removed.
    ///
    /// # Errors
    /// When it could not be found out.
    async fn ensure_webhook(
        &self,
        _access: &AccountAccess,
        _hook: &Hook,
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
        _access: &AccountAccess,
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
