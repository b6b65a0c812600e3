//! A pause: the provider said for how long it wants no calls.

use std::time::Duration;

use jiff::Timestamp;

/// Nothing is written for less: ten instances that are told the same at once mean one pause.
const EXTENSION_MIN: Duration = Duration::from_secs(1);
/// No pause is longer. HubSpot moves accounts between data centres for up to about 24 hours
/// (developers.hubspot.com, "handling errors", status 477), and a day has up to 26 (Antarctica).
const PAUSE_MAX: Duration = Duration::from_secs(27 * 3600);

/// Why a tenant's system is paused.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PauseReason {
    /// The day's quota is used up.
    DailyLimit,
    /// The provider asked for a wait that is too long to sit out.
    RetryAfter,
}

impl PauseReason {
    /// Every reason.
    pub const ALL: [Self; 2] = [Self::DailyLimit, Self::RetryAfter];

    /// The name in items, logs and health answers.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::DailyLimit => "daily_limit",
            Self::RetryAfter => "retry_after",
        }
    }

    /// The reason of that name.
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|reason| reason.as_str() == text)
    }
}

/// No calls until then.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Pause {
    /// The first moment at which calls may go again.
    pub until: Timestamp,
    /// Why.
    pub reason: PauseReason,
}

impl Pause {
    /// A pause of `wait`, at most as long as any provider has reason to ask for.
    pub fn wanted(now: Timestamp, wait: Duration, reason: PauseReason) -> Self {
        Self { until: now + wait.min(PAUSE_MAX), reason }
    }

    /// This pause where `current` is the one that is stored; `None` when the stored one is enough.
    /// Pauses only extend: an early end would send every instance into the same refusal.
    pub fn extending(self, current: Option<&Self>, now: Timestamp) -> Option<Self> {
        let covered = current.map_or(now, |current| current.until.max(now));
        (self.until > covered + EXTENSION_MIN || (covered == now && self.until > now))
            .then_some(self)
    }

    /// Whether it still holds.
    pub fn holds(&self, now: Timestamp) -> bool {
        now < self.until
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use jiff::Timestamp;

    use super::{PAUSE_MAX, Pause, PauseReason};

    #[test]
    fn pauses_only_extend_and_never_beyond_the_longest() {
        let now = Timestamp::from_second(1_790_000_000).unwrap();
        let pause =
            |seconds| Pause::wanted(now, Duration::from_secs(seconds), PauseReason::RetryAfter);
        let long = pause(100);
        assert_eq!(pause(50).extending(Some(&long), now), None);
        assert_eq!(pause(101).extending(Some(&long), now), None, "the same, told a moment later");
        assert_eq!(pause(102).extending(Some(&long), now), Some(pause(102)));
        assert_eq!(pause(1).extending(None, now), Some(pause(1)));
        let later = long.until;
        assert_eq!(pause(101).extending(Some(&long), later), Some(pause(101)), "it was over");
        assert!(long.holds(now) && !long.holds(later));
        assert_eq!(pause(1_000_000_000).until, now + PAUSE_MAX);
    }
}
