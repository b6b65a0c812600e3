//! One batch of the queue: carry each waiting upsert out, settle the messages, one log line each.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use futures::future::join_all;
use sync_domain::gate::Class;
use sync_domain::model::PushMessage;
use sync_domain::ports::{DeadCause, DeadLetters, WorkQueue};
use sync_domain::usecase::settle_work::{
    Judged, SettleDeps, Verdict, WorkItem, WorkOwner, settle_work,
};
use sync_domain::usecase::upsert_record::{UpsertDeps, UpsertStats, push_queued};
use sync_lambda::QueueBatch;
use sync_lambda::metrics::{self, CallMetrics};
use sync_wiring::{Parts, gate_notice};

/// The worker, as metrics and logs name it.
const ROUTE: &str = "crm-push";
/// Time kept back at the end of the invocation for settling the messages.
const SETTLE_RESERVE: Duration = Duration::from_secs(5);

/// What the worker needs.
pub struct Deps {
    pub parts: Parts,
    pub queue: Arc<dyn WorkQueue>,
    pub dead_letters: Arc<dyn DeadLetters>,
}

/// A message that was worked on.
struct Worked {
    judged: Judged,
    message: Option<PushMessage>,
    stats: UpsertStats,
    latency: Duration,
}

/// Handles one batch and returns the ids of the messages that stay on the queue. Messages of one
/// record are worked on one after the other, those of different records side by side.
pub async fn handle(deps: &Deps, batch: QueueBatch) -> Vec<String> {
    let deadline = batch.deadline - SETTLE_RESERVE;
    let mut lines: BTreeMap<String, Vec<(WorkItem, Option<PushMessage>)>> = BTreeMap::new();
    let mut worked = Vec::new();
    for item in batch.items {
        match PushMessage::parse(&item.body) {
            Ok(message) => {
                let record = format!("{}/{}", message.tenant, message.record);
                lines.entry(record).or_default().push((item, Some(message)));
            }
            Err(error) => {
                let owner = WorkOwner::default();
                let judged = Judged { item, owner, verdict: error.into() };
                let stats = UpsertStats::default();
                worked.push(Worked { judged, message: None, stats, latency: Duration::ZERO });
            }
        }
    }
    let lines = lines.into_values().map(|line| work_line(deps, line, deadline));
    worked.extend(join_all(lines).await.into_iter().flatten());

    let oldest = worked.iter().map(|work| report(deps, work)).max();
    if let Some(age) = oldest {
        metrics::emit_work_age(ROUTE, age);
    }
    let settle = SettleDeps {
        queue: deps.queue.as_ref(),
        dead_letters: deps.dead_letters.as_ref(),
        clock: deps.parts.clock.as_ref(),
    };
    let judged = worked.into_iter().map(|work| work.judged).collect();
    settle_work(&settle, judged).await.failed
}

async fn work_line(
    deps: &Deps,
    line: Vec<(WorkItem, Option<PushMessage>)>,
    deadline: jiff::Timestamp,
) -> Vec<Worked> {
    let mut worked = Vec::with_capacity(line.len());
    for (item, message) in line {
        let began = deps.parts.clock.now();
        let mut stats = UpsertStats::default();
        let verdict = match &message {
            Some(message) if began < deadline => {
                let is_replay = item.history.dead_letter_id.is_some();
                push(deps, message, is_replay, deadline, &mut stats).await
            }
            _no_time_left => Verdict::Wait { after: Duration::from_secs(1) },
        };
        let owner = message.as_ref().map_or_else(WorkOwner::default, |message| WorkOwner {
            tenant: Some(message.tenant.clone()),
            system: Some(message.system),
        });
        let ended = deps.parts.clock.now();
        let latency = Duration::try_from(ended.duration_since(began)).unwrap_or_default();
        worked.push(Worked { judged: Judged { item, owner, verdict }, message, stats, latency });
    }
    worked
}

async fn push(
    deps: &Deps,
    message: &PushMessage,
    is_replay: bool,
    deadline: jiff::Timestamp,
    stats: &mut UpsertStats,
) -> Verdict {
    let parts = &deps.parts;
    let Some(gateway) = parts.catalog.crm(message.system) else {
        return Verdict::Dead(DeadCause::Malformed);
    };
    let deps = UpsertDeps {
        connections: parts.connections.as_ref(),
        store: parts.table.as_ref(),
        gateway: gateway.as_ref(),
        gate: &parts.gate,
        class: Class::Background,
        notice: gate_notice,
        pushes: parts.table.as_ref(),
        push_queue: deps.queue.as_ref(),
        clock: parts.clock.as_ref(),
        retry: parts.retry,
        call_timeout: parts.call_timeout,
    };
    push_queued(&deps, message, is_replay, deadline, stats).await
}

/// Writes the lines of one message and returns the age of its work.
fn report(deps: &Deps, work: &Worked) -> Duration {
    let Worked { judged, message, stats, latency } = work;
    let tenant_id = message.as_ref().map_or("unknown", |message| message.tenant.as_str());
    let system = message.as_ref().map_or("unknown", |message| message.system.as_str());
    let correlation_id =
        message.as_ref().map_or("unknown", |message| message.correlation_id.as_str());
    let outcome = judged.verdict.as_str();
    let history = &judged.item.history;
    let age = deps.parts.clock.now().duration_since(history.first_enqueued_at);
    let age = Duration::try_from(age).unwrap_or_default();
    tracing::info!(
        correlation_id,
        tenant_id,
        system,
        route = ROUTE,
        outcome,
        cause = judged.verdict.cause().map(|cause| cause.as_str()),
        attempt = history.attempt,
        age_ms = u64::try_from(age.as_millis()).unwrap_or(u64::MAX),
        provider_calls = stats.provider_calls,
        "A waiting upsert was worked on."
    );
    metrics::emit(CallMetrics {
        route: ROUTE,
        system: if system == "unknown" { "none" } else { system },
        tenant_id: tenant_id.to_owned(),
        outcome,
        calls: 1,
        failures: u64::from(!matches!(judged.verdict, Verdict::Done)),
        provider_calls: stats.provider_calls.into(),
        provider_retries: stats.provider_retries.into(),
        latency: *latency,
        provider_latency: stats.provider_time,
    });
    age
}
