//! Opens file and table, runs the use case, prints the summary.

use std::ffi::OsString;
use std::fs::File;
use std::io;
use std::process::ExitCode;
use std::sync::Arc;

use clap::Parser;
use serde_json::{Value, json};
use sync_aws::connections::SecretConnectionStore;
use sync_aws::dynamo::DynamoTable;
use sync_aws::sdk;
use sync_aws::secrets::SecretsManagerSource;
use sync_domain::model::{CorrelationId, System};
use sync_domain::ports::Clock;
use sync_domain::usecase::apply_bookings::ApplyPorts;
use sync_domain::usecase::backfill_bookings::{
    BackfillBookings, BackfillError, BackfillPorts, BackfillReport, backfill_bookings,
};
use sync_lambda::clock::SystemClock;
use sync_lambda::config::{ConfigError, Settings};
use sync_providers::export::ExportError;
use sync_providers::{OpenExport, open_export};

use crate::options::Options;
use crate::report::{Printer, counts_of, print_summary};

/// Every row is done.
const DONE: u8 = 0;
/// It came to nothing, or stopped on the way.
const FAILED: u8 = 1;
/// It came to the end, and some rows are bad.
const BAD_ROWS: u8 = 2;

/// Why there is no run.
#[derive(Debug, thiserror::Error)]
enum StartError {
    #[error(transparent)]
    Settings(#[from] ConfigError),
    #[error("{file}: {source}")]
    Export { file: String, source: ExportError },
    #[error("no layout of an export of {0} is known")]
    NoLayout(System),
    #[error("the runtime can't be started: {0}")]
    Runtime(io::Error),
}

/// Where everything is.
struct Place {
    table_name: String,
    secret_prefix: String,
}

/// Does what the arguments say. The exit code is 0, 1 where it failed, 2 where rows are bad.
pub fn run(arguments: impl Iterator<Item = OsString>, settings: Settings) -> ExitCode {
    let options = match Options::try_parse_from(arguments) {
        Ok(options) => options,
        Err(shown) => {
            drop(shown.print());
            // What was asked for, as with --help, is no failure.
            return ExitCode::from(if shown.use_stderr() { FAILED } else { DONE });
        }
    };
    let ended = start(&options, settings);
    let (code, summary) = ended.unwrap_or_else(|error| {
        (FAILED, json!({"outcome": "not_started", "error": error.to_string()}))
    });
    match print_summary(&summary) {
        Ok(()) => ExitCode::from(code),
        Err(_nobody_reads) => ExitCode::from(code.max(FAILED)),
    }
}

fn start(options: &Options, mut settings: Settings) -> Result<(u8, Value), StartError> {
    let place = Place {
        table_name: settings.required("TABLE_NAME"),
        secret_prefix: settings.required("SECRET_PREFIX"),
    };
    settings.check()?;
    let file = options.csv.display().to_string();
    let unreadable = |source| StartError::Export { file: file.clone(), source };
    let source = File::open(&options.csv).map_err(|error| unreadable(error.into()))?;
    let export = open_export(options.system, source, options.time_zone.clone());
    let export = export.ok_or(StartError::NoLayout(options.system))?.map_err(unreadable)?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let runtime = runtime.map_err(StartError::Runtime)?;
    Ok(runtime.block_on(backfill(options, place, export)))
}

async fn backfill(options: &Options, place: Place, mut export: OpenExport) -> (u8, Value) {
    let clock: Arc<dyn Clock> = Arc::new(SystemClock);
    let config = sdk::load().await;
    let table = DynamoTable::new(&config, place.table_name);
    // Nobody is called at the provider, so an ended token is not renewed.
    let secrets = Arc::new(SecretsManagerSource::new(&config));
    let connections = SecretConnectionStore::new(secrets, Arc::clone(&clock), place.secret_prefix);
    let ports = BackfillPorts {
        connections: &connections,
        apply: ApplyPorts { bookings: &table, clients: &table, clock: clock.as_ref() },
        audit: &table,
    };
    let run_id = format!("backfill-{}", clock.unique_id());
    let command = BackfillBookings {
        tenant: options.tenant.clone(),
        system: options.system,
        // Without one nothing is stored, so it does not matter.
        as_of: options.as_of.unwrap_or_else(|| clock.now()),
        correlation_id: CorrelationId::parse(&run_id).unwrap_or_else(CorrelationId::unknown),
        operator: options.operator.clone(),
        is_dry_run: options.dry_run,
    };
    let mut report = BackfillReport::default();
    let mut printer = Printer::new(io::stderr());
    let rows = export.rows.as_mut();
    let ended = backfill_bookings(&ports, &command, rows, &mut printer, &mut report).await;
    summary_of(&command, &export, &report, ended.err().as_ref())
}

fn summary_of(
    command: &BackfillBookings,
    export: &OpenExport,
    report: &BackfillReport,
    error: Option<&BackfillError>,
) -> (u8, Value) {
    let (outcome, code) = match error {
        Some(_) => ("stopped", FAILED),
        None if report.bad_rows > 0 => ("complete_but_bad_rows", BAD_ROWS),
        None => ("complete", DONE),
    };
    let mut summary = json!({
        "outcome": outcome,
        "tenant_id": command.tenant.as_str(),
        "system": command.system.as_str(),
        "correlation_id": command.correlation_id.as_str(),
        "as_of": command.as_of.to_string(),
        "dry_run": command.is_dry_run,
        "ignored_columns": export.columns.ignored,
        "absent_columns": export.columns.absent,
    });
    if let (Some(summary), Value::Object(counts)) = (summary.as_object_mut(), counts_of(report)) {
        summary.extend(counts);
        summary.extend(error.map(|error| ("error".to_owned(), json!(error.to_string()))));
    }
    (code, summary)
}
