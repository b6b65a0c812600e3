//! The backfill of an export as an operator runs it: the tool's own process, on the local cloud.

use std::path::Path;

use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};
use tokio::process::Command;
use uuid::Uuid;

use crate::support::backfill::{HEADER, row};
use crate::support::backfill_tool::{Export, backfill, said};
use crate::support::cloud::root;
use crate::support::table::number_in;
use crate::support::tenant::{Provider, Tenant, new_id};

const PROVIDER: Provider = Provider { kind: "booking", system: "vagaro" };
/// More memory than this for a hundred times the rows is not flat.
const GROWTH_MAX_KIB: u64 = 16 * 1_024;
const START: Timestamp = Timestamp::constant(1_890_000_000, 0);

/// A tenant with the credentials of a connection, as connecting leaves them. Vagaro is not called.
async fn connected() -> Tenant {
    let tenant = unconnected().await;
    let environment = tenant.cloud.function_environment("booking-import").await;
    let prefix = environment["SECRET_PREFIX"].as_str().unwrap();
    let secret = json!({
        "auth": "client_credentials", "access_token": tenant.access_token, "account_id": "b=",
        "default_region": "US",
    });
    let request = json!({
        "Name": format!("{prefix}/{}/vagaro", tenant.id),
        "SecretString": secret.to_string(),
        "ClientRequestToken": Uuid::new_v4().to_string(),
    });
    tenant.cloud.aws("secretsmanager/secretsmanager.CreateSecret", request).await;
    tenant
}

async fn unconnected() -> Tenant {
    Tenant::without_account(new_id(), PROVIDER).await
}

async fn versions(tenant: &Tenant) -> Vec<u64> {
    let bookings = tenant.items_below("BOOKING#vagaro#").await;
    bookings.iter().map(|booking| number_in(booking, "version")).collect()
}

fn starts_at(number: i64) -> Timestamp {
    START + SignedDuration::from_mins(number)
}

/// Two thousand rows as a spreadsheet saves them, some of them bad; the lines and fields of those.
fn two_thousand_rows() -> (String, Vec<(u64, &'static str)>) {
    let mut content = format!("\u{feff}{HEADER}\r\n");
    let (mut line, mut faults) = (2, Vec::new());
    for number in 0..2_000_i64 {
        let id = format!("r{number}=");
        let good = row(&id, starts_at(number), "Confirmed");
        let (text, field) = match number {
            100 => (good.replace("Confirmed", "Perhaps"), Some("bookingStatus")),
            200 => (good.replace(&id, "not an id"), Some("appointmentId")),
            300 => (good.replace('T', "?"), Some("startTime")),
            400 => (good.replace(",Ada", ""), Some("columns")),
            500 => (good.replace("Ada", &"x".repeat(70_000)), Some("record_size")),
            600 => (good.replace("Ada", "\"Ada\"x"), Some("quotes")),
            700..730 => (good.replace("Confirmed", "PersonalOff"), None),
            800..850 => (good.replace("Ada", "\"Ada\r\nAugusta, \"\"A.\"\"\""), None),
            _ => (good, None),
        };
        faults.extend(field.map(|field| (line, field)));
        line += 1 + text.matches('\n').count() as u64;
        content.push_str(&text);
        content.push_str("\r\n");
    }
    (content, faults)
}

#[tokio::test]
async fn e2e_backfill_imports_good_rows_names_bad_ones_and_writes_nothing_again() {
    let tenant = connected().await;
    let (content, faults) = two_thousand_rows();
    let export = Export::of(&content);
    let first = backfill(&tenant, &export.0, &[]).await;
    assert_eq!((first.code, &first.summary["outcome"]), (2, &json!("complete_but_bad_rows")));
    assert_eq!(first.faulty(), faults);
    assert_eq!(first.counts(), [1_964, 0, 0, 0]);
    let counted = ["rows", "bad_rows", "no_appointments", "repeated"].map(|it| &first.summary[it]);
    assert_eq!(counted, [&json!(2_000), &json!(6), &json!(30), &json!(0)]);
    assert_eq!(versions(&tenant).await, vec![1; 1_964]);
    let second = backfill(&tenant, &export.0, &[]).await;
    assert_eq!((second.code, second.counts()), (2, [0, 0, 1_964, 0]));
    // The audit entry.
    assert_eq!(second.writes(&tenant.cloud).await, ["PutItem"]);
    assert_eq!(versions(&tenant).await, vec![1; 1_964]);
    let entries = tenant.items_below("AUDIT#").await;
    assert_eq!(entries.len(), 2);
    let text = |name: &str| entries[1][name]["S"].as_str().unwrap();
    assert_eq!((text("action"), text("operator")), ("bookings_backfilled", "test-operator"));
    assert_eq!(text("correlation_id"), second.summary["correlation_id"]);
}

#[tokio::test]
async fn e2e_backfill_of_an_old_export_leaves_newer_states_alone() {
    let tenant = connected().await;
    let rows = |status: &str| format!("{HEADER}\n{}\n", row("a=", starts_at(0), status));
    let new = backfill(&tenant, &Export::of(&rows("Cancel")).0, &[]).await;
    assert_eq!((new.code, new.counts()), (0, [1, 0, 0, 0]));
    let old = Export::of(&rows("Confirmed"));
    let old = backfill(&tenant, &old.0, &["--as-of", "2026-01-31T09:00:00Z"]).await;
    assert_eq!((old.code, old.counts()), (0, [0, 0, 0, 1]));
    let bookings = tenant.items_below("BOOKING#vagaro#").await;
    assert_eq!(bookings[0]["status"]["S"], "cancelled");
}

#[tokio::test]
async fn e2e_backfill_that_can_not_begin_says_why_and_leaves_nothing() {
    let tenant = unconnected().await;
    let good = Export::of(&format!("{HEADER}\n{}\n", row("a=", starts_at(0), "Confirmed")));
    let said = backfill(&tenant, &good.0, &[]).await;
    let error = "the tenant has no connection to this system";
    assert_eq!((said.code, &said.summary["error"]), (1, &json!(error)));
    let said = backfill(&tenant, &Export::of("appointmentId,email\n").0, &[]).await;
    let error = said.summary["error"].as_str().unwrap();
    assert!(said.code == 1 && error.contains("lacks startTime, endTime, bookingStatus"), "{error}");
    let said = backfill(&tenant, Path::new("/nowhere.csv"), &[]).await;
    assert!(said.code == 1 && said.summary["outcome"] == "not_started", "{}", said.summary);
    let said = backfill(&tenant, &good.0, &["--time-zone", "Mars/Olympus"]).await;
    assert_eq!(said.code, 1, "a wrong argument is no bad row");
    assert_eq!(tenant.items_below("").await, Vec::<Value>::new());
}

/// So many ids, each on ten rows in a row, in ten rounds.
fn repeated_rows(ids: i64, rounds: i64) -> String {
    let mut content = format!("{HEADER}\n");
    for _ in 0..rounds {
        for number in 0..ids {
            let row = row(&format!("m{number}="), starts_at(number), "Confirmed") + "\n";
            content.push_str(&row.repeat(10));
        }
    }
    content
}

#[tokio::test]
async fn e2e_backfill_of_200_000_rows_takes_no_more_memory_than_one_of_2_000() {
    let tenant = connected().await;
    let few = backfill(&tenant, &Export::of(&repeated_rows(200, 1)).0, &[]).await;
    assert_eq!((few.code, few.counts()[0], few.counts()[1]), (0, 200, 0));
    let many = backfill(&tenant, &Export::of(&repeated_rows(2_000, 10)).0, &[]).await;
    assert_eq!((many.code, &many.summary["rows"]), (0, &json!(200_000)));
    // Of rows that repeat their neighbours a page keeps one, and the next page's beginning another.
    let [imported, updated, skipped, superseded] = many.counts();
    assert_eq!((imported, updated, superseded), (1_800, 0, 0), "{}", many.summary);
    let repeated = many.summary["repeated"].as_u64().unwrap();
    assert_eq!(imported + skipped + repeated, 200_000, "{}", many.summary);
    assert!(repeated > 175_000, "{}", many.summary);
    let [few, many] = [&few, &many].map(|said| (said.peak_kib, said.took));
    println!("2,000 rows: {} KiB, {:.1?}; 200,000: {} KiB, {:.1?}", few.0, few.1, many.0, many.1);
    assert!(few.0 > 0 && many.0 < few.0 + GROWTH_MAX_KIB, "{} KiB, then {} KiB", few.0, many.0);
    assert_eq!(versions(&tenant).await, vec![1; 2_000]);
}

#[tokio::test]
async fn e2e_backfill_runs_by_the_command_of_the_makefile() {
    let tenant = connected().await;
    let export = Export::of(&format!("{HEADER}\n{}\n", row("a=", starts_at(0), "Confirmed")));
    let command = |csv: &str, arguments: &[&str]| {
        Command::new(root().join(".venv/bin/python"))
            .args(["-m", "infra.backfill"])
            .args(arguments)
            .env("TENANT", &tenant.id)
            .env("SYSTEM", "vagaro")
            .env("CSV", csv)
            .env("OPERATOR", "test-operator")
            .env_remove("STAGE")
            .current_dir(root())
            .output()
    };
    let output = command("", &[]).await.unwrap();
    let error = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(output.status.code() == Some(1) && error.contains("CSV missing; usage:"), "{error}");
    let file = export.0.to_str().unwrap();
    let output = command(file, &[]).await.unwrap();
    let error = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(output.status.code() == Some(1) && error.contains("--as-of <TIME>"), "{error}");
    let as_of = ["--as-of", "2026-01-31T09:00:00Z"].as_slice();
    for (arguments, imported) in [(["--dry-run"].as_slice(), 0), (as_of, 1)] {
        let output = command(file, arguments).await.unwrap();
        let (summary, _) = said(&output);
        assert_eq!((output.status.code(), &summary["imported"]), (Some(0), &json!(imported)));
        assert_eq!(versions(&tenant).await.len(), imported, "{summary}");
    }
}
