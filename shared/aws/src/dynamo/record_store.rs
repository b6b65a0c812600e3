//! Records that come from the provider: loaded by the hundred, written one by one.

use std::collections::HashMap;

use async_trait::async_trait;
use futures::future::{join_all, try_join_all};
use sync_domain::keys::RecordKey;
use sync_domain::model::ExternalId;
use sync_domain::ports::{
    CommitOutcome, Loaded, Lookup, RecordCommit, RecordScope, RecordStore, StoreError,
};

use super::DynamoTable;
use super::batch_get::KEYS_PER_CALL_MAX;
use super::item::{
    Item, PK, SK, pointer_sk, queued_prefix, record_sk, refused_prefix, tenant_pk, text, text_of,
};
use super::record_item::{pointer_of, record_of};
use super::record_write::{pointer_write, record_write};
use super::transaction::Committed;

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
        let sort_keys: Vec<String> = places.keys().cloned().collect();
        let chunks = sort_keys.chunks(KEYS_PER_CALL_MAX);
        let calls = chunks.map(|chunk| self.batch_get(&scope.tenant, chunk));
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
        let writes = records.chain(pointers).collect::<Result<_, _>>().map_err(unavailable)?;
        Ok(match self.write(writes).await? {
            Committed::Yes => CommitOutcome::Committed,
            // Also by our own write, repeated by the SDK: whoever looks again finds it there.
            Committed::Refused(_) | Committed::Conflict => CommitOutcome::Overtaken,
        })
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
}
