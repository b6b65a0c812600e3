//! One tenant's world in memory: the upsert use case on fakes.

use std::sync::Arc;
use std::time::Duration;

use serde_json::{Value, json};
use sync_domain::gate::{Class, Gate, GateSettings};
use sync_domain::model::{
    CorrelationId, IdempotencyKey, ObjectType, System, TenantId, UpsertStatus, associations_of,
};
use sync_domain::ports::Clock;
use sync_domain::retry::RetryPolicy;
use sync_domain::usecase::upsert_record::{
    UpsertDeps, UpsertError, UpsertOutcome, UpsertRecord, UpsertStats, Upserted, upsert_record,
};
use sync_testkit::{
    ManualClock, MemoryConnections, MemoryGateStore, MemoryUpsertStore, MemoryWorkQueue,
    ScriptedGateway,
};

/// How long an invocation of these tests may take.
pub const LEASE: Duration = Duration::from_secs(20);

pub struct World {
    pub clock: Arc<ManualClock>,
    pub store: MemoryUpsertStore,
    pub gateway: ScriptedGateway,
    pub tenant: TenantId,
    pub push_queue: MemoryWorkQueue,
    pub gate: Gate,
    pub connections: MemoryConnections,
}

impl World {
    pub fn new() -> Self {
        let clock = Arc::new(ManualClock::default());
        let tenant = TenantId::parse("acme").unwrap();
        Self {
            store: MemoryUpsertStore::default(),
            gateway: ScriptedGateway::new(Arc::clone(&clock) as Arc<dyn Clock>),
            connections: MemoryConnections::with_tenants(&[&tenant]),
            push_queue: MemoryWorkQueue::default(),
            gate: Gate::new(
                Arc::new(MemoryGateStore::default()),
                Arc::clone(&clock) as Arc<dyn Clock>,
                GateSettings::with_call_max(Duration::from_secs(3)),
            ),
            clock,
            tenant,
        }
    }

    /// The world of an account that has our key property for these kinds of record only.
    pub fn with_key_properties(key_properties: &[ObjectType]) -> Self {
        let mut world = Self::new();
        world.connections.set_key_properties(&world.tenant, key_properties);
        world
    }

    pub async fn upsert(&self, key: &str, attributes: Value) -> Result<Upserted, UpsertError> {
        self.upsert_of(ObjectType::Contact, key, attributes, json!([])).await
    }

    pub async fn upsert_of(
        &self,
        object_type: ObjectType,
        key: &str,
        attributes: Value,
        associations: Value,
    ) -> Result<Upserted, UpsertError> {
        let mut stats = UpsertStats::default();
        self.upsert_counted(object_type, key, attributes, associations, &mut stats).await
    }

    pub async fn upsert_counted(
        &self,
        object_type: ObjectType,
        key: &str,
        attributes: Value,
        associations: Value,
        stats: &mut UpsertStats,
    ) -> Result<Upserted, UpsertError> {
        let deps = UpsertDeps {
            connections: &self.connections,
            store: &self.store,
            gateway: &self.gateway,
            gate: &self.gate,
            class: Class::Live,
            notice: |_connection, _reported| {},
            pushes: &self.store,
            push_queue: &self.push_queue,
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
            object_type,
            attributes: attributes.as_object().unwrap().clone(),
            associations: associations_of(object_type, &associations).unwrap(),
            idempotency_key: IdempotencyKey::parse(key).unwrap(),
            correlation_id: CorrelationId::parse("test").unwrap(),
            deadline: self.clock.now() + LEASE,
        };
        match upsert_record(&deps, command, stats).await? {
            UpsertOutcome::Done(upserted) => Ok(upserted),
            UpsertOutcome::Queued => panic!("it was queued"),
        }
    }

    pub async fn status(&self, key: &str, attributes: Value) -> UpsertStatus {
        self.upsert(key, attributes).await.unwrap().answer.status
    }
}
