//! Functions on an SQS queue, with item failures.

use std::panic::AssertUnwindSafe;
use std::process::ExitCode;
use std::sync::Arc;

use futures::FutureExt;
use jiff::Timestamp;
use lambda_runtime::{LambdaEvent, service_fn};
use serde_json::{Value, json};
use sync_domain::ports::{Clock, WorkHistory};
use sync_domain::usecase::settle_work::WorkItem;

use crate::clock::SystemClock;
use crate::config::Settings;
use crate::serve::{BoxFuture, InitError, deadline_of, run};

/// What one invocation brings.
#[derive(Debug)]
pub struct QueueBatch {
    /// The messages; their bodies have not been read, so that one that can't be does not take the
    /// others with it.
    pub items: Vec<WorkItem>,
    /// When the invocation ends.
    pub deadline: Timestamp,
}

/// Handles a batch and returns the ids of the messages that stay on the queue.
pub type QueueHandler = Arc<dyn Fn(QueueBatch) -> BoxFuture<'static, Vec<String>> + Send + Sync>;

/// Serves a function on a queue until the runtime stops it.
pub fn serve_queue(
    function: &'static str,
    wire: impl FnOnce(Settings) -> BoxFuture<'static, Result<QueueHandler, InitError>> + Send + 'static,
) -> ExitCode {
    run(function, move |settings| {
        Box::pin(async move {
            let handler = wire(settings).await?;
            lambda_runtime::run(service_fn(move |event: LambdaEvent<Value>| {
                let deadline = deadline_of(event.context.deadline);
                answer(Arc::clone(&handler), event.payload, deadline)
            }))
            .await
        })
    })
}

/// A panic, and an event without a list of messages, fail the whole batch: the queue brings it again
/// and gives it up after its receives.
pub async fn answer(
    handler: QueueHandler,
    event: Value,
    deadline: Timestamp,
) -> Result<Value, InitError> {
    let items = items_of(event, SystemClock.now()).ok_or("the event is not a queue batch")?;
    let batch = QueueBatch { items, deadline };
    let failed = AssertUnwindSafe(async move { handler(batch).await })
        .catch_unwind()
        .await
        .map_err(|_panic| "the handler panicked")?;
    let failures: Vec<_> = failed.into_iter().map(|id| json!({"itemIdentifier": id})).collect();
    Ok(json!({ "batchItemFailures": failures }))
}

fn items_of(mut event: Value, now: Timestamp) -> Option<Vec<WorkItem>> {
    let Value::Array(records) = event.get_mut("Records")?.take() else { return None };
    records.into_iter().map(|record| item_of(&record, now)).collect()
}

/// Only the id must be there. A body that is no text is read as an empty one, which no worker takes
/// for work.
fn item_of(record: &Value, now: Timestamp) -> Option<WorkItem> {
    let attribute = |name: &str| record.get("messageAttributes")?.get(name)?.get("stringValue");
    let attribute = |name: &str| attribute(name).and_then(Value::as_str);
    let millis = |text: Option<&str>| Timestamp::from_millisecond(text?.parse().ok()?).ok();
    let sent_at = record.get("attributes").and_then(|it| it.get("SentTimestamp")?.as_str());
    Some(WorkItem {
        id: record.get("messageId")?.as_str()?.to_owned(),
        body: record.get("body").and_then(Value::as_str).unwrap_or_default().to_owned(),
        history: WorkHistory {
            attempt: attribute("attempt").and_then(|text| text.parse().ok()).unwrap_or(0),
            first_enqueued_at: millis(attribute("first_enqueued_at_ms"))
                .or_else(|| millis(sent_at))
                .unwrap_or(now),
            dead_letter_id: attribute("dead_letter_id").map(str::to_owned),
        },
    })
}

#[cfg(test)]
mod tests {
    use jiff::Timestamp;
    use serde_json::{Value, json};

    use super::items_of;

    fn items(record: &Value) -> Option<Vec<super::WorkItem>> {
        items_of(json!({ "Records": [record] }), Timestamp::UNIX_EPOCH)
    }

    #[test]
    fn item_carries_its_history() {
        let record = json!({
            "messageId": "m-1", "body": "{}", "attributes": {"SentTimestamp": "2000"},
            "messageAttributes": {
                "attempt": {"stringValue": "3", "dataType": "Number"},
                "first_enqueued_at_ms": {"stringValue": "1000", "dataType": "Number"},
                "dead_letter_id": {"stringValue": "d-1", "dataType": "String"},
            },
        });
        let history = &items(&record).unwrap()[0].history;
        assert_eq!((history.attempt, history.first_enqueued_at.as_millisecond()), (3, 1_000));
        assert_eq!(history.dead_letter_id.as_deref(), Some("d-1"));
    }

    #[test]
    fn item_without_a_readable_history_begins_when_it_was_sent() {
        let record = json!({
            "messageId": "m-1", "body": 7, "attributes": {"SentTimestamp": "2000"},
            "messageAttributes": {"attempt": {"stringValue": "many"}},
        });
        let items = items(&record).unwrap();
        assert_eq!(items[0].body, "");
        assert_eq!(items[0].history.attempt, 0);
        assert_eq!(items[0].history.first_enqueued_at.as_millisecond(), 2_000);
    }

    #[test]
    fn item_needs_an_id_to_be_reported_by() {
        assert!(items(&json!({"body": "{}"})).is_none());
        for event in [json!([]), json!({}), json!({"Records": 1})] {
            assert!(items_of(event, Timestamp::UNIX_EPOCH).is_none());
        }
    }
}
