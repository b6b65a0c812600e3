//! The state of a gate: one item, read and written as a whole under its revision.

use async_trait::async_trait;
use aws_sdk_dynamodb::error::SdkError;
use aws_sdk_dynamodb::operation::put_item::PutItemError;
use aws_sdk_dynamodb::types::ReturnValuesOnConditionCheckFailure;
use sync_domain::gate::GateState;
use sync_domain::model::{System, TenantId};
use sync_domain::ports::{GateStore, SaveOutcome, StoreError};

use super::DynamoTable;
use super::gate_item::{item_of, state_of};
use super::item::{ENTITY_GATE, Item, PK, SK, gate_sk, number, tenant_pk, text};

#[async_trait]
impl GateStore for DynamoTable {
    async fn load(&self, tenant: &TenantId, system: System) -> Result<GateState, StoreError> {
        let read = self
            .client
            .get_item()
            .table_name(&self.table_name)
            .key(PK, text(tenant_pk(tenant)))
            .key(SK, text(gate_sk(system)))
            // What is read is written back with changes: an old one would only be refused.
            .consistent_read(true)
            .send()
            .await
            .map_err(|error| StoreError::Unavailable(Box::new(error)))?;
        read.item.map_or_else(|| Ok(GateState::default()), |item| state_of(&item))
    }

    async fn save(
        &self,
        tenant: &TenantId,
        system: System,
        state: &GateState,
    ) -> Result<SaveOutcome, StoreError> {
        let mut item = item_of(state, state.revision + 1);
        item.insert(PK.to_owned(), text(tenant_pk(tenant)));
        item.insert(SK.to_owned(), text(gate_sk(system)));
        item.insert("entity".to_owned(), text(ENTITY_GATE));
        item.insert("tenant_id".to_owned(), text(tenant.as_str()));
        item.insert("system".to_owned(), text(system.as_str()));
        let put = self
            .client
            .put_item()
            .table_name(&self.table_name)
            .set_item(Some(item))
            .expression_attribute_names("#revision", "revision")
            .return_values_on_condition_check_failure(ReturnValuesOnConditionCheckFailure::AllOld);
        let put = if state.revision == 0 {
            put.condition_expression("attribute_not_exists(#revision)")
        } else {
            put.condition_expression("#revision = :revision")
                .expression_attribute_values(":revision", number(state.revision))
        };
        let error = match put.send().await {
            Ok(_written) => return Ok(SaveOutcome::Saved),
            Err(error) => error,
        };
        match refused_for(&error) {
            None => Err(StoreError::Unavailable(Box::new(error))),
            Some(Some(found)) => Ok(SaveOutcome::Conflict(Box::new(state_of(found)?))),
            // The item is gone since: what is there now is asked for.
            Some(None) => Ok(SaveOutcome::Conflict(Box::new(self.load(tenant, system).await?))),
        }
    }
}

/// The item that refused a write, if a condition did.
fn refused_for(error: &SdkError<PutItemError>) -> Option<Option<&Item>> {
    let service = error.as_service_error()?;
    if let PutItemError::ConditionalCheckFailedException(refused) = service {
        return Some(refused.item().filter(|item| !item.is_empty()));
    }
    None
}
