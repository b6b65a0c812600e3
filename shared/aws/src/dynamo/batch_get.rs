//! Consistent reads of many items of one tenant.

use std::time::Duration;

use aws_sdk_dynamodb::types::KeysAndAttributes;
use futures::future::try_join_all;
use sync_domain::model::TenantId;
use sync_domain::ports::StoreError;

use super::DynamoTable;
use super::item::{Item, PK, SK, tenant_pk, text, text_of};

/// The most keys that one `BatchGetItem` takes.
pub const KEYS_PER_CALL_MAX: usize = 100;

/// Waits before what the table did not get to is asked for again: it is short of capacity, or has
/// given as much as fits in one answer.
const WAITS: [Duration; 4] = [
    Duration::from_millis(50),
    Duration::from_millis(100),
    Duration::from_millis(200),
    Duration::from_millis(400),
];

fn unavailable(error: impl std::error::Error + Send + Sync + 'static) -> StoreError {
    StoreError::Unavailable(Box::new(error))
}

/// The table did not get to all keys within the tries.
#[derive(Debug, thiserror::Error)]
#[error("the table left keys of a read unprocessed")]
struct KeysLeft;

impl DynamoTable {
    /// The items that are there under different sort keys, any number of them.
    pub(super) async fn read_all(
        &self,
        tenant: &TenantId,
        sort_keys: &[String],
    ) -> Result<Vec<Item>, StoreError> {
        let chunks = sort_keys.chunks(KEYS_PER_CALL_MAX);
        let read = try_join_all(chunks.map(|chunk| self.read_chunk(tenant, chunk))).await?;
        Ok(read.concat())
    }

    async fn read_chunk(
        &self,
        tenant: &TenantId,
        sort_keys: &[String],
    ) -> Result<Vec<Item>, StoreError> {
        let (mut items, mut left) = self.batch_get(tenant, sort_keys).await?;
        for wait in WAITS {
            if left.is_empty() {
                break;
            }
            self.wait(wait).await;
            let sort_keys = left.iter().filter_map(|key| text_of(key, SK)).map(str::to_owned);
            let (more, still_left) = self.batch_get(tenant, &sort_keys.collect::<Vec<_>>()).await?;
            items.extend(more);
            left = still_left;
        }
        if left.is_empty() { Ok(items) } else { Err(unavailable(KeysLeft)) }
    }

    /// One `BatchGetItem`: what came, and the keys that the table did not get to.
    pub(super) async fn batch_get(
        &self,
        tenant: &TenantId,
        sort_keys: &[String],
    ) -> Result<(Vec<Item>, Vec<Item>), StoreError> {
        let pk = tenant_pk(tenant);
        let keys = sort_keys
            .iter()
            .map(|sk| Item::from([(PK.to_owned(), text(&pk)), (SK.to_owned(), text(sk))]));
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
}
