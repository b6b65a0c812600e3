//! The function killed or stalled at chosen points, as its own process on the local cloud: no second
//! remote effect, no lost event, and a stale owner that can't finish.

use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::support::api::CALLERS;
use crate::support::function_process::{FunctionProcess, body_of, upsert_event};
use crate::support::tenant::Tenant;
use crate::support::waiting::until;

/// How long the killed invocation had. Its claim is stale after this.
const LEASE: Duration = Duration::from_secs(6);
const SOON: Duration = Duration::from_secs(20);

async fn start(tenant: &Tenant) -> FunctionProcess {
    FunctionProcess::start(&tenant.cloud, "crm-upsert", "CrmUpsertFunction").await
}

fn event(tenant: &Tenant, key: &str, attributes: &Value) -> Value {
    upsert_event(tenant, &tenant.body(key, attributes))
}

async fn until_provider_was_called(tenant: &Tenant) {
    until("a call to the provider", SOON, async || {
        tenant.provider_calls().await["totals"]["total"].as_u64() > Some(0)
    })
    .await;
}

/// Until the second transaction is on its way: the claim was the first one.
async fn until_completion_is_held(tenant: &Tenant) {
    until("the completion", SOON, async || {
        let calls = tenant.aws_calls("dynamodb").await;
        calls["by_operation"]["TransactWriteItems"].as_u64() >= Some(2)
    })
    .await;
}

async fn hold_completion(tenant: &Tenant, fault: &str) {
    let fault = json!({
        "service": "dynamodb", "operation": "TransactWriteItems", "contains": tenant.id,
        "skip": 1, "fault": fault, "delay_ms": 30_000, "times": 1,
    });
    tenant.cloud.sandbox_post("aws/faults", fault).await;
}

/// After the crash: key and record are taken until the lease ends. Then a crowd comes, half of it
/// with the crashed key and half with keys of their own, and the work is finished, once.
async fn assert_finished_by_the_next_crowd(tenant: &Tenant, killed_at: Instant) {
    let ada = tenant.contact("ada");
    tenant.upsert("k1", &ada).await.problem(409, "in_progress");
    tenant.upsert("k2", &ada).await.problem(409, "in_progress");
    tokio::time::sleep(LEASE.saturating_sub(killed_at.elapsed())).await;
    let key = |caller| if caller % 2 == 0 { "k1".to_owned() } else { format!("k1-{caller}") };
    let crowd = (0..CALLERS).map(|caller| tenant.body(&key(caller), &ada)).collect();
    let answers = tenant.call_at_once(crowd).await;
    for answer in &answers {
        match answer.status {
            200 => assert!(answer.body["external_id"].is_string(), "{answer:?}"),
            _ => drop(answer.problem(409, "in_progress")),
        }
    }
    assert!(answers.iter().any(|answer| answer.body["status"] == "created"));
    assert_one_effect(tenant).await;
}

async fn assert_one_effect(tenant: &Tenant) {
    assert_eq!(tenant.provider_writes().await, 1);
    assert_eq!(tenant.remote_contacts().await.len(), 1);
    assert_eq!(tenant.items_of("CrmRecord").await[0]["version"]["N"], "1");
    tenant.events(1).await;
}

async fn assert_survives_a_kill_during_the_provider_call(is_applied: bool) {
    let tenant = Tenant::new().await;
    tenant.fault(json!({"fault": "hang", "delay_ms": 30_000, "apply": is_applied})).await;
    let mut function = start(&tenant).await;
    let answer = function.invoke(&event(&tenant, "k1", &tenant.contact("ada")), LEASE);
    until_provider_was_called(&tenant).await;
    function.kill().await;
    let killed_at = Instant::now();
    drop(answer);
    assert_finished_by_the_next_crowd(&tenant, killed_at).await;
}

#[tokio::test]
async fn kill_after_the_claim_leaves_the_work_to_the_next_caller() {
    assert_survives_a_kill_during_the_provider_call(false).await;
}

#[tokio::test]
async fn kill_after_the_provider_call_has_no_second_effect() {
    assert_survives_a_kill_during_the_provider_call(true).await;
}

#[tokio::test]
async fn kill_before_the_commit_has_no_second_effect() {
    let tenant = Tenant::new().await;
    hold_completion(&tenant, "hold_before").await;
    let mut function = start(&tenant).await;
    let answer = function.invoke(&event(&tenant, "k1", &tenant.contact("ada")), LEASE);
    until_completion_is_held(&tenant).await;
    function.kill().await;
    let killed_at = Instant::now();
    drop(answer);
    assert_finished_by_the_next_crowd(&tenant, killed_at).await;
}

#[tokio::test]
async fn kill_after_the_commit_loses_only_the_answer() {
    let tenant = Tenant::new().await;
    hold_completion(&tenant, "hold_after").await;
    let mut function = start(&tenant).await;
    let answer = function.invoke(&event(&tenant, "k1", &tenant.contact("ada")), LEASE);
    until("the stored version", SOON, async || {
        tenant.items_of("CrmRecord").await.iter().any(|item| item["version"]["N"] == "1")
    })
    .await;
    function.kill().await;
    drop(answer);
    tenant.upsert("k1", &tenant.contact("ada")).await.done("created");
    assert_one_effect(&tenant).await;
}

#[tokio::test]
async fn stale_owner_is_refused_and_the_result_of_the_new_one_stands() {
    let tenant = Tenant::new().await;
    hold_completion(&tenant, "hold_before").await;
    let stalled = start(&tenant).await;
    let old = json!({"email": tenant.email("ada"), "firstname": "Canaryold"});
    let answer = stalled.invoke(&event(&tenant, "k1", &old), Duration::from_secs(5));
    until_completion_is_held(&tenant).await;
    stalled.stall();
    tokio::time::sleep(Duration::from_secs(5)).await;

    let new = json!({"email": tenant.email("ada"), "firstname": "Canarynew"});
    tenant.upsert("k2", &new).await.done("updated");
    // It sends its completion again, because the first one had no answer in time.
    stalled.resume();
    let refused = answer.await.unwrap();
    assert!(refused["statusCode"].as_u64() >= Some(400), "{refused}");
    assert_eq!(body_of(&refused)["error_code"], "in_progress", "{refused}");

    let record = tenant.items_of("CrmRecord").await.remove(0);
    assert_eq!(record["payload"]["M"]["firstname"]["S"], "Canarynew");
    assert_eq!(record["version"]["N"], "1");
    assert_eq!(tenant.remote_contacts().await[0]["properties"]["firstname"], "Canarynew");
    tenant.events(1).await;
}
