//! A clock that stands still until it is moved.

use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use jiff::Timestamp;
use sync_domain::ports::Clock;

/// Starts at a fixed moment. Sleeping moves it, so waits cost no time in tests.
#[derive(Debug)]
pub struct ManualClock {
    now: Mutex<Timestamp>,
    ids: AtomicU64,
}

impl Default for ManualClock {
    fn default() -> Self {
        let start = Timestamp::from_second(1_790_000_000).unwrap_or(Timestamp::UNIX_EPOCH);
        Self { now: Mutex::new(start), ids: AtomicU64::new(0) }
    }
}

impl ManualClock {
    /// Moves the clock on.
    pub fn advance(&self, duration: Duration) {
        if let Ok(mut now) = self.now.lock() {
            *now += duration;
        }
    }
}

#[async_trait]
impl Clock for ManualClock {
    fn now(&self) -> Timestamp {
        self.now.lock().map_or(Timestamp::UNIX_EPOCH, |now| *now)
    }

    async fn sleep(&self, duration: Duration) {
        self.advance(duration);
        tokio::task::yield_now().await;
    }

    /// Nothing that a test does takes time by itself.
    async fn limit(&self, _duration: Duration) {
        std::future::pending().await
    }

    fn random(&self) -> f64 {
        0.5
    }

    fn unique_id(&self) -> String {
        format!("id-{}", self.ids.fetch_add(1, Ordering::Relaxed))
    }
}
