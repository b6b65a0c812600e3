//! Simulated time: many callers at once, and the clock moves only when all of them wait.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::pin::Pin;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Wake, Waker};
use std::time::Duration;

use async_trait::async_trait;
use fastrand::Rng;
use futures::future::LocalBoxFuture;
use jiff::{SignedDuration, Timestamp};
use sync_domain::ports::Clock;

use crate::Scheduled;

#[derive(Debug)]
struct State {
    elapsed: Duration,
    random: Rng,
    /// Sleepers by the moment that wakes them.
    sleepers: BinaryHeap<Reverse<(Duration, u64)>>,
    wakers: Vec<(u64, Waker)>,
    next_sleeper: u64,
    next_id: u64,
}

/// One reproducible course of events. Its clones and clocks share the same time.
#[derive(Debug, Clone)]
pub struct Timeline(Arc<Mutex<State>>);

/// The clock of one machine on a timeline, with a time of day of its own.
#[derive(Debug, Clone)]
pub struct SimulatedClock {
    timeline: Timeline,
    skew: Arc<Mutex<SignedDuration>>,
}

struct Flag(AtomicU64);

impl Wake for Flag {
    fn wake(self: Arc<Self>) {
        self.0.store(1, Ordering::Relaxed);
    }
}

impl Timeline {
    /// The course of a seed.
    pub fn new(seed: u64) -> Self {
        Self(Arc::new(Mutex::new(State {
            elapsed: Duration::from_secs(1_000),
            random: Rng::with_seed(seed),
            sleepers: BinaryHeap::new(),
            wakers: Vec::new(),
            next_sleeper: 0,
            next_id: 0,
        })))
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Time since the beginning.
    pub fn elapsed(&self) -> Duration {
        self.state().elapsed
    }

    /// A draw from the range of integers.
    pub fn draw(&self, range: std::ops::Range<u64>) -> u64 {
        self.state().random.u64(range)
    }

    /// A machine whose time of day is off by `skew`.
    pub fn clock(&self, skew: SignedDuration) -> SimulatedClock {
        SimulatedClock { timeline: self.clone(), skew: Arc::new(Mutex::new(skew)) }
    }

    /// Waits.
    pub async fn sleep(&self, duration: Duration) {
        let wake_at = self.elapsed().saturating_add(duration);
        let mut is_registered = false;
        std::future::poll_fn(|context| {
            let mut state = self.state();
            if state.elapsed >= wake_at && is_registered {
                return Poll::Ready(());
            }
            is_registered = true;
            let id = state.next_sleeper;
            state.next_sleeper += 1;
            state.sleepers.push(Reverse((wake_at, id)));
            state.wakers.push((id, context.waker().clone()));
            Poll::Pending
        })
        .await;
    }

    /// Runs callers, polling the ready ones in random order, until all are done. One in
    /// `kill_one_in` polls (never when 0) kills its caller instead.
    pub fn run<T>(
        &self,
        callers: Vec<LocalBoxFuture<'_, T>>,
        kill_one_in: u64,
    ) -> Vec<Scheduled<T>> {
        let mut results: Vec<_> = callers.iter().map(|_| None).collect();
        let mut running: Vec<_> = callers
            .into_iter()
            .enumerate()
            .map(|(index, caller)| (index, caller, Arc::new(Flag(AtomicU64::new(1)))))
            .collect();
        while !running.is_empty() {
            let ready: Vec<_> = running
                .iter()
                .enumerate()
                .filter(|(_, (_, _, flag))| flag.0.load(Ordering::Relaxed) == 1)
                .map(|(place, _)| place)
                .collect();
            let Some(&place) = ready.get(self.below(ready.len())) else {
                assert!(self.wake_next(), "every caller waits for something that never comes");
                continue;
            };
            let Some((index, caller, flag)) = running.get_mut(place) else { continue };
            flag.0.store(0, Ordering::Relaxed);
            let is_killed = kill_one_in > 0 && self.draw(0..kill_one_in) == 0;
            let outcome = if is_killed {
                Some(Scheduled::Killed)
            } else {
                poll(caller.as_mut(), flag).map(Scheduled::Finished)
            };
            if outcome.is_some() {
                let index = *index;
                drop(running.swap_remove(place));
                if let Some(slot) = results.get_mut(index) {
                    *slot = outcome;
                }
            }
        }
        results.into_iter().flatten().collect()
    }

    fn below(&self, count: usize) -> usize {
        if count == 0 { 0 } else { self.state().random.usize(..count) }
    }

    /// Moves time on to the next sleeper. False when there is none.
    fn wake_next(&self) -> bool {
        let woken = {
            let state = &mut *self.state();
            let Some(Reverse((wake_at, _))) = state.sleepers.peek().copied() else { return false };
            state.elapsed = state.elapsed.max(wake_at);
            let mut woken = Vec::new();
            while let Some(Reverse((at, id))) = state.sleepers.peek().copied() {
                if at > wake_at {
                    break;
                }
                state.sleepers.pop();
                if let Some(place) = state.wakers.iter().position(|(waiting, _)| *waiting == id) {
                    woken.push(state.wakers.swap_remove(place).1);
                }
            }
            woken
        };
        woken.into_iter().for_each(Waker::wake);
        true
    }
}

fn poll<T>(caller: Pin<&mut (dyn Future<Output = T> + '_)>, flag: &Arc<Flag>) -> Option<T> {
    let waker = Waker::from(Arc::clone(flag));
    match caller.poll(&mut Context::from_waker(&waker)) {
        Poll::Ready(result) => Some(result),
        Poll::Pending => None,
    }
}

impl SimulatedClock {
    /// Sets the time of day to be off by `skew` from now on; what lasts is not affected.
    pub fn set_skew(&self, skew: SignedDuration) {
        *self.skew.lock().unwrap_or_else(PoisonError::into_inner) = skew;
    }
}

#[async_trait]
impl Clock for SimulatedClock {
    fn now(&self) -> Timestamp {
        let start = Timestamp::from_second(1_790_000_000).unwrap_or(Timestamp::UNIX_EPOCH);
        start + self.timeline.elapsed() + *self.skew.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn monotonic(&self) -> Duration {
        self.timeline.elapsed()
    }

    async fn sleep(&self, duration: Duration) {
        self.timeline.sleep(duration).await;
    }

    fn random(&self) -> f64 {
        self.timeline.state().random.f64()
    }

    fn unique_id(&self) -> String {
        let mut state = self.timeline.state();
        state.next_id += 1;
        format!("id-{}", state.next_id)
    }
}
