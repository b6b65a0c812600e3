//! Imports a booking system's export, a CSV file, for one tenant. `make backfill` runs it; what it
//! does and prints is in `docs/RUNBOOK.md`.

mod options;
mod report;
mod run;

use std::process::ExitCode;

use sync_lambda::config::Settings;

fn main() -> ExitCode {
    run::run(std::env::args_os(), Settings::from_env())
}
