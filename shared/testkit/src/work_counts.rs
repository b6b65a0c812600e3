//! Counts that a test sets.

use async_trait::async_trait;
use sync_domain::model::{System, TenantId};
use sync_domain::ports::{BoundedCount, StoreError, WaitingWork, WorkCounts};

/// Says the same of everybody.
#[derive(Debug, Default)]
pub struct FixedWorkCounts {
    /// Upserts that wait.
    pub queued: usize,
    /// Dead letters.
    pub dead_letters: usize,
}

#[async_trait]
impl WorkCounts for FixedWorkCounts {
    async fn count(
        &self,
        _tenant: &TenantId,
        _system: System,
        work: WaitingWork,
    ) -> Result<BoundedCount, StoreError> {
        Ok(BoundedCount::of(match work {
            WaitingWork::Queued => self.queued,
            WaitingWork::DeadLetters => self.dead_letters,
        }))
    }
}
