//! Metrics as `CloudWatch` embedded-metric-format lines: calls, retries, failures and latency by
//! system and route. But for what sweeps find the tenant is a property and no dimension: it can be
//! searched for, and does not multiply the number of metrics.

use std::sync::OnceLock;
use std::time::Duration;

use metrique::emf::Emf;
use metrique::unit::{Millisecond, Second};
use metrique::unit_of_work::metrics;
use metrique::writer::sink::FlushImmediately;
use metrique::writer::{BoxEntrySink, FormatExt};

static SINK: OnceLock<BoxEntrySink> = OnceLock::new();

/// What one invocation, or one item of a batch, counted.
#[metrics(rename_all = "PascalCase", emf::dimension_sets = [["Route", "System"]])]
#[derive(Debug)]
pub struct CallMetrics {
    /// The route or worker.
    pub route: &'static str,
    /// The system, `none` where there is none.
    pub system: &'static str,
    /// Whose call it was.
    pub tenant_id: String,
    /// What came of it, the `error_code` of a refusal.
    pub outcome: &'static str,
    /// Invocations or items.
    pub calls: u64,
    /// Those that ended in a fault of ours or of the provider.
    pub failures: u64,
    /// Calls to the provider.
    pub provider_calls: u64,
    /// Repeated calls to the provider.
    pub provider_retries: u64,
    /// From the event to the answer.
    #[metrics(unit = Millisecond)]
    pub latency: Duration,
    /// Waiting for the provider.
    #[metrics(unit = Millisecond)]
    pub provider_latency: Duration,
}

/// How old the oldest work of a batch was, from the moment when it was first put on the queue. Work
/// that was sent anew with a delay counts too, which the queue's own age does not see.
#[metrics(rename_all = "PascalCase", emf::dimension_sets = [["Route"]])]
#[derive(Debug)]
struct WorkAge {
    route: &'static str,
    #[metrics(unit = Millisecond)]
    work_age: Duration,
}

/// What came of appointments that were read, by whichever way.
#[metrics(rename_all = "snake_case", emf::dimension_sets = [["Route", "System"]])]
#[derive(Debug)]
pub struct BookingMetrics {
    /// The route or worker.
    #[metrics(name = "Route")]
    pub route: &'static str,
    /// The system.
    #[metrics(name = "System")]
    pub system: &'static str,
    /// Whose they are.
    pub tenant_id: String,
    /// Stored for the first time.
    pub bookings_imported: u64,
    /// New versions of known ones.
    pub bookings_updated: u64,
    /// As they were stored.
    pub skipped_duplicates: u64,
    /// Rows that can't be read, and work that failed by a fault of ours or of the provider.
    pub errors: u64,
    /// From the event to its end.
    #[metrics(unit = Millisecond)]
    pub latency_ms: Duration,
}

/// What a sweep has found that no webhook had told. The one metric by tenant: a connection whose
/// webhooks are lost is found by it. By system alone it is what an alarm can look at.
#[metrics(emf::dimension_sets = [["System"], ["System", "TenantId"]])]
#[derive(Debug)]
struct BookingDrift {
    #[metrics(name = "System")]
    system: &'static str,
    #[metrics(name = "TenantId")]
    tenant_id: String,
    #[metrics(name = "BookingDrift")]
    drift: u64,
}

/// What a sweep of a CRM has put on the queue of changes, by tenant. It counts all that changed since
/// the last sweep: what webhooks told of and what they did not look alike here, as the objects are
/// read only behind the queue.
#[metrics(emf::dimension_sets = [["System"], ["System", "TenantId"]])]
#[derive(Debug)]
struct CrmSweepFound {
    #[metrics(name = "System")]
    system: &'static str,
    #[metrics(name = "TenantId")]
    tenant_id: String,
    #[metrics(name = "CrmSweepFound")]
    found: u64,
}

/// How far the sweeps of a CRM are behind.
#[metrics(emf::dimension_sets = [["System"]])]
#[derive(Debug)]
struct CrmSweepWatermarkAge {
    #[metrics(name = "System")]
    system: &'static str,
    #[metrics(name = "TenantId")]
    tenant_id: String,
    #[metrics(name = "CrmSweepWatermarkAge", unit = Second)]
    age: Duration,
}

/// Webhooks that were gone at the provider and were made anew.
#[metrics(emf::dimension_sets = [["System"]])]
#[derive(Debug)]
struct WebhookRemade {
    #[metrics(name = "System")]
    system: &'static str,
    #[metrics(name = "TenantId")]
    tenant_id: String,
    #[metrics(name = "WebhookRemade")]
    remade: u64,
}

/// Deliveries to a known address that are not proven: somebody has to enter a secret or an address.
#[metrics(emf::dimension_sets = [["System"]])]
#[derive(Debug)]
struct WebhookUnproven {
    #[metrics(name = "System")]
    system: &'static str,
    #[metrics(name = "TenantId")]
    tenant_id: String,
    #[metrics(name = "WebhookUnproven")]
    unproven: u64,
}

/// Sets the namespace (`METRICS_NAMESPACE`) and standard output as the destination.
pub fn init(namespace: String) {
    let stream = Emf::builder(namespace, vec![vec![]]).build().output_to(std::io::stdout());
    // A second call keeps the first destination.
    drop(SINK.set(FlushImmediately::new_boxed(stream)));
}

/// Writes the age of the oldest work of a batch.
pub fn emit_work_age(route: &'static str, work_age: Duration) {
    if let Some(sink) = SINK.get() {
        drop(WorkAge { route, work_age }.append_on_drop(sink.clone()));
    }
}

/// Writes what came of appointments.
pub fn emit_bookings(metrics: BookingMetrics) {
    if let Some(sink) = SINK.get() {
        drop(metrics.append_on_drop(sink.clone()));
    }
}

/// Writes the drift of a connection that was swept to the end.
pub fn emit_drift(system: &'static str, tenant_id: String, drift: u64) {
    if let Some(sink) = SINK.get() {
        drop(BookingDrift { system, tenant_id, drift }.append_on_drop(sink.clone()));
    }
}

/// Writes how many hints a sweep of a CRM has sent that came to its end.
pub fn emit_crm_sweep(system: &'static str, tenant_id: String, found: u64) {
    if let Some(sink) = SINK.get() {
        drop(CrmSweepFound { system, tenant_id, found }.append_on_drop(sink.clone()));
    }
}

/// Writes for how long the changes of a connection have not been swept to their end.
pub fn emit_crm_sweep_watermark_age(system: &'static str, tenant_id: String, age: Duration) {
    if let Some(sink) = SINK.get() {
        drop(CrmSweepWatermarkAge { system, tenant_id, age }.append_on_drop(sink.clone()));
    }
}

/// Writes that a webhook was made anew.
pub fn emit_webhook_remade(system: &'static str, tenant_id: String) {
    if let Some(sink) = SINK.get() {
        drop(WebhookRemade { system, tenant_id, remade: 1 }.append_on_drop(sink.clone()));
    }
}

/// Writes that a delivery was not proven.
pub fn emit_webhook_unproven(system: &'static str, tenant_id: String) {
    if let Some(sink) = SINK.get() {
        drop(WebhookUnproven { system, tenant_id, unproven: 1 }.append_on_drop(sink.clone()));
    }
}

/// Writes one line; nothing before [`init`].
pub fn emit(metrics: CallMetrics) {
    if let Some(sink) = SINK.get() {
        drop(metrics.append_on_drop(sink.clone()));
    }
}
