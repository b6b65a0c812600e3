//! Functions that a schedule starts and that go on by a queue of their own.

use std::panic::AssertUnwindSafe;
use std::process::ExitCode;
use std::sync::Arc;

use futures::FutureExt;
use jiff::Timestamp;
use lambda_runtime::{LambdaEvent, service_fn};
use serde_json::Value;

use crate::config::Settings;
use crate::queue_edge::{QueueHandler, answer as answer_batch};
use crate::serve::{BoxFuture, InitError, deadline_of, run};

/// What the schedule's events say of themselves.
const SCHEDULED: &str = "Scheduled Event";

/// One moment of the schedule.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ScheduledTick {
    /// The moment that was planned. A tick that is delivered again, or late, says the same.
    pub at: Timestamp,
    /// When the invocation ends.
    pub deadline: Timestamp,
}

/// Handles a tick. A failure fails the invocation, which is then tried again.
pub type ScheduleHandler =
    Arc<dyn Fn(ScheduledTick) -> BoxFuture<'static, Result<(), InitError>> + Send + Sync>;

/// The two sides of such a function.
#[derive(Clone)]
pub struct ScheduledWorker {
    /// The schedule's.
    pub tick: ScheduleHandler,
    /// The queue's.
    pub batch: QueueHandler,
}

/// Serves a function on a schedule and a queue until the runtime stops it.
pub fn serve_scheduled_worker(
    function: &'static str,
    wire: impl FnOnce(Settings) -> BoxFuture<'static, Result<ScheduledWorker, InitError>>
    + Send
    + 'static,
) -> ExitCode {
    run(function, move |settings| {
        Box::pin(async move {
            let worker = wire(settings).await?;
            lambda_runtime::run(service_fn(move |event: LambdaEvent<Value>| {
                let deadline = deadline_of(event.context.deadline);
                answer(worker.clone(), event.payload, deadline)
            }))
            .await
        })
    })
}

async fn answer(
    worker: ScheduledWorker,
    event: Value,
    deadline: Timestamp,
) -> Result<Value, InitError> {
    let Some(at) = planned_at(&event) else {
        return answer_batch(worker.batch, event, deadline).await;
    };
    let tick = ScheduledTick { at, deadline };
    AssertUnwindSafe(async move { (worker.tick)(tick).await })
        .catch_unwind()
        .await
        .map_err(|_panic| "the handler panicked")??;
    Ok(Value::Null)
}

/// The moment of a schedule's event; `None` for anything else.
fn planned_at(event: &Value) -> Option<Timestamp> {
    let is_scheduled = event.get("detail-type").and_then(Value::as_str) == Some(SCHEDULED);
    is_scheduled.then(|| event.get("time")?.as_str()?.parse().ok()).flatten()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::planned_at;

    #[test]
    fn tick_is_the_moment_of_the_schedule_and_nothing_else_is_one() {
        let tick = json!({
            "version": "0", "detail-type": "Scheduled Event", "source": "aws.events",
            "time": "2026-10-25T10:05:00Z", "resources": [], "detail": {},
        });
        let at = planned_at(&tick).map(|at| at.to_string());
        assert_eq!(at.as_deref(), Some("2026-10-25T10:05:00Z"));
        for event in [
            json!({"Records": []}),
            json!({"detail-type": "Scheduled Event", "time": "soon"}),
            json!({"detail-type": "Object Created", "time": "2026-10-25T10:05:00Z"}),
            json!(null),
        ] {
            assert_eq!(planned_at(&event), None, "{event}");
        }
    }
}
