//! Workers of sweeps: each message of a batch is a step of one connection's sweep, and what is left of
//! the sweep goes back on the queue.

use futures::future::join_all;
use jiff::Timestamp;
use sync_domain::ports::{Clock, DeadCause, WorkHistory};
use sync_domain::usecase::settle_work::{
    Judged, SettleDeps, Verdict, WorkItem, WorkOwner, settle_work,
};
use sync_domain::usecase::sweeping::{Planned, SweepOutcome};
use sync_lambda::{QueueBatch, metrics};

use crate::change_batch::{ChangeMessage, SETTLE_RESERVE, age, report_unreadable, time_until};

/// What a step came to, as the queue needs to know it.
#[derive(Debug)]
pub struct Swept {
    /// The body of the next step's message; `None` leaves it as it is.
    pub body: Option<String>,
    /// Whether it is nearer to the end: new work, whose tries and age count anew.
    pub came_forward: bool,
    /// How it ended.
    pub outcome: SweepOutcome,
}

/// Handles one batch and returns the ids of the messages that stay on the queue. `sweep` carries a
/// step out; it gives nothing for a system that can't be swept.
pub async fn handle_sweeps<S: ChangeMessage, F>(
    route: &'static str,
    settle: &SettleDeps<'_>,
    batch: QueueBatch,
    sweep: impl Fn(S, Timestamp) -> F,
) -> Vec<String>
where
    F: Future<Output = Option<Swept>>,
{
    let oldest = batch.items.iter().map(|item| age(settle.clock, item)).max().unwrap_or_default();
    let deadline = batch.deadline;
    let left = time_until(settle.clock, deadline - SETTLE_RESERVE);
    // The steps are of different connections and mostly wait for their providers.
    let judged = batch.items.into_iter().map(|item| {
        let step = S::read(&item.body);
        let owner = step.as_ref().map_or_else(|_| WorkOwner::default(), ChangeMessage::owner);
        let swept = step.map(|step| sweep(step, deadline));
        async move {
            match swept {
                Ok(swept) => {
                    let swept = tokio::time::timeout(left, swept).await;
                    judged(route, settle.clock, (item, owner), swept.ok())
                }
                Err(error) => {
                    let judged = Judged { item, owner, verdict: error.into() };
                    report_unreadable(route, &judged);
                    judged
                }
            }
        }
    });
    let judged = join_all(judged).await;
    metrics::emit_work_age(route, oldest);
    settle_work(settle, judged).await.failed
}

/// `swept` is nothing where the time was over: the step was stopped where it stood, as by a crash,
/// which it is safe against.
fn judged(
    route: &'static str,
    clock: &dyn Clock,
    (item, owner): (WorkItem, WorkOwner),
    swept: Option<Option<Swept>>,
) -> Judged {
    match swept {
        Some(Some(swept)) => {
            let verdict = Verdict::from(swept.outcome);
            Judged { item: later(clock, item, swept), owner, verdict }
        }
        Some(None) => Judged { item, owner, verdict: Verdict::Dead(DeadCause::Malformed) },
        None => {
            tracing::warn!(route, message_id = item.id, "A step was not done in time.");
            Judged { item, owner, verdict: Verdict::Retry { after: None } }
        }
    }
}

/// The message from now on.
fn later(clock: &dyn Clock, item: WorkItem, swept: Swept) -> WorkItem {
    let body = swept.body.unwrap_or(item.body);
    let history = if swept.came_forward {
        WorkHistory { attempt: 0, first_enqueued_at: clock.now(), ..item.history }
    } else {
        item.history
    };
    WorkItem { id: item.id, body, history }
}

/// The log lines of a slot that was planned.
pub fn tell_planned(route: &'static str, slot: u32, planned: Planned) {
    if planned.failed > 0 {
        tracing::error!(route, slot, sweeps = planned.failed, "Sweeps were not queued.");
    }
    tracing::info!(route, slot, sweeps = planned.sent, "A slot of the hour was planned.");
}
