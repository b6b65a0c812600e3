//! HubSpot fully down for two minutes during a stream of upserts and changes, then back: nothing is
//! lost, one probe at a time asks whether it is back, the backlog drains, and there is no see-saw.

use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::support::account::now_ms;
use crate::support::table::number_in;
use crate::support::tenant::Tenant;
use crate::support::waiting::until;

const OUTAGE_MS: u64 = 120000;
const OUTAGE: Duration = Duration::from_millis(OUTAGE_MS);
const STREAM_EVERY: Duration = Duration::from_millis(1_500);
/// Whoever shares the budget looks at the breaker every two seconds; a call may have begun just before.
/// The first probe comes after five.
const HEARD_WITHIN_MS: u64 = 4_500;
/// The last cooldown may begin just before the end, and then comes the backlog.
const DRAINED_WITHIN: Duration = Duration::from_secs(150);

/// One state of the breaker, as the table has it.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Seen {
    epoch: u64,
    open_until_ms: u64,
    changed_at_ms: u64,
}

fn seen(gate: &Value) -> Seen {
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
        let state = seen(&tenant.gate().await);
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

/// Panics unless each cooldown ended with one probe, and nothing else was called while it was open:
/// but what was on its way at the opening, or had just looked.
fn assert_one_probe_per_cooldown(states: &[Seen], calls: &[Value]) {
    let opened = states.iter().find(|state| state.open_until_ms > 0).unwrap().changed_at_ms;
    let mut ends: Vec<u64> =
        states.iter().map(|state| state.open_until_ms).filter(|end| *end > 0).collect();
    ends.dedup();
    let closed_at = states.last().unwrap().changed_at_ms;
    let is_while_open = |at: &u64| (opened + HEARD_WITHIN_MS..closed_at).contains(at);
    let calls: Vec<_> = calls.iter().map(at_ms).filter(is_while_open).collect();
    let nexts = ends.iter().skip(1).copied().chain([closed_at]);
    let probes: Vec<_> = ends
        .iter()
        .zip(nexts)
        .map(|(end, next)| calls.iter().filter(|at| (*end..next).contains(*at)).count())
        .collect();
    let seconds: Vec<_> = ends.iter().map(|end| (end - opened) / 1_000).collect();
    println!("cooldowns ended {seconds:?} s after the opening; probes: {probes:?}");
    assert!(probes.iter().all(|count| *count == 1), "one probe each: {probes:?}");
    assert_eq!(calls.len(), ends.len(), "calls besides the probes: {calls:?}, {ends:?}");
    assert!((4..=6).contains(&ends.len()), "cooldowns grow to a minute: {seconds:?}");
}

#[tokio::test]
async fn outage_of_two_minutes_loses_nothing_and_sends_one_probe_at_a_time() {
    let tenant = Tenant::new().await;
    tenant.upsert("k-before", &tenant.contact("before")).await.done("created");
    let (stop, stopped) = tokio::sync::oneshot::channel();
    let watched = async {
        let outage = json!({"fault": "status", "status": 503, "for_ms": OUTAGE_MS});
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
    let end_ms = began_ms + OUTAGE_MS;
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
