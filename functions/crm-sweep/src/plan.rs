//! A moment of the schedule: the connections of its slot get a message each.

use sync_domain::usecase::sweep_crm::plan_crm_sweep;
use sync_domain::usecase::sweeping::{PlanDeps, slot_at};
use sync_lambda::{InitError, ScheduledTick};
use sync_wiring::tell_planned;

use crate::handler::{Deps, ROUTE};

/// Plans the slot of the tick. One that is delivered again plans the same slot again; the second sweep
/// of a connection leaves the field to the first.
///
/// # Errors
/// When connections can't be listed, so that the tick is tried again.
pub async fn plan(deps: &Deps, tick: ScheduledTick) -> Result<(), InitError> {
    let plan_deps = PlanDeps {
        directory: deps.parts.table.as_ref(),
        queue: deps.queue.as_ref(),
        clock: deps.parts.clock.as_ref(),
    };
    let slot = slot_at(tick.at);
    let has_feed = |system| deps.parts.catalog.crm_changes(system).is_some();
    let planned = plan_crm_sweep(&plan_deps, slot, has_feed).await?;
    tell_planned(ROUTE, slot, planned);
    Ok(())
}
