//! What each operation costs on the wire, warm: the table of the design. Calls are counted at the
//! endpoints; waves, which are calls in flight together, by making every answer late.

use std::collections::BTreeMap;
use std::time::Duration;

use serde_json::{Value, json};

use crate::support::account::now_ms;
use crate::support::cloud::root;
use crate::support::function_process::{FunctionProcess, queue_event, upsert_event, webhook_event};
use crate::support::tenant::Tenant;

/// How late every answer is.
const LATE_MS: u64 = 500;
const TIME: Duration = Duration::from_secs(30);

/// Calls and waves of one operation.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Cost {
    aws: BTreeMap<String, u64>,
    provider: u64,
    waves: u64,
    /// Calls for the rate budget: a part of it is renewed once in half a minute. They are not what
    /// one operation costs, but with them there are more waves.
    budget: u64,
}

impl Cost {
    fn of(aws: &[(&str, u64)], provider: u64, waves: u64) -> Self {
        let aws = aws.iter().map(|(service, calls)| ((*service).to_owned(), *calls)).collect();
        Self { aws, provider, waves, budget: 0 }
    }

    fn calls(&self, service: &str) -> u64 {
        self.aws.get(service).copied().unwrap_or_default()
    }
}

/// Makes every answer late that has to do with the tenant.
async fn make_late(tenant: &Tenant) {
    tenant.fault(json!({"fault": "delay", "delay_ms": LATE_MS, "times": 1_000})).await;
    for service in ["dynamodb", "sqs", "events", "secretsmanager"] {
        let late = json!({
            "service": service, "contains": tenant.id, "fault": "delay", "delay_ms": LATE_MS,
            "times": 1_000,
        });
        tenant.cloud.sandbox_post("aws/faults", late).await;
    }
}

/// Calls that were in flight together are one wave: every answer is late, so whatever waits for
/// another one's answer begins that much later.
fn waves_of(mut began_ms: Vec<u64>) -> u64 {
    began_ms.sort_unstable();
    let (mut waves, mut wave_ms) = (0, None);
    for at_ms in began_ms {
        if wave_ms.is_none_or(|wave_ms| at_ms >= wave_ms + LATE_MS * 9 / 10) {
            (waves, wave_ms) = (waves + 1, Some(at_ms));
        }
    }
    waves
}

fn began_ms(calls: &[Value]) -> Vec<u64> {
    calls.iter().map(|call| call["at_ms"].as_u64().unwrap()).collect()
}

/// Invokes the function and counts what it does.
async fn cost(tenant: &Tenant, function: &FunctionProcess, event: &Value) -> (Value, Cost) {
    tenant.count_anew();
    let answer = function.invoke(event, TIME).await.unwrap();
    let since_ms = tenant.counted_since_ms();
    let of_gate = function.aws_calls(since_ms, "GATE%23hubspot").await;
    let calls = function.aws_calls(since_ms, "").await;
    let calls: Vec<_> = calls.into_iter().filter(|call| !of_gate.contains(call)).collect();
    let mut aws = BTreeMap::new();
    for call in &calls {
        *aws.entry(call["service"].as_str().unwrap().to_owned()).or_default() += 1;
    }
    let provider_calls = tenant.provider_calls().await["calls"].as_array().unwrap().clone();
    let waves = waves_of([began_ms(&calls), began_ms(&provider_calls)].concat());
    let (provider, budget) = (provider_calls.len() as u64, of_gate.len() as u64);
    (answer, Cost { aws, provider, waves, budget })
}

#[tokio::test]
async fn cost_of_an_upsert_is_two_table_calls_and_one_provider_call_in_three_waves() {
    let tenant = Tenant::new().await;
    let function = FunctionProcess::start(&tenant.cloud, "crm-upsert", "CrmUpsertFunction").await;
    let event =
        |key: &str, name: &str| upsert_event(&tenant, &tenant.body(key, &tenant.contact(name)));
    cost(&tenant, &function, &event("warm", "bob")).await;
    make_late(&tenant).await;
    let (changed, repeat) =
        (Cost::of(&[("dynamodb", 2)], 1, 3), Cost::of(&[("dynamodb", 1)], 0, 1));
    for (what, key, name, expected) in [
        ("changed", "k1", "ada", &changed),
        ("the same call again", "k1", "ada", &repeat),
        ("the same values again", "k2", "ada", &repeat),
    ] {
        let (answer, cost) = cost(&tenant, &function, &event(key, name)).await;
        println!("upsert, {what}: {cost:?}");
        assert_eq!((&answer["statusCode"], &cost), (&json!(200), expected), "{what}: {answer}");
    }
}

#[tokio::test]
async fn cost_of_a_webhook_is_one_queue_call_per_ten_objects_in_one_wave() {
    let tenant = Tenant::new().await;
    let function =
        FunctionProcess::start(&tenant.cloud, "webhook-hubspot", "WebhookHubspotFunction").await;
    let url = tenant.cloud.stack["tenants"][0]["systems"]["hubspot"]["webhook_url"].clone();
    // Objects that nobody has: the worker is soon done with them.
    let event = |objects: u64| {
        let of = |id: u64| {
            json!({
                "eventId": id, "subscriptionId": 1, "appId": 1, "attemptNumber": 0,
                "portalId": tenant.account.parse::<u64>().unwrap(), "occurredAt": now_ms(),
                "subscriptionType": "contact.propertyChange", "objectId": 9_000_000 + id,
                "changeSource": "CRM_UI", "propertyName": "firstname", "propertyValue": "Canary",
            })
        };
        let body = Value::from((0..objects).map(of).collect::<Vec<_>>()).to_string();
        webhook_event(url.as_str().unwrap(), &tenant.webhook_secret, &body, now_ms())
    };
    let (warm, _) = cost(&tenant, &function, &event(1)).await;
    assert_eq!(warm["statusCode"], 200, "{warm}");
    make_late(&tenant).await;
    for (objects, calls) in [(1, 1), (10, 1), (25, 3), (100, 10)] {
        let (answer, cost) = cost(&tenant, &function, &event(objects)).await;
        println!("webhook, {objects} objects: {:?} in {} wave", cost.aws, cost.waves);
        assert_eq!(answer["statusCode"], 200, "{answer}");
        assert_eq!((&cost.aws, cost.waves), (&Cost::of(&[("sqs", calls)], 0, 1).aws, 1));
    }
}

/// Contacts of the portal that we know in their present state.
async fn known_contacts(tenant: &Tenant, function: &FunctionProcess, count: usize) -> Vec<String> {
    let of = |number: usize| json!({"properties": {"email": tenant.email(&format!("c{number}"))}});
    let objects: Vec<_> = (0..count).map(of).collect();
    let act = json!({"act": "create", "type": "contact", "objects": objects});
    let ids = tenant.portal_held(act).await;
    sync(tenant, function, &ids, "created").await;
    ids
}

async fn sync(tenant: &Tenant, function: &FunctionProcess, ids: &[String], kind: &str) -> Cost {
    let bodies: Vec<_> =
        ids.iter().map(|id| tenant.change("contact", id, &[kind]).to_string()).collect();
    let (answer, cost) = cost(tenant, function, &queue_event(&bodies)).await;
    assert_eq!(answer["batchItemFailures"], json!([]), "{answer}");
    cost
}

#[tokio::test]
async fn cost_of_a_sync_is_two_reads_and_a_write_per_changed_object_in_three_waves() {
    // Without an address nothing is delivered, so nobody else works on these objects.
    let tenant = Tenant::with(json!({"webhook_url": null})).await;
    let function = FunctionProcess::start(&tenant.cloud, "crm-sync", "CrmSyncFunction").await;
    let ids = known_contacts(&tenant, &function, 120).await;
    let mut expected_versions = 120;
    for (round, count) in [1, 15, 100, 120].into_iter().enumerate() {
        let properties = json!({"firstname": format!("Canary{round}")});
        let ids = &ids[..count];
        let act = json!({"act": "update", "type": "contact", "ids": ids, "properties": properties});
        tenant.portal_held(act).await;
        let cost = sync(&tenant, &function, ids, "properties").await;
        expected_versions += count as u64;
        println!("crm-sync, {count} changed objects: {cost:?}");
        assert_eq!(tenant.versions().await, expected_versions);
        let changed = count as u64;
        let batches = changed.div_ceil(100);
        assert!(cost.calls("dynamodb") <= 2 * batches + changed, "{cost:?}");
        assert_eq!(cost.provider, batches, "{cost:?}");
        assert_eq!(cost.aws.len(), 1, "the table only: {cost:?}");
        let cost = sync(&tenant, &function, ids, "properties").await;
        println!("crm-sync, {count} unchanged objects: {cost:?}");
        assert!(cost.calls("dynamodb") <= 2 * batches, "nothing is written: {cost:?}");
        assert_eq!(cost.provider, batches, "{cost:?}");
    }
    make_late(&tenant).await;
    for round in 0..3 {
        let properties = json!({"firstname": format!("Canarylate{round}")});
        let act =
            json!({"act": "update", "type": "contact", "ids": ids[..16], "properties": properties});
        tenant.portal_held(act).await;
        let cost = sync(&tenant, &function, &ids[..16], "properties").await;
        println!("crm-sync, 16 changed objects, late answers: {cost:?}");
        if cost.budget == 0 {
            assert_eq!(cost.waves, 3, "pointers beside the provider, records, writes: {cost:?}");
            return;
        }
    }
    panic!("the rate budget is renewed every time");
}

#[tokio::test]
async fn cost_of_publishing_is_one_call_per_ten_changes_in_one_wave() {
    let tenant = Tenant::unconnected(json!({})).await;
    let path = root().join("events/event-publisher/contact_created.json");
    let file: Value = serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap();
    let record = |number: usize| {
        let mut record = file["Records"][0].clone();
        let key = format!("{number:064x}");
        record["dynamodb"]["SequenceNumber"] = json!(format!("{number:021}"));
        for image in ["NewImage", "OldImage"] {
            let image = &mut record["dynamodb"][image];
            image["pk"]["S"] = json!(format!("T#{}", tenant.id));
            image["sk"]["S"] = json!(format!("CRM#hubspot#contact#{key}"));
            image["tenant_id"]["S"] = json!(tenant.id);
            image["record_key"]["S"] = json!(key);
        }
        record
    };
    let event = |changes: std::ops::Range<usize>| json!({"Records": changes.map(record).collect::<Vec<_>>()});
    let function =
        FunctionProcess::start(&tenant.cloud, "event-publisher", "EventPublisherFunction").await;
    cost(&tenant, &function, &event(0..1)).await;
    make_late(&tenant).await;
    let mut from = 1;
    for (changes, calls) in [(1, 1), (10, 1), (25, 3), (100, 10)] {
        let (answer, cost) = cost(&tenant, &function, &event(from..from + changes)).await;
        from += changes;
        println!("event-publisher, {changes} changes: {cost:?}");
        assert_eq!(answer["batchItemFailures"], json!([]), "{answer}");
        assert_eq!(cost, Cost::of(&[("events", calls)], 0, 1), "{changes} changes");
    }
    tenant.events(from).await;
}
