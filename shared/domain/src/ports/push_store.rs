//! Upserts that wait because the provider can't take them now.
//!
//! Such an upsert keeps its claim on the caller's key; what was wanted waits beside it, in the order
//! of arrival per record, so that an older push can't overwrite a newer one. While pushes wait for a
//! record, later upserts of it queue up behind them. The message on the queue carries keys only.

use async_trait::async_trait;
use jiff::Timestamp;

use super::{Answer, Claim, RemoteEffect, StaleClaim, StoreError};
use crate::keys::{ClaimKey, Fingerprint, RecordKey};
use crate::model::{CorrelationId, CrmDraft, OwnerId, PushMessage, System, TenantId};

/// A push that waits, or one that is being carried out.
#[derive(Debug, Clone)]
pub struct QueuedPush {
    /// Whose record.
    pub tenant: TenantId,
    /// Which system.
    pub system: System,
    /// The claim on the caller's key.
    pub key: ClaimKey,
    /// The record.
    pub record: RecordKey,
    /// What was asked for.
    pub fingerprint: Fingerprint,
    /// The wanted values.
    pub draft: CrmDraft,
    /// The request.
    pub correlation_id: CorrelationId,
    /// When the work began.
    pub started_at: Timestamp,
    /// Its place in the line of the record's pushes, which no other one has.
    pub queued_at: Timestamp,
    /// Whether something of it may be at the provider already.
    pub effect: RemoteEffect,
    /// How often it was tried and failed.
    pub tries: u32,
}

impl QueuedPush {
    /// The claim of a worker that carries the push out.
    pub fn claim_by(&self, owner: OwnerId, now: Timestamp, lease_until: Timestamp) -> Claim {
        Claim {
            tenant: self.tenant.clone(),
            system: self.system,
            key: self.key.clone(),
            record: self.record.clone(),
            fingerprint: self.fingerprint.clone(),
            draft: self.draft.clone(),
            owner,
            at: now,
            lease_until,
            started_at: self.started_at,
            correlation_id: self.correlation_id.clone(),
            queued_at: Some(self.queued_at),
        }
    }
}

/// What parking came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Parked {
    /// It waits.
    Queued,
    /// Not: the claim is not ours any more, or what it was to wait behind is gone. Nothing changed.
    Lost,
}

/// What the start of a push came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PushStart {
    /// It is ours until the lease ends.
    Started,
    /// Someone else is at the record until then at the latest.
    Busy {
        /// The end of the other one's lease.
        until: Option<Timestamp>,
    },
    /// It is done, given up or erased in the meantime.
    Gone,
    /// The record holds all that is wanted: the push is done, and out of the line.
    Unchanged,
    /// A later upsert of the record was applied while this one was given up: it is out of the line
    /// for good.
    Superseded,
}

/// What queueing a push again came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum QueuedAgain {
    /// It waits again.
    Queued,
    /// There is no such push any more.
    Gone,
    /// A later upsert of the same record has been applied: carrying this one out would put older
    /// values over newer ones.
    Superseded,
}

/// What is known of a caller's key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum KeyStatus {
    /// Nothing: never used, or forgotten.
    Unknown,
    /// A call is at work.
    InProgress {
        /// When it is surely over.
        lease_until: Timestamp,
    },
    /// It waits.
    Queued,
    /// It is done.
    Completed(Answer),
    /// It waited and was then refused for good.
    Failed {
        /// Our code of the reason.
        code: String,
    },
}

/// Keeps pushes that wait. Places in a line only grow, whatever the clocks of the callers say.
#[async_trait]
pub trait PushStore: Send + Sync {
    /// Turns our claim into one that waits at the end of the line: its lock on the record is given
    /// up, what is wanted is kept. `at` is its place, or a later one if that is taken.
    ///
    /// # Errors
    /// See [`StoreError`].
    async fn park(
        &self,
        claim: &Claim,
        effect: RemoteEffect,
        at: Timestamp,
    ) -> Result<Parked, StoreError>;

    /// Lets a new call wait behind the pushes that wait for its record already, in place of the dead
    /// owner of its key if there is one.
    ///
    /// # Errors
    /// See [`StoreError`].
    async fn queue_behind(
        &self,
        claim: &Claim,
        stale: Option<&StaleClaim>,
        at: Timestamp,
    ) -> Result<Parked, StoreError>;

    /// The push that is first in line for a record.
    ///
    /// # Errors
    /// See [`StoreError`].
    async fn next(
        &self,
        tenant: &TenantId,
        system: System,
        record: &RecordKey,
    ) -> Result<Option<QueuedPush>, StoreError>;

    /// Makes the first push ours: its claim and the lock on its record, in one conditional write.
    /// It counts as unresolved from then on, until somebody knows better.
    ///
    /// # Errors
    /// See [`StoreError`].
    async fn start(&self, push: &QueuedPush, claim: &Claim) -> Result<PushStart, StoreError>;

    /// Puts a push that we had started back to its place, with the effect and the tries that it has
    /// now. It is no error when it is no longer ours.
    ///
    /// # Errors
    /// See [`StoreError`].
    async fn put_back(&self, push: &QueuedPush, claim: &Claim) -> Result<(), StoreError>;

    /// Takes a push that we had started out of the line, with the effect that it has now; it can be
    /// queued again. It is no error when it is no longer ours.
    ///
    /// # Errors
    /// See [`StoreError`].
    async fn give_up(
        &self,
        push: &QueuedPush,
        claim: &Claim,
        code: &str,
        at: Timestamp,
    ) -> Result<(), StoreError>;

    /// Puts a push that was given up back to the place it had, unless a later upsert of the record
    /// has been applied since. Its caller may have tried again and have crashed, so it counts as
    /// unresolved.
    ///
    /// # Errors
    /// See [`StoreError`].
    async fn queue_again(
        &self,
        message: &PushMessage,
        at: Timestamp,
    ) -> Result<QueuedAgain, StoreError>;

    /// Marks a claim as failed that waits, or whose worker is gone, and whose push is not there any
    /// more. False if it is no such claim.
    ///
    /// # Errors
    /// See [`StoreError`].
    async fn abandon(
        &self,
        message: &PushMessage,
        code: &str,
        at: Timestamp,
    ) -> Result<bool, StoreError>;

    /// What is known of a caller's key.
    ///
    /// # Errors
    /// See [`StoreError`].
    async fn key_status(
        &self,
        tenant: &TenantId,
        key: &ClaimKey,
        now: Timestamp,
    ) -> Result<KeyStatus, StoreError>;
}
