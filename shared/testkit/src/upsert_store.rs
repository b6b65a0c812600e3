//! Claims and records in memory, under the conditions of the table.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use async_trait::async_trait;
use jiff::Timestamp;
use sync_domain::keys::{ClaimKey, Fingerprint, RecordKey};
use sync_domain::model::{ExternalId, ObjectType, TenantId};
use sync_domain::ports::{
    Answer, Claim, ClaimOutcome, Completion, Expectation, Finished, Release, StaleClaim, StaleLock,
    StoreError, UpsertStore,
};

use crate::stored_record::{Holder, StoredRecord};

#[derive(Debug, Clone)]
struct StoredClaim {
    fingerprint: Fingerprint,
    holder: Holder,
    answer: Option<Answer>,
}

#[derive(Debug, Default)]
struct State {
    claims: HashMap<(TenantId, ClaimKey), StoredClaim>,
    records: HashMap<(TenantId, RecordKey), StoredRecord>,
    pointers: HashMap<(TenantId, ObjectType, ExternalId), RecordKey>,
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
        state.claims.len() + state.records.len()
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn claim(&mut self, claim: &Claim, expected: &Expectation) -> ClaimOutcome {
        let (claim_key, record_key) = (claim_key(claim), record_key(claim));
        let held = self.claims.get(&claim_key);
        let record = self.records.get(&record_key);
        let refused = refused_claim(held, expected);
        let locked = refused_lock(record, claim, expected);
        if refused || locked {
            return read_refusal(
                claim,
                expected,
                Refused::when(refused, held),
                Refused::when(locked, record),
            );
        }
        let holder = Holder {
            owner: claim.owner.clone(),
            lease_until: claim.lease_until,
            started_at: claim.started_at,
        };
        let fingerprint = claim.fingerprint.clone();
        let stored = StoredClaim { fingerprint, holder: holder.clone(), answer: None };
        self.claims.insert(claim_key, stored);
        self.records.entry(record_key).or_default().lock = Some(holder);
        ClaimOutcome::Claimed
    }

    fn owns(&self, claim: &Claim) -> bool {
        let held = self.claims.get(&claim_key(claim));
        let record = self.records.get(&record_key(claim));
        let claimed = held.is_some_and(|it| it.answer.is_none() && it.holder.owner == claim.owner);
        let locked = record
            .and_then(|record| record.lock.as_ref())
            .is_some_and(|lock| lock.owner == claim.owner);
        claimed && locked
    }

    fn complete(&mut self, claim: &Claim, finished: &Finished) -> Completion {
        let is_ours = self.owns(claim);
        let held = self.claims.get_mut(&claim_key(claim));
        let written = &finished.written;
        if !is_ours {
            let held = held.filter(|held| held.fingerprint == claim.fingerprint);
            return Completion::Lost(held.and_then(|held| held.answer.clone()));
        }
        if let Some(held) = held {
            let status = written.change.into();
            held.answer = Some(Answer { external_id: written.external_id.clone(), status });
        }
        let record = self.records.entry(record_key(claim)).or_default();
        record.lock = None;
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
}

fn claim_key(claim: &Claim) -> (TenantId, ClaimKey) {
    (claim.tenant.clone(), claim.key.clone())
}

fn record_key(claim: &Claim) -> (TenantId, RecordKey) {
    (claim.tenant.clone(), claim.record.clone())
}

fn refused_claim(held: Option<&StoredClaim>, expected: &Expectation) -> bool {
    match (&expected.claim, held) {
        (None, None) => false,
        (Some(stale), Some(held)) => held.answer.is_some() || held.holder.owner != stale.owner,
        (None, Some(_)) | (Some(_), None) => true,
    }
}

fn refused_lock(record: Option<&StoredRecord>, claim: &Claim, expected: &Expectation) -> bool {
    let lock = record.and_then(|record| record.lock.as_ref());
    match &expected.lock {
        Some(stale) => lock.is_none_or(|lock| lock.owner != stale.owner),
        None => record.is_some_and(|record| {
            record.lock.is_some() || (record.version > 0 && record.holds(&claim.draft))
        }),
    }
}

fn read_refusal(
    claim: &Claim,
    expected: &Expectation,
    held: Refused<&StoredClaim>,
    record: Refused<&StoredRecord>,
) -> ClaimOutcome {
    let mut found = expected.clone();
    match held {
        Refused::No => {}
        Refused::By(None) => found.claim = None,
        Refused::By(Some(held)) => {
            if held.fingerprint != claim.fingerprint {
                return ClaimOutcome::KeyReused;
            }
            if let Some(answer) = &held.answer {
                return ClaimOutcome::Replay(answer.clone());
            }
            let Holder { owner, lease_until, started_at } = held.holder.clone();
            if lease_until > claim.at {
                return ClaimOutcome::InProgress { lease_until: Some(lease_until) };
            }
            found.claim = Some(StaleClaim { owner, started_at });
        }
    }
    let Refused::By(record) = record else { return ClaimOutcome::Stale(found) };
    if let Some(lock) = record.and_then(|record| record.lock.clone()) {
        let Holder { owner, lease_until, started_at } = lock;
        if lease_until > claim.at {
            return ClaimOutcome::InProgress { lease_until: Some(lease_until) };
        }
        found.lock = Some(StaleLock { owner, started_at });
    } else if expected.lock.is_some() {
        found.lock = None;
    } else {
        let external_id = record.and_then(|record| record.external_id.clone());
        return ClaimOutcome::Unchanged(external_id.unwrap_or(ExternalId::new("")));
    }
    ClaimOutcome::Stale(found)
}

/// Whether an item's condition failed, and what was there.
#[derive(Clone, Copy)]
enum Refused<T> {
    No,
    By(Option<T>),
}

impl<T> Refused<T> {
    fn when(is_refused: bool, item: Option<T>) -> Self {
        if is_refused { Self::By(item) } else { Self::No }
    }
}

#[async_trait]
impl UpsertStore for MemoryUpsertStore {
    async fn claim(
        &self,
        claim: &Claim,
        expectation: &Expectation,
    ) -> Result<ClaimOutcome, StoreError> {
        tokio::task::yield_now().await;
        let outcome = self.state().claim(claim, expectation);
        tokio::task::yield_now().await;
        Ok(outcome)
    }

    async fn known_external_id(&self, claim: &Claim) -> Result<Option<ExternalId>, StoreError> {
        tokio::task::yield_now().await;
        let state = self.state();
        let record = state.records.get(&record_key(claim));
        Ok(record.filter(|record| !record.is_deleted).and_then(|record| record.external_id.clone()))
    }

    async fn complete(&self, claim: &Claim, finished: &Finished) -> Result<Completion, StoreError> {
        tokio::task::yield_now().await;
        let completion = self.state().complete(claim, finished);
        tokio::task::yield_now().await;
        Ok(completion)
    }

    async fn release(&self, claim: &Claim, release: Release) -> Result<(), StoreError> {
        tokio::task::yield_now().await;
        let mut state = self.state();
        if !state.owns(claim) {
            return Ok(());
        }
        let (claim_key, record_key) = (claim_key(claim), record_key(claim));
        match release {
            Release::Undone => {
                state.claims.remove(&claim_key);
                if let Some(record) = state.records.get_mut(&record_key) {
                    record.lock = None;
                }
                state.records.retain(|_, record| record.version > 0 || record.lock.is_some());
            }
            Release::Unresolved => {
                if let Some(held) = state.claims.get_mut(&claim_key) {
                    held.holder.lease_until = Timestamp::UNIX_EPOCH;
                }
                let lock = state.records.get_mut(&record_key).and_then(|it| it.lock.as_mut());
                if let Some(lock) = lock {
                    lock.lease_until = Timestamp::UNIX_EPOCH;
                }
            }
        }
        Ok(())
    }
}
