//! A provider's account in memory that people work in: objects with versions, a recycling bin,
//! merges, privacy deletions, and the changes that it tells of each act.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use jiff::Timestamp;
use sync_domain::model::{
    Association, AttributeName, Attributes, ChangeKind, CorrelationId, ExternalId, ObjectChange,
    ObjectType, System, TenantId,
};
use sync_domain::ports::{
    AssociationsOf, AssociationsPage, Called, Clock, Connection, CrmReader, ProviderError,
    READ_MAX, RemoteObject,
};

use crate::ManualClock;

/// An object in the account.
#[derive(Debug, Clone, Default)]
pub struct PortalObject {
    /// Its values.
    pub attributes: Attributes,
    /// What it is associated with.
    pub associations: BTreeSet<Association>,
    /// Whether it is in the recycling bin.
    pub is_archived: bool,
    /// The ids that went into it.
    pub merged_ids: BTreeSet<ExternalId>,
    /// Emails of those that went into it; they still lead to it.
    pub other_emails: BTreeSet<String>,
    updated_at: Timestamp,
}

type Id = (ObjectType, ExternalId);

#[derive(Debug, Default)]
struct State {
    objects: BTreeMap<Id, PortalObject>,
    merged: BTreeMap<Id, ExternalId>,
    next_id: u64,
    faults: VecDeque<ProviderError>,
    association_faults: VecDeque<ProviderError>,
    bad_ids: BTreeSet<ExternalId>,
    reads: Vec<usize>,
    association_reads: Vec<usize>,
    association_page: Option<usize>,
}

/// One tenant's account; its reader answers for that account alone.
pub struct MemoryPortal {
    tenant: TenantId,
    account_id: String,
    clock: Arc<ManualClock>,
    /// How far the provider's clock is from ours, in milliseconds.
    skew_ms: i64,
    /// Whether a merged id still leads to the object that it went into.
    resolves_merged: bool,
    state: Mutex<State>,
}

/// The result of an upsert at the provider.
#[derive(Debug, Clone)]
pub struct PortalWrite {
    /// The object.
    pub external_id: ExternalId,
    /// Its values afterwards.
    pub attributes: Attributes,
    /// The provider's version of it, in milliseconds.
    pub provider_version_ms: i64,
    /// What the account tells of it.
    pub changes: Vec<ObjectChange>,
}

impl MemoryPortal {
    /// The account of a tenant.
    pub fn new(tenant: &TenantId, clock: Arc<ManualClock>) -> Self {
        Self {
            tenant: tenant.clone(),
            account_id: format!("account-of-{tenant}"),
            clock,
            skew_ms: 0,
            resolves_merged: true,
            state: Mutex::default(),
        }
    }

    /// With a clock that is not ours, and merged ids that lead on or don't.
    #[must_use]
    pub fn with_quirks(mut self, skew_ms: i64, resolves_merged: bool) -> Self {
        (self.skew_ms, self.resolves_merged) = (skew_ms, resolves_merged);
        self
    }

    /// Lets the next call fail, or the one after the failures that wait already.
    pub fn fail_next(&self, error: ProviderError) {
        self.state().faults.push_back(error);
    }

    /// Lets the next read of associations fail.
    pub fn fail_associations(&self, error: ProviderError) {
        self.state().association_faults.push_back(error);
    }

    /// Lets every call with this id be refused as a whole.
    pub fn spoil(&self, id: &ExternalId) {
        self.state().bad_ids.insert(id.clone());
    }

    /// Pages of associations have so many of them.
    pub fn page_associations(&self, per_page: usize) {
        self.state().association_page = Some(per_page);
    }

    /// How many ids each read asked for, and each read of associations.
    pub fn reads(&self) -> (Vec<usize>, Vec<usize>) {
        let state = self.state();
        (state.reads.clone(), state.association_reads.clone())
    }

    /// What is in the account and not in the bin.
    pub fn live(&self, object_type: ObjectType) -> BTreeMap<ExternalId, PortalObject> {
        let state = self.state();
        let live = state.objects.iter().filter(|(id, it)| id.0 == object_type && !it.is_archived);
        live.map(|(id, object)| (id.1.clone(), object.clone())).collect()
    }

    /// What is in the bin.
    pub fn archived(&self, object_type: ObjectType) -> Vec<ExternalId> {
        let state = self.state();
        let archived =
            state.objects.iter().filter(|(id, it)| id.0 == object_type && it.is_archived);
        archived.map(|(id, _)| id.1.clone()).collect()
    }

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
            provider_version_ms: object.updated_at.as_millisecond(),
            external_id,
            changes,
        })
    }

    /// A change as a webhook would bring it.
    pub fn change(
        &self,
        object_type: ObjectType,
        id: &ExternalId,
        kind: ChangeKind,
        occurred_at: Timestamp,
    ) -> ObjectChange {
        ObjectChange {
            tenant: self.tenant.clone(),
            system: System::Hubspot,
            account_id: self.account_id.clone(),
            object_type,
            external_id: id.clone(),
            kinds: [kind].into(),
            properties: BTreeSet::new(),
            merged_ids: BTreeSet::new(),
            occurred_at,
            received_at: self.clock.now(),
            correlation_id: CorrelationId::unknown(),
        }
    }

    /// The provider's time; no two acts happen at the same.
    fn tick(&self) -> Timestamp {
        self.clock.advance(Duration::from_millis(1));
        Timestamp::from_millisecond(self.clock.now().as_millisecond() + self.skew_ms)
            .unwrap_or(Timestamp::UNIX_EPOCH)
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn fault(&self, connection: &Connection, ids: &[ExternalId]) -> Result<(), ProviderError> {
        if connection.account_id != self.account_id {
            return Err(ProviderError::Unauthorized);
        }
        let mut state = self.state();
        if let Some(error) = state.faults.pop_front() {
            return Err(error);
        }
        if ids.len() > READ_MAX || ids.iter().any(|id| state.bad_ids.contains(id)) {
            return Err(ProviderError::Rejected { vendor_code: None, field: None });
        }
        Ok(())
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

    fn resolved(&self, object_type: ObjectType, id: &ExternalId) -> ExternalId {
        let mut id = id.clone();
        while let Some(next) = self.merged.get(&(object_type, id.clone())) {
            id = next.clone();
        }
        id
    }
}

#[async_trait]
impl CrmReader for MemoryPortal {
    async fn read(
        &self,
        connection: &Connection,
        object_type: ObjectType,
        ids: &[ExternalId],
    ) -> Result<Called<Vec<RemoteObject>>, ProviderError> {
        tokio::task::yield_now().await;
        self.state().reads.push(ids.len());
        self.fault(connection, ids)?;
        let found = {
            let state = self.state();
            let mut found = BTreeMap::new();
            for asked in ids {
                let id = state.resolved(object_type, asked);
                let Some(object) = state.objects.get(&(object_type, id.clone())) else { continue };
                if object.is_archived || (id != *asked && !self.resolves_merged) {
                    continue;
                }
                let attributes = object.attributes.iter().filter(|(_, value)| !value.is_empty());
                found.insert(
                    id.clone(),
                    RemoteObject {
                        external_id: id,
                        attributes: attributes
                            .map(|(name, value)| (name, value.to_owned()))
                            .collect(),
                        updated_at: Some(object.updated_at),
                        merged_ids: object.merged_ids.clone(),
                    },
                );
            }
            found
        };
        tokio::task::yield_now().await;
        tokio::task::yield_now().await;
        Ok(Called { value: found.into_values().collect(), calls: 1, rate: None })
    }

    async fn associations(
        &self,
        connection: &Connection,
        from: ObjectType,
        to: ObjectType,
        of: &[AssociationsOf],
    ) -> Result<Called<AssociationsPage>, ProviderError> {
        tokio::task::yield_now().await;
        self.state().association_reads.push(of.len());
        if let Some(error) = self.state().association_faults.pop_front() {
            return Err(error);
        }
        let ids: Vec<_> = of.iter().map(|it| it.external_id.clone()).collect();
        self.fault(connection, &ids)?;
        let page = {
            let state = self.state();
            let per_page = state.association_page.unwrap_or(usize::MAX);
            let mut page = AssociationsPage::default();
            for asked in of {
                let Some(object) = state.objects.get(&(from, asked.external_id.clone())) else {
                    continue;
                };
                let after = asked.after.as_ref().and_then(|after| after.parse().ok());
                let all = object.associations.iter().filter(|it| it.object_type == to);
                let all: Vec<_> = all.skip(after.unwrap_or(0)).cloned().collect();
                if all.len() > per_page {
                    let next = after.unwrap_or(0) + per_page;
                    let external_id = asked.external_id.clone();
                    let after = Some(next.to_string());
                    page.more.push(AssociationsOf { external_id, after });
                }
                let found = all.into_iter().take(per_page).collect();
                page.found.insert(asked.external_id.clone(), found);
            }
            page
        };
        tokio::task::yield_now().await;
        Ok(Called { value: page, calls: 1, rate: None })
    }
}
