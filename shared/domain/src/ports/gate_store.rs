//! Where the state of a gate is kept, for all instances together.

use async_trait::async_trait;

use super::StoreError;
use crate::gate::GateState;
use crate::model::{System, TenantId};

/// What a save came to.
#[derive(Debug, Clone, PartialEq)]
pub enum SaveOutcome {
    /// It is stored, one revision on.
    Saved,
    /// Another instance was faster, or this is the answer to our own write that was sent again:
    /// nothing was written now, and this is what is there.
    Conflict(Box<GateState>),
}

/// One small item per tenant and system, read and written as a whole.
#[async_trait]
pub trait GateStore: Send + Sync {
    /// The state as it is now; the default state with revision 0 when there is none.
    ///
    /// # Errors
    /// See [`StoreError`].
    async fn load(&self, tenant: &TenantId, system: System) -> Result<GateState, StoreError>;

    /// Stores `state` with the revision `state.revision + 1`, if `state.revision` is still the one
    /// that is there.
    ///
    /// # Errors
    /// See [`StoreError`]. After `Unavailable` nobody knows whether it was stored.
    async fn save(
        &self,
        tenant: &TenantId,
        system: System,
        state: &GateState,
    ) -> Result<SaveOutcome, StoreError>;
}
