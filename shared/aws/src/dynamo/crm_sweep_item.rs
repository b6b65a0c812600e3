//! Watermarks and turns of CRM sweeps (`CRMSWEEP#…`): one item of each connection.

use async_trait::async_trait;
use aws_sdk_dynamodb::operation::update_item::UpdateItemError;
use aws_sdk_dynamodb::types::ReturnValue;
use jiff::Timestamp;
use sync_domain::ports::{
    CrmSweepStore, SWEEP_TURN, StoreError, SweepOf, SweepTurn, SweepWatermark,
};

use super::DynamoTable;
use super::expression::{Key, Values, names_in};
use super::item::{
    ENTITY_SWEEP_WATERMARK, Item, crm_sweep_sk, millis, tenant_pk, text, text_of, timestamp_of,
};

const TAKE: &str = "SET #entity = :entity, #sweep_id = :sweep_id, #sweep_seen_ms = :now";
const FREE: &str = "attribute_not_exists(#sweep_id) OR #sweep_id = :sweep_id \
     OR #sweep_seen_ms < :over";
const MOVE: &str = "SET #entity = :entity, #account_id = :account_id, \
     #swept_until_ms = :swept_until, #completed_at_ms = :completed_at";
/// An account's watermark only grows; that of an account before is of no use.
const NOT_LATER: &str = "attribute_not_exists(#swept_until_ms) OR #account_id <> :account_id \
     OR #swept_until_ms <= :swept_until";
const LEAVE: &str = "REMOVE #sweep_id, #sweep_seen_ms";
const OURS: &str = "#sweep_id = :sweep_id";

#[async_trait]
impl CrmSweepStore for DynamoTable {
    async fn take_turn(&self, sweep: SweepOf<'_>, now: Timestamp) -> Result<SweepTurn, StoreError> {
        let values = of_sweep(sweep)
            .with("entity", text(ENTITY_SWEEP_WATERMARK))
            .with("now", millis(now))
            .with("over", millis(now - SWEEP_TURN));
        match self.update_sweep(sweep, TAKE, FREE, values).await? {
            Some(item) => Ok(SweepTurn::Ours(watermark_of(&item)?)),
            None => Ok(SweepTurn::Taken),
        }
    }

    async fn complete(
        &self,
        sweep: SweepOf<'_>,
        watermark: &SweepWatermark,
    ) -> Result<(), StoreError> {
        let values = Values::default()
            .with("entity", text(ENTITY_SWEEP_WATERMARK))
            .with("account_id", text(&watermark.account_id))
            .with("swept_until", millis(watermark.swept_until))
            .with("completed_at", millis(watermark.completed_at));
        let _later_one = self.update_sweep(sweep, MOVE, NOT_LATER, values).await?;
        self.leave(sweep).await
    }

    async fn leave(&self, sweep: SweepOf<'_>) -> Result<(), StoreError> {
        let _not_ours = self.update_sweep(sweep, LEAVE, OURS, of_sweep(sweep)).await?;
        Ok(())
    }
}

impl DynamoTable {
    /// The item after the update; `None` when the condition was not met.
    async fn update_sweep(
        &self,
        sweep: SweepOf<'_>,
        expression: &str,
        condition: &str,
        values: Values,
    ) -> Result<Option<Item>, StoreError> {
        let key = Key { pk: tenant_pk(sweep.tenant), sk: crm_sweep_sk(sweep.system) };
        let update = self
            .client
            .update_item()
            .table_name(&self.table_name)
            .set_key(Some(key.into_item()))
            .update_expression(expression)
            .condition_expression(condition)
            .set_expression_attribute_names(Some(names_in(&[expression, condition])))
            .set_expression_attribute_values(values.into_map())
            .return_values(ReturnValue::AllNew);
        let error = match update.send().await {
            Ok(updated) => return Ok(Some(updated.attributes.unwrap_or_default())),
            Err(error) => error,
        };
        match error.as_service_error() {
            Some(UpdateItemError::ConditionalCheckFailedException(_)) => Ok(None),
            Some(_) | None => Err(StoreError::Unavailable(Box::new(error))),
        }
    }
}

fn of_sweep(sweep: SweepOf<'_>) -> Values {
    Values::default().with("sweep_id", text(sweep.sweep.as_str()))
}

/// The watermark of an item, `None` before the first sweep is complete.
fn watermark_of(item: &Item) -> Result<Option<SweepWatermark>, StoreError> {
    let Some(account_id) = text_of(item, "account_id") else { return Ok(None) };
    let read = || {
        Some(SweepWatermark {
            account_id: account_id.to_owned(),
            swept_until: timestamp_of(item, "swept_until_ms")?,
            completed_at: timestamp_of(item, "completed_at_ms")?,
        })
    };
    read().map(Some).ok_or(StoreError::Malformed("the watermark of a sweep"))
}
