//! One batch of the queue: read each message by itself, bring the records in step, settle the
//! messages. One log line per message, one metrics line per group.

use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use sync_domain::model::ObjectChange;
use sync_domain::ports::{DeadLetters, WorkQueue};
use sync_domain::usecase::settle_work::{
    Judged, SettleDeps, Verdict, WorkItem, WorkOwner, settle_work,
};
use sync_domain::usecase::sync_changes::{
    CrmSystem, GroupReport, SyncDeps, SyncOutcome, sync_changes,
};
use sync_lambda::QueueBatch;
use sync_lambda::metrics::{self, CallMetrics};
use sync_wiring::{Parts, gate_notice};

/// The worker, as metrics and logs name it.
const ROUTE: &str = "crm-sync";

/// Time kept back at the end of the invocation for settling the messages.
const SETTLE_RESERVE: Duration = Duration::from_secs(5);

/// What the worker needs.
pub struct Deps {
    pub parts: Parts,
    pub queue: Arc<dyn WorkQueue>,
    pub dead_letters: Arc<dyn DeadLetters>,
}

/// Handles one batch and returns the ids of the messages that stay on the queue.
pub async fn handle(deps: &Deps, batch: QueueBatch) -> Vec<String> {
    let oldest = batch.items.iter().map(|item| age(deps, item)).max().unwrap_or_default();
    let mut judged = Vec::with_capacity(batch.items.len());
    let (mut items, mut changes) = (Vec::new(), Vec::new());
    for item in batch.items {
        match ObjectChange::parse(&item.body) {
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
    for unreadable in &judged {
        report_unreadable(unreadable);
    }
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
    changes: Vec<ObjectChange>,
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

fn owner_of(change: &ObjectChange) -> WorkOwner {
    WorkOwner { tenant: Some(change.tenant.clone()), system: Some(change.system) }
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
            Judged { item, owner: owner_of(&change), verdict: Verdict::from(outcome) }
        })
        .collect()
}

fn age(deps: &Deps, item: &WorkItem) -> Duration {
    let age = deps.parts.clock.now().duration_since(item.history.first_enqueued_at);
    Duration::try_from(age).unwrap_or_default()
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
        age_ms = u64::try_from(age(deps, item).as_millis()).unwrap_or(u64::MAX),
        "A change was worked on."
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
