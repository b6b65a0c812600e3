//! One tenant's world in memory: the upsert use case on fakes, behind a gate. How its queue is
//! worked off is in `push_world`.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use jiff::Timestamp;
use serde_json::{Value, json};
use sync_domain::gate::{Class, Gate, GateSettings};
use sync_domain::model::{
    CorrelationId, IdempotencyKey, ObjectType, System, TenantId, UpsertStatus, associations_of,
};
use sync_domain::ports::{Clock, GateStore, WorkQueue};
use sync_domain::retry::RetryPolicy;
use sync_domain::usecase::settle_work::WorkItem;
use sync_domain::usecase::upsert_record::{
    UpsertDeps, UpsertError, UpsertOutcome, UpsertRecord, UpsertStats, Upserted, upsert_record,
};
use sync_testkit::{
    ManualClock, MemoryConnections, MemoryDeadLetters, MemoryGateStore, MemoryUpsertStore,
    MemoryWorkQueue, ScriptedGateway,
};

/// How long an invocation of these tests may take.
pub const LEASE: Duration = Duration::from_secs(20);
/// How long a call to the provider may take.
pub const CALL_TIMEOUT: Duration = Duration::from_secs(2);

pub type Outcome = Result<UpsertOutcome, UpsertError>;

pub struct World<C = ManualClock> {
    pub clock: Arc<C>,
    pub store: MemoryUpsertStore,
    pub gateway: ScriptedGateway,
    pub tenant: TenantId,
    pub connections: MemoryConnections,
    pub gates: Arc<MemoryGateStore>,
    pub gate: Gate,
    pub queue: MemoryWorkQueue,
    pub dead_letters: MemoryDeadLetters,
    /// What is on the queue, and from when on it can be received.
    pub inbox: Mutex<Vec<(Timestamp, WorkItem)>>,
}

/// A new instance's gate.
pub fn gate_of(gates: &Arc<MemoryGateStore>, clock: Arc<dyn Clock>) -> Gate {
    let call_max = CALL_TIMEOUT + Duration::from_secs(1);
    Gate::new(Arc::clone(gates) as Arc<dyn GateStore>, clock, GateSettings::with_call_max(call_max))
}

impl World {
    pub fn new() -> Self {
        Self::at(Arc::new(ManualClock::default()))
    }

    /// The world of an account that has our key property for these kinds of record only.
    pub fn with_key_properties(key_properties: &[ObjectType]) -> Self {
        let world = Self::new();
        world.connections.set_key_properties(&world.tenant, key_properties);
        world
    }
}

impl<C: Clock + 'static> World<C> {
    pub fn at(clock: Arc<C>) -> Self {
        let tenant = TenantId::parse("acme").unwrap();
        let gates = Arc::new(MemoryGateStore::default());
        Self {
            store: MemoryUpsertStore::default(),
            gateway: ScriptedGateway::new(Arc::clone(&clock) as Arc<dyn Clock>),
            connections: MemoryConnections::with_tenants(&[&tenant]),
            gate: gate_of(&gates, Arc::clone(&clock) as Arc<dyn Clock>),
            gates,
            queue: MemoryWorkQueue::default(),
            dead_letters: MemoryDeadLetters::default(),
            inbox: Mutex::default(),
            clock,
            tenant,
        }
    }

    pub fn deps<'a>(
        &'a self,
        gate: &'a Gate,
        push_queue: &'a dyn WorkQueue,
        class: Class,
    ) -> UpsertDeps<'a> {
        UpsertDeps {
            connections: &self.connections,
            store: &self.store,
            gateway: &self.gateway,
            gate,
            class,
            notice: |_connection, _reported| {},
            pushes: &self.store,
            push_queue,
            clock: self.clock.as_ref(),
            retry: RetryPolicy {
                attempts_max: 3,
                backoff_max: Duration::from_secs(60),
                wait_max: Duration::from_secs(3),
            },
            call_timeout: CALL_TIMEOUT,
        }
    }

    pub fn command(
        &self,
        object_type: ObjectType,
        key: &str,
        attributes: &Value,
        associations: &Value,
    ) -> UpsertRecord {
        UpsertRecord {
            tenant: self.tenant.clone(),
            system: System::Hubspot,
            object_type,
            attributes: attributes.as_object().unwrap().clone(),
            associations: associations_of(object_type, associations).unwrap(),
            idempotency_key: IdempotencyKey::parse(key).unwrap(),
            correlation_id: CorrelationId::parse("test").unwrap(),
            deadline: self.clock.now() + LEASE,
        }
    }

    /// Upserts a contact.
    pub async fn upsert(&self, key: &str, attributes: Value) -> Outcome {
        self.upsert_of(ObjectType::Contact, key, attributes, json!([])).await
    }

    pub async fn upsert_of(
        &self,
        object_type: ObjectType,
        key: &str,
        attributes: Value,
        associations: Value,
    ) -> Outcome {
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
    ) -> Outcome {
        let command = self.command(object_type, key, &attributes, &associations);
        let deps = self.deps(&self.gate, &self.queue, Class::Live);
        upsert_record(&deps, command, stats).await
    }

    /// The status of an upsert that is done at once.
    pub async fn status(&self, key: &str, attributes: Value) -> UpsertStatus {
        done(self.upsert(key, attributes).await).answer.status
    }
}

/// What an upsert came to that is done at once.
pub fn done(outcome: Outcome) -> Upserted {
    match outcome.unwrap() {
        UpsertOutcome::Done(upserted) => upserted,
        UpsertOutcome::Queued => panic!("it waits"),
    }
}
