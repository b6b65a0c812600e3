//! Connections by slot in memory.

use std::collections::BTreeSet;
use std::sync::{Mutex, PoisonError};

use async_trait::async_trait;
use sync_domain::model::{System, SystemKind, TenantId};
use sync_domain::ports::{SlotPage, StoreError, SweepDirectory, sweep_slot};

/// Lists the connections that were added, in pages of so many.
#[derive(Debug)]
pub struct MemorySweepDirectory {
    connections: Mutex<BTreeSet<(TenantId, System)>>,
    page_max: usize,
}

impl MemorySweepDirectory {
    /// An empty one.
    pub const fn with_pages_of(page_max: usize) -> Self {
        Self { connections: Mutex::new(BTreeSet::new()), page_max }
    }

    /// Adds a connection.
    pub fn connect(&self, tenant: &TenantId, system: System) {
        let mut connections = self.connections.lock().unwrap_or_else(PoisonError::into_inner);
        connections.insert((tenant.clone(), system));
    }
}

#[async_trait]
impl SweepDirectory for MemorySweepDirectory {
    async fn slot(
        &self,
        kind: SystemKind,
        slot: u32,
        after: Option<&str>,
    ) -> Result<SlotPage, StoreError> {
        tokio::task::yield_now().await;
        let skipped = after.map_or(Ok(0), str::parse::<usize>);
        let skipped = skipped.map_err(|_error| StoreError::Malformed("a page's end"))?;
        let connections = self.connections.lock().unwrap_or_else(PoisonError::into_inner);
        let here = connections.iter().filter(|(tenant, system)| {
            system.kind() == kind && sweep_slot(tenant, *system) == slot
        });
        let here: Vec<_> = here.skip(skipped).cloned().collect();
        let next = (here.len() > self.page_max).then(|| (skipped + self.page_max).to_string());
        Ok(SlotPage { connections: here.into_iter().take(self.page_max).collect(), next })
    }
}
