//! The state of gates in memory, under the condition of the table.

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use sync_domain::gate::GateState;
use sync_domain::model::{System, TenantId};
use sync_domain::ports::{GateStore, SaveOutcome, StoreError};

use crate::Timeline;

/// The fake table. It counts what it is asked and can be cut off.
#[derive(Debug, Default)]
pub struct MemoryGateStore {
    states: Mutex<HashMap<(TenantId, System), GateState>>,
    loads: AtomicU64,
    saves: AtomicU64,
    is_down: AtomicBool,
    loses_answers: AtomicBool,
    repeats_writes: AtomicBool,
    distance: Option<(Timeline, Duration)>,
    breaker_epochs: Mutex<Vec<u64>>,
}

impl MemoryGateStore {
    /// A table that takes up to `way_max` each way.
    pub fn at_a_distance(timeline: Timeline, way_max: Duration) -> Self {
        Self { distance: Some((timeline, way_max)), ..Self::default() }
    }

    /// The epochs of the breaker in the order in which they were stored.
    pub fn breaker_epochs(&self) -> Vec<u64> {
        self.breaker_epochs.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    async fn way(&self) {
        match &self.distance {
            None => tokio::task::yield_now().await,
            Some((timeline, way_max)) => {
                let way_max_ms = u64::try_from(way_max.as_millis()).unwrap_or(u64::MAX);
                let way_ms = timeline.draw(0..way_max_ms.saturating_add(1));
                timeline.sleep(Duration::from_millis(way_ms)).await;
            }
        }
    }

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

    /// From now on each write is sent again after it was carried out, as a client does that missed
    /// the answer, and the answer is that of the repeat.
    pub fn set_repeating_writes(&self, repeats_writes: bool) {
        self.repeats_writes.store(repeats_writes, Ordering::Relaxed);
    }

    /// Deletes the item, as an operator does.
    pub fn delete(&self, tenant: &TenantId, system: System) {
        self.states().remove(&(tenant.clone(), system));
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
        self.way().await;
        self.reachable(!self.is_down.load(Ordering::Relaxed))?;
        let state = self.state(tenant, system);
        self.way().await;
        Ok(state)
    }

    async fn save(
        &self,
        tenant: &TenantId,
        system: System,
        state: &GateState,
    ) -> Result<SaveOutcome, StoreError> {
        self.saves.fetch_add(1, Ordering::Relaxed);
        self.way().await;
        self.reachable(!self.is_down.load(Ordering::Relaxed))?;
        let outcome = {
            let mut states = self.states();
            let stored = states.entry((tenant.clone(), system)).or_default();
            if stored.revision == state.revision {
                *stored = GateState { revision: state.revision + 1, ..state.clone() };
                let epochs =
                    &mut self.breaker_epochs.lock().unwrap_or_else(PoisonError::into_inner);
                if epochs.last() != Some(&state.breaker.epoch) {
                    epochs.push(state.breaker.epoch);
                }
                if self.repeats_writes.load(Ordering::Relaxed) {
                    SaveOutcome::Conflict(Box::new(stored.clone()))
                } else {
                    SaveOutcome::Saved
                }
            } else {
                SaveOutcome::Conflict(Box::new(stored.clone()))
            }
        };
        self.way().await;
        self.reachable(!self.loses_answers.load(Ordering::Relaxed))?;
        Ok(outcome)
    }
}
