//! Where the records are kept that come from the provider.
//!
//! Whoever writes says what it has seen. If that is no longer so, nothing is written, and it looks
//! again: so of two workers with two states of one record each decides on what is really stored.

use std::collections::{BTreeMap, BTreeSet};

use async_trait::async_trait;

use super::StoreError;
use crate::keys::RecordKey;
use crate::model::{
    ExternalId, NewVersion, ObjectType, OwnerId, Recency, RecordPointer, StoredRecord, System,
    TenantId,
};

/// The most items that one commit writes; the table takes a hundred.
pub const COMMIT_MAX: usize = 100;

/// Whose records, and which.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct RecordScope {
    /// The tenant.
    pub tenant: TenantId,
    /// The system.
    pub system: System,
    /// The kind of record.
    pub object_type: ObjectType,
}

/// What to load.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Lookup {
    /// Pointers of these ids.
    pub ids: BTreeSet<ExternalId>,
    /// Records at these keys.
    pub keys: BTreeSet<RecordKey>,
}

impl Lookup {
    /// Whether there is nothing to load.
    pub fn is_empty(&self) -> bool {
        self.ids.is_empty() && self.keys.is_empty()
    }
}

/// What was there.
#[derive(Debug, Clone, Default)]
pub struct Loaded {
    /// The pointers that there are.
    pub pointers: BTreeMap<ExternalId, RecordPointer>,
    /// The records that there are.
    pub records: BTreeMap<RecordKey, StoredRecord>,
    /// What the table did not get to; worth another call after a moment.
    pub unread: Lookup,
    /// Items that are there and can't be read.
    pub unreadable: Lookup,
}

/// What a writer has seen of a record's item: if any of it differs, it is refused.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Seen {
    /// The stored version, 0 for none.
    pub version: u64,
    /// The lock's owner.
    pub lock_owner: Option<OwnerId>,
    /// How recent the payload is.
    pub recency: Recency,
    /// How recent the associations are.
    pub associations_read_at_ms: i64,
    /// How many upserts wait; of consequence only where the item goes.
    pub queued: u64,
}

impl From<&StoredRecord> for Seen {
    fn from(record: &StoredRecord) -> Self {
        Self {
            version: record.version,
            lock_owner: record.lock.as_ref().map(|lock| lock.owner.clone()),
            recency: record.recency,
            associations_read_at_ms: record.associations_read_at_ms,
            queued: record.queued,
        }
    }
}

/// One write to a record's item.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RecordWrite {
    /// A new version. A lock that was seen is removed with it.
    Store {
        /// What is there, `None` for nothing.
        seen: Option<Seen>,
        /// The version.
        new: Box<NewVersion>,
    },
    /// No new version: only how recent it is.
    Refresh {
        /// What is there.
        seen: Seen,
        /// Where.
        key: RecordKey,
        /// How recent the payload is.
        recency: Recency,
        /// Whose associations they are.
        associations_of: Option<ExternalId>,
        /// How recent the associations are.
        associations_read_at_ms: i64,
    },
    /// The item goes. Where upserts wait for it, an empty place stays for them.
    Vacate {
        /// What is there.
        seen: Seen,
        /// Where.
        key: RecordKey,
    },
    /// The item goes, and nothing stays.
    Erase {
        /// What is there.
        seen: Seen,
        /// Where.
        key: RecordKey,
    },
}

/// One write to a pointer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PointerWrite {
    /// Of which id.
    pub external_id: ExternalId,
    /// What is there, `None` for nothing.
    pub seen: Option<RecordPointer>,
    /// What it becomes.
    pub pointer: RecordPointer,
}

/// Writes that are done together or not at all, at most [`COMMIT_MAX`].
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct RecordCommit {
    /// To records, each item at most once.
    pub records: Vec<RecordWrite>,
    /// To pointers, each at most once.
    pub pointers: Vec<PointerWrite>,
}

impl RecordCommit {
    /// How many items it writes.
    pub fn len(&self) -> usize {
        self.records.len() + self.pointers.len()
    }

    /// Whether it writes nothing.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

/// What a commit came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CommitOutcome {
    /// All of it is written.
    Committed,
    /// Nothing is: something else is there than was seen, or somebody else is writing.
    Overtaken,
}

/// Records by key and by the provider's id.
#[async_trait]
pub trait RecordStore: Send + Sync {
    /// Loads pointers and records as they are now, a hundred items per call to the table, all calls
    /// in flight together.
    ///
    /// # Errors
    /// See [`StoreError`].
    async fn load(&self, scope: &RecordScope, lookup: &Lookup) -> Result<Loaded, StoreError>;

    /// Writes, in one call to the table.
    ///
    /// # Errors
    /// See [`StoreError`].
    async fn commit(
        &self,
        scope: &RecordScope,
        commit: &RecordCommit,
    ) -> Result<CommitOutcome, StoreError>;

    /// Takes away what waits to be pushed to a record, because it holds what must be erased.
    ///
    /// # Errors
    /// See [`StoreError`].
    async fn discard_queued_pushes(
        &self,
        scope: &RecordScope,
        key: &RecordKey,
    ) -> Result<(), StoreError>;
}
