//! What the table holds of a tenant.

use serde_json::{Value, json};

use super::tenant::Tenant;

/// What work leaves behind: records, where their ids lead, claims, waiting pushes, dead letters.
/// A connection, its gate and its audit trail are no work.
const ENTITIES_OF_WORK: [&str; 5] =
    ["CrmRecord", "CrmPointer", "IdempotencyClaim", "QueuedPush", "DeadLetter"];

impl Tenant {
    /// All items of this tenant.
    pub async fn items(&self) -> Vec<Value> {
        self.items_below("").await
    }

    /// The items whose sort key begins so.
    pub async fn items_below(&self, prefix: &str) -> Vec<Value> {
        let mut items = Vec::new();
        let mut start = Value::Null;
        loop {
            let condition = if prefix.is_empty() { "" } else { " AND begins_with(sk, :prefix)" };
            let mut values = json!({":pk": {"S": format!("T#{}", self.id)}});
            if !prefix.is_empty() {
                values[":prefix"] = json!({ "S": prefix });
            }
            let mut query = json!({
                "TableName": self.cloud.text("table"),
                "KeyConditionExpression": format!("pk = :pk{condition}"),
                "ExpressionAttributeValues": values,
                "ConsistentRead": true,
            });
            if !start.is_null() {
                query["ExclusiveStartKey"] = start;
            }
            let answer = self.cloud.aws("dynamodb/DynamoDB_20120810.Query", query).await;
            items.extend(answer["Items"].as_array().unwrap().iter().cloned());
            start = answer["LastEvaluatedKey"].clone();
            if start.is_null() {
                return items;
            }
        }
    }

    /// The items of one kind.
    pub async fn items_of(&self, entity: &str) -> Vec<Value> {
        let items = self.items().await;
        items.into_iter().filter(|item| item["entity"]["S"] == entity).collect()
    }

    /// The items that work has left behind.
    pub async fn items_of_work(&self) -> Vec<Value> {
        let items = self.items().await;
        let is_of_work = |item: &Value| {
            item["entity"]
                .get("S")
                .and_then(Value::as_str)
                .is_none_or(|it| ENTITIES_OF_WORK.contains(&it))
        };
        items.into_iter().filter(is_of_work).collect()
    }

    /// Stored records that have a version.
    pub async fn records(&self) -> Vec<Value> {
        let records = self.items_below(&format!("CRM#{}#", self.provider.system)).await;
        records.into_iter().filter(|record| record.get("version").is_some()).collect()
    }

    /// The one record with that id of the provider's.
    pub async fn record(&self, object_type: &str, external_id: &str) -> Value {
        let mut found = self.records().await;
        found.retain(|it| it["external_id"]["S"] == external_id && it["type"]["S"] == object_type);
        assert_eq!(found.len(), 1, "{object_type} {external_id}: {found:?}");
        found.remove(0)
    }

    /// The state of the tenant's gate; null before the first call.
    pub async fn gate(&self) -> Value {
        self.items_below(&format!("GATE#{}", self.provider.system))
            .await
            .into_iter()
            .next()
            .unwrap_or_default()
    }

    /// The actions of the tenant's audit trail, oldest first.
    pub async fn audited(&self) -> Vec<String> {
        let entries = self.items_below("AUDIT#").await;
        entries.iter().map(|it| it["action"]["S"].as_str().unwrap().to_owned()).collect()
    }
}

/// The number in an item's attribute; 0 if it has none.
pub fn number_in(item: &Value, name: &str) -> u64 {
    item.get(name).map_or(0, |value| value["N"].as_str().unwrap().parse().unwrap())
}
