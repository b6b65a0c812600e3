//! The first upsert of a person into a CRM that has no upsert by our key, or where it takes several
//! calls: 64 at once, and killed between any two of them. One person in the end, also where the
//! vendor's search does not show new records for a while.

use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::support::api::CALLERS;
use crate::support::crm_system::CrmSystem;
use crate::support::function_process::{FunctionProcess, upsert_event};
use crate::support::tenant::Tenant;
use crate::support::waiting::until;

/// How long the killed invocation had. Its claim is stale after this.
const LEASE: Duration = Duration::from_secs(6);
const SOON: Duration = Duration::from_secs(30);
/// Longer than any test: what is new is found by no search.
const SEARCH_LAG_MS: u64 = 600_000;

fn settings() -> Value {
    json!({ "search_lag_ms": SEARCH_LAG_MS })
}

async fn tenant_at(system: CrmSystem) -> Tenant {
    let settings = if system == CrmSystem::Pipedrive { settings() } else { json!({}) };
    Tenant::of(system, settings).await
}

async fn assert_one_of_everything(tenant: &Tenant) {
    let persons = tenant.remote_contacts().await;
    assert_eq!(persons.len(), 1, "{persons:#?}");
    let records = tenant.items_of("CrmRecord").await;
    assert_eq!(records.len(), 1, "{records:#?}");
    assert_eq!(records[0]["version"]["N"], "1", "{records:#?}");
    tenant.events(1).await;
}

async fn crowd_of_first_upserts_makes_one_person(system: CrmSystem) {
    let tenant = tenant_at(system).await;
    // Instances that start one after the other would turn "at once" into a queue.
    tenant.call_at_once(vec![json!({"tenant_id": tenant.id}); CALLERS]).await;
    let ada = tenant.contact("ada");
    let bodies = (0..CALLERS).map(|caller| tenant.body(&format!("k{caller}"), &ada));
    let answers = tenant.call_at_once(bodies.collect()).await;
    let mut created = 0;
    for answer in &answers {
        match answer.body["status"].as_str() {
            Some("created") => created += 1,
            Some("noop") => drop(answer.done("noop")),
            _ => drop(answer.problem(409, "in_progress")),
        }
    }
    assert_eq!(created, 1);
    let answer = tenant.upsert("k-last", &ada).await;
    tenant.ended("k-last", answer, "noop").await;
    assert_one_of_everything(&tenant).await;
    println!("{system:?}: {CALLERS} first upserts at once: 1 person, 1 version, 1 event");
}

/// Kills the function while its `nth` call to the provider has no answer yet, once without and once
/// with its effect; `false` where the upsert made fewer calls.
async fn assert_survives_a_kill_at(system: CrmSystem, nth: u64, is_applied: bool) -> bool {
    let tenant = tenant_at(system).await;
    let fault = json!({
        "fault": "hang", "delay_ms": 30_000, "apply": is_applied, "skip": nth - 1, "times": 1,
    });
    tenant.fault(fault).await;
    let ada = tenant.contact("ada");
    let mut function =
        FunctionProcess::start(&tenant.cloud, "crm-upsert", "CrmUpsertFunction").await;
    let event = upsert_event(&tenant, &tenant.body("k1", &ada));
    let answer = function.invoke(&event, LEASE);
    let (mut calls, mut is_answered) = (0, false);
    until("the call to the provider, or the end", SOON, async || {
        calls = tenant.provider_calls_total().await;
        is_answered = tenant.items_of("CrmRecord").await.iter().any(|it| it["version"]["N"] == "1");
        calls >= nth || is_answered
    })
    .await;
    // The answers before were given; the last one is held.
    tokio::time::sleep(Duration::from_millis(300)).await;
    function.kill().await;
    let killed_at = Instant::now();
    drop(answer);
    if calls < nth {
        return false;
    }
    tenant.end_faults().await;
    tokio::time::sleep(LEASE.saturating_sub(killed_at.elapsed()) + Duration::from_secs(1)).await;
    let mut status = String::new();
    until("an upsert after the crash", SOON, async || {
        let answer = tenant.upsert("k1", &ada).await;
        status = answer.body["status"].as_str().unwrap_or_default().to_owned();
        answer.status == 200
    })
    .await;
    assert_one_of_everything(&tenant).await;
    println!("{system:?}: killed at call {nth}, applied {is_applied}: 1 person, then {status}");
    true
}

async fn kills_between_all_calls_leave_one_person(system: CrmSystem) {
    let mut nth = 1;
    loop {
        let mut reached = false;
        for is_applied in [false, true] {
            reached = assert_survives_a_kill_at(system, nth, is_applied).await;
        }
        if !reached {
            break;
        }
        nth += 1;
    }
    assert!(nth > 2, "{system:?}: a first upsert is several calls");
}

#[tokio::test]
async fn crowd_of_first_upserts_makes_one_person_in_pipedrive() {
    crowd_of_first_upserts_makes_one_person(CrmSystem::Pipedrive).await;
}

#[tokio::test]
async fn crowd_of_first_upserts_makes_one_person_in_salesforce() {
    crowd_of_first_upserts_makes_one_person(CrmSystem::Salesforce).await;
}

#[tokio::test]
async fn kills_between_search_create_and_mapping_leave_one_person_in_pipedrive() {
    kills_between_all_calls_leave_one_person(CrmSystem::Pipedrive).await;
}

#[tokio::test]
async fn kills_between_look_and_write_leave_one_person_in_salesforce() {
    kills_between_all_calls_leave_one_person(CrmSystem::Salesforce).await;
}
