//! Functions on a DynamoDB stream, with item failures.

use std::panic::AssertUnwindSafe;
use std::process::ExitCode;
use std::sync::Arc;

use futures::FutureExt;
use lambda_runtime::{LambdaEvent, service_fn};
use serde_json::{Value, json};

use crate::config::Settings;
use crate::serve::{BoxFuture, InitError, run};

/// One record of a batch, as it came: each is read by itself, so that one that can't be read does
/// not take the others with it.
#[derive(Debug)]
pub struct StreamRecord {
    /// Its position in the shard, what a failure is reported by.
    pub sequence_number: String,
    /// The whole record.
    pub raw: Value,
}

/// Handles a batch and returns the sequence numbers of the records that must come again.
pub type StreamHandler =
    Arc<dyn Fn(Vec<StreamRecord>) -> BoxFuture<'static, Vec<String>> + Send + Sync>;

/// Serves a function on a stream until the runtime stops it.
pub fn serve_stream(
    function: &'static str,
    wire: impl FnOnce(Settings) -> BoxFuture<'static, Result<StreamHandler, InitError>> + Send + 'static,
) -> ExitCode {
    run(function, move |settings| {
        Box::pin(async move {
            let handler = wire(settings).await?;
            lambda_runtime::run(service_fn(move |event: LambdaEvent<Value>| {
                answer(Arc::clone(&handler), event.payload)
            }))
            .await
        })
    })
}

/// An event without a list of records, and a panic, fail the whole batch: the stream brings it again
/// in halves until the culprit stands alone.
async fn answer(handler: StreamHandler, event: Value) -> Result<Value, InitError> {
    let records = records_of(event).ok_or("the event is not a stream batch")?;
    let failed = AssertUnwindSafe(async move { handler(records).await })
        .catch_unwind()
        .await
        .map_err(|_panic| "the handler panicked")?;
    let failures: Vec<_> =
        failed.into_iter().map(|position| json!({"itemIdentifier": position})).collect();
    Ok(json!({ "batchItemFailures": failures }))
}

fn records_of(mut event: Value) -> Option<Vec<StreamRecord>> {
    let Value::Array(records) = event.get_mut("Records")?.take() else { return None };
    let with_position = |raw: Value| {
        let sequence_number = raw.get("dynamodb")?.get("SequenceNumber")?.as_str()?.to_owned();
        Some(StreamRecord { sequence_number, raw })
    };
    records.into_iter().map(with_position).collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::records_of;

    #[test]
    fn records_need_a_position_to_be_reported_by() {
        let batch = json!({"Records": [{"dynamodb": {"SequenceNumber": "1"}}]});
        assert_eq!(records_of(batch).unwrap()[0].sequence_number, "1");
        for event in [json!([]), json!({}), json!({"Records": [{}]}), json!({"Records": 1})] {
            assert!(records_of(event).is_none());
        }
    }
}
