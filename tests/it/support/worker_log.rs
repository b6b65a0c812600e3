//! What the functions say of their work in their logs.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::cloud::Cloud;

impl Cloud {
    /// A function's own lines about a tenant since then, in epoch milliseconds.
    pub async fn log_lines(&self, function: &str, tenant_id: &str, since_ms: i64) -> Vec<Value> {
        let name = self.stack["functions"][function].as_str().unwrap();
        let mut lines = Vec::new();
        let mut token = Value::Null;
        loop {
            let mut request = json!({
                "logGroupName": format!("/aws/lambda/{name}"), "startTime": since_ms, "limit": 10_000,
            });
            if !token.is_null() {
                request["nextToken"] = token;
            }
            let answer = self.aws("logs/Logs_20140328.FilterLogEvents", request).await;
            let events = answer["events"].as_array().unwrap();
            let texts = events.iter().map(|event| event["message"].as_str().unwrap());
            let of_tenant = texts.filter(|text| text.contains(tenant_id));
            lines.extend(of_tenant.filter_map(|text| serde_json::from_str::<Value>(text).ok()));
            token = answer["nextToken"].clone();
            if token.is_null() || events.is_empty() {
                return lines;
            }
        }
    }
}

/// How many messages the webhook has put on the queue.
pub fn messages_sent(webhook_lines: &[Value]) -> u64 {
    let sent = |line: &Value| {
        let of = |name: &str| line[name].as_u64().unwrap_or_default();
        of("messages") - of("messages_not_enqueued")
    };
    webhook_lines.iter().map(sent).sum()
}

/// How often each outcome was reported of a message.
pub fn outcomes(worker_lines: &[Value]) -> BTreeMap<String, u64> {
    let mut outcomes = BTreeMap::new();
    let of_messages = worker_lines.iter().filter(|line| line["external_id"].is_string());
    for outcome in of_messages.filter_map(|line| line["outcome"].as_str()) {
        *outcomes.entry(outcome.to_owned()).or_default() += 1;
    }
    outcomes
}
