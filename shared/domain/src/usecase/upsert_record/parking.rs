//! Upserts that the provider can't take now: accepted, kept, and carried out later.
//!
//! The message that wakes the worker is sent before the claim is turned into one that waits. So an
//! accepted upsert always has its message; a crash in between leaves a message that finds nothing
//! to do, and a caller who has not been told that anything was accepted.

use std::time::Duration;

use jiff::Timestamp;

use super::claiming::until_from;
use super::run::Stopped;
use super::{UpsertDeps, UpsertError};
use crate::model::PushMessage;
use crate::ports::{
    Claim, DELAY_MAX, Parked, ProviderError, SendOutcome, StaleClaim, StoreError, WorkHistory,
    WorkMessage,
};

/// The message comes no earlier than this: most claims have become ones that wait by then.
const WAKE_MIN: Duration = Duration::from_secs(5);
/// The shortest wait for somebody else.
const TURN_MIN: Duration = Duration::from_secs(1);
/// The longest: most are over long before their lease is.
const TURN_MAX: Duration = Duration::from_secs(5);

/// Whether what stopped an upsert may pass, so that it is worth waiting for.
pub(super) fn may_pass(error: &UpsertError) -> bool {
    let UpsertError::Provider(error) = error else { return false };
    match error {
        ProviderError::RateLimited { .. }
        | ProviderError::Unavailable { .. }
        | ProviderError::TimedOut
        | ProviderError::Closed { .. } => true,
        // A conflict that outlives the tries is the content's, not the moment's.
        ProviderError::Contended { status, .. } => !matches!(status, 400 | 409),
        ProviderError::Rejected { .. }
        | ProviderError::Duplicate { .. }
        | ProviderError::Unauthorized
        | ProviderError::MissingScope => false,
    }
}

/// Lets a claimed upsert wait.
pub(super) async fn park(
    deps: &UpsertDeps<'_>,
    claim: &Claim,
    stopped: &Stopped,
) -> Result<Parked, UpsertError> {
    let asked_for =
        if let UpsertError::Provider(error) = &stopped.error { error.asked_wait() } else { None };
    wake_later(deps, claim, asked_for).await?;
    Ok(deps.pushes.park(claim, stopped.effect(), deps.clock.now()).await?)
}

/// Lets a new upsert wait behind those that wait for its record already.
pub(super) async fn queue_behind(
    deps: &UpsertDeps<'_>,
    claim: &Claim,
    stale: Option<&StaleClaim>,
) -> Result<Parked, UpsertError> {
    wake_later(deps, claim, None).await?;
    Ok(deps.pushes.queue_behind(claim, stale, deps.clock.now()).await?)
}

async fn wake_later(
    deps: &UpsertDeps<'_>,
    claim: &Claim,
    asked_for: Option<Duration>,
) -> Result<(), UpsertError> {
    let unreachable = || StoreError::Unavailable("the queue did not take the message".into());
    let message = PushMessage {
        tenant: claim.tenant.clone(),
        system: claim.system,
        object_type: claim.draft.object_type,
        record: claim.record.clone(),
        key: claim.key.clone(),
        correlation_id: claim.correlation_id.clone(),
        call_ends_at: Some(claim.lease_until),
    };
    let body = message.to_body().map_err(|_unwritable| unreachable())?;
    let history =
        WorkHistory { attempt: 0, first_enqueued_at: deps.clock.now(), dead_letter_id: None };
    // A provider's wait is counted from its answer, and the message is delayed from now: near enough.
    let delay = asked_for.unwrap_or_default().clamp(WAKE_MIN, DELAY_MAX);
    let sent = deps.push_queue.send(&[WorkMessage { body, delay, history }]).await;
    if sent.first() == Some(&SendOutcome::Accepted) { Ok(()) } else { Err(unreachable().into()) }
}

/// How long a worker waits for somebody whose lease ends then, if that is known.
pub(super) fn turn_after(deps: &UpsertDeps<'_>, until: Option<Timestamp>) -> Duration {
    let left = until.map_or(TURN_MIN, |until| until_from(deps.clock.now(), until));
    left.clamp(TURN_MIN, TURN_MAX)
}
