//! A provider's account in memory that people work in: objects with versions, a recycling bin,
//! merges, privacy deletions, and the changes that it tells of each act.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use jiff::Timestamp;
use sync_domain::model::{
    Association, Attributes, ChangeKind, CorrelationId, ExternalId, ObjectChange, ObjectType,
    System, TenantId,
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
    pub(crate) updated_at: Timestamp,
    /// When it was last touched in a way that leaves its version as it is.
    pub(crate) touched_at: Option<Timestamp>,
}

impl PortalObject {
    /// When anything about it last changed, by the provider's clock.
    pub fn changed_at(&self) -> Timestamp {
        self.touched_at.map_or(self.updated_at, |touched_at| touched_at.max(self.updated_at))
    }
}

type Id = (ObjectType, ExternalId);

/// Always the same draws, so that a seed of the scheduler decides alone.
#[derive(Debug)]
struct Dice(fastrand::Rng);

impl Default for Dice {
    fn default() -> Self {
        Self(fastrand::Rng::with_seed(7))
    }
}

#[derive(Debug, Default)]
pub(crate) struct State {
    pub(crate) objects: BTreeMap<Id, PortalObject>,
    pub(crate) merged: BTreeMap<Id, ExternalId>,
    pub(crate) next_id: u64,
    faults: VecDeque<ProviderError>,
    association_faults: VecDeque<ProviderError>,
    bad_ids: BTreeSet<ExternalId>,
    reads: Vec<usize>,
    association_reads: Vec<usize>,
    association_page: Option<usize>,
    random: Dice,
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
    /// How often an answer gives way at most before it is there.
    slowness: usize,
    state: Mutex<State>,
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
            slowness: 2,
            state: Mutex::default(),
        }
    }

    /// With a clock that is not ours, and merged ids that lead on or don't.
    #[must_use]
    pub fn with_quirks(mut self, skew_ms: i64, resolves_merged: bool) -> Self {
        (self.skew_ms, self.resolves_merged) = (skew_ms, resolves_merged);
        self
    }

    /// Answers that others overtake: a call gives way up to so often after it was carried out.
    #[must_use]
    pub const fn with_slowness(mut self, slowness: usize) -> Self {
        self.slowness = slowness;
        self
    }

    async fn dawdle(&self) {
        let times = {
            let mut state = self.state();
            state.random.0.usize(0..=self.slowness)
        };
        for _time in 0..times {
            tokio::task::yield_now().await;
        }
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

    /// When each object last changed, those in the bin included.
    pub fn changes_of(&self, object_type: ObjectType) -> BTreeMap<ExternalId, Timestamp> {
        let state = self.state();
        let of_type = state.objects.iter().filter(|(id, _)| id.0 == object_type);
        of_type.map(|(id, object)| (id.1.clone(), object.changed_at())).collect()
    }

    /// What is in the bin.
    pub fn archived(&self, object_type: ObjectType) -> Vec<ExternalId> {
        let state = self.state();
        let archived =
            state.objects.iter().filter(|(id, it)| id.0 == object_type && it.is_archived);
        archived.map(|(id, _)| id.1.clone()).collect()
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
    pub(crate) fn tick(&self) -> Timestamp {
        self.clock.advance(Duration::from_millis(1));
        Timestamp::from_millisecond(self.clock.now().as_millisecond() + self.skew_ms)
            .unwrap_or(Timestamp::UNIX_EPOCH)
    }

    pub(crate) fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn is_account_of(&self, connection: &Connection) -> bool {
        connection.account_id == self.account_id
    }

    fn fault(&self, connection: &Connection, ids: &[ExternalId]) -> Result<(), ProviderError> {
        if !self.is_account_of(connection) {
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
        self.dawdle().await;
        Ok(Called { value: found.into_values().collect(), calls: 1, rate: None, quota: None })
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
        self.dawdle().await;
        Ok(Called { value: page, calls: 1, rate: None, quota: None })
    }
}
