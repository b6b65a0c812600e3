//! Connections held in memory.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use async_trait::async_trait;
use sync_domain::model::{ObjectType, System, TenantId};
use sync_domain::ports::{AuthMode, Connection, ConnectionError, ConnectionStore};

type Connections = HashMap<(TenantId, System), Arc<Connection>>;

/// Connections of the tenants that were added.
#[derive(Debug, Default)]
pub struct MemoryConnections {
    cached: Mutex<Connections>,
    /// What is found when a connection is read anew.
    replaced: Mutex<Connections>,
}

impl MemoryConnections {
    /// With a HubSpot connection for each tenant, region US.
    pub fn with_tenants(tenants: &[&TenantId]) -> Self {
        let connect = |tenant: &&TenantId| {
            let connection = Connection {
                tenant: (*tenant).clone(),
                system: System::Hubspot,
                auth: AuthMode::PrivateApp,
                account_id: format!("account-of-{tenant}"),
                access_token: format!("token-of-{tenant}").into(),
                token_version: 0,
                expires_at: None,
                default_region: Some("US".to_owned()),
                time_zone: None,
                key_properties: ObjectType::ALL.to_vec(),
            };
            (((*tenant).clone(), System::Hubspot), Arc::new(connection))
        };
        let cached = Mutex::new(tenants.iter().map(connect).collect());
        Self { cached, replaced: Mutex::default() }
    }
}

impl MemoryConnections {
    /// Sets the kinds of record for which a tenant's account has our key property.
    pub fn set_key_properties(&mut self, tenant: &TenantId, key_properties: &[ObjectType]) {
        if let Some(connection) = locked(&self.cached).get_mut(&(tenant.clone(), System::Hubspot)) {
            Arc::make_mut(connection).key_properties = key_properties.to_vec();
        }
    }

    /// Replaces a tenant's token where it is stored; what is cached goes on being handed out until it
    /// is forgotten.
    pub fn replace_token(&self, tenant: &TenantId, token: &str) {
        let key = (tenant.clone(), System::Hubspot);
        let cached = locked(&self.cached).get(&key).cloned();
        if let Some(mut connection) = cached {
            Arc::make_mut(&mut connection).access_token = token.into();
            locked(&self.replaced).insert(key, connection);
        }
    }
}

#[async_trait]
impl ConnectionStore for MemoryConnections {
    async fn connection(
        &self,
        tenant: &TenantId,
        system: System,
    ) -> Result<Arc<Connection>, ConnectionError> {
        tokio::task::yield_now().await;
        let found = locked(&self.cached).get(&(tenant.clone(), system)).cloned();
        found.ok_or(ConnectionError::NotFound)
    }

    fn forget(&self, tenant: &TenantId, system: System) {
        let key = (tenant.clone(), system);
        if let Some(replaced) = locked(&self.replaced).remove(&key) {
            locked(&self.cached).insert(key, replaced);
        }
    }
}

fn locked(connections: &Mutex<Connections>) -> MutexGuard<'_, Connections> {
    connections.lock().unwrap_or_else(PoisonError::into_inner)
}
