//! One tenant's portal and table in memory: the sync use case on fakes.

use std::sync::Arc;
use std::time::Duration;

use sync_domain::gate::{Gate, GateSettings};
use sync_domain::keys::{RecordKey, record_key, record_key_of_id};
use sync_domain::model::{
    AttributeName, Attributes, ExternalId, ObjectChange, ObjectType, OwnerId, RecordLock,
    RecordPointer, Sensitive, StoredRecord, System, TenantId, VersionChange,
};
use sync_domain::ports::{Clock, ConnectionStore, RecordScope, RecordStore};
use sync_domain::usecase::sync_changes::{
    CrmSystem, SyncDeps, SyncOutcome, SyncReport, sync_changes,
};
use sync_testkit::{
    ManualClock, MemoryConnections, MemoryGateStore, MemoryPortal, MemoryRecordStore,
    ScriptedGateway,
};

/// How long an upsert of these tests may hold a lock.
pub const LEASE: Duration = Duration::from_secs(20);

pub struct SyncWorld {
    pub clock: Arc<ManualClock>,
    pub store: MemoryRecordStore,
    pub portal: Arc<MemoryPortal>,
    pub tenant: TenantId,
    connections: MemoryConnections,
    gate: Gate,
    gateway: Arc<ScriptedGateway>,
}

pub fn id(text: &str) -> ExternalId {
    ExternalId::new(text)
}

/// Attributes from pairs of name and value.
pub fn values(pairs: &[(AttributeName, &str)]) -> Attributes {
    pairs.iter().map(|(name, value)| (*name, (*value).to_owned())).collect()
}

/// A contact with an email and a first name.
pub fn person(email: &str, firstname: &str) -> Attributes {
    values(&[(AttributeName::Email, email), (AttributeName::Firstname, firstname)])
}

impl SyncWorld {
    pub fn new() -> Self {
        Self::with_quirks(0, true)
    }

    /// With a provider whose clock is not ours, and merged ids that lead on or don't.
    pub fn with_quirks(skew_ms: i64, resolves_merged: bool) -> Self {
        Self::of(skew_ms, resolves_merged, false)
    }

    /// The same, with answers that others overtake.
    pub fn with_slow_quirks(skew_ms: i64, resolves_merged: bool) -> Self {
        Self::of(skew_ms, resolves_merged, true)
    }

    fn of(skew_ms: i64, resolves_merged: bool, is_slow: bool) -> Self {
        let clock = Arc::new(ManualClock::default());
        let tenant = TenantId::parse("acme").unwrap();
        let portal = MemoryPortal::new(&tenant, Arc::clone(&clock));
        let portal = portal.with_quirks(skew_ms, resolves_merged);
        let settings = GateSettings::with_call_max(Duration::from_secs(6));
        let shared = Arc::clone(&clock) as Arc<dyn Clock>;
        Self {
            store: MemoryRecordStore::default(),
            portal: Arc::new(if is_slow { portal.with_slowness(40) } else { portal }),
            connections: MemoryConnections::with_tenants(&[&tenant]),
            gate: Gate::new(Arc::new(MemoryGateStore::default()), Arc::clone(&shared), settings),
            gateway: Arc::new(ScriptedGateway::new(shared)),
            clock,
            tenant,
        }
    }

    pub fn scope(&self, object_type: ObjectType) -> RecordScope {
        RecordScope { tenant: self.tenant.clone(), system: System::Hubspot, object_type }
    }

    pub async fn sync(&self, changes: Vec<ObjectChange>) -> SyncReport {
        self.sync_with(&self.connections, &self.store, changes).await
    }

    pub async fn sync_with(
        &self,
        connections: &dyn ConnectionStore,
        store: &dyn RecordStore,
        changes: Vec<ObjectChange>,
    ) -> SyncReport {
        let systems = |_system| {
            Some(CrmSystem {
                gateway: Arc::clone(&self.gateway) as _,
                reader: Arc::clone(&self.portal) as _,
            })
        };
        let deps = SyncDeps {
            connections,
            store,
            systems: &systems,
            gate: &self.gate,
            notice: |_connection, _reported| {},
            clock: self.clock.as_ref(),
        };
        // A message takes a while from the provider to us.
        self.clock.advance(Duration::from_millis(1));
        sync_changes(&deps, changes).await
    }

    /// The outcomes of one delivery.
    pub async fn outcomes(&self, changes: Vec<ObjectChange>) -> Vec<SyncOutcome> {
        self.sync(changes).await.outcomes
    }

    /// The outcome of one delivery that has the same for all.
    pub async fn outcome(&self, changes: Vec<ObjectChange>) -> SyncOutcome {
        let outcomes = self.outcomes(changes).await;
        assert!(outcomes.iter().all(|it| *it == outcomes[0]), "{outcomes:?}");
        outcomes[0]
    }

    pub fn key(&self, object_type: ObjectType, natural: &str) -> RecordKey {
        let natural = Sensitive::new(natural.to_owned());
        record_key(&self.tenant, System::Hubspot, object_type, &natural).unwrap()
    }

    pub fn id_key(&self, object_type: ObjectType, id: &ExternalId) -> RecordKey {
        record_key_of_id(&self.tenant, System::Hubspot, object_type, id).unwrap()
    }

    /// The contact's record of an email.
    pub fn contact(&self, email: &str) -> Option<StoredRecord> {
        let scope = self.scope(ObjectType::Contact);
        self.store.record(&scope, &self.key(ObjectType::Contact, email))
    }

    /// The contact's record at the place of an id.
    pub fn contact_of_id(&self, id: &ExternalId) -> Option<StoredRecord> {
        let scope = self.scope(ObjectType::Contact);
        self.store.record(&scope, &self.id_key(ObjectType::Contact, id))
    }

    pub fn pointer(&self, id: &ExternalId) -> Option<RecordPointer> {
        self.store.pointer(&self.scope(ObjectType::Contact), id)
    }

    /// Creates a contact at the portal and syncs it.
    pub async fn known_contact(&self, email: &str, firstname: &str) -> ExternalId {
        let created = self.portal.create(ObjectType::Contact, person(email, firstname));
        let (id, changes) = created.unwrap();
        assert_eq!(self.outcome(changes).await, SyncOutcome::Synced);
        id
    }

    /// The kinds of all versions that were told of.
    pub fn told(&self) -> Vec<VersionChange> {
        self.store.versions().iter().map(|version| version.change).collect()
    }

    /// A lock as an upsert would take it now.
    pub fn lock(&self, owner: &str) -> RecordLock {
        RecordLock { owner: OwnerId::new(owner), lease_until: self.clock.now() + LEASE }
    }
}
