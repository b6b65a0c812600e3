//! One page of appointments on its way into the store, round by round: what somebody else was faster
//! with is decided anew against what is there.

use std::collections::BTreeMap;
use std::time::Duration;

use futures::future::join_all;
use futures::{StreamExt, stream};

use super::clients::{KnownClients, Turns};
use super::decide::{Decision, Draft, SeenAgain, decide};
use super::write::write_of;
use super::{Applied, ApplyPorts, ApplyReport, ApplyScope, Look};
use crate::keys::{BookingKey, booking_key};
use crate::linking;
use crate::model::StoredBooking;
use crate::ports::{BOOKINGS_READ_MAX, BookingOutcome, BookingWrite, ClientLookup, StoreError};
use crate::usecase::settle_work::Verdict;

/// Writes in flight at once.
const WRITES_MAX: usize = 16;
/// The wait before the second round is drawn from zero to this; it doubles.
const BACKOFF: Duration = Duration::from_millis(25);

/// One appointment that is not settled.
struct Open {
    index: usize,
    key: BookingKey,
}

/// Decisions of one kind, each for one that is open.
type Decided<D> = Vec<(Open, Box<D>)>;

/// A decision that is ready to be written.
struct Ready {
    open: Open,
    draft: Box<Draft>,
    /// What must be known of clients for it.
    lookup: ClientLookup,
}

pub(super) struct Page<'a> {
    ports: &'a ApplyPorts<'a>,
    scope: &'a ApplyScope,
    looks: &'a [Look],
    outcomes: Vec<Option<Applied>>,
    open: Vec<Open>,
    /// What is stored, as far as it is known, by index.
    known: BTreeMap<usize, Option<StoredBooking>>,
    clients: KnownClients,
    error: Option<StoreError>,
}

impl<'a> Page<'a> {
    pub fn new(ports: &'a ApplyPorts<'a>, scope: &'a ApplyScope, looks: &'a [Look]) -> Self {
        let (mut open, mut outcomes) = (Vec::new(), vec![None; looks.len()]);
        for (index, (look, outcome)) in looks.iter().zip(&mut outcomes).enumerate() {
            match booking_key(&scope.tenant, scope.system, &look.external_id) {
                Ok(key) => open.push(Open { index, key }),
                Err(_separator) => *outcome = Some(Applied::Unreadable),
            }
        }
        let (known, clients) = (BTreeMap::new(), KnownClients::default());
        Self { ports, scope, looks, outcomes, open, known, clients, error: None }
    }

    pub fn is_settled(&self) -> bool {
        self.open.is_empty()
    }

    /// What was overtaken every time is worth another try later.
    pub fn into_report(self) -> ApplyReport {
        let crowded = Applied::Failed(Verdict::from(&StoreError::Conflict));
        let error = self.error.or_else(|| (!self.open.is_empty()).then_some(StoreError::Conflict));
        let outcomes = self.outcomes.into_iter().map(|it| it.unwrap_or(crowded)).collect();
        ApplyReport { outcomes, error }
    }

    pub async fn run(&mut self, round: u32) {
        if round > 0 {
            let ceiling = BACKOFF.saturating_mul(1 << round.saturating_sub(1).min(6));
            let random = self.ports.clock.random().clamp(0.0, 1.0);
            self.ports.clock.sleep(ceiling.mul_f64(random)).await;
        }
        self.load().await;
        let (refreshes, drafts) = self.decide();
        self.refresh(refreshes).await;
        let ready = self.look_up(drafts).await;
        for turn in in_turns(ready) {
            self.write(turn).await;
        }
    }

    fn settle(&mut self, index: usize, outcome: Applied) {
        if let Some(slot) = self.outcomes.get_mut(index) {
            *slot = Some(outcome);
        }
    }

    fn fail(&mut self, indexes: impl IntoIterator<Item = usize>, error: StoreError) {
        let outcome = Applied::Failed(Verdict::from(&error));
        indexes.into_iter().for_each(|index| self.settle(index, outcome));
        self.error.get_or_insert(error);
    }

    /// What is stored of one booking can't be read: its neighbours are not kept waiting for it.
    fn fail_one(&mut self, index: usize, error: StoreError) {
        match error {
            StoreError::Malformed(_) | StoreError::BadKey(_) => {
                self.settle(index, Applied::Failed(Verdict::from(&error)));
            }
            StoreError::Unavailable(_) | StoreError::Conflict => self.fail([index], error),
        }
    }

    /// Reads what is stored of those of which it is not known.
    async fn load(&mut self) {
        let unknown: Vec<_> =
            self.open.iter().filter(|open| !self.known.contains_key(&open.index)).collect();
        let chunks: Vec<Vec<(usize, BookingKey)>> = unknown
            .chunks(BOOKINGS_READ_MAX)
            .map(|chunk| chunk.iter().map(|open| (open.index, open.key.clone())).collect())
            .collect();
        let (store, scope) = (self.ports.bookings, self.scope);
        let loads = chunks.iter().map(|chunk| async move {
            let keys: Vec<_> = chunk.iter().map(|(_, key)| key.clone()).collect();
            store.load(&scope.tenant, scope.system, &keys).await
        });
        let loaded = join_all(loads).await;
        for (chunk, loaded) in chunks.into_iter().zip(loaded) {
            match loaded {
                Ok(found) => {
                    let found = chunk.iter().map(|(index, key)| (*index, found.get(key).cloned()));
                    self.known.extend(found);
                }
                Err(error) => self.fail(chunk.into_iter().map(|(index, _)| index), error),
            }
        }
    }

    /// Decides on all that is open and known.
    fn decide(&mut self) -> (Decided<SeenAgain>, Decided<Draft>) {
        let (mut refreshes, mut drafts) = (Vec::new(), Vec::new());
        for open in std::mem::take(&mut self.open) {
            let look = self.looks.get(open.index);
            let Some((look, stored)) = look.zip(self.known.get(&open.index)) else { continue };
            match decide(look, stored.as_ref(), self.scope.refreshes) {
                Ok(Decision::Settled(outcome)) => self.settle(open.index, outcome),
                Ok(Decision::Refresh(seen)) => refreshes.push((open, seen)),
                Ok(Decision::Write(draft)) => drafts.push((open, draft)),
                Err(_separator) => self.settle(open.index, Applied::Unreadable),
            }
        }
        (refreshes, drafts)
    }

    async fn refresh(&mut self, refreshes: Decided<SeenAgain>) {
        let (store, scope) = (self.ports.bookings, self.scope);
        let writes = refreshes.iter().map(|(_, seen)| {
            store.refresh(&scope.tenant, scope.system, &seen.stored, seen.recency)
        });
        let writes: Vec<_> = writes.collect();
        let written: Vec<_> = stream::iter(writes).buffered(WRITES_MAX).collect().await;
        for ((open, _), written) in refreshes.into_iter().zip(written) {
            match written {
                Ok(BookingOutcome::Stored) => self.settle(open.index, Applied::Unchanged),
                Ok(BookingOutcome::Overtaken(found)) => self.again(open, found),
                Ok(BookingOutcome::ClientsChanged) | Err(StoreError::Conflict) => {
                    self.again(open, None);
                }
                Err(error) => self.fail_one(open.index, error),
            }
        }
    }

    /// Decides on it anew in the next round.
    fn again(&mut self, open: Open, found: Option<Box<StoredBooking>>) {
        match found {
            Some(found) => self.known.insert(open.index, Some(*found)),
            None => self.known.remove(&open.index),
        };
        self.open.push(open);
    }

    /// Looks all clients up that are not known, in one call.
    async fn look_up(&mut self, drafts: Decided<Draft>) -> Vec<Ready> {
        let (mut ready, mut missing) = (Vec::new(), ClientLookup::default());
        for (open, draft) in drafts {
            let lookup = if draft.needs_client() {
                linking::lookup_of(&self.scope.tenant, &draft.booking.person)
            } else {
                Ok(ClientLookup::default())
            };
            let Ok(lookup) = lookup else {
                self.settle(open.index, Applied::Unreadable);
                continue;
            };
            let unknown = self.clients.missing(&lookup);
            missing.identifiers.extend(unknown.identifiers);
            missing.blocks.extend(unknown.blocks);
            ready.push(Ready { open, draft, lookup });
        }
        if missing == ClientLookup::default() {
            return ready;
        }
        match self.ports.clients.look_up(&self.scope.tenant, &missing).await {
            Ok(found) => {
                self.clients.absorb(missing, found);
                ready
            }
            Err(error) => {
                let is_known = |it: &Ready| self.clients.covers(&it.lookup);
                let (ready, failed): (Vec<_>, Vec<_>) = ready.into_iter().partition(is_known);
                self.fail(failed.into_iter().map(|it| it.open.index), error);
                ready
            }
        }
    }

    /// Writes bookings that share no client.
    async fn write(&mut self, turn: Vec<Ready>) {
        let (mut sent, mut writes) = (Vec::new(), Vec::new());
        for ready in turn {
            if !self.clients.covers(&ready.lookup) {
                // An earlier one of the same person was not written as thought.
                self.open.push(ready.open);
                continue;
            }
            let Ready { open, draft, .. } = &ready;
            let look = self.looks.get(open.index);
            let found = self.clients.found();
            match look.and_then(|look| write_of(self.ports, self.scope, look, draft, found)) {
                Some(write) => {
                    writes.push(write);
                    sent.push(ready);
                }
                None => self.settle(ready.open.index, Applied::Unreadable),
            }
        }
        let store = self.ports.bookings;
        let stores: Vec<_> = writes.iter().map(|write| store.store(write)).collect();
        let written: Vec<_> = stream::iter(stores).buffered(WRITES_MAX).collect().await;
        for ((ready, write), written) in sent.into_iter().zip(writes).zip(written) {
            self.written(ready, &write, written);
        }
    }

    fn written(
        &mut self,
        ready: Ready,
        write: &BookingWrite,
        written: Result<BookingOutcome, StoreError>,
    ) {
        if matches!(written, Ok(BookingOutcome::Stored)) {
            if let Some(client) = &write.client {
                self.clients.note(client);
            }
            return self.settle(ready.open.index, ready.draft.applied);
        }
        // Whoever was faster may have written clients too, and so may a write that failed.
        self.clients.forget(&ready.lookup);
        match written {
            Ok(BookingOutcome::Overtaken(found)) => self.again(ready.open, found),
            Ok(BookingOutcome::Stored | BookingOutcome::ClientsChanged) => {
                self.open.push(ready.open);
            }
            Err(StoreError::Conflict) => self.again(ready.open, None),
            Err(error) => self.fail_one(ready.open.index, error),
        }
    }
}

fn in_turns(ready: Vec<Ready>) -> Vec<Vec<Ready>> {
    let mut turns = Turns::default();
    let mut by_turn = BTreeMap::<usize, Vec<Ready>>::new();
    for ready in ready {
        let turn = turns.next(&ready.lookup);
        by_turn.entry(turn).or_default().push(ready);
    }
    by_turn.into_values().collect()
}
