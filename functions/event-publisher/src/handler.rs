//! One batch of the stream: read each record by itself, publish, report what must come again.

use std::sync::Arc;
use std::time::Duration;

use sync_aws::dynamo::change_of;
use sync_domain::event::Change;
use sync_domain::ports::{Clock, EventBus};
use sync_domain::pseudonym::Pseudonymiser;
use sync_domain::usecase::publish_changes::{PositionedChange, Unpublished, publish_changes};
use sync_lambda::StreamRecord;
use sync_lambda::metrics::{self, CallMetrics};

/// The worker, as metrics and logs name it.
const ROUTE: &str = "event-publisher";

/// What the worker needs.
pub struct Deps {
    pub bus: Arc<dyn EventBus>,
    pub pseudonymiser: Pseudonymiser,
    pub clock: Arc<dyn Clock>,
}

/// Handles one batch and returns the sequence numbers that must come again. A record that can't be
/// read is one of them: after its retries the stream moves it to the failure queue, where the alarm
/// sees it, and goes on.
pub async fn handle(deps: &Deps, records: Vec<StreamRecord>) -> Vec<String> {
    let began = deps.clock.now();
    let mut changes = Vec::with_capacity(records.len());
    let mut failed = Vec::new();
    for record in records {
        let position = record.sequence_number;
        match change_of(&record.raw) {
            Ok(Some(change)) => changes.push(PositionedChange { position, change }),
            Ok(None) => {}
            Err(error) => {
                tracing::error!(%error, sequence_number = position, "A stream record can't be read.");
                failed.push(position);
            }
        }
    }
    let unpublished = publish_changes(deps.bus.as_ref(), &deps.pseudonymiser, &changes).await;
    let latency = Duration::try_from(deps.clock.now().duration_since(began)).unwrap_or_default();
    for changed in &changes {
        report(changed, unpublished.iter().find(|it| it.position == changed.position), latency);
    }
    failed.extend(unpublished.into_iter().map(|unpublished| unpublished.position));
    failed
}

fn report(changed: &PositionedChange, unpublished: Option<&Unpublished>, latency: Duration) {
    let (correlation_id, tenant, system) = match &changed.change {
        Change::RecordSynced(record) => {
            (&record.correlation_id, &record.tenant, record.system.as_str())
        }
        Change::BookingStored(version) => {
            (&version.correlation_id, &version.tenant, version.system.as_str())
        }
        Change::Audited(entry) => (&entry.correlation_id, &entry.tenant, "none"),
    };
    let outcome = if unpublished.is_some() { "not_published" } else { "published" };
    let duration_ms = u64::try_from(latency.as_millis()).unwrap_or(u64::MAX);
    tracing::info!(
        correlation_id = correlation_id.as_str(),
        tenant_id = tenant.as_str(),
        system,
        route = ROUTE,
        outcome,
        cause = unpublished.map(|it| it.cause.as_str()),
        duration_ms,
        "A change was taken to the bus."
    );
    metrics::emit(CallMetrics {
        route: ROUTE,
        system,
        tenant_id: tenant.as_str().to_owned(),
        outcome,
        calls: 1,
        failures: u64::from(unpublished.is_some()),
        provider_calls: 0,
        provider_retries: 0,
        latency,
        provider_latency: Duration::ZERO,
    });
}
