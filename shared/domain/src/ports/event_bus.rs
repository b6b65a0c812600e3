//! The bus that subscribers listen to.

use async_trait::async_trait;

use crate::event::BusEvent;

/// The most events that one call takes (EventBridge: 10 entries per `PutEvents`).
pub const EVENTS_PER_CALL_MAX: usize = 10;

/// What became of one event of a call.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PutOutcome {
    /// The bus has it.
    Accepted,
    /// The bus refused this one; the others of the call may have been taken.
    Refused {
        /// The bus's error code, for the log.
        code: String,
    },
}

/// The whole call failed: nothing was accepted, or nobody knows.
#[derive(Debug, thiserror::Error)]
#[error("the event bus is not available")]
pub struct BusError(#[source] pub Box<dyn std::error::Error + Send + Sync>);

/// Publishes events.
#[async_trait]
pub trait EventBus: Send + Sync {
    /// Publishes up to [`EVENTS_PER_CALL_MAX`] events in one call and tells of each what became of
    /// it, in the order given.
    ///
    /// # Errors
    /// When the call as a whole failed.
    async fn put(&self, events: &[BusEvent]) -> Result<Vec<PutOutcome>, BusError>;
}
