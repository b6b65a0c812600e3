//! Imports and sweeps while the provider fails or webhooks are lost: late, and nothing missing.

use std::time::Duration;

use futures::future::join_all;
use serde_json::{Value, json};

use crate::support::booking_system::{BookingSystem, noon};
use crate::support::booking_tenant::BookingTenant;
use crate::support::table::number_in;
use crate::support::waiting::until;

const SYSTEM: BookingSystem = BookingSystem::Acuity;
const SETTLED_WITHIN: Duration = Duration::from_secs(120);
const CHANGES: u64 = 100;

fn date_of(days: i64) -> String {
    noon(days).to_string().split('T').next().unwrap().to_owned()
}

/// Each in the middle of an import: some of the lists fail so.
fn faults() -> Vec<(&'static str, Value)> {
    let some = |mut fault: Value, percent: u8| {
        fault["percent"] = json!(percent);
        fault["seed"] = json!(7);
        fault["match"] = json!({"path_prefix": SYSTEM.list_path()});
        fault
    };
    vec![
        ("429", some(json!({"fault": "status", "status": 429}), 25)),
        (
            "429 with Retry-After",
            some(json!({"fault": "status", "status": 429, "headers": {"Retry-After": "1"}}), 25),
        ),
        ("500", some(json!({"fault": "status", "status": 500}), 25)),
        ("HTML", some(json!({"fault": "html"}), 25)),
        ("HTML under 200", some(json!({"fault": "html", "status": 200}), 25)),
        ("a cut body", some(json!({"fault": "truncate"}), 25)),
        ("a reset", some(json!({"fault": "reset"}), 25)),
        ("a hang", some(json!({"fault": "hang", "delay_ms": 20_000}), 15)),
    ]
}

async fn assert_ridden_out((name, fault): (&str, Value)) {
    let salon = BookingTenant::new(SYSTEM).await;
    let order = json!({"from_date": date_of(-20), "days": 60, "per_day": 4, "clients": 15,
        "canceled_percent": 10, "no_show_percent": 5});
    assert_eq!(salon.generate(order).await, 240);
    salon.tenant.fault(fault).await;
    let window = json!({"since": noon(-30).to_string(), "until": noon(60).to_string()});
    let done = salon.import_patiently(&window).await;
    println!("{name}: {done:?}, {}", salon.tenant.provider_calls().await["totals"]["by_status"]);
    assert_eq!((done.imported, done.updated), (240, 0), "{name}: {done:?}");
    salon.assert_in_step().await;
    assert_eq!(salon.versions().await, 240, "{name}");
    assert_eq!(salon.clients().await.len(), 15, "{name}");
    salon.tenant.events_within(240, SETTLED_WITHIN).await;
}

#[tokio::test]
async fn import_through_refused_and_limited_calls_loses_nothing() {
    let limited = faults().into_iter().take(3);
    join_all(limited.map(assert_ridden_out)).await;
}

#[tokio::test]
async fn import_through_broken_answers_loses_nothing() {
    let broken = faults().into_iter().skip(3);
    join_all(broken.map(assert_ridden_out)).await;
}

#[tokio::test]
async fn import_while_the_key_is_refused_says_so_and_stores_nothing() {
    let salon = BookingTenant::new(SYSTEM).await;
    salon.register(json!({"api_key": "canary-key-changed"})).await;
    let refused = salon.import(&json!({})).await;
    refused.problem(422, "provider_unauthorized");
    assert_eq!(salon.bookings().await, Vec::<Value>::new());
    assert_eq!(salon.watermark().await, Value::Null);
}

/// Waits until all that was told is stored, and no more than the untold is missing.
async fn until_only_missing(salon: &BookingTenant, missing: u64) {
    let expected = CHANGES + CHANGES - missing;
    let what = format!("all but {missing} of {CHANGES} changes are stored");
    until(&what, SETTLED_WITHIN, async || salon.versions().await >= expected).await;
    assert_eq!(salon.versions().await, expected);
}

#[tokio::test]
async fn sweep_after_lost_webhooks_brings_the_drift_to_zero_and_reports_it() {
    let salon = BookingTenant::new(SYSTEM).await;
    let order = json!({"from_date": date_of(1), "days": 25, "per_day": 4, "clients": 20, "first_id": 1_000});
    assert_eq!(salon.generate(order).await, CHANGES);
    salon.import_all(&json!({})).await;
    salon.tenant.events_within(100, SETTLED_WITHIN).await;

    let lossy = json!({"drop_percent": 5, "seed": 11, "shuffle": true});
    let ids: Vec<u64> = (1_000..1_000 + CHANGES).collect();
    let moved: Vec<_> = ids
        .iter()
        .take(40)
        .map(|id| {
            let day = 30 + i64::try_from(id % 10).unwrap();
            json!({"id": id.to_string(), "properties": SYSTEM.moved_to(noon(day))})
        })
        .collect();
    let mut lost = 0;
    for act in [
        json!({"act": "reschedule", "objects": moved, "deliver": lossy}),
        json!({"act": "cancel", "ids": ids[40..70], "deliver": lossy}),
        json!({"act": "edit", "ids": ids[70..], "properties": SYSTEM.edited().0, "deliver": lossy}),
    ] {
        let done = salon.tenant.portal(act).await;
        lost += done["dropped_events"].as_u64().unwrap();
    }
    assert!(lost > 0 && lost < 20, "{lost} of {CHANGES} are lost");
    until_only_missing(&salon, lost).await;
    let swept = salon.sweep((5, 60)).await;
    println!("{lost} of {CHANGES} webhooks lost: {swept:?}");
    assert_eq!((swept.drift, swept.metric), (lost, lost));
    salon.assert_in_step().await;
    assert!(salon.bookings().await.iter().all(|it| number_in(it, "version") == 2));
    salon.tenant.events_within(100, SETTLED_WITHIN).await;
    assert_eq!(salon.sweep((5, 60)).await.drift, 0);
}

/// The next sweep, not the message, is what a tenant waits for who has left meanwhile.
#[tokio::test]
async fn sweep_of_a_tenant_that_has_left_ends_without_a_dead_letter() {
    let salon = BookingTenant::new(SYSTEM).await;
    salon.tenant.disconnect().await;
    let step = salon.sweep_step((5, 5), "sweep-of-nobody").to_string();
    let cloud = &salon.tenant.cloud;
    cloud.send_bodies(cloud.queue("booking-sweeps"), &[step]).await;
    until("the sweep is given up", SETTLED_WITHIN, async || {
        let lines = cloud.log_lines("booking-sweep", &salon.tenant.id, 0).await;
        lines.iter().any(|line| line["outcome"] == "disconnected")
    })
    .await;
    let letters = cloud.dead_letters("booking-sweeps").await;
    assert!(!Value::from(letters).to_string().contains(&salon.tenant.id));
}
