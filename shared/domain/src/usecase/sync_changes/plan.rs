//! What is to be done about one unit.

use std::collections::BTreeSet;
use std::time::Duration;

use jiff::Timestamp;

use super::SyncOutcome;
use super::erasing::plan_erased;
use super::gone::plan_missing;
use super::present::plan_present;
use super::unit::{State, Unit};
use super::view::{Closed, Known, View};
use crate::keys::{self, RecordKey, SeparatorInPart};
use crate::model::{
    Association, Attributes, Differences, ExternalId, NewVersion, RecordPointer, Sensitive,
    StoredRecord, VersionChange,
};
use crate::ports::{DeadCause, Lookup, PointerWrite, RecordCommit, RecordScope, RecordWrite, Seen};
use crate::usecase::settle_work::Verdict;

/// The wait when what was read is older than something of ours and must be read again.
pub(super) const READ_AGAIN: SyncOutcome =
    SyncOutcome::Unapplied(Verdict::Wait { after: Duration::from_secs(2) });
/// The wait for an upsert that is at the record, within these bounds.
const LOCK_WAIT: (Duration, Duration) = (Duration::from_secs(1), Duration::from_secs(5));

/// A decision.
#[derive(Debug)]
pub(super) enum Plan {
    /// It can't be made before these are known.
    Look(Lookup),
    /// It can't be made before the provider was asked for the associations.
    Ask,
    /// Nothing is written.
    Settled(SyncOutcome),
    /// This is written, and this comes of it.
    Write(Draft),
}

/// Writes in the making.
#[derive(Debug, Default)]
pub(super) struct Draft {
    pub commit: RecordCommit,
    /// Records whose waiting upserts are taken away before the commit.
    pub discards: Vec<RecordKey>,
    /// Set when the commit is not all that has to be done.
    pub is_partial: bool,
}

impl Draft {
    pub fn store(&mut self, seen: Option<&StoredRecord>, new: NewVersion) {
        let seen = seen.map(Seen::from);
        self.commit.records.push(RecordWrite::Store { seen, new: Box::new(new) });
    }

    /// Writes a pointer unless it is as wanted.
    pub fn point(&mut self, id: &ExternalId, seen: Option<&RecordPointer>, wanted: RecordPointer) {
        if seen != Some(&wanted) {
            self.point_anyway(id, seen, wanted);
        }
    }

    /// Writes a pointer even if it is as wanted: so the commit depends on it.
    pub fn point_anyway(
        &mut self,
        id: &ExternalId,
        seen: Option<&RecordPointer>,
        wanted: RecordPointer,
    ) {
        let seen = seen.cloned();
        let write = PointerWrite { external_id: id.clone(), seen, pointer: wanted };
        self.commit.pointers.push(write);
    }

    pub fn stores_a_version(&self) -> bool {
        self.commit.records.iter().any(|write| matches!(write, RecordWrite::Store { .. }))
    }
}

/// One decision with all that it is made of.
pub(super) struct Job<'a> {
    pub scope: &'a RecordScope,
    pub unit: &'a Unit,
    pub view: View<'a>,
    pub now: Timestamp,
    /// When the provider was asked.
    pub read_at_ms: i64,
}

impl Job<'_> {
    /// The key of a record that is known by nothing but an id.
    pub fn id_key(&self, id: &ExternalId) -> Result<RecordKey, SyncOutcome> {
        let RecordScope { tenant, system, object_type } = self.scope;
        keys::record_key_of_id(tenant, *system, *object_type, id).map_err(bad_key)
    }

    pub fn natural_key(&self, value: &str) -> Result<RecordKey, SyncOutcome> {
        let RecordScope { tenant, system, object_type } = self.scope;
        let value = Sensitive::new(value.to_owned());
        keys::record_key(tenant, *system, *object_type, &value).map_err(bad_key)
    }

    /// Whether the record may be written: no upsert is at it. One that died there is no hindrance;
    /// its lock goes with the write, and with it its power to finish.
    pub fn check_unlocked(&self, record: &StoredRecord) -> Result<(), SyncOutcome> {
        match &record.lock {
            Some(lock) if lock.lease_until > self.now => {
                let left = Duration::try_from(lock.lease_until.duration_since(self.now));
                let after = left.unwrap_or_default().clamp(LOCK_WAIT.0, LOCK_WAIT.1);
                Err(SyncOutcome::Unapplied(Verdict::Wait { after }))
            }
            Some(_) | None => Ok(()),
        }
    }

    /// A version made of `record`, which differs from `before` (with `at_place`, what is at its
    /// place now).
    pub fn version(
        &self,
        record: StoredRecord,
        change: VersionChange,
        before: Option<&StoredRecord>,
        at_place: Option<&StoredRecord>,
    ) -> NewVersion {
        let place_of = |record: Option<&StoredRecord>| {
            record.filter(|record| record.version > 0).map(|record| record.key.clone())
        };
        let differences =
            (place_of(before) != place_of(at_place)).then(|| differences(before, &record));
        NewVersion {
            record,
            change,
            differences,
            synced_at: self.now,
            correlation_id: self.unit.correlation_id.clone(),
        }
    }
}

/// What differs from before; all of it where there was nothing before.
pub(super) fn differences(before: Option<&StoredRecord>, after: &StoredRecord) -> Differences {
    let nothing: (Attributes, BTreeSet<Association>) = Default::default();
    let before = before.map_or((&nothing.0, &nothing.1), |it| (&it.attributes, &it.associations));
    Differences::between(before, (&after.attributes, &after.associations))
}

/// The control characters that a key can't hold are taken out of whatever comes from a provider.
fn bad_key(_error: SeparatorInPart) -> SyncOutcome {
    SyncOutcome::Unapplied(Verdict::Dead(DeadCause::Internal))
}

/// Decides on a unit.
pub(super) fn plan(
    scope: &RecordScope,
    unit: &Unit,
    known: &Known,
    now: Timestamp,
    read_at_ms: i64,
) -> Plan {
    let job = Job { scope, unit, view: View::new(known), now, read_at_ms };
    let decided = match &unit.state {
        State::Present { object, associations } => {
            plan_present(&job, object, associations.as_ref())
        }
        State::Missing => plan_missing(&job),
        State::Erased => plan_erased(&job),
    };
    let has_associations = !scope.object_type.associated_types().is_empty();
    let Closed { seen, missing, needs_associations } = job.view.close();
    match (missing, decided) {
        (Some(missing), _) => Plan::Look(missing),
        (None, _) if needs_associations && has_associations => Plan::Ask,
        (None, _) if known.is_unreadable(&seen) => {
            Plan::Settled(SyncOutcome::Unapplied(Verdict::Dead(DeadCause::Internal)))
        }
        (None, Ok(draft)) => Plan::Write(draft),
        (None, Err(outcome)) => Plan::Settled(outcome),
    }
}
