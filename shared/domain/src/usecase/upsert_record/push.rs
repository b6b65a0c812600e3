//! Carry out an upsert that had to wait.
//!
//! A message wakes the worker up for one claim; the worker carries out the record's pushes in the
//! order in which they came, until that claim is settled. So a newer push never goes before an older
//! one, whatever order the queue delivers in, and a message that comes twice finds nothing to do.

use std::sync::Arc;

use jiff::Timestamp;

use super::parking::{may_pass, wait_until};
use super::run::Run;
use super::{UpsertDeps, UpsertError, UpsertStats};
use crate::model::{OwnerId, PushMessage};
use crate::ports::{
    Connection, DeadCause, KeyStatus, ProviderError, PushStart, QueuedAgain, QueuedPush, Release,
    RemoteEffect, StoreError,
};
use crate::usecase::settle_work::Verdict;

/// More pushes of one record than this are left to the next message.
const PUSHES_MAX: usize = 20;

/// Carries out what a message asks for. `is_replay`: an operator wants a push that was given up to
/// be tried again.
pub async fn push_queued(
    deps: &UpsertDeps<'_>,
    message: &PushMessage,
    is_replay: bool,
    deadline: Timestamp,
    stats: &mut UpsertStats,
) -> Verdict {
    match settle(deps, message, is_replay, deadline, stats).await {
        Ok(verdict) => verdict,
        Err(error) => Verdict::from(&error),
    }
}

async fn settle(
    deps: &UpsertDeps<'_>,
    message: &PushMessage,
    is_replay: bool,
    deadline: Timestamp,
    stats: &mut UpsertStats,
) -> Result<Verdict, StoreError> {
    if let Some(verdict) = before(deps, message, is_replay).await? {
        return Ok(verdict);
    }
    let found = deps.connections.connection(&message.tenant, message.system).await;
    let connection = match found {
        Ok(connection) => connection,
        Err(error) => return Ok(Verdict::from(&error)),
    };
    for _push in 0..PUSHES_MAX {
        let next = deps.pushes.next(&message.tenant, message.system, &message.record).await?;
        let Some(push) = next else { return after(deps, message).await };
        let step = carry_out(deps, &push, &connection, deadline, stats).await?;
        let is_asked_for = push.key == message.key;
        match step {
            Step::Finished if is_asked_for => return Ok(Verdict::Done),
            Step::GivenUp(cause) if is_asked_for => return Ok(Verdict::Dead(cause)),
            Step::Finished | Step::GivenUp(_) | Step::Gone => {}
            Step::Later(verdict) => return Ok(verdict),
        }
    }
    Ok(Verdict::Wait { after: wait_until(deps, None) })
}

/// What the claim alone says: there may be nothing to do any more, or not yet.
async fn before(
    deps: &UpsertDeps<'_>,
    message: &PushMessage,
    is_replay: bool,
) -> Result<Option<Verdict>, StoreError> {
    let now = deps.clock.now();
    Ok(match deps.pushes.key_status(&message.tenant, &message.key, now).await? {
        KeyStatus::Unknown | KeyStatus::Completed(_) => Some(Verdict::Done),
        KeyStatus::Failed { code } if code == CODE_ERASED => Some(Verdict::Done),
        KeyStatus::Failed { .. } if is_replay => {
            match deps.pushes.queue_again(message, now).await? {
                QueuedAgain::Queued => None,
                QueuedAgain::Gone => Some(Verdict::Done),
                QueuedAgain::Superseded => Some(Verdict::Dead(DeadCause::Superseded)),
            }
        }
        KeyStatus::Failed { code } => Some(Verdict::Dead(cause_of(&code))),
        KeyStatus::InProgress { lease_until } if lease_until > now => {
            Some(Verdict::Wait { after: wait_until(deps, Some(lease_until)) })
        }
        KeyStatus::InProgress { .. } | KeyStatus::Queued => None,
    })
}

/// What has become of the claim when nothing waits for its record any more.
async fn after(deps: &UpsertDeps<'_>, message: &PushMessage) -> Result<Verdict, StoreError> {
    let now = deps.clock.now();
    let status = deps.pushes.key_status(&message.tenant, &message.key, now).await?;
    match status {
        KeyStatus::Failed { code } => return Ok(Verdict::Dead(cause_of(&code))),
        // What it wanted is gone with its record, which was erased.
        KeyStatus::Queued => {
            deps.pushes.abandon(&message.tenant, &message.key, CODE_ERASED).await?;
        }
        // A call that crashed before it was accepted: its caller was told nothing.
        KeyStatus::Unknown | KeyStatus::Completed(_) | KeyStatus::InProgress { .. } => {}
    }
    Ok(Verdict::Done)
}

enum Step {
    Finished,
    GivenUp(DeadCause),
    /// Somebody else has settled it.
    Gone,
    Later(Verdict),
}

async fn carry_out(
    deps: &UpsertDeps<'_>,
    push: &QueuedPush,
    connection: &Arc<Connection>,
    deadline: Timestamp,
    stats: &mut UpsertStats,
) -> Result<Step, StoreError> {
    let owner = OwnerId::new(deps.clock.unique_id());
    let claim = push.claim_by(owner, deps.clock.now(), deadline);
    match deps.pushes.start(push, &claim).await? {
        PushStart::Started => {}
        PushStart::Busy { until } => {
            return Ok(Step::Later(Verdict::Wait { after: wait_until(deps, until) }));
        }
        PushStart::Gone => return Ok(Step::Gone),
    }
    let is_unresolved = push.effect == RemoteEffect::Unknown;
    let mut run = Run { deps, claim: &claim, connection: Arc::clone(connection), stats };
    let stopped = match run.write(is_unresolved).await {
        Ok(done) => {
            return Ok(match run.complete(done).await {
                Ok(_stored) => Step::Finished,
                // The lease ends by itself; then somebody finds it done at the provider.
                Err(error) => Step::Later(verdict_of(deps, &error)),
            });
        }
        Err(stopped) => stopped,
    };
    if let (UpsertError::Provider(error), false) = (&stopped.error, may_pass(&stopped.error)) {
        let cause = permanent_cause(error);
        let now = deps.clock.now();
        deps.pushes.give_up(push, &claim, cause.as_str(), now).await?;
        return Ok(Step::GivenUp(cause));
    }
    let effect = match stopped.release {
        Release::Undone => RemoteEffect::None,
        Release::Unresolved => RemoteEffect::Unknown,
    };
    deps.pushes.put_back(push, &claim, effect).await?;
    Ok(Step::Later(verdict_of(deps, &stopped.error)))
}

fn verdict_of(deps: &UpsertDeps<'_>, error: &UpsertError) -> Verdict {
    match error {
        UpsertError::Provider(error) => Verdict::from(error),
        UpsertError::Store(error) => Verdict::from(error),
        UpsertError::Connection(error) => Verdict::from(error),
        UpsertError::InProgress { retry_after } => Verdict::Wait { after: *retry_after },
        UpsertError::Invalid(_) | UpsertError::KeyReused => {
            Verdict::Wait { after: wait_until(deps, None) }
        }
    }
}

/// The code of a push whose record was erased while it waited.
const CODE_ERASED: &str = "erased";

fn permanent_cause(error: &ProviderError) -> DeadCause {
    match Verdict::from(error) {
        Verdict::Dead(cause) => cause,
        Verdict::Done | Verdict::Retry { .. } | Verdict::Wait { .. } => DeadCause::ProviderRejected,
    }
}

/// The cause that a push was given up with.
fn cause_of(code: &str) -> DeadCause {
    [DeadCause::ProviderUnauthorized, DeadCause::ProviderMissingScope]
        .into_iter()
        .find(|cause| cause.as_str() == code)
        .unwrap_or(DeadCause::ProviderRejected)
}
