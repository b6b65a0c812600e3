//! Records and pointers in memory, under the conditions of the table, with every version that a
//! stream would tell of.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use async_trait::async_trait;
use sync_domain::keys::RecordKey;
use sync_domain::model::{
    Association, Attributes, CorrelationId, Differences, ExternalId, NewVersion, Origin, Recency,
    RecordLock, RecordPointer, StoredRecord, SyncedRecord, VersionChange,
};
use sync_domain::ports::{
    COMMIT_MAX, CommitOutcome, Loaded, Lookup, PointerWrite, RecordCommit, RecordScope,
    RecordStore, RecordWrite, Seen, StoreError,
};

type Records = BTreeMap<(RecordScope, RecordKey), StoredRecord>;
type Pointers = BTreeMap<(RecordScope, ExternalId), RecordPointer>;

#[derive(Debug, Default)]
struct State {
    records: Records,
    pointers: Pointers,
    queued: BTreeMap<(RecordScope, RecordKey), Vec<String>>,
    versions: Vec<SyncedRecord>,
    given_up: Vec<(RecordKey, usize)>,
    loads: Vec<usize>,
    commits: Vec<usize>,
    unread_loads: u32,
    unreadable: Lookup,
    is_down: bool,
}

/// The fake table.
#[derive(Debug, Default)]
pub struct MemoryRecordStore(Mutex<State>);

/// What an upsert of ours stores when it is done, under the lock of its record.
#[derive(Debug, Clone)]
pub struct PlatformWrite {
    /// Where.
    pub key: RecordKey,
    /// Who must hold the lock.
    pub lock: RecordLock,
    /// The provider's id.
    pub external_id: ExternalId,
    /// The values that were written, or answered.
    pub attributes: Attributes,
    /// The associations that were made.
    pub associations: Vec<Association>,
    /// How recent they are.
    pub recency: Recency,
    /// When.
    pub synced_at: jiff::Timestamp,
}

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
        now: jiff::Timestamp,
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

fn empty(key: RecordKey) -> StoredRecord {
    StoredRecord {
        key,
        version: 0,
        external_id: None,
        attributes: Attributes::default(),
        associations: Default::default(),
        associations_of: None,
        tombstone: None,
        origin: Origin::Platform,
        recency: Recency::default(),
        associations_read_at_ms: 0,
        lock: None,
        queued: 0,
    }
}

/// Whether what a writer has seen is still there.
fn is_as_seen(record: Option<&StoredRecord>, seen: Option<&Seen>, with_queue: bool) -> bool {
    match (record.map(Seen::from), seen) {
        (None, None) => true,
        (Some(found), Some(seen)) => {
            let queued = if with_queue { found.queued } else { seen.queued };
            Seen { queued, ..found } == *seen
        }
        (None, Some(_)) | (Some(_), None) => false,
    }
}

impl State {
    fn is_possible(&self, scope: &RecordScope, commit: &RecordCommit) -> bool {
        let record = |key: &RecordKey| self.records.get(&(scope.clone(), key.clone()));
        let records = commit.records.iter().all(|write| match write {
            RecordWrite::Store { seen, new } => {
                is_as_seen(record(&new.record.key), seen.as_ref(), false)
            }
            RecordWrite::Refresh { seen, key, .. } => is_as_seen(record(key), Some(seen), false),
            RecordWrite::Vacate { seen, key } | RecordWrite::Erase { seen, key } => {
                is_as_seen(record(key), Some(seen), true)
            }
        });
        let pointers = commit.pointers.iter().all(|write| {
            let id = (scope.clone(), write.external_id.clone());
            self.pointers.get(&id) == write.seen.as_ref()
        });
        records && pointers
    }

    fn carry_out(&mut self, scope: &RecordScope, commit: &RecordCommit) {
        for write in &commit.records {
            if let RecordWrite::Vacate { key, .. } | RecordWrite::Erase { key, .. } = write {
                self.given_up.push((key.clone(), self.versions.len()));
            }
            match write {
                RecordWrite::Store { new, .. } => self.store(scope, new),
                RecordWrite::Refresh {
                    key,
                    recency,
                    associations_of,
                    associations_read_at_ms,
                    ..
                } => {
                    if let Some(record) = self.records.get_mut(&(scope.clone(), key.clone())) {
                        record.recency = *recency;
                        record.associations_of.clone_from(associations_of);
                        record.associations_read_at_ms = *associations_read_at_ms;
                        record.lock = None;
                    }
                }
                RecordWrite::Vacate { seen, key } if seen.queued > 0 => {
                    let left = StoredRecord { queued: seen.queued, ..empty(key.clone()) };
                    self.records.insert((scope.clone(), key.clone()), left);
                }
                RecordWrite::Vacate { key, .. } | RecordWrite::Erase { key, .. } => {
                    self.records.remove(&(scope.clone(), key.clone()));
                }
            }
        }
        for PointerWrite { external_id, pointer, .. } in &commit.pointers {
            self.pointers.insert((scope.clone(), external_id.clone()), pointer.clone());
        }
    }

    fn store(&mut self, scope: &RecordScope, new: &NewVersion) {
        let place = (scope.clone(), new.record.key.clone());
        let old = self.records.get(&place).cloned();
        let queued = old.as_ref().map_or(0, |old| old.queued);
        let record = StoredRecord { lock: None, queued, ..new.record.clone() };
        self.tell(scope, old.as_ref(), &record, new);
        self.records.insert(place, record);
    }

    fn tell(
        &mut self,
        scope: &RecordScope,
        old: Option<&StoredRecord>,
        record: &StoredRecord,
        new: &NewVersion,
    ) {
        let nothing = empty(record.key.clone());
        let old = old.unwrap_or(&nothing);
        let differences = new.differences.clone().unwrap_or_else(|| {
            let before = (&old.attributes, &old.associations);
            Differences::between(before, (&record.attributes, &record.associations))
        });
        let tombstone = record.tombstone.as_ref();
        self.versions.push(SyncedRecord {
            tenant: scope.tenant.clone(),
            system: scope.system,
            object_type: scope.object_type,
            key: record.key.clone(),
            version: record.version,
            change: new.change,
            origin: record.origin,
            external_id: record.external_id.clone().unwrap_or(ExternalId::new("")),
            merged_into: tombstone.and_then(|tombstone| tombstone.merged_into.clone()),
            attributes: record.attributes.clone(),
            differences,
            correlation_id: new.correlation_id.clone(),
            synced_at: new.synced_at,
        });
    }

    fn complete_upsert(&mut self, scope: &RecordScope, write: PlatformWrite) -> bool {
        let place = (scope.clone(), write.key.clone());
        let Some(record) = self.records.get_mut(&place) else { return false };
        if record.lock.as_ref().map(|lock| &lock.owner) != Some(&write.lock.owner) {
            return false;
        }
        record.lock = None;
        let is_another = record.external_id.as_ref() != Some(&write.external_id);
        let is_later = record.recency > write.recency;
        if is_later && !(record.tombstone.is_some() && is_another) {
            return true;
        }
        let mut attributes = record.attributes.clone();
        for (name, value) in write.attributes.iter() {
            attributes.set(name, value);
        }
        let mut new = StoredRecord {
            version: record.version + 1,
            external_id: Some(write.external_id.clone()),
            attributes,
            tombstone: None,
            origin: Origin::Platform,
            recency: write.recency,
            ..record.clone()
        };
        new.associations.extend(write.associations);
        let is_new = record.version == 0;
        let new = NewVersion {
            record: new,
            change: if is_new { VersionChange::Created } else { VersionChange::Updated },
            differences: None,
            synced_at: write.synced_at,
            correlation_id: CorrelationId::unknown(),
        };
        self.store(scope, &new);
        let pointer = self.pointers.entry((scope.clone(), write.external_id)).or_default();
        pointer.places.insert(write.key.clone());
        pointer.record = Some(write.key);
        true
    }

    fn load(&mut self, scope: &RecordScope, lookup: &Lookup) -> Loaded {
        let mut loaded = Loaded::default();
        self.loads.push(lookup.ids.len() + lookup.keys.len());
        let is_partial = self.unread_loads > 0;
        self.unread_loads = self.unread_loads.saturating_sub(1);
        for (index, id) in lookup.ids.iter().enumerate() {
            if is_partial && index % 2 == 1 {
                loaded.unread.ids.insert(id.clone());
            } else if let Some(pointer) = self.pointers.get(&(scope.clone(), id.clone())) {
                loaded.pointers.insert(id.clone(), pointer.clone());
            }
        }
        for (index, key) in lookup.keys.iter().enumerate() {
            if is_partial && index % 2 == 1 {
                loaded.unread.keys.insert(key.clone());
            } else if self.unreadable.keys.contains(key) {
                loaded.unreadable.keys.insert(key.clone());
            } else if let Some(record) = self.records.get(&(scope.clone(), key.clone())) {
                loaded.records.insert(key.clone(), record.clone());
            }
        }
        loaded
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
