//! Workers of what webhooks told: each message of a batch is read by itself, the readable ones are
//! worked on together, and all are settled.

use std::time::Duration;

use jiff::Timestamp;
use sync_domain::model::{BookingChange, CrmSweepStep, ObjectChange, SweepStep, UnreadableMessage};
use sync_domain::ports::Clock;
use sync_domain::usecase::settle_work::{
    Judged, SettleDeps, Verdict, WorkItem, WorkOwner, settle_work,
};
use sync_lambda::{QueueBatch, metrics};

/// Time kept back at the end of the invocation for settling the messages.
pub(crate) const SETTLE_RESERVE: Duration = Duration::from_secs(5);

/// The body of a message: a change that a worker is told of, or a step of its own work.
pub trait ChangeMessage: Sized {
    /// Reads the body of a message.
    ///
    /// # Errors
    /// See [`UnreadableMessage`].
    fn read(body: &str) -> Result<Self, UnreadableMessage>;

    /// Whose work it is.
    fn owner(&self) -> WorkOwner;
}

impl ChangeMessage for ObjectChange {
    fn read(body: &str) -> Result<Self, UnreadableMessage> {
        Self::parse(body)
    }

    fn owner(&self) -> WorkOwner {
        WorkOwner { tenant: Some(self.tenant.clone()), system: Some(self.system) }
    }
}

impl ChangeMessage for BookingChange {
    fn read(body: &str) -> Result<Self, UnreadableMessage> {
        Self::parse(body)
    }

    fn owner(&self) -> WorkOwner {
        WorkOwner { tenant: Some(self.tenant.clone()), system: Some(self.system) }
    }
}

impl ChangeMessage for SweepStep {
    fn read(body: &str) -> Result<Self, UnreadableMessage> {
        Self::parse(body)
    }

    fn owner(&self) -> WorkOwner {
        WorkOwner { tenant: Some(self.tenant.clone()), system: Some(self.system) }
    }
}

impl ChangeMessage for CrmSweepStep {
    fn read(body: &str) -> Result<Self, UnreadableMessage> {
        Self::parse(body)
    }

    fn owner(&self) -> WorkOwner {
        WorkOwner { tenant: Some(self.tenant.clone()), system: Some(self.system) }
    }
}

/// Handles one batch and returns the ids of the messages that stay on the queue. `work` is given the
/// readable messages with their changes, in the same order.
pub async fn handle_changes<C: ChangeMessage, W>(
    route: &'static str,
    settle: &SettleDeps<'_>,
    batch: QueueBatch,
    work: impl FnOnce(Vec<WorkItem>, Vec<C>) -> W,
) -> Vec<String>
where
    W: Future<Output = Vec<Judged>>,
{
    let oldest = batch.items.iter().map(|item| age(settle.clock, item)).max().unwrap_or_default();
    let mut judged = Vec::with_capacity(batch.items.len());
    let (mut items, mut changes) = (Vec::new(), Vec::new());
    for item in batch.items {
        match C::read(&item.body) {
            Ok(change) => {
                items.push(item);
                changes.push(change);
            }
            Err(error) => {
                let owner = WorkOwner::default();
                judged.push(Judged { item, owner, verdict: error.into() });
            }
        }
    }
    judged.iter().for_each(|judged| report_unreadable(route, judged));
    let late = late(&items, &changes);
    let left = time_until(settle.clock, batch.deadline - SETTLE_RESERVE);
    // What is not done in time is stopped where it stands, as by a crash, which it is safe against,
    // and tried again; without this the whole batch would be cut off and count as a crash.
    judged.extend(tokio::time::timeout(left, work(items, changes)).await.unwrap_or_else(
        |_elapsed| {
            tracing::warn!(route, messages = late.len(), "A batch was not done in time.");
            late
        },
    ));
    metrics::emit_work_age(route, oldest);
    settle_work(settle, judged).await.failed
}

fn late<C: ChangeMessage>(items: &[WorkItem], changes: &[C]) -> Vec<Judged> {
    let pairs = items.iter().zip(changes);
    let judged = pairs.map(|(item, change)| Judged {
        item: item.clone(),
        owner: change.owner(),
        verdict: Verdict::Retry { after: None },
    });
    judged.collect()
}

pub(crate) fn time_until(clock: &dyn Clock, end: Timestamp) -> Duration {
    Duration::try_from(end.duration_since(clock.now())).unwrap_or_default()
}

/// How long ago the work was first put on a queue.
pub fn age(clock: &dyn Clock, item: &WorkItem) -> Duration {
    let age = clock.now().duration_since(item.history.first_enqueued_at);
    Duration::try_from(age).unwrap_or_default()
}

/// The log line of a message that nothing can be made of.
pub fn report_unreadable(route: &'static str, judged: &Judged) {
    tracing::error!(
        route,
        outcome = judged.verdict.as_str(),
        cause = judged.verdict.cause().map(|cause| cause.as_str()),
        message_id = judged.item.id,
        "A message can't be read."
    );
}
