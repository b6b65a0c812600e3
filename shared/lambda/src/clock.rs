//! The real clock.

use std::sync::LazyLock;
use std::time::{Duration, Instant};

use async_trait::async_trait;
use jiff::Timestamp;
use sync_domain::ports::Clock;

/// Time of the machine, waiting on the runtime, the machine's randomness.
#[derive(Debug, Clone, Copy, Default)]
pub struct SystemClock;

#[async_trait]
#[expect(clippy::disallowed_methods, reason = "this is the one place that takes time and ids")]
impl Clock for SystemClock {
    fn now(&self) -> Timestamp {
        Timestamp::now()
    }

    /// `Instant` doesn't step with the time of day. Whether it goes on while the platform has the
    /// instance frozen is not promised, so nothing may rely on it alone.
    fn monotonic(&self) -> Duration {
        static START: LazyLock<Instant> = LazyLock::new(Instant::now);
        START.elapsed()
    }

    async fn sleep(&self, duration: Duration) {
        tokio::time::sleep(duration).await;
    }

    fn random(&self) -> f64 {
        fastrand::f64()
    }

    fn unique_id(&self) -> String {
        uuid::Uuid::new_v4().to_string()
    }
}
