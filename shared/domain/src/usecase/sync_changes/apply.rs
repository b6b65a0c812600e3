//! Loads what decisions need, commits them, and decides again where somebody was faster.

use std::time::Duration;

use futures::StreamExt;
use futures::stream;
use jiff::Timestamp;

use super::asking::associations_of;
use super::fetch::Provider;
use super::plan::{Draft, Plan, plan};
use super::unit::Unit;
use super::view::Known;
use super::{SyncDeps, SyncOutcome};
use crate::ports::{CommitOutcome, Lookup, RecordScope, StoreError};
use crate::usecase::settle_work::Verdict;

/// Writes in flight at once.
const WRITES_MAX: usize = 16;
/// How often a unit is decided on anew because somebody was faster.
const ROUNDS_MAX: u32 = 5;
/// How many loads a decision may need: pointer, record, and twice as much for a merge.
const LOADS_MAX: usize = 6;
/// How often the table is asked for what it did not get to.
const UNREAD_TRIES_MAX: u32 = 5;
/// The wait before the second try is drawn from zero to this; it doubles.
const UNREAD_BACKOFF: Duration = Duration::from_millis(25);
/// The wait of a unit that others were faster with every time.
const CROWDED: Verdict = Verdict::Wait { after: Duration::from_secs(1) };
/// What is left of a unit is done at once.
const REST: Verdict = Verdict::Wait { after: Duration::ZERO };

/// The table for one group.
pub(super) struct Application<'a> {
    deps: &'a SyncDeps<'a>,
    scope: &'a RecordScope,
    read_at_ms: i64,
    known: Known,
}

impl<'a> Application<'a> {
    pub fn new(deps: &'a SyncDeps<'a>, scope: &'a RecordScope, read_at_ms: i64) -> Self {
        Self { deps, scope, read_at_ms, known: Known::default() }
    }

    /// Loads items; what the table does not get to is asked for again after a moment.
    pub async fn load(&mut self, lookup: Lookup) -> Result<(), Verdict> {
        let mut open = lookup;
        for attempt in 0..UNREAD_TRIES_MAX {
            if open.is_empty() {
                return Ok(());
            }
            if attempt > 0 {
                self.back_off(attempt).await;
            }
            let loaded = self.deps.store.load(self.scope, &open).await;
            let mut loaded = loaded.map_err(|error| Verdict::from(&error))?;
            let unread = std::mem::take(&mut loaded.unread);
            open.ids.retain(|id| !unread.ids.contains(id));
            open.keys.retain(|key| !unread.keys.contains(key));
            self.known.absorb(open, loaded);
            open = unread;
        }
        if open.is_empty() { Ok(()) } else { Err(Verdict::Retry { after: None }) }
    }

    async fn back_off(&self, attempt: u32) {
        let ceiling = UNREAD_BACKOFF.saturating_mul(1 << attempt.saturating_sub(1).min(6));
        let random = self.deps.clock.random().clamp(0.0, 1.0);
        self.deps.clock.sleep(ceiling.mul_f64(random)).await;
    }

    fn plan(&self, unit: &Unit, now: Timestamp) -> Plan {
        plan(self.scope, unit, &self.known, now, self.read_at_ms)
    }

    async fn write(&self, draft: &Draft) -> Result<CommitOutcome, StoreError> {
        for key in &draft.discards {
            self.deps.store.discard_queued_pushes(self.scope, key).await?;
        }
        self.deps.store.commit(self.scope, &draft.commit).await
    }
}

/// A decision that is ready, with the unit's index.
struct Ready {
    index: usize,
    draft: Draft,
}

/// Decides on all units and carries the decisions out.
pub(super) async fn settle_units(
    application: &mut Application<'_>,
    provider: &Provider<'_>,
    units: &mut [Unit],
) -> Vec<SyncOutcome> {
    let mut outcomes = vec![SyncOutcome::Unapplied(CROWDED); units.len()];
    let mut open: Vec<usize> = (0..units.len()).collect();
    for round in 0..ROUNDS_MAX {
        if open.is_empty() {
            break;
        }
        if round > 0 {
            application.back_off(round).await;
            // What others wrote, and what this batch wrote, is no longer as it was loaded.
            application.known = Known::default();
        }
        let ready = decide(application, provider, units, &open, &mut outcomes).await;
        let written = write_all(application, &ready).await;
        open.clear();
        for (work, written) in ready.into_iter().zip(written) {
            let outcome = match written {
                Ok(CommitOutcome::Committed) if work.draft.is_partial => {
                    SyncOutcome::Unapplied(REST)
                }
                Ok(CommitOutcome::Committed) if work.draft.stores_a_version() => {
                    SyncOutcome::Synced
                }
                Ok(CommitOutcome::Committed) => SyncOutcome::Unchanged,
                Ok(CommitOutcome::Overtaken) | Err(StoreError::Conflict) => {
                    open.push(work.index);
                    continue;
                }
                Err(error) => SyncOutcome::Unapplied(Verdict::from(&error)),
            };
            set(&mut outcomes, work.index, outcome);
        }
    }
    outcomes
}

/// Decides on the open units, loading together what they need. Those that come to nothing get their
/// outcome.
async fn decide(
    application: &mut Application<'_>,
    provider: &Provider<'_>,
    units: &mut [Unit],
    open: &[usize],
    outcomes: &mut [SyncOutcome],
) -> Vec<Ready> {
    let mut open = open.to_vec();
    let mut ready = Vec::new();
    for _load in 0..LOADS_MAX {
        let now = application.deps.clock.now();
        let mut missing = Lookup::default();
        let (mut waiting, mut asking) = (Vec::new(), Vec::new());
        for index in open {
            let Some(unit) = units.get(index) else { continue };
            match application.plan(unit, now) {
                Plan::Look(lookup) => {
                    missing.ids.extend(lookup.ids);
                    missing.keys.extend(lookup.keys);
                    waiting.push(index);
                }
                Plan::Ask => asking.push(index),
                Plan::Settled(outcome) => set(outcomes, index, outcome),
                Plan::Write(draft) => ready.push(Ready { index, draft }),
            }
        }
        if let Err(verdict) = application.load(missing).await {
            waiting
                .drain(..)
                .for_each(|index| set(outcomes, index, SyncOutcome::Unapplied(verdict)));
        }
        waiting.extend(ask(application, provider, units, asking, outcomes).await);
        open = waiting;
        if open.is_empty() {
            break;
        }
    }
    ready
}

/// Asks for associations that turned out to be needed; returns the units that have them now.
async fn ask(
    application: &Application<'_>,
    provider: &Provider<'_>,
    units: &mut [Unit],
    asking: Vec<usize>,
    outcomes: &mut [SyncOutcome],
) -> Vec<usize> {
    let ids: Vec<_> =
        asking.iter().filter_map(|index| Some(units.get(*index)?.id.clone())).collect();
    if ids.is_empty() {
        return asking;
    }
    let mut answers = associations_of(provider, application.scope, &ids).await;
    let mut answered = Vec::new();
    for index in asking {
        let Some(unit) = units.get_mut(index) else { continue };
        match answers.failed.get(&unit.id) {
            Some(verdict) => set(outcomes, index, SyncOutcome::Unapplied(*verdict)),
            None => {
                unit.set_associations(answers.associations.remove(&unit.id).unwrap_or_default());
                answered.push(index);
            }
        }
    }
    answered
}

fn set(outcomes: &mut [SyncOutcome], index: usize, outcome: SyncOutcome) {
    if let Some(slot) = outcomes.get_mut(index) {
        *slot = outcome;
    }
}

async fn write_all(
    application: &Application<'_>,
    ready: &[Ready],
) -> Vec<Result<CommitOutcome, StoreError>> {
    let writes: Vec<_> = ready.iter().map(|work| application.write(&work.draft)).collect();
    stream::iter(writes).buffered(WRITES_MAX).collect().await
}
