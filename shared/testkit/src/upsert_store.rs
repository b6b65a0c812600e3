//! Claims, records and the pushes that wait for them in memory, under the conditions of the table.
//! The pushes are in `push_store`.

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::sync::{Mutex, MutexGuard, PoisonError};

use async_trait::async_trait;
use jiff::{SignedDuration, Timestamp};
use sync_domain::keys::{ClaimKey, RecordKey};
use sync_domain::model::{ExternalId, ObjectType, TenantId};
use sync_domain::ports::{
    Answer, Claim, ClaimOutcome, Completion, Expectation, Finished, QueuedPush, Release,
    StoreError, UpsertStore,
};

use crate::stored_claim::{
    Refused, Status, StoredClaim, is_claim_refused, is_lock_refused, read_refusal,
};
use crate::stored_record::{Holder, StoredRecord};

/// How long a claim is kept.
pub(crate) const CLAIM_TTL: SignedDuration = SignedDuration::from_hours(7 * 24);

/// The pushes that wait for one record, in their order.
pub(crate) type StoredLine = BTreeMap<(Timestamp, ClaimKey), QueuedPush>;

#[derive(Debug, Default)]
pub(crate) struct State {
    pub(crate) claims: HashMap<(TenantId, ClaimKey), StoredClaim>,
    pub(crate) records: HashMap<(TenantId, RecordKey), StoredRecord>,
    pub(crate) lines: HashMap<(TenantId, RecordKey), StoredLine>,
    pub(crate) refused: HashMap<(TenantId, RecordKey, ClaimKey), QueuedPush>,
    pointers: HashMap<(TenantId, ObjectType, ExternalId), RecordKey>,
    faults: VecDeque<StoreFault>,
}

/// One failure, used up by one write.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StoreFault {
    /// The next write is fine; the fault behind it is for the one after it.
    None,
    /// Nothing is written.
    Fail,
    /// It is written, but its caller is told that it failed.
    FailAfterEffect,
}

/// The fake table.
#[derive(Debug, Default)]
pub struct MemoryUpsertStore(Mutex<State>);

impl MemoryUpsertStore {
    /// All records that have a version, for assertions.
    pub fn records(&self) -> Vec<StoredRecord> {
        self.state().records.values().filter(|record| record.version > 0).cloned().collect()
    }

    /// The record that a provider's id leads to.
    pub fn pointer(
        &self,
        tenant: &TenantId,
        object_type: ObjectType,
        id: &ExternalId,
    ) -> Option<RecordKey> {
        self.state().pointers.get(&(tenant.clone(), object_type, id.clone())).cloned()
    }

    /// Changes a stored record, as the reader of the provider's changes would.
    pub fn edit(&self, tenant: &TenantId, key: &RecordKey, edit: impl FnOnce(&mut StoredRecord)) {
        edit(self.state().records.entry((tenant.clone(), key.clone())).or_default());
    }

    /// How many items there are of any kind, locks included.
    pub fn item_count(&self) -> usize {
        let state = self.state();
        let waiting: usize = state.lines.values().map(BTreeMap::len).sum();
        state.claims.len() + state.records.len() + waiting + state.refused.len()
    }

    /// Lets the next write fail, or the one after the failures that wait already.
    pub fn fail_next(&self, fault: StoreFault) {
        self.state().faults.push_back(fault);
    }

    pub(crate) fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// One write, all or nothing, with the fault that is due.
    pub(crate) async fn write<T>(
        &self,
        write: impl FnOnce(&mut State) -> T,
    ) -> Result<T, StoreError> {
        tokio::task::yield_now().await;
        let result = {
            let mut state = self.state();
            let failed = || StoreError::Unavailable("the test wants it so".into());
            match state.faults.pop_front().unwrap_or(StoreFault::None) {
                StoreFault::None => Ok(write(&mut state)),
                StoreFault::Fail => Err(failed()),
                StoreFault::FailAfterEffect => {
                    write(&mut state);
                    Err(failed())
                }
            }
        };
        tokio::task::yield_now().await;
        result
    }
}

impl State {
    fn claim(&mut self, claim: &Claim, expected: &Expectation) -> ClaimOutcome {
        let (claim_key, record_key) = (claim_key(claim), record_key(claim));
        let held = self.claims.get(&claim_key);
        let record = self.records.get(&record_key);
        let refused = is_claim_refused(held, expected.claim.as_ref(), claim.at);
        let locked = is_lock_refused(record, claim, expected);
        if refused || locked {
            return read_refusal(
                claim,
                expected,
                Refused::when(refused, held),
                Refused::when(locked, record),
            );
        }
        let (owner, lease_until) = (claim.owner.clone(), claim.lease_until);
        let status = Status::InProgress { owner: owner.clone(), lease_until };
        let stored = StoredClaim {
            fingerprint: claim.fingerprint.clone(),
            record: claim.record.clone(),
            started_at: claim.started_at,
            status,
            queued_at: None,
            expires_at: Some(claim.at + CLAIM_TTL),
        };
        self.claims.insert(claim_key, stored);
        let lock = Holder { owner, lease_until, started_at: claim.started_at };
        self.records.entry(record_key).or_default().lock = Some(lock);
        ClaimOutcome::Claimed
    }

    pub(crate) fn owns(&self, claim: &Claim) -> bool {
        let held = self.claims.get(&claim_key(claim));
        let record = self.records.get(&record_key(claim));
        let claimed = held.is_some_and(|held| held.is_owned_by(&claim.owner));
        let locked = record
            .and_then(|record| record.lock.as_ref())
            .is_some_and(|lock| lock.owner == claim.owner);
        claimed && locked
    }

    /// Whether a push is at its place, or needs none.
    fn has_place(&self, claim: &Claim) -> bool {
        claim.queued_at.is_none_or(|queued_at| {
            let line = self.lines.get(&record_key(claim));
            line.is_some_and(|line| line.contains_key(&(queued_at, claim.key.clone())))
        })
    }

    fn complete(&mut self, claim: &Claim, finished: &Finished) -> Completion {
        let is_ours = self.owns(claim) && self.has_place(claim);
        let held = self.claims.get_mut(&claim_key(claim));
        let written = &finished.written;
        if !is_ours {
            let held = held.filter(|held| held.fingerprint == claim.fingerprint);
            return Completion::Lost(held.and_then(|held| match &held.status {
                Status::Completed(answer) => Some(answer.clone()),
                Status::InProgress { .. } | Status::Queued | Status::Failed { .. } => None,
            }));
        }
        if let Some(held) = held {
            let status = written.change.into();
            let external_id = written.external_id.clone();
            held.status = Status::Completed(Answer { external_id, status });
            held.queued_at = None;
            held.expires_at = Some(finished.at + CLAIM_TTL);
        }
        if let Some(queued_at) = claim.queued_at {
            self.leave_line(&record_key(claim), &(queued_at, claim.key.clone()));
        }
        let record = self.records.entry(record_key(claim)).or_default();
        record.lock = None;
        record.requested_at = Some(floor(claim.place()));
        if record.is_later_than(finished) {
            return Completion::Stored;
        }
        for (name, value) in finished.attributes(&claim.draft).iter() {
            record.attributes.set(name, value);
        }
        record.version += 1;
        record.external_id = Some(written.external_id.clone());
        record.associations.extend(claim.draft.associations.iter().cloned());
        record.provider_version = written.provider_version.or(record.provider_version);
        record.read_at = Some(finished.read_at);
        record.is_deleted = false;
        let id = (claim.tenant.clone(), claim.draft.object_type, written.external_id.clone());
        self.pointers.insert(id, claim.record.clone());
        Completion::Stored
    }

    fn release(&mut self, claim: &Claim, release: Release) {
        if !self.owns(claim) {
            return;
        }
        let (claim_key, record_key) = (claim_key(claim), record_key(claim));
        match release {
            Release::Undone => {
                self.claims.remove(&claim_key);
                if let Some(record) = self.records.get_mut(&record_key) {
                    record.lock = None;
                }
                self.records.retain(|_, record| !record.is_bare());
            }
            Release::Unresolved => {
                if let Some(Status::InProgress { lease_until, .. }) =
                    self.claims.get_mut(&claim_key).map(|held| &mut held.status)
                {
                    *lease_until = Timestamp::UNIX_EPOCH;
                }
                let lock = self.records.get_mut(&record_key).and_then(|it| it.lock.as_mut());
                if let Some(lock) = lock {
                    lock.lease_until = Timestamp::UNIX_EPOCH;
                }
            }
        }
    }
}

/// A moment as the table keeps it.
pub(crate) fn floor(at: Timestamp) -> Timestamp {
    Timestamp::from_millisecond(at.as_millisecond()).unwrap_or(at)
}

pub(crate) fn claim_key(claim: &Claim) -> (TenantId, ClaimKey) {
    (claim.tenant.clone(), claim.key.clone())
}

pub(crate) fn record_key(claim: &Claim) -> (TenantId, RecordKey) {
    (claim.tenant.clone(), claim.record.clone())
}

#[async_trait]
impl UpsertStore for MemoryUpsertStore {
    async fn claim(
        &self,
        claim: &Claim,
        expectation: &Expectation,
    ) -> Result<ClaimOutcome, StoreError> {
        self.write(|state| state.claim(claim, expectation)).await
    }

    async fn known_external_id(&self, claim: &Claim) -> Result<Option<ExternalId>, StoreError> {
        tokio::task::yield_now().await;
        let state = self.state();
        let record = state.records.get(&record_key(claim));
        Ok(record.filter(|record| !record.is_deleted).and_then(|record| record.external_id.clone()))
    }

    async fn complete(&self, claim: &Claim, finished: &Finished) -> Result<Completion, StoreError> {
        self.write(|state| state.complete(claim, finished)).await
    }

    async fn release(&self, claim: &Claim, release: Release) -> Result<(), StoreError> {
        self.write(|state| state.release(claim, release)).await
    }
}
