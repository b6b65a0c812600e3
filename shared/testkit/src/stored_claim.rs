//! A claim in the fake table, and what a refused one says.

use jiff::Timestamp;
use sync_domain::keys::{Fingerprint, RecordKey};
use sync_domain::model::{ExternalId, OwnerId};
use sync_domain::ports::{Answer, Claim, ClaimOutcome, Expectation, StaleClaim, StaleLock};

use crate::stored_record::{Holder, StoredRecord};

/// How far a claim is.
#[derive(Debug, Clone)]
pub(crate) enum Status {
    InProgress {
        owner: OwnerId,
        lease_until: Timestamp,
    },
    Queued,
    Completed(Answer),
    /// With an owner when something of it may be at the provider.
    Failed {
        code: String,
        owner: Option<OwnerId>,
    },
}

/// A claim as it is stored.
#[derive(Debug, Clone)]
pub(crate) struct StoredClaim {
    pub(crate) fingerprint: Fingerprint,
    pub(crate) record: RecordKey,
    pub(crate) started_at: Timestamp,
    pub(crate) status: Status,
    /// Its push's place in line, for as long as it has one.
    pub(crate) queued_at: Option<Timestamp>,
    pub(crate) expires_at: Option<Timestamp>,
}

impl StoredClaim {
    pub(crate) fn is_expired(&self, now: Timestamp) -> bool {
        self.expires_at.is_some_and(|at| at.as_second() <= now.as_second())
    }

    /// Whether a new call may use the key.
    pub(crate) fn is_free(&self, now: Timestamp) -> bool {
        self.is_expired(now) || matches!(self.status, Status::Failed { owner: None, .. })
    }

    pub(crate) fn is_owned_by(&self, by: &OwnerId) -> bool {
        matches!(&self.status, Status::InProgress { owner, .. } if owner == by)
    }

    /// Whether a new call may take it over from an owner that is gone.
    fn is_left_by(&self, gone: &OwnerId) -> bool {
        let is_given_up =
            matches!(&self.status, Status::Failed { owner: Some(owner), .. } if owner == gone);
        is_given_up || self.is_owned_by(gone)
    }

    /// Whether it waits and nobody alive is at it.
    pub(crate) fn is_waiting(&self, now: Timestamp) -> bool {
        match self.status {
            Status::Queued => true,
            Status::InProgress { lease_until, .. } => lease_until <= now,
            Status::Completed(_) | Status::Failed { .. } => false,
        }
    }

    pub(crate) fn fail(&mut self, code: &str, owner: Option<OwnerId>, expires_at: Timestamp) {
        self.status = Status::Failed { code: code.to_owned(), owner };
        self.queued_at = None;
        self.expires_at = Some(expires_at);
    }
}

/// Whether the condition on the caller's key fails.
pub(crate) fn is_claim_refused(
    held: Option<&StoredClaim>,
    stale: Option<&StaleClaim>,
    now: Timestamp,
) -> bool {
    match (stale, held) {
        (None, held) => held.is_some_and(|held| !held.is_free(now)),
        (Some(stale), Some(held)) => !held.is_left_by(&stale.owner),
        (Some(_), None) => true,
    }
}

/// Whether the condition on the record fails.
pub(crate) fn is_lock_refused(
    record: Option<&StoredRecord>,
    claim: &Claim,
    expected: &Expectation,
) -> bool {
    let lock = record.and_then(|record| record.lock.as_ref());
    let is_waited_for = record.is_some_and(|record| record.queued > 0);
    is_waited_for
        || match &expected.lock {
            Some(stale) => lock.is_none_or(|lock| lock.owner != stale.owner),
            None => record.is_some_and(|record| {
                record.lock.is_some() || (record.version > 0 && record.holds(&claim.draft))
            }),
        }
}

/// What the refused items say, the caller's key first.
pub(crate) fn read_refusal(
    claim: &Claim,
    expected: &Expectation,
    held: Refused<&StoredClaim>,
    record: Refused<&StoredRecord>,
) -> ClaimOutcome {
    let mut found = expected.clone();
    match held {
        Refused::No => {}
        Refused::By(None) => found.claim = None,
        Refused::By(Some(held)) => {
            if held.fingerprint != claim.fingerprint {
                return ClaimOutcome::KeyReused;
            }
            let (owner, lease_until) = match held.status.clone() {
                Status::Completed(answer) => return ClaimOutcome::Replay(answer),
                _ if held.queued_at.is_some() => return ClaimOutcome::Waiting,
                Status::InProgress { owner, lease_until } => (owner, Some(lease_until)),
                Status::Failed { owner: Some(owner), .. } => (owner, None),
                // Never without a place in line, and without an owner in nobody's way.
                Status::Queued | Status::Failed { owner: None, .. } => {
                    return ClaimOutcome::Waiting;
                }
            };
            if lease_until.is_some_and(|until| until > claim.at) {
                return ClaimOutcome::InProgress { lease_until };
            }
            found.claim = Some(StaleClaim { owner, started_at: held.started_at });
        }
    }
    let Refused::By(record) = record else { return ClaimOutcome::Stale(found) };
    if record.is_some_and(|record| record.queued > 0) {
        return ClaimOutcome::Behind { stale: found.claim };
    }
    if let Some(lock) = record.and_then(|record| record.lock.clone()) {
        let Holder { owner, lease_until, started_at } = lock;
        if lease_until > claim.at {
            return ClaimOutcome::InProgress { lease_until: Some(lease_until) };
        }
        found.lock = Some(StaleLock { owner, started_at });
    } else if expected.lock.is_some() {
        found.lock = None;
    } else {
        let external_id = record.and_then(|record| record.external_id.clone());
        return ClaimOutcome::Unchanged(external_id.unwrap_or(ExternalId::new("")));
    }
    ClaimOutcome::Stale(found)
}

/// Whether an item's condition failed, and what was there.
#[derive(Clone, Copy)]
pub(crate) enum Refused<T> {
    No,
    By(Option<T>),
}

impl<T> Refused<T> {
    pub(crate) fn when(is_refused: bool, item: Option<T>) -> Self {
        if is_refused { Self::By(item) } else { Self::No }
    }
}
