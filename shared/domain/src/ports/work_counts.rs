//! How much of a tenant's work waits, for its health.

use async_trait::async_trait;

use super::StoreError;
use crate::model::{System, TenantId};

/// Nobody counts further than this: who has more has the same problem.
pub const COUNT_MAX: u32 = 1_000;

/// Work that waits for something.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum WaitingWork {
    /// Upserts that wait for the provider.
    Queued,
    /// Messages that wait for an operator.
    DeadLetters,
}

/// A count up to [`COUNT_MAX`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BoundedCount {
    /// How many.
    pub count: u32,
    /// Whether there are more.
    pub is_capped: bool,
}

impl BoundedCount {
    /// Of something that was counted at least one further than [`COUNT_MAX`].
    pub fn of(counted: usize) -> Self {
        let count = u32::try_from(counted).unwrap_or(u32::MAX);
        Self { count: count.min(COUNT_MAX), is_capped: count > COUNT_MAX }
    }
}

/// Counts waiting work.
#[async_trait]
pub trait WorkCounts: Send + Sync {
    /// How much there is; it costs as much as reading that much.
    ///
    /// # Errors
    /// See [`StoreError`].
    async fn count(
        &self,
        tenant: &TenantId,
        system: System,
        work: WaitingWork,
    ) -> Result<BoundedCount, StoreError>;
}
