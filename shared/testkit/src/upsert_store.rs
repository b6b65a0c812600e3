//! Claims and records in memory, under the conditions of the table.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use async_trait::async_trait;
use jiff::Timestamp;
use sync_domain::keys::{ClaimKey, Fingerprint, RecordKey};
use sync_domain::model::{Attributes, ExternalId, OwnerId, RecordChange, TenantId};
use sync_domain::ports::{
    Answer, Claim, ClaimOutcome, Completion, Expectation, Release, StaleClaim, StaleLock,
    StoreError, UpsertStore,
};

#[derive(Debug, Clone)]
struct Holder {
    owner: OwnerId,
    lease_until: Timestamp,
    started_at: Timestamp,
}

#[derive(Debug, Clone)]
struct StoredClaim {
    fingerprint: Fingerprint,
    holder: Holder,
    answer: Option<Answer>,
}

/// A record as it is stored.
#[derive(Debug, Clone, Default)]
pub struct StoredRecord {
    /// Grows by one with each stored change; 0 while there is only a lock.
    pub version: u64,
    /// The payload.
    pub attributes: Attributes,
    external_id: Option<ExternalId>,
    lock: Option<Holder>,
}

#[derive(Debug, Default)]
struct State {
    claims: HashMap<(TenantId, ClaimKey), StoredClaim>,
    records: HashMap<(TenantId, RecordKey), StoredRecord>,
}

/// The fake table.
#[derive(Debug, Default)]
pub struct MemoryUpsertStore(Mutex<State>);

impl MemoryUpsertStore {
    /// All records that have a version, for assertions.
    pub fn records(&self) -> Vec<StoredRecord> {
        self.state().records.values().filter(|record| record.version > 0).cloned().collect()
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
        let claim_key = (claim.tenant.clone(), claim.key.clone());
        let record_key = (claim.tenant.clone(), claim.record.clone());
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
        let held = self.claims.get(&(claim.tenant.clone(), claim.key.clone()));
        let record = self.records.get(&(claim.tenant.clone(), claim.record.clone()));
        let claimed = held.is_some_and(|it| it.answer.is_none() && it.holder.owner == claim.owner);
        let locked = record
            .and_then(|record| record.lock.as_ref())
            .is_some_and(|lock| lock.owner == claim.owner);
        claimed && locked
    }
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
            let is_unchanged =
                record.version > 0 && record.attributes.contains_all(&claim.draft.attributes);
            record.lock.is_some() || is_unchanged
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

    async fn complete(
        &self,
        claim: &Claim,
        external_id: &ExternalId,
        change: RecordChange,
        _at: Timestamp,
    ) -> Result<Completion, StoreError> {
        tokio::task::yield_now().await;
        let completion = {
            let mut state = self.state();
            let is_ours = state.owns(claim);
            let held = state.claims.get_mut(&(claim.tenant.clone(), claim.key.clone()));
            if is_ours {
                let answer = Answer { external_id: external_id.clone(), status: change.into() };
                if let Some(held) = held {
                    held.answer = Some(answer);
                }
                let key = (claim.tenant.clone(), claim.record.clone());
                let record = state.records.entry(key).or_default();
                for (name, value) in claim.draft.attributes.iter() {
                    record.attributes.set(name, value);
                }
                record.version += 1;
                record.external_id = Some(external_id.clone());
                record.lock = None;
                Completion::Stored
            } else {
                Completion::Lost(held.and_then(|held| held.answer.clone()))
            }
        };
        tokio::task::yield_now().await;
        Ok(completion)
    }

    async fn release(&self, claim: &Claim, release: Release) -> Result<(), StoreError> {
        tokio::task::yield_now().await;
        let mut state = self.state();
        if !state.owns(claim) {
            return Ok(());
        }
        let claim_key = (claim.tenant.clone(), claim.key.clone());
        let record_key = (claim.tenant.clone(), claim.record.clone());
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
