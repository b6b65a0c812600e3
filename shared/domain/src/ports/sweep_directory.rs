//! Which connections are to be swept when.

use async_trait::async_trait;

use super::StoreError;
use crate::model::{System, SystemKind, TenantId};

/// The hour is cut into so many slots; each connection has one of them.
pub const SWEEP_SLOTS: u32 = 12;

/// One page of a slot.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct SlotPage {
    /// Connections to systems of the kind.
    pub connections: Vec<(TenantId, System)>,
    /// What the next page is asked for with; `None` at the end.
    pub next: Option<String>,
}

/// Lists the connections to systems of one kind by their slot. The one place that looks across tenants.
#[async_trait]
pub trait SweepDirectory: Send + Sync {
    /// A page of the connections of a slot, 0 to [`SWEEP_SLOTS`] - 1. Those are listed that work; who
    /// sweeps drops the systems that can't be swept.
    ///
    /// # Errors
    /// See [`StoreError`].
    async fn slot(
        &self,
        kind: SystemKind,
        slot: u32,
        after: Option<&str>,
    ) -> Result<SlotPage, StoreError>;
}

/// The slot of a connection: always the same one, and spread evenly over tenants.
pub fn sweep_slot(tenant: &TenantId, system: System) -> u32 {
    let name = format!("{tenant}#{system}");
    // FNV-1a: any spread will do, as long as it is the same in every build.
    let hash = name
        .bytes()
        .fold(0x811c_9dc5_u32, |hash, byte| (hash ^ u32::from(byte)).wrapping_mul(0x0100_0193));
    hash % SWEEP_SLOTS
}
