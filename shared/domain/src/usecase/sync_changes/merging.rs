//! Records that went into another one.
//!
//! Their ids lead to the one that is left from then on, and their own records become tombstones that
//! say where they went. It is the same whether a merge event told of it or the object itself did,
//! and whether they were seen to be deleted before or after.

use std::collections::BTreeSet;

use super::SyncOutcome;
use super::plan::{Draft, Job};
use super::unit::State;
use crate::keys::RecordKey;
use crate::model::{
    ExternalId, Origin, Recency, RecordPointer, StoredRecord, Tombstone, VersionChange,
};

/// The most ids that one commit takes in; each costs up to two of its writes.
pub(super) const MERGED_MAX: usize = 20;

/// The ids that are dealt with, together with those from before.
#[derive(Debug, Default)]
pub(super) struct Absorbed {
    pub ids: BTreeSet<ExternalId>,
    /// Whether there are more, for another round.
    pub is_partial: bool,
}

/// Makes the ids that went into the unit lead to `place`. Those that did before are left alone as
/// long as the place is the same.
pub(super) fn absorb_merged(
    job: &Job<'_>,
    draft: &mut Draft,
    own: Option<&StoredRecord>,
    place: &RecordKey,
    recency: Recency,
) -> Result<Absorbed, SyncOutcome> {
    let stays = own.filter(|own| own.key == *place);
    let mut ids = stays.map(|own| own.merged_ids.clone()).unwrap_or_default();
    let open: Vec<_> = all_merged(job, own).difference(&ids).cloned().collect();
    for id in open.iter().take(MERGED_MAX) {
        absorb(job, draft, id, place, recency)?;
        ids.insert(id.clone());
    }
    Ok(Absorbed { ids, is_partial: open.len() > MERGED_MAX })
}

/// Every id that went into the unit, as messages, the object and the table say, with those that had
/// gone into these before.
pub(super) fn all_merged(job: &Job<'_>, own: Option<&StoredRecord>) -> BTreeSet<ExternalId> {
    let mut all = job.unit.merged_ids.clone();
    if let State::Present { object, .. } = &job.unit.state {
        all.extend(object.merged_ids.iter().cloned());
    }
    let settled = own.map(|own| own.merged_ids.clone()).unwrap_or_default();
    let pointer = job.view.pointer(&job.unit.id);
    all.extend(pointer.into_iter().flat_map(|pointer| pointer.merged_ids.iter().cloned()));
    for id in all.difference(&settled).cloned().collect::<Vec<_>>() {
        let pointer = job.view.pointer(&id);
        all.extend(pointer.into_iter().flat_map(|pointer| pointer.merged_ids.iter().cloned()));
        let record = record_of(job, pointer, &id);
        all.extend(record.into_iter().flat_map(|record| record.merged_ids.iter().cloned()));
    }
    all.extend(settled);
    all.remove(&job.unit.id);
    all
}

fn absorb(
    job: &Job<'_>,
    draft: &mut Draft,
    id: &ExternalId,
    place: &RecordKey,
    recency: Recency,
) -> Result<(), SyncOutcome> {
    let seen = job.view.pointer(id);
    if seen.is_some_and(|seen| seen.is_erased) {
        return Ok(());
    }
    // The object's own record takes the place over if the merged one was there.
    let record = record_of(job, seen, id).filter(|record| record.key != *place);
    let is_told = |record: &&StoredRecord| {
        record.tombstone.as_ref().is_some_and(|tombstone| tombstone.merged_into.is_some())
    };
    if let Some(record) = record.filter(|record| !is_told(record)) {
        job.check_unlocked(record)?;
        let deleted_at = record.tombstone.as_ref().map_or(job.now, |it| it.deleted_at);
        let merged_into = Some(job.unit.id.clone());
        let tombstone = StoredRecord {
            version: record.version + 1,
            tombstone: Some(Tombstone { deleted_at, merged_into }),
            origin: Origin::Provider,
            recency: record.recency.max(recency),
            lock: None,
            ..record.clone()
        };
        let new = job.version(tombstone, VersionChange::Merged, Some(record), Some(record));
        draft.store(Some(record), new);
    }
    let pointer = RecordPointer {
        record: Some(place.clone()),
        merged_into: Some(job.unit.id.clone()),
        tombstone: record.map(|record| record.key.clone()),
        gone: seen.and_then(|seen| seen.gone).max(Some(recency)),
        ..RecordPointer::default()
    };
    draft.point(id, seen, pointer);
    Ok(())
}

/// An id's own record, live or as a tombstone.
pub(super) fn record_of<'a>(
    job: &Job<'a>,
    pointer: Option<&RecordPointer>,
    id: &ExternalId,
) -> Option<&'a StoredRecord> {
    let pointer = pointer?;
    let key = pointer.tombstone.as_ref().or(pointer.record.as_ref())?;
    job.view.record(key).filter(|record| record.is_of(id))
}
