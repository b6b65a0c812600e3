//! HubSpot fully down for two minutes during a stream of upserts and changes, then back: nothing is
//! lost, one probe at a time asks whether it is back, the backlog drains, and there is no see-saw.

use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::support::account::now_ms;
use crate::support::table::number_in;
use crate::support::tenant::Tenant;
use crate::support::waiting::until;

const OUTAGE: Duration = Duration::from_secs(120);
const STREAM_EVERY: Duration = Duration::from_millis(1_500);
/// The last cooldown may begin just before the end, and then comes the backlog.
const DRAINED_WITHIN: Duration = Duration::from_secs(150);

/// One state of the breaker, as the table has it.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Seen {
    epoch: u64,
    open_until_ms: u64,
    changed_at_ms: u64,
}

async fn look(tenant: &Tenant) -> Seen {
    let gate = tenant.gate().await;
    let breaker = &gate["breaker"]["M"];
    let number = |name: &str| if breaker.is_object() { number_in(breaker, name) } else { 0 };
    Seen {
        epoch: number("epoch"),
        open_until_ms: number("open_until_ms"),
        changed_at_ms: number("changed_at_ms"),
    }
}

/// Looks at the breaker until it is told to stop; every state that was seen, once.
async fn watch(tenant: &Tenant, mut stop: tokio::sync::oneshot::Receiver<()>) -> Vec<Seen> {
    let mut states: Vec<Seen> = Vec::new();
    while stop.try_recv().is_err() {
        let state = look(tenant).await;
        if states.last() != Some(&state) {
            states.push(state);
        }
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
    states
}

/// Callers and users at work for as long as the outage lasts; the keys of the upserts.
async fn stream(tenant: &Tenant) -> (Vec<String>, usize) {
    let began = Instant::now();
    let (mut keys, mut queued) = (Vec::new(), 0);
    while began.elapsed() < OUTAGE {
        let number = keys.len();
        let key = format!("k{number}");
        let answer = tenant.upsert(&key, &tenant.contact(&format!("ours{number}"))).await;
        match answer.status {
            202 => queued += 1,
            _ => drop(answer.done("created")),
        }
        keys.push(key);
        let properties = json!({"email": tenant.email(&format!("theirs{number}"))});
        tenant
            .portal_told(json!({"act": "create", "type": "contact", "properties": properties}))
            .await;
        tokio::time::sleep(STREAM_EVERY).await;
    }
    (keys, queued)
}

fn at_ms(call: &Value) -> u64 {
    call["at_ms"].as_u64().unwrap()
}

/// Panics unless each time that the breaker was open ended with one call and no more.
fn assert_one_probe_per_cooldown(states: &[Seen], calls: &[Value]) {
    let opened = states.iter().find(|state| state.open_until_ms > 0).unwrap();
    let mut ends: Vec<u64> =
        states.iter().map(|state| state.open_until_ms).filter(|end| *end > 0).collect();
    ends.dedup();
    let while_open: Vec<_> =
        calls.iter().map(at_ms).filter(|at| *at > opened.changed_at_ms).collect();
    let closed_at = states.last().unwrap().changed_at_ms;
    let mut counts = Vec::new();
    for (index, end) in ends.iter().enumerate() {
        let next = ends.get(index + 1).copied().unwrap_or(closed_at);
        counts.push(while_open.iter().filter(|at| **at >= *end && **at < next).count());
    }
    let first = ends[0];
    let early = while_open.iter().filter(|at| **at < first).count();
    let seconds: Vec<_> = ends.iter().map(|end| (end - opened.changed_at_ms) / 1_000).collect();
    println!(
        "cooldowns ended {seconds:?} s after the opening; calls before the first end: {early}, after each end: {counts:?}"
    );
    assert_eq!(early, 0, "calls while open and cooling down");
    assert!(ends.len() >= 4, "the cooldown grows, but not beyond reason: {ends:?}");
    assert!(counts.iter().all(|count| *count == 1), "one probe each: {counts:?}");
}

#[tokio::test]
async fn outage_of_two_minutes_loses_nothing_and_sends_one_probe_at_a_time() {
    let tenant = Tenant::new().await;
    tenant.upsert("k-before", &tenant.contact("before")).await.done("created");
    let (stop, stopped) = tokio::sync::oneshot::channel();
    let watched = async {
        let outage = json!({"fault": "status", "status": 503, "for_ms": OUTAGE.as_millis() as u64});
        tenant.fault(outage).await;
        let began_ms = now_ms() as u64;
        let (keys, queued) = stream(&tenant).await;
        let back = Instant::now();
        for key in &keys {
            until(&format!("{key} is finished"), DRAINED_WITHIN, async || {
                tenant.upsert_status(key).await.body["external_id"].is_string()
            })
            .await;
        }
        tenant.until_in_step(DRAINED_WITHIN).await;
        let drained = back.elapsed();
        stop.send(()).unwrap();
        (keys, queued, began_ms, drained)
    };
    let ((keys, queued, began_ms, drained), states) =
        tokio::join!(watched, watch(&tenant, stopped));
    let calls = tenant.provider_calls().await["calls"].as_array().unwrap().clone();
    let end_ms = began_ms + OUTAGE.as_millis() as u64;
    let during: Vec<_> =
        calls.iter().filter(|call| (began_ms..end_ms).contains(&at_ms(call))).collect();
    let failed_after = calls
        .iter()
        .filter(|call| at_ms(call) > end_ms && call["status"].as_u64() >= Some(500))
        .count();
    println!(
        "{} upserts, {queued} of them queued, as many changes; {} calls in {OUTAGE:?} of outage; drained {drained:.1?} after it; {failed_after} failed calls after it",
        keys.len(),
        during.len(),
    );
    for state in &states {
        println!("  {state:?}");
    }
    assert!(queued > keys.len() / 2, "the outage was one");
    let last = states.last().unwrap();
    assert_eq!((last.epoch, last.open_until_ms), (2, 0), "opened once, closed once");
    assert_eq!(failed_after, 0);
    assert_one_probe_per_cooldown(&states, &calls);

    // One write for each upsert, the one before the outage included, and one version for each record.
    let records = keys.len() * 2 + 1;
    assert_eq!(tenant.provider_writes().await, keys.len() as u64 + 1);
    assert_eq!(tenant.remote_contacts().await.len(), records);
    assert_eq!(tenant.versions().await, records as u64);
    tenant.events(records).await;
    let health = tenant.health().await;
    assert_eq!((&health["queued"], &health["dead_letters"]), (&json!(0), &json!(0)), "{health}");
    assert_eq!(health["breaker"]["state"], "closed", "{health}");
}
