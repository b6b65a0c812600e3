//! Property definitions.

use reqwest::Method;
use serde_json::{Value, json};

use crate::harness::TestSandbox;

const PROPERTIES: &str = "/hubspot/crm/properties/2026-03/companies";

fn definition(name: &str) -> Value {
    json!({ "name": name, "label": "Key", "type": "string", "fieldType": "text",
        "groupName": "companyinformation", "hasUniqueValue": true })
}

#[tokio::test]
async fn created_property_is_unique_and_can_be_written() {
    let sandbox = TestSandbox::start().await;
    let upsert = json!({ "inputs": [{ "id": "K1", "idProperty": "own_key",
        "properties": { "name": "Acme" } }] });
    let path = "/hubspot/crm/objects/2026-03/companies/batch/upsert";
    let (status, error) = sandbox.call(Method::POST, path, &upsert).await;
    assert_eq!((status, &error["errors"][0]["code"]), (400, &json!("PROPERTY_DOESNT_EXIST")));
    assert_eq!(sandbox.get(&format!("{PROPERTIES}/own_key")).await.status(), 404);
    let (status, made) = sandbox.call(Method::POST, PROPERTIES, &definition("own_key")).await;
    assert_eq!((status, &made["hasUniqueValue"]), (201, &json!(true)));
    for path in
        [format!("{PROPERTIES}/own_key"), "/hubspot/crm/v3/properties/0-2/own_key".to_owned()]
    {
        assert_eq!(sandbox.get_json(&path).await["groupName"], "companyinformation");
    }
    assert_eq!(sandbox.call(Method::POST, path, &upsert).await.0, 200);
    let all = sandbox.get_json(PROPERTIES).await;
    let names: Vec<&str> =
        all["results"].as_array().unwrap().iter().map(|p| p["name"].as_str().unwrap()).collect();
    assert!(names.contains(&"own_key") && names.contains(&"domain"));
}

#[tokio::test]
async fn property_with_a_known_name_is_a_conflict() {
    let sandbox = TestSandbox::start().await;
    assert_eq!(sandbox.call(Method::POST, PROPERTIES, &definition("own_key")).await.0, 201);
    for name in ["own_key", "domain"] {
        let (status, error) = sandbox.call(Method::POST, PROPERTIES, &definition(name)).await;
        assert_eq!((status, error["category"].as_str()), (409, Some("OBJECT_ALREADY_EXISTS")));
        assert_eq!(error["subCategory"], "Properties.PROPERTY_WITH_NAME_EXISTS");
    }
}

#[tokio::test]
async fn property_that_could_not_be_is_refused() {
    let sandbox = TestSandbox::start().await;
    for (field, value) in [
        ("name", json!("Own Key")),
        ("label", json!("")),
        ("type", json!("text")),
        ("groupName", json!("nowhere")),
        ("fieldType", Value::Null),
    ] {
        let mut bad = definition("own_key");
        bad[field] = value;
        let (status, error) = sandbox.call(Method::POST, PROPERTIES, &bad).await;
        assert_eq!(
            (status, error["category"].as_str()),
            (400, Some("VALIDATION_ERROR")),
            "{field}"
        );
    }
    for number in 0..10 {
        let name = format!("key_{number}");
        assert_eq!(sandbox.call(Method::POST, PROPERTIES, &definition(&name)).await.0, 201);
    }
    assert_eq!(sandbox.call(Method::POST, PROPERTIES, &definition("key_10")).await.0, 400);
}

#[tokio::test]
async fn property_creation_needs_the_schema_scope_of_its_type() {
    let scopes = json!([
        "crm.objects.companies.read",
        "crm.objects.companies.write",
        "crm.schemas.deals.write"
    ]);
    let sandbox = TestSandbox::start_with(None, json!({ "scopes": scopes })).await;
    assert_eq!(sandbox.get(PROPERTIES).await.status(), 200);
    let (status, error) = sandbox.call(Method::POST, PROPERTIES, &definition("own_key")).await;
    assert_eq!((status, error["category"].as_str()), (403, Some("MISSING_SCOPES")));
    let needed = &error["errors"][0]["context"]["requiredGranularScopes"];
    assert_eq!(needed, &json!(["crm.schemas.companies.write"]));
    assert_eq!(sandbox.get("/hubspot/crm/properties/2026-03/deals").await.status(), 403);
}

#[tokio::test]
async fn archived_property_can_no_longer_be_written() {
    let sandbox = TestSandbox::start().await;
    sandbox.call(Method::POST, PROPERTIES, &definition("own_key")).await;
    let path = format!("{PROPERTIES}/own_key");
    assert_eq!(sandbox.request(Method::DELETE, &path).send().await.unwrap().status(), 204);
    let body = json!({ "properties": { "name": "Acme", "own_key": "K1" } });
    let objects = "/hubspot/crm/objects/2026-03/companies";
    assert_eq!(sandbox.call(Method::POST, objects, &body).await.0, 400);
}
