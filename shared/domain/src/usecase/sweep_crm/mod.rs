//! Ask every CRM what has changed since it was last asked: the safety net below its webhooks.
//!
//! A schedule plans the connections of one slot at a time; each sweep then goes on step by step on a
//! queue. First it has the webhook looked at, where webhooks are registered by a call. Then the feed
//! of the system tells the changes of each kind of record, and each becomes a hint on the queue of
//! changes, as if a webhook had brought it. Which of them were news shows only there, when the objects
//! are read: what is stored already is told of as unchanged.
//!
//! The watermark is moved when the queue has taken every hint of the span, and never before. So a step
//! that dies, comes twice or out of order loses nothing: at worst a part is asked for again.

mod hints;
mod hook;
mod place;
mod plan;
mod step;

pub use self::hook::HookLook;
pub use self::plan::plan_crm_sweep;
pub use self::step::{CrmSweepDeps, CrmSweepReport, sweep_crm_step};
