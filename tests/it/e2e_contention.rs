//! Many instances, one account: one rate budget, and a crashed instance's part of it comes back. The
//! instances are processes of the test. One refresh for many of them: `e2e_oauth`.

use std::time::{Duration, Instant};

use futures::future::join_all;
use serde_json::{Value, json};

use crate::support::account::now_ms;
use crate::support::function_process::{FunctionProcess, body_of, upsert_event};
use crate::support::table::number_in;
use crate::support::tenant::Tenant;
use crate::support::waiting::until;

const TIME: Duration = Duration::from_secs(20);
const INSTANCES: usize = 10;
const CALLERS: usize = 100;
/// Calls in ten seconds that the account takes.
const LIMIT: u64 = 40;
/// A lease, the longest call under it and the window behind that: then a share is free again.
const SHARE_BACK_WITHIN: Duration = Duration::from_secs(90);
/// Of the limit the product keeps five in a hundred, two here, to itself; and the survivor has more
/// than it could have beside the killed one.
const WHOLE_BUDGET: u64 = 34;
/// Calls of the instance that is killed.
const TAKEN: u64 = 25;

async fn instances(tenant: &Tenant, count: usize) -> Vec<FunctionProcess> {
    let start = || FunctionProcess::start(&tenant.cloud, "crm-upsert", "CrmUpsertFunction");
    join_all((0..count).map(|_| start())).await
}

/// One upsert of a new contact; its status.
async fn upsert(tenant: &Tenant, instance: &FunctionProcess, name: &str) -> u64 {
    let event = upsert_event(tenant, &tenant.body(name, &tenant.contact(name)));
    let answer = instance.invoke(&event, TIME).await.unwrap();
    let status = answer["statusCode"].as_u64().unwrap();
    assert!([200, 202].contains(&status), "{name}: {answer}");
    assert!(body_of(&answer)["status"].is_string(), "{answer}");
    status
}

fn assert_within_the_limit(limits: &Value) {
    assert_eq!(limits["over_limit"], 0, "{limits}");
    assert!(limits["max_in_window"].as_u64().unwrap() <= LIMIT, "{limits}");
}

async fn reset_counters(tenant: &Tenant) {
    let reset = json!({"system": "hubspot", "account": tenant.account, "reset_counters": true});
    tenant.cloud.sandbox_post("limits", reset).await;
}

/// An account with a low limit, and instances that know it. What connecting took of the window, which
/// enters no gate, is over.
async fn small_account() -> (Tenant, Vec<FunctionProcess>) {
    let tenant = Tenant::with(json!({"rate_limit_per_10s": LIMIT})).await;
    // Connecting has no share: its few calls are what the headroom is for, and here it is two.
    until("the calls of connecting are out of the window", TIME, async || {
        tenant.limits().await["in_window"] == 0
    })
    .await;
    let instances = instances(&tenant, INSTANCES).await;
    assert_eq!(upsert(&tenant, &instances[0], "first").await, 200, "its answer tells the limit");
    until_window_is_empty(&tenant).await;
    reset_counters(&tenant).await;
    (tenant, instances)
}

async fn until_window_is_empty(tenant: &Tenant) {
    until("the window is empty", Duration::from_secs(15), async || {
        tenant.limits().await["in_window"] == 0
    })
    .await;
}

#[tokio::test]
async fn hundred_callers_over_ten_instances_stay_within_the_budget() {
    let (tenant, instances) = small_account().await;
    let began = Instant::now();
    let work = async |number: usize, instance: &FunctionProcess| {
        let mut done = 0;
        for round in 0..CALLERS / INSTANCES {
            let status = upsert(&tenant, instance, &format!("c{number}-{round}")).await;
            done += usize::from(status == 200);
        }
        done
    };
    let works = instances.iter().enumerate().map(|(number, instance)| work(number, instance));
    let done: usize = join_all(works).await.iter().sum();
    let answered = began.elapsed();
    assert_within_the_limit(&tenant.limits().await);
    until("all contacts are there", Duration::from_secs(240), async || {
        tenant.remote_contacts().await.len() == CALLERS + 1
    })
    .await;
    until("no upsert waits", Duration::from_secs(60), async || {
        tenant.health().await["queued"] == 0
    })
    .await;
    let limits = tenant.limits().await;
    println!(
        "{CALLERS} callers over {INSTANCES} instances answered in {answered:.1?}, {done} done and {} queued, all there after {:.1?}; \
         most in 10 s {} of {LIMIT}, over the limit {}",
        CALLERS - done,
        began.elapsed(),
        limits["max_in_window"],
        limits["over_limit"],
    );
    assert_within_the_limit(&limits);
    assert_eq!(tenant.provider_writes().await, CALLERS as u64 + 1, "each once");
    assert_eq!(tenant.versions().await, CALLERS as u64 + 1);
    tenant.events(CALLERS + 1).await;
}

/// What is given out, and until when: permits of each holder.
async fn shares(tenant: &Tenant) -> Vec<(u64, u64)> {
    let gate = tenant.gate().await;
    let shares = gate["ledger"]["M"]["shares"]["L"].as_array().unwrap().clone();
    shares
        .iter()
        .map(|share| (number_in(&share["M"], "permits"), number_in(&share["M"], "until_ms")))
        .collect()
}

#[tokio::test]
async fn share_of_a_killed_instance_comes_back() {
    let (tenant, mut instances) = small_account().await;
    let mut killed = instances.remove(0);
    let survivor = instances.remove(0);
    for number in 0..TAKEN {
        assert_eq!(upsert(&tenant, &killed, &format!("killed-{number}")).await, 200);
    }
    killed.kill().await;
    let killed_at = Instant::now();
    let (permits, until_ms) = shares(&tenant).await.into_iter().max().unwrap();
    assert!(permits >= TAKEN, "{permits} permits for {TAKEN} calls");
    let left_ms = until_ms.saturating_sub(now_ms() as u64);
    assert!(Duration::from_millis(left_ms) <= SHARE_BACK_WITHIN, "held for {left_ms} ms more");
    assert_eq!(upsert(&tenant, &survivor, "meanwhile").await, 200, "a part was left");
    assert_within_the_limit(&tenant.limits().await);

    tokio::time::sleep(Duration::from_millis(left_ms)).await;
    until_window_is_empty(&tenant).await;
    reset_counters(&tenant).await;
    for number in 0..WHOLE_BUDGET {
        assert_eq!(upsert(&tenant, &survivor, &format!("survivor-{number}")).await, 200);
    }
    let limits = tenant.limits().await;
    println!(
        "killed with {permits} permits after {TAKEN} calls; {:.1?} later the other one made {WHOLE_BUDGET}: {} of {LIMIT} in 10 s, over the limit {}",
        killed_at.elapsed(),
        limits["max_in_window"],
        limits["over_limit"],
    );
    assert_within_the_limit(&limits);
    assert!(limits["max_in_window"].as_u64().unwrap() >= WHOLE_BUDGET, "{limits}");
}
