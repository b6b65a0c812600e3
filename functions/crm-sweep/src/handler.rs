//! One batch of the queue: each message is a step of one connection's sweep.

use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use sync_domain::model::CrmSweepStep;
use sync_domain::ports::{
    AccountConnector, ConnectorCatalog, CrmChangeFeed, DeadLetters, WorkQueue,
};
use sync_domain::usecase::locked_connection::ConnectionDeps;
use sync_domain::usecase::settle_work::{SettleDeps, Verdict};
use sync_domain::usecase::sweep_crm::{CrmSweepDeps, CrmSweepReport, HookLook, sweep_crm_step};
use sync_domain::usecase::sweeping::SweepOutcome;
use sync_lambda::QueueBatch;
use sync_lambda::metrics::{self, CallMetrics};
use sync_lambda::webhook::webhook_path;
use sync_wiring::{Parts, Swept, gate_notice, handle_sweeps};

/// The worker, as metrics and logs name it.
pub const ROUTE: &str = "crm-sweep";

/// What the worker needs.
pub struct Deps {
    pub parts: Parts,
    pub queue: Arc<dyn WorkQueue>,
    /// The queue of crm-sync.
    pub changes: Arc<dyn WorkQueue>,
    pub dead_letters: Arc<dyn DeadLetters>,
    /// What providers call us by, without a slash at the end.
    pub public_base_url: String,
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

async fn swept(deps: &Deps, step: CrmSweepStep, deadline: Timestamp) -> Option<Swept> {
    let feed = deps.parts.catalog.crm_changes(step.system)?;
    let connector = deps.parts.catalog.connector(step.system);
    let began = deps.parts.clock.now();
    let report = sweep(deps, (feed.as_ref(), connector.as_ref()), step, deadline).await;
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
    (feed, connector): (&dyn CrmChangeFeed, &dyn AccountConnector),
    step: CrmSweepStep,
    deadline: Timestamp,
) -> CrmSweepReport {
    let parts = &deps.parts;
    let sweep_deps = CrmSweepDeps {
        connections: parts.connections.as_ref(),
        feed,
        gate: &parts.gate,
        notice: gate_notice,
        manage: ConnectionDeps {
            registry: parts.table.as_ref(),
            credentials: parts.credentials.as_ref(),
            accounts: parts.table.as_ref(),
            apps: parts.apps.as_ref(),
            connector,
            clock: parts.clock.as_ref(),
            retry: parts.retry,
        },
        sweeps: parts.table.as_ref(),
        changes: deps.changes.as_ref(),
        webhook_url: format!("{}{}", deps.public_base_url, webhook_path(step.system)),
        route: ROUTE,
        call_timeout: parts.call_timeout,
    };
    sweep_crm_step(&sweep_deps, step, deadline).await
}

/// One log line and the metrics of a step; what was found where the sweep ends.
fn tell(report: &CrmSweepReport, took: Duration) {
    let CrmSweepReport { step, outcome, pages, hints, hook, costs, .. } = report;
    let (system, tenant_id) = (step.system.as_str(), step.tenant.as_str());
    let correlation_id = step.correlation_id.as_str();
    tell_hook(*hook, correlation_id, system, tenant_id);
    tracing::info!(
        correlation_id,
        tenant_id,
        system,
        route = ROUTE,
        outcome = outcome.as_str(),
        cause = Verdict::from(*outcome).cause().map(|cause| cause.as_str()),
        duration_ms = u64::try_from(took.as_millis()).unwrap_or(u64::MAX),
        pages,
        hints,
        found = step.found,
        since = step.place.as_ref().map(|place| place.since.to_string()),
        until = step.place.as_ref().map(|place| place.until.to_string()),
        quota_low = report.is_quota_low,
        webhook = hook.map(HookLook::as_str),
        provider_calls = costs.provider_calls,
        "A step of a sweep was done."
    );
    metrics::emit(CallMetrics {
        route: ROUTE,
        system,
        tenant_id: tenant_id.to_owned(),
        outcome: outcome.as_str(),
        calls: 1,
        failures: u64::from(outcome.is_failure()),
        provider_calls: costs.provider_calls.into(),
        provider_retries: costs.provider_retries.into(),
        latency: took,
        provider_latency: costs.provider_time,
    });
    if let Some(age) = report.watermark_age {
        metrics::emit_crm_sweep_watermark_age(system, tenant_id.to_owned(), age);
    }
    if *outcome == SweepOutcome::Done {
        metrics::emit_crm_sweep(system, tenant_id.to_owned(), step.found);
    }
}

/// A webhook that people must know of.
fn tell_hook(hook: Option<HookLook>, correlation_id: &str, system: &'static str, tenant_id: &str) {
    match hook {
        None | Some(HookLook::Standing | HookLook::Left) => {}
        Some(HookLook::Remade) => {
            tracing::warn!(
                correlation_id,
                tenant_id,
                system,
                route = ROUTE,
                "The webhook was gone at the provider and was made anew."
            );
            metrics::emit_webhook_remade(system, tenant_id.to_owned());
        }
        Some(look @ (HookLook::NoRoom | HookLook::Unknown(_))) => {
            tracing::warn!(
                correlation_id,
                tenant_id,
                system,
                route = ROUTE,
                webhook = look.as_str(),
                "It is not sure that the provider has our webhook."
            );
        }
    }
}
