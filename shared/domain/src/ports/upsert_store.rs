//! Where an upsert is claimed, locked and completed.
//!
//! One claim covers two things at once: the caller's idempotency key, and the record itself, so
//! that neither two calls with one key nor two keys with one record can write at the same time.
//! Each method is one round trip.

use async_trait::async_trait;
use jiff::Timestamp;

use super::Written;
use crate::keys::{ClaimKey, Fingerprint, RecordKey};
use crate::model::{
    Attributes, CorrelationId, CrmDraft, ExternalId, OwnerId, System, TenantId, UpsertStatus,
};

/// What is claimed, by whom, until when.
#[derive(Debug, Clone)]
pub struct Claim {
    /// Whose record.
    pub tenant: TenantId,
    /// Which system.
    pub system: System,
    /// Where the claim is kept.
    pub key: ClaimKey,
    /// Where the record is kept.
    pub record: RecordKey,
    /// What was asked for under the key.
    pub fingerprint: Fingerprint,
    /// The wanted values.
    pub draft: CrmDraft,
    /// This attempt.
    pub owner: OwnerId,
    /// Now.
    pub at: Timestamp,
    /// When this attempt is surely over: the invocation's own deadline.
    pub lease_until: Timestamp,
    /// When somebody first began this work; it outlives a takeover.
    pub started_at: Timestamp,
    /// The request.
    pub correlation_id: CorrelationId,
    /// Of an upsert that had to wait: its place in the line of its record, which it leaves when it
    /// is completed.
    pub queued_at: Option<Timestamp>,
}

impl Claim {
    /// Its place among the upserts of its record: when it was accepted, or began if it was not kept
    /// waiting. Where several are applied, later ones have later places.
    pub fn place(&self) -> Timestamp {
        self.queued_at.unwrap_or(self.at)
    }
}

/// A claim whose owner is gone.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StaleClaim {
    /// The owner that did not finish.
    pub owner: OwnerId,
    /// When the work began.
    pub started_at: Timestamp,
}

/// A record's lock whose owner is gone.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StaleLock {
    /// The owner that did not finish.
    pub owner: OwnerId,
    /// When the work began.
    pub started_at: Timestamp,
}

/// What a claim expects to find. The default, nothing in the way, is the first try of every call.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Expectation {
    /// The caller's key is held by this dead owner.
    pub claim: Option<StaleClaim>,
    /// The record is locked by this dead owner.
    pub lock: Option<StaleLock>,
}

/// A completed answer, as it is stored and replayed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answer {
    /// The provider's id.
    pub external_id: ExternalId,
    /// What was done.
    pub status: UpsertStatus,
}

/// What a claim came to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ClaimOutcome {
    /// It is ours until the lease ends.
    Claimed,
    /// The key was completed before: this is the stored answer.
    Replay(Answer),
    /// The key was used before for another payload.
    KeyReused,
    /// Someone else is at it, under the same key or with the same record.
    InProgress {
        /// When the other one is over at the latest, if that is known.
        lease_until: Option<Timestamp>,
    },
    /// The record already holds all the wanted values and associations, and was not deleted.
    Unchanged(ExternalId),
    /// The same call waits already, to be carried out later.
    Waiting,
    /// Earlier upserts of the record wait; this one must not go before them.
    Behind {
        /// A dead owner that held the caller's key: perhaps it has written something.
        stale: Option<StaleClaim>,
    },
    /// The one before us died. Claim again with this expectation, and find out what it did.
    Stale(Expectation),
}

/// An upsert that is done at the provider, associations included.
#[derive(Debug, Clone)]
pub struct Finished {
    /// What the provider did.
    pub written: Written,
    /// Our time when the call began that gave this state. Of two reads of one provider version the
    /// later one counts.
    pub read_at: Timestamp,
    /// Now.
    pub at: Timestamp,
}

impl Finished {
    /// The values to store: what the draft set, and of all else what the provider answered.
    pub fn attributes(&self, draft: &CrmDraft) -> Attributes {
        let mut attributes = self.written.attributes.clone();
        for (name, value) in draft.attributes.iter() {
            attributes.set(name, value);
        }
        attributes
    }
}

/// What a completion came to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Completion {
    /// The answer is kept, and the version stored unless a newer one was already there.
    Stored,
    /// The claim is no longer ours. The answer of the one that took it over, if there is one yet.
    Lost(Option<Answer>),
}

/// How a claim is given back.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Release {
    /// Nothing was written at the provider: as if the call had never been.
    Undone,
    /// Perhaps something was written: whoever comes next takes over at once and finds out.
    Unresolved,
}

/// Why the store could not do it.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// Throttled, or out of reach; another attempt may succeed.
    #[error("the store is not available")]
    Unavailable(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// Another write is at the same item right now; a moment later it is over.
    #[error("another write is at the same item")]
    Conflict,
    /// A stored item has a shape that we can't read.
    #[error("a stored item can't be read: {0}")]
    Malformed(&'static str),
    /// A part of a key is not allowed.
    #[error(transparent)]
    BadKey(#[from] crate::keys::SeparatorInPart),
}

/// Claims and records.
#[async_trait]
pub trait UpsertStore: Send + Sync {
    /// Claims the caller's key and the record, in one conditional write.
    ///
    /// # Errors
    /// See [`StoreError`].
    async fn claim(
        &self,
        claim: &Claim,
        expectation: &Expectation,
    ) -> Result<ClaimOutcome, StoreError>;

    /// The provider's id of the record as it is stored, `None` where it was deleted or never
    /// stored. Needed only where the provider can't find a record by its natural key.
    ///
    /// # Errors
    /// See [`StoreError`].
    async fn known_external_id(&self, claim: &Claim) -> Result<Option<ExternalId>, StoreError>;

    /// Stores the record's new version, the way from the provider's id to it, and the answer, in
    /// one write that only the owner can do. Where a state that the provider gave later was stored
    /// meanwhile, that one stays and only the answer is kept.
    ///
    /// # Errors
    /// See [`StoreError`].
    async fn complete(&self, claim: &Claim, finished: &Finished) -> Result<Completion, StoreError>;

    /// Gives the claim back without a result. It is no error when the claim is no longer ours.
    ///
    /// # Errors
    /// See [`StoreError`].
    async fn release(&self, claim: &Claim, release: Release) -> Result<(), StoreError>;
}
