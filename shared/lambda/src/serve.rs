//! What every function does before its first event.

use std::process::ExitCode;

use futures::future::LocalBoxFuture;
use jiff::Timestamp;
use sync_domain::ports::Clock;

use crate::clock::SystemClock;
use crate::config::Settings;
use crate::{metrics, telemetry};

/// A boxed future.
pub type BoxFuture<'a, T> = futures::future::BoxFuture<'a, T>;
/// Why a function can't start. It is logged and ends the process, so that a bad deployment fails at
/// once and not at its first event.
pub type InitError = Box<dyn std::error::Error + Send + Sync>;

/// The end of an invocation from the runtime's epoch milliseconds; now, if they can't be read.
pub fn deadline_of(epoch_ms: u64) -> Timestamp {
    i64::try_from(epoch_ms)
        .ok()
        .and_then(|millis| Timestamp::from_millisecond(millis).ok())
        .unwrap_or_else(|| SystemClock.now())
}

/// Sets telemetry up, runs `body` on a runtime of one thread (a function below 1,769 MB has less
/// than one core) and reports how it ended.
pub fn run(
    function: &'static str,
    body: impl FnOnce(Settings) -> LocalBoxFuture<'static, Result<(), InitError>>,
) -> ExitCode {
    let settings = Settings::from_env();
    telemetry::init(function, &settings.optional("LOG_LEVEL", "info"));
    metrics::init(settings.optional("METRICS_NAMESPACE", "Integrations"));
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let ended =
        runtime.map_err(InitError::from).and_then(|runtime| runtime.block_on(body(settings)));
    match ended {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            tracing::error!(function, error = %error, "The function could not start.");
            ExitCode::FAILURE
        }
    }
}
