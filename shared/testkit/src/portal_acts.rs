//! What people do in the account, and upserts of ours: each act changes it and returns the changes
//! that the account would tell of.

use std::collections::BTreeSet;

use sync_domain::model::{
    Association, AttributeName, Attributes, ChangeKind, ExternalId, ObjectChange, ObjectType,
};

use crate::portal::{MemoryPortal, PortalObject, State};

/// The result of an upsert at the provider.
#[derive(Debug, Clone)]
pub struct PortalWrite {
    /// The object.
    pub external_id: ExternalId,
    /// Its values afterwards.
    pub attributes: Attributes,
    /// The provider's version of it, in milliseconds.
    pub provider_version: i64,
    /// What the account tells of it.
    pub changes: Vec<ObjectChange>,
}

impl MemoryPortal {
    /// Makes an object, unless its email or reference is taken.
    pub fn create(
        &self,
        object_type: ObjectType,
        attributes: Attributes,
    ) -> Option<(ExternalId, Vec<ObjectChange>)> {
        let now = self.tick();
        let mut state = self.state();
        if !state.is_free(object_type, &attributes, None) {
            return None;
        }
        state.next_id += 1;
        let id = ExternalId::new(state.next_id.to_string());
        let object = PortalObject { attributes, updated_at: now, ..PortalObject::default() };
        state.objects.insert((object_type, id.clone()), object);
        let created = self.change(object_type, &id, ChangeKind::Created, now);
        let changed = self.change(object_type, &id, ChangeKind::Properties, now);
        Some((id, vec![created, changed]))
    }

    /// Changes values; an empty one clears.
    pub fn update(
        &self,
        object_type: ObjectType,
        id: &ExternalId,
        attributes: &Attributes,
    ) -> Vec<ObjectChange> {
        let now = self.tick();
        let mut state = self.state();
        if !state.is_free(object_type, attributes, Some(id)) {
            return Vec::new();
        }
        let key = (object_type, id.clone());
        let Some(object) = state.objects.get_mut(&key).filter(|it| !it.is_archived) else {
            return Vec::new();
        };
        for (name, value) in attributes.iter() {
            object.attributes.set(name, value);
        }
        object.updated_at = now;
        vec![self.change(object_type, id, ChangeKind::Properties, now)]
    }

    /// Associates, or ends an association; the version stays as it is.
    pub fn associate(
        &self,
        object_type: ObjectType,
        id: &ExternalId,
        association: &Association,
        is_there: bool,
    ) -> Vec<ObjectChange> {
        let now = self.tick();
        let mut state = self.state();
        let key = (object_type, id.clone());
        let Some(object) = state.objects.get_mut(&key).filter(|it| !it.is_archived) else {
            return Vec::new();
        };
        if is_there {
            object.associations.insert(association.clone());
        } else {
            object.associations.remove(association);
        }
        object.touched_at = Some(now);
        vec![self.change(object_type, id, ChangeKind::Associations, now)]
    }

    /// Puts into the bin.
    pub fn archive(&self, object_type: ObjectType, id: &ExternalId) -> Vec<ObjectChange> {
        self.set_archived(object_type, id, true, ChangeKind::Deleted)
    }

    /// Takes out of the bin, unless its email or reference is taken by now. The version stays.
    pub fn restore(&self, object_type: ObjectType, id: &ExternalId) -> Vec<ObjectChange> {
        self.set_archived(object_type, id, false, ChangeKind::Restored)
    }

    fn set_archived(
        &self,
        object_type: ObjectType,
        id: &ExternalId,
        is_archived: bool,
        kind: ChangeKind,
    ) -> Vec<ObjectChange> {
        let now = self.tick();
        let mut state = self.state();
        let key = (object_type, id.clone());
        let Some(object) = state.objects.get(&key).filter(|it| it.is_archived != is_archived)
        else {
            return Vec::new();
        };
        let attributes = object.attributes.clone();
        if !is_archived && !state.is_free(object_type, &attributes, Some(id)) {
            return Vec::new();
        }
        let taken = state.emails_of_others(object_type, id);
        if let Some(object) = state.objects.get_mut(&key) {
            object.is_archived = is_archived;
            object.touched_at = Some(now);
            object.other_emails.retain(|email| !taken.contains(email));
        }
        vec![self.change(object_type, id, kind, now)]
    }

    /// Deletes for privacy; it tells of a deletion too.
    pub fn erase(&self, object_type: ObjectType, id: &ExternalId) -> Vec<ObjectChange> {
        let now = self.tick();
        if self.state().objects.remove(&(object_type, id.clone())).is_none() {
            return Vec::new();
        }
        let kinds = [ChangeKind::Erased, ChangeKind::Deleted];
        kinds.map(|kind| self.change(object_type, id, kind, now)).to_vec()
    }

    /// Merges two objects into one with a new id, or into the first.
    pub fn merge(
        &self,
        object_type: ObjectType,
        (winner, loser): (&ExternalId, &ExternalId),
        keeps_id: bool,
    ) -> Vec<ObjectChange> {
        let now = self.tick();
        let mut state = self.state();
        let live = |state: &State, id: &ExternalId| {
            let object = state.objects.get(&(object_type, id.clone()));
            object.filter(|object| !object.is_archived).cloned()
        };
        let (Some(mut merged), Some(other)) = (live(&state, winner), live(&state, loser)) else {
            return Vec::new();
        };
        let survivor = if keeps_id {
            winner.clone()
        } else {
            state.next_id += 1;
            ExternalId::new(state.next_id.to_string())
        };
        for (name, value) in other.attributes.iter() {
            if merged.attributes.get(name).unwrap_or_default().is_empty() {
                merged.attributes.set(name, value);
            }
        }
        let gone: BTreeSet<_> =
            [winner, loser].into_iter().filter(|id| **id != survivor).cloned().collect();
        merged.associations.extend(other.associations);
        merged.merged_ids.extend(other.merged_ids);
        merged.merged_ids.extend(gone.iter().cloned());
        merged.other_emails.extend(other.other_emails);
        let email = other.attributes.get(AttributeName::Email).filter(|it| !it.is_empty());
        merged.other_emails.extend(email.map(str::to_owned));
        merged.updated_at = now;
        for id in &gone {
            state.objects.remove(&(object_type, id.clone()));
            state.merged.insert((object_type, id.clone()), survivor.clone());
        }
        state.objects.insert((object_type, survivor.clone()), merged);
        let mut change = self.change(object_type, &survivor, ChangeKind::Merged, now);
        change.merged_ids = gone;
        vec![change]
    }

    /// Creates or updates by email or reference, as an upsert of ours does.
    pub fn upsert(
        &self,
        object_type: ObjectType,
        natural: AttributeName,
        attributes: &Attributes,
    ) -> Option<PortalWrite> {
        let value = attributes.get(natural)?.to_owned();
        let found = self.live(object_type).into_iter().find(|(_, object)| {
            object.attributes.get(natural) == Some(&value) || object.other_emails.contains(&value)
        });
        let (external_id, changes) = match found {
            None => self.create(object_type, attributes.clone())?,
            Some((id, _)) => {
                // The key stays out of the values, so a match by another email changes no email.
                let values = attributes.iter().filter(|(name, _)| *name != natural);
                let values = values.map(|(name, value)| (name, value.to_owned())).collect();
                let changes = self.update(object_type, &id, &values);
                (id, changes)
            }
        };
        let state = self.state();
        let object = state.objects.get(&(object_type, external_id.clone()))?;
        Some(PortalWrite {
            attributes: object.attributes.clone(),
            provider_version: object.updated_at.as_millisecond(),
            external_id,
            changes,
        })
    }
}

impl State {
    /// Whether no other object has the email or reference.
    fn is_free(
        &self,
        object_type: ObjectType,
        attributes: &Attributes,
        except: Option<&ExternalId>,
    ) -> bool {
        [AttributeName::Email, AttributeName::Reference].into_iter().all(|name| {
            let value = attributes.get(name).unwrap_or_default();
            let has = |object: &PortalObject| {
                object.attributes.get(name) == Some(value) || object.other_emails.contains(value)
            };
            value.is_empty()
                || !self.objects.iter().any(|((its_type, id), object)| {
                    *its_type == object_type
                        && Some(id) != except
                        && !object.is_archived
                        && has(object)
                })
        })
    }

    fn emails_of_others(&self, object_type: ObjectType, id: &ExternalId) -> BTreeSet<String> {
        let others = self.objects.iter().filter(|((its_type, its_id), object)| {
            *its_type == object_type && its_id != id && !object.is_archived
        });
        let emails = others.flat_map(|(_, object)| {
            let email = object.attributes.get(AttributeName::Email).map(str::to_owned);
            object.other_emails.iter().cloned().chain(email)
        });
        emails.collect()
    }
}
