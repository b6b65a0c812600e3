//! EventBridge as the bus.

use async_trait::async_trait;
use aws_config::SdkConfig;
use aws_sdk_eventbridge::Client;
use aws_sdk_eventbridge::types::{PutEventsRequestEntry, PutEventsResultEntry};
use sync_domain::event::{BusEvent, SOURCE};
use sync_domain::ports::{BusError, EventBus, PutOutcome};

/// Publishes to one bus.
#[derive(Debug, Clone)]
pub struct EventBridgeBus {
    client: Client,
    bus_name: String,
}

impl EventBridgeBus {
    /// A bus by its name (`EVENT_BUS_NAME`).
    pub fn new(config: &SdkConfig, bus_name: String) -> Self {
        Self { client: Client::new(config), bus_name }
    }

    fn entry(&self, event: &BusEvent) -> PutEventsRequestEntry {
        PutEventsRequestEntry::builder()
            .event_bus_name(&self.bus_name)
            .source(SOURCE)
            .detail_type(event.detail_type)
            .detail(event.detail.to_string())
            .build()
    }
}

#[async_trait]
impl EventBus for EventBridgeBus {
    /// A 200 may still refuse single entries: the outcome of each is read from the answer.
    async fn put(&self, events: &[BusEvent]) -> Result<Vec<PutOutcome>, BusError> {
        let entries = events.iter().map(|event| self.entry(event)).collect();
        let answer = self
            .client
            .put_events()
            .set_entries(Some(entries))
            .send()
            .await
            .map_err(|error| BusError(Box::new(error)))?;
        Ok(answer.entries().iter().map(outcome_of).collect())
    }
}

fn outcome_of(entry: &PutEventsResultEntry) -> PutOutcome {
    match (entry.event_id(), entry.error_code()) {
        (Some(_), None) => PutOutcome::Accepted,
        (_, code) => PutOutcome::Refused { code: code.unwrap_or("no_event_id").to_owned() },
    }
}
