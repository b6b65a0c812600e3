//! The gate that a function instance keeps: callers enter, calls are reported, the table is asked
//! only when what the instance knows is not enough.

use std::collections::HashMap;
use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use super::entry::{Closed, ClosedReason, Entry, Outcome, Permit, Reported, Visit};
use super::ledger::Class;
use super::lobby::{Lobby, Step};
use super::state::GateState;
use crate::model::{System, TenantId};
use crate::ports::{Clock, GateStore, SaveOutcome};

/// How often a write is tried that other instances were faster with.
const SAVES_MAX: u32 = 8;
/// The wait before the second try is drawn from zero to this; it doubles.
const SAVE_BACKOFF: Duration = Duration::from_millis(10);
/// How often in a row a caller asks the table without having waited.
const CONSULTS_MAX: u32 = 4;
/// The wait of a caller that had no luck with the table.
const CONSULT_WAIT: Duration = Duration::from_millis(500);
/// Callers who are sent away at one moment are told to come back within so much of each other.
const CLOSED_SPREAD_MAX: Duration = Duration::from_secs(1);
/// Beyond so many tenants an instance forgets those it has nothing to do with any more.
const LOBBIES_MAX: usize = 256;

/// How a gate is set.
#[derive(Debug, Clone, Copy)]
pub struct GateSettings {
    /// The longest time from a permit to the end of its call: `INTEGRATION_TIMEOUT_MS` for each of
    /// its requests and what the caller needs before it sends. A caller that takes longer breaks the
    /// budget's promise.
    pub call_max: Duration,
    /// How long a share is held where there is plenty; renewed at half time if it is used.
    pub lease: Duration,
}

impl GateSettings {
    /// With a lease of a minute.
    pub const fn with_call_max(call_max: Duration) -> Self {
        Self { call_max, lease: Duration::from_secs(60) }
    }
}

/// See the module. One per function instance, shared by all its callers.
pub struct Gate {
    store: Arc<dyn GateStore>,
    clock: Arc<dyn Clock>,
    holder: Arc<str>,
    settings: GateSettings,
    lobbies: Mutex<HashMap<(TenantId, System), Arc<Lobby>>>,
}

impl fmt::Debug for Gate {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Gate").field("holder", &self.holder).finish_non_exhaustive()
    }
}

impl Gate {
    /// The gate of a new instance.
    pub fn new(store: Arc<dyn GateStore>, clock: Arc<dyn Clock>, settings: GateSettings) -> Self {
        let holder = clock.unique_id().into();
        Self { store, clock, holder, settings, lobbies: Mutex::default() }
    }

    /// A permit for one call, as soon as one can be had within `visit.wait_max`, or when to come
    /// back. A wait that would end too late is not begun.
    pub async fn enter(&self, visit: &Visit<'_>) -> Entry {
        let lobby = self.lobby(visit);
        let deadline = self.clock.monotonic().saturating_add(visit.wait_max);
        let mut consults = 0;
        loop {
            let (wait, reason) = match lobby.step(visit) {
                Step::Enter(permit) => return Entry::Permit(permit),
                Step::Wait(wait, reason) => (wait, reason),
                Step::Consult if consults == CONSULTS_MAX => (
                    CONSULT_WAIT + CONSULT_WAIT.mul_f64(self.dice()),
                    ClosedReason::StoreUnavailable,
                ),
                Step::Consult => {
                    consults += 1;
                    self.consult(&lobby, visit).await;
                    continue;
                }
            };
            let wait = wait.max(Duration::from_millis(1));
            if self.clock.monotonic().saturating_add(wait) > deadline {
                let spread = CLOSED_SPREAD_MAX.min(wait).mul_f64(self.dice());
                return Entry::Closed(Closed { until: lobby.moment().now + wait + spread, reason });
            }
            self.clock.sleep(wait).await;
            consults = 0;
        }
    }

    /// Tells how a call went. Its permit counts on for as long as the provider's window may see it.
    ///
    /// The table is written only when something changed for all instances: a failure, the first
    /// answer after failures, a pause.
    pub async fn report(&self, permit: Permit, outcome: Outcome) -> Reported {
        let lobby = Arc::clone(&permit.lobby);
        let pause = lobby.ended(&permit.call, &outcome);
        if lobby.after(&permit.report, &outcome, pause).is_none() {
            return Reported::Noted;
        }
        let _turn = lobby.turn.lock().await;
        for attempt in 0..SAVES_MAX {
            if lobby.must_load() && !self.load(&lobby).await {
                return Reported::NotStored;
            }
            let Some((next, reported, at)) = lobby.after(&permit.report, &outcome, pause) else {
                return Reported::Noted;
            };
            match self.save(&lobby, &next).await {
                Saved::Yes => {
                    let revision = next.revision + 1;
                    lobby.wrote(GateState { revision, ..next }, at);
                    return reported;
                }
                Saved::Unknown => return Reported::NotStored,
                Saved::No => self.back_off(attempt).await,
            }
        }
        Reported::NotStored
    }

    /// Gives back what this instance holds of a tenant's budget, for whoever's work there is over for
    /// now: a lease would keep it from other instances for another minute. A small share is kept, and
    /// so is one that a call is under way for. What can't be written down comes back with its lease, and
    /// so does what is left by dropping this before its end.
    pub async fn hand_back(&self, tenant: &TenantId, system: System, class: Class) {
        let key = (tenant.clone(), system);
        let lobby = self.lobbies.lock().unwrap_or_else(PoisonError::into_inner).get(&key).cloned();
        let Some(lobby) = lobby else { return };
        let _turn = lobby.turn.lock().await;
        if !lobby.leave(class) {
            return;
        }
        for attempt in 0..SAVES_MAX {
            if lobby.must_load() && !self.load(&lobby).await {
                return;
            }
            let Some((next, at)) = lobby.without_share(class) else { return };
            match self.save(&lobby, &next).await {
                Saved::Yes => {
                    let revision = next.revision + 1;
                    return lobby.wrote(GateState { revision, ..next }, at);
                }
                Saved::Unknown => return,
                Saved::No => self.back_off(attempt).await,
            }
        }
    }

    /// Brings what is known up to date and asks for what the caller needs.
    async fn consult(&self, lobby: &Lobby, visit: &Visit<'_>) {
        let _turn = lobby.turn.lock().await;
        for attempt in 0..SAVES_MAX {
            if lobby.must_load() && !self.load(lobby).await {
                return;
            }
            let Some(draft) = lobby.draft(visit) else { return };
            match self.save(lobby, &draft.next).await {
                Saved::Yes => return lobby.saved(draft),
                Saved::Unknown => return,
                Saved::No => self.back_off(attempt).await,
            }
        }
    }

    async fn load(&self, lobby: &Lobby) -> bool {
        let asked_at = lobby.moment();
        match self.store.load(&lobby.tenant, lobby.system).await {
            Ok(state) => lobby.seen(state, asked_at),
            Err(_unavailable) => {
                lobby.store_failed();
                return false;
            }
        }
        true
    }

    async fn save(&self, lobby: &Lobby, next: &GateState) -> Saved {
        let asked_at = lobby.moment();
        match self.store.save(&lobby.tenant, lobby.system, next).await {
            Ok(SaveOutcome::Saved) => Saved::Yes,
            Ok(SaveOutcome::Conflict(found)) => {
                // The client repeats a write whose answer was lost, and the repeat is refused.
                let ours = GateState { revision: next.revision + 1, ..next.clone() };
                if *found == ours {
                    return Saved::Yes;
                }
                lobby.seen(*found, asked_at);
                Saved::No
            }
            Err(_unavailable) => {
                lobby.store_failed();
                Saved::Unknown
            }
        }
    }

    async fn back_off(&self, attempt: u32) {
        let ceiling = SAVE_BACKOFF.saturating_mul(1 << attempt.min(6));
        self.clock.sleep(ceiling.mul_f64(self.dice())).await;
    }

    fn dice(&self) -> f64 {
        self.clock.random().clamp(0.0, 1.0)
    }

    fn lobby(&self, visit: &Visit<'_>) -> Arc<Lobby> {
        let mut lobbies = self.lobbies.lock().unwrap_or_else(PoisonError::into_inner);
        let key = (visit.tenant.clone(), visit.system);
        if lobbies.len() >= LOBBIES_MAX && !lobbies.contains_key(&key) {
            // A permit or a caller that is still around holds the lobby too.
            lobbies.retain(|_, lobby| Arc::strong_count(lobby) > 1 || !lobby.is_idle());
        }
        let lobby = lobbies.entry(key).or_insert_with(|| {
            let (holder, clock) = (Arc::clone(&self.holder), Arc::clone(&self.clock));
            Arc::new(Lobby::new(visit, holder, clock, self.settings))
        });
        Arc::clone(lobby)
    }
}

/// What became of a write.
enum Saved {
    Yes,
    /// Another instance was faster, and what it wrote is known now.
    No,
    Unknown,
}
