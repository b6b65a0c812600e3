//! Which connections are swept now: those of the present slot, one message each.

use std::time::Duration;

use jiff::Timestamp;
use jiff::tz::TimeZone;

use crate::model::{CorrelationId, System, SystemKind, TenantId};
use crate::ports::{
    Clock, SWEEP_SLOTS, SendOutcome, StoreError, SweepDirectory, WorkHistory, WorkMessage,
    WorkQueue,
};

/// The ports of planning.
pub struct PlanDeps<'a> {
    /// Lists the connections.
    pub directory: &'a dyn SweepDirectory,
    /// Where the steps go.
    pub queue: &'a dyn WorkQueue,
    /// Time.
    pub clock: &'a dyn Clock,
}

/// What was planned.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Planned {
    /// Sweeps that were begun.
    pub sent: usize,
    /// Connections whose message the queue did not take; their next turn is in an hour.
    pub failed: usize,
}

/// The slot of a moment: the hour is cut into [`SWEEP_SLOTS`] of them.
pub fn slot_at(now: Timestamp) -> u32 {
    let minute = u32::try_from(now.to_zoned(TimeZone::UTC).minute()).unwrap_or_default();
    minute * SWEEP_SLOTS / 60
}

/// Sends one message for every connection of a slot. `body` makes it, of whose connection it is, of the
/// sweep's id and of now; a connection that it gives none for is not swept.
///
/// # Errors
/// When the slot can't be listed. What was listed before is planned.
pub async fn plan_slot(
    deps: &PlanDeps<'_>,
    (kind, slot): (SystemKind, u32),
    body: impl Fn((TenantId, System), CorrelationId, Timestamp) -> Option<String>,
) -> Result<Planned, StoreError> {
    let (mut planned, mut after) = (Planned::default(), None);
    loop {
        let page = deps.directory.slot(kind, slot, after.as_deref()).await?;
        let now = deps.clock.now();
        let bodies =
            page.connections.into_iter().filter_map(|it| body(it, sweep_id(deps.clock), now));
        let messages: Vec<_> = bodies.map(|body| message(body, now)).collect();
        if !messages.is_empty() {
            let outcomes = deps.queue.send(&messages).await;
            let sent = outcomes.iter().filter(|it| **it == SendOutcome::Accepted).count();
            planned.sent += sent;
            planned.failed += messages.len().saturating_sub(sent);
        }
        after = page.next;
        if after.is_none() {
            return Ok(planned);
        }
    }
}

fn sweep_id(clock: &dyn Clock) -> CorrelationId {
    let id = CorrelationId::parse(&format!("sweep-{}", clock.unique_id()));
    id.unwrap_or_else(CorrelationId::unknown)
}

const fn message(body: String, now: Timestamp) -> WorkMessage {
    let history = WorkHistory { attempt: 0, first_enqueued_at: now, dead_letter_id: None };
    WorkMessage { body, delay: Duration::ZERO, history }
}

#[cfg(test)]
mod tests {
    use jiff::Timestamp;

    use super::slot_at;
    use crate::ports::SWEEP_SLOTS;

    #[test]
    fn slot_follows_the_minutes_of_the_hour() {
        let at = |text: &str| slot_at(text.parse::<Timestamp>().unwrap());
        assert_eq!(at("2026-10-25T00:00:00Z"), 0);
        assert_eq!(at("2026-10-25T00:04:59Z"), 0);
        assert_eq!(at("2026-10-25T13:05:00Z"), 1);
        assert_eq!(at("2026-10-25T23:59:59Z"), SWEEP_SLOTS - 1);
    }
}
