//! Logs: JSON lines with fields first and one sentence, on standard output.
//!
//! What never gets into a line: bodies, tokens, emails, phone numbers, names, texts of a provider.
//! Such values are types that can't print themselves; a panic is reported by its place alone,
//! because its message may quote a value.

use tracing_subscriber::filter::{LevelFilter, Targets};
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::{Registry, fmt};

/// Sets logging up; `level` is `LOG_LEVEL` (`error`, `warn`, `info`, `debug`). The libraries stay at
/// WARN: they are not ours to read at more.
pub fn init(function: &str, level: &str) {
    let function = function.replace('-', "_");
    let level = level.parse().unwrap_or(LevelFilter::INFO);
    let own = [
        "sync_domain",
        "sync_providers",
        "sync_aws",
        "sync_lambda",
        "sync_wiring",
        function.as_str(),
    ];
    let targets = own
        .iter()
        .map(|target| (*target, level))
        .collect::<Targets>()
        .with_default(LevelFilter::WARN);
    let lines = fmt::layer()
        .json()
        .flatten_event(true)
        .with_current_span(true)
        .with_span_list(false)
        .with_target(false);
    let subscriber = Registry::default().with(targets).with(lines);
    // A second call keeps the first subscriber.
    drop(tracing::subscriber::set_global_default(subscriber));
    std::panic::set_hook(Box::new(|panic| {
        let place = panic.location().map(ToString::to_string).unwrap_or_default();
        tracing::error!(place, "A panic was caught.");
    }));
}
