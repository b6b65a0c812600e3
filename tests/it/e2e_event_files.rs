//! The trigger payloads in `events/`, which people use with `make invoke` and `sam local invoke`,
//! get the answers that the README promises.

use std::time::Duration;

use serde_json::{Value, json};

use crate::support::cloud::{Cloud, root};
use crate::support::function_process::{FunctionProcess, body_of};

fn event_files(function: &str) -> Vec<String> {
    let entries = std::fs::read_dir(root().join("events").join(function)).unwrap();
    let names = entries.map(|entry| entry.unwrap().file_name().to_string_lossy().into_owned());
    let mut names: Vec<_> =
        names.map(|name| name.strip_suffix(".json").unwrap().to_owned()).collect();
    names.sort();
    names
}

async fn answers(function: &str, logical_id: &str, expected: &[(&str, Value)]) {
    let mut described: Vec<_> = expected.iter().map(|(name, _)| (*name).to_owned()).collect();
    described.sort();
    assert_eq!(event_files(function), described, "a file without an expected answer");
    let process = FunctionProcess::start(&Cloud::open(), function, logical_id).await;
    for (name, expected) in expected {
        let path = root().join("events").join(function).join(format!("{name}.json"));
        let event: Value = serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap();
        let answer = process.invoke(&event, Duration::from_secs(20)).await.unwrap();
        let seen = match answer.get("statusCode") {
            Some(status) => {
                let body = body_of(&answer);
                json!([status, body.get("error_code").cloned().unwrap_or_default()])
            }
            None if answer.is_null() => Value::Null,
            None => answer["batchItemFailures"].as_array().unwrap().len().into(),
        };
        assert_eq!(&seen, expected, "{name}: {answer}");
    }
}

#[tokio::test]
async fn upsert_event_files_get_their_answers() {
    let done = json!([200, null]);
    let expected = [
        ("create_contact", done.clone()),
        ("update_contact", done.clone()),
        ("clear_a_value", done.clone()),
        ("base64_body", done),
        ("wrong_tenant", json!([403, "tenant_mismatch"])),
        ("missing_scope", json!([403, "missing_scope"])),
        ("not_json", json!([400, "invalid_json"])),
        ("missing_email", json!([422, "validation_failed"])),
        ("unknown_system", json!([404, "unknown_system"])),
    ];
    answers("crm-upsert", "CrmUpsertFunction", &expected).await;
}

/// No message stays on the queue: what can't be read is put aside by the worker itself.
#[tokio::test]
async fn queue_event_files_leave_no_message_on_the_queue() {
    let sync = [
        "contact_changed",
        "contact_deleted",
        "contact_erased",
        "contacts_merged",
        "unreadable_and_good",
    ];
    let none = |name: &&'static str| (*name, json!(0));
    let expected: Vec<_> = sync.iter().map(none).collect();
    answers("crm-sync", "CrmSyncFunction", &expected).await;
    let expected: Vec<_> = ["nothing_waits", "unreadable_and_good"].iter().map(none).collect();
    answers("crm-push", "CrmPushFunction", &expected).await;
    let sync = ["booking_changed", "booking_missed_before", "unreadable_and_good"];
    let expected: Vec<_> = sync.iter().map(none).collect();
    answers("booking-sync", "BookingSyncFunction", &expected).await;
    let sweep = ["step_of_a_week", "unreadable_and_good"];
    let mut expected: Vec<_> = sweep.iter().map(none).collect();
    expected.push(("slot", Value::Null));
    answers("booking-sweep", "BookingSweepFunction", &expected).await;
    let sweep = ["first_step", "step_of_another_account", "unreadable_and_good"];
    let mut expected: Vec<_> = sweep.iter().map(none).collect();
    expected.push(("slot", Value::Null));
    answers("crm-sweep", "CrmSweepFunction", &expected).await;
}

#[tokio::test]
async fn import_event_files_get_their_answers() {
    let done = json!([200, null]);
    let invalid = json!([422, "validation_failed"]);
    let expected = [
        ("import_a_week", done.clone()),
        ("import_with_key", done.clone()),
        ("empty_window", done),
        ("since_after_until", invalid.clone()),
        ("range_of_fifty_years", invalid.clone()),
        ("date_without_a_time", invalid.clone()),
        ("unknown_member", invalid.clone()),
        ("ids_where_dates_are_read", invalid.clone()),
        ("no_ids_where_they_are_needed", invalid.clone()),
        ("ids_beside_a_range", invalid.clone()),
        ("no_id_at_all", invalid.clone()),
        ("too_many_ids", invalid.clone()),
        ("id_with_a_blank", invalid.clone()),
        ("ids_not_in_a_list", invalid),
        ("altered_cursor", json!([422, "invalid_cursor"])),
        ("wrong_tenant", json!([403, "tenant_mismatch"])),
        ("missing_scope", json!([403, "missing_scope"])),
        ("unknown_system", json!([404, "unknown_system"])),
        ("not_connected", json!([404, "connection_not_found"])),
        ("not_json", json!([400, "invalid_json"])),
    ];
    answers("booking-import", "BookingImportFunction", &expected).await;
}

#[tokio::test]
async fn connection_event_files_get_their_answers() {
    let expected = [
        ("connect_refused_token", json!([422, "provider_unauthorized"])),
        ("connect_refused_key", json!([422, "provider_unauthorized"])),
        ("connect_acuity_by_token", json!([422, "validation_failed"])),
        ("connect_hubspot_by_key", json!([422, "validation_failed"])),
        ("connect_wrong_tenant", json!([403, "tenant_mismatch"])),
        ("connect_missing_auth", json!([422, "validation_failed"])),
        ("connect_unknown_member", json!([422, "validation_failed"])),
        ("health", json!([200, null])),
        ("health_not_connected", json!([404, "connection_not_found"])),
        ("rotate_nothing", json!([422, "validation_failed"])),
        ("disconnect_not_connected", json!([404, "connection_not_found"])),
        ("missing_scope", json!([403, "missing_scope"])),
        ("unknown_kind", json!([404, "unknown_system"])),
    ];
    answers("connections", "ConnectionsFunction", &expected).await;
}

#[tokio::test]
async fn publisher_event_files_report_only_the_unreadable_record() {
    let expected = [
        ("contact_created", json!(0)),
        ("contact_updated", json!(0)),
        ("audit_logged", json!(0)),
        ("lock_only", json!(0)),
        ("poison_and_good", json!(1)),
    ];
    answers("event-publisher", "EventPublisherFunction", &expected).await;
}
