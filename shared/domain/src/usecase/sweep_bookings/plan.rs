//! Which connections are swept now: those of the present slot, one message each.

use std::time::Duration;

use jiff::Timestamp;
use jiff::tz::TimeZone;

use crate::model::{CorrelationId, SweepStep, System, TenantId};
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

/// What a sweep reads, seen from now.
#[derive(Debug, Clone, Copy)]
pub struct SweepSpan {
    /// How far back (`SWEEP_BACK_DAYS`).
    pub back: Duration,
    /// How far ahead (`SWEEP_AHEAD_DAYS`).
    pub ahead: Duration,
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

/// Begins a sweep of every connection of a slot. Planning the same slot twice makes two sweeps, the
/// second of which finds nothing.
///
/// # Errors
/// When the slot can't be listed. What was listed before is planned.
pub async fn plan_sweep(
    deps: &PlanDeps<'_>,
    slot: u32,
    span: SweepSpan,
) -> Result<Planned, StoreError> {
    let (mut planned, mut after) = (Planned::default(), None);
    loop {
        let page = deps.directory.slot(slot, after.as_deref()).await?;
        let now = deps.clock.now();
        let steps = page.connections.into_iter();
        let messages: Vec<_> =
            steps.filter_map(|connection| message(deps, connection, span, now)).collect();
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

/// The first step of a sweep. The window begins with a day, so that the parts of one sweep are those
/// of the next.
fn message(
    deps: &PlanDeps<'_>,
    (tenant, system): (TenantId, System),
    span: SweepSpan,
    now: Timestamp,
) -> Option<WorkMessage> {
    let today = now.to_zoned(TimeZone::UTC).start_of_day().ok()?.timestamp();
    let correlation_id = CorrelationId::parse(&format!("sweep-{}", deps.clock.unique_id()));
    let step = SweepStep {
        tenant,
        system,
        from: today - span.back,
        until: today + span.ahead,
        position: None,
        began_at: now,
        drift: 0,
        correlation_id: correlation_id.unwrap_or_else(CorrelationId::unknown),
    };
    Some(WorkMessage {
        body: step.to_body().ok()?,
        delay: Duration::ZERO,
        history: WorkHistory { attempt: 0, first_enqueued_at: now, dead_letter_id: None },
    })
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
