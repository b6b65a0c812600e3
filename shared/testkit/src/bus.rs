//! A bus that keeps what it is given and refuses on demand.

use std::sync::{Mutex, PoisonError};

use async_trait::async_trait;
use sync_domain::event::BusEvent;
use sync_domain::ports::{BusError, EventBus, PutOutcome};

/// Keeps the calls it gets. An event whose `external_id` is in `refused` is refused.
#[derive(Debug, Default)]
pub struct RecordingBus {
    calls: Mutex<Vec<Vec<BusEvent>>>,
    refused: Vec<String>,
    is_down: bool,
}

impl RecordingBus {
    /// A bus that refuses the events of these provider ids.
    pub fn refusing(external_ids: &[&str]) -> Self {
        let refused = external_ids.iter().map(|id| (*id).to_owned()).collect();
        Self { refused, ..Self::default() }
    }

    /// A bus that can't be reached.
    pub fn down() -> Self {
        Self { is_down: true, ..Self::default() }
    }

    /// The events of each call.
    pub fn calls(&self) -> Vec<Vec<BusEvent>> {
        self.calls.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

#[async_trait]
impl EventBus for RecordingBus {
    async fn put(&self, events: &[BusEvent]) -> Result<Vec<PutOutcome>, BusError> {
        if self.is_down {
            return Err(BusError("the bus is down".into()));
        }
        self.calls.lock().unwrap_or_else(PoisonError::into_inner).push(events.to_vec());
        let outcome = |event: &BusEvent| {
            let id = event.detail.get("external_id").and_then(|id| id.as_str()).unwrap_or_default();
            if self.refused.iter().any(|refused| refused == id) {
                PutOutcome::Refused { code: "ThrottlingException".to_owned() }
            } else {
                PutOutcome::Accepted
            }
        };
        Ok(events.iter().map(outcome).collect())
    }
}
