//! How far the changes of each CRM have been asked for, and which sweep is at it.
//!
//! A sweep has its turn for as long as it is seen now and then: an hourly one that finds a long one
//! under way leaves the field to it, so that two never read the same span side by side for hours.
//! Nothing is lost if both do: the watermark only grows.

use std::time::Duration;

use async_trait::async_trait;
use jiff::Timestamp;

use super::StoreError;
use crate::model::{CorrelationId, System, TenantId};

/// A sweep that has not been seen for this long is over. Longer than the longest wait of a message,
/// the time until one comes again whose worker has died, and some waiting on the queue.
pub const SWEEP_TURN: Duration = Duration::from_secs(1_800);

/// Up to where an account's changes have been put on their queue.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SweepWatermark {
    /// The provider's id of the account; of another one it says nothing.
    pub account_id: String,
    /// The end of the span that was completed last.
    pub swept_until: Timestamp,
    /// When that was.
    pub completed_at: Timestamp,
}

/// A sweep of one connection.
#[derive(Debug, Clone, Copy)]
pub struct SweepOf<'a> {
    /// Whose.
    pub tenant: &'a TenantId,
    /// Which system.
    pub system: System,
    /// The sweep, see [`crate::model::CrmSweepStep::correlation_id`].
    pub sweep: &'a CorrelationId,
}

/// What asking for a turn came to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SweepTurn {
    /// It is this sweep's, now or still; with the watermark, if there is one.
    Ours(Option<SweepWatermark>),
    /// Another sweep is at it.
    Taken,
}

/// Watermarks and turns of CRM sweeps.
#[async_trait]
pub trait CrmSweepStore: Send + Sync {
    /// Takes or keeps the turn, unless another sweep was seen within [`SWEEP_TURN`] before `now`.
    ///
    /// # Errors
    /// See [`StoreError`].
    async fn take_turn(&self, sweep: SweepOf<'_>, now: Timestamp) -> Result<SweepTurn, StoreError>;

    /// Sets the watermark, unless a later one of the same account is there, and gives the turn back if
    /// it is this sweep's.
    ///
    /// # Errors
    /// See [`StoreError`].
    async fn complete(
        &self,
        sweep: SweepOf<'_>,
        watermark: &SweepWatermark,
    ) -> Result<(), StoreError>;

    /// Gives the turn back if it is this sweep's.
    ///
    /// # Errors
    /// See [`StoreError`].
    async fn leave(&self, sweep: SweepOf<'_>) -> Result<(), StoreError>;
}
