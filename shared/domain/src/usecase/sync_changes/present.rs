//! An object that the provider has: what of it is stored, and where.

use std::collections::BTreeSet;

use super::SyncOutcome;
use super::erasing::plan_after_erasure;
use super::gone::plan_gone_since;
use super::holdings::{Holdings, clear_leftovers, holdings};
use super::merging::{Absorbed, absorb_merged};
use super::place::clear_place;
use super::plan::{Draft, Job, READ_AGAIN, differences};
use crate::keys::RecordKey;
use crate::model::{
    Association, AttributeName, Attributes, ExternalId, ObjectType, Origin, Recency, RecordPointer,
    StoredRecord, VersionChange,
};
use crate::ports::{RecordWrite, RemoteObject, Seen};

/// The state that a record is to have.
struct Wanted {
    place: RecordKey,
    attributes: Attributes,
    associations: Associated,
    recency: Recency,
}

/// Associations with the object and the time of their read.
#[derive(Default)]
struct Associated {
    with: BTreeSet<Association>,
    of: Option<ExternalId>,
    read_at_ms: i64,
}

/// Decides on an object that was read.
pub(super) fn plan_present(
    job: &Job<'_>,
    object: &RemoteObject,
    associations: Option<&BTreeSet<Association>>,
) -> Result<Draft, SyncOutcome> {
    let pointer = job.view.pointer(&job.unit.id);
    let natural = natural_name(job.scope.object_type);
    let natural = object.attributes.get(natural).filter(|value| !value.is_empty());
    let natural = natural.map(|value| job.natural_key(value)).transpose()?;
    let holdings = holdings(job, pointer, &job.unit.id, natural.as_ref());
    if holdings.is_erased(pointer) {
        return plan_after_erasure(job);
    }
    let own = holdings.own;
    let read = job.unit.recency_of(object, job.read_at_ms);
    let last = own.map(|own| own.recency).max(pointer.and_then(|pointer| pointer.gone));
    let (read, is_newer) = match last {
        Some(last) if read <= last && is_gone(own, pointer) => back_again(read, last)?,
        Some(last) => (read, read > last),
        None => (read, true),
    };
    let associations = newer_associations(job, pointer, &holdings, associations)?;
    if is_newer {
        let place = place_of(job, natural, own)?;
        let attributes = attributes_of(job.scope.object_type, object, own);
        let recency = own.map_or(read, |own| own.recency.max(read));
        store(job, pointer, &holdings, Wanted { place, attributes, associations, recency })
    } else {
        older_state(job, object, pointer, &holdings, associations)
    }
}

/// Whether the last news is that the provider has no such object, and not that it went into another.
fn is_gone(own: Option<&StoredRecord>, pointer: Option<&RecordPointer>) -> bool {
    pointer.is_none_or(|pointer| pointer.merged_into.is_none())
        && own.is_none_or(|own| own.tombstone.as_ref().is_some_and(|it| it.merged_into.is_none()))
}

/// The object is there, and we took note of its end under a later version, which was not the object's
/// but the time of the event. A read that surely came after that one shows it back again; one that
/// may have come before it is done again; and an older one shows what was.
fn back_again(read: Recency, last: Recency) -> Result<(Recency, bool), SyncOutcome> {
    if read.is_surely_read_after(last) {
        let provider_version = read.provider_version.max(last.provider_version);
        return Ok((Recency { provider_version, ..read }, true));
    }
    if read.read_at_ms > last.read_at_ms {
        return Err(READ_AGAIN);
    }
    Ok((read, false))
}

/// The attributes are those of an older state, or of the same. Associations may be newer all the
/// same, because they don't raise the provider's version.
fn older_state(
    job: &Job<'_>,
    object: &RemoteObject,
    pointer: Option<&RecordPointer>,
    holdings: &Holdings<'_>,
    associations: Associated,
) -> Result<Draft, SyncOutcome> {
    let Some(own) = holdings.own.filter(|own| own.is_live()) else {
        return plan_gone_since(job, holdings);
    };
    let read = attributes_of(job.scope.object_type, object, Some(own));
    let is_same = differences(Some(own), &StoredRecord { attributes: read, ..own.clone() })
        .attributes
        .is_empty();
    // An upsert of ours knows its own attributes only: what else was changed before it is in no
    // stored state until the object is read after it.
    if !is_same && own.origin == Origin::Platform {
        return Err(READ_AGAIN);
    }
    let (place, attributes) = (own.key.clone(), own.attributes.clone());
    let wanted = Wanted { place, attributes, associations, recency: own.recency };
    store(job, pointer, holdings, wanted).map_err(|outcome| match outcome {
        SyncOutcome::Unchanged if !is_same => SyncOutcome::Superseded,
        SyncOutcome::Synced
        | SyncOutcome::Unchanged
        | SyncOutcome::Superseded
        | SyncOutcome::Unapplied(_) => outcome,
    })
}

/// What a record of this kind is known by before the provider has given it an id.
pub(super) const fn natural_name(object_type: ObjectType) -> AttributeName {
    match object_type {
        ObjectType::Contact => AttributeName::Email,
        ObjectType::Company | ObjectType::Deal => AttributeName::Reference,
    }
}

/// Where the record belongs. A contact without an email is known by its id. A company or a deal
/// stays where it is: an account without our key property has no references to tell.
fn place_of(
    job: &Job<'_>,
    natural: Option<RecordKey>,
    own: Option<&StoredRecord>,
) -> Result<RecordKey, SyncOutcome> {
    match (natural, own, job.scope.object_type) {
        (Some(natural), _, _) => Ok(natural),
        (None, Some(own), ObjectType::Company | ObjectType::Deal) => Ok(own.key.clone()),
        (None, Some(_), ObjectType::Contact) | (None, None, _) => job.id_key(&job.unit.id),
    }
}

/// The provider's attributes. Our own key stays where the provider does not keep it.
fn attributes_of(
    object_type: ObjectType,
    object: &RemoteObject,
    own: Option<&StoredRecord>,
) -> Attributes {
    let mut attributes = object.attributes.clone();
    let is_ours = AttributeName::of(object_type).contains(&AttributeName::Reference);
    if is_ours && attributes.get(AttributeName::Reference).is_none_or(str::is_empty) {
        let stored = own.and_then(|own| own.attributes.get(AttributeName::Reference));
        if let Some(reference) = stored {
            attributes.set(AttributeName::Reference, reference);
        }
    }
    attributes
}

/// The more recent associations. A read from before the last write to the record may lack what that
/// write knows, so it is done again.
fn newer_associations(
    job: &Job<'_>,
    pointer: Option<&RecordPointer>,
    holdings: &Holdings<'_>,
    read: Option<&BTreeSet<Association>>,
) -> Result<Associated, SyncOutcome> {
    let own = holdings.all().filter(|record| !record.has_foreign_associations());
    let own = own.max_by_key(|record| record.associations_read_at_ms);
    // An upsert of ours makes a record without a look at them.
    let is_unread = own.is_none_or(|own| own.associations_of.is_none());
    let has_lost_a_record = pointer.is_some_and(|it| holdings.are_missing_at(&it.places));
    let is_lost = holdings.own.map_or(pointer.is_some(), StoredRecord::has_foreign_associations)
        || is_unread && has_lost_a_record;
    if read.is_none() && is_lost {
        // We have known the object, and its record became another one's.
        job.view.ask_for_associations();
    }
    let stored = own.map_or_else(Associated::default, |own| Associated {
        with: own.associations.clone(),
        of: own.associations_of.clone(),
        read_at_ms: own.associations_read_at_ms,
    });
    let Some(read) = read.filter(|_| job.read_at_ms > stored.read_at_ms) else {
        return Ok(stored);
    };
    let last = holdings.own.map(|own| own.recency).unwrap_or_default();
    if *read != stored.with && last.read_at_ms > job.read_at_ms {
        return Err(READ_AGAIN);
    }
    let of = Some(job.unit.id.clone());
    Ok(Associated { with: read.clone(), of, read_at_ms: job.read_at_ms })
}

fn store(
    job: &Job<'_>,
    pointer: Option<&RecordPointer>,
    holdings: &Holdings<'_>,
    wanted: Wanted,
) -> Result<Draft, SyncOutcome> {
    let mut draft = Draft::default();
    let own = holdings.own;
    let Wanted { place, .. } = &wanted;
    let merged = absorb_merged(job, &mut draft, place, wanted.recency)?;
    clear_leftovers(job, &mut draft, holdings, place)?;
    let in_the_way = clear_place(job, &mut draft, own, place, &merged)?;
    let at_place = in_the_way.map_or(0, |record| record.version);
    let record = StoredRecord {
        key: place.clone(),
        version: holdings.next_version().max(at_place + 1),
        external_id: Some(job.unit.id.clone()),
        attributes: wanted.attributes,
        associations: wanted.associations.with,
        associations_of: wanted.associations.of,
        tombstone: None,
        origin: Origin::Provider,
        recency: wanted.recency,
        associations_read_at_ms: wanted.associations.read_at_ms,
        lock: None,
        queued: 0,
    };
    // Where one of several records is left, it says anew that it is the one.
    let is_alone = holdings.leftovers.is_empty();
    let stays = own.filter(|own| is_alone && own.is_live() && own.key == record.key);
    match stays.filter(|own| differences(Some(own), &record).is_empty()) {
        Some(own) => refresh(job, &mut draft, own, &record)?,
        None => replace(job, &mut draft, own, in_the_way, &merged, record)?,
    }
    let here = RecordPointer::to_record(wanted.place, merged.ids);
    let here = holdings.pointer(pointer, here);
    if own.is_some() {
        draft.point(&job.unit.id, pointer, here);
    } else {
        // There was no record where the pointer leads. It may just have moved: then so has the
        // pointer, and the commit must fail.
        draft.point_anyway(&job.unit.id, pointer, here);
    }
    draft.is_partial = merged.is_partial;
    if draft.commit.is_empty() { Err(SyncOutcome::Unchanged) } else { Ok(draft) }
}

/// Nothing differs. How recent that is must be kept all the same: else a state from in between, with
/// other values, would still count as newer than what is stored.
fn refresh(
    job: &Job<'_>,
    draft: &mut Draft,
    own: &StoredRecord,
    record: &StoredRecord,
) -> Result<(), SyncOutcome> {
    let is_more_recent = record.recency.provider_version > own.recency.provider_version
        || record.associations_read_at_ms > own.associations_read_at_ms
        || record.associations_of != own.associations_of;
    if is_more_recent {
        job.check_unlocked(own)?;
        draft.commit.records.push(RecordWrite::Refresh {
            seen: Seen::from(own),
            key: own.key.clone(),
            recency: record.recency,
            associations_of: record.associations_of.clone(),
            associations_read_at_ms: record.associations_read_at_ms,
        });
    }
    Ok(())
}

/// A new version, at another place if the natural key is another than before.
fn replace(
    job: &Job<'_>,
    draft: &mut Draft,
    own: Option<&StoredRecord>,
    in_the_way: Option<&StoredRecord>,
    merged: &Absorbed,
    record: StoredRecord,
) -> Result<(), SyncOutcome> {
    if let Some(own) = own {
        job.check_unlocked(own)?;
        if own.key != record.key {
            let (seen, key) = (Seen::from(own), own.key.clone());
            draft.commit.records.push(RecordWrite::Vacate { seen, key });
        }
    }
    let is_merged = |id: Option<&ExternalId>| id.is_some_and(|id| merged.ids.contains(id));
    let predecessor =
        own.or_else(|| in_the_way.filter(|record| is_merged(record.external_id.as_ref())));
    let change = match predecessor {
        None => VersionChange::Created,
        Some(before) if before.is_live() => VersionChange::Updated,
        Some(_) => VersionChange::Restored,
    };
    let at_place = match own {
        Some(own) if own.key == record.key => Some(own),
        Some(_) | None => in_the_way,
    };
    let new = job.version(record, change, predecessor, at_place);
    draft.store(at_place, new);
    Ok(())
}
