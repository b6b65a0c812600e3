//! Upserts that wait: what their callers can see, and in which order they are carried out.

use std::time::Duration;

use serde_json::{Value, json};

use crate::support::tenant::Tenant;
use crate::support::waiting::until;

const FINISHED_WITHIN: Duration = Duration::from_secs(60);

async fn break_down(tenant: &Tenant) {
    tenant.fault(json!({"fault": "status", "status": 503, "times": 1_000})).await;
}

async fn until_finished(tenant: &Tenant, keys: &[&str]) {
    for key in keys {
        until(&format!("{key} is finished"), FINISHED_WITHIN, async || {
            tenant.upsert_status(key).await.body["external_id"].is_string()
        })
        .await;
    }
}

#[tokio::test]
async fn status_of_an_unknown_key_or_of_another_tenants_is_not_found() {
    let (tenant, stranger) = (Tenant::new().await, Tenant::new().await);
    tenant.upsert_status("k1").await.problem(404, "upsert_not_found");
    break_down(&tenant).await;
    tenant.upsert("k1", &tenant.contact("ada")).await.queued();
    assert_eq!(tenant.upsert_status("k1").await.body["status"], "queued");
    stranger.upsert_status("k1").await.problem(404, "upsert_not_found");
    tenant.end_faults().await;
    until_finished(&tenant, &["k1"]).await;
    tenant.upsert_status("k1").await.done("created");
    stranger.upsert_status("k1").await.problem(404, "upsert_not_found");
    tenant.upsert_status("k2").await.problem(404, "upsert_not_found");
    let without = tenant.cloud.token(&tenant.id, "booking:import", json!({})).await;
    let path = "integrations/crm/hubspot/upsert?idempotency_key=k1";
    assert_eq!(tenant.cloud.call("GET", path, Some(&without), None).await.status, 403);
    assert_eq!(tenant.cloud.call("GET", path, None, None).await.status, 401);
    let path = "integrations/crm/hubspot/upsert";
    let token = tenant.cloud.token(&tenant.id, "crm:write", json!({})).await;
    let answer = tenant.cloud.call("GET", path, Some(&token), None).await;
    assert_eq!(answer.problem(422, "validation_failed"), Some("idempotency_key"));
}

#[tokio::test]
async fn upserts_of_one_record_wait_behind_each_other_and_are_applied_in_order() {
    const WAITING: usize = 4;
    let tenant = Tenant::new().await;
    break_down(&tenant).await;
    let keys: Vec<_> = (0..WAITING).map(|number| format!("k{number}")).collect();
    let wanted = |number: usize| json!({"email": tenant.email("ada"), "firstname": format!("Canary{number}")});
    for (number, key) in keys.iter().enumerate() {
        tenant.upsert(key, &wanted(number)).await.queued();
    }
    tenant.upsert(&keys[0], &wanted(7)).await.problem(422, "idempotency_key_reused");
    assert_eq!(tenant.health().await["queued"], WAITING);
    tenant.end_faults().await;
    tenant.count_anew();
    let keys: Vec<_> = keys.iter().map(String::as_str).collect();
    until_finished(&tenant, &keys).await;

    let id = tenant.upsert_status(keys[0]).await.done("created");
    for key in &keys[1..] {
        assert_eq!(tenant.upsert_status(key).await.done("updated"), id);
    }
    let calls = tenant.provider_calls().await["calls"].clone();
    let written: Vec<_> =
        calls.as_array().unwrap().iter().filter(|call| call["applied"] == true).collect();
    let fields: Vec<_> = written.iter().map(|call| call["fields"].to_string()).collect();
    assert_eq!(fields.len(), WAITING, "{fields:#?}");
    for (number, fields) in fields.iter().enumerate() {
        assert!(fields.contains(&format!("Canary{number}")), "write {number}: {fields}");
    }
    let last = format!("Canary{}", WAITING - 1);
    assert_eq!(tenant.remote_contacts().await[0]["properties"]["firstname"], last);
    let record = tenant.record("contact", &id).await;
    assert_eq!(record["payload"]["M"]["firstname"]["S"], last.as_str());
    assert_eq!(record["version"]["N"], WAITING.to_string());
    assert_eq!(tenant.items_of("QueuedPush").await, Vec::<Value>::new());
    tenant.events(WAITING).await;
    println!(
        "{WAITING} upserts of one record waited: {WAITING} writes in their order, {WAITING} events"
    );
}

#[tokio::test]
async fn upsert_of_another_record_does_not_wait_behind() {
    let tenant = Tenant::new().await;
    break_down(&tenant).await;
    tenant.upsert("k1", &tenant.contact("ada")).await.queued();
    tenant.end_faults().await;
    tenant.upsert("k2", &tenant.contact("eve")).await.done("created");
    let behind = tenant.upsert("k3", &tenant.contact("ada")).await;
    assert!([200, 202].contains(&behind.status), "{behind:?}");
    until_finished(&tenant, &["k1"]).await;
    until("no upsert waits", FINISHED_WITHIN, async || tenant.health().await["queued"] == 0).await;
    assert_eq!(tenant.provider_writes().await, 2);
    tenant.events(2).await;
}
