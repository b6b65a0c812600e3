//! Reading by ids at HubSpot: what is asked, and what its answers are taken for.

use serde_json::{Value, json};
use sync_domain::model::{AttributeName, ExternalId, ObjectType};
use sync_domain::ports::{AssociationsOf, CrmReader, ProviderError};

use crate::support::cloud::root;
use crate::support::hubspot::{Hubspot, connection};
use crate::support::sync_world::id;

fn fixture(name: &str) -> String {
    std::fs::read_to_string(root().join("tests/fixtures/crm").join(name)).unwrap()
}

fn ids(ids: &[&str]) -> Vec<ExternalId> {
    ids.iter().map(|text| id(text)).collect()
}

#[tokio::test]
async fn objects_are_read_in_one_call_by_id_with_all_our_values() {
    let hubspot = Hubspot::start().await;
    let portal = connection("acme", &ObjectType::ALL);
    hubspot.server.will_answer(207, fixture("hubspot_batch_read.json"));
    let asked = ids(&["101", "103", "105"]);
    let called = hubspot.gateway.read(&portal, ObjectType::Contact, &asked).await.unwrap();
    let found: Vec<_> = called.value.iter().map(|object| object.external_id.as_str()).collect();
    assert_eq!((called.calls, found), (1, vec!["101", "109"]));
    assert!(called.value[1].merged_ids.contains(&asked[2]));
    let request = hubspot.server.asked().remove(0);
    assert_eq!(request.line, "POST /crm/objects/2026-03/contacts/batch/read");
    let inputs = json!([{"id": "101"}, {"id": "103"}, {"id": "105"}]);
    assert_eq!(request.body["inputs"], inputs);
    assert_eq!(request.body.get("idProperty"), None, "by record id");
    let properties: Vec<_> = request.body["properties"].as_array().unwrap().clone();
    for name in ["email", "phone", "firstname", "lastname", "company", "hs_merged_object_ids"] {
        assert!(properties.contains(&Value::from(name)), "{name}");
    }
}

#[tokio::test]
async fn deals_and_companies_are_read_with_our_key() {
    for (object_type, path) in [(ObjectType::Company, "companies"), (ObjectType::Deal, "deals")] {
        let hubspot = Hubspot::start().await;
        let record = json!({"id": "7", "properties": {"integration_reference": "r-1"}});
        let answer = json!({"status": "COMPLETE", "results": [record]});
        hubspot.server.will_answer(200, answer);
        let portal = connection("acme", &[]);
        let called = hubspot.gateway.read(&portal, object_type, &ids(&["7"])).await.unwrap();
        let reference = called.value[0].attributes.get(AttributeName::Reference);
        assert_eq!(reference, Some("r-1"));
        let request = hubspot.server.asked().remove(0);
        assert_eq!(request.line, format!("POST /crm/objects/2026-03/{path}/batch/read"));
        let key = Value::from("integration_reference");
        assert!(request.body["properties"].as_array().unwrap().contains(&key));
    }
}

#[tokio::test]
async fn object_in_the_bin_is_not_there() {
    let hubspot = Hubspot::start().await;
    let record = json!({"id": "7", "archived": true, "properties": {"email": "a@b.co"}});
    hubspot.server.will_answer(200, json!({"status": "COMPLETE", "results": [record]}));
    let portal = connection("acme", &[]);
    let called = hubspot.gateway.read(&portal, ObjectType::Contact, &ids(&["7"])).await.unwrap();
    assert!(called.value.is_empty());
}

#[tokio::test]
async fn answer_that_says_nothing_of_the_objects_is_a_failure_and_no_deletion() {
    for (status, body) in [
        (200, "{}"),
        (200, ""),
        (200, "<html>"),
        (200, r#"{"status": "PENDING", "results": []}"#),
        (502, "<html>"),
    ] {
        let hubspot = Hubspot::start().await;
        hubspot.server.will_answer(status, body);
        let portal = connection("acme", &[]);
        let error =
            hubspot.gateway.read(&portal, ObjectType::Contact, &ids(&["7"])).await.unwrap_err();
        assert!(matches!(error, ProviderError::Unavailable { .. }), "{body}: {error:?}");
    }
    // A path that is not there must not empty the table.
    let hubspot = Hubspot::start().await;
    hubspot.server.will_answer(404, json!({"category": "OBJECT_NOT_FOUND"}));
    let portal = connection("acme", &[]);
    let error = hubspot.gateway.read(&portal, ObjectType::Contact, &ids(&["7"])).await.unwrap_err();
    assert!(matches!(error, ProviderError::Rejected { .. }), "{error:?}");
}

#[tokio::test]
async fn associations_are_read_by_pages() {
    let hubspot = Hubspot::start().await;
    let portal = connection("acme", &[]);
    hubspot.server.will_answer(207, fixture("hubspot_associations_read.json"));
    let of = |text: &str, after: Option<&str>| AssociationsOf {
        external_id: id(text),
        after: after.map(str::to_owned),
    };
    let asked = [of("101", None), of("102", Some("400"))];
    let called = hubspot
        .gateway
        .associations(&portal, ObjectType::Contact, ObjectType::Company, &asked)
        .await
        .unwrap();
    assert_eq!(called.value.found[&id("101")].len(), 2);
    assert_eq!(called.value.more, [of("102", Some("500"))]);
    let request = hubspot.server.asked().remove(0);
    assert_eq!(request.line, "POST /crm/associations/2026-03/contacts/companies/batch/read");
    let inputs = json!([{"id": "101"}, {"id": "102", "after": "400"}]);
    assert_eq!(request.body, json!({ "inputs": inputs }));
}
