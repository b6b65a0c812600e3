//! The calls of one instance, counted against its share.
//!
//! The provider counts a call somewhere between its start and its end, nobody knows where. A permit
//! is therefore busy from the start until a whole window after the end: then no rolling window of the
//! provider, wherever it begins, holds more calls than there are permits.

use std::collections::HashMap;
use std::time::Duration;

/// For a window that the provider counts in coarse steps, and for a request that was given up and
/// is still on its way.
pub const WINDOW_MARGIN: Duration = Duration::from_millis(250);

/// Times are of the instance's monotonic clock.
#[derive(Debug, Default)]
pub struct RollingLog {
    next_id: u64,
    in_flight: HashMap<u64, Duration>,
    busy_until: Vec<Duration>,
}

impl RollingLog {
    /// How many permits are busy.
    pub fn busy(&mut self, now: Duration) -> u32 {
        self.busy_until.retain(|until| *until > now);
        u32::try_from(self.in_flight.len() + self.busy_until.len()).unwrap_or(u32::MAX)
    }

    /// A call starts. Its number.
    pub fn start(&mut self, now: Duration) -> u64 {
        self.next_id += 1;
        self.in_flight.insert(self.next_id, now);
        self.next_id
    }

    /// A call is over.
    pub fn end(&mut self, id: u64, now: Duration, window: Duration) {
        if self.in_flight.remove(&id).is_some() {
            self.busy_until.push(now + window + WINDOW_MARGIN);
        }
    }

    /// A call's caller is gone and nobody knows how far the call went: it ends when the longest call
    /// would have.
    pub fn abandon(&mut self, id: u64, now: Duration, call_max: Duration, window: Duration) {
        if let Some(started) = self.in_flight.remove(&id) {
            self.busy_until.push(now.max(started + call_max) + window + WINDOW_MARGIN);
        }
    }

    /// When the next permit comes free, as far as that is known.
    pub fn next_free(&self) -> Option<Duration> {
        self.busy_until.iter().min().copied()
    }
}
