//! Transactions of a claim's item and a record's item, and why one was cancelled.

use aws_sdk_dynamodb::error::SdkError;
use aws_sdk_dynamodb::operation::transact_write_items::TransactWriteItemsError;
use aws_sdk_dynamodb::types::{CancellationReason, TransactWriteItem};
use sync_domain::ports::StoreError;

use super::DynamoTable;
use super::item::Item;

/// What a transaction came to.
#[derive(Debug)]
pub enum Committed {
    /// All of it was written.
    Yes,
    /// Nothing was written, because of conditions: per item the old item if its condition failed
    /// (empty when there was none), `None` if it was not the cause.
    Refused(Vec<Option<Item>>),
    /// Nothing was written, because another transaction is at one of the items right now.
    Conflict,
}

impl DynamoTable {
    /// Writes all or nothing, in one round trip. The SDK repeats a try whose outcome is unknown
    /// with the same token, so a transaction is never applied twice.
    pub(super) async fn commit(
        &self,
        writes: Vec<TransactWriteItem>,
    ) -> Result<Committed, StoreError> {
        let sent = self.client.transact_write_items().set_transact_items(Some(writes)).send().await;
        let error = match sent {
            Ok(_written) => return Ok(Committed::Yes),
            Err(error) => error,
        };
        match cancellation(&error) {
            Some(reasons) => reading_of(reasons).ok_or_else(|| unavailable(error)),
            None if is_conflict(&error) => Ok(Committed::Conflict),
            None => Err(unavailable(error)),
        }
    }
}

type WriteError = SdkError<TransactWriteItemsError>;

fn unavailable(error: WriteError) -> StoreError {
    StoreError::Unavailable(Box::new(error))
}

fn cancellation(error: &WriteError) -> Option<&[CancellationReason]> {
    let service = error.as_service_error()?;
    if let TransactWriteItemsError::TransactionCanceledException(cancelled) = service {
        return Some(cancelled.cancellation_reasons());
    }
    None
}

fn is_conflict(error: &WriteError) -> bool {
    error.as_service_error().is_some_and(|service| service.is_transaction_in_progress_exception())
}

/// `None` when the cause is neither a condition nor a conflict (throttling, validation).
fn reading_of(reasons: &[CancellationReason]) -> Option<Committed> {
    let code_of = |reason: &CancellationReason| reason.code().unwrap_or("None").to_owned();
    let codes: Vec<_> = reasons.iter().map(code_of).collect();
    if codes.iter().any(|code| code == "ConditionalCheckFailed") {
        let items = reasons.iter().zip(&codes).map(|(reason, code)| {
            (code == "ConditionalCheckFailed").then(|| reason.item().cloned().unwrap_or_default())
        });
        return Some(Committed::Refused(items.collect()));
    }
    codes.iter().any(|code| code == "TransactionConflict").then_some(Committed::Conflict)
}
