//! One tenant and system at one instance: what it knows under a lock, and whose turn at the table
//! it is.

use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use jiff::Timestamp;

use super::breaker::Report;
use super::entry::{ClosedReason, Outcome, Permit, Reported, Visit};
use super::gatekeeper::GateSettings;
use super::known::{Call, Decision, Draft, Holder, Known, Want};
use super::ledger::Class;
use super::pause::Pause;
use super::seat::Moment;
use super::state::GateState;
use crate::model::{System, TenantId};
use crate::ports::Clock;

/// After the table failed, it is left alone for once to twice this long.
const STORE_BLOCK: Duration = Duration::from_secs(1);

/// What comes next for a caller.
#[derive(Debug)]
pub enum Step {
    /// It may call.
    Enter(Permit),
    /// The table must be asked.
    Consult,
    /// Nothing will change before.
    Wait(Duration, ClosedReason),
}

impl From<&Visit<'_>> for Want {
    fn from(visit: &Visit<'_>) -> Self {
        let Visit { class, requests, default_limit, .. } = *visit;
        Self { class, requests, default_limit }
    }
}

/// See the module. The lock is never held over an await.
pub struct Lobby {
    /// Whose.
    pub tenant: TenantId,
    /// The way where.
    pub system: System,
    /// Held by whoever talks to the table, so that an instance asks once and not once per caller.
    pub turn: futures::lock::Mutex<()>,
    holder: Arc<str>,
    clock: Arc<dyn Clock>,
    settings: GateSettings,
    known: Mutex<Known>,
}

impl fmt::Debug for Lobby {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Lobby").field("tenant", &self.tenant).finish_non_exhaustive()
    }
}

impl Lobby {
    /// Knows nothing yet.
    pub fn new(
        visit: &Visit<'_>,
        holder: Arc<str>,
        clock: Arc<dyn Clock>,
        settings: GateSettings,
    ) -> Self {
        Self {
            tenant: visit.tenant.clone(),
            system: visit.system,
            turn: futures::lock::Mutex::default(),
            holder,
            clock,
            settings,
            known: Mutex::default(),
        }
    }

    /// Both clocks; the time of day in the milliseconds that are stored.
    pub fn moment(&self) -> Moment {
        let now = self.clock.now();
        let now = Timestamp::from_millisecond(now.as_millisecond()).unwrap_or(now);
        Moment { now, mono: self.clock.monotonic() }
    }

    fn known(&self) -> MutexGuard<'_, Known> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether nothing here is worth keeping.
    pub fn is_idle(&self) -> bool {
        let at = self.moment();
        self.known().is_idle(at)
    }

    /// What comes next for a caller.
    pub fn step(self: &Arc<Self>, visit: &Visit<'_>) -> Step {
        let (at, random) = (self.moment(), self.clock.random());
        let is_asking = self.turn.try_lock().is_none();
        let mut known = self.known();
        let want = known.within_limit(Want::from(visit));
        match known.decide(want, at, random, (&self.holder, is_asking)) {
            Decision::Enter(report) => {
                let slot = known.seat(visit.class).start(at.mono, want.requests);
                let call = Call { class: visit.class, slot, default_limit: visit.default_limit };
                Step::Enter(Permit { lobby: Arc::clone(self), call, report })
            }
            Decision::Consult => Step::Consult,
            Decision::Wait(wait, reason) => Step::Wait(wait, reason),
        }
    }

    /// See [`Known::must_load`].
    pub fn must_load(&self) -> bool {
        let at = self.moment();
        self.known().must_load(at, &self.holder)
    }

    /// See [`Known::seen`].
    pub fn seen(&self, state: GateState, asked_at: Moment) {
        self.known().seen(state, &self.holder, asked_at);
    }

    /// See [`Known::draft`].
    pub fn draft(&self, visit: &Visit<'_>) -> Option<Draft> {
        let (at, probe_id) = (self.moment(), self.clock.unique_id());
        let by = Holder { name: &self.holder, probe_id: &probe_id, settings: self.settings };
        let mut known = self.known();
        let want = known.within_limit(Want::from(visit));
        known.draft(want, at, &by)
    }

    /// The draft was written.
    pub fn saved(&self, draft: Draft) {
        self.known().saved(draft);
    }

    /// This state was written at `at`, and is what the table holds.
    pub fn wrote(&self, state: GateState, at: Moment) {
        self.known().wrote(state, at);
    }

    /// See [`Known::leave`].
    pub fn leave(&self, class: Class) -> bool {
        let at = self.moment();
        self.known().leave(class, at)
    }

    /// See [`Known::without_share`].
    pub fn without_share(&self, class: Class) -> Option<(GateState, Moment)> {
        let at = self.moment();
        let next = self.known().without_share((&self.holder, class), at)?;
        Some((next, at))
    }

    /// The table could not be asked, or nobody knows what it did.
    pub fn store_failed(&self) {
        let block = STORE_BLOCK.mul_f64(1.0 + self.clock.random().clamp(0.0, 1.0));
        let blocked_until = self.clock.monotonic() + block;
        self.known().store_failed(blocked_until);
    }

    /// A call is over. The pause of all instances that its outcome asks for.
    pub fn ended(&self, call: &Call, outcome: &Outcome) -> Option<Pause> {
        let at = self.moment();
        self.known().ended(call, outcome, at)
    }

    /// A call's caller is gone without a word.
    pub fn abandoned(&self, call: &Call) {
        let at = self.moment();
        self.known().abandoned(call, at, self.settings.call_max);
    }

    /// What should be written after a call's end, if anything, and the moment of that state.
    pub fn after(
        &self,
        report: &Report,
        outcome: &Outcome,
        pause: Option<Pause>,
    ) -> Option<(GateState, Reported, Moment)> {
        let at = self.moment();
        let (next, reported) = self.known().after(report, outcome, pause, at)?;
        Some((next, reported, at))
    }
}
