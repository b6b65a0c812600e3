//! Claiming and releasing account pointers, each one conditional write.

use async_trait::async_trait;
use aws_sdk_dynamodb::operation::delete_item::DeleteItemError;
use aws_sdk_dynamodb::operation::put_item::PutItemError;
use sync_domain::model::{System, TenantId};
use sync_domain::ports::{AccountClaim, AccountOwner, AccountRegistry, StoreError};

use super::DynamoTable;
use super::expression::Key;
use super::item::{ACCOUNT_SK, ENTITY_ACCOUNT, account_pk, text};

#[async_trait]
impl AccountRegistry for DynamoTable {
    async fn claim(
        &self,
        system: System,
        account_id: &str,
        owner: &AccountOwner,
    ) -> Result<AccountClaim, StoreError> {
        let put = self
            .client
            .put_item()
            .table_name(&self.table_name)
            .set_item(Some(pointer_key(system, account_id).into_item()))
            .item("entity", text(ENTITY_ACCOUNT))
            .item("tenant_id", text(owner.tenant.as_str()))
            .item("system", text(system.as_str()))
            .item("auth", text(owner.auth.as_str()))
            .condition_expression("attribute_not_exists(#pk) OR #tenant_id = :tenant_id")
            .expression_attribute_names("#pk", super::item::PK)
            .expression_attribute_names("#tenant_id", "tenant_id")
            .expression_attribute_values(":tenant_id", text(owner.tenant.as_str()));
        let Err(error) = put.send().await else { return Ok(AccountClaim::Owned) };
        let is_taken = error
            .as_service_error()
            .is_some_and(PutItemError::is_conditional_check_failed_exception);
        if is_taken {
            Ok(AccountClaim::Taken)
        } else {
            Err(StoreError::Unavailable(Box::new(error)))
        }
    }

    async fn release(
        &self,
        system: System,
        account_id: &str,
        tenant: &TenantId,
    ) -> Result<(), StoreError> {
        let delete = self
            .client
            .delete_item()
            .table_name(&self.table_name)
            .set_key(Some(pointer_key(system, account_id).into_item()))
            .condition_expression("#tenant_id = :tenant_id")
            .expression_attribute_names("#tenant_id", "tenant_id")
            .expression_attribute_values(":tenant_id", text(tenant.as_str()));
        let Err(error) = delete.send().await else { return Ok(()) };
        let is_not_ours = error
            .as_service_error()
            .is_some_and(DeleteItemError::is_conditional_check_failed_exception);
        if is_not_ours { Ok(()) } else { Err(StoreError::Unavailable(Box::new(error))) }
    }
}

fn pointer_key(system: System, account_id: &str) -> Key {
    Key { pk: account_pk(system, account_id), sk: ACCOUNT_SK.to_owned() }
}
