//! Connections out of secrets, cached for a few minutes.
//!
//! Names and shapes of the secrets: [`crate::credentials`]. The cache key contains the tenant, so one
//! tenant's token can't answer for another's.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use jiff::Timestamp;
use sync_domain::model::{System, TenantId};
use sync_domain::ports::{Clock, Connection, ConnectionError, ConnectionStore, SecretSource};

use crate::credentials::{credentials_name, parse_credentials, unreadable};

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
        let name = credentials_name(&self.prefix, tenant, system);
        let secret = self.secrets.read(&name).await.map_err(unreadable)?;
        let connection = Arc::new(parse_credentials(&secret)?.connection(tenant, system));
        self.keep(key, &connection);
        Ok(connection)
    }

    fn forget(&self, tenant: &TenantId, system: System) {
        let mut cache = self.cache.lock().unwrap_or_else(PoisonError::into_inner);
        cache.remove(&(tenant.clone(), system));
    }
}
