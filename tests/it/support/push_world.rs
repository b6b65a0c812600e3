//! The queue of a tenant's world in memory: messages come when their delay is over, a worker carries
//! each out, and what becomes of it is settled.

use std::time::Duration;

use jiff::Timestamp;
use sync_domain::gate::{Class, Gate};
use sync_domain::keys::{self, ClaimKey};
use sync_domain::model::{IdempotencyKey, PushMessage, System};
use sync_domain::ports::{
    Clock, DELAY_MAX, DeadLetter, KeyStatus, PushStore, WorkMessage, WorkQueue,
};
use sync_domain::usecase::settle_work::{
    Judged, SettleDeps, Settled, Verdict, WorkItem, WorkOwner, settle_work,
};
use sync_domain::usecase::upsert_record::{UpsertStats, push_queued, route_of};

use super::upsert_world::World;

/// What a worker has of its invocation for calls.
pub const WORKER_TIME: Duration = Duration::from_secs(25);
/// More deliveries than this and something goes round in circles.
const DELIVERIES_MAX: usize = 2_000;

/// A sent message as it is received.
pub fn received(message: WorkMessage) -> WorkItem {
    WorkItem { id: "m".to_owned(), body: message.body, history: message.history }
}

impl<C: Clock + 'static> World<C> {
    pub fn key(&self, key: &str) -> ClaimKey {
        let key = IdempotencyKey::parse(key).unwrap();
        keys::claim_key(&self.tenant, &route_of(System::Hubspot), &key).unwrap()
    }

    pub async fn key_status(&self, key: &str) -> KeyStatus {
        let now = self.clock.now();
        self.store.key_status(&self.tenant, &self.key(key), now).await.unwrap()
    }

    /// One message in one invocation of a worker.
    pub async fn work_with(
        &self,
        gate: &Gate,
        queue: &dyn WorkQueue,
        item: WorkItem,
    ) -> (Verdict, Settled) {
        let message = PushMessage::parse(&item.body).unwrap();
        let is_replay = item.history.dead_letter_id.is_some();
        let deadline = self.clock.now() + WORKER_TIME;
        let deps = self.deps(gate, queue, Class::Background);
        let mut stats = UpsertStats::default();
        let verdict = push_queued(&deps, &message, is_replay, deadline, &mut stats).await;
        let owner = WorkOwner { tenant: Some(message.tenant), system: Some(message.system) };
        let settle =
            SettleDeps { queue, dead_letters: &self.dead_letters, clock: self.clock.as_ref() };
        let judged = vec![Judged { item, owner, verdict }];
        (verdict, settle_work(&settle, judged).await)
    }

    pub async fn work(&self, item: WorkItem) -> Verdict {
        let (verdict, settled) = self.work_with(&self.gate, &self.queue, item).await;
        assert_eq!(settled.failed, Vec::<String>::new());
        verdict
    }
}

impl World {
    /// Takes what was sent to where it is received, and tells how much is there.
    pub fn collect(&self) -> usize {
        let now = self.clock.now();
        let sent = self.queue.take().into_iter();
        let mut inbox = self.inbox.lock().unwrap();
        inbox.extend(sent.map(|message| {
            assert!(message.delay <= DELAY_MAX, "no queue takes a delay of {:?}", message.delay);
            (now + message.delay, received(message))
        }));
        inbox.len()
    }

    /// Waits for the message that comes next and takes it.
    pub fn receive(&self) -> Option<WorkItem> {
        self.collect();
        let (at, item) = {
            let mut inbox = self.inbox.lock().unwrap();
            let (index, _) = inbox.iter().enumerate().min_by_key(|(_, (at, _))| *at)?;
            inbox.remove(index)
        };
        let wait = at.duration_since(self.clock.now());
        self.clock.advance(Duration::try_from(wait).unwrap_or_default());
        Some(item)
    }

    /// Everything that is on the queue, as if it came at once, in the order in which it was sent.
    pub fn receive_all(&self) -> Vec<WorkItem> {
        self.collect();
        self.inbox.lock().unwrap().drain(..).map(|(_, item)| item).collect()
    }

    /// Works until the queue is empty, and tells what was said of each message.
    pub async fn drain(&self) -> Vec<Verdict> {
        let mut verdicts = Vec::new();
        while let Some(item) = self.receive() {
            verdicts.push(self.work(item).await);
            assert!(verdicts.len() < DELIVERIES_MAX, "goes round in circles: {verdicts:?}");
        }
        verdicts
    }

    /// Sends a dead letter back to its queue, as an operator does.
    pub fn replay(&self, letter: &DeadLetter) {
        let now: Timestamp = self.clock.now();
        let mut history = letter.history.clone();
        (history.attempt, history.first_enqueued_at) = (0, now);
        let item = WorkItem { id: "m".to_owned(), body: letter.body.clone(), history };
        self.inbox.lock().unwrap().push((now, item));
    }

    /// Nothing waits, and no count says otherwise.
    pub fn assert_no_line(&self, context: &str) {
        assert_eq!(self.store.waiting(), (0, 0), "{context}");
        assert_eq!(self.collect(), 0, "{context}: the queue is not empty");
    }
}
