//! Runs several callers in one random interleaving, and kills some of them on the way.

use std::task::{Context, Poll};

use fastrand::Rng;
use futures::future::LocalBoxFuture;
use futures::task::noop_waker_ref;

/// What became of one caller.
#[derive(Debug)]
pub enum Scheduled<T> {
    /// It ran to its end.
    Finished(T),
    /// It was dropped at one of its awaits, as by a crash.
    Killed,
}

/// One reproducible interleaving.
#[derive(Debug)]
pub struct Schedule {
    random: Rng,
    kill_percent: u8,
}

impl Schedule {
    /// The interleaving of a seed. At each step a caller is killed with `kill_percent`.
    pub fn new(seed: u64, kill_percent: u8) -> Self {
        Self { random: Rng::with_seed(seed), kill_percent }
    }

    /// Polls one caller after the other, chosen at random, until all are finished or killed.
    pub fn run<T>(&mut self, callers: Vec<LocalBoxFuture<'_, T>>) -> Vec<Scheduled<T>> {
        let mut context = Context::from_waker(noop_waker_ref());
        let mut results: Vec<_> = callers.iter().map(|_| None).collect();
        let mut running: Vec<_> = callers.into_iter().enumerate().collect();
        while !running.is_empty() {
            let chosen = self.random.usize(..running.len());
            let Some((index, caller)) = running.get_mut(chosen) else { continue };
            let index = *index;
            let outcome = if self.random.u8(..100) < self.kill_percent {
                Some(Scheduled::Killed)
            } else {
                match caller.as_mut().poll(&mut context) {
                    Poll::Ready(result) => Some(Scheduled::Finished(result)),
                    Poll::Pending => None,
                }
            };
            if outcome.is_some() {
                drop(running.swap_remove(chosen));
                if let Some(slot) = results.get_mut(index) {
                    *slot = outcome;
                }
            }
        }
        results.into_iter().flatten().collect()
    }
}
