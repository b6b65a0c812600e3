//! The breaker: opens on consecutive failures, lets one probe through, closes on an answer.
//!
//! Whether a report still counts is told by the *epoch*, not by a clock: it grows with every opening
//! and closing, a call carries the one it entered under, and a report of another epoch is about a
//! provider that we know more of by now.

use std::time::Duration;

use jiff::Timestamp;

/// So many failures in a row, counted over all instances, open it.
pub const FAILURES_TO_OPEN: u32 = 5;
/// A failure this long after the one before begins a new row.
const ROW_PAUSE_MAX: Duration = Duration::from_secs(60);
/// How long it stays open at first.
pub const COOLDOWN_INITIAL: Duration = Duration::from_secs(5);
/// How long at most: each failed probe doubles the time.
pub const COOLDOWN_MAX: Duration = Duration::from_secs(60);
/// Opening again this soon after closing goes on doubling: a provider that answers one probe and
/// breaks down under the crowd behind it is not asked by the crowd every five seconds.
const RELAPSE_MAX: Duration = Duration::from_secs(120);

/// The one call that may go through while the breaker is open.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Probe {
    /// Names this one call.
    pub id: String,
    /// When it is surely over; then another may be sent.
    pub until: Timestamp,
}

/// The breaker of one tenant and system. The default is closed and has seen no failure.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Breaker {
    /// Failures in a row.
    pub failures: u32,
    /// When the last of them was reported.
    pub failed_at: Option<Timestamp>,
    /// Not before this may a probe go; `None` while closed.
    pub open_until: Option<Timestamp>,
    /// How long the present opening, or else the last one, keeps calls away; zero if there was none.
    pub cooldown: Duration,
    /// When it last opened or closed.
    pub changed_at: Option<Timestamp>,
    /// Grows by one with each opening and each closing.
    pub epoch: u64,
    /// The probe on its way.
    pub probe: Option<Probe>,
}

/// Whether a call may go through.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Admission {
    /// Closed: go.
    Pass,
    /// Open and cooling down.
    Open {
        /// Until then.
        until: Timestamp,
    },
    /// Open, and someone's probe is on its way.
    Probing {
        /// When it is over at the latest.
        until: Timestamp,
    },
    /// Open and cooled down: whoever gets [`Breaker::elected`] stored goes.
    ProbeWanted,
}

/// Which call a report is about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Report {
    /// The epoch that the call entered under.
    pub epoch: u64,
    /// The probe that it was.
    pub probe: Option<String>,
}

impl Breaker {
    /// Whether a call may go through now.
    pub fn admission(&self, now: Timestamp) -> Admission {
        match (self.open_until, &self.probe) {
            (None, _) => Admission::Pass,
            (Some(until), _) if now < until => Admission::Open { until },
            (Some(_), Some(probe)) if now < probe.until => {
                Admission::Probing { until: probe.until }
            }
            (Some(_), Some(_) | None) => Admission::ProbeWanted,
        }
    }

    /// With this probe on its way.
    pub fn elected(&self, id: String, until: Timestamp) -> Self {
        Self { probe: Some(Probe { id, until }), ..self.clone() }
    }

    /// After a call that failed; `None` when it changes nothing.
    pub fn after_failure(&self, now: Timestamp, report: &Report) -> Option<Self> {
        if self.open_until.is_some() {
            // Calls that began before the opening are what it was opened for.
            return self.is_probe(report).then(|| self.opened(now, self.doubled_cooldown()));
        }
        if report.epoch != self.epoch {
            return None;
        }
        let is_in_row =
            self.failed_at.is_some_and(|failed_at| passed(failed_at, now) < ROW_PAUSE_MAX);
        let failures = if is_in_row { self.failures.saturating_add(1) } else { 1 };
        let failed = Self { failures, failed_at: Some(now), ..self.clone() };
        if failures < FAILURES_TO_OPEN {
            return Some(failed);
        }
        let is_relapse =
            self.changed_at.is_some_and(|closed_at| passed(closed_at, now) < RELAPSE_MAX);
        let cooldown = if is_relapse { self.doubled_cooldown() } else { COOLDOWN_INITIAL };
        Some(Self { epoch: self.epoch + 1, changed_at: Some(now), ..failed.opened(now, cooldown) })
    }

    /// After a call that the provider answered; `None` when it changes nothing.
    pub fn after_answer(&self, now: Timestamp, report: &Report) -> Option<Self> {
        let closed = Self { failures: 0, failed_at: None, ..self.clone() };
        if self.open_until.is_some() {
            return self.is_probe(report).then(|| Self {
                open_until: None,
                probe: None,
                changed_at: Some(now),
                epoch: self.epoch + 1,
                ..closed
            });
        }
        (self.failures > 0 && report.epoch == self.epoch).then_some(closed)
    }

    fn is_probe(&self, report: &Report) -> bool {
        let current = self.probe.as_ref().map(|probe| &probe.id);
        current.is_some() && current == report.probe.as_ref()
    }

    fn opened(&self, now: Timestamp, cooldown: Duration) -> Self {
        Self { open_until: Some(now + cooldown), cooldown, probe: None, ..self.clone() }
    }

    fn doubled_cooldown(&self) -> Duration {
        (self.cooldown * 2).clamp(COOLDOWN_INITIAL, COOLDOWN_MAX)
    }
}

/// Time since `then`; zero when that is still to come by this instance's clock.
fn passed(then: Timestamp, now: Timestamp) -> Duration {
    Duration::try_from(now.duration_since(then)).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use jiff::Timestamp;

    use super::{Admission, Breaker, COOLDOWN_INITIAL, COOLDOWN_MAX, FAILURES_TO_OPEN, Report};

    const fn call(epoch: u64) -> Report {
        Report { epoch, probe: None }
    }

    fn probe(epoch: u64) -> Report {
        Report { epoch, probe: Some("p".to_owned()) }
    }

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(1_790_000_000 + second).unwrap()
    }

    fn opened() -> Breaker {
        (0..FAILURES_TO_OPEN)
            .fold(Breaker::default(), |breaker, _| breaker.after_failure(at(0), &call(0)).unwrap())
    }

    #[test]
    fn breaker_opens_on_failures_in_a_row_only() {
        let mut breaker = Breaker::default();
        for _ in 1..FAILURES_TO_OPEN {
            breaker = breaker.after_failure(at(0), &call(0)).unwrap();
        }
        assert_eq!(breaker.admission(at(0)), Admission::Pass);
        let answered = breaker.after_answer(at(0), &call(0)).unwrap();
        assert_eq!(answered.after_answer(at(0), &call(0)), None, "healthy: nothing to write");
        assert_eq!(answered.after_failure(at(0), &call(0)).unwrap().open_until, None);
        assert_eq!(breaker.after_failure(at(61), &call(0)).unwrap().failures, 1, "a new row");
        let until = at(0) + COOLDOWN_INITIAL;
        let open = breaker.after_failure(at(0), &call(0)).unwrap();
        assert_eq!(open.admission(at(4)), Admission::Open { until });
        assert_eq!(open.admission(until), Admission::ProbeWanted);
    }

    #[test]
    fn reports_of_calls_from_before_the_opening_change_nothing() {
        let open = opened();
        assert_eq!(open.after_failure(at(9), &call(0)), None);
        assert_eq!(open.after_answer(at(9), &call(0)), None);
        let probing = open.elected("p".to_owned(), at(20));
        assert_eq!(probing.after_answer(at(9), &call(0)), None);
        let other = Report { epoch: 1, probe: Some("other".to_owned()) };
        assert_eq!(probing.after_answer(at(9), &other), None, "a probe that was given up");
        let closed = probing.after_answer(at(9), &probe(1)).unwrap();
        assert_eq!((closed.admission(at(9)), closed.epoch), (Admission::Pass, 2));
        assert_eq!(closed.after_failure(at(10), &call(0)), None);
        assert_eq!(closed.after_failure(at(10), &call(2)).unwrap().failures, 1);
    }

    #[test]
    fn failed_probes_double_the_cooldown_up_to_the_cap_and_lost_ones_are_replaced() {
        let mut breaker = opened();
        let mut now = at(0);
        for seconds in [10, 20, 40, 60, 60] {
            now = breaker.open_until.unwrap();
            breaker = breaker.elected("p".to_owned(), now + Duration::from_secs(20));
            let until = now + Duration::from_secs(20);
            assert_eq!(breaker.admission(now), Admission::Probing { until });
            assert_eq!(breaker.admission(until), Admission::ProbeWanted);
            breaker = breaker.after_failure(now, &probe(1)).unwrap();
            assert_eq!(breaker.cooldown, Duration::from_secs(seconds));
            assert_eq!(breaker.open_until, Some(now + breaker.cooldown));
        }
        assert!(breaker.cooldown <= COOLDOWN_MAX && now > at(0));
    }

    #[test]
    fn relapse_keeps_away_longer_and_a_late_failure_starts_anew() {
        let probing = opened().elected("p".to_owned(), at(20));
        let closed = probing.after_answer(at(6), &probe(1)).unwrap();
        for (second, cooldown) in [(7, 10), (6 + 121, 5)] {
            let again = (0..FAILURES_TO_OPEN).fold(closed.clone(), |breaker, _| {
                breaker.after_failure(at(second), &call(2)).unwrap()
            });
            assert_eq!((again.epoch, again.cooldown), (3, Duration::from_secs(cooldown)));
        }
    }
}
