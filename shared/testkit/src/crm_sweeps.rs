//! Watermarks and turns of CRM sweeps in memory, under the conditions of the table.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use async_trait::async_trait;
use jiff::Timestamp;
use sync_domain::model::{CorrelationId, System, TenantId};
use sync_domain::ports::{
    CrmSweepStore, SWEEP_TURN, StoreError, SweepOf, SweepTurn, SweepWatermark,
};

#[derive(Debug, Default)]
struct Item {
    watermark: Option<SweepWatermark>,
    turn: Option<(CorrelationId, Timestamp)>,
}

#[derive(Debug, Default)]
struct State {
    items: HashMap<(TenantId, System), Item>,
    failures: Vec<bool>,
}

/// The fake table.
#[derive(Debug, Default)]
pub struct MemoryCrmSweeps(Mutex<State>);

impl MemoryCrmSweeps {
    /// The watermark, if there is one.
    pub fn watermark(&self, tenant: &TenantId, system: System) -> Option<SweepWatermark> {
        self.state().items.get(&(tenant.clone(), system))?.watermark.clone()
    }

    /// The sweep whose turn it is.
    pub fn turn(&self, tenant: &TenantId, system: System) -> Option<CorrelationId> {
        let state = self.state();
        let (sweep, _) = state.items.get(&(tenant.clone(), system))?.turn.as_ref()?;
        Some(sweep.clone())
    }

    /// Lets the calls after so many others fail, once.
    pub fn fail_after(&self, calls: usize) {
        let mut failures = vec![true];
        failures.extend(std::iter::repeat_n(false, calls));
        self.state().failures = failures;
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A call that gives way before and after its effect.
    async fn reach<T>(
        &self,
        sweep: SweepOf<'_>,
        effect: impl FnOnce(&mut Item) -> T,
    ) -> Result<T, StoreError> {
        tokio::task::yield_now().await;
        let value = {
            let mut state = self.state();
            if state.failures.pop() == Some(true) {
                return Err(StoreError::Unavailable("the test wants it so".into()));
            }
            let key = (sweep.tenant.clone(), sweep.system);
            effect(state.items.entry(key).or_default())
        };
        tokio::task::yield_now().await;
        Ok(value)
    }
}

fn leave(item: &mut Item, sweep: &CorrelationId) {
    item.turn.take_if(|(holder, _)| holder == sweep);
}

#[async_trait]
impl CrmSweepStore for MemoryCrmSweeps {
    async fn take_turn(&self, sweep: SweepOf<'_>, now: Timestamp) -> Result<SweepTurn, StoreError> {
        let take = |item: &mut Item| {
            let is_taken = item.turn.as_ref().is_some_and(|(holder, seen_at)| {
                holder != sweep.sweep && *seen_at >= now - SWEEP_TURN
            });
            if is_taken {
                return SweepTurn::Taken;
            }
            item.turn = Some((sweep.sweep.clone(), now));
            SweepTurn::Ours(item.watermark.clone())
        };
        self.reach(sweep, take).await
    }

    async fn complete(
        &self,
        sweep: SweepOf<'_>,
        watermark: &SweepWatermark,
    ) -> Result<(), StoreError> {
        let complete = |item: &mut Item| {
            let is_later = item.watermark.as_ref().is_some_and(|stored| {
                stored.account_id == watermark.account_id
                    && stored.swept_until > watermark.swept_until
            });
            if !is_later {
                item.watermark = Some(watermark.clone());
            }
        };
        self.reach(sweep, complete).await?;
        self.leave(sweep).await
    }

    async fn leave(&self, sweep: SweepOf<'_>) -> Result<(), StoreError> {
        self.reach(sweep, |item| leave(item, sweep.sweep)).await
    }
}
