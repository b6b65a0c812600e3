//! Connections out of secrets, cached for a few minutes.
//!
//! A tenant's secret is named `{prefix}/{tenant}/{system}` and holds JSON:
//! `{"access_token": "…", "account_id": "…", "default_region": "US"}`. The cache key contains the
//! tenant, so one tenant's token can't answer for another's.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use jiff::Timestamp;
use secrecy::{ExposeSecret, SecretString};
use serde::Deserialize;
use sync_domain::model::{ObjectType, System, TenantId};
use sync_domain::ports::{
    Clock, Connection, ConnectionError, ConnectionStore, SecretError, SecretSource,
};

/// How long a connection is used without looking again. A rotated token is noticed at once all the
/// same, because a refusal by the provider drops the entry.
const CACHE_TTL: Duration = Duration::from_secs(300);
/// An instance that serves more tenants than this starts its cache anew.
const CACHE_ENTRIES_MAX: usize = 1_000;

type CacheKey = (TenantId, System);

struct Cached {
    connection: Arc<Connection>,
    until: Timestamp,
}

/// Reads connections from a [`SecretSource`].
pub struct SecretConnectionStore {
    secrets: Arc<dyn SecretSource>,
    clock: Arc<dyn Clock>,
    prefix: String,
    cache: Mutex<HashMap<CacheKey, Cached>>,
}

#[derive(Deserialize)]
struct StoredConnection {
    access_token: SecretString,
    #[serde(default)]
    account_id: String,
    default_region: Option<String>,
    /// Kinds of record with our key property. Absent: all that need one.
    key_properties: Option<Vec<String>>,
}

impl StoredConnection {
    fn key_properties(&self) -> Vec<ObjectType> {
        let Some(names) = &self.key_properties else {
            return ObjectType::ALL.to_vec();
        };
        names.iter().filter_map(|name| ObjectType::parse(name)).collect()
    }
}

impl SecretConnectionStore {
    /// A store of the secrets below `prefix` (`SECRET_PREFIX`).
    pub fn new(secrets: Arc<dyn SecretSource>, clock: Arc<dyn Clock>, prefix: String) -> Self {
        Self { secrets, clock, prefix, cache: Mutex::default() }
    }

    fn cached(&self, key: &CacheKey) -> Option<Arc<Connection>> {
        let cache = self.cache.lock().unwrap_or_else(PoisonError::into_inner);
        let entry = cache.get(key).filter(|entry| entry.until > self.clock.now())?;
        Some(Arc::clone(&entry.connection))
    }

    fn keep(&self, key: CacheKey, connection: &Arc<Connection>) {
        let mut cache = self.cache.lock().unwrap_or_else(PoisonError::into_inner);
        if cache.len() >= CACHE_ENTRIES_MAX {
            cache.clear();
        }
        let until = self.clock.now() + CACHE_TTL;
        cache.insert(key, Cached { connection: Arc::clone(connection), until });
    }
}

#[async_trait]
impl ConnectionStore for SecretConnectionStore {
    async fn connection(
        &self,
        tenant: &TenantId,
        system: System,
    ) -> Result<Arc<Connection>, ConnectionError> {
        let key = (tenant.clone(), system);
        if let Some(connection) = self.cached(&key) {
            return Ok(connection);
        }
        let name = format!("{}/{tenant}/{system}", self.prefix);
        let secret = self.secrets.read(&name).await.map_err(|error| match error {
            SecretError::NotFound => ConnectionError::NotFound,
            SecretError::Unavailable(source) => ConnectionError::Unavailable(source),
        })?;
        let stored: StoredConnection = serde_json::from_str(secret.expose_secret())
            .map_err(|_quotes_the_secret| ConnectionError::Malformed("not the expected JSON"))?;
        if stored.access_token.expose_secret().is_empty() {
            return Err(ConnectionError::Malformed("the access token is empty"));
        }
        let connection = Arc::new(Connection {
            tenant: tenant.clone(),
            system,
            key_properties: stored.key_properties(),
            account_id: stored.account_id,
            access_token: stored.access_token,
            default_region: stored.default_region,
        });
        self.keep(key, &connection);
        Ok(connection)
    }

    fn forget(&self, tenant: &TenantId, system: System) {
        let mut cache = self.cache.lock().unwrap_or_else(PoisonError::into_inner);
        cache.remove(&(tenant.clone(), system));
    }
}
