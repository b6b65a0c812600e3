//! Companies, deals and pipelines.

use reqwest::Method;
use serde_json::{Value, json};

use crate::harness::TestSandbox;

const COMPANIES: &str = "/hubspot/crm/objects/2026-03/companies";
const DEALS: &str = "/hubspot/crm/objects/2026-03/0-3";

async fn with_keys() -> TestSandbox {
    let key = json!([{ "name": "own_key", "hasUniqueValue": true }]);
    let settings = json!({ "properties": { "company": key, "deal": key } });
    TestSandbox::start_with(None, settings).await
}

fn upsert(id_property: &str, inputs: &[(&str, Value)]) -> Value {
    let input = |(id, properties): &(&str, Value)| json!({ "id": id, "idProperty": id_property, "properties": properties });
    json!({ "inputs": inputs.iter().map(input).collect::<Vec<_>>() })
}

fn codes(error: &Value) -> Vec<&str> {
    error["errors"].as_array().unwrap().iter().map(|e| e["code"].as_str().unwrap()).collect()
}

#[tokio::test]
async fn upsert_by_an_added_unique_property_creates_then_updates() {
    let sandbox = with_keys().await;
    let path = format!("{COMPANIES}/batch/upsert");
    let body = upsert("own_key", &[("K1", json!({ "name": "Acme", "domain": "acme.example" }))]);
    let (status, first) = sandbox.call(Method::POST, &path, &body).await;
    assert_eq!((status, &first["results"][0]["new"]), (200, &json!(true)));
    assert_eq!(first["results"][0]["properties"]["own_key"], "K1");
    let body = upsert("own_key", &[("K1", json!({ "name": "Acme 2" }))]);
    let (_, second) = sandbox.call(Method::POST, &path, &body).await;
    assert_eq!(second["results"][0]["new"], false);
    assert_eq!(second["results"][0]["id"], first["results"][0]["id"]);
    assert_eq!(second["results"][0]["properties"]["domain"], "acme.example");
    let read =
        json!({ "idProperty": "own_key", "inputs": [{ "id": "K1" }], "properties": ["name"] });
    let (_, found) = sandbox.call(Method::POST, &format!("{COMPANIES}/batch/read"), &read).await;
    assert_eq!(found["results"][0]["properties"]["name"], "Acme 2");
    let found = sandbox.get_json(&format!("{COMPANIES}/K1?idProperty=own_key")).await;
    assert_eq!(found["id"], first["results"][0]["id"]);
}

#[tokio::test]
async fn upsert_by_domain_or_deal_name_is_refused_as_not_unique() {
    let sandbox = with_keys().await;
    for (path, property, message) in [
        (COMPANIES, "domain", "Unable to perform update/upsert by non-unique 0-2 property domain"),
        (DEALS, "dealname", "Unable to perform update/upsert by non-unique 0-3 property dealname"),
    ] {
        let body = upsert(property, &[("x", json!({}))]);
        let (status, error) =
            sandbox.call(Method::POST, &format!("{path}/batch/upsert"), &body).await;
        assert_eq!((status, error["message"].as_str()), (400, Some(message)));
    }
}

#[tokio::test]
async fn companies_with_one_domain_are_two_companies() {
    let sandbox = TestSandbox::start().await;
    let company = json!({ "domain": "acme.example" });
    let first = sandbox.create("companies", &company).await;
    assert_ne!(sandbox.create("companies", &company).await, first);
    let (status, _) =
        sandbox.call(Method::POST, COMPANIES, &json!({ "properties": { "phone": "1" } })).await;
    assert_eq!(status, 400);
}

#[tokio::test]
async fn unique_value_of_another_record_is_a_validation_error() {
    let sandbox = with_keys().await;
    let make = |key: &str| json!({ "properties": { "name": "Acme", "own_key": key } });
    assert_eq!(sandbox.call(Method::POST, COMPANIES, &make("K1")).await.0, 201);
    let (status, error) = sandbox.call(Method::POST, COMPANIES, &make("k1")).await;
    assert_eq!((status, codes(&error)), (400, vec!["CONFLICTING_UNIQUE_VALUE"]));
    let (_, other) = sandbox.call(Method::POST, COMPANIES, &make("K2")).await;
    let path = format!("{COMPANIES}/{}", other["id"].as_str().unwrap());
    let (status, error) = sandbox.call(Method::PATCH, &path, &make("K1")).await;
    assert_eq!(
        (status, error["errors"][0]["context"]["propertyName"][0].as_str()),
        (400, Some("own_key"))
    );
}

#[tokio::test]
async fn deal_needs_name_and_stage_and_falls_into_the_default_pipeline() {
    let sandbox = TestSandbox::start().await;
    let (status, error) =
        sandbox.call(Method::POST, DEALS, &json!({ "properties": { "amount": "1" } })).await;
    assert_eq!((status, codes(&error)), (400, vec!["MISSING_REQUIRED_PROPERTY"; 2]));
    let deal = json!({ "dealname": "Roof", "dealstage": "contractsent", "amount": "10.50" });
    let id = sandbox.create("deals", &deal).await;
    let found = sandbox.get_json(&format!("{DEALS}/{id}?properties=pipeline,amount")).await;
    assert_eq!(found["properties"]["pipeline"], "default");
    for (property, value, code) in [
        ("dealstage", "nowhere", "INVALID_OPTION"),
        ("pipeline", "nowhere", "INVALID_OPTION"),
        ("amount", "much", "INVALID_INTEGER"),
        ("hs_object_id", "5", "READ_ONLY_VALUE"),
        ("firstname", "Ada", "PROPERTY_DOESNT_EXIST"),
    ] {
        let body = json!({ "properties": { property: value } });
        let (status, error) = sandbox.call(Method::PATCH, &format!("{DEALS}/{id}"), &body).await;
        assert_eq!((status, codes(&error)), (400, vec![code]), "{property}");
    }
}

#[tokio::test]
async fn pipelines_of_the_account_decide_which_stage_fits() {
    let stage = |id: &str| json!({ "id": id, "label": id });
    let pipelines = json!([
        { "id": "sales", "label": "Sales", "stages": [stage("open"), stage("won")] },
        { "id": "rentals", "label": "Rentals", "stages": [stage("asked")] },
    ]);
    let sandbox = TestSandbox::start_with(None, json!({ "pipelines": pipelines })).await;
    for path in ["/hubspot/crm/pipelines/2026-03/deals", "/hubspot/crm/v3/pipelines/deals"] {
        let found = sandbox.get_json(path).await;
        assert_eq!(found["results"][1]["stages"][0]["id"], "asked");
        assert_eq!(found["results"][0]["id"], "sales");
    }
    let make = |pipeline: &str, stage: &str| json!({ "properties": { "dealname": "x", "pipeline": pipeline, "dealstage": stage } });
    assert_eq!(sandbox.call(Method::POST, DEALS, &make("rentals", "asked")).await.0, 201);
    let (status, error) = sandbox.call(Method::POST, DEALS, &make("rentals", "open")).await;
    assert_eq!((status, codes(&error)), (400, vec!["INVALID_OPTION"]));
}

#[tokio::test]
async fn new_portal_has_the_sales_pipeline() {
    let sandbox = TestSandbox::start().await;
    let found = sandbox.get_json("/hubspot/crm/pipelines/2026-03/deals").await;
    assert_eq!(found["results"][0]["stages"].as_array().unwrap().len(), 7);
    let one = sandbox.get_json("/hubspot/crm/pipelines/2026-03/deals/default").await;
    assert_eq!(one["stages"][5]["metadata"]["isClosed"], "true");
    assert_eq!(sandbox.get("/hubspot/crm/pipelines/2026-03/deals/x").await.status(), 404);
}
