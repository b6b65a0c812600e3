//! The real table keeps the contract of the store, and the fake is as strict as it.

use async_trait::async_trait;
use aws_config::{BehaviorVersion, Region, SdkConfig};
use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::config::{Credentials, SharedCredentialsProvider};
use aws_sdk_dynamodb::types::AttributeValue;
use jiff::Timestamp;
use sync_aws::dynamo::DynamoTable;
use sync_domain::keys::RecordKey;
use sync_domain::model::RecordLock;
use sync_domain::ports::{Claim, RecordScope};
use uuid::Uuid;

use crate::contract_record_store::Others;
use crate::contract_upsert_versions::Records;
use crate::support::cloud::Cloud;
use crate::support::push_line::Places;
use crate::{
    contract_booking_index, contract_booking_store, contract_client_directory,
    contract_connection_registry, contract_crm_sweep_store, contract_gate_store,
    contract_import_store, contract_push_again, contract_push_store, contract_record_locks,
    contract_record_store, contract_sweep_directory, contract_upsert_store,
    contract_upsert_versions,
};

fn sdk_config(cloud: &Cloud) -> SdkConfig {
    SdkConfig::builder()
        .behavior_version(BehaviorVersion::latest())
        .region(Region::new(cloud.text("region").to_owned()))
        .endpoint_url(cloud.text("aws_endpoint_url"))
        .credentials_provider(SharedCredentialsProvider::new(Credentials::new(
            "test", "test", None, None, "test",
        )))
        .build()
}

/// The items behind the records of the table.
struct Items {
    client: Client,
    table: String,
}

impl Items {
    async fn text_or_number(&self, claim: &Claim, sk: String, name: &str) -> Option<String> {
        let read = self
            .client
            .get_item()
            .table_name(&self.table)
            .key("pk", AttributeValue::S(format!("T#{}", claim.tenant)))
            .key("sk", AttributeValue::S(sk))
            .consistent_read(true);
        let value = read.send().await.unwrap().item?.remove(name)?;
        Some(value.as_s().or_else(|_| value.as_n()).unwrap().clone())
    }
}

fn record_sk(claim: &Claim) -> String {
    format!("CRM#hubspot#contact#{}", claim.record)
}

impl Records for Items {
    async fn mark_deleted(&self, claim: &Claim) {
        self.client
            .update_item()
            .table_name(&self.table)
            .key("pk", AttributeValue::S(format!("T#{}", claim.tenant)))
            .key("sk", AttributeValue::S(record_sk(claim)))
            .update_expression("SET deleted_at = :at")
            .expression_attribute_values(":at", AttributeValue::S("2026-11-22T00:00:00Z".into()))
            .send()
            .await
            .unwrap();
    }

    async fn pointer(&self, claim: &Claim, external_id: &str) -> Option<String> {
        let sk = format!("CRMID#hubspot#contact#{external_id}");
        self.text_or_number(claim, sk, "record_key").await
    }

    async fn provider_version(&self, claim: &Claim) -> Option<Timestamp> {
        let millis = self.text_or_number(claim, record_sk(claim), "provider_version_ms").await?;
        Some(Timestamp::from_millisecond(millis.parse().unwrap()).unwrap())
    }
}

impl Places for Items {
    async fn counted(&self, claim: &Claim) -> Option<u64> {
        self.text_or_number(claim, record_sk(claim), "entity").await?;
        let queued = self.text_or_number(claim, record_sk(claim), "queued").await;
        Some(queued.map_or(0, |queued| queued.parse().unwrap()))
    }

    async fn erase(&self, claim: &Claim) {
        let mut keys = vec![record_sk(claim)];
        for kind in ["QUEUED", "REFUSED"] {
            let found = self
                .client
                .query()
                .table_name(&self.table)
                .key_condition_expression("pk = :pk AND begins_with(sk, :prefix)")
                .expression_attribute_values(
                    ":pk",
                    AttributeValue::S(format!("T#{}", claim.tenant)),
                )
                .expression_attribute_values(
                    ":prefix",
                    AttributeValue::S(format!("{kind}#hubspot#{}#", claim.record)),
                )
                .consistent_read(true)
                .send()
                .await
                .unwrap();
            keys.extend(found.items().iter().map(|item| item["sk"].as_s().unwrap().clone()));
        }
        for sk in keys {
            let delete = self.client.delete_item().table_name(&self.table);
            let delete = delete.key("pk", AttributeValue::S(format!("T#{}", claim.tenant)));
            delete.key("sk", AttributeValue::S(sk)).send().await.unwrap();
        }
    }
}

fn place(scope: &RecordScope, key: &RecordKey) -> [(&'static str, AttributeValue); 2] {
    let sk = format!("CRM#{}#{}#{key}", scope.system, scope.object_type);
    [("pk", AttributeValue::S(format!("T#{}", scope.tenant))), ("sk", AttributeValue::S(sk))]
}

/// As upserts write their items; see `docs/Data_Model_and_Events.md`.
#[async_trait]
impl Others for Items {
    async fn lock(&self, scope: &RecordScope, key: &RecordKey, lock: &RecordLock) {
        let until = lock.lease_until.as_millisecond().to_string();
        let mut update = self.client.update_item().table_name(&self.table);
        for (name, value) in place(scope, key) {
            update = update.key(name, value);
        }
        update
            .update_expression(
                "SET entity = :entity, record_key = :key, lock_owner = :owner, \
                 lock_until_ms = :until, lock_started_at_ms = :until",
            )
            .expression_attribute_values(":entity", AttributeValue::S("CrmRecord".into()))
            .expression_attribute_values(":key", AttributeValue::S(key.to_string()))
            .expression_attribute_values(":owner", AttributeValue::S(lock.owner.to_string()))
            .expression_attribute_values(":until", AttributeValue::N(until))
            .send()
            .await
            .unwrap();
    }

    async fn queue_push(&self, scope: &RecordScope, key: &RecordKey) {
        let mut update = self.client.update_item().table_name(&self.table);
        for (name, value) in place(scope, key) {
            update = update.key(name, value);
        }
        update
            .update_expression("SET entity = :entity, record_key = :key ADD queued :one")
            .expression_attribute_values(":entity", AttributeValue::S("CrmRecord".into()))
            .expression_attribute_values(":key", AttributeValue::S(key.to_string()))
            .expression_attribute_values(":one", AttributeValue::N("1".into()))
            .send()
            .await
            .unwrap();
        let sk = format!("QUEUED#{}#{key}#1790000000000#{}", scope.system, Uuid::new_v4());
        let put = self.client.put_item().table_name(&self.table);
        put.item("pk", AttributeValue::S(format!("T#{}", scope.tenant)))
            .item("sk", AttributeValue::S(sk))
            .item("entity", AttributeValue::S("QueuedPush".into()))
            .send()
            .await
            .unwrap();
    }

    async fn queued_pushes(&self, scope: &RecordScope, key: &RecordKey) -> usize {
        let prefix = format!("QUEUED#{}#{key}#", scope.system);
        let query = self.client.query().table_name(&self.table);
        let found = query
            .key_condition_expression("pk = :pk AND begins_with(sk, :prefix)")
            .expression_attribute_values(":pk", AttributeValue::S(format!("T#{}", scope.tenant)))
            .expression_attribute_values(":prefix", AttributeValue::S(prefix))
            .consistent_read(true)
            .send()
            .await
            .unwrap();
        found.items().len()
    }
}

fn table() -> DynamoTable {
    let cloud = Cloud::open();
    DynamoTable::new(&sdk_config(&cloud), cloud.text("table").to_owned())
}

#[tokio::test]
async fn table_keeps_the_contract_of_claims() {
    contract_upsert_store::whole_suite(&table()).await;
}

#[tokio::test]
async fn table_keeps_the_contract_of_connections_and_accounts() {
    contract_connection_registry::whole_suite(&table()).await;
}

#[tokio::test]
async fn table_keeps_the_contract_of_bookings_and_clients() {
    contract_booking_store::whole_suite(&table()).await;
    contract_booking_index::whole_suite(&table()).await;
    contract_client_directory::whole_suite(&table()).await;
}

#[tokio::test]
async fn table_keeps_the_contract_of_imports_and_sweeps() {
    contract_import_store::whole_suite(&table()).await;
    contract_sweep_directory::whole_suite(&table(), &table()).await;
    contract_crm_sweep_store::whole_suite(&table()).await;
}

#[tokio::test]
async fn table_keeps_the_contract_of_gates() {
    contract_gate_store::whole_suite(&table()).await;
}

#[tokio::test]
async fn table_keeps_the_contract_of_versions() {
    let cloud = Cloud::open();
    let config = sdk_config(&cloud);
    let table = cloud.text("table").to_owned();
    let items = Items { client: Client::new(&config), table: table.clone() };
    contract_upsert_versions::whole_suite(&DynamoTable::new(&config, table), &items).await;
}

#[tokio::test]
async fn table_keeps_the_contract_of_pushes() {
    let cloud = Cloud::open();
    let config = sdk_config(&cloud);
    let table = cloud.text("table").to_owned();
    let items = Items { client: Client::new(&config), table: table.clone() };
    let store = DynamoTable::new(&config, table);
    contract_push_store::whole_suite(&store, &items).await;
    contract_push_again::whole_suite(&store, &items).await;
}

#[tokio::test]
async fn table_keeps_the_contract_of_records_from_the_provider() {
    let cloud = Cloud::open();
    let config = sdk_config(&cloud);
    let table = cloud.text("table").to_owned();
    let items = Items { client: Client::new(&config), table: table.clone() };
    let store = DynamoTable::new(&config, table);
    contract_record_store::whole_suite(&store, &items).await;
    contract_record_locks::dead_upsert_is_fenced_off(&store).await;
    contract_record_locks::upsert_of_what_is_gone_stores_nothing(&store).await;
    contract_record_locks::finished_upsert_is_seen(&store).await;
}
