//! What became known of which object: from the changes and the provider's answers to units that are
//! decided one by one.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;

use super::Group;
use crate::model::{Association, ChangeKind, CorrelationId, ExternalId, ObjectChange, Recency};
use crate::ports::RemoteObject;
use crate::usecase::settle_work::Verdict;

/// What the provider answered, by the id that was asked for.
#[derive(Debug, Default)]
pub(super) struct Answers {
    /// The objects that it has.
    pub objects: BTreeMap<ExternalId, RemoteObject>,
    /// The associations that were asked for.
    pub associations: BTreeMap<ExternalId, BTreeSet<Association>>,
    /// The ids whose answer is not there.
    pub failed: BTreeMap<ExternalId, Verdict>,
}

/// One object with all that is known of it.
#[derive(Debug)]
pub(super) struct Unit {
    /// Its id now.
    pub id: ExternalId,
    pub state: State,
    /// Ids that went into it, as the messages say, and those that were asked for and led to it.
    pub merged_ids: BTreeSet<ExternalId>,
    pub is_restored: bool,
    pub occurred_at: Timestamp,
    pub correlation_id: CorrelationId,
    /// The places in the group of the objects that were asked for.
    pub places: Vec<usize>,
}

#[derive(Debug)]
pub(super) enum State {
    Present { object: RemoteObject, associations: Option<BTreeSet<Association>> },
    Missing,
    Erased,
}

impl Unit {
    fn new(id: ExternalId, state: State, change: &ObjectChange, place: usize) -> Self {
        Self {
            id,
            state,
            merged_ids: change.merged_ids.clone(),
            is_restored: change.kinds.contains(&ChangeKind::Restored),
            occurred_at: change.occurred_at,
            correlation_id: change.correlation_id.clone(),
            places: vec![place],
        }
    }

    fn absorb(&mut self, other: Self) {
        self.merged_ids.extend(other.merged_ids);
        self.is_restored |= other.is_restored;
        self.occurred_at = self.occurred_at.max(other.occurred_at);
        self.places.extend(other.places);
        if let (State::Present { associations, .. }, State::Present { associations: more, .. }) =
            (&mut self.state, other.state)
        {
            *associations = associations.take().or(more);
        }
    }

    /// Takes in associations that were asked for later.
    pub fn set_associations(&mut self, found: BTreeSet<Association>) {
        if let State::Present { associations, .. } = &mut self.state {
            *associations = Some(found);
        }
    }

    /// How recent the state is that was read at `read_at_ms`. Coming back from the recycling bin is
    /// no change of the record for the provider, so the time of the event counts too.
    pub fn recency_of(&self, object: &RemoteObject, read_at_ms: i64) -> Recency {
        let occurred = self.occurred_at;
        let updated = object.updated_at.unwrap_or(occurred);
        let version = if self.is_restored { updated.max(occurred) } else { updated };
        Recency { provider_version: version.as_millisecond(), read_at_ms }
    }
}

/// Whether the associations of an object are worth a read: they changed, or may have with all of it.
pub(super) fn needs_associations(change: &ObjectChange) -> bool {
    let kinds = [ChangeKind::Associations, ChangeKind::Merged, ChangeKind::Restored];
    kinds.iter().any(|kind| change.kinds.contains(kind))
}

/// The units of a group; objects without an answer are none. Several ids that lead to one object, as
/// they do after a merge, are one unit.
pub(super) fn units_of(group: &Group, mut answers: Answers) -> Vec<Unit> {
    let mut units = Vec::new();
    let mut present = BTreeMap::<ExternalId, Unit>::new();
    for (place, (asked, object)) in group.objects.iter().enumerate() {
        let change = &object.change;
        // Whatever is read: who was erased does not come back under this id.
        if change.kinds.contains(&ChangeKind::Erased) {
            units.push(Unit::new(asked.clone(), State::Erased, change, place));
            continue;
        }
        if answers.failed.contains_key(asked) {
            continue;
        }
        let Some(object) = answers.objects.remove(asked) else {
            units.push(Unit::new(asked.clone(), State::Missing, change, place));
            continue;
        };
        let id = object.external_id.clone();
        let is_itself = id == *asked;
        // What was read under the old id may not be all that the object has now.
        let associations = answers.associations.remove(asked).filter(|_| is_itself);
        let state = State::Present { object, associations };
        let mut unit = Unit::new(id.clone(), state, change, place);
        if !is_itself {
            unit.merged_ids.insert(asked.clone());
        }
        unit.merged_ids.remove(&id);
        match present.get_mut(&id) {
            Some(known) => known.absorb(unit),
            None => drop(present.insert(id, unit)),
        }
    }
    units.extend(present.into_values());
    units
}
