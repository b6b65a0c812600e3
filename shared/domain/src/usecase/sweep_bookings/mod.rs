//! Read every connection's appointments again from time to time: the safety net below webhooks.
//!
//! A schedule plans the connections of one slot at a time, so that the load is spread over the hour;
//! each sweep then goes on step by step on a queue. What a sweep finds and no webhook had told is the
//! drift. An appointment that should have been in a part that was read completely, and was not, is
//! asked for by its id: it was moved, or it is gone.

mod asking;
mod plan;
mod step;
mod vanished;

pub use self::plan::{SweepSpan, plan_sweep};
pub use self::step::{SweepDeps, SweepReport, sweep_step};
