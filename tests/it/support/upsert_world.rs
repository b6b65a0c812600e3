//! One tenant's world in memory: the upsert use case on fakes.

use std::sync::Arc;
use std::time::Duration;

use serde_json::Value;
use sync_domain::model::{
    CorrelationId, IdempotencyKey, ObjectType, System, TenantId, UpsertStatus,
};
use sync_domain::ports::Clock;
use sync_domain::retry::RetryPolicy;
use sync_domain::usecase::upsert_record::{
    UpsertDeps, UpsertError, UpsertRecord, UpsertStats, Upserted, upsert_record,
};
use sync_testkit::{ManualClock, MemoryConnections, MemoryUpsertStore, ScriptedGateway};

/// How long an invocation of these tests may take.
pub const LEASE: Duration = Duration::from_secs(20);

pub struct World {
    pub clock: Arc<ManualClock>,
    pub store: MemoryUpsertStore,
    pub gateway: ScriptedGateway,
    pub tenant: TenantId,
    connections: MemoryConnections,
}

impl World {
    pub fn new() -> Self {
        let clock = Arc::new(ManualClock::default());
        let tenant = TenantId::parse("acme").unwrap();
        Self {
            store: MemoryUpsertStore::default(),
            gateway: ScriptedGateway::new(Arc::clone(&clock) as Arc<dyn Clock>),
            connections: MemoryConnections::with_tenants(&[&tenant]),
            clock,
            tenant,
        }
    }

    pub async fn upsert(&self, key: &str, attributes: Value) -> Result<Upserted, UpsertError> {
        let deps = UpsertDeps {
            connections: &self.connections,
            store: &self.store,
            gateway: &self.gateway,
            clock: self.clock.as_ref(),
            retry: RetryPolicy {
                attempts_max: 3,
                backoff_max: Duration::from_secs(60),
                wait_max: Duration::from_secs(3),
            },
            call_timeout: Duration::from_secs(2),
        };
        let command = UpsertRecord {
            tenant: self.tenant.clone(),
            system: System::Hubspot,
            object_type: ObjectType::Contact,
            attributes: attributes.as_object().unwrap().clone(),
            idempotency_key: IdempotencyKey::parse(key).unwrap(),
            correlation_id: CorrelationId::parse("test").unwrap(),
            deadline: self.clock.now() + LEASE,
        };
        upsert_record(&deps, command, &mut UpsertStats::default()).await
    }

    pub async fn status(&self, key: &str, attributes: Value) -> UpsertStatus {
        self.upsert(key, attributes).await.unwrap().answer.status
    }
}
