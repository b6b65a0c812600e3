//! The state of gates in memory, under the condition of the table.

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

use async_trait::async_trait;
use sync_domain::gate::GateState;
use sync_domain::model::{System, TenantId};
use sync_domain::ports::{GateStore, SaveOutcome, StoreError};

/// The fake table. It counts what it is asked and can be cut off.
#[derive(Debug, Default)]
pub struct MemoryGateStore {
    states: Mutex<HashMap<(TenantId, System), GateState>>,
    loads: AtomicU64,
    saves: AtomicU64,
    is_down: AtomicBool,
    loses_answers: AtomicBool,
}

impl MemoryGateStore {
    /// Reads so far.
    pub fn loads(&self) -> u64 {
        self.loads.load(Ordering::Relaxed)
    }

    /// Writes so far, refused ones included.
    pub fn saves(&self) -> u64 {
        self.saves.load(Ordering::Relaxed)
    }

    /// From now on nothing is answered, or everything again.
    pub fn set_down(&self, is_down: bool) {
        self.is_down.store(is_down, Ordering::Relaxed);
    }

    /// From now on writes are carried out and their answers lost, or answered again.
    pub fn set_losing_answers(&self, loses_answers: bool) {
        self.loses_answers.store(loses_answers, Ordering::Relaxed);
    }

    /// What is stored, without counting as a read.
    pub fn state(&self, tenant: &TenantId, system: System) -> GateState {
        self.states().get(&(tenant.clone(), system)).cloned().unwrap_or_default()
    }

    fn states(&self) -> MutexGuard<'_, HashMap<(TenantId, System), GateState>> {
        self.states.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn reachable(&self, is_reachable: bool) -> Result<(), StoreError> {
        let down = StoreError::Unavailable("the table is cut off".into());
        is_reachable.then_some(()).ok_or(down)
    }
}

#[async_trait]
impl GateStore for MemoryGateStore {
    async fn load(&self, tenant: &TenantId, system: System) -> Result<GateState, StoreError> {
        self.loads.fetch_add(1, Ordering::Relaxed);
        tokio::task::yield_now().await;
        self.reachable(!self.is_down.load(Ordering::Relaxed))?;
        let state = self.state(tenant, system);
        tokio::task::yield_now().await;
        Ok(state)
    }

    async fn save(
        &self,
        tenant: &TenantId,
        system: System,
        state: &GateState,
    ) -> Result<SaveOutcome, StoreError> {
        self.saves.fetch_add(1, Ordering::Relaxed);
        tokio::task::yield_now().await;
        self.reachable(!self.is_down.load(Ordering::Relaxed))?;
        let outcome = {
            let mut states = self.states();
            let stored = states.entry((tenant.clone(), system)).or_default();
            if stored.revision == state.revision {
                *stored = GateState { revision: state.revision + 1, ..state.clone() };
                SaveOutcome::Saved
            } else {
                SaveOutcome::Conflict(Box::new(stored.clone()))
            }
        };
        tokio::task::yield_now().await;
        self.reachable(!self.loses_answers.load(Ordering::Relaxed))?;
        Ok(outcome)
    }
}
