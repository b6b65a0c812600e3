//! The real table keeps the contract of the store, and the fake is as strict as it.

use aws_config::{BehaviorVersion, Region};
use aws_sdk_dynamodb::config::{Credentials, SharedCredentialsProvider};
use sync_aws::dynamo::DynamoTable;

use crate::contract_upsert_store::whole_suite;
use crate::support::cloud::Cloud;

#[tokio::test]
async fn table_keeps_the_contract() {
    let cloud = Cloud::open();
    let config = aws_config::SdkConfig::builder()
        .behavior_version(BehaviorVersion::latest())
        .region(Region::new(cloud.text("region").to_owned()))
        .endpoint_url(cloud.text("aws_endpoint_url"))
        .credentials_provider(SharedCredentialsProvider::new(Credentials::new(
            "test", "test", None, None, "test",
        )))
        .build();
    whole_suite(&DynamoTable::new(&config, cloud.text("table").to_owned())).await;
}
