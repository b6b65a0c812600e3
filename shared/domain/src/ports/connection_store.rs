//! A tenant's connection to one system: how to reach it and with which credentials.

use std::sync::Arc;

use async_trait::async_trait;
use secrecy::SecretString;

use crate::model::{ObjectType, System, TenantId};

/// What is needed to call a tenant's system. `Debug` can't print the token.
#[derive(Debug, Clone)]
pub struct Connection {
    /// Whose connection it is.
    pub tenant: TenantId,
    /// Which system it leads to.
    pub system: System,
    /// The provider's id of the account (HubSpot: the portal id).
    pub account_id: String,
    /// The bearer token.
    pub access_token: SecretString,
    /// The tenant's two-letter country code for phone numbers without a prefix.
    pub default_region: Option<String>,
    /// The kinds of record whose unique key property exists at the provider.
    pub key_properties: Vec<ObjectType>,
}

impl Connection {
    /// Whether the provider itself finds a record of this kind by its natural key, so that it is
    /// created or updated in one call. A contact's key is its email, which every account has.
    pub fn has_key_property(&self, object_type: ObjectType) -> bool {
        object_type == ObjectType::Contact || self.key_properties.contains(&object_type)
    }
}

/// Why a connection could not be had.
#[derive(Debug, thiserror::Error)]
pub enum ConnectionError {
    /// The tenant has none to this system.
    #[error("the tenant has no connection to this system")]
    NotFound,
    /// It is stored, but not in a shape that we can read.
    #[error("the stored connection can't be read: {0}")]
    Malformed(&'static str),
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
