//! The backfill of an export as an operator runs it: the tool's own process, what it says, and what it
//! costs.

use std::path::{Path, PathBuf};
use std::process::{Output, Stdio};
use std::time::{Duration, Instant, SystemTime};

use jiff::Timestamp;
use serde_json::Value;
use tokio::process::Command;
use uuid::Uuid;

use super::api::CANARIES;
use super::cloud::Cloud;
use super::tenant::Tenant;

const WRITES: [&str; 5] =
    ["BatchWriteItem", "DeleteItem", "PutItem", "TransactWriteItems", "UpdateItem"];

/// What a run of the tool said.
pub struct Said {
    pub code: i32,
    pub summary: Value,
    /// What it printed on the way: bad rows and how far it came.
    pub lines: Vec<Value>,
    pub peak_kib: u64,
    pub took: Duration,
    /// What its calls of AWS are marked with.
    pub mark: String,
    pub since_ms: u128,
}

impl Said {
    /// Line and field of each bad row.
    pub fn faulty(&self) -> Vec<(u64, &str)> {
        let rows = self.lines.iter().filter(|line| !line["field"].is_null());
        rows.map(|line| (line["line"].as_u64().unwrap(), line["field"].as_str().unwrap())).collect()
    }

    /// Imported, updated, skipped, superseded.
    pub fn counts(&self) -> [u64; 4] {
        ["imported", "updated", "skipped_duplicates", "superseded"]
            .map(|name| self.summary[name].as_u64().unwrap_or_else(|| panic!("{}", self.summary)))
    }

    /// The operations by which it wrote to the table.
    pub async fn writes(&self, cloud: &Cloud) -> Vec<String> {
        let path = format!("aws/calls?service=dynamodb&since_ms={}", self.since_ms);
        let calls = cloud.sandbox_get(&path).await["calls"].as_array().unwrap().clone();
        let ours = calls.iter().filter(|call| call["function"] == self.mark.as_str());
        let operations = ours.map(|call| call["operation"].as_str().unwrap().to_owned());
        operations.filter(|operation| WRITES.contains(&operation.as_str())).collect()
    }
}

/// The tool that `make up` has built, beside the test's own executable.
fn tool() -> PathBuf {
    let test = std::env::current_exe().unwrap();
    let tool = test.parent().unwrap().parent().unwrap().join("booking-backfill");
    assert!(tool.is_file(), "{} is not built: run `make up`", tool.display());
    tool
}

fn peak_kib(process: Option<u32>) -> Option<u64> {
    let status = std::fs::read_to_string(format!("/proc/{}/status", process?)).ok()?;
    let peak = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    peak.trim().trim_end_matches(" kB").parse().ok()
}

/// A file of a test's own, which goes with it.
pub struct Export(pub PathBuf);

impl Export {
    pub fn of(content: &str) -> Self {
        let path = std::env::temp_dir().join(format!("export-{}.csv", Uuid::new_v4().simple()));
        std::fs::write(&path, content).unwrap();
        Self(path)
    }
}

impl Drop for Export {
    fn drop(&mut self) {
        drop(std::fs::remove_file(&self.0));
    }
}

/// Runs the tool. Unless `more` says when the export was made, it is of now.
pub async fn backfill(tenant: &Tenant, file: &Path, more: &[&str]) -> Said {
    let cloud = &tenant.cloud;
    let environment = cloud.function_environment("booking-import").await;
    let setting = |name: &str| environment[name].as_str().unwrap().to_owned();
    let mark = format!("backfill-{}", Uuid::new_v4().simple());
    let tap_port = std::env::var("LOCAL_TAP_PORT").unwrap_or_else(|_| "4571".into());
    let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap();
    let began = Instant::now();
    let now = Timestamp::try_from(SystemTime::UNIX_EPOCH + since).unwrap().to_string();
    let as_of = if more.contains(&"--as-of") { vec![] } else { vec!["--as-of", now.as_str()] };
    let child = Command::new(tool())
        .args([
            "--tenant",
            &tenant.id,
            "--system",
            "vagaro",
            "--operator",
            "test-operator",
            "--csv",
        ])
        .arg(file)
        .args(as_of)
        .args(more)
        .env_clear()
        .env("TABLE_NAME", setting("TABLE_NAME"))
        .env("SECRET_PREFIX", setting("SECRET_PREFIX"))
        .env("AWS_REGION", cloud.text("region"))
        .env("AWS_ACCESS_KEY_ID", "test")
        .env("AWS_SECRET_ACCESS_KEY", "test")
        .env("AWS_SDK_UA_APP_ID", &mark)
        .env("AWS_ENDPOINT_URL", format!("http://127.0.0.1:{tap_port}"))
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .kill_on_drop(true)
        .spawn()
        .unwrap();
    let (process, mut peak) = (child.id(), 0);
    let mut ended = Box::pin(child.wait_with_output());
    let output = loop {
        tokio::select! {
            output = &mut ended => break output.unwrap(),
            () = tokio::time::sleep(Duration::from_millis(10)) => {
                peak = peak.max(peak_kib(process).unwrap_or_default());
            }
        }
    };
    let said = said(&output);
    println!("{}: exit code {:?}, peak {peak} KiB", said.0, output.status.code());
    Said {
        code: output.status.code().unwrap(),
        summary: said.0,
        lines: said.1,
        peak_kib: peak,
        took: began.elapsed(),
        mark,
        since_ms: since.as_millis(),
    }
}

/// The summary and the lines; panics if there is anything personal in them.
pub fn said(output: &Output) -> (Value, Vec<Value>) {
    let [stdout, stderr] =
        [&output.stdout, &output.stderr].map(|it| String::from_utf8(it.clone()).unwrap());
    for canary in CANARIES.iter().chain(&["canary"]) {
        let is_told = stdout.contains(canary) || stderr.contains(canary);
        assert!(!is_told, "the operator is shown personal data: {stdout}{stderr}");
    }
    let summary = serde_json::from_str(&stdout);
    let lines = stderr.lines().map(|line| serde_json::from_str(line).unwrap_or_default());
    (summary.unwrap_or_default(), lines.collect())
}
