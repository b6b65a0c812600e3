//! The words between a caller and the gate.

use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;

use super::breaker::Report;
use super::known::Call;
use super::ledger::{Class, RateLimit, RateReading};
use super::lobby::Lobby;
use super::pause::{Pause, PauseReason};
use super::quota_day::daily_limit_until;
use crate::model::{System, TenantId};
use crate::ports::{ProviderError, RateScope};

/// Who wants to call, and what for.
#[derive(Debug, Clone, Copy)]
pub struct Visit<'a> {
    /// Whose provider.
    pub tenant: &'a TenantId,
    /// Which provider.
    pub system: System,
    /// Who is waiting for the call.
    pub class: Class,
    /// The limit that holds until the provider tells another: that of the connection's kind of
    /// credentials.
    pub default_limit: RateLimit,
    /// How many requests the call is made of. They are let through together: a caller that holds
    /// a part of what it needs would keep others, and the breaker's probe, waiting.
    pub requests: u32,
    /// How long the caller can wait here for its turn.
    pub wait_max: Duration,
}

/// Whether the call may be made.
#[derive(Debug)]
pub enum Entry {
    /// Make it now, and report.
    Permit(Permit),
    /// Not now.
    Closed(Closed),
}

/// No call may be made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Closed {
    /// When it is worth coming back; never in the past. Callers of one moment are told slightly
    /// different ones, so that they don't come back all at once.
    pub until: Timestamp,
    /// Why.
    pub reason: ClosedReason,
}

/// Why no call may be made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ClosedReason {
    /// The provider fails; the breaker is open or its probe on its way.
    BreakerOpen,
    /// The provider asked for a pause.
    Paused(PauseReason),
    /// Others use up the rate budget.
    RateBudget,
    /// The gate's own state can't be read or written.
    StoreUnavailable,
    /// The call might not be over before the invocation is.
    NoTimeLeft,
}

impl ClosedReason {
    /// The name in logs, metrics and answers.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::BreakerOpen => "breaker_open",
            Self::Paused(reason) => reason.as_str(),
            Self::RateBudget => "rate_budget",
            Self::StoreUnavailable => "gate_unavailable",
            Self::NoTimeLeft => "no_time_left",
        }
    }
}

/// How a call went.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// The provider did it.
    Succeeded {
        /// What its headers say of the rate limit.
        reading: Option<RateReading>,
    },
    /// The provider refuses this call (4xx): it is well.
    Refused,
    /// A 5xx, a timeout, a connection that broke.
    Failed {
        /// A short stable name, such as `http_503`.
        code: String,
        /// What the provider asks for.
        retry_after: Option<Duration>,
    },
    /// The account is over its limit for the moment.
    RateLimited {
        /// What the provider asks for.
        retry_after: Option<Duration>,
    },
    /// The account is over its limit for the day.
    DailyLimit {
        /// When to come back ([`super::daily_limit_until`]).
        until: Timestamp,
    },
}

impl Outcome {
    /// The name of the failure, `None` when it is none of the provider's.
    pub fn error_code(&self) -> Option<&str> {
        match self {
            Self::Succeeded { .. } | Self::Refused => None,
            Self::Failed { code, .. } => Some(code),
            Self::RateLimited { .. } => Some("rate_limited"),
            Self::DailyLimit { .. } => Some(PauseReason::DailyLimit.as_str()),
        }
    }
}

impl Outcome {
    /// How a call went that ended in an error; `None` when there was no call. `time_zone` is the
    /// account's, where its day begins.
    pub fn of(error: &ProviderError, now: Timestamp, time_zone: Option<&str>) -> Option<Self> {
        Some(match error {
            ProviderError::Rejected { .. }
            | ProviderError::Duplicate { .. }
            | ProviderError::Unauthorized
            | ProviderError::MissingScope
            | ProviderError::Contended { .. } => Self::Refused,
            ProviderError::RateLimited { scope: RateScope::Daily, .. } => {
                Self::DailyLimit { until: daily_limit_until(now, time_zone) }
            }
            ProviderError::RateLimited { scope: RateScope::Window, retry_after } => {
                Self::RateLimited { retry_after: *retry_after }
            }
            ProviderError::Unavailable { status, retry_after, .. } => {
                let code = status.map_or("no_answer".to_owned(), |status| format!("http_{status}"));
                Self::Failed { code, retry_after: *retry_after }
            }
            ProviderError::TimedOut => {
                Self::Failed { code: error.kind().to_owned(), retry_after: None }
            }
            ProviderError::Closed { .. } => return None,
        })
    }
}

/// What a report led to, for the caller's log and metrics.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reported {
    /// Nothing that anyone has to be told.
    Noted,
    /// This failure opened the breaker, or opened it again.
    BreakerOpened {
        /// Until when at least.
        until: Timestamp,
    },
    /// This answer closed the breaker.
    BreakerClosed,
    /// All instances pause.
    Paused(Pause),
    /// The other instances could not be told: the gate's state can't be written.
    NotStored,
}

/// The right to make one call, at once. Without a report (a panic, a caller that is cut off) the
/// call counts as long as the longest call may take.
#[derive(Debug)]
pub struct Permit {
    pub(super) lobby: Arc<Lobby>,
    pub(super) call: Call,
    pub(super) report: Report,
}

impl Permit {
    /// Whether this call is the breaker's probe: worth one try and no repeats.
    pub const fn is_probe(&self) -> bool {
        self.report.probe.is_some()
    }
}

impl Drop for Permit {
    fn drop(&mut self) {
        // After a report the slot is over already, and this does nothing.
        self.lobby.abandoned(&self.call);
    }
}
