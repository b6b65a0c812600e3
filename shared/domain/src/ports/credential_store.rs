//! Credentials as they are kept: read without a cache, and written.
//!
//! Whoever writes holds the connection's lock ([`super::ConnectionRegistry`]): the store itself
//! has no conditions.

use async_trait::async_trait;
use jiff::Timestamp;
use secrecy::{ExposeSecret, SecretString};

use super::{
    AccountAccess, AuthMode, Connection, ConnectionError, CustomFields, OauthApp, SecretError,
    TenantGrant,
};
use crate::model::{ObjectType, System, TenantId};

/// What a connection that nobody has looked at is taken to have a key property for.
const KEYED_BY_DEFAULT: [ObjectType; 2] = [ObjectType::Company, ObjectType::Deal];

/// All that is kept secret of a connection. `Debug` can't print the tokens.
#[derive(Debug, Clone)]
pub struct Credentials {
    /// How the account is connected.
    pub auth: AuthMode,
    /// The bearer token.
    pub access_token: SecretString,
    /// What gets the next bearer token (OAuth).
    pub refresh_token: Option<SecretString>,
    /// When the bearer token ends (OAuth).
    pub expires_at: Option<Timestamp>,
    /// From when on it is replaced, see [`Connection::refresh_at`].
    pub refresh_at: Option<Timestamp>,
    /// The provider's id of the account.
    pub account_id: String,
    /// Two-letter country code for phone numbers without a prefix.
    pub default_region: Option<String>,
    /// How far ahead the tenant's appointments are imported, in days; `None` for the deployment's own
    /// setting.
    pub import_horizon_days: Option<u16>,
    /// The account's time zone, an IANA name.
    pub time_zone: Option<String>,
    /// Grows whenever the bearer token is replaced.
    pub token_version: u64,
    /// The kinds of record whose key property exists; `None` when nobody has looked.
    pub key_properties: Option<Vec<ObjectType>>,
    /// The account's own name in the provider's host names.
    pub domain: Option<String>,
    /// Fields at the provider whose names differ from account to account.
    pub custom_fields: CustomFields,
    /// What mints bearer tokens, where an app of the tenant's own does.
    pub grant: Option<TenantGrant>,
}

impl Credentials {
    /// What the account is called with, for the calls of connecting.
    pub fn access(&self) -> AccountAccess {
        AccountAccess {
            auth: self.auth,
            token: self.access_token.clone(),
            domain: self.domain.clone(),
        }
    }

    /// What callers of the provider get of them: never what gets other tokens.
    pub fn connection(self, tenant: &TenantId, system: System) -> Connection {
        Connection {
            tenant: tenant.clone(),
            system,
            auth: self.auth,
            account_id: self.account_id,
            access_token: self.access_token,
            token_version: self.token_version,
            expires_at: self.expires_at,
            refresh_at: self.refresh_at,
            default_region: self.default_region,
            import_horizon_days: self.import_horizon_days,
            time_zone: self.time_zone,
            key_properties: self.key_properties.unwrap_or_else(|| KEYED_BY_DEFAULT.to_vec()),
            domain: self.domain,
            custom_fields: self.custom_fields,
        }
    }
}

/// The secrets that sign the webhooks of one connection, and what else leads a delivery to it.
#[derive(Debug, Clone)]
pub struct WebhookSecretPair {
    /// The one that is in use; empty where nothing is signed with and the token of the address is all
    /// that shows who sends.
    pub current: SecretString,
    /// The one before, with the moment until which it is still good.
    pub previous: Option<(SecretString, Timestamp)>,
    /// What the address of the connection's own webhook ends with, where it has one. It stays the same
    /// while the secrets change.
    pub url_token: Option<SecretString>,
    /// The provider's id of the account that these secrets sign for; `None` where it was not noted.
    pub account_id: Option<String>,
    /// The provider's ids of the webhooks that we have registered, where deliveries name them.
    pub hook_ids: Vec<String>,
}

impl WebhookSecretPair {
    /// A first secret, with nothing else.
    pub const fn sole(current: SecretString) -> Self {
        Self { current, previous: None, url_token: None, account_id: None, hook_ids: Vec::new() }
    }

    /// Whether `secret` is in use. Neither side of the comparison is a sender's.
    pub fn signs_with(&self, secret: &SecretString) -> bool {
        self.current.expose_secret() == secret.expose_secret()
    }

    /// Whether both say the same in all their parts.
    pub fn is_same_as(&self, other: &Self) -> bool {
        let exposed = |secret: &SecretString| secret.expose_secret().to_owned();
        let secrets = |pair: &Self| {
            let previous = pair.previous.as_ref().map(|(secret, until)| (exposed(secret), *until));
            (exposed(&pair.current), previous, pair.url_token.as_ref().map(exposed))
        };
        secrets(self) == secrets(other)
            && self.account_id == other.account_id
            && self.hook_ids == other.hook_ids
    }
}

/// Reads and writes the secrets of connections.
#[async_trait]
pub trait CredentialStore: Send + Sync {
    /// The credentials as they are now.
    ///
    /// # Errors
    /// See [`ConnectionError`].
    async fn credentials(
        &self,
        tenant: &TenantId,
        system: System,
    ) -> Result<Credentials, ConnectionError>;

    /// Replaces the credentials. Members of the stored secret that are not ours are kept.
    ///
    /// # Errors
    /// See [`SecretError`]. Whether it was written is then open.
    async fn put_credentials(
        &self,
        tenant: &TenantId,
        system: System,
        credentials: &Credentials,
    ) -> Result<(), SecretError>;

    /// The webhook secrets, `None` when there are none.
    ///
    /// # Errors
    /// See [`ConnectionError`]; never `NotFound`.
    async fn webhook_secrets(
        &self,
        tenant: &TenantId,
        system: System,
    ) -> Result<Option<WebhookSecretPair>, ConnectionError>;

    /// Replaces the webhook secrets.
    ///
    /// # Errors
    /// See [`SecretError`]. Whether it was written is then open.
    async fn put_webhook_secrets(
        &self,
        tenant: &TenantId,
        system: System,
        secrets: &WebhookSecretPair,
    ) -> Result<(), SecretError>;

    /// Deletes the webhook secrets at once and for good; it is no error when there are none.
    ///
    /// # Errors
    /// See [`SecretError`].
    async fn delete_webhook_secrets(
        &self,
        tenant: &TenantId,
        system: System,
    ) -> Result<(), SecretError>;

    /// Deletes the credentials and the webhook secrets at once and for good; it is no error when
    /// there are none.
    ///
    /// # Errors
    /// See [`SecretError`].
    async fn delete_all(&self, tenant: &TenantId, system: System) -> Result<(), SecretError>;
}

/// Our own apps at the providers.
#[async_trait]
pub trait OauthAppSource: Send + Sync {
    /// Our app at a system, `None` when none is configured. It may be cached for a few minutes.
    ///
    /// # Errors
    /// See [`ConnectionError`]; never `NotFound`.
    async fn app(&self, system: System) -> Result<Option<OauthApp>, ConnectionError>;
}
