//! A person who must be forgotten.
//!
//! The key of a contact's record is made of the email, so the item itself must go; what is left is a
//! tombstone at a place made of the id, without a payload. The same is done with the records that
//! went into this one. An id of which nothing was ever stored is remembered as erased without a
//! version, so nobody is told of it.

use std::collections::BTreeSet;

use super::SyncOutcome;
use super::holdings::{Holdings, holdings};
use super::merging::{MERGED_MAX, all_merged};
use super::plan::{Draft, Job};
use crate::keys::RecordKey;
use crate::model::{
    Attributes, ExternalId, Origin, RecordPointer, StoredRecord, Tombstone, VersionChange,
};
use crate::ports::{RecordWrite, Seen};

/// Decides on an object that was deleted for privacy.
pub(super) fn plan_erased(job: &Job<'_>) -> Result<Draft, SyncOutcome> {
    let pointer = job.view.pointer(&job.unit.id);
    if pointer.is_some_and(|pointer| pointer.is_erased) {
        return plan_after_erasure(job);
    }
    let mut draft = Draft::default();
    erase_merged(job, &mut draft)?;
    // The list of those that went into it goes with its pointer, so that goes last.
    if !draft.is_partial {
        erase(job, &mut draft, &job.unit.id)?;
    }
    Ok(draft)
}

/// Whatever comes of an erased object has no effect, but that more may be heard of what went into it.
pub(super) fn plan_after_erasure(job: &Job<'_>) -> Result<Draft, SyncOutcome> {
    let mut draft = Draft::default();
    erase_merged(job, &mut draft)?;
    if draft.commit.is_empty() { Err(SyncOutcome::Unchanged) } else { Ok(draft) }
}

fn erase_merged(job: &Job<'_>, draft: &mut Draft) -> Result<(), SyncOutcome> {
    let merged = all_merged(job, &BTreeSet::new());
    let is_open = |id: &&ExternalId| !job.view.pointer(id).is_some_and(|it| it.is_erased);
    let open: Vec<_> = merged.iter().filter(is_open).collect();
    draft.is_partial = open.len() > MERGED_MAX;
    open.into_iter().take(MERGED_MAX).try_for_each(|id| erase(job, draft, id))
}

fn erase(job: &Job<'_>, draft: &mut Draft, id: &ExternalId) -> Result<(), SyncOutcome> {
    let pointer = job.view.pointer(id);
    let holdings = holdings(job, pointer, id, None);
    let place = job.id_key(id)?;
    let merged_into = pointer.and_then(|pointer| pointer.merged_into.clone());
    // The pointer of a merged id leads to another record and says nothing of what was told of it.
    let was_known = merged_into.is_none() && pointer.is_some_and(|it| it.record.is_some());
    let was_told = holdings.own.is_some() || was_known;
    if was_told {
        store_erased(job, draft, id, &holdings, place.clone())?;
    }
    let record = was_told.then_some(place);
    // The parts that are still to come find by it what went into this one.
    let merged_ids = pointer.filter(|_| draft.is_partial).map(|it| it.merged_ids.clone());
    let wanted = RecordPointer {
        record,
        merged_into,
        is_erased: true,
        merged_ids: merged_ids.unwrap_or_default(),
        ..RecordPointer::default()
    };
    draft.point(id, pointer, wanted);
    Ok(())
}

fn store_erased(
    job: &Job<'_>,
    draft: &mut Draft,
    id: &ExternalId,
    holdings: &Holdings<'_>,
    place: RecordKey,
) -> Result<(), SyncOutcome> {
    let there = job.view.record(&place);
    if let Some(there) = there {
        job.check_unlocked(there)?;
    }
    for record in holdings.all() {
        job.check_unlocked(record)?;
        draft.discards.push(record.key.clone());
        if record.key != place {
            let (seen, key) = (Seen::from(record), record.key.clone());
            draft.commit.records.push(RecordWrite::Erase { seen, key });
        }
    }
    let recency = holdings.all().chain(there).map(|record| record.recency).max();
    let at_place = there.map_or(0, |there| there.version);
    let erased = StoredRecord {
        key: place,
        version: holdings.next_version().max(at_place + 1),
        external_id: Some(id.clone()),
        attributes: Attributes::default(),
        associations: BTreeSet::new(),
        associations_of: None,
        tombstone: Some(Tombstone { deleted_at: job.now, merged_into: None, is_erased: true }),
        origin: Origin::Provider,
        recency: recency.unwrap_or_default(),
        associations_read_at_ms: 0,
        lock: None,
        queued: 0,
    };
    let new = job.version(erased, VersionChange::Erased, holdings.own, there);
    draft.store(there, new);
    Ok(())
}
