//! Audit entries: written once, never changed.

use async_trait::async_trait;
use sync_domain::model::AuditEntry;
use sync_domain::ports::{AuditLog, StoreError};

use super::DynamoTable;
use super::item::{ENTITY_AUDIT, PK, SK, audit_sk, tenant_pk, text};

#[async_trait]
impl AuditLog for DynamoTable {
    async fn record(&self, entry: &AuditEntry) -> Result<(), StoreError> {
        self.client
            .put_item()
            .table_name(&self.table_name)
            .item(PK, text(tenant_pk(&entry.tenant)))
            .item(SK, text(audit_sk(entry.occurred_at, &entry.id)))
            .item("entity", text(ENTITY_AUDIT))
            .item("audit_id", text(&entry.id))
            .item("tenant_id", text(entry.tenant.as_str()))
            .item("action", text(entry.action.as_str()))
            .item("route", text(&entry.route))
            .item("correlation_id", text(entry.correlation_id.as_str()))
            .item("occurred_at", text(entry.occurred_at.to_string()))
            .send()
            .await
            .map_err(|error| StoreError::Unavailable(Box::new(error)))?;
        Ok(())
    }
}
