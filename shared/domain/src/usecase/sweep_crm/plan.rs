//! Beginning the sweeps of one slot.

use crate::model::{CrmSweepStep, System, SystemKind};
use crate::ports::StoreError;
use crate::usecase::sweeping::{PlanDeps, Planned, plan_slot};

/// Begins a sweep of every CRM connection of a slot whose system `has_feed`. Planning the same slot
/// twice makes two sweeps; the second one leaves the field to the first.
///
/// # Errors
/// When the slot can't be listed. What was listed before is planned.
pub async fn plan_crm_sweep(
    deps: &PlanDeps<'_>,
    slot: u32,
    has_feed: impl Fn(System) -> bool,
) -> Result<Planned, StoreError> {
    plan_slot(deps, (SystemKind::Crm, slot), |(tenant, system), correlation_id, now| {
        let (place, forward_at, found, restarts) = (None, now, 0, 0);
        let step =
            CrmSweepStep { tenant, system, place, forward_at, found, restarts, correlation_id };
        has_feed(system).then(|| step.to_body().ok()).flatten()
    })
    .await
}
