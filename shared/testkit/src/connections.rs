//! Connections held in memory.

use std::collections::HashMap;
use std::sync::Arc;

use async_trait::async_trait;
use sync_domain::model::{ObjectType, System, TenantId};
use sync_domain::ports::{AuthMode, Connection, ConnectionError, ConnectionStore};

/// Connections of the tenants that were added.
#[derive(Debug, Default)]
pub struct MemoryConnections(HashMap<(TenantId, System), Arc<Connection>>);

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
        Self(tenants.iter().map(connect).collect())
    }
}

impl MemoryConnections {
    /// Sets the kinds of record for which a tenant's account has our key property.
    pub fn set_key_properties(&mut self, tenant: &TenantId, key_properties: &[ObjectType]) {
        if let Some(connection) = self.0.get_mut(&(tenant.clone(), System::Hubspot)) {
            Arc::make_mut(connection).key_properties = key_properties.to_vec();
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
        self.0.get(&(tenant.clone(), system)).cloned().ok_or(ConnectionError::NotFound)
    }

    fn forget(&self, _tenant: &TenantId, _system: System) {}
}
