//! The gate in front of each tenant's provider: breaker, pause and rate budget in one.
//!
//! Every call to a provider enters through [`Gate::enter`] and tells with [`Gate::report`] how it
//! went. What instances must know of each other is one small item in the table ([`GateState`]);
//! what is decided from it are pure functions of that state ([`Breaker`], [`Pause`], [`Ledger`]). An
//! instance keeps a share of the rate budget for about a minute, or until it has no more use for it
//! ([`Gate::hand_back`]), and counts its own calls against it,
//! so a warm and healthy one asks the table nothing and writes nothing.
//!
//! When the table can't be reached, calls go on for as long as the instance's own share lasts; a new
//! share is not assumed, so the budget holds, and callers are told to come back in a moment.

mod breaker;
mod entry;
mod gated;
mod gatekeeper;
mod hold;
mod known;
mod ledger;
mod lobby;
mod pause;
mod quota_day;
mod rolling_log;
mod seat;
mod state;

pub use breaker::{Admission, Breaker, Probe, Report};
pub use entry::{Closed, ClosedReason, Entry, Outcome, Permit, Reported, Visit};
pub use gated::{Caller, GateNotice};
pub use gatekeeper::{Gate, GateSettings};
pub use ledger::{Ask, AskKind, Class, Grant, Ledger, RateLimit, RateReading, Share};
pub use pause::{Pause, PauseReason};
pub use quota_day::{daily_limit_until, next_midnight};
pub use state::{BreakerStatus, GateHealth, GateState, LastError};
