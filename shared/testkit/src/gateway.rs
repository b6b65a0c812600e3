//! A CRM in memory that fails on demand.

use std::collections::{BTreeMap, BTreeSet, HashMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use jiff::Timestamp;
use sync_domain::gate::RateLimit;
use sync_domain::model::{
    Association, Attributes, CrmDraft, ExternalId, InvalidField, ObjectType, RecordChange,
};
use sync_domain::ports::{
    Called, Checked, Clock, Connection, CrmGateway, ProviderError, RemoteRecord, Written,
};

/// One failure, used up by one call.
#[derive(Debug, Clone)]
pub enum GatewayFault {
    /// The call fails and nothing happens.
    Fail(ProviderError),
    /// The call is carried out, but its caller is told that it failed.
    FailAfterEffect(ProviderError),
}

/// Account, kind and natural key.
type RecordName = (String, ObjectType, String);

#[derive(Debug, Clone)]
struct Remote {
    id: u64,
    attributes: Attributes,
    associations: BTreeSet<Association>,
    created_at: Timestamp,
    updated_at: Timestamp,
}

#[derive(Debug, Default)]
struct State {
    records: HashMap<RecordName, Remote>,
    missing: BTreeSet<Association>,
    stages: Option<BTreeSet<String>>,
    is_refreshed: bool,
    faults: VecDeque<GatewayFault>,
    association_faults: VecDeque<GatewayFault>,
    writes: Vec<String>,
    associations_made: u32,
    reads: u32,
    refreshes: u32,
    knowns: Vec<Option<ExternalId>>,
}

/// Keeps records by account, kind and natural key, and counts what it is asked.
pub struct ScriptedGateway {
    clock: Arc<dyn Clock>,
    state: Mutex<State>,
}

impl ScriptedGateway {
    /// An empty CRM.
    pub fn new(clock: Arc<dyn Clock>) -> Self {
        Self { clock, state: Mutex::default() }
    }

    /// Lets the next write or look fail, or the one after the failures that wait already.
    pub fn fail_next(&self, fault: GatewayFault) {
        self.state().faults.push_back(fault);
    }

    /// Lets the next association call fail, or the one after the failures that wait already.
    pub fn fail_next_association(&self, fault: GatewayFault) {
        self.state().association_faults.push_back(fault);
    }

    /// Takes a record away that others are associated with, or brings it back.
    pub fn set_missing(&self, association: Association, is_missing: bool) {
        if is_missing {
            self.state().missing.insert(association);
        } else {
            self.state().missing.remove(&association);
        }
    }

    /// Sets the stages that deals may be at, the account's own list.
    pub fn set_stages(&self, stages: &[&str]) {
        self.state().stages = Some(stages.iter().map(|stage| (*stage).to_owned()).collect());
    }

    /// Sets a value as a user of the account would.
    pub fn edit(&self, natural_key: &str, edit: impl Fn(&mut Attributes)) {
        let now = self.clock.now();
        let mut state = self.state();
        for ((_, _, key), remote) in &mut state.records {
            if key == natural_key {
                edit(&mut remote.attributes);
                remote.updated_at = now;
            }
        }
    }

    /// The natural keys of all writes that had an effect, in their order.
    pub fn writes(&self) -> Vec<String> {
        self.state().writes.clone()
    }

    /// How many associations were made that were not there before.
    pub fn associations_made(&self) -> u32 {
        self.state().associations_made
    }

    /// The associations of each record, by natural key.
    pub fn associations(&self) -> BTreeMap<String, BTreeSet<Association>> {
        let state = self.state();
        let records = state.records.iter();
        records.map(|((_, _, key), remote)| (key.clone(), remote.associations.clone())).collect()
    }

    /// How often a record was looked up.
    pub fn reads(&self) -> u32 {
        self.state().reads
    }

    /// How often the account's lists were read.
    pub fn refreshes(&self) -> u32 {
        self.state().refreshes
    }

    /// The ids that writes and looks were given to find the record by.
    pub fn knowns(&self) -> Vec<Option<ExternalId>> {
        self.state().knowns.clone()
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn apply(&self, connection: &Connection, draft: &CrmDraft) -> Written {
        let now = self.clock.now();
        let mut state = self.state();
        let next_id = state.records.len() as u64 + 1;
        state.writes.push(draft.natural_key.expose().clone());
        let mut change = RecordChange::Updated;
        let remote = state.records.entry(name_of(connection, draft)).or_insert_with(|| {
            change = RecordChange::Created;
            Remote {
                id: next_id,
                attributes: Attributes::default(),
                associations: BTreeSet::new(),
                created_at: now,
                updated_at: now,
            }
        });
        for (name, value) in draft.attributes.iter() {
            remote.attributes.set(name, value);
        }
        remote.updated_at = now;
        Written {
            external_id: ExternalId::new(remote.id.to_string()),
            change,
            attributes: remote.attributes.clone(),
            provider_version: Some(now),
        }
    }

    /// Makes what can be made and refuses the first that can't.
    fn apply_associations(
        &self,
        connection: &Connection,
        draft: &CrmDraft,
    ) -> Result<(), ProviderError> {
        let mut state = self.state();
        let mut refused = None;
        for (index, association) in draft.associations.iter().enumerate() {
            if state.missing.contains(association) {
                refused.get_or_insert(index);
                continue;
            }
            let remote = state.records.get_mut(&name_of(connection, draft));
            if remote.is_some_and(|remote| remote.associations.insert(association.clone())) {
                state.associations_made += 1;
            }
        }
        refused.map_or(Ok(()), |index| {
            Err(ProviderError::Rejected {
                vendor_code: Some("OBJECT_NOT_FOUND".to_owned()),
                field: Some(format!("associations[{index}].external_id")),
            })
        })
    }
}

fn name_of(connection: &Connection, draft: &CrmDraft) -> RecordName {
    (connection.account_id.clone(), draft.object_type, draft.natural_key.expose().clone())
}

const fn one_call<T>(value: T) -> Called<T> {
    Called { value, calls: 1, rate: None }
}

#[async_trait]
impl CrmGateway for ScriptedGateway {
    fn default_limit(&self, _connection: &Connection) -> RateLimit {
        RateLimit { max: 1_000, window: Duration::from_secs(10) }
    }

    fn check(
        &self,
        _connection: &Connection,
        draft: &CrmDraft,
        _now: Timestamp,
    ) -> Result<Checked, InvalidField> {
        let stage = draft.attributes.get(sync_domain::model::AttributeName::Stage);
        let state = self.state();
        match (stage, &state.stages) {
            (None, _) | (Some(_), None) => Ok(Checked::Passed),
            (Some(_), Some(_)) if !state.is_refreshed => Ok(Checked::Unsure),
            (Some(stage), Some(stages)) if stages.contains(stage) => Ok(Checked::Passed),
            (Some(_), Some(_)) => Err(InvalidField::new("attributes.stage", "is not there")),
        }
    }

    async fn refresh(
        &self,
        _connection: &Connection,
        _now: Timestamp,
    ) -> Result<Called<()>, ProviderError> {
        tokio::task::yield_now().await;
        let mut state = self.state();
        state.refreshes += 1;
        if let Some(GatewayFault::Fail(error) | GatewayFault::FailAfterEffect(error)) =
            state.faults.pop_front()
        {
            return Err(error);
        }
        state.is_refreshed = true;
        Ok(one_call(()))
    }

    async fn upsert(
        &self,
        connection: &Connection,
        draft: &CrmDraft,
        known: Option<&ExternalId>,
    ) -> Result<Called<Written>, ProviderError> {
        tokio::task::yield_now().await;
        let fault = {
            let mut state = self.state();
            state.knowns.push(known.cloned());
            state.faults.pop_front()
        };
        let result = match fault {
            None => Ok(one_call(self.apply(connection, draft))),
            Some(GatewayFault::Fail(error)) => Err(error),
            Some(GatewayFault::FailAfterEffect(error)) => {
                self.apply(connection, draft);
                Err(error)
            }
        };
        tokio::task::yield_now().await;
        result
    }

    async fn find(
        &self,
        connection: &Connection,
        draft: &CrmDraft,
        known: Option<&ExternalId>,
    ) -> Result<Called<Option<RemoteRecord>>, ProviderError> {
        tokio::task::yield_now().await;
        let mut state = self.state();
        state.knowns.push(known.cloned());
        state.reads += 1;
        if let Some(GatewayFault::Fail(error) | GatewayFault::FailAfterEffect(error)) =
            state.faults.pop_front()
        {
            return Err(error);
        }
        let found = state.records.get(&name_of(connection, draft));
        Ok(one_call(found.map(|remote| RemoteRecord {
            external_id: ExternalId::new(remote.id.to_string()),
            attributes: remote.attributes.clone(),
            created_at: Some(remote.created_at),
            provider_version: Some(remote.updated_at),
        })))
    }

    async fn associate(
        &self,
        connection: &Connection,
        draft: &CrmDraft,
        _external_id: &ExternalId,
    ) -> Result<Called<()>, ProviderError> {
        tokio::task::yield_now().await;
        let fault = self.state().association_faults.pop_front();
        let result = match fault {
            None => self.apply_associations(connection, draft).map(|()| {
                let types = draft.associations.iter().map(|it| it.object_type);
                let calls = types.collect::<BTreeSet<_>>().len();
                Called { value: (), calls: u32::try_from(calls).unwrap_or(u32::MAX), rate: None }
            }),
            Some(GatewayFault::Fail(error)) => Err(error),
            Some(GatewayFault::FailAfterEffect(error)) => {
                self.apply_associations(connection, draft).and(Err(error))
            }
        };
        tokio::task::yield_now().await;
        result
    }
}
