//! The work queues and their dead letters, seen through SQS.

use std::time::Duration;

use serde_json::{Value, json};

use super::cloud::Cloud;
use super::waiting::until;

/// How often a queue is asked in a row: its counts are of one moment, and a worker that parks a
/// message sends it before it takes the old one off.
const LOOKS: usize = 5;

impl Cloud {
    /// Takes up to ten messages off a queue.
    pub async fn take_messages(&self, queue_url: &str) -> Vec<Value> {
        let request = json!({
            "QueueUrl": queue_url, "MaxNumberOfMessages": 10,
            "MessageAttributeNames": ["All"], "AttributeNames": ["All"],
        });
        let answer = self.aws("sqs/AmazonSQS.ReceiveMessage", request).await;
        let messages = answer["Messages"].as_array().cloned().unwrap_or_default();
        if !messages.is_empty() {
            let entry = |(index, message): (usize, &Value)| json!({"Id": index.to_string(), "ReceiptHandle": message["ReceiptHandle"]});
            let entries: Vec<_> = messages.iter().enumerate().map(entry).collect();
            let delete = json!({"QueueUrl": queue_url, "Entries": entries});
            self.aws("sqs/AmazonSQS.DeleteMessageBatch", delete).await;
        }
        messages
    }

    /// The address of a work queue.
    pub fn queue(&self, name: &str) -> &str {
        self.stack["queues"][name].as_str().unwrap_or_else(|| panic!("no queue {name}"))
    }

    /// The address of a work queue's dead letters.
    pub fn dlq(&self, name: &str) -> &str {
        self.stack["dlqs"][name].as_str().unwrap_or_else(|| panic!("no dead letters of {name}"))
    }

    /// Sends up to ten bodies by one call, as they are.
    pub async fn send_bodies(&self, queue_url: &str, bodies: &[String]) {
        let entry =
            |(index, body): (usize, &String)| json!({"Id": index.to_string(), "MessageBody": body});
        let entries: Vec<_> = bodies.iter().enumerate().map(entry).collect();
        let request = json!({"QueueUrl": queue_url, "Entries": entries});
        let answer = self.aws("sqs/AmazonSQS.SendMessageBatch", request).await;
        assert_eq!(answer["Successful"].as_array().map(Vec::len), Some(bodies.len()), "{answer}");
    }

    /// Messages of a queue: waiting, being worked on, and delayed.
    pub async fn depth(&self, queue_url: &str) -> [u64; 3] {
        let request = json!({"QueueUrl": queue_url, "AttributeNames": ["All"]});
        let answer = self.aws("sqs/AmazonSQS.GetQueueAttributes", request).await;
        ["", "NotVisible", "Delayed"].map(|kind| {
            let name = format!("ApproximateNumberOfMessages{kind}");
            answer["Attributes"][&name].as_str().map_or(0, |text| text.parse().unwrap())
        })
    }

    /// Waits until nothing is left on a queue, parked work included; how long that took.
    pub async fn until_drained(&self, name: &str, within: Duration) -> Duration {
        let mut empty = 0;
        until(&format!("{name} is empty"), within, async || {
            let is_empty = self.depth(self.queue(name)).await == [0; 3];
            empty = if is_empty { empty + 1 } else { 0 };
            empty >= LOOKS
        })
        .await
    }

    /// Looks at all dead letters of a queue and leaves them there, visible again after a moment.
    pub async fn dead_letters(&self, name: &str) -> Vec<Value> {
        let url = self.dlq(name);
        let mut letters: Vec<Value> = Vec::new();
        loop {
            let request = json!({
                "QueueUrl": url, "MaxNumberOfMessages": 10, "VisibilityTimeout": 2,
                "MessageAttributeNames": ["All"], "AttributeNames": ["All"],
            });
            let answer = self.aws("sqs/AmazonSQS.ReceiveMessage", request).await;
            let found = answer["Messages"].as_array().cloned().unwrap_or_default();
            if found.is_empty() {
                break;
            }
            letters.extend(found);
        }
        let entry = |(index, it): (usize, &Value)| json!({"Id": index.to_string(), "ReceiptHandle": it["ReceiptHandle"], "VisibilityTimeout": 0});
        for chunk in letters.chunks(10) {
            let entries: Vec<_> = chunk.iter().enumerate().map(entry).collect();
            let request = json!({"QueueUrl": url, "Entries": entries});
            self.aws("sqs/AmazonSQS.ChangeMessageVisibilityBatch", request).await;
        }
        letters
    }
}

/// A text or number among a message's attributes; empty if there is none.
pub fn attribute<'a>(message: &'a Value, name: &str) -> &'a str {
    message["MessageAttributes"][name]["StringValue"].as_str().unwrap_or_default()
}
