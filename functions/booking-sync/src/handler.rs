//! The changes of one batch: bring the bookings in step. One log line per message, metrics per group.

use std::sync::Arc;

use jiff::Timestamp;
use sync_domain::model::{BookingChange, CorrelationId};
use sync_domain::ports::{AccountDirectory, DeadLetters, WorkQueue};
use sync_domain::usecase::apply_bookings::ApplyPorts;
use sync_domain::usecase::settle_work::{Judged, SettleDeps, Verdict, WorkItem};
use sync_domain::usecase::sync_bookings::{
    BookingGroupReport, BookingSyncOutcome, SyncBookingsDeps, sync_bookings,
};
use sync_lambda::QueueBatch;
use sync_lambda::metrics::{self, BookingMetrics, CallMetrics};
use sync_wiring::{
    ChangeMessage, Parts, RowScope, age, gate_notice, handle_changes, log_unreadable,
};

/// The worker, as metrics and logs name it.
pub const ROUTE: &str = "booking-sync";

/// What the worker needs.
pub struct Deps {
    pub parts: Parts,
    pub accounts: Arc<dyn AccountDirectory>,
    pub queue: Arc<dyn WorkQueue>,
    pub dead_letters: Arc<dyn DeadLetters>,
}

/// Handles one batch and returns the ids of the messages that stay on the queue.
pub async fn handle(deps: &Deps, batch: QueueBatch) -> Vec<String> {
    let settle = SettleDeps {
        queue: deps.queue.as_ref(),
        dead_letters: deps.dead_letters.as_ref(),
        clock: deps.parts.clock.as_ref(),
    };
    let deadline = batch.deadline;
    handle_changes(ROUTE, &settle, batch, |items, changes| sync(deps, items, changes, deadline))
        .await
}

async fn sync(
    deps: &Deps,
    items: Vec<WorkItem>,
    changes: Vec<BookingChange>,
    deadline: Timestamp,
) -> Vec<Judged> {
    let parts = &deps.parts;
    let systems = |system| parts.catalog.booking(system);
    let sync_deps = SyncBookingsDeps {
        connections: parts.connections.as_ref(),
        accounts: deps.accounts.as_ref(),
        systems: &systems,
        apply: ApplyPorts {
            bookings: parts.table.as_ref(),
            clients: parts.table.as_ref(),
            clock: parts.clock.as_ref(),
        },
        gate: &parts.gate,
        notice: gate_notice,
        call_timeout: parts.call_timeout,
        deadline,
    };
    let report = sync_bookings(&sync_deps, changes.clone()).await;
    report.groups.iter().for_each(emit_group);
    // A change without an outcome must not be taken for one that is done.
    let unknown = BookingSyncOutcome::Unapplied(Verdict::Retry { after: None });
    let outcomes = report.outcomes.into_iter().chain(std::iter::repeat(unknown));
    items
        .into_iter()
        .zip(changes)
        .zip(outcomes)
        .map(|((item, change), outcome)| {
            report_change(deps, &item, &change, outcome);
            judged(item, &change, outcome)
        })
        .collect()
}

/// What is looked for a second time goes on with what the first look has found.
fn judged(mut item: WorkItem, change: &BookingChange, outcome: BookingSyncOutcome) -> Judged {
    let body = outcome.changed(change).and_then(|changed| changed.to_body().ok());
    item.body = body.unwrap_or(item.body);
    Judged { item, owner: change.owner(), verdict: Verdict::from(outcome) }
}

fn report_change(
    deps: &Deps,
    item: &WorkItem,
    change: &BookingChange,
    outcome: BookingSyncOutcome,
) {
    tracing::info!(
        correlation_id = change.correlation_id.as_str(),
        tenant_id = change.tenant.as_str(),
        system = change.system.as_str(),
        route = ROUTE,
        external_id = change.external_id.as_str(),
        outcome = outcome.as_str(),
        cause = Verdict::from(outcome).cause().map(|cause| cause.as_str()),
        attempt = item.history.attempt,
        age_ms =
            u64::try_from(age(deps.parts.clock.as_ref(), item).as_millis()).unwrap_or(u64::MAX),
        "A change of an appointment was worked on."
    );
}

fn emit_group(group: &BookingGroupReport) {
    let unapplied =
        |outcome: &&BookingSyncOutcome| matches!(outcome, BookingSyncOutcome::Unapplied(_));
    let failures = group.outcomes.iter().filter(unapplied).count() as u64;
    let (system, tenant_id) = (group.system.as_str(), group.tenant.as_str());
    let correlation_id = &CorrelationId::unknown();
    let scope = RowScope { route: ROUTE, system, tenant_id, correlation_id };
    log_unreadable(&scope, &group.unreadable);
    metrics::emit(CallMetrics {
        route: ROUTE,
        system,
        tenant_id: tenant_id.to_owned(),
        outcome: if failures == 0 { "applied" } else { "partly_applied" },
        calls: group.outcomes.len() as u64,
        failures,
        provider_calls: group.costs.provider_calls.into(),
        provider_retries: group.costs.provider_retries.into(),
        latency: group.took,
        provider_latency: group.costs.provider_time,
    });
    metrics::emit_bookings(BookingMetrics {
        route: ROUTE,
        system,
        tenant_id: tenant_id.to_owned(),
        bookings_imported: group.counts.imported,
        bookings_updated: group.counts.updated,
        skipped_duplicates: group.counts.skipped_duplicates,
        // An appointment that can't be read is one that is not applied.
        errors: failures,
        latency_ms: group.took,
    });
}
