//! Where imports are claimed and remembered.

use async_trait::async_trait;
use jiff::Timestamp;

use super::StoreError;
use crate::keys::{ClaimKey, Fingerprint};
use crate::model::{OwnerId, System, TenantId};

/// Up to where a system has been read completely.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Watermark {
    /// When the import began that completed last.
    pub began_at: Timestamp,
    /// When it was complete.
    pub completed_at: Timestamp,
}

/// What one call of an import came to; the counts are the call's own.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ImportAnswer {
    /// Bookings stored for the first time.
    pub imported: u64,
    /// Bookings with a new version.
    pub updated: u64,
    /// Bookings that were as stored.
    pub skipped_duplicates: u64,
    /// How to go on; `None` at the end.
    pub next_cursor: Option<String>,
}

/// A caller's idempotency key on an import.
#[derive(Debug, Clone)]
pub struct ImportClaim {
    /// Whose.
    pub tenant: TenantId,
    /// Which system.
    pub system: System,
    /// Where the claim is kept.
    pub key: ClaimKey,
    /// What was asked for under the key.
    pub fingerprint: Fingerprint,
    /// This attempt.
    pub owner: OwnerId,
    /// Now.
    pub at: Timestamp,
    /// When this attempt is surely over.
    pub lease_until: Timestamp,
}

/// What claiming came to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ImportClaimOutcome {
    /// It is ours; also when a dead owner's lease was over.
    Claimed,
    /// Somebody is at it until then at the latest.
    InProgress(Timestamp),
    /// It was done before.
    Replay(ImportAnswer),
    /// The key was used for something else.
    KeyReused,
}

/// Claims and watermarks of imports.
#[async_trait]
pub trait ImportStore: Send + Sync {
    /// How far the tenant's system has been read; `None` before the first import is complete.
    ///
    /// # Errors
    /// See [`StoreError`].
    async fn watermark(
        &self,
        tenant: &TenantId,
        system: System,
    ) -> Result<Option<Watermark>, StoreError>;

    /// Sets the watermark unless one of a later beginning is there.
    ///
    /// # Errors
    /// See [`StoreError`].
    async fn complete(
        &self,
        tenant: &TenantId,
        system: System,
        watermark: Watermark,
    ) -> Result<(), StoreError>;

    /// Claims a key.
    ///
    /// # Errors
    /// See [`StoreError`].
    async fn claim(&self, claim: &ImportClaim) -> Result<ImportClaimOutcome, StoreError>;

    /// Stores the answer, if the claim is still this owner's.
    ///
    /// # Errors
    /// See [`StoreError`].
    async fn finish(&self, claim: &ImportClaim, answer: &ImportAnswer) -> Result<(), StoreError>;

    /// Gives the key back after a failure, if the claim is still this owner's.
    ///
    /// # Errors
    /// See [`StoreError`].
    async fn release(&self, claim: &ImportClaim) -> Result<(), StoreError>;
}
