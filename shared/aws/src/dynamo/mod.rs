//! The one table: keys, items, conditional writes and the images of its stream.
//!
//! Every item and attribute is described in `docs/Data_Model_and_Events.md`.

mod account_pointer;
mod account_registry;
mod audit;
mod batch_get;
mod booking_item;
mod booking_store;
mod client_directory;
mod client_item;
mod completion;
mod connection_item;
mod connection_registry;
mod crm_sweep_item;
mod dead_letters;
mod expression;
mod gate_item;
mod gate_store;
mod image_item;
mod import_store;
mod item;
mod push_item;
mod push_steps;
mod push_store;
mod push_writes;
mod record_item;
mod record_store;
mod record_write;
mod refusal;
mod stream;
mod sweep_directory;
mod transaction;
mod upsert_store;
mod work_counts;
mod write;

use std::time::Duration;

use aws_config::SdkConfig;
use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::config::AsyncSleep as _;
use aws_sdk_dynamodb::types::AttributeValue;

pub use stream::{ImageError, change_of};

/// The table with its client.
#[derive(Debug, Clone)]
pub struct DynamoTable {
    client: Client,
    table_name: String,
}

impl DynamoTable {
    /// The table by its name (`TABLE_NAME`).
    pub fn new(config: &SdkConfig, table_name: String) -> Self {
        Self { client: Client::new(config), table_name }
    }

    /// Waits as the SDK does between its own tries.
    async fn wait(&self, duration: Duration) {
        if let Some(sleep) = self.client.config().sleep_impl() {
            sleep.sleep(duration).await;
        }
    }

    /// Opens the first connection with a read of a key that is never there, so that the handshake
    /// happens while the function starts. The result does not matter.
    pub async fn warm_up(&self) {
        let read = self
            .client
            .get_item()
            .table_name(&self.table_name)
            .key(item::PK, AttributeValue::S("WARM_UP".into()))
            .key(item::SK, AttributeValue::S("WARM_UP".into()))
            .send();
        drop(read.await);
    }
}
