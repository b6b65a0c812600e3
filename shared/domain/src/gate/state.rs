//! What all instances know together, and how a report changes it.

use jiff::Timestamp;

use super::breaker::{Breaker, Report};
use super::entry::{Outcome, Reported};
use super::ledger::Ledger;
use super::pause::{Pause, PauseReason};

/// The last failure that was written down.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LastError {
    /// A short stable name (`http_503`, `timed_out`, `daily_limit`), never the provider's prose.
    pub code: String,
    /// When it was reported.
    pub at: Timestamp,
}

/// The state of one tenant's way to one system. The default is healthy and unused.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct GateState {
    /// Consecutive failures and what they led to.
    pub breaker: Breaker,
    /// The provider's own wish for no calls.
    pub pause: Option<Pause>,
    /// Who may make how many calls.
    pub ledger: Ledger,
    /// The last success that was known at the time of a write; a healthy gate writes only its
    /// leases, so it may be about a minute behind.
    pub last_success_at: Option<Timestamp>,
    /// The last failure.
    pub last_error: Option<LastError>,
    /// Grows by one with each write; 0 for what is not stored.
    pub revision: u64,
}

/// What the breaker does, in one word.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BreakerStatus {
    /// Calls go through.
    Closed,
    /// No calls.
    Open,
    /// Cooled down: one probe is on its way, or goes with the next caller.
    HalfOpen,
}

impl BreakerStatus {
    /// The name in health answers.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Closed => "closed",
            Self::Open => "open",
            Self::HalfOpen => "half_open",
        }
    }
}

/// The state as a tenant's health shows it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GateHealth {
    /// The breaker.
    pub breaker: BreakerStatus,
    /// Until when it is open at least.
    pub open_until: Option<Timestamp>,
    /// Until when calls are paused, if they are.
    pub paused_until: Option<Timestamp>,
    /// Why they are.
    pub pause_reason: Option<PauseReason>,
    /// See [`GateState::last_success_at`].
    pub last_success_at: Option<Timestamp>,
    /// The last failure.
    pub last_error: Option<LastError>,
}

impl GateState {
    /// The state as a tenant's health shows it at `now`.
    pub fn health(&self, now: Timestamp) -> GateHealth {
        let breaker = match self.breaker.open_until {
            None => BreakerStatus::Closed,
            Some(until) if now < until => BreakerStatus::Open,
            Some(_) => BreakerStatus::HalfOpen,
        };
        let pause = self.pause_at(now);
        GateHealth {
            breaker,
            open_until: self.breaker.open_until,
            paused_until: pause.map(|pause| pause.until),
            pause_reason: pause.map(|pause| pause.reason),
            last_success_at: self.last_success_at,
            last_error: self.last_error.clone(),
        }
    }

    /// The pause that holds at `now`.
    pub fn pause_at(&self, now: Timestamp) -> Option<Pause> {
        self.pause.filter(|pause| pause.holds(now))
    }

    /// The state after a call's end and what that means; `None` when there is nothing to write.
    /// `pause` is what the outcome asks for, if it asks for a pause of all instances.
    pub fn after(
        &self,
        report: &Report,
        outcome: &Outcome,
        pause: Option<Pause>,
        now: Timestamp,
    ) -> Option<(Self, Reported)> {
        let breaker = match outcome {
            Outcome::Failed { .. } => self.breaker.after_failure(now, report),
            Outcome::Succeeded { .. }
            | Outcome::Refused
            | Outcome::RateLimited { .. }
            | Outcome::DailyLimit { .. } => self.breaker.after_answer(now, report),
        };
        let pause = pause.and_then(|pause| pause.extending(self.pause.as_ref(), now));
        if breaker.is_none() && pause.is_none() {
            return None;
        }
        let reported = reported(&self.breaker, breaker.as_ref(), pause);
        let last_error =
            outcome.error_code().map(|code| LastError { code: code.to_owned(), at: now });
        let next = Self {
            breaker: breaker.unwrap_or_else(|| self.breaker.clone()),
            pause: pause.or(self.pause),
            last_error: last_error.or_else(|| self.last_error.clone()),
            ..self.clone()
        };
        Some((next, reported))
    }
}

fn reported(before: &Breaker, after: Option<&Breaker>, pause: Option<Pause>) -> Reported {
    if let Some(pause) = pause {
        return Reported::Paused(pause);
    }
    match after.map(|after| after.open_until) {
        Some(Some(until)) => Reported::BreakerOpened { until },
        Some(None) if before.open_until.is_some() => Reported::BreakerClosed,
        Some(None) | None => Reported::Noted,
    }
}
