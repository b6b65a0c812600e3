//! Counting what waits in a tenant's partition.

use async_trait::async_trait;
use aws_sdk_dynamodb::types::Select;
use sync_domain::model::{System, TenantId};
use sync_domain::ports::{BoundedCount, COUNT_MAX, StoreError, WaitingWork, WorkCounts};

use super::DynamoTable;
use super::item::{PK, SK, tenant_pk, text};

#[async_trait]
impl WorkCounts for DynamoTable {
    /// Queries that return no item, page by page, until one more than the most is seen.
    async fn count(
        &self,
        tenant: &TenantId,
        system: System,
        work: WaitingWork,
    ) -> Result<BoundedCount, StoreError> {
        let prefix = match work {
            WaitingWork::Queued => format!("QUEUED#{system}#"),
            WaitingWork::DeadLetters => format!("DEAD#{system}#"),
        };
        let most = COUNT_MAX as usize + 1;
        let mut counted = 0;
        let mut start = None;
        loop {
            let left = i32::try_from(most - counted).unwrap_or(i32::MAX);
            let query = self
                .client
                .query()
                .table_name(&self.table_name)
                .select(Select::Count)
                .key_condition_expression("#pk = :pk AND begins_with(#sk, :prefix)")
                .expression_attribute_names("#pk", PK)
                .expression_attribute_names("#sk", SK)
                .expression_attribute_values(":pk", text(tenant_pk(tenant)))
                .expression_attribute_values(":prefix", text(&prefix))
                .limit(left)
                .set_exclusive_start_key(start);
            let page =
                query.send().await.map_err(|error| StoreError::Unavailable(Box::new(error)))?;
            counted += usize::try_from(page.count).unwrap_or_default();
            start = page.last_evaluated_key.filter(|key| !key.is_empty());
            if start.is_none() || counted >= most {
                return Ok(BoundedCount::of(counted));
            }
        }
    }
}
