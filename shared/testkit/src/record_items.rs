//! The items of the fake table of records: what is there, when a write is refused, and what the stream
//! tells of it.

use std::collections::BTreeMap;

use jiff::Timestamp;
use sync_domain::keys::RecordKey;
use sync_domain::model::{
    Association, Attributes, CorrelationId, Differences, ExternalId, NewVersion, Origin, Recency,
    RecordLock, RecordPointer, StoredRecord, SyncedRecord, VersionChange,
};
use sync_domain::ports::{
    Loaded, Lookup, PointerWrite, RecordCommit, RecordScope, RecordWrite, Seen,
};

type Records = BTreeMap<(RecordScope, RecordKey), StoredRecord>;
type Pointers = BTreeMap<(RecordScope, ExternalId), RecordPointer>;

#[derive(Debug, Default)]
pub(crate) struct State {
    pub(crate) records: Records,
    pub(crate) pointers: Pointers,
    pub(crate) queued: BTreeMap<(RecordScope, RecordKey), Vec<String>>,
    pub(crate) versions: Vec<SyncedRecord>,
    pub(crate) given_up: Vec<(RecordKey, usize)>,
    pub(crate) loads: Vec<usize>,
    pub(crate) commits: Vec<usize>,
    pub(crate) unread_loads: u32,
    pub(crate) unreadable: Lookup,
    pub(crate) is_down: bool,
}

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
    pub synced_at: Timestamp,
}

pub(crate) fn empty(key: RecordKey) -> StoredRecord {
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
    pub(crate) fn is_possible(&self, scope: &RecordScope, commit: &RecordCommit) -> bool {
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

    pub(crate) fn carry_out(&mut self, scope: &RecordScope, commit: &RecordCommit) {
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

    pub(crate) fn complete_upsert(&mut self, scope: &RecordScope, write: PlatformWrite) -> bool {
        let place = (scope.clone(), write.key.clone());
        let Some(record) = self.records.get_mut(&place) else { return false };
        if record.lock.as_ref().map(|lock| &lock.owner) != Some(&write.lock.owner) {
            return false;
        }
        record.lock = None;
        let pointer = self.pointers.get(&(scope.clone(), write.external_id.clone()));
        let gone = pointer.and_then(|pointer| pointer.gone);
        let version = write.recency.provider_version;
        let is_gone = gone.is_some_and(|gone| gone.provider_version > version);
        if is_gone || pointer.is_some_and(|pointer| pointer.is_erased) {
            if record.version == 0 && record.queued == 0 {
                self.records.remove(&place);
            }
            return true;
        }
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

    pub(crate) fn load(&mut self, scope: &RecordScope, lookup: &Lookup) -> Loaded {
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
