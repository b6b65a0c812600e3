//! What the functions of bookings tell in the same way.

use std::time::Duration;

use sync_domain::model::CorrelationId;
use sync_domain::ports::UnreadableBooking;

/// So many rows of one piece of work are named in the log; all of them are counted.
const ROWS_LOGGED_MAX: usize = 20;
const DAY: Duration = Duration::from_secs(24 * 3_600);

/// A setting in days.
pub const fn days(count: u32) -> Duration {
    DAY.saturating_mul(count)
}

/// Where rows were read, and for whom.
#[derive(Debug, Clone, Copy)]
pub struct RowScope<'a> {
    /// The function.
    pub route: &'static str,
    /// The system.
    pub system: &'a str,
    /// The tenant.
    pub tenant_id: &'a str,
    /// The request, delivery or sweep.
    pub correlation_id: &'a CorrelationId,
}

/// Names rows of a provider that can't be read by their id and the field at fault, never by a value.
pub fn log_unreadable(scope: &RowScope<'_>, rows: &[UnreadableBooking]) {
    for row in rows.iter().take(ROWS_LOGGED_MAX) {
        tracing::warn!(
            correlation_id = scope.correlation_id.as_str(),
            tenant_id = scope.tenant_id,
            system = scope.system,
            route = scope.route,
            external_id = row.external_id.as_ref().map(|id| id.as_str()),
            field = row.field,
            "An appointment can't be read."
        );
    }
}
