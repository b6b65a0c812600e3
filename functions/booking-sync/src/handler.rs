//! One batch of the queue: read each message by itself, bring the bookings in step, settle the
//! messages. One log line per message, metrics per group.

use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use sync_domain::model::{BookingChange, CorrelationId};
use sync_domain::ports::{AccountDirectory, DeadLetters, WorkQueue};
use sync_domain::usecase::apply_bookings::ApplyPorts;
use sync_domain::usecase::settle_work::{
    Judged, SettleDeps, Verdict, WorkItem, WorkOwner, settle_work,
};
use sync_domain::usecase::sync_bookings::{
    BookingGroupReport, BookingSyncOutcome, SyncBookingsDeps, sync_bookings,
};
use sync_lambda::QueueBatch;
use sync_lambda::metrics::{self, BookingMetrics, CallMetrics};
use sync_wiring::{Parts, RowScope, gate_notice, log_unreadable};

/// The worker, as metrics and logs name it.
pub const ROUTE: &str = "booking-sync";

/// Time kept back at the end of the invocation for settling the messages.
const SETTLE_RESERVE: Duration = Duration::from_secs(5);

/// What the worker needs.
pub struct Deps {
    pub parts: Parts,
    pub accounts: Arc<dyn AccountDirectory>,
    pub queue: Arc<dyn WorkQueue>,
    pub dead_letters: Arc<dyn DeadLetters>,
}

/// Handles one batch and returns the ids of the messages that stay on the queue.
pub async fn handle(deps: &Deps, batch: QueueBatch) -> Vec<String> {
    let oldest = batch.items.iter().map(|item| age(deps, item)).max().unwrap_or_default();
    let mut judged = Vec::with_capacity(batch.items.len());
    let (mut items, mut changes) = (Vec::new(), Vec::new());
    for item in batch.items {
        match BookingChange::parse(&item.body) {
            Ok(change) => {
                items.push(item);
                changes.push(change);
            }
            Err(error) => {
                let owner = WorkOwner::default();
                judged.push(Judged { item, owner, verdict: error.into() });
            }
        }
    }
    judged.iter().for_each(report_unreadable);
    judged.extend(sync_in_time(deps, items, changes, batch.deadline - SETTLE_RESERVE).await);
    metrics::emit_work_age(ROUTE, oldest);

    let settle = SettleDeps {
        queue: deps.queue.as_ref(),
        dead_letters: deps.dead_letters.as_ref(),
        clock: deps.parts.clock.as_ref(),
    };
    settle_work(&settle, judged).await.failed
}

/// What is not done in time is stopped where it stands, as by a crash, which it is safe against, and
/// tried again; without this the whole batch would be cut off and count as a crash.
async fn sync_in_time(
    deps: &Deps,
    items: Vec<WorkItem>,
    changes: Vec<BookingChange>,
    until: Timestamp,
) -> Vec<Judged> {
    let left = until.duration_since(deps.parts.clock.now());
    let left = Duration::try_from(left).unwrap_or_default();
    let late: Vec<_> = items
        .iter()
        .zip(&changes)
        .map(|(item, change)| Judged {
            item: item.clone(),
            owner: owner_of(change),
            verdict: Verdict::Retry { after: None },
        })
        .collect();
    tokio::time::timeout(left, sync(deps, items, changes)).await.unwrap_or_else(|_elapsed| {
        tracing::warn!(route = ROUTE, messages = late.len(), "A batch was not done in time.");
        late
    })
}

fn owner_of(change: &BookingChange) -> WorkOwner {
    WorkOwner { tenant: Some(change.tenant.clone()), system: Some(change.system) }
}

async fn sync(deps: &Deps, items: Vec<WorkItem>, changes: Vec<BookingChange>) -> Vec<Judged> {
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
    Judged { item, owner: owner_of(change), verdict: Verdict::from(outcome) }
}

fn age(deps: &Deps, item: &WorkItem) -> Duration {
    let age = deps.parts.clock.now().duration_since(item.history.first_enqueued_at);
    Duration::try_from(age).unwrap_or_default()
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
        age_ms = u64::try_from(age(deps, item).as_millis()).unwrap_or(u64::MAX),
        "A change of an appointment was worked on."
    );
}

fn report_unreadable(judged: &Judged) {
    tracing::error!(
        route = ROUTE,
        outcome = judged.verdict.as_str(),
        cause = judged.verdict.cause().map(|cause| cause.as_str()),
        message_id = judged.item.id,
        "A message can't be read."
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
