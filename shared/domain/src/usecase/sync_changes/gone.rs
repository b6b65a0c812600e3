//! An object that the provider does not have: deleted, or erased for privacy.

use super::SyncOutcome;
use super::merging::{Absorbed, MERGED_MAX, absorb_merged, all_merged, record_of};
use super::plan::{Draft, Job, READ_AGAIN};
use crate::keys::RecordKey;
use crate::model::{
    Attributes, ExternalId, Origin, Recency, RecordPointer, StoredRecord, Tombstone, VersionChange,
};
use crate::ports::{RecordWrite, Seen};

/// Decides on an object that was asked for and did not come.
///
/// What was stored becomes a tombstone. Of an object that we never had just the news is kept, beside
/// its id, so that an older state that is still on its way does not bring it to life.
pub(super) fn plan_missing(job: &Job<'_>) -> Result<Draft, SyncOutcome> {
    let id = &job.unit.id;
    let pointer = job.view.pointer(id);
    if pointer.is_some_and(|pointer| pointer.is_erased) {
        return plan_after_erasure(job);
    }
    let own = record_of(job, pointer, id);
    let last = own.map(|own| own.recency).max(pointer.and_then(|pointer| pointer.gone));
    let occurred_ms = job.unit.occurred_at.as_millisecond();
    let version = last.map_or(occurred_ms, |last| last.provider_version_ms.max(occurred_ms));
    let news = Recency { provider_version_ms: version, read_at_ms: job.read_at_ms };
    let mut draft = Draft::default();
    let place = own.map_or_else(|| job.id_key(id), |own| Ok(own.key.clone()))?;
    let merged = absorb_merged(job, &mut draft, own, &place, news)?;
    draft.is_partial = merged.is_partial;
    let outcome = match own {
        _ if pointer.is_some_and(|pointer| pointer.merged_into.is_some()) => SyncOutcome::Unchanged,
        Some(own) if own.is_live() => bury(job, &mut draft, own, merged, (last, news))?,
        Some(own) => refresh_tombstone(job, &mut draft, own, merged, news)?,
        None => {
            keep_news(&mut draft, id, pointer, merged, news);
            SyncOutcome::Unchanged
        }
    };
    if draft.commit.is_empty() { Err(outcome) } else { Ok(draft) }
}

fn bury(
    job: &Job<'_>,
    draft: &mut Draft,
    own: &StoredRecord,
    merged: Absorbed,
    (last, news): (Option<Recency>, Recency),
) -> Result<SyncOutcome, SyncOutcome> {
    if last.is_some_and(|last| news <= last) {
        // An upsert may have brought it back under the same id; only a read after it can tell.
        let is_ours = own.origin == Origin::Platform;
        return Err(if is_ours { READ_AGAIN } else { SyncOutcome::Superseded });
    }
    job.check_unlocked(own)?;
    let tombstone = StoredRecord {
        version: own.version + 1,
        tombstone: Some(Tombstone { deleted_at: job.now, merged_into: None }),
        merged_ids: merged.ids,
        origin: Origin::Provider,
        recency: news,
        lock: None,
        ..own.clone()
    };
    let new = job.version(tombstone, VersionChange::Deleted, Some(own), Some(own));
    draft.store(Some(own), new);
    Ok(SyncOutcome::Synced)
}

/// It was deleted again, after a time as a living one that we did not see.
fn refresh_tombstone(
    job: &Job<'_>,
    draft: &mut Draft,
    own: &StoredRecord,
    merged: Absorbed,
    news: Recency,
) -> Result<SyncOutcome, SyncOutcome> {
    let is_later = news.provider_version_ms > own.recency.provider_version_ms;
    if is_later || merged.ids != own.merged_ids {
        job.check_unlocked(own)?;
        draft.commit.records.push(RecordWrite::Refresh {
            seen: Seen::from(own),
            key: own.key.clone(),
            external_id: job.unit.id.clone(),
            recency: own.recency.max(news),
            associations_read_at_ms: own.associations_read_at_ms,
            merged_ids: merged.ids,
        });
    }
    Ok(SyncOutcome::Unchanged)
}

fn keep_news(
    draft: &mut Draft,
    id: &ExternalId,
    pointer: Option<&RecordPointer>,
    merged: Absorbed,
    news: Recency,
) {
    let known = pointer.cloned().unwrap_or_default();
    let is_told = |told: &Recency| told.provider_version_ms >= news.provider_version_ms;
    let gone = known.gone.filter(is_told).or(Some(news));
    draft.point(id, pointer, RecordPointer { gone, merged_ids: merged.ids, ..known });
}

/// Decides on a person who must be forgotten.
///
/// The key of a contact's record is made of the email, so the item itself must go; what is left is a
/// tombstone at a place made of the id, without a payload. The same is done with the records that
/// went into this one. An id of which nothing was ever stored is remembered as erased without a
/// version, so nobody is told of it.
pub(super) fn plan_erased(job: &Job<'_>) -> Result<Draft, SyncOutcome> {
    let id = &job.unit.id;
    let pointer = job.view.pointer(id);
    if pointer.is_some_and(|pointer| pointer.is_erased) {
        return plan_after_erasure(job);
    }
    let mut draft = Draft::default();
    erase_merged(job, &mut draft, record_of(job, pointer, id))?;
    // The list of those that went into it goes with the record, so the record goes last.
    if !draft.is_partial {
        erase(job, &mut draft, id)?;
    }
    Ok(draft)
}

/// Whatever comes of an erased object has no effect, but that more may be heard of what went into it.
pub(super) fn plan_after_erasure(job: &Job<'_>) -> Result<Draft, SyncOutcome> {
    let mut draft = Draft::default();
    erase_merged(job, &mut draft, None)?;
    if draft.commit.is_empty() { Err(SyncOutcome::Unchanged) } else { Ok(draft) }
}

fn erase_merged(
    job: &Job<'_>,
    draft: &mut Draft,
    own: Option<&StoredRecord>,
) -> Result<(), SyncOutcome> {
    let merged = all_merged(job, own);
    let is_open = |id: &&ExternalId| !job.view.pointer(id).is_some_and(|it| it.is_erased);
    let open: Vec<_> = merged.iter().filter(is_open).collect();
    draft.is_partial = open.len() > MERGED_MAX;
    open.into_iter().take(MERGED_MAX).try_for_each(|id| erase(job, draft, id))
}

fn erase(job: &Job<'_>, draft: &mut Draft, id: &ExternalId) -> Result<(), SyncOutcome> {
    let pointer = job.view.pointer(id);
    let own = record_of(job, pointer, id);
    let place = job.id_key(id)?;
    let there = job.view.record(&place);
    let merged_into = pointer.and_then(|pointer| pointer.merged_into.clone());
    // A pointer to a record that is not its own says nothing of what was ever told of the id.
    let was_told = own.is_some() || (merged_into.is_none() && pointer.is_some_and(knows_a_record));
    if was_told {
        store_erased(job, draft, id, own, place.clone(), there)?;
    }
    let wanted = RecordPointer {
        record: was_told.then_some(place),
        merged_into,
        is_erased: true,
        ..RecordPointer::default()
    };
    draft.point(id, pointer, wanted);
    Ok(())
}

const fn knows_a_record(pointer: &RecordPointer) -> bool {
    pointer.record.is_some()
}

fn store_erased(
    job: &Job<'_>,
    draft: &mut Draft,
    id: &ExternalId,
    own: Option<&StoredRecord>,
    place: RecordKey,
    there: Option<&StoredRecord>,
) -> Result<(), SyncOutcome> {
    for record in own.into_iter().chain(there) {
        job.check_unlocked(record)?;
    }
    if let Some(own) = own {
        draft.discards.push(own.key.clone());
        if own.key != place {
            let (seen, key) = (Seen::from(own), own.key.clone());
            draft.commit.records.push(RecordWrite::Erase { seen, key });
        }
    }
    let last = own.into_iter().chain(there).map(|record| (record.version, record.recency)).max();
    let (version, recency) = last.unwrap_or_default();
    let erased = StoredRecord {
        key: place,
        version: version + 1,
        external_id: Some(id.clone()),
        attributes: Attributes::default(),
        associations: Default::default(),
        merged_ids: Default::default(),
        tombstone: Some(Tombstone { deleted_at: job.now, merged_into: None }),
        origin: Origin::Provider,
        recency,
        associations_read_at_ms: 0,
        lock: None,
        queued: 0,
    };
    let new = job.version(erased, VersionChange::Erased, own, there);
    draft.store(there, new);
    Ok(())
}
