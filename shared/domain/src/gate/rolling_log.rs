//! The calls of one instance, counted against its share.
//!
//! The provider counts a call somewhere between its start and its end, nobody knows where. A permit
//! is therefore busy from the start until a whole window after the end: then no rolling window of the
//! provider, wherever it begins, holds more calls than there are permits. A call of
//! several requests takes as many permits.

use std::collections::HashMap;
use std::time::Duration;

/// For a window that the provider counts in coarse steps, and for a request that was given up and
/// is still on its way.
pub const WINDOW_MARGIN: Duration = Duration::from_millis(250);

#[derive(Debug)]
struct InFlight {
    started: Duration,
    requests: u32,
}

#[derive(Debug)]
struct Ended {
    busy_until: Duration,
    requests: u32,
}

/// Times are of the instance's monotonic clock.
#[derive(Debug, Default)]
pub struct RollingLog {
    next_id: u64,
    in_flight: HashMap<u64, InFlight>,
    ended: Vec<Ended>,
}

impl RollingLog {
    /// How many permits are busy.
    pub fn busy(&mut self, now: Duration) -> u32 {
        self.ended.retain(|call| call.busy_until > now);
        let in_flight = self.in_flight.values().map(|call| call.requests);
        let ended = self.ended.iter().map(|call| call.requests);
        in_flight.chain(ended).fold(0, u32::saturating_add)
    }

    /// A call of so many requests starts. Its number.
    pub fn start(&mut self, started: Duration, requests: u32) -> u64 {
        self.next_id += 1;
        self.in_flight.insert(self.next_id, InFlight { started, requests });
        self.next_id
    }

    /// A call is over.
    pub fn end(&mut self, id: u64, now: Duration, window: Duration) {
        if let Some(InFlight { requests, .. }) = self.in_flight.remove(&id) {
            self.ended.push(Ended { busy_until: now + window + WINDOW_MARGIN, requests });
        }
    }

    /// A call's caller is gone and nobody knows how far the call went: it ends when the longest call
    /// would have.
    pub fn abandon(&mut self, id: u64, now: Duration, call_max: Duration, window: Duration) {
        if let Some(InFlight { started, requests }) = self.in_flight.remove(&id) {
            let busy_until = now.max(started + call_max) + window + WINDOW_MARGIN;
            self.ended.push(Ended { busy_until, requests });
        }
    }

    /// Whether no call is under way.
    pub fn is_over(&self) -> bool {
        self.in_flight.is_empty()
    }

    /// When the next permit comes free, as far as that is known.
    pub fn next_free(&self) -> Option<Duration> {
        self.ended.iter().map(|call| call.busy_until).min()
    }

    /// When the last permit comes free of the calls that are over.
    pub fn last_free(&self) -> Option<Duration> {
        self.ended.iter().map(|call| call.busy_until).max()
    }
}
