//! Connections held in memory.

use std::collections::{HashMap, HashSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use async_trait::async_trait;
use sync_domain::model::{ObjectType, System, TenantId};
use sync_domain::ports::{AuthMode, Connection, ConnectionError, ConnectionStore, CustomFields};

type Connections = HashMap<(TenantId, System), Arc<Connection>>;

/// Connections of the tenants that were added.
#[derive(Debug, Default)]
pub struct MemoryConnections {
    handed_out: Mutex<Connections>,
    /// What is found after the handed out one was forgotten.
    renewed: Mutex<Connections>,
    /// Whose token has ended, with no other one to be had.
    ended: Mutex<HashSet<TenantId>>,
}

impl MemoryConnections {
    /// With a HubSpot connection for each tenant, region US.
    pub fn with_tenants(tenants: &[&TenantId]) -> Self {
        let connections = Self::default();
        for tenant in tenants {
            connections.connect(tenant);
        }
        connections
    }

    /// Connects a tenant to HubSpot.
    pub fn connect(&self, tenant: &TenantId) {
        self.connect_to(tenant, System::Hubspot, AuthMode::PrivateApp);
    }

    /// Connects a tenant to a system.
    pub fn connect_to(&self, tenant: &TenantId, system: System, auth: AuthMode) {
        let connection = Connection {
            tenant: tenant.clone(),
            system,
            auth,
            account_id: format!("account-of-{tenant}"),
            access_token: format!("token-of-{tenant}").into(),
            token_version: 0,
            expires_at: None,
            refresh_at: None,
            default_region: Some("US".to_owned()),
            import_horizon_days: None,
            time_zone: None,
            key_properties: ObjectType::ALL.to_vec(),
            domain: None,
            custom_fields: CustomFields::new(),
        };
        locked(&self.handed_out).insert((tenant.clone(), system), Arc::new(connection));
    }

    /// Takes a tenant's connections away.
    pub fn disconnect(&self, tenant: &TenantId) {
        locked(&self.handed_out).retain(|(owner, _), _| owner != tenant);
    }

    /// Gives a tenant another token, which is found when the present one has been forgotten.
    pub fn renew_token(&self, tenant: &TenantId, token: &str) {
        let key = (tenant.clone(), System::Hubspot);
        if let Some(mut connection) = locked(&self.handed_out).get(&key).cloned() {
            Arc::make_mut(&mut connection).access_token = token.into();
            locked(&self.renewed).insert(key, connection);
        }
    }

    /// Sets how far ahead a tenant's appointments are imported.
    pub fn set_import_horizon(&self, tenant: &TenantId, system: System, days: Option<u16>) {
        if let Some(connection) = locked(&self.handed_out).get_mut(&(tenant.clone(), system)) {
            Arc::make_mut(connection).import_horizon_days = days;
        }
    }

    /// Lets a tenant's token end while the provider gives no other one, or gives it one again.
    pub fn set_token_ended(&self, tenant: &TenantId, has_ended: bool) {
        let mut ended = locked(&self.ended);
        if has_ended {
            ended.insert(tenant.clone());
        } else {
            ended.remove(tenant);
        }
    }

    /// Sets the kinds of record for which a tenant's account has our key property.
    pub fn set_key_properties(&self, tenant: &TenantId, key_properties: &[ObjectType]) {
        let key = (tenant.clone(), System::Hubspot);
        if let Some(connection) = locked(&self.handed_out).get_mut(&key) {
            Arc::make_mut(connection).key_properties = key_properties.to_vec();
        }
    }

    /// Sets the time zone of a tenant's HubSpot account.
    pub fn set_time_zone(&self, tenant: &TenantId, time_zone: Option<&str>) {
        let key = (tenant.clone(), System::Hubspot);
        if let Some(connection) = locked(&self.handed_out).get_mut(&key) {
            Arc::make_mut(connection).time_zone = time_zone.map(str::to_owned);
        }
    }
}

fn locked<T>(shared: &Mutex<T>) -> MutexGuard<'_, T> {
    shared.lock().unwrap_or_else(PoisonError::into_inner)
}

#[async_trait]
impl ConnectionStore for MemoryConnections {
    async fn connection(
        &self,
        tenant: &TenantId,
        system: System,
    ) -> Result<Arc<Connection>, ConnectionError> {
        tokio::task::yield_now().await;
        let found = locked(&self.handed_out).get(&(tenant.clone(), system)).cloned();
        let last = found.ok_or(ConnectionError::NotFound)?;
        if locked(&self.ended).contains(tenant) {
            return Err(ConnectionError::NoToken { last, source: "the provider is down".into() });
        }
        Ok(last)
    }

    fn forget(&self, tenant: &TenantId, system: System) {
        let key = (tenant.clone(), system);
        if let Some(renewed) = locked(&self.renewed).remove(&key) {
            locked(&self.handed_out).insert(key, renewed);
        }
    }
}
