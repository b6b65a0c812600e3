//! Records that come from the provider: loaded by the hundred, written one by one.

use std::collections::HashMap;

use async_trait::async_trait;
use aws_sdk_dynamodb::error::{ProvideErrorMetadata, SdkError};
use aws_sdk_dynamodb::types::{KeysAndAttributes, TransactWriteItem};
use futures::future::{join_all, try_join_all};
use sync_domain::keys::RecordKey;
use sync_domain::model::ExternalId;
use sync_domain::ports::{
    CommitOutcome, Loaded, Lookup, RecordCommit, RecordScope, RecordStore, StoreError,
};

use super::DynamoTable;
use super::item::{
    Item, PK, SK, pointer_sk, queued_prefix, record_sk, refused_prefix, tenant_pk, text, text_of,
};
use super::record_item::{pointer_of, record_of};
use super::record_write::{pointer_write, record_write};
use super::transaction::Committed;

/// The most keys that one `BatchGetItem` takes.
const KEYS_PER_CALL_MAX: usize = 100;

/// Error codes of a single write that somebody was faster with.
const OVERTAKEN: [&str; 2] = ["ConditionalCheckFailedException", "TransactionConflictException"];

fn unavailable(error: impl std::error::Error + Send + Sync + 'static) -> StoreError {
    StoreError::Unavailable(Box::new(error))
}

/// What a sort key of a lookup stands for.
enum Place {
    Pointer(ExternalId),
    Record(RecordKey),
}

fn places_of(scope: &RecordScope, lookup: &Lookup) -> HashMap<String, Place> {
    let RecordScope { system, object_type, .. } = scope;
    let pointers = lookup
        .ids
        .iter()
        .map(|id| (pointer_sk(*system, *object_type, id), Place::Pointer(id.clone())));
    let records = lookup
        .keys
        .iter()
        .map(|key| (record_sk(*system, *object_type, key), Place::Record(key.clone())));
    pointers.chain(records).collect()
}

fn note(lookup: &mut Lookup, place: &Place) {
    match place {
        Place::Pointer(id) => drop(lookup.ids.insert(id.clone())),
        Place::Record(key) => drop(lookup.keys.insert(key.clone())),
    }
}

fn read_into(loaded: &mut Loaded, place: &Place, item: &Item) {
    let read = match place {
        Place::Pointer(id) => {
            pointer_of(item).map(|pointer| drop(loaded.pointers.insert(id.clone(), pointer)))
        }
        Place::Record(key) => {
            record_of(item).map(|record| drop(loaded.records.insert(key.clone(), record)))
        }
    };
    if let Err(error) = read {
        tracing::error!(%error, "A stored item can't be read.");
        note(&mut loaded.unreadable, place);
    }
}

#[async_trait]
impl RecordStore for DynamoTable {
    async fn load(&self, scope: &RecordScope, lookup: &Lookup) -> Result<Loaded, StoreError> {
        let places = places_of(scope, lookup);
        let sort_keys: Vec<&String> = places.keys().collect();
        let calls = sort_keys.chunks(KEYS_PER_CALL_MAX).map(|chunk| self.batch_get(scope, chunk));
        let mut loaded = Loaded::default();
        for (items, unprocessed) in try_join_all(calls).await? {
            let place_of = |item: &Item| places.get(text_of(item, SK)?);
            for item in &items {
                if let Some(place) = place_of(item) {
                    read_into(&mut loaded, place, item);
                }
            }
            for place in unprocessed.iter().filter_map(place_of) {
                note(&mut loaded.unread, place);
            }
        }
        Ok(loaded)
    }

    async fn commit(
        &self,
        scope: &RecordScope,
        commit: &RecordCommit,
    ) -> Result<CommitOutcome, StoreError> {
        let table = &self.table_name;
        let records = commit.records.iter().map(|write| record_write(table, scope, write));
        let pointers = commit.pointers.iter().map(|write| pointer_write(table, scope, write));
        let mut writes: Vec<_> =
            records.chain(pointers).collect::<Result<_, _>>().map_err(unavailable)?;
        match (writes.len(), writes.pop()) {
            (_, None) => Ok(CommitOutcome::Committed),
            // A transaction costs twice as much as a single write.
            (1, Some(write)) => self.write_one(write).await,
            (_, Some(last)) => {
                writes.push(last);
                Ok(match self.commit(writes).await? {
                    Committed::Yes => CommitOutcome::Committed,
                    Committed::Refused(_) | Committed::Conflict => CommitOutcome::Overtaken,
                })
            }
        }
    }

    async fn discard_queued_pushes(
        &self,
        scope: &RecordScope,
        key: &RecordKey,
    ) -> Result<(), StoreError> {
        let prefixes = [queued_prefix(scope.system, key), refused_prefix(scope.system, key)];
        let found = prefixes.iter().map(|prefix| self.keys_under(scope, prefix));
        let found = try_join_all(found).await?.concat();
        let deletions = found.into_iter().map(|item| {
            let delete = self.client.delete_item().table_name(&self.table_name);
            delete.set_key(Some(item)).send()
        });
        for deleted in join_all(deletions).await {
            deleted.map_err(unavailable)?;
        }
        Ok(())
    }
}

impl DynamoTable {
    /// The keys of a tenant's items whose sort keys begin so.
    async fn keys_under(&self, scope: &RecordScope, prefix: &str) -> Result<Vec<Item>, StoreError> {
        let mut pages = self
            .client
            .query()
            .table_name(&self.table_name)
            .key_condition_expression("#pk = :pk AND begins_with(#sk, :prefix)")
            .projection_expression("#pk, #sk")
            .expression_attribute_names("#pk", PK)
            .expression_attribute_names("#sk", SK)
            .expression_attribute_values(":pk", text(tenant_pk(&scope.tenant)))
            .expression_attribute_values(":prefix", text(prefix))
            .consistent_read(true)
            .into_paginator()
            .items()
            .send();
        let mut found = Vec::new();
        while let Some(item) = pages.next().await {
            found.push(item.map_err(unavailable)?);
        }
        Ok(found)
    }

    /// One `BatchGetItem`: what came, and the keys that the table did not get to.
    async fn batch_get(
        &self,
        scope: &RecordScope,
        sort_keys: &[&String],
    ) -> Result<(Vec<Item>, Vec<Item>), StoreError> {
        let pk = tenant_pk(&scope.tenant);
        let keys = sort_keys
            .iter()
            .map(|sk| Item::from([(PK.to_owned(), text(&pk)), (SK.to_owned(), text(sk.as_str()))]));
        // Decisions are made on what is read, and a refused write costs as much as a good one.
        let keys = KeysAndAttributes::builder()
            .set_keys(Some(keys.collect()))
            .consistent_read(true)
            .build()
            .map_err(unavailable)?;
        let get = self.client.batch_get_item().request_items(&self.table_name, keys);
        let mut answer = get.send().await.map_err(unavailable)?;
        let items = answer.responses.take().and_then(|mut it| it.remove(&self.table_name));
        let unprocessed = answer.unprocessed_keys.take();
        let unprocessed = unprocessed.and_then(|mut it| it.remove(&self.table_name));
        Ok((items.unwrap_or_default(), unprocessed.map(|it| it.keys).unwrap_or_default()))
    }

    /// One write that is no transaction. The SDK repeats a try whose outcome is unknown, and the
    /// repeat may be refused by our own write: whoever looks again finds it there.
    async fn write_one(&self, write: TransactWriteItem) -> Result<CommitOutcome, StoreError> {
        if let Some(update) = write.update {
            let sent = self
                .client
                .update_item()
                .table_name(update.table_name)
                .set_key(Some(update.key))
                .update_expression(update.update_expression)
                .set_condition_expression(update.condition_expression)
                .set_expression_attribute_names(update.expression_attribute_names)
                .set_expression_attribute_values(update.expression_attribute_values)
                .send();
            return outcome_of(sent.await);
        }
        if let Some(put) = write.put {
            let sent = self
                .client
                .put_item()
                .table_name(put.table_name)
                .set_item(Some(put.item))
                .set_condition_expression(put.condition_expression)
                .set_expression_attribute_names(put.expression_attribute_names)
                .set_expression_attribute_values(put.expression_attribute_values)
                .send();
            return outcome_of(sent.await);
        }
        let Some(delete) = write.delete else { return Ok(CommitOutcome::Committed) };
        let sent = self
            .client
            .delete_item()
            .table_name(delete.table_name)
            .set_key(Some(delete.key))
            .set_condition_expression(delete.condition_expression)
            .set_expression_attribute_names(delete.expression_attribute_names)
            .set_expression_attribute_values(delete.expression_attribute_values)
            .send();
        outcome_of(sent.await)
    }
}

fn outcome_of<T, E>(sent: Result<T, SdkError<E>>) -> Result<CommitOutcome, StoreError>
where
    E: ProvideErrorMetadata + std::error::Error + Send + Sync + 'static,
{
    match sent {
        Ok(_written) => Ok(CommitOutcome::Committed),
        Err(error) if error.code().is_some_and(|code| OVERTAKEN.contains(&code)) => {
            Ok(CommitOutcome::Overtaken)
        }
        Err(error) => Err(unavailable(error)),
    }
}
