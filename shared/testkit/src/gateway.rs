//! A CRM in memory that fails on demand.

use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Mutex, PoisonError};

use async_trait::async_trait;
use jiff::Timestamp;
use sync_domain::model::{Attributes, CrmDraft, ExternalId, InvalidField, RecordChange};
use sync_domain::ports::{Clock, Connection, CrmGateway, ProviderError, RemoteRecord, Written};

/// One failure, used up by one call.
#[derive(Debug, Clone)]
pub enum GatewayFault {
    /// The call fails and nothing happens.
    Fail(ProviderError),
    /// The call is carried out, but its caller is told that it failed.
    FailAfterEffect(ProviderError),
}

#[derive(Debug, Clone)]
struct Remote {
    id: u64,
    attributes: Attributes,
    created_at: Timestamp,
}

#[derive(Debug, Default)]
struct State {
    records: HashMap<(String, String), Remote>,
    faults: VecDeque<GatewayFault>,
    writes: Vec<String>,
    reads: u32,
}

/// Keeps records by account and natural key, and counts what it is asked.
pub struct ScriptedGateway {
    clock: Arc<dyn Clock>,
    state: Mutex<State>,
}

impl ScriptedGateway {
    /// An empty CRM.
    pub fn new(clock: Arc<dyn Clock>) -> Self {
        Self { clock, state: Mutex::default() }
    }

    /// Lets the next call fail, or the one after the failures that wait already.
    pub fn fail_next(&self, fault: GatewayFault) {
        self.state().faults.push_back(fault);
    }

    /// The natural keys of all writes that had an effect, in their order.
    pub fn writes(&self) -> Vec<String> {
        self.state().writes.clone()
    }

    /// How often a record was looked up.
    pub fn reads(&self) -> u32 {
        self.state().reads
    }

    fn state(&self) -> std::sync::MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn apply(&self, connection: &Connection, draft: &CrmDraft) -> Written {
        let now = self.clock.now();
        let mut state = self.state();
        let next_id = state.records.len() as u64 + 1;
        state.writes.push(draft.natural_key.expose().clone());
        let key = (connection.account_id.clone(), draft.natural_key.expose().clone());
        let mut change = RecordChange::Updated;
        let remote = state.records.entry(key).or_insert_with(|| {
            change = RecordChange::Created;
            Remote { id: next_id, attributes: Attributes::default(), created_at: now }
        });
        for (name, value) in draft.attributes.iter() {
            remote.attributes.set(name, value);
        }
        Written { external_id: ExternalId::new(remote.id.to_string()), change }
    }
}

#[async_trait]
impl CrmGateway for ScriptedGateway {
    fn check(&self, _draft: &CrmDraft) -> Result<(), InvalidField> {
        Ok(())
    }

    async fn upsert(
        &self,
        connection: &Connection,
        draft: &CrmDraft,
    ) -> Result<Written, ProviderError> {
        tokio::task::yield_now().await;
        let fault = self.state().faults.pop_front();
        let result = match fault {
            None => Ok(self.apply(connection, draft)),
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
    ) -> Result<Option<RemoteRecord>, ProviderError> {
        tokio::task::yield_now().await;
        let mut state = self.state();
        state.reads += 1;
        if let Some(GatewayFault::Fail(error) | GatewayFault::FailAfterEffect(error)) =
            state.faults.pop_front()
        {
            return Err(error);
        }
        let key = (connection.account_id.clone(), draft.natural_key.expose().clone());
        Ok(state.records.get(&key).map(|remote| RemoteRecord {
            external_id: ExternalId::new(remote.id.to_string()),
            attributes: remote.attributes.clone(),
            created_at: Some(remote.created_at),
        }))
    }
}
