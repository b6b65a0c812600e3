//! Logs: JSON lines with fields first and one sentence, on standard output.
//!
//! What never gets into a line: bodies, tokens, emails, phone numbers, names, texts of a provider.
//! Such values are types that can't print themselves; a panic is reported by its place alone,
//! because its message may quote a value.

use tracing_subscriber::EnvFilter;

/// Sets logging up; `level` is `LOG_LEVEL` (`error`, `warn`, `info`, `debug`). The libraries stay at
/// WARN: they are not ours to read at more.
pub fn init(function: &str, level: &str) {
    let function = function.replace('-', "_");
    let own = ["sync_domain", "sync_providers", "sync_aws", "sync_lambda", function.as_str()];
    let directives = own.iter().map(|target| format!("{target}={level}"));
    let filter = directives.fold("warn".to_owned(), |all, one| format!("{all},{one}"));
    let subscriber = tracing_subscriber::fmt()
        .json()
        .flatten_event(true)
        .with_current_span(true)
        .with_span_list(false)
        .with_target(false)
        .with_env_filter(EnvFilter::try_new(filter).unwrap_or_else(|_| EnvFilter::new("info")))
        .finish();
    // A second call keeps the first subscriber.
    drop(tracing::subscriber::set_global_default(subscriber));
    std::panic::set_hook(Box::new(|panic| {
        let place = panic.location().map(ToString::to_string).unwrap_or_default();
        tracing::error!(place, "A panic was caught.");
    }));
}
