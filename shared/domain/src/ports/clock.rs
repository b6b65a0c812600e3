//! Time, as something that is handed in.

use std::time::Duration;

use async_trait::async_trait;
use jiff::Timestamp;

/// The time of day, waiting, and dice: all that a use case must not take for itself.
#[async_trait]
pub trait Clock: Send + Sync {
    /// Now.
    fn now(&self) -> Timestamp;

    /// Time since some fixed moment, which never steps and never goes back: for what lasts, as
    /// opposed to what a date is written on. A clock that is never set can leave it to the time of
    /// day.
    fn monotonic(&self) -> Duration {
        Duration::try_from(self.now().duration_since(Timestamp::UNIX_EPOCH)).unwrap_or_default()
    }

    /// Waits.
    async fn sleep(&self, duration: Duration);

    /// The same as the end of a time limit that something else races against. A clock that is moved by
    /// sleeping is not moved by this.
    async fn limit(&self, duration: Duration) {
        self.sleep(duration).await;
    }

    /// A draw from 0 (included) to 1 (excluded), for jitter.
    fn random(&self) -> f64;

    /// Something unique that nobody can guess, in letters, digits and hyphens: for owners of claims,
    /// ids of entries, and tokens.
    fn unique_id(&self) -> String;
}
