//! An object that the provider does not have.

use super::SyncOutcome;
use super::erasing::plan_after_erasure;
use super::holdings::{Holdings, clear_leftovers, holdings};
use super::merging::{Absorbed, absorb_merged};
use super::plan::{Draft, Job, READ_AGAIN};
use crate::model::{Origin, Recency, RecordPointer, StoredRecord, Tombstone, VersionChange};
use crate::ports::{RecordWrite, Seen};

/// Decides on an object that was asked for and did not come.
///
/// What was stored becomes a tombstone. Of an object that we never had just the news is kept, beside
/// its id, so that an older state that is still on its way does not bring it to life.
pub(super) fn plan_missing(job: &Job<'_>) -> Result<Draft, SyncOutcome> {
    let id = &job.unit.id;
    let pointer = job.view.pointer(id);
    let holdings = holdings(job, pointer, id, None);
    if holdings.is_erased(pointer) {
        return plan_after_erasure(job);
    }
    let last = holdings.own.map(|own| own.recency).max(pointer.and_then(|pointer| pointer.gone));
    let occurred_ms = job.unit.occurred_at.as_millisecond();
    let version = last.map_or(occurred_ms, |last| last.provider_version.max(occurred_ms));
    let news = Recency { provider_version: version, read_at_ms: job.read_at_ms };
    let mut draft = Draft::default();
    let place = holdings.own.map_or_else(|| job.id_key(id), |own| Ok(own.key.clone()))?;
    let merged = absorb_merged(job, &mut draft, &place, news)?;
    draft.is_partial = merged.is_partial;
    match holdings.own {
        _ if pointer.is_some_and(|pointer| pointer.merged_into.is_some()) => {
            let known = pointer.cloned().unwrap_or_default();
            draft.point(id, pointer, RecordPointer { merged_ids: merged.ids, ..known });
        }
        Some(own) => {
            clear_leftovers(job, &mut draft, &holdings, &place)?;
            if own.is_live() {
                bury(job, &mut draft, (own, holdings.next_version()), last, news)?;
            } else {
                refresh_tombstone(job, &mut draft, own, news)?;
            }
            // An upsert that is on its way to another place asks the pointer, not this record.
            let gone = news_of_end(pointer, news);
            let here = RecordPointer { gone, ..RecordPointer::to_record(place, merged.ids) };
            draft.point(id, pointer, holdings.pointer(pointer, here));
        }
        None => keep_news(job, &mut draft, pointer, merged, news),
    }
    if draft.commit.is_empty() { Err(SyncOutcome::Unchanged) } else { Ok(draft) }
}

/// Decides on an object that was there and is known to be gone since. What went into it before is
/// true all the same.
pub(super) fn plan_gone_since(
    job: &Job<'_>,
    holdings: &Holdings<'_>,
) -> Result<Draft, SyncOutcome> {
    let id = &job.unit.id;
    let pointer = job.view.pointer(id);
    let last = holdings.own.map(|own| own.recency).max(pointer.and_then(|pointer| pointer.gone));
    let place = holdings.own.map_or_else(|| job.id_key(id), |own| Ok(own.key.clone()))?;
    let mut draft = Draft::default();
    let merged = absorb_merged(job, &mut draft, &place, last.unwrap_or_default())?;
    draft.is_partial = merged.is_partial;
    let known = pointer.cloned().unwrap_or_default();
    draft.point(id, pointer, RecordPointer { merged_ids: merged.ids, ..known });
    if draft.commit.is_empty() { Err(SyncOutcome::Superseded) } else { Ok(draft) }
}

fn bury(
    job: &Job<'_>,
    draft: &mut Draft,
    (own, version): (&StoredRecord, u64),
    last: Option<Recency>,
    news: Recency,
) -> Result<(), SyncOutcome> {
    if last.is_some_and(|last| news <= last) {
        // An upsert may have brought it back under the same id; only a read after it can tell.
        let is_ours = own.origin == Origin::Platform;
        return Err(if is_ours { READ_AGAIN } else { SyncOutcome::Superseded });
    }
    job.check_unlocked(own)?;
    let tombstone = StoredRecord {
        version,
        tombstone: Some(Tombstone { deleted_at: job.now, merged_into: None, is_erased: false }),
        origin: Origin::Provider,
        recency: news,
        lock: None,
        ..own.clone()
    };
    let new = job.version(tombstone, VersionChange::Deleted, Some(own), Some(own));
    draft.store(Some(own), new);
    Ok(())
}

/// It was deleted again, after a time as a living one that we did not see.
fn refresh_tombstone(
    job: &Job<'_>,
    draft: &mut Draft,
    own: &StoredRecord,
    news: Recency,
) -> Result<(), SyncOutcome> {
    if news.provider_version > own.recency.provider_version {
        job.check_unlocked(own)?;
        draft.commit.records.push(RecordWrite::Refresh {
            seen: Seen::from(own),
            key: own.key.clone(),
            recency: news,
            associations_of: own.associations_of.clone(),
            associations_read_at_ms: own.associations_read_at_ms,
        });
    }
    Ok(())
}

fn keep_news(
    job: &Job<'_>,
    draft: &mut Draft,
    pointer: Option<&RecordPointer>,
    merged: Absorbed,
    news: Recency,
) {
    let known = pointer.cloned().unwrap_or_default();
    let gone = news_of_end(pointer, news);
    let wanted = RecordPointer { gone, merged_ids: merged.ids, ..known };
    draft.point(&job.unit.id, pointer, wanted);
}

/// What the pointer says from now on of the object's end: the news, unless it is no later than what it
/// says already.
fn news_of_end(pointer: Option<&RecordPointer>, news: Recency) -> Option<Recency> {
    let is_told = |told: &Recency| told.provider_version >= news.provider_version;
    pointer.and_then(|pointer| pointer.gone).filter(is_told).or(Some(news))
}
