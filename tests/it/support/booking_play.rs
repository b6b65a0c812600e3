//! A booking account that people work in, with webhooks that come twice, late, in any order or not at
//! all, and with imports and sweeps beside the workers.

use std::cell::RefCell;
use std::time::Duration;

use fastrand::Rng;
use futures::FutureExt;
use futures::future::LocalBoxFuture;
use sync_domain::model::{BookingChange, ExternalId, Person, RemoteState, SweepStep};
use sync_domain::ports::{BookingSelection, PageError, ProviderError, RemoteEffect};
use sync_domain::usecase::import_bookings::{ImportBookings, ImportError};
use sync_domain::usecase::settle_work::Verdict;
use sync_domain::usecase::sweeping::SweepOutcome;
use sync_domain::usecase::sync_bookings::CONFIRM_DELAY;
use sync_testkit::{Schedule, ScriptedBookings, StoreFault};

use super::booking_world::{BookingWorld, DAY, ada};

const WORKERS: usize = 3;
/// Batches of one worker in a round.
const BATCHES: usize = 12;
/// Rounds of delivery without crashes and acts until nothing may be left.
const DRAIN_MAX: usize = 100;
/// How many people book.
pub const PEOPLE: usize = 4;
/// Nobody books further away than this, in days.
const DAYS: i32 = 18;

pub struct Play {
    pub world: BookingWorld,
    random: RefCell<Rng>,
    pool: RefCell<Vec<BookingChange>>,
    /// What each worker has taken and not yet settled.
    in_hand: [RefCell<Vec<BookingChange>>; WORKERS],
    sweep: RefCell<Option<SweepStep>>,
    uniques: RefCell<u32>,
    /// Whether the provider forgets some of its webhooks.
    pub drops: bool,
    /// Whether all that happens happens to few appointments, so that states come and go while
    /// somebody reads them.
    is_focused: bool,
    /// Whether there are webhooks only, and nothing that makes up for what they get wrong.
    pub is_bare: bool,
    ways: Ways,
}

/// Of which kind the booking system is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ways {
    /// Webhooks tell ids; lists and reads have no versions.
    Marks,
    /// Webhooks tell all, with versions, which lists and reads have too, and may give again as they
    /// were before.
    Versions,
    /// Webhooks tell all, with times.
    Times,
    /// The same, and there is no list by date.
    NoList,
}

impl Ways {
    fn of(self, account: ScriptedBookings) -> ScriptedBookings {
        match self {
            Self::Marks => account,
            Self::Versions => account.with_versions().with_snapshots().with_bookings_max(3),
            Self::Times => account.with_snapshots(),
            Self::NoList => account.with_snapshots().without_list(),
        }
    }
}

fn unavailable() -> ProviderError {
    ProviderError::Unavailable { status: Some(503), retry_after: None, effect: RemoteEffect::None }
}

impl Play {
    /// An account at a booking system of a kind.
    pub fn with(seed: u64, ways: Ways) -> Self {
        let mut random = Rng::with_seed(seed);
        let (drops, is_focused, is_bare) = (random.bool(), random.bool(), random.bool());
        // What nobody has told of is found by a list alone.
        let drops = drops && ways != Ways::NoList;
        let slowness = if is_focused { 60 } else { 12 };
        Self {
            world: BookingWorld::with("acme", |account| ways.of(account.with_slowness(slowness))),
            random: RefCell::new(random),
            pool: RefCell::default(),
            in_hand: Default::default(),
            sweep: RefCell::default(),
            uniques: RefCell::default(),
            drops,
            is_focused,
            is_bare,
            ways,
        }
    }

    fn draw(&self, below: usize) -> usize {
        self.random.borrow_mut().usize(..below)
    }

    /// One of the people, with what they typed this time.
    fn person(&self) -> Person {
        let number = self.draw(PEOPLE);
        let email = Some(format!("person-{number}@example.com"));
        let phone = (self.draw(2) == 0).then(|| format!("+1415555010{number}"));
        let mut uniques = self.uniques.borrow_mut();
        *uniques += 1;
        // Now and then a state comes again that was there before.
        let typed =
            if uniques.is_multiple_of(2) { "again".to_owned() } else { format!("n{}", *uniques) };
        Person { first_name: Some(typed), email, phone, ..ada() }
    }

    fn tell(&self, id: &ExternalId) {
        if self.drops && self.draw(8) == 0 {
            return;
        }
        let copies = if self.draw(4) == 0 { 2 } else { 1 };
        let change = self.world.account.change(id);
        self.pool.borrow_mut().extend(std::iter::repeat_n(change, copies));
    }

    fn day(&self) -> jiff::Timestamp {
        let days = i32::try_from(self.draw(2 * DAYS as usize)).unwrap() - DAYS;
        self.world.moment(days * DAY + DAY / 2)
    }

    /// Somebody does something in the account.
    fn act(&self) {
        let account = &self.world.account;
        let known: Vec<_> = account.appointments().into_keys().collect();
        let id = match known.len() {
            0 => None,
            count => Some(known[self.draw(count)].clone()),
        };
        let kind = match (self.is_focused, known.len()) {
            (true, 2..) => 2 + self.draw(5),
            (false, 6..) => self.draw(8),
            _ => self.draw(10),
        };
        match (kind, id) {
            (0 | 1, Some(id)) => {
                let day = self.day();
                account.edit(&id, |it| it.starts_at = day);
                self.tell(&id);
            }
            (2..=4, Some(id)) => {
                let states = [RemoteState::Cancelled, RemoteState::NoShow, RemoteState::Standing];
                let state = states[self.draw(states.len())];
                account.edit(&id, |it| it.state = state);
                self.tell(&id);
            }
            (5 | 6, Some(id)) => {
                let person = self.person();
                account.edit(&id, |it| it.person = person);
                self.tell(&id);
            }
            (7, Some(id)) => {
                account.delete(&id);
                self.tell(&id);
            }
            (_, _) => {
                let person = self.person();
                let days = i32::try_from(self.draw(2 * DAYS as usize)).unwrap() - DAYS;
                let id = self.world.book(days * DAY + DAY / 2, person);
                self.tell(&id);
            }
        }
    }

    async fn people(&self) {
        for _act in 0..=self.draw(8) {
            self.act();
            for _pause in 0..self.draw(40) {
                tokio::task::yield_now().await;
            }
        }
    }

    /// Takes some messages off the pool, in any order.
    fn take(&self) -> Vec<BookingChange> {
        let mut pool = self.pool.borrow_mut();
        let mut random = self.random.borrow_mut();
        random.shuffle(&mut pool);
        let most = if self.is_focused { 2 } else { 6 };
        let count = random.usize(..=pool.len().min(most));
        let left = pool.len() - count;
        pool.split_off(left)
    }

    /// Works on batches, each taken when the one before is settled.
    async fn worker(&self, slot: usize) {
        for _batch in 0..BATCHES {
            // Who comes to an empty queue waits for what people do next.
            for _pause in 0..self.draw(8) {
                tokio::task::yield_now().await;
            }
            let batch = self.take();
            self.in_hand[slot].replace(batch.clone());
            let outcomes = self.world.sync(batch.clone()).await.outcomes;
            assert_eq!(outcomes.len(), batch.len());
            for (change, outcome) in batch.into_iter().zip(outcomes) {
                match Verdict::from(outcome) {
                    Verdict::Done => {}
                    Verdict::Dead(cause) => panic!("{cause:?}"),
                    Verdict::Retry { .. } | Verdict::Wait { .. } => {
                        let change = outcome.changed(&change).unwrap_or(change);
                        self.pool.borrow_mut().push(change);
                    }
                }
            }
            self.in_hand[slot].take();
            tokio::task::yield_now().await;
        }
    }

    /// An import of all that people may have touched.
    async fn importer(&self) {
        let days = (DAYS + 1) * DAY;
        let (since, until) = (Some(self.world.moment(-days)), Some(self.world.moment(days)));
        let mut command = ImportBookings { since, until, ..self.world.command() };
        if self.ways == Ways::NoList {
            let booking_ids: Vec<_> = self.world.account.appointments().into_keys().collect();
            let selection = BookingSelection { booking_ids, ..BookingSelection::default() };
            let (selection, since, until) = (Some(selection), None, None);
            command = ImportBookings { selection, since, until, ..command };
        }
        loop {
            let next = match self.world.run(&command).await.0 {
                Ok(imported) => imported.answer.next_cursor,
                Err(ImportError::Provider(_) | ImportError::Store(_)) => return,
                Err(error) => panic!("{error:?}"),
            };
            let Some(cursor) = next else { return };
            command = self.world.going_on(&cursor);
        }
    }

    /// One step of a sweep; the next one goes on.
    async fn sweeper(&self) {
        let step = self.sweep.borrow().clone().unwrap_or_else(|| self.world.step());
        let report = self.world.sweep(step).await;
        let next = match report.outcome {
            SweepOutcome::Done | SweepOutcome::GivenUp(_) => None,
            SweepOutcome::Later(Verdict::Dead(cause)) => panic!("{cause:?}"),
            SweepOutcome::Later(_) => Some(report.step),
        };
        self.sweep.replace(next);
    }

    /// What lists and reads give for the rest of the round is not the last of what there was.
    fn let_some_be_stale(&self) {
        for id in self.world.account.appointments().keys() {
            self.world.account.set_stale(id, self.draw(3) == 0);
        }
    }

    /// Everybody at once; whose worker is killed, whose messages come again.
    pub fn round(&self, schedule: &mut Schedule) {
        match self.draw(8) {
            0 => self.world.account.fail_page(self.draw(4), PageError::Provider(unavailable())),
            1 => self.world.account.fail_booking(unavailable()),
            2 => self.world.store.fail_write(StoreFault::Fail),
            3 => self.world.store.fail_write(StoreFault::FailAfterEffect),
            4 if self.ways != Ways::Marks => self.world.account.fail_told(unavailable()),
            5 if self.ways == Ways::Versions => self.let_some_be_stale(),
            _ => {}
        }
        let workers = (0..WORKERS).map(|slot| self.worker(slot).boxed_local());
        let mut callers: Vec<LocalBoxFuture<'_, ()>> = workers.collect();
        callers.push(self.people().boxed_local());
        callers.push(self.people().boxed_local());
        if !self.is_bare {
            for _importer in 0..self.draw(3) {
                callers.push(self.importer().boxed_local());
            }
            if self.draw(2) == 0 {
                callers.push(self.sweeper().boxed_local());
            }
        }
        schedule.run(callers);
        for id in self.world.account.appointments().keys() {
            self.world.account.set_stale(id, false);
        }
        for in_hand in &self.in_hand {
            self.pool.borrow_mut().append(&mut in_hand.borrow_mut());
        }
        if self.draw(3) == 0 {
            self.world.clock.advance(CONFIRM_DELAY);
        }
    }

    /// Delivers all that is left.
    pub fn drain(&self, seed: u64) {
        let mut schedule = Schedule::new(seed, 0);
        for _round in 0..DRAIN_MAX {
            if self.pool.borrow().is_empty() {
                return;
            }
            self.world.clock.advance(CONFIRM_DELAY);
            let workers = (0..WORKERS).map(|slot| self.worker(slot).boxed_local());
            schedule.run(workers.collect());
        }
        panic!("seed {seed}: {} messages are never done", self.pool.borrow().len());
    }

    /// A whole sweep by itself; its drift.
    pub fn last_sweep(&self, seed: u64) -> u64 {
        self.world.clock.advance(Duration::from_secs(60));
        self.sweep.take();
        let mut schedule = Schedule::new(seed, 0);
        let sweep = || async { self.world.sweep(self.world.step()).await }.boxed_local();
        for _try in 0..10 {
            let swept = schedule.run(vec![sweep()]).pop();
            match swept {
                Some(sync_testkit::Scheduled::Finished(report))
                    if report.outcome == SweepOutcome::Done =>
                {
                    return report.step.drift;
                }
                _ => self.world.clock.advance(Duration::from_secs(60)),
            }
        }
        panic!("seed {seed}: no sweep comes to its end")
    }
}
