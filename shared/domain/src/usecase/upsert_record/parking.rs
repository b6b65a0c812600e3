//! Upserts that the provider can't take now: accepted, kept, and carried out later.
//!
//! The message that wakes the worker is sent before the claim is turned into one that waits. So an
//! accepted upsert always has its message; a crash in between leaves a message that finds nothing
//! to do, and a caller who has not been told that anything was accepted.

use std::time::Duration;

use super::claiming::until_from;
use super::run::Stopped;
use super::{UpsertDeps, UpsertError};
use crate::model::PushMessage;
use crate::ports::{
    Claim, Parked, ProviderError, Release, RemoteEffect, SendOutcome, StoreError, WorkHistory,
    WorkMessage,
};

/// The message comes no earlier than this: the claim must have become one that waits by then.
const WAKE_MIN: Duration = Duration::from_secs(5);

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
    let asked_for = match &stopped.error {
        UpsertError::Provider(error) => error.asked_wait(),
        UpsertError::Invalid(_)
        | UpsertError::Connection(_)
        | UpsertError::KeyReused
        | UpsertError::InProgress { .. }
        | UpsertError::Store(_) => None,
    };
    wake_later(deps, claim, asked_for).await?;
    let effect = match stopped.release {
        Release::Undone => RemoteEffect::None,
        Release::Unresolved => RemoteEffect::Unknown,
    };
    Ok(deps.pushes.park(claim, effect, deps.clock.now()).await?)
}

/// Lets a new upsert wait behind those that wait for its record already.
pub(super) async fn queue_behind(
    deps: &UpsertDeps<'_>,
    claim: &Claim,
) -> Result<Parked, UpsertError> {
    wake_later(deps, claim, None).await?;
    Ok(deps.pushes.queue_behind(claim, deps.clock.now()).await?)
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
    };
    let body = message.to_body().map_err(|_unwritable| unreachable())?;
    let history =
        WorkHistory { attempt: 0, first_enqueued_at: deps.clock.now(), dead_letter_id: None };
    // A provider's wait is counted from its answer, and the message is delayed from now: near enough.
    let delay = asked_for.unwrap_or_default().max(WAKE_MIN);
    let sent = deps.push_queue.send(&[WorkMessage { body, delay, history }]).await;
    if sent.first() == Some(&SendOutcome::Accepted) { Ok(()) } else { Err(unreachable().into()) }
}

/// How long a worker may still wait for the other one's lease.
pub(super) fn wait_until(deps: &UpsertDeps<'_>, until: Option<jiff::Timestamp>) -> Duration {
    const LEAST: Duration = Duration::from_secs(1);
    until.map_or(LEAST, |until| until_from(deps.clock.now(), until)).max(LEAST)
}
