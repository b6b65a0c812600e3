//! Beginning the sweeps of one slot.

use std::time::Duration;

use jiff::Timestamp;
use jiff::tz::TimeZone;

use crate::model::{CorrelationId, SweepStep, System, SystemKind, TenantId};
use crate::ports::StoreError;
use crate::usecase::sweeping::{PlanDeps, Planned, plan_slot};

/// What a sweep reads, seen from now.
#[derive(Debug, Clone, Copy)]
pub struct SweepSpan {
    /// How far back (`SWEEP_BACK_DAYS`).
    pub back: Duration,
    /// How far ahead (`SWEEP_AHEAD_DAYS`).
    pub ahead: Duration,
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
    let body = |connection, correlation_id, now| {
        first_step(connection, correlation_id, span, now)?.to_body().ok()
    };
    plan_slot(deps, (SystemKind::Booking, slot), body).await
}

/// The first step of a sweep. The window begins with a day, so that the parts of one sweep are those
/// of the next.
fn first_step(
    (tenant, system): (TenantId, System),
    correlation_id: CorrelationId,
    span: SweepSpan,
    now: Timestamp,
) -> Option<SweepStep> {
    let today = now.to_zoned(TimeZone::UTC).start_of_day().ok()?.timestamp();
    Some(SweepStep {
        tenant,
        system,
        from: today - span.back,
        until: today + span.ahead,
        position: None,
        checked: None,
        began_at: now,
        drift: 0,
        correlation_id,
    })
}
