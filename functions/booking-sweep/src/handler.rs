//! One batch of the queue: each message is a step of one connection's sweep. What is left of the sweep
//! goes back on the queue.

use std::sync::Arc;
use std::time::Duration;

use futures::future::join_all;
use jiff::Timestamp;
use sync_domain::model::SweepStep;
use sync_domain::ports::{BookingReader, DeadCause, DeadLetters, WorkHistory, WorkQueue};
use sync_domain::usecase::apply_bookings::ApplyPorts;
use sync_domain::usecase::read_bookings::ReadPorts;
use sync_domain::usecase::settle_work::{
    Judged, SettleDeps, Verdict, WorkItem, WorkOwner, settle_work,
};
use sync_domain::usecase::sweep_bookings::{
    SweepDeps, SweepOutcome, SweepReport, SweepSpan, sweep_step,
};
use sync_lambda::QueueBatch;
use sync_lambda::metrics::{self, BookingMetrics, CallMetrics};
use sync_wiring::{Parts, RowScope, age, gate_notice, log_unreadable, report_unreadable};

/// The worker, as metrics and logs name it.
pub const ROUTE: &str = "booking-sweep";

/// Time kept back at the end of the invocation for settling the messages.
const SETTLE_RESERVE: Duration = Duration::from_secs(5);

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
    let oldest = batch
        .items
        .iter()
        .map(|item| age(deps.parts.clock.as_ref(), item))
        .max()
        .unwrap_or_default();
    let deadline = batch.deadline;
    // The steps are of different connections and mostly wait for their providers.
    let judged = join_all(batch.items.into_iter().map(|item| judged(deps, item, deadline))).await;
    metrics::emit_work_age(ROUTE, oldest);

    let settle = SettleDeps {
        queue: deps.queue.as_ref(),
        dead_letters: deps.dead_letters.as_ref(),
        clock: deps.parts.clock.as_ref(),
    };
    settle_work(&settle, judged).await.failed
}

async fn judged(deps: &Deps, item: WorkItem, deadline: Timestamp) -> Judged {
    let step = match SweepStep::parse(&item.body) {
        Ok(step) => step,
        Err(error) => {
            let judged = Judged { item, owner: WorkOwner::default(), verdict: error.into() };
            report_unreadable(ROUTE, &judged);
            return judged;
        }
    };
    let owner = WorkOwner { tenant: Some(step.tenant.clone()), system: Some(step.system) };
    let Some(reader) = deps.parts.catalog.booking(step.system) else {
        return Judged { item, owner, verdict: Verdict::Dead(DeadCause::Malformed) };
    };
    let began = deps.parts.clock.now();
    let left = (deadline - SETTLE_RESERVE).duration_since(began);
    let left = Duration::try_from(left).unwrap_or_default();
    // Stopped where it stands, as by a crash, which it is safe against.
    match tokio::time::timeout(left, sweep(deps, reader.as_ref(), step, deadline)).await {
        Ok(report) => {
            let took = deps.parts.clock.now().duration_since(began);
            tell(&report, Duration::try_from(took).unwrap_or_default());
            Judged {
                owner,
                verdict: Verdict::from(report.outcome),
                item: later(deps, item, &report),
            }
        }
        Err(_elapsed) => {
            tracing::warn!(route = ROUTE, message_id = item.id, "A step was not done in time.");
            Judged { item, owner, verdict: Verdict::Retry { after: None } }
        }
    }
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

/// The message from now on. A step that came forward is new work: its tries and its age count anew.
fn later(deps: &Deps, item: WorkItem, report: &SweepReport) -> WorkItem {
    let body = report.step.to_body().unwrap_or(item.body);
    let history = if report.pages == 0 {
        item.history
    } else {
        let first_enqueued_at = deps.parts.clock.now();
        WorkHistory { attempt: 0, first_enqueued_at, ..item.history }
    };
    WorkItem { id: item.id, body, history }
}

/// One log line and the metrics of a step; the drift where the sweep ends.
fn tell(report: &SweepReport, took: Duration) {
    let SweepReport { step, outcome, pages, counts, vanished, unreadable, costs } = report;
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
    let failures = u64::from(is_failure(*outcome));
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

const fn is_failure(outcome: SweepOutcome) -> bool {
    matches!(outcome, SweepOutcome::Later(Verdict::Retry { .. } | Verdict::Dead(_)))
}
