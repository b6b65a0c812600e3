//! The sandbox as a process: reads its options, starts, and stays until it is told to stop.

use std::path::PathBuf;
use std::process::ExitCode;

use clap::Parser;
use provider_sandbox::{Sandbox, SandboxConfig, TapConfig, accounts_from_json};
use tokio::signal::unix::{SignalKind, signal};

/// Simulated vendor APIs, token issuer and AWS tap for the local cloud.
#[derive(Parser)]
#[command(version)]
struct Options {
    /// Port of the vendors, the issuer and the control API.
    #[arg(long, env = "LOCAL_SANDBOX_PORT", default_value_t = 4570)]
    port: u16,
    /// Port of the AWS tap.
    #[arg(long, env = "LOCAL_TAP_PORT", default_value_t = 4571)]
    tap_port: u16,
    /// Where the tap forwards to; without it there is no tap.
    #[arg(long, value_name = "URL")]
    tap_upstream: Option<String>,
    /// JSON file with the vendor accounts; more can be added through the control API.
    #[arg(long, value_name = "FILE")]
    accounts: Option<PathBuf>,
}

fn config(options: Options) -> Result<SandboxConfig, String> {
    let accounts = match &options.accounts {
        None => Vec::new(),
        Some(file) => {
            let text = std::fs::read_to_string(file)
                .map_err(|error| format!("accounts file {}: {error}", file.display()))?;
            accounts_from_json(&text)
                .map_err(|error| format!("accounts file {}: {error}", file.display()))?
        }
    };
    let tap = options.tap_upstream.map(|upstream| TapConfig { port: options.tap_port, upstream });
    Ok(SandboxConfig { port: options.port, tap, accounts })
}

async fn run(options: Options) -> Result<(), String> {
    let mut terminate =
        signal(SignalKind::terminate()).map_err(|error| format!("signal handler: {error}"))?;
    let sandbox = Sandbox::start(config(options)?).await.map_err(|error| error.to_string())?;
    tracing::info!(url = sandbox.url(), tap = sandbox.tap_url(), "Provider sandbox is ready.");
    tokio::select! {
        ended = sandbox.ended() => ended.map_err(|error| format!("listener failed: {error}")),
        _ = terminate.recv() => Ok(()),
        _ = tokio::signal::ctrl_c() => Ok(()),
    }
}

#[tokio::main]
async fn main() -> ExitCode {
    tracing_subscriber::fmt().with_writer(std::io::stderr).with_target(false).init();
    match run(Options::parse()).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(message) => {
            tracing::error!("{message}");
            ExitCode::FAILURE
        }
    }
}
