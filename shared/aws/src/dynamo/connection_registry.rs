//! The list of connections: locks as conditional updates, ends of work as transactions with their
//! audit entry.

use async_trait::async_trait;
use aws_sdk_dynamodb::error::BuildError;
use aws_sdk_dynamodb::operation::update_item::UpdateItemError;
use aws_sdk_dynamodb::types::{
    ReturnValue, ReturnValuesOnConditionCheckFailure, TransactWriteItem,
};
use jiff::{SignedDuration, Timestamp};
use sync_domain::model::{AuditEntry, System, TenantId};
use sync_domain::ports::{
    ConnectionEntry, ConnectionLock, ConnectionRegistry, Fenced, Finish, LockOutcome, StoreError,
};

use super::DynamoTable;
use super::connection_item::{EntryUpdate, entry_of, entry_update, found_in};
use super::expression::{Key, Values, delete, names_in, update};
use super::item::{
    ENTITY_CONNECTION, Item, connection_sk, millis, tenant_pk, text, text_of, timestamp_of,
};
use super::transaction::Committed;

const OWNED: &str = "#lock_owner = :owner";
const UNLOCK: &str = "REMOVE #lock_owner, #lock_until_ms";
/// A lock that is being written at this very moment is asked for again after this.
const CONFLICT_WAIT: SignedDuration = SignedDuration::from_millis(250);
/// Tries of one end; what is in its way is another caller's try to lock, over in milliseconds.
const COMMITS_MAX: u32 = 4;

/// What an update came to.
enum Updated {
    /// It was made; the item as it was before.
    Done(Item),
    /// Its condition failed; the item as it is.
    Refused(Item),
    /// A transaction is at the item.
    Conflict,
}

#[async_trait]
impl ConnectionRegistry for DynamoTable {
    async fn entry(
        &self,
        tenant: &TenantId,
        system: System,
    ) -> Result<Option<ConnectionEntry>, StoreError> {
        let read = self
            .client
            .get_item()
            .table_name(&self.table_name)
            .set_key(Some(key_of(tenant, system).into_item()))
            .consistent_read(true);
        let found = read.send().await.map_err(|error| StoreError::Unavailable(Box::new(error)))?;
        found.item.as_ref().map_or(Ok(None), entry_of)
    }

    async fn lock(&self, lock: &ConnectionLock, now: Timestamp) -> Result<LockOutcome, StoreError> {
        let take = "SET #entity = :entity, #tenant_id = :tenant_id, #kind = :kind, \
             #system = :system, #lock_owner = :owner, #lock_until_ms = :until";
        // One's own lock is no obstacle: the SDK may have sent a lost request again.
        let condition = "attribute_not_exists(#lock_owner) OR #lock_until_ms <= :now \
             OR #lock_owner = :owner";
        let values = owned_by(lock)
            .with("entity", text(ENTITY_CONNECTION))
            .with("tenant_id", text(lock.tenant.as_str()))
            .with("kind", text(lock.system.kind().as_str()))
            .with("system", text(lock.system.as_str()))
            .with("until", millis(lock.until))
            .with("now", millis(now));
        match self.update_connection(lock, take, condition, values).await? {
            Updated::Done(before) => {
                Ok(LockOutcome::Locked(found_in(&before, lock.owner.as_str())?))
            }
            Updated::Refused(held) => {
                let until = timestamp_of(&held, "lock_until_ms")
                    .ok_or(StoreError::Malformed("the lock of a connection"))?;
                Ok(LockOutcome::Held { until })
            }
            Updated::Conflict => Ok(LockOutcome::Held { until: now + CONFLICT_WAIT }),
        }
    }

    async fn renew(&self, lock: &ConnectionLock) -> Result<Fenced, StoreError> {
        let values = owned_by(lock).with("until", millis(lock.until));
        self.fenced_update(lock, "SET #lock_until_ms = :until", values).await
    }

    async fn note_claim(
        &self,
        lock: &ConnectionLock,
        account_id: &str,
    ) -> Result<Fenced, StoreError> {
        let values = owned_by(lock).with("account_id", text(account_id));
        self.fenced_update(lock, "SET #claiming_account_id = :account_id", values).await
    }

    async fn finish(
        &self,
        lock: &ConnectionLock,
        finish: &Finish<'_>,
        audit: Option<&AuditEntry>,
    ) -> Result<Fenced, StoreError> {
        let end = self.end_of(lock, finish).map_err(unbuildable)?;
        match self.commit_end(end, audit).await? {
            Committed::Yes => Ok(Fenced::Done),
            Committed::Conflict => Err(StoreError::Conflict),
            Committed::Refused(items) => {
                let held = items.into_iter().next().flatten().unwrap_or_default();
                let is_ours = text_of(&held, "lock_owner") == Some(lock.owner.as_str());
                if !is_ours || matches!(finish, Finish::Removed) {
                    return Ok(Fenced::Lost);
                }
                // Ours, but nothing would be left of it: it was only made to be locked.
                let end = self.removal_of(lock).map_err(unbuildable)?;
                match self.commit_end(end, audit).await? {
                    Committed::Yes => Ok(Fenced::Done),
                    Committed::Refused(_) => Ok(Fenced::Lost),
                    Committed::Conflict => Err(StoreError::Conflict),
                }
            }
        }
    }
}

impl DynamoTable {
    async fn update_connection(
        &self,
        lock: &ConnectionLock,
        expression: &str,
        condition: &str,
        values: Values,
    ) -> Result<Updated, StoreError> {
        let update = self
            .client
            .update_item()
            .table_name(&self.table_name)
            .set_key(Some(key_of(&lock.tenant, lock.system).into_item()))
            .update_expression(expression)
            .condition_expression(condition)
            .set_expression_attribute_names(Some(names_in(&[expression, condition])))
            .set_expression_attribute_values(values.into_map())
            .return_values(ReturnValue::AllOld)
            .return_values_on_condition_check_failure(ReturnValuesOnConditionCheckFailure::AllOld);
        let error = match update.send().await {
            Ok(updated) => return Ok(Updated::Done(updated.attributes.unwrap_or_default())),
            Err(error) => error,
        };
        match error.as_service_error() {
            Some(UpdateItemError::ConditionalCheckFailedException(failed)) => {
                Ok(Updated::Refused(failed.item().cloned().unwrap_or_default()))
            }
            Some(UpdateItemError::TransactionConflictException(_)) => Ok(Updated::Conflict),
            Some(_) | None => Err(StoreError::Unavailable(Box::new(error))),
        }
    }

    async fn fenced_update(
        &self,
        lock: &ConnectionLock,
        expression: &str,
        values: Values,
    ) -> Result<Fenced, StoreError> {
        match self.update_connection(lock, expression, OWNED, values).await? {
            Updated::Done(_) => Ok(Fenced::Done),
            Updated::Refused(_) => Ok(Fenced::Lost),
            Updated::Conflict => Err(StoreError::Conflict),
        }
    }

    fn end_of(
        &self,
        lock: &ConnectionLock,
        finish: &Finish<'_>,
    ) -> Result<TransactWriteItem, BuildError> {
        let owned = owned_by(lock);
        let (expression, condition, values) = match finish {
            Finish::Removed => return self.removal_of(lock),
            Finish::Connected(entry) => {
                let EntryUpdate { set, remove, values } = entry_update(lock, entry, owned);
                (format!("{set} {UNLOCK}, #claiming_account_id{remove}"), OWNED, values)
            }
            Finish::Updated(entry) => {
                let EntryUpdate { set, remove, values } = entry_update(lock, entry, owned);
                (format!("{set} {UNLOCK}{remove}"), OWNED, values)
            }
            Finish::Unchanged => {
                let condition = "#lock_owner = :owner AND (attribute_exists(#status) \
                     OR attribute_exists(#claiming_account_id))";
                (UNLOCK.to_owned(), condition, owned)
            }
            Finish::AccountGivenUp => {
                let condition = "#lock_owner = :owner AND attribute_exists(#status)";
                (format!("{UNLOCK}, #claiming_account_id"), condition, owned)
            }
        };
        let key = key_of(&lock.tenant, lock.system);
        update(&self.table_name, key, &expression, condition, values)
    }

    fn removal_of(&self, lock: &ConnectionLock) -> Result<TransactWriteItem, BuildError> {
        delete(&self.table_name, key_of(&lock.tenant, lock.system), OWNED, owned_by(lock))
    }

    async fn commit_end(
        &self,
        end: TransactWriteItem,
        audit: Option<&AuditEntry>,
    ) -> Result<Committed, StoreError> {
        let mut writes = vec![end];
        if let Some(entry) = audit {
            writes.push(self.put_audit(entry).map_err(unbuildable)?);
        }
        let mut committed = self.commit(writes.clone()).await?;
        for _try in 1..COMMITS_MAX {
            if !matches!(committed, Committed::Conflict) {
                break;
            }
            committed = self.commit(writes.clone()).await?;
        }
        Ok(committed)
    }
}

fn key_of(tenant: &TenantId, system: System) -> Key {
    Key { pk: tenant_pk(tenant), sk: connection_sk(system) }
}

fn owned_by(lock: &ConnectionLock) -> Values {
    Values::default().with("owner", text(lock.owner.as_str()))
}

fn unbuildable(error: BuildError) -> StoreError {
    StoreError::Unavailable(Box::new(error))
}
