//! What the functions say of their work in their logs.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Value, json};

use super::cloud::Cloud;

/// The most events of one answer; the local cloud gives the oldest and no token for the rest.
const EVENTS_MAX: usize = 10_000;

impl Cloud {
    /// All lines of a log group since then, in epoch milliseconds, with that text in them. One that
    /// was written in the last millisecond of an answer may come twice.
    pub async fn log_lines_of(&self, group: &str, text: &str, since_ms: i64) -> Vec<String> {
        let mut lines = Vec::new();
        let mut from_ms = since_ms;
        loop {
            let mut request = json!({
                "logGroupName": group, "startTime": from_ms, "limit": EVENTS_MAX,
            });
            if !text.is_empty() {
                request["filterPattern"] = json!(format!("\"{text}\""));
            }
            let answer = self.aws("logs/Logs_20140328.FilterLogEvents", request).await;
            let events = answer["events"].as_array().unwrap();
            lines.extend(events.iter().map(|it| it["message"].as_str().unwrap().to_owned()));
            if events.len() < EVENTS_MAX {
                return lines;
            }
            let last_ms = events.last().unwrap()["timestamp"].as_i64().unwrap();
            assert!(last_ms > from_ms, "more lines in a millisecond than an answer holds");
            from_ms = last_ms;
        }
    }

    /// A function's own lines about a tenant since then, in epoch milliseconds.
    pub async fn log_lines(&self, function: &str, tenant_id: &str, since_ms: i64) -> Vec<Value> {
        let name = self.stack["functions"][function].as_str().unwrap();
        let lines = self.log_lines_of(&format!("/aws/lambda/{name}"), tenant_id, since_ms).await;
        lines.iter().filter_map(|line| serde_json::from_str(line).ok()).collect()
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

/// How many messages came to an end: one for each object of each delivery, however often a batch that
/// ran out of time came again.
pub fn messages_settled(worker_lines: &[Value]) -> u64 {
    let ends = ["synced", "unchanged", "superseded", "dead"];
    let is_end = |line: &&Value| line["outcome"].as_str().is_some_and(|it| ends.contains(&it));
    let message = |line: &Value| {
        ["correlation_id", "object_type", "external_id"].map(|name| line[name].to_string())
    };
    let of_messages = worker_lines.iter().filter(|line| line["external_id"].is_string());
    of_messages.filter(is_end).map(message).collect::<BTreeSet<_>>().len() as u64
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
