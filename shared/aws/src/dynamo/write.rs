//! Conditional writes that are a transaction only where they have to be: one costs twice as much.

use aws_sdk_dynamodb::error::{ProvideErrorMetadata, SdkError};
use aws_sdk_dynamodb::operation::delete_item::DeleteItemError;
use aws_sdk_dynamodb::operation::put_item::PutItemError;
use aws_sdk_dynamodb::operation::update_item::UpdateItemError;
use aws_sdk_dynamodb::types::error::ConditionalCheckFailedException;
use aws_sdk_dynamodb::types::{Delete, Put, TransactWriteItem, Update};
use sync_domain::ports::StoreError;

use super::DynamoTable;
use super::item::Item;
use super::transaction::Committed;

/// Error code of a single write to an item that a transaction is at.
const CONFLICT: &str = "TransactionConflictException";

impl DynamoTable {
    /// Writes all or nothing. The SDK repeats a single write whose outcome is unknown, and the repeat
    /// may be refused by our own write: whoever is refused looks whether it is what they wanted.
    pub(super) async fn write(
        &self,
        mut writes: Vec<TransactWriteItem>,
    ) -> Result<Committed, StoreError> {
        if writes.len() != 1 {
            return if writes.is_empty() { Ok(Committed::Yes) } else { self.commit(writes).await };
        }
        match writes.pop() {
            Some(TransactWriteItem { put: Some(put), .. }) => self.put_one(put).await,
            Some(TransactWriteItem { update: Some(update), .. }) => self.update_one(update).await,
            Some(TransactWriteItem { delete: Some(delete), .. }) => self.delete_one(delete).await,
            // A condition alone is nothing to write, but it has to hold.
            Some(check) => self.commit(vec![check]).await,
            None => Ok(Committed::Yes),
        }
    }

    /// The same, for whom another transaction in the way is an error. The old items of what was
    /// refused, `None` where all was written.
    pub(super) async fn refused_by(
        &self,
        writes: Vec<TransactWriteItem>,
    ) -> Result<Option<Vec<Option<Item>>>, StoreError> {
        match self.write(writes).await? {
            Committed::Yes => Ok(None),
            Committed::Refused(items) => Ok(Some(items)),
            Committed::Conflict => Err(StoreError::Conflict),
        }
    }

    async fn put_one(&self, put: Put) -> Result<Committed, StoreError> {
        let sent = self
            .client
            .put_item()
            .table_name(put.table_name)
            .set_item(Some(put.item))
            .set_condition_expression(put.condition_expression)
            .set_expression_attribute_names(put.expression_attribute_names)
            .set_expression_attribute_values(put.expression_attribute_values)
            .set_return_values_on_condition_check_failure(
                put.return_values_on_condition_check_failure,
            )
            .send();
        committed(sent.await, |error| {
            let PutItemError::ConditionalCheckFailedException(failed) = error else { return None };
            Some(failed)
        })
    }

    async fn update_one(&self, update: Update) -> Result<Committed, StoreError> {
        let sent = self
            .client
            .update_item()
            .table_name(update.table_name)
            .set_key(Some(update.key))
            .update_expression(update.update_expression)
            .set_condition_expression(update.condition_expression)
            .set_expression_attribute_names(update.expression_attribute_names)
            .set_expression_attribute_values(update.expression_attribute_values)
            .set_return_values_on_condition_check_failure(
                update.return_values_on_condition_check_failure,
            )
            .send();
        committed(sent.await, |error| {
            let UpdateItemError::ConditionalCheckFailedException(failed) = error else {
                return None;
            };
            Some(failed)
        })
    }

    async fn delete_one(&self, delete: Delete) -> Result<Committed, StoreError> {
        let sent = self
            .client
            .delete_item()
            .table_name(delete.table_name)
            .set_key(Some(delete.key))
            .set_condition_expression(delete.condition_expression)
            .set_expression_attribute_names(delete.expression_attribute_names)
            .set_expression_attribute_values(delete.expression_attribute_values)
            .set_return_values_on_condition_check_failure(
                delete.return_values_on_condition_check_failure,
            )
            .send();
        committed(sent.await, |error| {
            let DeleteItemError::ConditionalCheckFailedException(failed) = error else {
                return None;
            };
            Some(failed)
        })
    }
}

fn committed<T, E>(
    sent: Result<T, SdkError<E>>,
    refusal: impl Fn(&E) -> Option<&ConditionalCheckFailedException>,
) -> Result<Committed, StoreError>
where
    E: ProvideErrorMetadata + std::error::Error + Send + Sync + 'static,
{
    let Err(error) = sent else { return Ok(Committed::Yes) };
    if let Some(failed) = error.as_service_error().and_then(refusal) {
        return Ok(Committed::Refused(vec![Some(failed.item().cloned().unwrap_or_default())]));
    }
    if error.code() == Some(CONFLICT) {
        return Ok(Committed::Conflict);
    }
    Err(StoreError::Unavailable(Box::new(error)))
}
