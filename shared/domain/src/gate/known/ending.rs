//! A call's end: what it says of the limit, the provider's wishes and the breaker.

use std::time::Duration;

use super::{Known, until};
use crate::gate::breaker::Report;
use crate::gate::entry::{Outcome, Reported};
use crate::gate::hold;
use crate::gate::ledger::{Class, RateLimit, RateReading};
use crate::gate::pause::{Pause, PauseReason};
use crate::gate::seat::Moment;
use crate::gate::state::GateState;

/// A window that is longer than this is no rate limit but a quota.
const WINDOW_MAX: Duration = Duration::from_secs(60);
/// The provider says that no call is left in the window.
const NOTHING_LEFT_WAIT: Duration = Duration::from_secs(1);

/// A call that entered.
#[derive(Debug, Clone, Copy)]
pub struct Call {
    /// Which share it was counted against.
    pub class: Class,
    /// Its number there.
    pub slot: u64,
    /// The limit that held for it if the provider told no other.
    pub default_limit: RateLimit,
}

impl Known {
    /// A call is over. What all instances are to be asked for, if it asks for a pause.
    pub fn ended(&mut self, call: &Call, outcome: &Outcome, at: Moment) -> Option<Pause> {
        let limit = self.limit(call.default_limit);
        self.seat(call.class).log().end(call.slot, at.mono, limit.window);
        match outcome {
            Outcome::Succeeded { reading } => {
                self.hold.answered();
                self.last_success_at = Some(at.now);
                if let Some(reading) = reading {
                    self.read(*reading, limit, at);
                }
                None
            }
            Outcome::Refused => {
                self.hold.answered();
                None
            }
            Outcome::Failed { retry_after, .. } => {
                let wait = (*retry_after)?;
                self.hold.keep_away(at.mono, wait, PauseReason::RetryAfter);
                hold::is_for_all(wait).then(|| Pause::wanted(at.now, wait, PauseReason::RetryAfter))
            }
            Outcome::RateLimited { retry_after } => {
                let wait = self.hold.rate_limited(at.mono, *retry_after, limit.window)?;
                self.live.renew_now();
                self.background.renew_now();
                hold::is_for_all(wait).then(|| Pause::wanted(at.now, wait, PauseReason::RetryAfter))
            }
            Outcome::DailyLimit { until: end } => {
                let wait = until(at.now, *end);
                self.hold.keep_away(at.mono, wait, PauseReason::DailyLimit);
                Some(Pause::wanted(at.now, wait, PauseReason::DailyLimit))
            }
        }
    }

    /// What an answer's headers say of the limit. A higher one is written with the next lease, a
    /// lower one brings the next lease forward.
    fn read(&mut self, reading: RateReading, known: RateLimit, at: Moment) {
        let told = reading.limit;
        let is_sound = told.max > 0 && !told.window.is_zero() && told.window <= WINDOW_MAX;
        if is_sound && told != known {
            self.learned = Some(told);
            if told.max < known.max || told.window > known.window {
                self.live.renew_now();
                self.background.renew_now();
            }
        }
        if reading.remaining == Some(0) {
            // Our own shares leave some; others use the account too, and the next call is refused.
            self.hold.keep_away(at.mono, NOTHING_LEFT_WAIT, PauseReason::RetryAfter);
        }
    }

    /// A call's caller is gone without a word.
    pub fn abandoned(&mut self, call: &Call, at: Moment, call_max: Duration) {
        let window = self.limit(call.default_limit).window;
        self.seat(call.class).log().abandon(call.slot, at.mono, call_max, window);
    }

    /// The state after a call's end, `None` when there is nothing to write.
    pub fn after(
        &self,
        report: &Report,
        outcome: &Outcome,
        pause: Option<Pause>,
        at: Moment,
    ) -> Option<(GateState, Reported)> {
        let (next, reported) = self.view.as_ref()?.state.after(report, outcome, pause, at.now)?;
        Some((self.with_news(&next), reported))
    }
}
