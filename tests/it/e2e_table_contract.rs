//! The real table keeps the contract of the store, and the fake is as strict as it.

use aws_config::{BehaviorVersion, Region};
use aws_sdk_dynamodb::config::{Credentials, SharedCredentialsProvider};
use sync_aws::dynamo::DynamoTable;

use crate::support::cloud::Cloud;
use crate::{contract_gate_store, contract_upsert_store};

fn table() -> DynamoTable {
    let cloud = Cloud::open();
    let config = aws_config::SdkConfig::builder()
        .behavior_version(BehaviorVersion::latest())
        .region(Region::new(cloud.text("region").to_owned()))
        .endpoint_url(cloud.text("aws_endpoint_url"))
        .credentials_provider(SharedCredentialsProvider::new(Credentials::new(
            "test", "test", None, None, "test",
        )))
        .build();
    DynamoTable::new(&config, cloud.text("table").to_owned())
}

#[tokio::test]
async fn table_keeps_the_contract_of_claims() {
    contract_upsert_store::whole_suite(&table()).await;
}

#[tokio::test]
async fn table_keeps_the_contract_of_gates() {
    contract_gate_store::whole_suite(&table()).await;
}
