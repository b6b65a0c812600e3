//! Where audit entries go.

use async_trait::async_trait;

use super::StoreError;
use crate::model::AuditEntry;

/// Writes audit entries; they are never changed and never read by a function.
#[async_trait]
pub trait AuditLog: Send + Sync {
    /// Stores one entry.
    ///
    /// # Errors
    /// See [`StoreError`].
    async fn record(&self, entry: &AuditEntry) -> Result<(), StoreError>;
}
