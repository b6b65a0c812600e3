//! Asking the table: what to write so that a caller may enter, and what follows when it is written.

use std::time::Duration;

use super::{Elected, Known, LOOK_AGAIN, Want};
use crate::gate::breaker::Admission;
use crate::gate::gatekeeper::GateSettings;
use crate::gate::ledger::{Ask, AskKind, Class, Grant};
use crate::gate::seat::{Moment, Need};
use crate::gate::state::GateState;

/// Between winning the election and the probe's start: the time that the table may take.
const PROBE_START_MAX: Duration = Duration::from_secs(2);
/// By how much the clocks of two instances may differ. Lambda's are kept within milliseconds.
const CLOCK_SKEW_MAX: Duration = Duration::from_secs(5);

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

impl Known {
    /// What should be written so that a caller may enter, if anything.
    pub fn draft(&mut self, want: Want, at: Moment, by: &Holder<'_>) -> Option<Draft> {
        let Want { class, requests, .. } = want;
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
        let kind = match self.seat(class).need(at, requests) {
            Need::Later(_) => return None,
            Need::Ready => None,
            Need::Ask(kind) => Some(kind),
        };
        let grant = match kind {
            Some(kind) => Some(self.ask(&mut next, want, kind, at, by)?),
            None => None,
        };
        let needed = self.seat(class).busy(at).saturating_add(requests);
        let has_free = grant.is_none_or(|grant| needed <= grant.permits);
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
        want: Want,
        kind: AskKind,
        at: Moment,
        by: &Holder<'_>,
    ) -> Option<Grant> {
        let Want { class, requests, default_limit } = want;
        let limit = next.ledger.learned.unwrap_or(default_limit);
        let seat = self.seat(class);
        let ask = Ask {
            holder: by.name,
            class,
            kind,
            busy: seat.busy(at),
            requests,
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

    /// Gives a large share up that no call is under way for, nor a probe that is still to be sent.
    /// Whether it did.
    pub fn leave(&mut self, class: Class, at: Moment) -> bool {
        let is_probing = self.elected.as_ref().is_some_and(|it| at.mono < it.start_until);
        !is_probing && self.seat(class).leave()
    }

    /// What should be written so that others get the share that this instance has left, if it is still
    /// written down.
    pub fn without_share(&mut self, holder: (&str, Class), at: Moment) -> Option<GateState> {
        let mut next = self.with_news(&self.view.as_ref()?.state);
        next.ledger.share_of(holder.0, holder.1)?;
        let seat = self.seat(holder.1);
        let until = at.now + seat.counts_for(at) + CLOCK_SKEW_MAX;
        next.ledger = next.ledger.handed_back(holder, seat.busy(at), until);
        Some(next)
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
}
