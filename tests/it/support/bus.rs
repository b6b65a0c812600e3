//! A tenant's events, as a subscriber of the bus gets them.

use std::time::{Duration, Instant};

use serde_json::{Value, json};

use super::cloud::Cloud;
use super::schemas;
use super::tenant::Tenant;

/// How long events may take. The emulator polls the stream, and two cores have a lot to do.
const EVENTS_TIMEOUT: Duration = Duration::from_secs(60);
/// So long nothing may come before all is believed to be there.
const QUIET: Duration = Duration::from_secs(2);
/// What a connection tells of itself; tests are about what comes after.
const OF_CONNECTIONS: [&str; 3] =
    ["connection_created", "connection_removed", "connection_rotated"];

impl Tenant {
    /// Waits until `expected` new events of this tenant are on the bus, lets stragglers come, and
    /// returns all, each one checked against its schema. An event that came twice counts once, as
    /// for any subscriber. What connections tell of themselves is left out.
    pub async fn events(&self, expected: usize) -> Vec<Value> {
        self.events_within(expected, EVENTS_TIMEOUT).await
    }

    /// The same with more time.
    pub async fn events_within(&self, expected: usize, within: Duration) -> Vec<Value> {
        let began = Instant::now();
        let mut events: Vec<Value> = Vec::new();
        let mut quiet_since = Instant::now();
        loop {
            let new = self.receive_new().await;
            if !new.is_empty() {
                quiet_since = Instant::now();
            }
            let is_empty = new.is_empty();
            events.extend(new.into_iter().filter(|event| !is_of_connection(event)));
            let is_done = events.len() >= expected && quiet_since.elapsed() > QUIET;
            if is_done || began.elapsed() > within {
                let count = events.len();
                assert_eq!(count, expected, "events on the bus: {:#?}", brief(&events));
                return events;
            }
            if is_empty {
                tokio::time::sleep(Duration::from_millis(100)).await;
            }
        }
    }

    /// Waits for the event of the connection itself, so that what is counted later leaves it out.
    pub async fn connection_event(&self) -> Value {
        let began = Instant::now();
        loop {
            if let Some(event) = self.receive_new().await.into_iter().find(is_of_connection) {
                return event;
            }
            assert!(began.elapsed() < EVENTS_TIMEOUT, "no event of the connection");
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    }

    async fn receive_new(&self) -> Vec<Value> {
        let mut new = Vec::new();
        for event in self.cloud.take_messages(&self.tap_url).await {
            let event: Value = serde_json::from_str(event["Body"].as_str().unwrap()).unwrap();
            schemas::assert_valid(&event);
            let id = event["detail"]["event_id"].as_str().unwrap().to_owned();
            if self.seen_events.lock().unwrap().insert(id) {
                new.push(event);
            }
        }
        new
    }
}

fn is_of_connection(event: &Value) -> bool {
    let action = event["detail"]["action"].as_str().unwrap_or_default();
    event["detail-type"] == "audit.logged" && OF_CONNECTIONS.contains(&action)
}

/// Enough of each event to see what is wrong.
fn brief(events: &[Value]) -> Vec<String> {
    let of = |event: &Value| {
        let detail = &event["detail"];
        format!(
            "{} {} {} v{} {} {} {}",
            event["detail-type"],
            detail["type"],
            detail["external_id"],
            detail["version"],
            detail["change"],
            detail["changed_attributes"],
            detail["action"]
        )
    };
    events.iter().map(of).collect()
}

/// A queue that gets the tenant's events only.
pub async fn create_tap(cloud: &Cloud, tenant_id: &str) -> String {
    let name = format!("tap-{tenant_id}");
    let queue = cloud.aws("sqs/AmazonSQS.CreateQueue", json!({ "QueueName": name })).await;
    let pattern = json!({"source": ["integrations"], "detail": {"tenant_id": [tenant_id]}});
    let bus = cloud.text("bus");
    let rule = json!({"Name": name, "EventBusName": bus, "EventPattern": pattern.to_string()});
    cloud.aws("events/AWSEvents.PutRule", rule).await;
    let arn = format!("arn:aws:sqs:{}:000000000000:{name}", cloud.text("region"));
    let targets =
        json!({"Rule": name, "EventBusName": bus, "Targets": [{"Id": "tap", "Arn": arn}]});
    cloud.aws("events/AWSEvents.PutTargets", targets).await;
    queue["QueueUrl"].as_str().unwrap().to_owned()
}
