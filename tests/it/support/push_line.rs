//! A tenant of its own at a store of pushes, with the line of one record: the steps that the suites
//! of the contract are made of.

use std::time::Duration;

use serde_json::json;
use sync_domain::model::{CorrelationId, OwnerId, PushMessage, RecordChange, System};
use sync_domain::ports::{
    Claim, ClaimOutcome, Completion, Finished, KeyStatus, Parked, PushStart, PushStore, QueuedPush,
    RemoteEffect, UpsertStore,
};
use sync_testkit::MemoryUpsertStore;

use crate::contract_upsert_store::Bench;

const TICK: Duration = Duration::from_secs(1);
pub const LEASE: Duration = Duration::from_secs(20);

/// What the suite sees of a store past its ports, and does to it.
pub trait Places {
    /// How many pushes a claim's record says that wait for it; `None` where there is no record.
    async fn counted(&self, claim: &Claim) -> Option<u64>;
    /// Takes the record away, and all that waits or was given up for it.
    async fn erase(&self, claim: &Claim);
}

impl Places for MemoryUpsertStore {
    async fn counted(&self, claim: &Claim) -> Option<u64> {
        self.queued_for(&claim.tenant, &claim.record)
    }

    async fn erase(&self, claim: &Claim) {
        MemoryUpsertStore::erase(self, &claim.tenant, &claim.record);
    }
}

/// One record of a tenant of its own, and the line of those that wait for it.
pub struct Line<'a, S, P> {
    pub store: &'a S,
    pub places: &'a P,
    pub bench: Bench<'a>,
}

impl<'a, S: UpsertStore + PushStore, P: Places> Line<'a, S, P> {
    pub fn new(store: &'a S, places: &'a P) -> Self {
        Self { store, places, bench: Bench::new(store) }
    }

    /// The claim of a call of its own: the value is the first name that it wants.
    pub fn claim(&self, key: &str, value: &str) -> Claim {
        let attributes = json!({"email": "a@b.co", "firstname": value});
        self.bench.claim_with(key, &format!("owner-of-{key}"), &attributes, &json!([]))
    }

    /// Claims and parks.
    pub async fn park(&mut self, key: &str, value: &str) -> Claim {
        self.bench.now += TICK;
        let claim = self.claim(key, value);
        assert_eq!(self.bench.begin(&claim).await, ClaimOutcome::Claimed);
        let parked = self.store.park(&claim, RemoteEffect::None, self.bench.now).await;
        assert_eq!(parked.unwrap(), Parked::Queued);
        claim
    }

    /// Waits behind those that wait already.
    pub async fn behind(&mut self, key: &str, value: &str) -> Claim {
        self.bench.now += TICK;
        let claim = self.claim(key, value);
        assert_eq!(self.bench.begin(&claim).await, ClaimOutcome::Behind { stale: None });
        let queued = self.store.queue_behind(&claim, None, self.bench.now).await;
        assert_eq!(queued.unwrap(), Parked::Queued);
        claim
    }

    pub async fn next(&self, claim: &Claim) -> Option<QueuedPush> {
        self.store.next(&claim.tenant, System::Hubspot, &claim.record).await.unwrap()
    }

    pub fn claim_by(&self, push: &QueuedPush, worker: &str) -> Claim {
        push.claim_by(OwnerId::new(worker), self.bench.now, self.bench.now + LEASE)
    }

    pub async fn start(&self, push: &QueuedPush, worker: &str) -> (PushStart, Claim) {
        let claim = self.claim_by(push, worker);
        (self.store.start(push, &claim).await.unwrap(), claim)
    }

    /// Starts the first push, which must be the one of that claim.
    pub async fn start_first(&self, of: &Claim, worker: &str) -> (QueuedPush, Claim) {
        let push = self.next(of).await.unwrap();
        assert_eq!(push.key, of.key, "another one is first");
        let (start, claim) = self.start(&push, worker).await;
        assert_eq!(start, PushStart::Started);
        (push, claim)
    }

    /// Carries the first push out, which must be the one of that claim.
    pub async fn carry_out(&mut self, of: &Claim) {
        self.bench.now += TICK;
        let (_, claim) = self.start_first(of, "worker").await;
        assert_eq!(self.finish(&claim).await, Completion::Stored);
        assert!(matches!(self.status(of).await, KeyStatus::Completed(_)));
    }

    pub async fn give_up_first(&mut self, of: &Claim) -> QueuedPush {
        self.bench.now += TICK;
        let (push, claim) = self.start_first(of, "worker").await;
        self.store.give_up(&push, &claim, "provider_rejected", self.bench.now).await.unwrap();
        let code = "provider_rejected".to_owned();
        assert_eq!(self.status(of).await, KeyStatus::Failed { code });
        push
    }

    pub fn finished(&self) -> Finished {
        self.bench.finished(RecordChange::Updated)
    }

    pub async fn finish(&self, claim: &Claim) -> Completion {
        self.bench.finish(claim, &self.finished()).await
    }

    pub async fn status(&self, claim: &Claim) -> KeyStatus {
        self.store.key_status(&claim.tenant, &claim.key, self.bench.now).await.unwrap()
    }

    pub async fn counted(&self, claim: &Claim) -> Option<u64> {
        self.places.counted(claim).await
    }

    pub fn message(&self, claim: &Claim) -> PushMessage {
        PushMessage {
            tenant: claim.tenant.clone(),
            system: claim.system,
            object_type: claim.draft.object_type,
            record: claim.record.clone(),
            key: claim.key.clone(),
            correlation_id: CorrelationId::parse("contract").unwrap(),
            call_ends_at: None,
        }
    }
}
