//! What is told of a call: one log line and two metrics, and a line for each row that can't be read.

use std::time::Duration;

use sync_domain::model::{CorrelationId, System, TenantId};
use sync_domain::usecase::import_bookings::{ImportStats, Imported};
use sync_lambda::metrics::{self, BookingMetrics, CallMetrics};
use sync_lambda::problem::Problem;
use sync_wiring::{RowScope, log_unreadable};

use crate::handler::ROUTE;

/// What is known of a call by the time it ends.
pub struct Call {
    pub correlation_id: CorrelationId,
    pub tenant: Option<TenantId>,
    pub system: Option<System>,
    pub stats: ImportStats,
}

impl Call {
    pub fn new(correlation_id: CorrelationId) -> Self {
        Self { correlation_id, tenant: None, system: None, stats: ImportStats::default() }
    }
}

/// Tells of a call that has ended.
pub fn report(call: &Call, result: &Result<Imported, Problem>, latency: Duration) {
    let (outcome, status) = match result {
        Ok(imported) if imported.is_replay => ("replayed", 200),
        Ok(imported) if imported.answer.next_cursor.is_some() => ("to_be_continued", 200),
        Ok(_) => ("complete", 200),
        Err(problem) => (problem.code.as_str(), problem.code.status()),
    };
    let tenant_id = call.tenant.as_ref().map_or("unknown", TenantId::as_str);
    let system = call.system.map_or("unknown", System::as_str);
    let ImportStats { costs, pages, counts, unreadable, stopped_by } = &call.stats;
    let scope = RowScope { route: ROUTE, system, tenant_id, correlation_id: &call.correlation_id };
    log_unreadable(&scope, unreadable);
    tracing::info!(
        correlation_id = call.correlation_id.as_str(),
        tenant_id,
        system,
        route = ROUTE,
        outcome,
        status,
        duration_ms = u64::try_from(latency.as_millis()).unwrap_or(u64::MAX),
        pages,
        imported = counts.imported,
        updated = counts.updated,
        skipped_duplicates = counts.skipped_duplicates,
        superseded = counts.superseded,
        unreadable = counts.unreadable,
        stopped_by = stopped_by.as_ref().map(ToString::to_string),
        provider_calls = costs.provider_calls,
        provider_retries = costs.provider_retries,
        "An import was answered."
    );
    let failures = u64::from(status >= 500);
    metrics::emit(CallMetrics {
        route: ROUTE,
        system,
        tenant_id: tenant_id.to_owned(),
        outcome,
        calls: 1,
        failures,
        provider_calls: costs.provider_calls.into(),
        provider_retries: costs.provider_retries.into(),
        latency,
        provider_latency: costs.provider_time,
    });
    metrics::emit_bookings(BookingMetrics {
        route: ROUTE,
        system,
        tenant_id: tenant_id.to_owned(),
        bookings_imported: counts.imported,
        bookings_updated: counts.updated,
        skipped_duplicates: counts.skipped_duplicates,
        errors: failures + counts.unreadable + u64::from(stopped_by.is_some()),
        latency_ms: latency,
    });
}
