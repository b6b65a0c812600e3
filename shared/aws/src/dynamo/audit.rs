//! Audit entries: written once, never changed.

use async_trait::async_trait;
use aws_sdk_dynamodb::error::BuildError;
use aws_sdk_dynamodb::types::TransactWriteItem;
use sync_domain::model::AuditEntry;
use sync_domain::ports::{AuditLog, StoreError};

use super::DynamoTable;
use super::expression::{Key, replace};
use super::item::{ENTITY_AUDIT, Item, audit_sk, tenant_pk, text};

#[async_trait]
impl AuditLog for DynamoTable {
    async fn record(&self, entry: &AuditEntry) -> Result<(), StoreError> {
        let mut item = key_of(entry).into_item();
        item.extend(item_of(entry));
        self.client
            .put_item()
            .table_name(&self.table_name)
            .set_item(Some(item))
            .send()
            .await
            .map_err(|error| StoreError::Unavailable(Box::new(error)))?;
        Ok(())
    }
}

impl DynamoTable {
    /// The entry as a part of a transaction: written with what it tells of, or not at all.
    pub(super) fn put_audit(&self, entry: &AuditEntry) -> Result<TransactWriteItem, BuildError> {
        replace(&self.table_name, key_of(entry), item_of(entry))
    }
}

fn key_of(entry: &AuditEntry) -> Key {
    Key { pk: tenant_pk(&entry.tenant), sk: audit_sk(entry.occurred_at, &entry.id) }
}

fn item_of(entry: &AuditEntry) -> Item {
    let mut item = Item::from([
        ("entity".to_owned(), text(ENTITY_AUDIT)),
        ("audit_id".to_owned(), text(&entry.id)),
        ("tenant_id".to_owned(), text(entry.tenant.as_str())),
        ("action".to_owned(), text(entry.action.as_str())),
        ("route".to_owned(), text(&entry.route)),
        ("correlation_id".to_owned(), text(entry.correlation_id.as_str())),
        ("occurred_at".to_owned(), text(entry.occurred_at.to_string())),
    ]);
    if let Some(operator) = &entry.operator {
        item.insert("operator".to_owned(), text(operator));
    }
    item
}
