//! Deals on the local cloud: stages of the portal's own pipelines, and both kinds of association.

use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::support::function_process::{FunctionProcess, upsert_event};
use crate::support::tenant::Tenant;

fn deal() -> Value {
    json!({
        "reference": "deal-1", "name": "Canary deal", "amount": 1200.50, "closedate": "2026-12-24",
        "stage": "appointmentscheduled", "pipeline": "default",
    })
}

/// A contact and a company of the tenant, as the other ends of associations.
async fn ends(tenant: &Tenant) -> Value {
    let seed = json!({
        "system": "hubspot", "account": tenant.account,
        "objects": [
            {"type": "company", "id": "9", "properties": {"name": "Canary Works"}},
            {"type": "contact", "id": "7", "properties": {"email": tenant.email("ada")}},
        ],
    });
    tenant.cloud.sandbox_post("seed", seed).await;
    json!([{"type": "company", "external_id": "9"}, {"type": "contact", "external_id": "7"}])
}

async fn upsert(tenant: &Tenant, key: &str, attributes: &Value, associations: &Value) -> String {
    tenant.upsert_of("deal", key, attributes, associations).await.done("created")
}

async fn calls_by_route(tenant: &Tenant, part: &str) -> u64 {
    let totals = tenant.provider_calls().await["totals"]["by_route"].clone();
    let routes = totals.as_object().unwrap().iter();
    routes.filter(|(route, _)| route.contains(part)).map(|(_, calls)| calls.as_u64().unwrap()).sum()
}

#[tokio::test]
async fn deal_is_stored_with_its_associations_in_one_form() {
    let tenant = Tenant::new().await;
    let ends = ends(&tenant).await;
    let id = upsert(&tenant, "k1", &deal(), &ends).await;
    let properties = tenant.remote("deal").await[0]["properties"].clone();
    assert_eq!(properties["dealname"], "Canary deal");
    assert_eq!(properties["amount"], "1200.5");
    assert_eq!(properties["dealstage"], "appointmentscheduled");
    assert_eq!(properties["integration_reference"], "deal-1");
    let record = tenant.items_of("CrmRecord").await.remove(0);
    let mut associations: Vec<_> = record["associations"]["SS"].as_array().unwrap().clone();
    associations.sort_by_key(Value::to_string);
    assert_eq!(associations, [json!("company:9"), json!("contact:7")]);
    assert_eq!(calls_by_route(&tenant, "associate/default").await, 2);
    assert_eq!(calls_by_route(&tenant, "pipelines").await, 1);

    let won = json!({"reference": "deal-1", "stage": "closedwon"});
    assert_eq!(tenant.upsert_of("deal", "k2", &won, &json!([])).await.done("updated"), id);
    assert_eq!(tenant.upsert_of("deal", "k3", &won, &ends).await.done("noop"), id);
    let events = tenant.events(2).await;
    let text = Value::from(events).to_string();
    assert!(!text.contains("Canary"), "an event carries a value: {text}");
}

#[tokio::test]
async fn deal_is_refused_where_the_portal_has_no_such_pipeline_or_stage() {
    let tenant = Tenant::new().await;
    for (place, field) in [
        (json!({"pipeline": "none"}), "attributes.pipeline"),
        (json!({"pipeline": "default", "stage": "none"}), "attributes.stage"),
        (json!({"stage": "none"}), "attributes.stage"),
    ] {
        let mut attributes = json!({"reference": "deal-1", "name": "Canary deal"});
        attributes.as_object_mut().unwrap().extend(place.as_object().unwrap().clone());
        let answer = tenant.upsert_of("deal", "k1", &attributes, &json!([])).await;
        assert_eq!(answer.problem(422, "validation_failed"), Some(field), "{place}");
    }
    assert_eq!(tenant.provider_writes().await, 0);
    assert!(tenant.items_of("CrmRecord").await.is_empty());
}

#[tokio::test]
async fn deal_is_left_to_hubspot_where_the_list_can_not_be_read() {
    let tenant = Tenant::new().await;
    let pipelines = json!({"method": "GET", "path_prefix": "/crm/pipelines"});
    tenant.fault(json!({"fault": "status", "status": 403, "times": 10, "match": pipelines})).await;
    upsert(&tenant, "k1", &deal(), &json!([])).await;
    let mut wrong = deal();
    wrong["stage"] = json!("none");
    let answer = tenant.upsert_of("deal", "k2", &wrong, &json!([])).await;
    answer.problem(422, "provider_rejected");
}

/// After the first call the portal's pipelines are known.
#[tokio::test]
async fn deal_with_both_kinds_of_association_needs_four_waves_and_a_repeat_one() {
    const LATE_MS: u64 = 500;
    let tenant = Tenant::new().await;
    let ends = ends(&tenant).await;
    let function = FunctionProcess::start(&tenant.cloud, "crm-upsert", "CrmUpsertFunction").await;
    let call = async |key: &str, reference: &str| {
        let mut attributes = deal();
        attributes["reference"] = json!(reference);
        let body = tenant.body_of("deal", key, &attributes, &ends);
        let event = upsert_event(&tenant, &body);
        let began = Instant::now();
        let answer = function.invoke(&event, Duration::from_secs(20)).await.unwrap();
        assert_eq!(answer["statusCode"], 200, "{answer}");
        began.elapsed().as_millis() / u128::from(LATE_MS)
    };
    call("warm", "deal-0").await;
    let delay = json!({"fault": "delay", "delay_ms": LATE_MS, "times": 100});
    tenant.fault(delay.clone()).await;
    let mut late_table = delay;
    late_table["contains"] = json!(tenant.id);
    late_table["service"] = json!("dynamodb");
    tenant.cloud.sandbox_post("aws/faults", late_table).await;
    assert_eq!(call("k1", "deal-1").await, 4, "claim, record, associations, completion");
    assert_eq!(call("k1", "deal-1").await, 1, "replay");
    assert_eq!(call("k2", "deal-1").await, 1, "noop");
}

#[tokio::test]
async fn deal_whose_call_was_killed_between_record_and_associations_is_finished_once() {
    let tenant = Tenant::new().await;
    let ends = ends(&tenant).await;
    let associations = json!({"path_prefix": "/crm/associations"});
    let hang = json!({"fault": "hang", "delay_ms": 30_000, "times": 2, "match": associations});
    tenant.fault(hang).await;
    let lease = Duration::from_secs(6);
    let mut function =
        FunctionProcess::start(&tenant.cloud, "crm-upsert", "CrmUpsertFunction").await;
    let body = tenant.body_of("deal", "k1", &deal(), &ends);
    let answer = function.invoke(&upsert_event(&tenant, &body), lease);
    let began = Instant::now();
    while calls_by_route(&tenant, "associate/default").await < 2 {
        assert!(began.elapsed() < Duration::from_secs(20), "the associations were never asked for");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    function.kill().await;
    drop(answer);
    tenant.upsert_of("deal", "k1", &deal(), &ends).await.problem(409, "in_progress");
    tokio::time::sleep(lease).await;
    upsert(&tenant, "k1", &deal(), &ends).await;
    assert_eq!(tenant.remote("deal").await.len(), 1);
    let record = tenant.items_of("CrmRecord").await.remove(0);
    assert_eq!(record["version"]["N"], "1");
    assert_eq!(record["associations"]["SS"].as_array().unwrap().len(), 2);
    tenant.events(1).await;
}
