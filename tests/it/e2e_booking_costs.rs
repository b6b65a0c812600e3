//! What importing and syncing bookings costs on the wire, warm: the rows of the design's table. Calls
//! are counted at the endpoints.

use std::collections::BTreeMap;
use std::time::Duration;

use serde_json::{Value, json};

use crate::support::account::now_ms;
use crate::support::booking_system::{BookingSystem, noon};
use crate::support::booking_tenant::BookingTenant;
use crate::support::function_process::{
    FunctionProcess, acuity_event, body_of, import_event, queue_event,
};

const SYSTEM: BookingSystem = BookingSystem::Acuity;
const TIME: Duration = Duration::from_secs(29);
/// How late a write is where it is seen what goes on meanwhile.
const LATE_MS: u64 = 400;

/// Calls of a function: of AWS by service and operation, and of the provider.
#[derive(Debug)]
struct Cost {
    aws: BTreeMap<String, u64>,
    provider: Vec<Value>,
    answer: Value,
}

impl Cost {
    fn of(&self, operation: &str) -> u64 {
        self.aws.get(operation).copied().unwrap_or_default()
    }

    fn writes(&self) -> u64 {
        let operations = ["PutItem", "UpdateItem", "DeleteItem", "TransactWriteItems"];
        operations.iter().map(|operation| self.of(operation)).sum()
    }

    fn calls(&self) -> u64 {
        self.aws.values().sum()
    }
}

/// Invokes the function and counts; what the rate budget and the watermark cost is not of a page.
async fn cost(salon: &BookingTenant, function: &FunctionProcess, event: &Value) -> Cost {
    salon.tenant.count_anew();
    let since_ms = salon.tenant.counted_since_ms();
    let answer = function.invoke(event, TIME).await.unwrap();
    let mut calls = function.aws_calls(since_ms, "").await;
    for own in ["GATE%23", "IMPORT%23"] {
        let others = function.aws_calls(since_ms, own).await;
        calls.retain(|call| !others.contains(call));
    }
    let mut aws = BTreeMap::new();
    for call in &calls {
        *aws.entry(call["operation"].as_str().unwrap().to_owned()).or_default() += 1;
    }
    let provider = salon.tenant.provider_calls().await["calls"].as_array().unwrap().clone();
    Cost { aws, provider, answer }
}

fn lists_in(cost: &Cost) -> u64 {
    cost.provider.iter().filter(|call| call["route"] == SYSTEM.list_route()).count() as u64
}

/// A week that one list holds.
fn window() -> Value {
    json!({"since": noon(1).to_string(), "until": noon(7).to_string()})
}

async fn import(salon: &BookingTenant, function: &FunctionProcess, window: &Value) -> Cost {
    let body = salon.import_body(window);
    let cost = cost(salon, function, &import_event(&salon.tenant.id, "acuity", &body)).await;
    assert_eq!(cost.answer["statusCode"], 200, "{cost:?}");
    assert_eq!(body_of(&cost.answer)["next_cursor"], Value::Null, "{cost:?}");
    cost
}

async fn importer(salon: &BookingTenant) -> FunctionProcess {
    FunctionProcess::start(&salon.tenant.cloud, "booking-import", "BookingImportFunction").await
}

async fn with_appointments(days: i64, per_day: u64) -> BookingTenant {
    // Nobody else works on them: without a webhook no change is told.
    let salon = BookingTenant::new(SYSTEM).await;
    let hooks = json!({"system": "acuity", "account": salon.tenant.account, "act": "remove"});
    salon.tenant.cloud.sandbox_post("hooks", hooks).await;
    let from = noon(2).to_string().split('T').next().unwrap().to_owned();
    let order = json!({"from_date": from, "days": days, "per_day": per_day, "first_id": 1_000, "clients": 30});
    salon.generate(order).await;
    salon
}

#[tokio::test]
async fn cost_of_an_import_again_is_one_read_per_hundred_and_no_write() {
    let salon = with_appointments(4, 20).await;
    let function = importer(&salon).await;
    let first = import(&salon, &function, &window()).await;
    println!("first import of 80: {:?}, {} lists", first.aws, lists_in(&first));
    assert_eq!(body_of(&first.answer)["imported"], 80);
    assert_eq!(first.writes(), 80, "one write each, its client with it: {first:?}");
    let again = import(&salon, &function, &window()).await;
    println!("import of 80 duplicates: {:?}, {} lists", again.aws, lists_in(&again));
    assert_eq!(body_of(&again.answer)["skipped_duplicates"], 80);
    assert_eq!((again.calls(), again.of("BatchGetItem"), again.writes()), (1, 1, 0), "{again:?}");
    assert_eq!(again.provider.len() as u64, lists_in(&again), "lists only: {again:?}");
    assert_eq!(lists_in(&again), 1, "a week of less than a hundred is one list: {again:?}");
}

#[tokio::test]
async fn cost_of_a_page_with_changes_is_one_read_and_a_write_for_each() {
    let salon = with_appointments(4, 20).await;
    let function = importer(&salon).await;
    import(&salon, &function, &window()).await;
    let mut from = 1_000;
    for changed in [1_u64, 5, 40] {
        let ids: Vec<u64> = (from..from + changed).collect();
        from += changed;
        salon.act("cancel", &ids, &Value::Null, json!({})).await;
        let cost = import(&salon, &function, &window()).await;
        println!("a page of 80 with {changed} changed: {:?}", cost.aws);
        assert_eq!(body_of(&cost.answer)["updated"], changed);
        assert_eq!((cost.of("BatchGetItem"), cost.writes()), (1, changed), "{cost:?}");
        assert_eq!((cost.calls(), lists_in(&cost)), (1 + changed, 1), "{cost:?}");
    }
}

/// The next list is asked for while the page before is being written, and many writes are in flight.
#[tokio::test]
async fn writes_of_a_page_overlap_the_fetch_of_the_next_sixteen_at_once() {
    let salon = with_appointments(40, 4).await;
    let function = importer(&salon).await;
    let window = json!({"since": noon(1).to_string(), "until": noon(60).to_string()});
    import(
        &salon,
        &function,
        &json!({"since": noon(-9).to_string(), "until": noon(-8).to_string()}),
    )
    .await;
    let late = json!({"service": "dynamodb", "contains": format!("{}#BOOKING", salon.tenant.id), "fault": "delay",
        "delay_ms": LATE_MS, "times": 10_000});
    salon.tenant.cloud.sandbox_post("aws/faults", late).await;
    salon.tenant.count_anew();
    let since_ms = salon.tenant.counted_since_ms();
    import(&salon, &function, &window).await;
    let writes = function.aws_calls(since_ms, "client_rule").await;
    let spans: Vec<(u64, u64)> = writes
        .iter()
        .map(|call| (call["at_ms"].as_u64().unwrap(), call["duration_ms"].as_u64().unwrap()))
        .collect();
    let in_flight = |at_ms: u64| {
        spans.iter().filter(|(began, took)| *began <= at_ms && at_ms < began + took).count()
    };
    let most = spans.iter().map(|(began, _)| in_flight(*began)).max().unwrap_or_default();
    // A page is of two lists at most: a third one that was asked for before the first page's first
    // write had ended is the next page's.
    let first_end = spans.iter().map(|(began, took)| began + took).min().unwrap();
    let lists = salon.tenant.provider_calls().await["calls"].as_array().unwrap().clone();
    let lists = lists.iter().filter(|call| call["route"] == SYSTEM.list_route());
    let lists: Vec<u64> = lists.map(|call| call["at_ms"].as_u64().unwrap()).collect();
    let asked = lists.iter().filter(|at_ms| **at_ms < first_end).count();
    println!(
        "{} writes, {most} at once; {asked} of {} lists asked for before the first write ended",
        spans.len(),
        lists.len()
    );
    assert!((2..=16).contains(&most), "{most} writes at once");
    assert!(asked > 2, "the next page is not asked for while a page is written");
}

#[tokio::test]
async fn cost_of_a_booking_webhook_is_one_queue_call_and_no_table_call() {
    let salon = BookingTenant::new(SYSTEM).await;
    let url = salon.webhook_url().await;
    let function =
        FunctionProcess::start(&salon.tenant.cloud, "webhook-acuity", "WebhookAcuityFunction")
            .await;
    let event = |id: u64| {
        let body = format!("action=changed&id={id}&calendarID=1&appointmentTypeID=11");
        acuity_event(&url, &salon.tenant.access_token, body.as_bytes())
    };
    let warm = cost(&salon, &function, &event(1)).await;
    assert_eq!(warm.answer["statusCode"], 200, "{warm:?}");
    for id in 2..5 {
        let cost = cost(&salon, &function, &event(id)).await;
        println!("a webhook: {:?}", cost.aws);
        assert_eq!(cost.answer["statusCode"], 200, "{cost:?}");
        assert_eq!((cost.calls(), cost.of("SendMessageBatch")), (1, 1), "{cost:?}");
    }
}

#[tokio::test]
async fn cost_of_a_sync_is_one_table_read_and_a_write_for_each_changed_appointment() {
    let salon = with_appointments(4, 20).await;
    import(&salon, &importer(&salon).await, &window()).await;
    let hook = hook_account(&salon).await;
    let function =
        FunctionProcess::start(&salon.tenant.cloud, "booking-sync", "BookingSyncFunction").await;
    let sync = async |ids: &[u64]| {
        let bodies: Vec<_> = ids.iter().map(|id| change(&salon, &hook, *id).to_string()).collect();
        let cost = cost(&salon, &function, &queue_event(&bodies)).await;
        assert_eq!(cost.answer["batchItemFailures"], json!([]), "{cost:?}");
        cost
    };
    sync(&[1_079]).await;
    // Connecting goes past the gate: its calls are to be out of the provider's second.
    tokio::time::sleep(Duration::from_millis(1_200)).await;
    // No more than the provider takes in a second: the others would wait for their turn.
    for (from, changed) in [(1_000, 1), (1_010, 6)] {
        let ids: Vec<u64> = (from..from + changed).collect();
        salon.act("cancel", &ids, &Value::Null, json!({})).await;
        let cost = sync(&ids).await;
        println!("booking-sync, {changed} changed: {:?}, {} calls", cost.aws, cost.provider.len());
        assert_eq!((cost.of("BatchGetItem"), cost.writes()), (1, changed), "{cost:?}");
        assert_eq!(cost.provider.len() as u64, changed, "one read each: {cost:?}");
    }
}

/// How the webhook's address names the account: by the pointer that connecting has made.
async fn hook_account(salon: &BookingTenant) -> String {
    use sha2::Digest;

    let url = salon.hook_token().await;
    let digest = hex::encode(sha2::Sha256::digest(url));
    format!("hook-{}", digest.get(..40).unwrap())
}

fn change(salon: &BookingTenant, hook: &str, id: u64) -> Value {
    json!({
        "version": 1, "tenant_id": salon.tenant.id, "system": "acuity", "account_id": hook,
        "booking_id": id.to_string(), "received_at_ms": now_ms(),
        "correlation_id": format!("test-{id}"),
    })
}
