//! A portal that people work in, upserts of ours, and workers that messages are brought to twice,
//! late, in any order and in any company.

use std::cell::RefCell;
use std::collections::BTreeSet;
use std::time::Duration;

use fastrand::Rng;
use futures::FutureExt;
use futures::future::LocalBoxFuture;
use sync_domain::model::{
    Association, AttributeName, ExternalId, ObjectChange, ObjectType, Recency, StoredRecord,
};
use sync_domain::ports::{Clock, ProviderError, RemoteEffect};
use sync_domain::usecase::settle_work::Verdict;
use sync_domain::usecase::sync_changes::SyncOutcome;
use sync_testkit::{PlatformWrite, Schedule};

use super::sync_world::{LEASE, SyncWorld, person, values};

const WORKERS: usize = 3;
/// Batches of one worker in a round.
const BATCHES: usize = 5;
/// Rounds of delivery without crashes and acts until nothing may be left.
const DRAIN_MAX: usize = 200;
const EMAILS: [&str; 5] = ["a@example.com", "b@example.com", "c@example.com", "d@example.com", ""];
const CONTACT: ObjectType = ObjectType::Contact;

/// One world with all that it was asked to do.
pub struct Play {
    pub world: SyncWorld,
    random: RefCell<Rng>,
    pool: RefCell<Vec<ObjectChange>>,
    pub erased: RefCell<BTreeSet<ExternalId>>,
    uniques: RefCell<u32>,
    /// What each worker has taken and not yet settled.
    in_hand: [RefCell<Vec<ObjectChange>>; WORKERS],
    /// Whether all that happens happens to few contacts.
    is_focused: bool,
}

impl Play {
    pub fn new(seed: u64) -> Self {
        let mut random = Rng::with_seed(seed);
        let skew_ms = random.i64(-90_000..90_000);
        let world = SyncWorld::with_slow_quirks(skew_ms, random.bool());
        Self {
            world,
            is_focused: random.bool(),
            random: RefCell::new(random),
            in_hand: Default::default(),
            pool: RefCell::default(),
            erased: RefCell::default(),
            uniques: RefCell::default(),
        }
    }

    fn draw(&self, below: usize) -> usize {
        self.random.borrow_mut().usize(..below)
    }

    fn one_of<T: Clone>(&self, items: &[T]) -> Option<T> {
        (!items.is_empty()).then(|| items[self.draw(items.len())].clone())
    }

    /// A value that no other act uses, so that a state can be told from every other; now and then
    /// one that comes again.
    fn name(&self) -> String {
        let mut uniques = self.uniques.borrow_mut();
        *uniques += 1;
        if self.random.borrow_mut().bool() { format!("n{}", *uniques) } else { "again".to_owned() }
    }

    fn tell(&self, changes: Vec<ObjectChange>) {
        for change in changes {
            let copies = if self.draw(4) == 0 { 2 } else { 1 };
            let mut pool = self.pool.borrow_mut();
            pool.extend(std::iter::repeat_n(change, copies));
        }
    }

    fn live(&self) -> Vec<ExternalId> {
        self.world.portal.live(CONTACT).into_keys().collect()
    }

    /// Somebody does something at the portal.
    fn act(&self) {
        let portal = &self.world.portal;
        let email = EMAILS[self.draw(EMAILS.len())];
        let live = self.live();
        let one = self.one_of(&live);
        let kind = match (self.is_focused, live.len()) {
            (true, 1..) => 2 + self.draw(6),
            _ => self.draw(10),
        };
        let changes = match (kind, one) {
            (0 | 1, _) | (_, None) => {
                portal.create(CONTACT, person(email, &self.name())).map(|(_, it)| it)
            }
            (2 | 3, Some(id)) => Some(portal.update(
                CONTACT,
                &id,
                &values(&[(AttributeName::Firstname, &self.name())]),
            )),
            (4, Some(id)) => {
                Some(portal.update(CONTACT, &id, &values(&[(AttributeName::Email, email)])))
            }
            (5, Some(id)) => {
                let company = Association::from_stored(&format!("company:{}", self.draw(3)));
                let is_there = self.draw(2) == 0;
                company.map(|company| portal.associate(CONTACT, &id, &company, is_there))
            }
            (6, Some(id)) => Some(portal.archive(CONTACT, &id)),
            (7, Some(_)) => {
                self.one_of(&portal.archived(CONTACT)).map(|id| portal.restore(CONTACT, &id))
            }
            (8, Some(id)) => {
                let other = self.one_of(&self.live()).filter(|other| *other != id);
                other.map(|other| portal.merge(CONTACT, (&id, &other), self.draw(2) == 0))
            }
            (_, Some(id)) => {
                // What went into it is forgotten with it.
                let merged = portal.live(CONTACT).remove(&id).map(|it| it.merged_ids);
                let changes = portal.erase(CONTACT, &id);
                self.erased.borrow_mut().insert(id);
                self.erased.borrow_mut().extend(merged.into_iter().flatten());
                Some(changes)
            }
        };
        self.tell(changes.unwrap_or_default());
    }

    async fn people(&self) {
        for _act in 0..=self.draw(4) {
            self.act();
            for _pause in 0..self.draw(4) {
                tokio::task::yield_now().await;
            }
        }
    }

    /// An upsert of ours, from lock to completion.
    async fn platform(&self) {
        let scope = self.world.scope(CONTACT);
        let email = EMAILS[self.draw(EMAILS.len() - 1)];
        let key = self.world.key(CONTACT, email);
        let lock = self.world.lock(&format!("upsert-{}", self.draw(1_000_000)));
        tokio::task::yield_now().await;
        if !self.world.store.lock(&scope, &key, lock.clone(), self.world.clock.now()) {
            return;
        }
        tokio::task::yield_now().await;
        self.world.clock.advance(Duration::from_millis(1));
        let read_at_ms = self.world.clock.now().as_millisecond();
        let wanted = person(email, &self.name());
        let written = self.world.portal.upsert(CONTACT, AttributeName::Email, &wanted);
        let Some(written) = written else { return };
        self.tell(written.changes);
        // An upsert by a second email makes a second record of one object. What tells of it is gone
        // if it was read between the write and here: a known gap, see the mapping doc.
        if written.attributes.get(AttributeName::Email) == Some(email) {
            tokio::task::yield_now().await;
        }
        let provider_version = written.provider_version;
        self.world.store.complete_upsert(
            &scope,
            PlatformWrite {
                key,
                lock,
                external_id: written.external_id,
                attributes: written.attributes,
                associations: Vec::new(),
                recency: Recency { provider_version, read_at_ms },
                synced_at: self.world.clock.now(),
            },
        );
    }

    /// Takes some messages off the pool, in any order.
    fn take(&self) -> Vec<ObjectChange> {
        let mut pool = self.pool.borrow_mut();
        let mut random = self.random.borrow_mut();
        random.shuffle(&mut pool);
        let count = random.usize(..=pool.len().min(12));
        let left = pool.len() - count;
        pool.split_off(left)
    }

    /// Works on batches, each taken when the one before is settled.
    async fn worker(&self, slot: usize) {
        for _batch in 0..BATCHES {
            let batch = self.take();
            self.in_hand[slot].replace(batch.clone());
            let outcomes = self.world.outcomes(batch.clone()).await;
            assert_eq!(outcomes.len(), batch.len());
            for (change, outcome) in batch.into_iter().zip(outcomes) {
                match outcome {
                    SyncOutcome::Synced | SyncOutcome::Unchanged | SyncOutcome::Superseded => {}
                    SyncOutcome::Unapplied(Verdict::Dead(cause)) => panic!("{cause:?}"),
                    SyncOutcome::Unapplied(_) => self.pool.borrow_mut().push(change),
                }
            }
            self.in_hand[slot].take();
            tokio::task::yield_now().await;
        }
    }

    /// People, upserts and workers at once; whose worker is killed, whose messages come again.
    pub fn round(&self, schedule: &mut Schedule) {
        if self.draw(5) == 0 {
            self.world.portal.fail_next(ProviderError::Unavailable {
                status: Some(503),
                retry_after: None,
                effect: RemoteEffect::None,
            });
        }
        let workers = (0..WORKERS).map(|slot| self.worker(slot).boxed_local());
        let mut callers: Vec<LocalBoxFuture<'_, ()>> = workers.collect();
        callers.push(self.people().boxed_local());
        callers.push(self.people().boxed_local());
        callers.push(self.platform().boxed_local());
        schedule.run(callers);
        for in_hand in &self.in_hand {
            self.pool.borrow_mut().append(&mut in_hand.borrow_mut());
        }
        if self.draw(3) == 0 {
            self.world.clock.advance(LEASE);
        }
    }

    pub fn drain(&self, seed: u64) {
        let mut schedule = Schedule::new(seed, 0);
        for _round in 0..DRAIN_MAX {
            if self.pool.borrow().is_empty() {
                return;
            }
            self.world.clock.advance(Duration::from_secs(11));
            let workers = (0..WORKERS).map(|slot| self.worker(slot).boxed_local());
            schedule.run(workers.collect());
        }
        panic!("seed {seed}: {} messages are never done", self.pool.borrow().len());
    }

    pub fn records(&self) -> Vec<StoredRecord> {
        self.world.store.records(&self.world.scope(CONTACT))
    }
}
