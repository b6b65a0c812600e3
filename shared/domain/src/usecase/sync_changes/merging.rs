//! Records that went into another one.
//!
//! Their ids lead to the one that is left from then on, and their own records become tombstones that
//! say where they went. It is the same whether a merge event told of it or the object itself did,
//! and whether they were seen to be deleted before or after. The pointer of the one that is left
//! keeps their ids: what is in it has been dealt with.

use std::collections::BTreeSet;

use super::SyncOutcome;
use super::holdings::{clear_leftovers, holdings};
use super::plan::{Draft, Job};
use super::unit::State;
use crate::keys::RecordKey;
use crate::model::{
    ExternalId, Origin, Recency, RecordPointer, StoredRecord, Tombstone, VersionChange,
};

/// The most ids that one commit takes in; each costs some of its writes.
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
    place: &RecordKey,
    recency: Recency,
) -> Result<Absorbed, SyncOutcome> {
    let pointer = job.view.pointer(&job.unit.id);
    let id_key = job.id_key(&job.unit.id)?;
    let leads_there = |pointer: &&RecordPointer| {
        pointer.record.as_ref().unwrap_or(&id_key) == place || pointer.merged_into.is_some()
    };
    let stays = pointer.filter(leads_there);
    let mut ids = stays.map(|pointer| pointer.merged_ids.clone()).unwrap_or_default();
    let open: Vec<_> = all_merged(job, &ids).difference(&ids).cloned().collect();
    for id in open.iter().take(MERGED_MAX) {
        absorb(job, draft, id, place, recency)?;
        ids.insert(id.clone());
    }
    Ok(Absorbed { ids, is_partial: open.len() > MERGED_MAX })
}

/// Every id that went into the unit, as messages, the object and the table say, with those that had
/// gone into these before. `settled` need no look.
pub(super) fn all_merged(job: &Job<'_>, settled: &BTreeSet<ExternalId>) -> BTreeSet<ExternalId> {
    let of_pointer = |id: &ExternalId| {
        let pointer = job.view.pointer(id);
        pointer.map(|pointer| pointer.merged_ids.clone()).unwrap_or_default()
    };
    let mut all = job.unit.merged_ids.clone();
    if let State::Present { object, .. } = &job.unit.state {
        all.extend(object.merged_ids.iter().cloned());
    }
    all.extend(of_pointer(&job.unit.id));
    // However deep: out of order, an id can go into one that is known to have gone on before.
    let mut open: Vec<_> = all.difference(settled).cloned().collect();
    while let Some(id) = open.pop() {
        let more = of_pointer(&id).into_iter().filter(|id| !settled.contains(id));
        open.extend(more.filter(|id| all.insert(id.clone())));
    }
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
    let holdings = holdings(job, seen, id, None);
    if holdings.is_erased(seen) {
        return Ok(());
    }
    clear_leftovers(job, draft, &holdings, place)?;
    // The object's own record takes the place over if the merged one was there.
    let record = holdings.own.filter(|record| record.key != *place);
    let is_told = |record: &&StoredRecord| {
        record.tombstone.as_ref().is_some_and(|tombstone| tombstone.merged_into.is_some())
    };
    if let Some(record) = record.filter(|record| !is_told(record)) {
        job.check_unlocked(record)?;
        let deleted_at = record.tombstone.as_ref().map_or(job.now, |it| it.deleted_at);
        let merged_into = Some(job.unit.id.clone());
        let tombstone = StoredRecord {
            version: holdings.next_version(),
            tombstone: Some(Tombstone { deleted_at, merged_into, is_erased: false }),
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
    // What this rests on may just have moved: then so has the pointer.
    draft.point_anyway(id, seen, pointer);
    Ok(())
}
