//! What one instance knows of one tenant's way to one system, and what it decides without asking.

mod asking;
mod ending;

use std::time::Duration;

use jiff::Timestamp;

pub use asking::{Draft, Holder};
pub use ending::Call;

use super::breaker::{Admission, Report};
use super::entry::ClosedReason;
use super::hold::Hold;
use super::ledger::{Class, RateLimit};
use super::seat::{Moment, Need, Seat};
use super::state::GateState;

/// While things are not well, what is known is looked up again after this.
const LOOK_AGAIN: Duration = Duration::from_secs(2);
/// What was read this recently is as good as read now.
const FRESH: Duration = Duration::from_millis(500);
/// During a pause, which may be hours long: an operator takes it back by deleting the item.
const PAUSE_LOOK_AGAIN: Duration = Duration::from_secs(60);
/// Callers that wait for the end of an opening or a pause are spread over so much more.
const SPREAD_MAX: Duration = Duration::from_secs(2);

/// What comes next for a caller.
#[derive(Debug, PartialEq, Eq)]
pub enum Decision {
    /// It may call, and reports under this.
    Enter(Report),
    /// The table must be asked.
    Consult,
    /// Nothing will change before.
    Wait(Duration, ClosedReason),
}

/// What a caller wants.
#[derive(Debug, Clone, Copy)]
pub struct Want {
    /// Who is waiting.
    pub class: Class,
    /// Permits for one call.
    pub requests: u32,
    /// The limit that holds until the provider tells another.
    pub default_limit: RateLimit,
}

#[derive(Debug)]
struct View {
    state: GateState,
    read_at: Duration,
    /// Nobody knows whether the last write came through.
    is_doubtful: bool,
}

impl View {
    /// Whether another instance may have closed the way since: one that calls too, and would have
    /// been refused first. Who holds the only share learns of a fault from its own calls.
    fn is_old_news(&self, at: Moment, holder: &str) -> bool {
        at.mono.saturating_sub(self.read_at) > LOOK_AGAIN
            && self.state.ledger.has_others(holder, at.now)
    }
}

#[derive(Debug)]
struct Elected {
    id: String,
    start_until: Duration,
}

/// See the module.
#[derive(Debug, Default)]
pub struct Known {
    view: Option<View>,
    live: Seat,
    background: Seat,
    hold: Hold,
    /// A limit that the provider told and that is not written yet.
    learned: Option<RateLimit>,
    last_success_at: Option<Timestamp>,
    elected: Option<Elected>,
    store_blocked_until: Duration,
}

impl Known {
    /// The share for a class.
    pub const fn seat(&mut self, class: Class) -> &mut Seat {
        match class {
            Class::Live => &mut self.live,
            Class::Background => &mut self.background,
        }
    }

    /// The limit that holds as far as is known here.
    pub fn limit(&self, default: RateLimit) -> RateLimit {
        let stored = self.view.as_ref().and_then(|view| view.state.ledger.learned);
        self.learned.or(stored).unwrap_or(default)
    }

    /// Whether nothing here is worth keeping.
    pub fn is_idle(&mut self, at: Moment) -> bool {
        self.hold.left(at.mono).is_none() && self.live.is_idle(at) && self.background.is_idle(at)
    }

    /// More requests than a window may ever see would wait for ever.
    pub fn within_limit(&self, want: Want) -> Want {
        let most = self.limit(want.default_limit).usable_by(want.class);
        Want { requests: want.requests.clamp(1, most), ..want }
    }

    /// What comes next for a caller of this instance, which holds its shares as `holder`. `random` is
    /// a draw from 0 to 1; `is_asking` says that another caller is talking to the table.
    pub fn decide(
        &mut self,
        want: Want,
        at: Moment,
        random: f64,
        (holder, is_asking): (&str, bool),
    ) -> Decision {
        let Want { class, requests, .. } = want;
        let Some(view) = &self.view else { return self.consult(at) };
        let spread = SPREAD_MAX.mul_f64(random.clamp(0.0, 1.0));
        if let Some(pause) = view.state.pause_at(at.now) {
            let is_old = at.mono.saturating_sub(view.read_at) > PAUSE_LOOK_AGAIN;
            if is_old && !is_asking && at.mono >= self.store_blocked_until {
                return Decision::Consult;
            }
            let reason = ClosedReason::Paused(pause.reason);
            return Decision::Wait(until(at.now, pause.until) + spread, reason);
        }
        if let Some((wait, reason)) = self.hold.left(at.mono) {
            return Decision::Wait(wait, reason);
        }
        let epoch = view.state.breaker.epoch;
        let is_probe_wanted = match view.state.breaker.admission(at.now) {
            Admission::Pass => false,
            Admission::ProbeWanted => true,
            Admission::Open { until: end } => {
                return Decision::Wait(until(at.now, end) + spread, ClosedReason::BreakerOpen);
            }
            Admission::Probing { until: end } => {
                return self.beside_probe(want, at, until(at.now, end), spread);
            }
        };
        let is_blocked = at.mono < self.store_blocked_until;
        if !is_blocked && view.is_old_news(at, holder) {
            return Decision::Consult;
        }
        let goes_on = self.seat(class).has_free(at, requests) && !is_probe_wanted;
        match self.seat(class).need(at, requests) {
            Need::Ready if is_probe_wanted => self.consult(at),
            Need::Ready => Decision::Enter(Report { epoch, probe: None }),
            // Someone is renewing the lease, or the table is out of reach: what is held still holds.
            Need::Ask(_) if goes_on && (is_asking || is_blocked) => {
                Decision::Enter(Report { epoch, probe: None })
            }
            Need::Ask(_) => self.consult(at),
            Need::Later(free_at) => {
                Decision::Wait(free_at.saturating_sub(at.mono), ClosedReason::RateBudget)
            }
        }
    }

    /// A probe is on its way: ours that is still to be sent, or one whose end is looked for.
    fn beside_probe(
        &mut self,
        want: Want,
        at: Moment,
        probe_left: Duration,
        spread: Duration,
    ) -> Decision {
        if let Some(report) = self.take_election(want, at) {
            return Decision::Enter(report);
        }
        let look_at = self.view.as_ref().map_or(at.mono, |view| view.read_at + LOOK_AGAIN);
        match look_at.saturating_sub(at.mono) {
            Duration::ZERO => self.consult(at),
            left => Decision::Wait(left.min(probe_left) + spread / 4, ClosedReason::BreakerOpen),
        }
    }

    fn consult(&self, at: Moment) -> Decision {
        match self.store_blocked_until.saturating_sub(at.mono) {
            Duration::ZERO => Decision::Consult,
            left => Decision::Wait(left, ClosedReason::StoreUnavailable),
        }
    }

    /// Our own probe, if it is still to be sent and may still begin.
    fn take_election(&mut self, want: Want, at: Moment) -> Option<Report> {
        let breaker = &self.view.as_ref()?.state.breaker;
        let (epoch, current) = (breaker.epoch, breaker.probe.as_ref()?.id.clone());
        let has_free = self.seat(want.class).has_free(at, want.requests);
        let may_begin = |elected: &mut Elected| {
            elected.id == current && at.mono < elected.start_until && has_free
        };
        let elected = self.elected.take_if(may_begin)?;
        Some(Report { epoch, probe: Some(elected.id) })
    }

    /// Whether the state must be read before anything is written: always when it is not known, and
    /// when somebody else is likely to have written since, because a refused write costs more than
    /// a read.
    pub fn must_load(&self, at: Moment, holder: &str) -> bool {
        let Some(view) = &self.view else { return true };
        let is_shared = view.state.pause_at(at.now).is_some()
            || view.state.breaker.open_until.is_some()
            || view.state.ledger.has_others(holder, at.now);
        view.is_doubtful || (is_shared && at.mono.saturating_sub(view.read_at) > FRESH)
    }

    /// This is what the table holds; it was asked at `asked_at`.
    pub fn seen(&mut self, state: GateState, holder: &str, asked_at: Moment) {
        for class in Class::ALL {
            let share = state.ledger.share_of(holder, class);
            self.seat(class).seen(share);
        }
        self.view = Some(View { state, read_at: asked_at.mono, is_doubtful: false });
    }

    /// This state was written at `at`, and is what the table holds.
    pub fn wrote(&mut self, state: GateState, at: Moment) {
        if self.learned == state.ledger.learned {
            self.learned = None;
        }
        self.view = Some(View { state, read_at: at.mono, is_doubtful: false });
    }

    /// The table could not be asked, or nobody knows what it did.
    pub fn store_failed(&mut self, blocked_until: Duration) {
        self.store_blocked_until = blocked_until;
        if let Some(view) = &mut self.view {
            view.is_doubtful = true;
        }
    }

    fn with_news(&self, state: &GateState) -> GateState {
        let mut next = state.clone();
        next.ledger.learned = self.learned.or(next.ledger.learned);
        next.last_success_at = self.last_success_at.max(next.last_success_at);
        next
    }
}

fn until(now: Timestamp, end: Timestamp) -> Duration {
    Duration::try_from(end.duration_since(now)).unwrap_or_default()
}
