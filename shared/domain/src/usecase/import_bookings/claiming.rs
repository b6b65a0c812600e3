//! The caller's idempotency key. An import can be done twice without harm, so the key does not guard
//! the work but the answer: whoever asks again gets what was answered, with the same cursor.

use std::time::Duration;

use super::{ImportBookings, ImportDeps, ImportError};
use crate::keys::{claim_key, import_fingerprint};
use crate::model::{OwnerId, System};
use crate::ports::{ImportAnswer, ImportClaim, ImportClaimOutcome};
use crate::retry::RetryPolicy;

/// How long a caller is told to wait for another one with the same key.
const IN_PROGRESS_WAIT: (Duration, Duration) = (Duration::from_secs(1), Duration::from_secs(10));
/// The answer is there: keeping it is worth a few tries.
const FINISH_RETRY: RetryPolicy = RetryPolicy {
    attempts_max: 3,
    backoff_max: Duration::from_millis(200),
    wait_max: Duration::from_millis(200),
};

/// How a call begins: with a stored answer, or as ours, under a claim if there is a key.
pub(super) enum Begun {
    Answered(ImportAnswer),
    Owned(Option<ImportClaim>),
}

/// The route that a caller's key belongs to.
pub(super) fn route_of(system: System) -> String {
    format!("booking/{system}/import")
}

pub(super) async fn claim(
    deps: &ImportDeps<'_>,
    command: &ImportBookings,
) -> Result<Begun, ImportError> {
    let Some(key) = &command.idempotency_key else { return Ok(Begun::Owned(None)) };
    let at = deps.read.clock.now();
    let (cursor, selection) = (command.cursor.as_deref(), command.selection.as_ref());
    let claim = ImportClaim {
        tenant: command.tenant.clone(),
        system: command.system,
        key: claim_key(&command.tenant, &route_of(command.system), key)?,
        fingerprint: import_fingerprint(command.since, command.until, cursor, selection)?,
        owner: OwnerId::new(deps.read.clock.unique_id()),
        at,
        lease_until: command.deadline,
    };
    match deps.imports.claim(&claim).await? {
        ImportClaimOutcome::Claimed => Ok(Begun::Owned(Some(claim))),
        ImportClaimOutcome::Replay(answer) => Ok(Begun::Answered(answer)),
        ImportClaimOutcome::KeyReused => Err(ImportError::KeyReused),
        ImportClaimOutcome::InProgress(lease_until) => {
            let left = Duration::try_from(lease_until.duration_since(at)).unwrap_or_default();
            let (shortest, longest) = IN_PROGRESS_WAIT;
            Err(ImportError::InProgress { retry_after: left.clamp(shortest, longest) })
        }
    }
}

/// Keeps the answer. If that fails the answer is given all the same: the same key then does the work
/// again when the lease is over, and finds nothing but duplicates.
pub(super) async fn finish(deps: &ImportDeps<'_>, claim: &ImportClaim, answer: &ImportAnswer) {
    let mut attempt = 1;
    while deps.imports.finish(claim, answer).await.is_err() {
        let clock = deps.read.clock;
        let left = claim.lease_until.duration_since(clock.now());
        let left = Duration::try_from(left).unwrap_or_default();
        let Some(wait) = FINISH_RETRY.wait_after(attempt, None, clock.random(), left) else {
            return;
        };
        clock.sleep(wait).await;
        attempt += 1;
    }
}

/// Gives the key back. If even that fails, the lease ends by itself.
pub(super) async fn release(deps: &ImportDeps<'_>, claim: &ImportClaim) {
    drop(deps.imports.release(claim).await);
}
