//! Records and pointers in memory, under the conditions of the table, with every version that a
//! stream would tell of.

use std::sync::{Mutex, MutexGuard, PoisonError};

use async_trait::async_trait;
use jiff::Timestamp;
use sync_domain::keys::RecordKey;
use sync_domain::model::{ExternalId, RecordLock, RecordPointer, StoredRecord, SyncedRecord};
use sync_domain::ports::{
    COMMIT_MAX, CommitOutcome, Loaded, Lookup, RecordCommit, RecordScope, RecordStore, StoreError,
};

use crate::record_items::{PlatformWrite, State, empty};

/// The fake table.
#[derive(Debug, Default)]
pub struct MemoryRecordStore(Mutex<State>);

impl MemoryRecordStore {
    /// A record.
    pub fn record(&self, scope: &RecordScope, key: &RecordKey) -> Option<StoredRecord> {
        self.state().records.get(&(scope.clone(), key.clone())).cloned()
    }

    /// A pointer.
    pub fn pointer(&self, scope: &RecordScope, id: &ExternalId) -> Option<RecordPointer> {
        self.state().pointers.get(&(scope.clone(), id.clone())).cloned()
    }

    /// All records of a scope, places without a version included.
    pub fn records(&self, scope: &RecordScope) -> Vec<StoredRecord> {
        let state = self.state();
        let of_scope = state.records.iter().filter(|((its_scope, _), _)| its_scope == scope);
        of_scope.map(|(_, record)| record.clone()).collect()
    }

    /// Every version that was stored, in its order, as the stream tells of it.
    pub fn versions(&self) -> Vec<SyncedRecord> {
        self.state().versions.clone()
    }

    /// The places that were given up, each with how many versions had been stored before.
    pub fn given_up(&self) -> Vec<(RecordKey, usize)> {
        self.state().given_up.clone()
    }

    /// How many items each load asked for, and how many each commit wrote.
    pub fn calls(&self) -> (Vec<usize>, Vec<usize>) {
        let state = self.state();
        (state.loads.clone(), state.commits.clone())
    }

    /// Lets the next loads leave half of what is asked for unread.
    pub fn leave_unread(&self, loads: u32) {
        self.state().unread_loads = loads;
    }

    /// Makes an item one that can't be read.
    pub fn spoil(&self, key: &RecordKey) {
        self.state().unreadable.keys.insert(key.clone());
    }

    /// From now on nothing is answered, or everything again.
    pub fn set_down(&self, is_down: bool) {
        self.state().is_down = is_down;
    }

    /// Locks a place as an upsert does, unless somebody else's lease is not over.
    pub fn lock(
        &self,
        scope: &RecordScope,
        key: &RecordKey,
        lock: RecordLock,
        now: Timestamp,
    ) -> bool {
        let mut state = self.state();
        let place = state.records.entry((scope.clone(), key.clone()));
        let record = place.or_insert_with(|| empty(key.clone()));
        if record.lock.as_ref().is_some_and(|held| held.lease_until > now) {
            return false;
        }
        record.lock = Some(lock);
        true
    }

    /// Completes an upsert; `false` when the lock is no longer its own.
    pub fn complete_upsert(&self, scope: &RecordScope, write: PlatformWrite) -> bool {
        self.state().complete_upsert(scope, write)
    }

    /// Lets an upsert wait for a record.
    pub fn queue_push(&self, scope: &RecordScope, key: &RecordKey, body: &str) {
        let mut state = self.state();
        let place = (scope.clone(), key.clone());
        state.records.entry(place.clone()).or_insert_with(|| empty(key.clone())).queued += 1;
        state.queued.entry(place).or_default().push(body.to_owned());
    }

    /// The upserts that wait for a record.
    pub fn queued_pushes(&self, scope: &RecordScope, key: &RecordKey) -> Vec<String> {
        self.state().queued.get(&(scope.clone(), key.clone())).cloned().unwrap_or_default()
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn reachable(&self) -> Result<MutexGuard<'_, State>, StoreError> {
        let state = self.state();
        if state.is_down {
            return Err(StoreError::Unavailable("the table is cut off".into()));
        }
        Ok(state)
    }
}

#[async_trait]
impl RecordStore for MemoryRecordStore {
    async fn load(&self, scope: &RecordScope, lookup: &Lookup) -> Result<Loaded, StoreError> {
        tokio::task::yield_now().await;
        let loaded = self.reachable()?.load(scope, lookup);
        tokio::task::yield_now().await;
        Ok(loaded)
    }

    async fn commit(
        &self,
        scope: &RecordScope,
        commit: &RecordCommit,
    ) -> Result<CommitOutcome, StoreError> {
        tokio::task::yield_now().await;
        let outcome = {
            let mut state = self.reachable()?;
            state.commits.push(commit.len());
            if commit.len() > COMMIT_MAX {
                return Err(StoreError::Malformed("a commit that is too large"));
            }
            if state.is_possible(scope, commit) {
                state.carry_out(scope, commit);
                CommitOutcome::Committed
            } else {
                CommitOutcome::Overtaken
            }
        };
        tokio::task::yield_now().await;
        Ok(outcome)
    }

    async fn discard_queued_pushes(
        &self,
        scope: &RecordScope,
        key: &RecordKey,
    ) -> Result<(), StoreError> {
        tokio::task::yield_now().await;
        self.reachable()?.queued.remove(&(scope.clone(), key.clone()));
        Ok(())
    }
}
