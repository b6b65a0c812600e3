//! Messages of the queue `crm-changes`, as the webhook writes them.

use serde_json::{Value, json};

use super::account::now_ms;
use super::tenant::Tenant;

impl Tenant {
    /// A hint that an object has changed in these ways.
    pub fn change(&self, object_type: &str, object_id: &str, changes: &[&str]) -> Value {
        json!({
            "version": 1,
            "tenant_id": self.id,
            "system": "hubspot",
            "account_id": self.account,
            "type": object_type,
            "object_id": object_id,
            "changes": changes,
            "properties": ["firstname"],
            "occurred_at_ms": now_ms(),
            "received_at_ms": now_ms(),
            "correlation_id": format!("test-{object_id}"),
        })
    }
}
