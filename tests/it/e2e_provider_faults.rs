//! Each way in which HubSpot may fail has its defined answer, leaves nothing half-written, and the
//! same key works once the fault is over.

use futures::future::join_all;
use serde_json::{Value, json};

use crate::support::tenant::Tenant;

struct Case {
    name: &'static str,
    fault: Value,
    status: u16,
    error_code: &'static str,
    field: Option<&'static str>,
    retry_after_s: Option<u64>,
    /// Whether HubSpot said for sure that nothing was written.
    is_certain: bool,
}

fn case(name: &'static str, fault: Value, status: u16, error_code: &'static str) -> Case {
    Case { name, fault, status, error_code, field: None, retry_after_s: None, is_certain: false }
}

fn refusals() -> Vec<Case> {
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
    let certain = |case: Case| Case { is_certain: true, ..case };
    vec![
        certain(Case {
            field: Some("attributes.phone"),
            ..case("400 with a property", invalid, 422, "provider_rejected")
        }),
        certain(Case {
            field: Some("attributes.phone"),
            ..case("400 that quotes values", quoting, 422, "provider_rejected")
        }),
        certain(case("401", of(401), 422, "provider_unauthorized")),
        certain(case("403", of(403), 422, "provider_missing_scope")),
        certain(case("404", of(404), 422, "provider_rejected")),
        certain(case("409", of(409), 422, "provider_rejected")),
        certain(Case { retry_after_s: Some(2), ..case("423", of(423), 503, "provider_busy") }),
        certain(Case {
            retry_after_s: Some(30),
            ..case(
                "429 with Retry-After",
                json!({"fault": "status", "status": 429, "headers": {"Retry-After": "30"}}),
                503,
                "provider_rate_limited",
            )
        }),
        certain(Case {
            retry_after_s: Some(10),
            ..case("429", of(429), 503, "provider_rate_limited")
        }),
    ]
}

fn failures() -> Vec<Case> {
    let of = |status: u16| json!({"fault": "status", "status": status});
    let raw = |status: u16, body: &str| json!({"fault": "status", "status": status, "body": body});
    vec![
        case("500", of(500), 502, "provider_bad_answer"),
        case("502", of(502), 502, "provider_bad_answer"),
        case("503", of(503), 503, "provider_unavailable"),
        case("504", of(504), 504, "provider_timeout"),
        case("HTML under 502", json!({"fault": "html"}), 502, "provider_bad_answer"),
        case("HTML under 200", json!({"fault": "html", "status": 200}), 502, "provider_bad_answer"),
        case("an empty body under 200", raw(200, ""), 502, "provider_bad_answer"),
        case("an empty object under 200", raw(200, "{}"), 502, "provider_bad_answer"),
        case("a cut body", json!({"fault": "truncate"}), 503, "provider_unavailable"),
        case("a reset", json!({"fault": "reset"}), 503, "provider_unavailable"),
        case("a hang", json!({"fault": "hang", "delay_ms": 20_000}), 504, "provider_timeout"),
    ]
}

async fn assert_case(case: Case) {
    let tenant = Tenant::new().await;
    let name = case.name;
    let mut fault = case.fault;
    fault["times"] = json!(20);
    tenant.fault(fault).await;
    let ada = tenant.contact("ada");
    let answer = tenant.upsert("k1", &ada).await;
    assert_eq!(answer.problem(case.status, case.error_code), case.field, "{name}");
    if case.status >= 500 {
        assert!(answer.retry_after_s.is_some_and(|seconds| seconds > 0), "{name}: {answer:?}");
    }
    if case.retry_after_s.is_some() {
        assert_eq!(answer.retry_after_s, case.retry_after_s, "{name}");
    }
    let items = tenant.items().await;
    assert!(items.iter().all(|item| item.get("version").is_none()), "{name}: {items:?}");
    assert!(items.is_empty() || !case.is_certain, "{name}: {items:?}");

    let path = format!("faults?system=hubspot&account={}", tenant.account);
    let url = format!("{}/_control/{path}", tenant.cloud.text("sandbox_url"));
    tenant.cloud.http.delete(url).send().await.unwrap();
    tenant.upsert("k1", &ada).await.done("created");
    assert_eq!(tenant.provider_writes().await, 1, "{name}");
    tenant.events(1).await;
}

#[tokio::test]
async fn refusal_by_the_provider_has_its_answer_and_leaves_nothing() {
    join_all(refusals().into_iter().map(assert_case)).await;
}

#[tokio::test]
async fn failure_of_the_provider_has_its_answer_and_is_resolved_later() {
    join_all(failures().into_iter().map(assert_case)).await;
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
