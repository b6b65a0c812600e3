//! The place where a record belongs may hold something else.
//!
//! The provider says that one object has a natural key at a time, so of two records that claim it the
//! one with the older state is out of date. It moves to a place made of its id, without the value
//! that it can't have any more, and waits there for its own change; no id is ever lost. Where it
//! can't be told which state is older, the object is read again.

use super::SyncOutcome;
use super::holdings::holdings;
use super::merging::Absorbed;
use super::plan::{Draft, Job, READ_AGAIN};
use super::present::natural_name;
use super::unit::State;
use crate::keys::RecordKey;
use crate::model::{Attributes, ExternalId, Recency, RecordPointer, StoredRecord, VersionChange};

/// What is at the place and is overwritten, after what must be kept of it was moved away.
pub(super) fn clear_place<'a>(
    job: &Job<'a>,
    draft: &mut Draft,
    own: Option<&StoredRecord>,
    place: &RecordKey,
    merged: &Absorbed,
) -> Result<Option<&'a StoredRecord>, SyncOutcome> {
    if own.is_some_and(|own| own.key == *place) {
        return Ok(None);
    }
    let Some(occupant) = job.view.record(place) else { return Ok(None) };
    job.check_unlocked(occupant)?;
    let Some(id) = occupant.external_id.as_ref().filter(|_| occupant.version > 0) else {
        return Ok(Some(occupant));
    };
    if *id == job.unit.id || merged.ids.contains(id) {
        return Ok(Some(occupant));
    }
    if occupant.is_live() {
        if !is_out_of_date(job, occupant) {
            return Err(READ_AGAIN);
        }
        move_away(job, draft, occupant, id)?;
    } else {
        keep_news_of_death(job, draft, occupant, id)?;
    }
    Ok(Some(occupant))
}

/// Whether the occupant's state is from before the object's. The provider's versions say so if they
/// differ in this direction; else only the time of two reads that surely did not overlap does.
fn is_out_of_date(job: &Job<'_>, occupant: &StoredRecord) -> bool {
    let ours = match &job.unit.state {
        State::Present { object, .. } => job.unit.recency_of(object, job.read_at_ms),
        State::Missing | State::Erased => Recency::default(),
    };
    ours.provider_version > occupant.recency.provider_version
        || ours.is_surely_read_after(occupant.recency)
}

fn move_away(
    job: &Job<'_>,
    draft: &mut Draft,
    occupant: &StoredRecord,
    id: &ExternalId,
) -> Result<(), SyncOutcome> {
    let pointer = job.view.pointer(id);
    let holdings = holdings(job, pointer, id, None);
    if let Some(own) = holdings.own.filter(|record| record.key != occupant.key) {
        // It has another record that its id leads to; this one was left over. If that one moved here
        // just now, so has the pointer.
        draft.point_anyway(id, pointer, pointer.cloned().unwrap_or_default());
        return hand_over_associations(job, draft, (own, holdings.next_version()), occupant);
    }
    let key = job.id_key(id)?;
    let there = job.view.record(&key);
    if let Some(there) = there {
        job.check_unlocked(there)?;
    }
    let natural = natural_name(job.scope.object_type);
    let kept = occupant.attributes.iter().filter(|(name, _)| *name != natural);
    let attributes: Attributes = kept.map(|(name, value)| (name, value.to_owned())).collect();
    let version = holdings.next_version().max(occupant.version + 1);
    let version = version.max(there.map_or(0, |there| there.version) + 1);
    let moved = StoredRecord {
        key: key.clone(),
        version,
        attributes,
        lock: None,
        queued: 0,
        ..occupant.clone()
    };
    let new = job.version(moved, VersionChange::Updated, Some(occupant), there);
    draft.store(there, new);
    // Its leftovers, if it has any, go with its own change.
    let mut moved = pointer.cloned().unwrap_or_default();
    moved.places.remove(&occupant.key);
    moved.places.insert(key.clone());
    // It may just have come from where it goes: then the pointer only seems to be as wanted.
    draft.point_anyway(id, pointer, RecordPointer { record: Some(key), ..moved });
    Ok(())
}

/// An upsert of ours made the other record without a look at the associations.
fn hand_over_associations(
    job: &Job<'_>,
    draft: &mut Draft,
    (own, version): (&StoredRecord, u64),
    leftover: &StoredRecord,
) -> Result<(), SyncOutcome> {
    let is_known = leftover.associations_of == own.external_id;
    if !is_known || leftover.associations_read_at_ms <= own.associations_read_at_ms {
        return Ok(());
    }
    job.check_unlocked(own)?;
    let record = StoredRecord {
        version,
        associations: leftover.associations.clone(),
        associations_of: leftover.associations_of.clone(),
        associations_read_at_ms: leftover.associations_read_at_ms,
        lock: None,
        ..own.clone()
    };
    let new = job.version(record, VersionChange::Updated, Some(own), Some(own));
    draft.store(Some(own), new);
    Ok(())
}

/// The tombstone is overwritten, so its id must remember by itself since when it is gone.
fn keep_news_of_death(
    job: &Job<'_>,
    draft: &mut Draft,
    occupant: &StoredRecord,
    id: &ExternalId,
) -> Result<(), SyncOutcome> {
    let seen = job.view.pointer(id);
    if seen.is_some_and(|seen| seen.is_erased || seen.merged_into.is_some()) {
        return Ok(());
    }
    let mut kept = seen.cloned().unwrap_or_default();
    kept.gone = kept.gone.max(Some(occupant.recency));
    kept.record = Some(job.id_key(id)?);
    kept.places.remove(&occupant.key);
    kept.last_version = kept.last_version.max(occupant.version);
    draft.point(id, seen, kept);
    Ok(())
}
