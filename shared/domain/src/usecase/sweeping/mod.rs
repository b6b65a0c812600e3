//! What the sweeps of booking systems and of CRMs have in common: whose turn it is, and how a step may
//! end.

mod outcome;
mod plan;

pub use self::outcome::SweepOutcome;
pub use self::plan::{PlanDeps, Planned, plan_slot, slot_at};
