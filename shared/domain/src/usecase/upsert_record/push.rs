//! Carry out an upsert that had to wait.
//!
//! A message wakes the worker up for one claim; the worker carries out the record's pushes in the
//! order in which they came, until that claim is settled. So a newer push never goes before an older
//! one, whatever order the queue delivers in, and a message that comes twice finds nothing to do.
//! Tries are counted with the push: whose message it was that tried does not matter.

use std::time::Duration;

use jiff::Timestamp;

use super::parking::turn_after;
use super::push_line::{Line, Step};
use super::{UpsertDeps, UpsertStats};
use crate::model::PushMessage;
use crate::ports::{DeadCause, KeyStatus, QueuedAgain, StoreError};
use crate::usecase::settle_work::Verdict;

/// More pushes of one record than this are left to the next message.
const PUSHES_MAX: usize = 20;
/// After its lease a call is surely over, but what it sent to the table last may still arrive.
const ARRIVAL_MAX: Duration = Duration::from_secs(2);
/// The code of a push whose record was erased while it waited.
const CODE_ERASED: &str = "erased";

/// Carries out what a message asks for. `is_replay`: an operator wants a push that was given up to
/// be tried again. No call is begun that might not be over at the `deadline`.
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
    let mut line = match Line::open(deps, message, deadline, stats).await {
        Ok(line) => line,
        Err(verdict) => return Ok(verdict),
    };
    for _push in 0..PUSHES_MAX {
        let next = deps.pushes.next(&message.tenant, message.system, &message.record).await?;
        let Some(push) = next else { return after(deps, message).await };
        let step = line.carry_out(&push).await?;
        let is_asked_for = push.key == message.key;
        match step {
            Step::Finished if is_asked_for => return Ok(Verdict::Done),
            Step::GivenUp(cause) if is_asked_for => return Ok(Verdict::Dead(cause)),
            Step::Finished | Step::GivenUp(_) | Step::Again => {}
            Step::Later(verdict) => return Ok(verdict),
        }
    }
    Ok(Verdict::Wait { after: turn_after(deps, None) })
}

/// What the claim alone says: there may be nothing to do any more, or not yet.
async fn before(
    deps: &UpsertDeps<'_>,
    message: &PushMessage,
    is_replay: bool,
) -> Result<Option<Verdict>, StoreError> {
    let now = deps.clock.now();
    Ok(match deps.pushes.key_status(&message.tenant, &message.key, now).await? {
        KeyStatus::Completed(_) => Some(Verdict::Done),
        KeyStatus::Queued => None,
        KeyStatus::Failed { code } if code == CODE_ERASED => Some(Verdict::Done),
        KeyStatus::Failed { code } if cause_of(&code) == DeadCause::Superseded => {
            Some(Verdict::Dead(DeadCause::Superseded))
        }
        KeyStatus::Failed { .. } if is_replay => again(deps, message, Some(Verdict::Done)).await?,
        KeyStatus::Failed { code } => Some(Verdict::Dead(cause_of(&code))),
        // Its caller tried again in vain.
        KeyStatus::Unknown if is_replay => again(deps, message, Some(Verdict::Done)).await?,
        // The message came before the claim that it was sent for, or instead of it.
        KeyStatus::Unknown => {
            let arrives_by = message.call_ends_at.map(|end| end + ARRIVAL_MAX);
            Some(wait_for(deps, arrives_by).unwrap_or(Verdict::Done))
        }
        KeyStatus::InProgress { lease_until } => {
            match wait_for(deps, Some(lease_until + ARRIVAL_MAX)) {
                Some(wait) => Some(wait),
                // Its caller tried again and crashed, or a worker did.
                None if is_replay => again(deps, message, None).await?,
                None => None,
            }
        }
    })
}

/// Has a push tried again that was given up. `otherwise` is for one that was not.
async fn again(
    deps: &UpsertDeps<'_>,
    message: &PushMessage,
    otherwise: Option<Verdict>,
) -> Result<Option<Verdict>, StoreError> {
    Ok(match deps.pushes.queue_again(message, deps.clock.now()).await? {
        QueuedAgain::Queued => None,
        QueuedAgain::Gone => otherwise,
        QueuedAgain::Superseded => Some(Verdict::Dead(DeadCause::Superseded)),
    })
}

fn wait_for(deps: &UpsertDeps<'_>, until: Option<Timestamp>) -> Option<Verdict> {
    let is_ahead = until.is_some_and(|until| until > deps.clock.now());
    is_ahead.then(|| Verdict::Wait { after: turn_after(deps, until) })
}

/// What has become of the claim when nothing waits for its record any more.
async fn after(deps: &UpsertDeps<'_>, message: &PushMessage) -> Result<Verdict, StoreError> {
    let now = deps.clock.now();
    Ok(match deps.pushes.key_status(&message.tenant, &message.key, now).await? {
        KeyStatus::Failed { code } if code != CODE_ERASED => Verdict::Dead(cause_of(&code)),
        // What it wanted is gone with its record, which was erased, unless it came back just now.
        KeyStatus::Queued => {
            let is_over = deps.pushes.abandon(message, CODE_ERASED, now).await?;
            if is_over { Verdict::Done } else { Verdict::Wait { after: turn_after(deps, None) } }
        }
        // The same after a worker crashed. A call that crashed before it was accepted is none of
        // ours: its caller was told nothing.
        KeyStatus::InProgress { .. } => {
            deps.pushes.abandon(message, CODE_ERASED, now).await?;
            Verdict::Done
        }
        KeyStatus::Failed { .. } | KeyStatus::Unknown | KeyStatus::Completed(_) => Verdict::Done,
    })
}

/// The cause that a push was given up with.
fn cause_of(code: &str) -> DeadCause {
    DeadCause::parse(code).unwrap_or(DeadCause::ProviderRejected)
}
