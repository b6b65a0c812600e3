//! A burst of notifications over three tenants while HubSpot refuses a third of the calls: nothing is
//! lost, nothing is told of twice, and no account's limit is overstepped.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use futures::future::join_all;
use serde_json::{Value, json};

use crate::support::account::now_ms;
use crate::support::tenant::Tenant;
use crate::support::worker_log::{messages_sent, messages_settled, outcomes};

const TENANTS: u64 = 3;
const EVENTS: usize = 5_000;
const REPEATED_PERCENT: u8 = 5;
const SETTLED_WITHIN: Duration = Duration::from_secs(300);

/// Users of one portal at work until there are that many events; they are kept back.
async fn work(tenant: &Tenant, events: usize) -> usize {
    let objects = |count: usize, of: &dyn Fn(usize) -> Value| {
        (0..count).map(|number| json!({ "properties": of(number) })).collect::<Vec<_>>()
    };
    let contact = |number: usize| json!({"email": tenant.email(&format!("c{number}")), "firstname": "Canaryfirst"});
    let deal = |number: usize| {
        json!({
            "dealname": format!("Canary {number}"), "pipeline": "default",
            "dealstage": "appointmentscheduled",
        })
    };
    let company = |number: usize| json!({"name": format!("Canary Works {number}")});
    let mut count = 0;
    let mut contacts = Value::Null;
    for (object_type, objects) in [
        ("company", objects(75, &company)),
        ("deal", objects(75, &deal)),
        ("contact", objects(150, &contact)),
    ] {
        let act = json!({"act": "create", "type": object_type, "objects": objects, "deliver": {"hold": true}});
        let done = tenant.portal(act).await;
        count += done["events"].as_array().unwrap().len();
        contacts = done["ids"].clone();
    }
    let mut round = 0;
    while count < events {
        round += 1;
        let contacts = contacts.as_array().unwrap();
        let ids = &contacts[..contacts.len().min(events - count)];
        let properties = json!({"phone": format!("+1415555{:04}", 1_000 + round)});
        let act = json!({
            "act": "update", "type": "contact", "ids": ids, "properties": properties,
            "deliver": {"hold": true},
        });
        count += tenant.portal(act).await["events"].as_array().unwrap().len();
    }
    count
}

async fn refuse_a_third(tenant: &Tenant, seed: u64) {
    // The second one meets what the first one lets pass.
    for (status, percent) in [(429, 17), (500, 20)] {
        let fault = json!({"fault": "status", "status": status, "percent": percent, "seed": seed});
        tenant.fault(fault).await;
    }
}

/// What the logs say of a tenant's messages: how many were sent, how many came to an end, and what
/// became of them on the way.
async fn told(tenant: &Tenant, since_ms: i64) -> (u64, u64, BTreeMap<String, u64>) {
    let webhook = tenant.cloud.log_lines("webhook-hubspot", &tenant.id, since_ms).await;
    let worker = tenant.cloud.log_lines("crm-sync", &tenant.id, since_ms).await;
    (messages_sent(&webhook), messages_settled(&worker), outcomes(&worker))
}

async fn assert_settled(tenant: &Tenant, since_ms: i64) -> u64 {
    let took = tenant.until_in_step(SETTLED_WITHIN).await;
    // What is left are hints about what is known by now; they need not wait out more backoffs.
    tenant.end_faults().await;
    tenant.cloud.until_drained("crm-changes", SETTLED_WITHIN).await;
    let letters = tenant.cloud.dead_letters("crm-changes").await;
    let of_tenant = letters.iter().filter(|it| it["Body"].as_str().unwrap().contains(&tenant.id));
    assert_eq!(of_tenant.count(), 0, "dead letters");
    let (sent, settled, outcomes) = told(tenant, since_ms).await;
    assert_eq!(settled, sent, "of the messages sent: {outcomes:?}");
    let versions = tenant.versions().await;
    tenant.events_within(usize::try_from(versions).unwrap(), SETTLED_WITHIN).await;
    assert_eq!(tenant.out_of_step().await, Vec::<String>::new());
    assert_eq!(tenant.versions().await, versions);
    let totals = tenant.provider_calls().await["totals"].clone();
    let limits = tenant.limits().await;
    println!(
        "{}: in step after {took:.1?}; {sent} messages {outcomes:?}; {versions} versions, {versions} events; \
         calls {} {}; most in 10 s {} of {}, over the limit {}",
        tenant.id,
        totals["total"],
        totals["by_status"],
        limits["max_in_window"],
        limits["rate_limit_per_10s"],
        limits["over_limit"],
    );
    assert_eq!(limits["over_limit"], 0, "{limits}");
    assert!(limits["max_in_window"].as_u64() <= limits["rate_limit_per_10s"].as_u64(), "{limits}");
    assert_eq!(tenant.health().await["dead_letters"], 0);
    sent
}

#[tokio::test]
async fn burst_over_three_tenants_ends_in_the_newest_versions_within_the_limits() {
    let since_ms = now_ms();
    let tenants = join_all((0..TENANTS).map(|_| Tenant::new())).await;
    let each = EVENTS.div_ceil(tenants.len());
    let events: usize =
        join_all(tenants.iter().map(|tenant| work(tenant, each))).await.iter().sum();
    assert!(events >= EVENTS, "{events} events");
    for (tenant, seed) in tenants.iter().zip(1..) {
        refuse_a_third(tenant, seed).await;
    }
    let began = Instant::now();
    let releases = tenants.iter().zip(1..).map(|(tenant, seed): (_, u64)| {
        tenant.release(json!({
            "shuffle": true, "repeat_percent": REPEATED_PERCENT, "batch_size": 100, "seed": seed,
        }))
    });
    let released = join_all(releases).await;
    let repeated: u64 = released.iter().map(|it| it["repeated_events"].as_u64().unwrap()).sum();
    let deliveries: usize =
        released.iter().map(|it| it["deliveries"].as_array().unwrap().len()).sum();
    println!(
        "{events} events over {TENANTS} tenants, {repeated} of them twice, in {deliveries} deliveries, taken in {:.1?}",
        began.elapsed()
    );
    assert!(repeated > 0);
    let sent = join_all(tenants.iter().map(|tenant| assert_settled(tenant, since_ms))).await;
    println!(
        "{} messages, all settled {:.1?} after the first",
        sent.iter().sum::<u64>(),
        began.elapsed()
    );
}
