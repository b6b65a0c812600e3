//! Metrics as `CloudWatch` embedded-metric-format lines: calls, retries, failures and latency by
//! system and route. The tenant is a property and no dimension: it can be searched for, and does
//! not multiply the number of metrics.

use std::sync::OnceLock;
use std::time::Duration;

use metrique::emf::Emf;
use metrique::unit::Millisecond;
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

/// Writes one line; nothing before [`init`].
pub fn emit(metrics: CallMetrics) {
    if let Some(sink) = SINK.get() {
        drop(metrics.append_on_drop(sink.clone()));
    }
}
