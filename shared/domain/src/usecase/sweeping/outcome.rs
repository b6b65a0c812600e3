//! How a step of a sweep ends.

use std::time::Duration;

use crate::ports::DeadCause;
use crate::usecase::settle_work::Verdict;

/// How a step ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SweepOutcome {
    /// The sweep's end is reached.
    Done,
    /// It goes on from the report's step, at once or when the verdict says.
    Later(Verdict),
    /// It is given up without anybody being called: the tenant is no longer connected, their
    /// credentials are refused, which the connection's health tells, or a later sweep takes over.
    GivenUp(&'static str),
}

impl SweepOutcome {
    /// The provider refuses the tenant's credentials.
    pub const REFUSED: Self = Self::GivenUp("refused");
    /// The tenant has no such connection any more.
    pub const DISCONNECTED: Self = Self::GivenUp("disconnected");
    /// It has waited for too long: a later one begins anew.
    pub const OVERDUE: Self = Self::GivenUp("overdue");
    /// There is more, and no time for it in this invocation.
    pub const AT_ONCE: Self = Self::Later(Verdict::Wait { after: Duration::ZERO });

    /// The outcome of work that did not succeed, in a sweep that has been `waiting` for so long.
    pub fn of(verdict: Verdict, waiting: Duration, waiting_max: Duration) -> Self {
        match verdict {
            Verdict::Dead(DeadCause::ConnectionNotFound) => Self::DISCONNECTED,
            Verdict::Wait { .. } | Verdict::Retry { .. } if waiting > waiting_max => Self::OVERDUE,
            Verdict::Done | Verdict::Dead(_) | Verdict::Wait { .. } | Verdict::Retry { .. } => {
                Self::Later(verdict)
            }
        }
    }

    /// The name in logs and metrics.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Done => "done",
            Self::Later(Verdict::Dead(_)) => "dead",
            Self::Later(Verdict::Done | Verdict::Retry { .. } | Verdict::Wait { .. }) => "later",
            Self::GivenUp(reason) => reason,
        }
    }

    /// Whether it is a fault of ours or of the provider.
    pub const fn is_failure(self) -> bool {
        matches!(self, Self::Later(Verdict::Retry { .. } | Verdict::Dead(_)))
    }
}

impl From<SweepOutcome> for Verdict {
    fn from(outcome: SweepOutcome) -> Self {
        match outcome {
            SweepOutcome::Done | SweepOutcome::GivenUp(_) => Self::Done,
            SweepOutcome::Later(verdict) => verdict,
        }
    }
}
