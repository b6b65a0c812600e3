//! Tell the bus what was stored.

use futures::future::join_all;

use crate::event::{BusEvent, Change};
use crate::ports::{EVENTS_PER_CALL_MAX, EventBus, PutOutcome};
use crate::pseudonym::Pseudonymiser;

/// A change with the position that the stream knows it by.
#[derive(Debug, Clone)]
pub struct PositionedChange {
    /// The stream's sequence number.
    pub position: String,
    /// What was stored.
    pub change: Change,
}

/// One change that is not on the bus.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unpublished {
    /// The stream's sequence number.
    pub position: String,
    /// Why: the bus's code, or a name of ours.
    pub cause: String,
}

/// Publishes the changes in calls of up to ten, all in flight together, and returns those that the
/// bus does not have. The caller reports these to the stream, which brings them again; a subscriber
/// tells the repeats by their stable `event_id`.
pub async fn publish_changes(
    bus: &dyn EventBus,
    pseudonymiser: &Pseudonymiser,
    changes: &[PositionedChange],
) -> Vec<Unpublished> {
    let calls =
        changes.chunks(EVENTS_PER_CALL_MAX).map(|chunk| publish_chunk(bus, pseudonymiser, chunk));
    join_all(calls).await.into_iter().flatten().collect()
}

async fn publish_chunk(
    bus: &dyn EventBus,
    pseudonymiser: &Pseudonymiser,
    chunk: &[PositionedChange],
) -> Vec<Unpublished> {
    let unpublished = |changed: &PositionedChange, cause: &str| Unpublished {
        position: changed.position.clone(),
        cause: cause.to_owned(),
    };
    let events: Result<Vec<_>, _> =
        chunk.iter().map(|changed| BusEvent::of(&changed.change, pseudonymiser)).collect();
    let Ok(events) = events else {
        return chunk
            .iter()
            .map(|changed| unpublished(changed, "event_not_serialisable"))
            .collect();
    };
    match bus.put(&events).await {
        Err(_unavailable) => {
            chunk.iter().map(|changed| unpublished(changed, "bus_unavailable")).collect()
        }
        Ok(outcomes) => chunk
            .iter()
            .enumerate()
            .filter_map(|(index, changed)| match outcomes.get(index) {
                Some(PutOutcome::Accepted) => None,
                Some(PutOutcome::Refused { code }) => Some(unpublished(changed, code)),
                None => Some(unpublished(changed, "no_outcome")),
            })
            .collect(),
    }
}
