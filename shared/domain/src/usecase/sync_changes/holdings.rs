//! What the table has of one id.
//!
//! Mostly one record. An upsert of ours by another natural key, such as a second email, makes another
//! one of the same object; the pointer keeps all places, so that what is left over goes with the next
//! change.

use std::cmp::Reverse;
use std::collections::BTreeSet;

use super::SyncOutcome;
use super::plan::{Draft, Job};
use crate::keys::RecordKey;
use crate::model::{ExternalId, RecordPointer, StoredRecord};
use crate::ports::{RecordWrite, Seen};

/// The records of an id.
#[derive(Debug, Default)]
pub(super) struct Holdings<'a> {
    /// Its record, live or as a tombstone: the most recent one.
    pub own: Option<&'a StoredRecord>,
    /// Others that say that they are its record.
    pub leftovers: Vec<&'a StoredRecord>,
    last_version: u64,
}

impl<'a> Holdings<'a> {
    /// All of them.
    pub fn all(&self) -> impl Iterator<Item = &'a StoredRecord> {
        self.own.into_iter().chain(self.leftovers.iter().copied())
    }

    /// Whether the person was erased. The record says so too: it may have been loaded after the
    /// pointer was, and after an erasure in between.
    pub fn is_erased(&self, pointer: Option<&RecordPointer>) -> bool {
        pointer.is_some_and(|pointer| pointer.is_erased)
            || self.own.is_some_and(StoredRecord::is_erased)
    }

    /// Whether one of the places has no record of the id any more.
    pub fn are_missing_at(&self, places: &BTreeSet<RecordKey>) -> bool {
        places.iter().any(|place| self.all().all(|record| record.key != *place))
    }

    /// The version that comes after all that was told of the object.
    pub fn next_version(&self) -> u64 {
        self.told_version() + 1
    }

    fn told_version(&self) -> u64 {
        self.all().map(|record| record.version).fold(self.last_version, Ord::max)
    }

    /// The pointer as `wanted`; if it changes, with the last version. One that leads back to a place
    /// must differ from the one that led there before: else the commit of somebody who has seen that
    /// one, and the record where it was in between, would go through.
    pub fn pointer(&self, seen: Option<&RecordPointer>, wanted: RecordPointer) -> RecordPointer {
        let as_it_was = RecordPointer { last_version: self.last_version, ..wanted };
        if seen == Some(&as_it_was) {
            return as_it_was;
        }
        RecordPointer { last_version: self.told_version(), ..as_it_was }
    }
}

/// The records of an id: where its pointer leads, where its natural key does, and where it has been.
/// Another object's record at such a place is none of them.
pub(super) fn holdings<'a>(
    job: &Job<'a>,
    pointer: Option<&RecordPointer>,
    id: &ExternalId,
    natural: Option<&RecordKey>,
) -> Holdings<'a> {
    let pointed = pointer.into_iter().flat_map(|pointer| [&pointer.tombstone, &pointer.record]);
    let places = pointer.into_iter().flat_map(|pointer| &pointer.places);
    let candidates = pointed.flatten().chain(natural).chain(places);
    let mut seen = BTreeSet::new();
    let mut records: Vec<_> = candidates
        .filter(|key| seen.insert((*key).clone()))
        .filter_map(|key| job.view.record(key))
        .filter(|record| record.is_of(id))
        .collect();
    // A stable sort: of two that are equally recent the one that the pointer names is first.
    records.sort_by_key(|record| Reverse(record.recency));
    let mut records = records.into_iter();
    let last_version = pointer.map_or(0, |pointer| pointer.last_version);
    Holdings { own: records.next(), leftovers: records.collect(), last_version }
}

/// Takes away what is left over, but at `place`, which is written anyway.
pub(super) fn clear_leftovers(
    job: &Job<'_>,
    draft: &mut Draft,
    holdings: &Holdings<'_>,
    place: &RecordKey,
) -> Result<(), SyncOutcome> {
    for record in holdings.leftovers.iter().filter(|record| record.key != *place) {
        job.check_unlocked(record)?;
        let (seen, key) = (Seen::from(*record), record.key.clone());
        draft.commit.records.push(RecordWrite::Vacate { seen, key });
    }
    Ok(())
}
