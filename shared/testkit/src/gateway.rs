//! A CRM in memory that fails on demand.

use std::collections::{BTreeMap, BTreeSet, HashMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use jiff::Timestamp;
use sync_domain::model::{Association, Attributes, CrmDraft, ExternalId, ObjectType, RecordChange};
use sync_domain::ports::{Clock, Connection, ProviderError, Quota, Written};

/// One failure, used up by one call.
#[derive(Debug, Clone)]
pub enum GatewayFault {
    /// The call is fine; the failure behind it is for the one after it.
    Pass,
    /// The call fails and nothing happens.
    Fail(ProviderError),
    /// The call is carried out, but its caller is told that it failed.
    FailAfterEffect(ProviderError),
}

/// Account, kind and natural key.
pub(crate) type RecordName = (String, ObjectType, String);

#[derive(Debug, Clone)]
pub(crate) struct Remote {
    pub(crate) id: u64,
    pub(crate) attributes: Attributes,
    pub(crate) associations: BTreeSet<Association>,
    pub(crate) created_at: Timestamp,
    pub(crate) updated_at: Timestamp,
}

#[derive(Debug, Default)]
pub(crate) struct State {
    pub(crate) records: HashMap<RecordName, Remote>,
    pub(crate) missing: BTreeSet<Association>,
    pub(crate) stages: Option<BTreeSet<String>>,
    pub(crate) is_refreshed: bool,
    pub(crate) faults: VecDeque<GatewayFault>,
    pub(crate) association_faults: VecDeque<GatewayFault>,
    pub(crate) writes: Vec<(String, Attributes)>,
    pub(crate) associations_made: u32,
    pub(crate) reads: u32,
    pub(crate) refreshes: u32,
    pub(crate) knowns: Vec<Option<ExternalId>>,
    pub(crate) quota: Option<Quota>,
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

    /// Sets what every answer says from now on of the day's quota.
    pub fn set_quota(&self, quota: Option<Quota>) {
        self.state().quota = quota;
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
        self.state().writes.iter().map(|(key, _)| key.clone()).collect()
    }

    /// The natural keys and wanted values of all writes that had an effect, in their order.
    pub fn written(&self) -> Vec<(String, Attributes)> {
        self.state().writes.clone()
    }

    /// How many failures are not used up yet.
    pub fn faults_left(&self) -> usize {
        self.state().faults.len()
    }

    /// Takes back all failures that are not used up.
    pub fn end_faults(&self) {
        self.state().faults.clear();
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

    pub(crate) fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn apply(&self, connection: &Connection, draft: &CrmDraft) -> Written {
        let now = self.clock.now();
        let mut state = self.state();
        let next_id = state.records.len() as u64 + 1;
        state.writes.push((draft.natural_key.expose().clone(), draft.attributes.clone()));
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
    pub(crate) fn apply_associations(
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

pub(crate) fn name_of(connection: &Connection, draft: &CrmDraft) -> RecordName {
    (connection.account_id.clone(), draft.object_type, draft.natural_key.expose().clone())
}
