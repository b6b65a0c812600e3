//! The changes of one batch: bring the records in step. One log line per message, one metrics line
//! per group.

use std::sync::Arc;

use sync_domain::model::ObjectChange;
use sync_domain::ports::{DeadLetters, WorkQueue};
use sync_domain::usecase::settle_work::{Judged, SettleDeps, Verdict, WorkItem};
use sync_domain::usecase::sync_changes::{
    CrmSystem, GroupReport, SyncDeps, SyncOutcome, sync_changes,
};
use sync_lambda::QueueBatch;
use sync_lambda::metrics::{self, CallMetrics};
use sync_wiring::{ChangeMessage, Parts, age, gate_notice, handle_changes};

/// The worker, as metrics and logs name it.
const ROUTE: &str = "crm-sync";

/// What the worker needs.
pub struct Deps {
    pub parts: Parts,
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
    handle_changes(ROUTE, &settle, batch, |items, changes| sync(deps, items, changes)).await
}

async fn sync(deps: &Deps, items: Vec<WorkItem>, changes: Vec<ObjectChange>) -> Vec<Judged> {
    let parts = &deps.parts;
    let systems = |system| {
        Some(CrmSystem {
            gateway: parts.catalog.crm(system)?,
            reader: parts.catalog.crm_reader(system)?,
        })
    };
    let sync_deps = SyncDeps {
        connections: parts.connections.as_ref(),
        store: parts.table.as_ref(),
        systems: &systems,
        gate: &parts.gate,
        notice: gate_notice,
        clock: parts.clock.as_ref(),
    };
    let report = sync_changes(&sync_deps, changes.clone()).await;
    report.groups.iter().for_each(emit_group);
    // A change without an outcome must not be taken for one that is done.
    let unknown = SyncOutcome::Unapplied(Verdict::Retry { after: None });
    let outcomes = report.outcomes.into_iter().chain(std::iter::repeat(unknown));
    items
        .into_iter()
        .zip(changes)
        .zip(outcomes)
        .map(|((item, change), outcome)| {
            report_change(deps, &item, &change, outcome);
            Judged { item, owner: change.owner(), verdict: Verdict::from(outcome) }
        })
        .collect()
}

fn report_change(deps: &Deps, item: &WorkItem, change: &ObjectChange, outcome: SyncOutcome) {
    tracing::info!(
        correlation_id = change.correlation_id.as_str(),
        tenant_id = change.tenant.as_str(),
        system = change.system.as_str(),
        route = ROUTE,
        object_type = change.object_type.as_str(),
        external_id = change.external_id.as_str(),
        outcome = outcome.as_str(),
        cause = Verdict::from(outcome).cause().map(|cause| cause.as_str()),
        attempt = item.history.attempt,
        age_ms =
            u64::try_from(age(deps.parts.clock.as_ref(), item).as_millis()).unwrap_or(u64::MAX),
        "A change was worked on."
    );
}

fn emit_group(group: &GroupReport) {
    let unapplied = |outcome: &&SyncOutcome| matches!(outcome, SyncOutcome::Unapplied(_));
    let failures = group.outcomes.iter().filter(unapplied).count();
    metrics::emit(CallMetrics {
        route: ROUTE,
        system: group.scope.system.as_str(),
        tenant_id: group.scope.tenant.as_str().to_owned(),
        outcome: if failures == 0 { "applied" } else { "partly_applied" },
        calls: group.outcomes.len() as u64,
        failures: failures as u64,
        provider_calls: group.provider_calls.into(),
        provider_retries: 0,
        latency: group.took,
        provider_latency: group.provider_time,
    });
}
