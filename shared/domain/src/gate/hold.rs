//! Short waits that one instance keeps by itself, after the provider said "too many".

use std::time::Duration;

use super::entry::ClosedReason;
use super::pause::PauseReason;

/// The wait after a first refusal without a wish of the provider's; each further one doubles it.
const FIRST_WAIT: Duration = Duration::from_secs(1);
/// A longer wait than this is told to the other instances.
const OWN_WAIT_MAX: Duration = Duration::from_secs(3);

/// No instance keeps away by itself for longer: what is longer is the pause of all, and if that
/// could not be stored, the next refusal tries it again.
const HOLD_MAX: Duration = Duration::from_secs(60);

/// Whether a wait is long enough that all instances should pause.
pub fn is_for_all(wait: Duration) -> bool {
    wait > OWN_WAIT_MAX
}

/// Times are of the instance's monotonic clock.
#[derive(Debug, Default)]
pub struct Hold {
    until: Duration,
    reason: Option<PauseReason>,
    refusals: u32,
}

impl Hold {
    /// What is left of the wait.
    pub fn left(&self, mono: Duration) -> Option<(Duration, ClosedReason)> {
        let left = self.until.saturating_sub(mono);
        let reason = self.reason.filter(|_| !left.is_zero())?;
        Some((left, ClosedReason::Paused(reason)))
    }

    /// Waits so long from now, or longer if that was asked for before.
    pub fn keep_away(&mut self, mono: Duration, wait: Duration, reason: PauseReason) {
        let until = mono + wait.min(HOLD_MAX);
        if until > self.until {
            (self.until, self.reason) = (until, Some(reason));
        }
    }

    /// The account is over its limit. How long to wait; `None` for one of several calls that were
    /// refused together.
    pub fn rate_limited(
        &mut self,
        mono: Duration,
        retry_after: Option<Duration>,
        window: Duration,
    ) -> Option<Duration> {
        if retry_after.is_none() && self.left(mono).is_some() {
            return None;
        }
        self.refusals = self.refusals.saturating_add(1);
        let doublings = self.refusals.saturating_sub(1).min(16);
        let own = FIRST_WAIT.saturating_mul(1 << doublings).min(window.max(FIRST_WAIT));
        let wait = retry_after.unwrap_or(own);
        self.keep_away(mono, wait, PauseReason::RetryAfter);
        Some(wait)
    }

    /// A call was answered: the next refusal is a first one again.
    pub const fn answered(&mut self) {
        self.refusals = 0;
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::{Hold, is_for_all};

    #[test]
    fn refusals_in_a_row_double_the_wait_until_all_instances_are_told() {
        let (mut hold, window) = (Hold::default(), Duration::from_secs(10));
        let mut mono = Duration::from_secs(100);
        for (seconds, for_all) in [(1, false), (2, false), (4, true), (8, true), (10, true)] {
            let wait = hold.rate_limited(mono, None, window).unwrap();
            assert_eq!((wait.as_secs(), is_for_all(wait)), (seconds, for_all));
            assert_eq!(hold.rate_limited(mono, None, window), None, "refused together");
            assert_eq!(hold.left(mono).map(|(left, _)| left), Some(wait));
            mono += wait;
            assert_eq!(hold.left(mono), None);
        }
        hold.answered();
        assert_eq!(hold.rate_limited(mono, None, window), Some(Duration::from_secs(1)));
        let asked_for = Duration::from_secs(86_400);
        assert_eq!(hold.rate_limited(mono, Some(asked_for), window), Some(asked_for));
    }
}
