//! What one instance knows of one tenant's way to one system, and what it decides without asking.

use std::time::Duration;

use jiff::Timestamp;

use super::breaker::{Admission, Report};
use super::entry::{ClosedReason, Outcome, Reported};
use super::gatekeeper::GateSettings;
use super::hold::{self, Hold};
use super::ledger::{Ask, AskKind, Class, Grant, RateLimit, RateReading};
use super::pause::{Pause, PauseReason};
use super::seat::{Moment, Need, Seat};
use super::state::GateState;

/// While things are not well, what is known is looked up again after this.
const LOOK_AGAIN: Duration = Duration::from_secs(2);
/// What was read this recently is as good as read now.
const FRESH: Duration = Duration::from_millis(500);
/// Between winning the election and the probe's start: the time that the table may take.
const PROBE_START_MAX: Duration = Duration::from_secs(2);
/// By how much the clocks of two instances may differ. Lambda's are kept within milliseconds.
const CLOCK_SKEW_MAX: Duration = Duration::from_secs(5);
/// Callers that wait for the end of an opening or a pause are spread over so much more.
const SPREAD_MAX: Duration = Duration::from_secs(2);
/// A window that is longer than this is no rate limit but a quota.
const WINDOW_MAX: Duration = Duration::from_secs(60);
/// The provider says that no call is left in the window.
const NOTHING_LEFT_WAIT: Duration = Duration::from_secs(1);

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

/// A state that is to be written, and what follows for this instance if it is.
#[derive(Debug)]
pub struct Draft {
    /// What to write.
    pub next: GateState,
    at: Moment,
    class: Class,
    grant: Option<Grant>,
    probe: Option<String>,
}

#[derive(Debug)]
struct View {
    state: GateState,
    read_at: Duration,
    /// Nobody knows whether the last write came through.
    is_doubtful: bool,
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

    /// What comes next for a caller of this class. `random` is a draw from 0 to 1.
    pub fn decide(&mut self, class: Class, at: Moment, random: f64) -> Decision {
        let is_blocked = at.mono < self.store_blocked_until;
        let Some(view) = &self.view else { return self.consult(at) };
        let spread = SPREAD_MAX.mul_f64(random.clamp(0.0, 1.0));
        if let Some(pause) = view.state.pause_at(at.now) {
            let reason = ClosedReason::Paused(pause.reason);
            return Decision::Wait(until(at.now, pause.until) + spread, reason);
        }
        if let Some((wait, reason)) = self.hold.left(at.mono) {
            return Decision::Wait(wait, reason);
        }
        let epoch = view.state.breaker.epoch;
        let (admission, read_at) = (view.state.breaker.admission(at.now), view.read_at);
        match admission {
            Admission::Open { until: end } => {
                return Decision::Wait(until(at.now, end) + spread, ClosedReason::BreakerOpen);
            }
            Admission::Probing { until: end } => {
                if let Some(id) = self.take_election(class, at) {
                    return Decision::Enter(Report { epoch, probe: Some(id) });
                }
                let look_at = read_at + LOOK_AGAIN;
                if at.mono >= look_at {
                    return self.consult(at);
                }
                let wait = (look_at - at.mono).min(until(at.now, end)) + spread / 4;
                return Decision::Wait(wait, ClosedReason::BreakerOpen);
            }
            Admission::ProbeWanted | Admission::Pass => {}
        }
        let is_probe_wanted = admission == Admission::ProbeWanted;
        match self.seat(class).need(at) {
            Need::Ready if is_probe_wanted => self.consult(at),
            Need::Ready => Decision::Enter(Report { epoch, probe: None }),
            Need::Later(free_at) => {
                Decision::Wait(free_at.saturating_sub(at.mono), ClosedReason::RateBudget)
            }
            // The table is out of reach: what is held by lease still holds, what is not doesn't.
            Need::Ask(_) if is_blocked && !is_probe_wanted && self.seat(class).has_free(at) => {
                Decision::Enter(Report { epoch, probe: None })
            }
            Need::Ask(_) => self.consult(at),
        }
    }

    fn consult(&self, at: Moment) -> Decision {
        match self.store_blocked_until.saturating_sub(at.mono) {
            Duration::ZERO => Decision::Consult,
            left => Decision::Wait(left, ClosedReason::StoreUnavailable),
        }
    }

    /// Our own probe, if it is still to be sent and may still begin.
    fn take_election(&mut self, class: Class, at: Moment) -> Option<String> {
        let probe = self.view.as_ref()?.state.breaker.probe.clone()?;
        let has_free = self.seat(class).has_free(at);
        let may_begin = |elected: &mut Elected| {
            elected.id == probe.id && at.mono < elected.start_until && has_free
        };
        self.elected.take_if(may_begin).map(|elected| elected.id)
    }

    /// Whether the state must be read before anything is written: always when it is not known, and
    /// when somebody else is likely to have written since, because a refused write costs more than
    /// a read.
    pub fn must_load(&self, at: Moment, holder: &str) -> bool {
        let Some(view) = &self.view else { return true };
        let is_shared =
            view.state.breaker.open_until.is_some() || view.state.ledger.has_others(holder, at.now);
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

    /// What should be written so that a caller of this class may enter, if anything.
    pub fn draft(
        &mut self,
        class: Class,
        default_limit: RateLimit,
        at: Moment,
        by: &Holder<'_>,
    ) -> Option<Draft> {
        let state = &self.view.as_ref()?.state;
        let is_probe_wanted = match state.breaker.admission(at.now) {
            Admission::Pass => false,
            Admission::ProbeWanted => true,
            Admission::Open { .. } | Admission::Probing { .. } => return None,
        };
        if state.pause_at(at.now).is_some() {
            return None;
        }
        let mut next = self.with_news(state);
        let kind = match self.seat(class).need(at) {
            Need::Later(_) => return None,
            Need::Ready => None,
            Need::Ask(kind) => Some(kind),
        };
        let limit = next.ledger.learned.unwrap_or(default_limit);
        let grant = match kind {
            Some(kind) => Some(self.ask(&mut next, class, kind, limit, at, by)?),
            None => None,
        };
        let busy = self.seat(class).busy(at);
        let has_free = grant.is_none_or(|grant| busy < grant.permits);
        let probe = (is_probe_wanted && has_free).then(|| by.probe_id.to_owned());
        if let Some(id) = &probe {
            let until = at.now + PROBE_START_MAX + by.settings.call_max + CLOCK_SKEW_MAX;
            next.breaker = next.breaker.elected(id.clone(), until);
        }
        let has_news = grant.is_some() || probe.is_some();
        has_news.then_some(Draft { next, at, class, grant, probe })
    }

    /// Asks the ledger of `next`; `None` when the answer is known to be the same as last time.
    fn ask(
        &mut self,
        next: &mut GateState,
        class: Class,
        kind: AskKind,
        limit: RateLimit,
        at: Moment,
        by: &Holder<'_>,
    ) -> Option<Grant> {
        let seat = self.seat(class);
        let ask = Ask {
            holder: by.name,
            class,
            kind,
            busy: seat.busy(at),
            now: at.now,
            lease: by.settings.lease,
            grace: limit.window + by.settings.call_max + CLOCK_SKEW_MAX,
        };
        let (ledger, grant) = next.ledger.answer(limit, &ask);
        let waits_already = next.ledger.share_of(by.name, class).is_some_and(|share| {
            share.is_short && share.until > at.now && share.permits == grant.permits
        });
        let is_lease_due = grant.permits > 0 && seat.is_due(at);
        if grant.is_short && waits_already && !is_lease_due {
            seat.ask_again_at(at.mono + LOOK_AGAIN);
            return None;
        }
        seat.granting(grant);
        next.ledger = ledger;
        Some(grant)
    }

    /// The draft was written.
    pub fn saved(&mut self, draft: Draft) {
        let Draft { mut next, at, class, grant, probe } = draft;
        next.revision += 1;
        if let Some(grant) = grant {
            let seat = self.seat(class);
            seat.granted(grant, at);
            if grant.is_short {
                seat.ask_again_at(at.mono + LOOK_AGAIN);
            }
        }
        if let Some(id) = probe {
            self.elected = Some(Elected { id, start_until: at.mono + PROBE_START_MAX });
        }
        self.wrote(next, at);
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

    fn with_news(&self, state: &GateState) -> GateState {
        let mut next = state.clone();
        next.ledger.learned = self.learned.or(next.ledger.learned);
        next.last_success_at = self.last_success_at.max(next.last_success_at);
        next
    }
}

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

/// Who asks.
#[derive(Debug, Clone, Copy)]
pub struct Holder<'a> {
    /// The instance.
    pub name: &'a str,
    /// Names the probe, should it become one.
    pub probe_id: &'a str,
    /// How this gate is set.
    pub settings: GateSettings,
}

fn until(now: Timestamp, end: Timestamp) -> Duration {
    Duration::try_from(end.duration_since(now)).unwrap_or_default()
}
