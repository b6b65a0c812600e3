//! Callers and workers in random interleavings on simulated time, with outages of the provider,
//! crashes anywhere, and a queue that repeats and reorders: what was accepted is applied once, in
//! the order in which it was accepted.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Mutex;
use std::time::Duration;

use futures::FutureExt;
use futures::future::LocalBoxFuture;
use serde_json::json;
use sync_domain::gate::Class;
use sync_domain::model::{AttributeName, ObjectType, UpsertStatus};
use sync_domain::ports::{
    Clock, DeadCause, KeyStatus, ProviderError, RateScope, RemoteEffect, WorkMessage,
};
use sync_domain::usecase::settle_work::WorkItem;
use sync_domain::usecase::upsert_record::{UpsertError, UpsertStats, upsert_record};
use sync_testkit::GatewayFault::{Fail, FailAfterEffect, Pass};
use sync_testkit::{PlayedMessage, PlayedQueue, Scheduled, SimulatedClock, Timeline};

use crate::support::upsert_world::{World, gate_of};

const SEEDS: u64 = 1_000;
/// Callers start within so many milliseconds.
const START_WITHIN_MS: u64 = 30_000;
const FAULTS_MAX: u64 = 24;
/// One step in so many is a crash, while there are crashes.
const KILL_ONE_IN: u64 = 60;
/// Records with several callers of their own keys, and how many callers each.
const SHARED: [(&str, usize); 2] = [("s1@b.co", 4), ("s2@b.co", 3)];
/// A record that all its callers want the same of, under one key. Who crashed calls again.
const SOLO: (&str, usize) = ("solo@b.co", 3);

struct Play {
    timeline: Timeline,
    world: World<SimulatedClock>,
    queue: PlayedQueue,
    /// When an answer came, and when its call had begun: by what the callers can know of each other.
    accepted: Mutex<BTreeMap<String, (u64, u64)>>,
    moment: Mutex<u64>,
    /// The keys that somebody was told of that they are refused.
    refused: Mutex<BTreeSet<String>>,
}

impl Play {
    fn new(seed: u64) -> Self {
        let timeline = Timeline::new(seed);
        let clock = timeline.clock(jiff::SignedDuration::ZERO);
        Self {
            world: World::at(std::sync::Arc::new(clock)),
            queue: PlayedQueue::new(timeline.clone()),
            timeline,
            accepted: Mutex::default(),
            moment: Mutex::default(),
            refused: Mutex::default(),
        }
    }

    fn moment(&self) -> u64 {
        let mut moment = self.moment.lock().unwrap();
        *moment += 1;
        *moment
    }

    fn gate(&self) -> sync_domain::gate::Gate {
        let clock = std::sync::Arc::clone(&self.world.clock) as std::sync::Arc<dyn Clock>;
        gate_of(&self.world.gates, clock)
    }

    fn plan_faults(&self, with_refusals: bool) {
        let unavailable =
            |effect| ProviderError::Unavailable { status: Some(503), retry_after: None, effect };
        let retry_after = Some(Duration::from_secs(7));
        let limited = ProviderError::RateLimited { retry_after, scope: RateScope::Window };
        let locked = ProviderError::Contended { retry_after: Duration::ZERO, status: 423 };
        let rejected = ProviderError::Rejected { vendor_code: None, field: None };
        for _fault in 0..self.timeline.draw(0..FAULTS_MAX) {
            self.world.gateway.fail_next(match self.timeline.draw(0..12) {
                0..=3 => Pass,
                4 | 5 => Fail(unavailable(RemoteEffect::None)),
                6 => FailAfterEffect(unavailable(RemoteEffect::Unknown)),
                7 => Fail(ProviderError::TimedOut),
                8 => FailAfterEffect(ProviderError::TimedOut),
                9 => Fail(limited.clone()),
                10 if with_refusals => Fail(rejected.clone()),
                _ => Fail(locked.clone()),
            });
        }
    }

    /// A caller that starts some time soon, and asks again while it is told to.
    async fn call(&self, key: &str, email: &str) {
        let start = self.timeline.draw(0..START_WITHIN_MS);
        self.timeline.sleep(Duration::from_millis(start)).await;
        let attributes = json!({"email": email, "firstname": key});
        loop {
            let began = self.moment();
            let gate = self.gate();
            let command = self.world.command(ObjectType::Contact, key, &attributes, &json!([]));
            let deps = self.world.deps(&gate, &self.queue, Class::Live);
            let mut stats = UpsertStats::default();
            match upsert_record(&deps, command, &mut stats).await {
                Ok(_accepted) => {
                    let answered = self.moment();
                    let times = (began, answered);
                    self.accepted.lock().unwrap().entry(key.to_owned()).or_insert(times);
                    return;
                }
                Err(UpsertError::InProgress { retry_after }) => {
                    self.timeline.sleep(retry_after).await;
                }
                Err(UpsertError::Provider(ProviderError::Rejected { .. })) => {
                    self.refused.lock().unwrap().insert(key.to_owned());
                    return;
                }
                Err(error) => panic!("{key}: {error:?}"),
            }
        }
    }

    /// A worker that takes one message after the other until then.
    async fn work(&self, until: Duration) {
        let gate = self.gate();
        while self.timeline.elapsed() < until {
            let Some(message) = self.queue.receive() else {
                let now = self.timeline.elapsed();
                let next = self.queue.next_at().unwrap_or(until).min(now + Duration::from_secs(3));
                self.timeline.sleep(next.saturating_sub(now).max(Duration::from_millis(1))).await;
                continue;
            };
            let PlayedMessage { id, body, history } = message;
            let item = WorkItem { id: id.to_string(), body, history };
            let (_verdict, settled) = self.world.work_with(&gate, &self.queue, item).await;
            if settled.failed.is_empty() {
                self.queue.finish(id);
            }
        }
    }

    fn workers(&self, count: usize, lasting: Duration) -> Vec<LocalBoxFuture<'_, ()>> {
        let until = self.timeline.elapsed() + lasting;
        (0..count).map(|_| self.work(until).boxed_local()).collect()
    }

    fn run(&self, callers: Vec<LocalBoxFuture<'_, ()>>, kill_one_in: u64) -> Vec<Scheduled<()>> {
        self.timeline.run(callers, kill_one_in)
    }

    /// Callers, workers and crashes; then callers that come back, and workers until all is done.
    fn course(&self) {
        let shared = SHARED.iter().flat_map(|(email, callers)| {
            (0..*callers).map(move |caller| (format!("{email}-{caller}"), *email))
        });
        let solo = (0..SOLO.1).map(|_| (SOLO.0.to_owned(), SOLO.0));
        let keys: Vec<(String, &str)> = shared.chain(solo).collect();
        let mut callers: Vec<_> =
            keys.iter().map(|(key, email)| self.call(key, email).boxed_local()).collect();
        callers.extend(self.workers(3, Duration::from_secs(60)));
        self.run(callers, KILL_ONE_IN);
        for _crashes in 0..2 {
            let mut callers = vec![self.call(SOLO.0, SOLO.0).boxed_local()];
            callers.extend(self.workers(2, Duration::from_secs(120)));
            self.run(callers, KILL_ONE_IN);
        }
        self.run(vec![self.call(SOLO.0, SOLO.0).boxed_local()], 0);
        self.finish();
    }

    fn finish(&self) {
        let mut rounds = 0;
        while let Some(next) = self.queue.next_at() {
            let wait = next.saturating_sub(self.timeline.elapsed());
            self.run(self.workers(2, wait + Duration::from_secs(60)), 0);
            rounds += 1;
            assert!(rounds < 200, "the queue never empties");
        }
    }

    fn replay_dead_letters(&self) {
        for letter in self.world.dead_letters.letters() {
            let mut history = letter.history.clone();
            (history.attempt, history.first_enqueued_at) = (0, self.world.clock.now());
            let message = WorkMessage { body: letter.body, delay: Duration::ZERO, history };
            assert!(self.queue.put(message));
        }
        self.finish();
    }

    fn status(&self, key: &str) -> KeyStatus {
        let mut asked = self.timeline.run(vec![self.world.key_status(key).boxed_local()], 0);
        match asked.remove(0) {
            Scheduled::Finished(status) => status,
            Scheduled::Killed => panic!("nobody is killed here"),
        }
    }

    /// The first names of all writes to a record, which are the keys of their callers.
    fn written(&self, email: &str) -> Vec<String> {
        let written = self.world.gateway.written().into_iter();
        written
            .filter(|(natural_key, _)| natural_key == email)
            .map(|(_, it)| it.get(AttributeName::Firstname).unwrap().to_owned())
            .collect()
    }

    fn assert_settled(&self, context: &str) {
        assert_eq!(self.world.store.waiting(), (0, 0), "{context}: somebody waits still");
        for email in SHARED.iter().map(|(email, _)| *email).chain([SOLO.0]) {
            let written = self.written(email);
            let completed: Vec<&String> =
                written.iter().filter(|key| self.is_completed(key)).collect();
            let context = format!("{context}, {email}, written {written:?}");
            self.assert_once(&written, &context);
            let record = self
                .world
                .store
                .records()
                .into_iter()
                .find(|record| record.attributes.get(AttributeName::Email) == Some(email));
            let stored = record.map(|record| {
                let name = record.attributes.get(AttributeName::Firstname).map(str::to_owned);
                (record.version, name)
            });
            let expected = completed.last().map(|key| (distinct(&completed), Some((*key).clone())));
            assert_eq!(stored, expected, "{context}: a version per write, the last one stands");
            self.assert_order(&written, &context);
        }
    }

    /// What was accepted, and not refused to its caller's face later, is applied now, or overtaken.
    fn assert_applied_or_overtaken(&self, context: &str) {
        let refused = self.refused.lock().unwrap();
        let accepted = self.accepted.lock().unwrap();
        for key in accepted.keys().filter(|key| !refused.contains(*key)) {
            let claim_key = self.world.key(key);
            let letters = self.world.dead_letters.letters();
            let is_overtaken = letters.iter().any(|letter| {
                letter.cause == DeadCause::Superseded && letter.body.contains(claim_key.as_str())
            });
            assert!(is_overtaken || self.is_completed(key), "{context}: {key}");
        }
    }

    fn is_completed(&self, key: &str) -> bool {
        matches!(self.status(key), KeyStatus::Completed(_))
    }

    /// Nothing is written twice. The exception is an upsert that was given up half done: it is
    /// written again if something else was put over it before an operator has it tried again.
    fn assert_once(&self, written: &[String], context: &str) {
        for (place, key) in written.iter().enumerate() {
            let later = &written[place + 1..];
            let Some(again) = later.iter().position(|other| other == key) else { continue };
            assert!(again > 0 && self.was_given_up(key), "{context}: {key} twice");
        }
    }

    fn was_given_up(&self, key: &str) -> bool {
        let claim_key = self.world.key(key);
        let letters = self.world.dead_letters.letters();
        letters.iter().any(|letter| letter.body.contains(claim_key.as_str()))
    }

    /// Whoever called after somebody else was answered is applied after him; what counts is the
    /// last time.
    fn assert_order(&self, written: &[String], context: &str) {
        let accepted = self.accepted.lock().unwrap();
        for (place, later) in written.iter().enumerate() {
            let after = &written[place + 1..];
            let is_last = !after.contains(later);
            for earlier in after.iter().filter(|_| is_last) {
                let (Some((began, _)), Some((_, answered))) =
                    (accepted.get(later), accepted.get(earlier))
                else {
                    continue;
                };
                assert!(answered > began, "{context}: {earlier} was accepted before {later}");
            }
        }
    }
}

fn distinct(keys: &[&String]) -> u64 {
    u64::try_from(keys.iter().collect::<BTreeSet<_>>().len()).unwrap()
}

#[test]
fn accepted_upserts_are_applied_once_in_their_order_whatever_crashes() {
    let mut queued = 0;
    for seed in 0..SEEDS {
        let play = Play::new(seed);
        play.plan_faults(false);
        play.course();
        let context = format!("seed {seed}");
        let accepted = play.accepted.lock().unwrap().clone();
        assert!(accepted.contains_key(SOLO.0), "{context}");
        for key in accepted.keys() {
            let KeyStatus::Completed(answer) = play.status(key) else {
                panic!("{context}: {key} is {:?}", play.status(key))
            };
            assert_ne!(answer.status, UpsertStatus::Noop, "{context}: every value is another");
            let written = play.written(key.split('-').next().unwrap());
            assert!(written.contains(key), "{context}: {key} was never written");
        }
        assert!(play.world.dead_letters.letters().is_empty(), "{context}");
        play.assert_settled(&context);
        queued += play.world.gates.saves();
    }
    assert!(queued > SEEDS, "the faults reach the gate");
}

#[test]
fn refused_upserts_are_dead_letters_and_none_is_put_over_a_later_one() {
    let (mut dead, mut revived) = (0, 0);
    for seed in 0..SEEDS {
        let play = Play::new(seed);
        play.plan_faults(true);
        play.course();
        let context = format!("seed {seed}");
        let letters = play.world.dead_letters.letters().len();
        for key in play.accepted.lock().unwrap().keys() {
            match play.status(key) {
                KeyStatus::Completed(_) => {}
                // Put aside, or its caller came back and was refused.
                KeyStatus::Failed { .. } | KeyStatus::Unknown | KeyStatus::InProgress { .. } => {
                    let is_known = play.refused.lock().unwrap().contains(key);
                    assert!(is_known || play.was_given_up(key), "{context}: {key}");
                }
                KeyStatus::Queued => panic!("{context}: {key} waits still"),
            }
        }
        play.assert_settled(&context);
        let before = play.world.gateway.writes().len();
        play.replay_dead_letters();
        play.assert_settled(&format!("{context}, replayed"));
        play.assert_applied_or_overtaken(&context);
        dead += letters;
        revived += play.world.gateway.writes().len() - before;
    }
    assert!(dead > 50 && revived > 10, "{dead} dead letters, {revived} of them applied after all");
}
