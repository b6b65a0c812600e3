//! Pushes that wait, in the same memory as claims and records, under the conditions of the table.
//! The steps are in `push_state`.

use std::collections::BTreeMap;

use async_trait::async_trait;
use jiff::Timestamp;
use sync_domain::keys::{ClaimKey, RecordKey};
use sync_domain::model::{PushMessage, System, TenantId};
use sync_domain::ports::{
    Claim, KeyStatus, Parked, PushStart, PushStore, QueuedAgain, QueuedPush, RemoteEffect,
    StaleClaim, StoreError,
};

use crate::stored_claim::Status;
use crate::upsert_store::MemoryUpsertStore;

impl MemoryUpsertStore {
    /// How many pushes wait in all lines, and how many the records say there are.
    pub fn waiting(&self) -> (usize, u64) {
        let state = self.state();
        let counted = state.records.values().map(|record| record.queued).sum();
        (state.lines.values().map(BTreeMap::len).sum(), counted)
    }

    /// How many pushes a record says that wait for it, `None` where there is no record.
    pub fn queued_for(&self, tenant: &TenantId, record: &RecordKey) -> Option<u64> {
        let state = self.state();
        state.records.get(&(tenant.clone(), record.clone())).map(|record| record.queued)
    }

    /// Takes away a record and what waits or was given up for it, as when it is erased.
    pub fn erase(&self, tenant: &TenantId, record: &RecordKey) {
        let mut state = self.state();
        let key = (tenant.clone(), record.clone());
        state.records.remove(&key);
        state.lines.remove(&key);
        state.refused.retain(|(of, at, _), _| (of, at) != (tenant, record));
    }
}

#[async_trait]
impl PushStore for MemoryUpsertStore {
    async fn park(
        &self,
        claim: &Claim,
        effect: RemoteEffect,
        at: Timestamp,
    ) -> Result<Parked, StoreError> {
        self.write(|state| state.park(claim, effect, at)).await
    }

    async fn queue_behind(
        &self,
        claim: &Claim,
        stale: Option<&StaleClaim>,
        at: Timestamp,
    ) -> Result<Parked, StoreError> {
        self.write(|state| state.queue_behind(claim, stale, at)).await
    }

    async fn next(
        &self,
        tenant: &TenantId,
        _system: System,
        record: &RecordKey,
    ) -> Result<Option<QueuedPush>, StoreError> {
        tokio::task::yield_now().await;
        let state = self.state();
        let line = state.lines.get(&(tenant.clone(), record.clone()));
        Ok(line.and_then(|line| line.values().next().cloned()))
    }

    async fn start(&self, push: &QueuedPush, claim: &Claim) -> Result<PushStart, StoreError> {
        self.write(|state| state.start(push, claim)).await
    }

    async fn put_back(&self, push: &QueuedPush, claim: &Claim) -> Result<(), StoreError> {
        self.write(|state| state.put_back(push, claim)).await
    }

    async fn give_up(
        &self,
        push: &QueuedPush,
        claim: &Claim,
        code: &str,
        at: Timestamp,
    ) -> Result<(), StoreError> {
        self.write(|state| state.give_up(push, claim, code, at)).await
    }

    async fn queue_again(
        &self,
        message: &PushMessage,
        at: Timestamp,
    ) -> Result<QueuedAgain, StoreError> {
        self.write(|state| state.queue_again(message, at)).await
    }

    async fn abandon(
        &self,
        message: &PushMessage,
        code: &str,
        at: Timestamp,
    ) -> Result<bool, StoreError> {
        self.write(|state| state.abandon(message, code, at)).await
    }

    async fn key_status(
        &self,
        tenant: &TenantId,
        key: &ClaimKey,
        now: Timestamp,
    ) -> Result<KeyStatus, StoreError> {
        tokio::task::yield_now().await;
        let state = self.state();
        let held = state.claims.get(&(tenant.clone(), key.clone()));
        let Some(held) = held.filter(|held| !held.is_expired(now)) else {
            return Ok(KeyStatus::Unknown);
        };
        Ok(match held.status.clone() {
            Status::InProgress { lease_until, .. } => KeyStatus::InProgress { lease_until },
            Status::Queued => KeyStatus::Queued,
            Status::Completed(answer) => KeyStatus::Completed(answer),
            Status::Failed { code, .. } => KeyStatus::Failed { code },
        })
    }
}
