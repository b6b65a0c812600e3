//! A tenant's connection to one system: how to reach it and with which credentials.

use std::collections::BTreeMap;
use std::sync::Arc;

use async_trait::async_trait;
use jiff::Timestamp;
use secrecy::SecretString;

use super::{AccountAccess, AuthMode};
use crate::model::{AttributeName, ObjectType, System, TenantId};

/// What is needed to call a tenant's system. `Debug` can't print the token.
#[derive(Debug, Clone)]
pub struct Connection {
    /// Whose connection it is.
    pub tenant: TenantId,
    /// Which system it leads to.
    pub system: System,
    /// How it is connected.
    pub auth: AuthMode,
    /// The provider's id of the account (HubSpot: the portal id).
    pub account_id: String,
    /// The bearer token.
    pub access_token: SecretString,
    /// Grows whenever the token is replaced.
    pub token_version: u64,
    /// When the token ends; `None` for one that does not, or of which nobody knows.
    pub expires_at: Option<Timestamp>,
    /// From when on the token is replaced, which was decided when it came: only then is it known how
    /// long it is good for in all. `None` for one of which nobody knows, or that an operator stored.
    pub refresh_at: Option<Timestamp>,
    /// The tenant's two-letter country code for phone numbers without a prefix.
    pub default_region: Option<String>,
    /// How far ahead the tenant's appointments are imported, in days; `None` for the deployment's own
    /// setting.
    pub import_horizon_days: Option<u16>,
    /// The account's time zone (IANA name), in which its day ends.
    pub time_zone: Option<String>,
    /// The kinds of record whose unique key property exists at the provider.
    pub key_properties: Vec<ObjectType>,
    /// The account's own name in the provider's host names (Salesforce: the My Domain; Pipedrive: the
    /// company domain), where the provider has such.
    pub domain: Option<String>,
    /// Fields at the provider whose names differ from account to account.
    pub custom_fields: CustomFields,
}

/// The provider's names of fields that hold our attributes, where each account has its own.
pub type CustomFields = BTreeMap<(ObjectType, AttributeName), String>;

impl Connection {
    /// Whether the provider itself finds a record of this kind by its natural key, so that it is
    /// created or updated in one call. A contact's key is its email, which every account has.
    pub fn has_key_property(&self, object_type: ObjectType) -> bool {
        object_type == ObjectType::Contact || self.key_properties.contains(&object_type)
    }

    /// The provider's name of the field that holds an attribute, where each account has its own.
    pub fn custom_field(&self, object_type: ObjectType, name: AttributeName) -> Option<&str> {
        self.custom_fields.get(&(object_type, name)).map(String::as_str)
    }

    /// What the account is called with, for the calls of connecting.
    pub fn access(&self) -> AccountAccess {
        AccountAccess {
            auth: self.auth,
            token: self.access_token.clone(),
            domain: self.domain.clone(),
        }
    }
}

/// Why a connection could not be had.
#[derive(Debug, thiserror::Error)]
pub enum ConnectionError {
    /// The tenant has none to this system.
    #[error("the tenant has no connection to this system")]
    NotFound,
    /// The provider has withdrawn its consent: the tenant must connect again.
    #[error("the provider has ended the connection")]
    Broken,
    /// It is stored, but not in a shape that we can read.
    #[error("the stored connection can't be read: {0}")]
    Malformed(&'static str),
    /// The token has ended and no other one can be had right now: the provider can't be called, but
    /// what is to be done there can be taken on.
    #[error("the token has ended and there is no other one yet")]
    NoToken {
        /// The connection with the token that has ended.
        last: Arc<Connection>,
        /// Why there is no other one.
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// The store can't be reached; another attempt may succeed.
    #[error("the connection store is not available")]
    Unavailable(#[source] Box<dyn std::error::Error + Send + Sync>),
}

/// Finds connections. An implementation may cache for a few minutes, under a key that contains the
/// tenant.
#[async_trait]
pub trait ConnectionStore: Send + Sync {
    /// The connection of `tenant` to `system`.
    ///
    /// # Errors
    /// See [`ConnectionError`].
    async fn connection(
        &self,
        tenant: &TenantId,
        system: System,
    ) -> Result<Arc<Connection>, ConnectionError>;

    /// Drops what is cached for the pair, because the provider refused the credentials: the next
    /// call reads them anew.
    fn forget(&self, tenant: &TenantId, system: System);
}
