//! Sweeps whose steps die at any await, come twice, at once and out of order, while the provider and
//! the queue fail and people work: whatever lies before the watermark is on the queue of changes.

use std::collections::BTreeMap;

use fastrand::Rng;
use futures::future::LocalBoxFuture;
use jiff::Timestamp;
use sync_domain::model::{AttributeName, CrmSweepStep, ExternalId, ObjectType};
use sync_domain::ports::{Clock, ProviderError, RemoteEffect};
use sync_domain::usecase::settle_work::Verdict;
use sync_domain::usecase::sweep_crm::CrmSweepReport;
use sync_domain::usecase::sweeping::SweepOutcome;
use sync_testkit::{Schedule, Scheduled};
use tokio::runtime::Runtime;

use crate::support::crm_sweep_world::{CONTACT, CrmSweepWorld, HOUR, MINUTE};
use crate::support::sync_world::values;

const SEEDS: u64 = 400;
const ROUNDS: usize = 40;
/// Workers are killed at each step with so many percent, or fewer.
const KILL_PERCENT_MAX: u8 = 12;

struct Play {
    world: CrmSweepWorld,
    random: Rng,
    /// Messages on the queue of sweeps.
    steps: Vec<CrmSweepStep>,
    /// Everything that ever was on it.
    ever: Vec<CrmSweepStep>,
    /// When an object was last hinted at.
    hinted: BTreeMap<ExternalId, Timestamp>,
    people: usize,
    ends: BTreeMap<&'static str, u32>,
}

impl Play {
    fn new(seed: u64, runtime: &Runtime) -> Self {
        Self {
            world: runtime.block_on(CrmSweepWorld::new()),
            random: Rng::with_seed(seed),
            steps: Vec::new(),
            ever: Vec::new(),
            hinted: BTreeMap::new(),
            people: 0,
            ends: BTreeMap::new(),
        }
    }

    /// Somebody does something at the provider, and no webhook tells.
    fn act(&mut self) {
        let live: Vec<_> = self.world.portal.live(CONTACT).into_keys().collect();
        let chosen = (!live.is_empty()).then(|| live[self.random.usize(..live.len())].clone());
        match (self.random.u8(..4), chosen) {
            (0, Some(id)) => drop(self.world.portal.archive(CONTACT, &id)),
            (1, Some(id)) => {
                let name = format!("Ada {}", self.random.u32(..));
                let name = values(&[(AttributeName::Firstname, &name)]);
                drop(self.world.portal.update(CONTACT, &id, &name));
            }
            _ => {
                self.people += 1;
                self.world.create(self.people);
            }
        }
    }

    fn plan(&mut self) {
        let step = self.world.step();
        self.ever.push(step.clone());
        self.steps.push(step);
    }

    fn disturb(&mut self) {
        if self.random.u8(..100) < 20 {
            let effect = RemoteEffect::None;
            let error = ProviderError::Unavailable { status: Some(502), retry_after: None, effect };
            for _try in 0..3 {
                self.world.feed.fail_after(0, error.clone());
            }
        }
        if self.random.u8(..100) < 20 {
            self.world.changes.fail_next(self.random.usize(1..4));
        }
        if self.random.u8(..100) < 10 {
            self.world.sweeps.fail_after(self.random.usize(..3));
        }
    }

    /// Some messages are received: each perhaps twice, and old ones again.
    fn receive(&mut self) -> Vec<CrmSweepStep> {
        let mut received = Vec::new();
        for _worker in 0..self.random.usize(1..4) {
            if self.random.u8(..100) < 10 && !self.ever.is_empty() {
                received.push(self.ever[self.random.usize(..self.ever.len())].clone());
            } else if !self.steps.is_empty() {
                received.push(self.steps[self.random.usize(..self.steps.len())].clone());
            }
        }
        received
    }

    fn work(&mut self, kill_percent: u8) {
        let received = self.receive();
        let seed = self.random.u64(..);
        let world = &self.world;
        let workers = received.iter().map(|step| {
            let step = step.clone();
            let worker = async move { (step.clone(), world.sweep(step).await) };
            Box::pin(worker) as LocalBoxFuture<'_, (CrmSweepStep, CrmSweepReport)>
        });
        let done = Schedule::new(seed, kill_percent).run(workers.collect());
        // What a worker that died has sent is sent.
        self.note_hints();
        for it in done {
            let Scheduled::Finished((step, report)) = it else { continue };
            self.settle(&step, report);
        }
    }

    /// Sending comes before taking the old message off; a crash in between leaves both.
    fn settle(&mut self, step: &CrmSweepStep, report: CrmSweepReport) {
        *self.ends.entry(report.outcome.as_str()).or_default() += 1;
        let outcome = report.outcome;
        assert!(!matches!(outcome, SweepOutcome::Later(Verdict::Dead(_))), "{outcome:?}");
        if matches!(outcome, SweepOutcome::Later(_)) {
            let next = CrmSweepStep::parse(&report.step.to_body().unwrap()).unwrap();
            self.ever.push(next.clone());
            self.steps.push(next);
        }
        if self.random.u8(..100) < 90 {
            let place = self.steps.iter().position(|it| it == step);
            place.map(|place| self.steps.swap_remove(place));
        }
    }

    fn note_hints(&mut self) {
        for hint in self.world.take_hints() {
            let last = self.hinted.entry(hint.external_id).or_insert(hint.received_at);
            *last = (*last).max(hint.received_at);
        }
    }

    /// Every object that last changed before the watermark was hinted at after that.
    fn assert_nothing_lost(&self, seed: u64) {
        let Some(until) = self.world.swept_until() else { return };
        for (id, changed_at) in self.world.portal.changes_of(ObjectType::Contact) {
            let hinted = self.hinted.get(&id);
            let is_safe = changed_at >= until || hinted.is_some_and(|at| *at >= changed_at);
            assert!(is_safe, "seed {seed}: {id} of {changed_at} before {until}: {hinted:?}");
        }
    }
}

#[test]
fn nothing_before_the_watermark_is_lost_whatever_happens_to_steps() {
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    let mut ends = BTreeMap::<&str, u32>::new();
    for seed in 0..SEEDS {
        let mut play = Play::new(seed, &runtime);
        let kill_percent = play.random.u8(..=KILL_PERCENT_MAX);
        for round in 0..ROUNDS {
            (0..play.random.usize(..4)).for_each(|_| play.act());
            if round % 6 == 0 {
                play.plan();
            }
            play.disturb();
            play.work(kill_percent);
            play.assert_nothing_lost(seed);
            play.world.advance(i32::from(play.random.u8(..15)) * MINUTE);
        }
        // Quiet at last: what is left over is worked off, and one more sweep sees everything.
        play.world.changes.fail_next(0);
        play.ever.clear();
        while !play.steps.is_empty() {
            play.work(0);
            play.assert_nothing_lost(seed);
            play.world.advance(MINUTE);
        }
        play.world.advance(HOUR);
        let planned_at = play.world.clock.now();
        let (mut report, _) = runtime.block_on(play.world.swept());
        while matches!(report.outcome, SweepOutcome::Later(_)) {
            play.world.advance(MINUTE);
            report = runtime.block_on(play.world.sweep(report.step));
        }
        assert_eq!(report.outcome, SweepOutcome::Done, "seed {seed}");
        play.note_hints();
        play.assert_nothing_lost(seed);
        assert!(play.world.swept_until().unwrap() >= planned_at, "seed {seed}");
        for (end, count) in play.ends {
            *ends.entry(end).or_default() += count;
        }
    }
    for end in ["done", "later", "under_way"] {
        assert!(ends.get(end).is_some_and(|count| *count > 100), "{ends:?}");
    }
}
