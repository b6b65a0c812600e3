//! Each way in which HubSpot may fail has its defined answer: refused for good with a reason, or
//! accepted and finished later, once. Never 5xx.

use std::time::Duration;

use futures::future::join_all;
use serde_json::{Value, json};

use crate::support::tenant::Tenant;
use crate::support::waiting::until;

/// So long may a queued upsert take: its message waits for 5 s, and a limit for what HubSpot asks.
const FINISHED_WITHIN: Duration = Duration::from_secs(60);

struct Refusal {
    name: &'static str,
    fault: Value,
    error_code: &'static str,
    field: Option<&'static str>,
}

fn refusal(name: &'static str, fault: Value, error_code: &'static str) -> Refusal {
    Refusal { name, fault, error_code, field: None }
}

/// HubSpot says for sure that it will not write this.
fn refusals() -> Vec<Refusal> {
    let of = |status: u16| json!({"fault": "status", "status": status});
    let invalid = json!({
        "fault": "status", "status": 400, "details": {"property_name": "phone"},
    });
    // As HubSpot words it: the prose quotes what was sent, so none of it may get anywhere.
    let quoting = json!({
        "status": "error", "category": "VALIDATION_ERROR",
        "message": "Property values were not valid: canary@example.com is not a phone number",
        "errors": [{
            "message": "Canarylast is not a phone number", "code": "INVALID_PHONE",
            "context": {"propertyName": ["phone"], "value": ["canary"]},
        }],
    });
    let quoting = json!({"fault": "status", "status": 400, "body": quoting.to_string()});
    let phone = |refusal: Refusal| Refusal { field: Some("attributes.phone"), ..refusal };
    vec![
        phone(refusal("400 with a property", invalid, "provider_rejected")),
        phone(refusal("400 that quotes values", quoting, "provider_rejected")),
        refusal("401", of(401), "provider_unauthorized"),
        refusal("403", of(403), "provider_missing_scope"),
        refusal("404", of(404), "provider_rejected"),
        refusal("409", of(409), "provider_rejected"),
    ]
}

/// HubSpot can't now, or nobody knows what it did.
fn failures() -> Vec<(&'static str, Value)> {
    let of = |status: u16| json!({"fault": "status", "status": status});
    let raw = |status: u16, body: &str| json!({"fault": "status", "status": status, "body": body});
    let limited = |seconds: &str| json!({"fault": "status", "status": 429, "headers": {"Retry-After": seconds}});
    vec![
        ("423", of(423)),
        ("429", of(429)),
        ("429 with Retry-After", limited("8")),
        ("500", of(500)),
        ("502", of(502)),
        ("503", of(503)),
        ("504", of(504)),
        ("HTML under 502", json!({"fault": "html"})),
        ("HTML under 200", json!({"fault": "html", "status": 200})),
        ("an empty body under 200", raw(200, "")),
        ("an empty object under 200", raw(200, "{}")),
        ("a cut body", json!({"fault": "truncate"})),
        ("a reset", json!({"fault": "reset"})),
        ("a hang", json!({"fault": "hang", "delay_ms": 20_000})),
    ]
}

async fn assert_refused(case: Refusal) {
    let tenant = Tenant::new().await;
    let name = case.name;
    let mut fault = case.fault;
    fault["times"] = json!(20);
    tenant.fault(fault).await;
    let ada = tenant.contact("ada");
    let answer = tenant.upsert("k1", &ada).await;
    assert_eq!(answer.problem(422, case.error_code), case.field, "{name}");
    assert_eq!(tenant.items_of_work().await, Vec::<Value>::new(), "{name}");
    tenant.upsert_status("k1").await.problem(404, "upsert_not_found");

    tenant.end_faults().await;
    tenant.upsert("k1", &ada).await.done("created");
    assert_eq!(tenant.provider_writes().await, 1, "{name}");
    tenant.events(1).await;
    println!("{name}: 422 {}, then 200, 1 write, 1 event", case.error_code);
}

/// Accepted, kept, and finished once: by whom does not matter.
async fn assert_queued((name, mut fault): (&str, Value)) {
    let tenant = Tenant::new().await;
    fault["times"] = json!(1_000);
    tenant.fault(fault).await;
    let ada = tenant.contact("ada");
    let answer = tenant.upsert("k1", &ada).await;
    println!("{name}: {} {}", answer.status, answer.body);
    answer.queued();
    tenant.upsert("k1", &ada).await.queued();
    let status = tenant.upsert_status("k1").await;
    // The worker may be at its first try.
    let waits = [json!("queued"), json!("in_progress")].contains(&status.body["status"]);
    assert!(status.status == 200 && waits, "{name}: {status:?}");
    assert_eq!(tenant.health().await["queued"], 1, "{name}");

    tenant.end_faults().await;
    let took = until(&format!("{name}: the upsert is finished"), FINISHED_WITHIN, async || {
        tenant.upsert_status("k1").await.body["external_id"].is_string()
    })
    .await;
    let id = tenant.upsert_status("k1").await.done("created");
    assert_eq!(tenant.upsert("k1", &ada).await.done("created"), id, "{name}: the stored answer");
    let contacts = tenant.remote_contacts().await;
    assert_eq!((contacts.len(), &contacts[0]["id"]), (1, &json!(id)), "{name}");
    assert_eq!(tenant.provider_writes().await, 1, "{name}");
    assert_eq!(tenant.record("contact", &id).await["version"]["N"], "1", "{name}");
    assert_eq!(tenant.items_of("QueuedPush").await, Vec::<Value>::new(), "{name}");
    assert_eq!(tenant.health().await["queued"], 0, "{name}");
    tenant.events(1).await;
    println!("{name}: 202, finished {took:.1?} after the fault, 1 write, 1 event");
}

#[tokio::test]
async fn refusal_by_the_provider_has_its_answer_and_leaves_nothing() {
    join_all(refusals().into_iter().map(assert_refused)).await;
}

#[tokio::test]
async fn failure_of_the_provider_is_queued_and_finished_once() {
    join_all(failures().into_iter().map(assert_queued)).await;
}

/// The portal's day ends at its midnight, so this one is not seen to be finished.
#[tokio::test]
async fn used_up_day_is_queued_and_asks_the_provider_no_more() {
    let tenant = Tenant::new().await;
    tenant.upsert("k0", &tenant.contact("bob")).await.done("created");
    let limit = json!({"system": "hubspot", "account": tenant.account, "rate_limit_daily": 1});
    tenant.cloud.sandbox_post("limits", limit).await;
    tenant.upsert("k1", &tenant.contact("ada")).await.queued();
    let calls = tenant.provider_calls_total().await;
    for number in 2..6 {
        let contact = tenant.contact(&format!("eve{number}"));
        tenant.upsert(&format!("k{number}"), &contact).await.queued();
    }
    let health = tenant.health().await;
    assert_eq!(
        (&health["queued"], &health["pause_reason"]),
        (&json!(5), &json!("daily_limit")),
        "{health}"
    );
    let hours = hours_until(health["paused_until"].as_str().unwrap());
    assert!((0.0..=25.0).contains(&hours), "{health}");
    let more = tenant.provider_calls_total().await - calls;
    println!("a used up day: 5 queued, paused for {hours:.1} h, {more} more calls");
    assert_eq!(more, 0);
}

fn hours_until(instant: &str) -> f64 {
    let until: jiff::Timestamp = instant.parse().unwrap();
    until.duration_since(jiff::Timestamp::now()).as_secs_f64() / 3_600.0
}

#[tokio::test]
async fn failure_after_the_effect_is_resolved_without_a_second_effect() {
    for fault in [
        json!({"fault": "status", "status": 502, "apply": true}),
        json!({"fault": "status", "status": 504, "apply": true}),
        json!({"fault": "truncate", "apply": true}),
        json!({"fault": "reset", "apply": true}),
        json!({"fault": "hang", "delay_ms": 20_000, "apply": true}),
    ] {
        let tenant = Tenant::new().await;
        tenant.fault(fault.clone()).await;
        tenant.upsert("k1", &tenant.contact("ada")).await.done("created");
        assert_eq!(tenant.provider_writes().await, 1, "{fault}");
        tenant.events(1).await;
    }
}

#[tokio::test]
async fn passing_fault_is_ridden_out_within_the_call() {
    let tenant = Tenant::new().await;
    let limited = json!({"fault": "status", "status": 429, "headers": {"Retry-After": "1"}});
    tenant.fault(limited).await;
    tenant.fault(json!({"fault": "status", "status": 423})).await;
    tenant.upsert("k1", &tenant.contact("ada")).await.done("created");
    assert_eq!(tenant.provider_calls().await["totals"]["total"], 3);
}

#[tokio::test]
async fn refused_change_of_a_stored_record_emits_nothing_and_keeps_the_record() {
    let tenant = Tenant::new().await;
    tenant.connection_event().await;
    tenant.count_anew();
    tenant.upsert("k1", &tenant.contact("ada")).await.done("created");
    tenant.events(1).await;
    tenant.fault(json!({"fault": "status", "status": 400})).await;
    let changed = json!({"email": tenant.email("ada"), "company": "Other Works"});
    tenant.upsert("k2", &changed).await.problem(422, "provider_rejected");
    let record = tenant.items_of("CrmRecord").await.remove(0);
    assert_eq!(record["version"]["N"], "1");
    assert!(record.get("lock_owner").is_none(), "{record}");
    // A second upsert's event shows that the stream has been read past the lock and its release.
    tenant.upsert("k3", &tenant.contact("eve")).await.done("created");
    tenant.events(1).await;
    assert_eq!(tenant.aws_calls("events").await["total"], 2, "one call for each stored change");
}
