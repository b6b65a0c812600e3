//! One batch of the queue: each message is a step of one connection's sweep. What is left of the sweep
//! goes back on the queue.

use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use sync_domain::model::SweepStep;
use sync_domain::ports::{BookingReader, DeadLetters, WorkQueue};
use sync_domain::usecase::apply_bookings::ApplyPorts;
use sync_domain::usecase::read_bookings::ReadPorts;
use sync_domain::usecase::settle_work::{SettleDeps, Verdict};
use sync_domain::usecase::sweep_bookings::{SweepDeps, SweepReport, SweepSpan, sweep_step};
use sync_domain::usecase::sweeping::SweepOutcome;
use sync_lambda::QueueBatch;
use sync_lambda::metrics::{self, BookingMetrics, CallMetrics};
use sync_wiring::{Parts, RowScope, Swept, gate_notice, handle_sweeps, log_unreadable};

/// The worker, as metrics and logs name it.
pub const ROUTE: &str = "booking-sweep";

/// What the worker needs.
pub struct Deps {
    pub parts: Parts,
    pub queue: Arc<dyn WorkQueue>,
    pub dead_letters: Arc<dyn DeadLetters>,
    /// What a sweep reads.
    pub span: SweepSpan,
}

/// Handles one batch and returns the ids of the messages that stay on the queue.
pub async fn handle(deps: &Deps, batch: QueueBatch) -> Vec<String> {
    let settle = SettleDeps {
        queue: deps.queue.as_ref(),
        dead_letters: deps.dead_letters.as_ref(),
        clock: deps.parts.clock.as_ref(),
    };
    handle_sweeps(ROUTE, &settle, batch, |step, deadline| swept(deps, step, deadline)).await
}

async fn swept(deps: &Deps, step: SweepStep, deadline: Timestamp) -> Option<Swept> {
    let reader = deps.parts.catalog.booking(step.system)?;
    let began = deps.parts.clock.now();
    let report = sweep(deps, reader.as_ref(), step, deadline).await;
    let took = deps.parts.clock.now().duration_since(began);
    tell(&report, Duration::try_from(took).unwrap_or_default());
    Some(Swept {
        body: report.step.to_body().ok(),
        came_forward: report.came_forward,
        outcome: report.outcome,
    })
}

async fn sweep(
    deps: &Deps,
    reader: &dyn BookingReader,
    step: SweepStep,
    deadline: Timestamp,
) -> SweepReport {
    let parts = &deps.parts;
    let sweep_deps = SweepDeps {
        read: ReadPorts {
            connections: parts.connections.as_ref(),
            reader,
            gate: &parts.gate,
            notice: gate_notice,
            clock: parts.clock.as_ref(),
        },
        apply: ApplyPorts {
            bookings: parts.table.as_ref(),
            clients: parts.table.as_ref(),
            clock: parts.clock.as_ref(),
        },
        retry: parts.retry,
        call_timeout: parts.call_timeout,
    };
    sweep_step(&sweep_deps, step, deadline).await
}

/// One log line and the metrics of a step; the drift where the sweep ends.
fn tell(report: &SweepReport, took: Duration) {
    let SweepReport { step, outcome, pages, counts, vanished, unreadable, costs, .. } = report;
    let (system, tenant_id) = (step.system.as_str(), step.tenant.as_str());
    let correlation_id = &step.correlation_id;
    log_unreadable(&RowScope { route: ROUTE, system, tenant_id, correlation_id }, unreadable);
    tracing::info!(
        correlation_id = correlation_id.as_str(),
        tenant_id,
        system,
        route = ROUTE,
        outcome = outcome.as_str(),
        cause = Verdict::from(*outcome).cause().map(|cause| cause.as_str()),
        duration_ms = u64::try_from(took.as_millis()).unwrap_or(u64::MAX),
        pages,
        imported = counts.imported,
        updated = counts.updated,
        skipped_duplicates = counts.skipped_duplicates,
        completed_only = counts.completed_only,
        vanished,
        unreadable = counts.unreadable,
        drift = step.drift,
        provider_calls = costs.provider_calls,
        "A step of a sweep was done."
    );
    let failures = u64::from(outcome.is_failure());
    metrics::emit(CallMetrics {
        route: ROUTE,
        system,
        tenant_id: tenant_id.to_owned(),
        outcome: outcome.as_str(),
        calls: 1,
        failures,
        provider_calls: costs.provider_calls.into(),
        provider_retries: costs.provider_retries.into(),
        latency: took,
        provider_latency: costs.provider_time,
    });
    metrics::emit_bookings(BookingMetrics {
        route: ROUTE,
        system,
        tenant_id: tenant_id.to_owned(),
        bookings_imported: counts.imported,
        bookings_updated: counts.updated,
        skipped_duplicates: counts.skipped_duplicates,
        errors: failures + counts.unreadable,
        latency_ms: took,
    });
    if *outcome == SweepOutcome::Done {
        metrics::emit_drift(system, tenant_id.to_owned(), step.drift);
    }
}
