//! When to try again, and how long to wait before.

use std::time::Duration;

/// The wait before the second attempt is drawn from zero to this.
const INITIAL_BACKOFF: Duration = Duration::from_millis(250);

/// Exponential backoff with full jitter and a capped number of attempts.
#[derive(Debug, Clone, Copy)]
pub struct RetryPolicy {
    /// How often something is tried in all, the first time included.
    pub attempts_max: u32,
    /// No wait of our own choice is longer than this (`BACKOFF_MAX_MS`).
    pub backoff_max: Duration,
    /// The longest wait inside an invocation, whoever asks for it: a caller is waiting, and time
    /// in a function is paid for. What asks for more is given up here and tried later.
    pub wait_max: Duration,
}

impl RetryPolicy {
    /// The wait after attempt number `attempt` (from 1), or `None` when nothing more should be
    /// tried within `time_left`.
    ///
    /// What the provider asks for (`Retry-After`) wins over our own backoff. `random` is a draw from
    /// 0 to 1; the domain rolls no dice itself.
    pub fn wait_after(
        &self,
        attempt: u32,
        asked_for: Option<Duration>,
        random: f64,
        time_left: Duration,
    ) -> Option<Duration> {
        if attempt >= self.attempts_max {
            return None;
        }
        let doublings = attempt.saturating_sub(1).min(16);
        let ceiling = INITIAL_BACKOFF.saturating_mul(1 << doublings).min(self.backoff_max);
        let wait = asked_for.unwrap_or_else(|| ceiling.mul_f64(random.clamp(0.0, 1.0)));
        (wait < time_left && wait <= self.wait_max).then_some(wait)
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::RetryPolicy;

    const POLICY: RetryPolicy = RetryPolicy {
        attempts_max: 4,
        backoff_max: Duration::from_millis(600),
        wait_max: Duration::from_secs(8),
    };
    const AMPLE: Duration = Duration::from_secs(100);

    #[test]
    fn wait_doubles_up_to_the_cap() {
        let waits: Vec<_> =
            (1..4).map(|attempt| POLICY.wait_after(attempt, None, 1.0, AMPLE)).collect();
        assert_eq!(waits, [250, 500, 600].map(|ms| Some(Duration::from_millis(ms))));
    }

    #[test]
    fn wait_is_what_the_provider_asks_for_even_above_the_cap() {
        let asked_for = Some(Duration::from_secs(7));
        assert_eq!(POLICY.wait_after(1, asked_for, 0.0, AMPLE), asked_for);
    }

    #[test]
    fn wait_ends_with_the_attempts_and_with_the_time() {
        assert_eq!(POLICY.wait_after(4, None, 0.0, AMPLE), None);
        let asked_for = Some(Duration::from_secs(7));
        assert_eq!(POLICY.wait_after(1, asked_for, 0.0, Duration::from_secs(7)), None);
    }
}
