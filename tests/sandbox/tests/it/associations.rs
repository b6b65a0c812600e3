//! Associations over the wire.

use reqwest::Method;
use serde_json::{Value, json};

use crate::harness::TestSandbox;

const OBJECTS: &str = "/hubspot/crm/objects/2026-03";
const BATCH: &str = "/hubspot/crm/associations/2026-03";

struct Portal {
    sandbox: TestSandbox,
    contact: String,
    company: String,
    deal: String,
}

async fn portal() -> Portal {
    let sandbox = TestSandbox::start().await;
    let contact = sandbox.create("contacts", &json!({ "email": "a@example.com" })).await;
    sandbox.create("companies", &json!({ "name": "Other" })).await;
    let company = sandbox.create("companies", &json!({ "name": "Acme" })).await;
    let deal =
        sandbox.create("deals", &json!({ "dealname": "Roof", "dealstage": "contractsent" })).await;
    Portal { sandbox, contact, company, deal }
}

fn ids(listed: &Value) -> Vec<&str> {
    listed["results"]
        .as_array()
        .unwrap()
        .iter()
        .map(|link| link["toObjectId"].as_str().unwrap())
        .collect()
}

#[tokio::test]
async fn default_association_is_kept_in_both_directions_and_is_idempotent() {
    let Portal { sandbox, contact, company, .. } = portal().await;
    let path = format!("{OBJECTS}/contact/{contact}/associations/default/company/{company}");
    for applied in [1, 1] {
        let response = sandbox.request(Method::PUT, &path).send().await.unwrap();
        assert_eq!(response.status(), 200);
        let body: Value = response.json().await.unwrap();
        assert_eq!(body["results"][0]["from"]["id"], contact.as_str());
        assert_eq!(body["results"][0]["associationSpec"]["associationTypeId"], 279);
        assert_eq!(body["results"][1]["associationSpec"]["associationTypeId"], 280);
        assert!(body.get("errors").is_none());
        let calls = sandbox.calls().await;
        let puts = calls["calls"].as_array().unwrap().iter().filter(|c| c["method"] == "PUT");
        assert_eq!(puts.filter(|call| call["applied"] == true).count(), applied);
    }
    let back =
        sandbox.get_json(&format!("{OBJECTS}/companies/{company}/associations/contacts")).await;
    assert_eq!(ids(&back), [contact.as_str()]);
    let read =
        sandbox.get_json(&format!("{OBJECTS}/contacts/{contact}?associations=companies")).await;
    assert_eq!(
        read["associations"]["companies"]["results"],
        json!([{ "id": company, "type": "contact_to_company_unlabeled" }])
    );
    let missing = format!("{OBJECTS}/contact/{contact}/associations/default/company/999");
    let (status, body) = sandbox.call(Method::PUT, &missing, &Value::Null).await;
    assert_eq!((status, &body["errors"][0]["category"]), (200, &json!("OBJECT_NOT_FOUND")));
}

#[tokio::test]
async fn batch_calls_associate_read_and_archive() {
    let Portal { sandbox, contact, deal, company } = portal().await;
    let pair = json!({ "inputs": [{ "from": { "id": deal }, "to": { "id": contact } },
        { "from": { "id": deal }, "to": { "id": "999" } }] });
    let path = format!("{BATCH}/deals/contacts/batch/associate/default");
    let (status, made) = sandbox.call(Method::POST, &path, &pair).await;
    assert_eq!((status, made["numErrors"].as_u64()), (200, Some(1)));
    let asked = json!({ "inputs": [{ "id": deal }, { "id": "998" }] });
    let path = format!("{BATCH}/deals/contacts/batch/read");
    let (status, read) = sandbox.call(Method::POST, &path, &asked).await;
    assert_eq!(status, 207);
    assert_eq!(read["results"][0]["from"]["id"], deal.as_str());
    assert_eq!(read["results"][0]["to"][0]["toObjectId"], contact.as_str());
    assert_eq!(read["results"][0]["to"][0]["associationTypes"][0]["typeId"], 3);
    assert_eq!(read["errors"][0]["context"]["fromObjectId"], json!(["998"]));
    let (_, v4) = sandbox
        .call(Method::POST, "/hubspot/crm/v4/associations/deals/contacts/batch/read", &asked)
        .await;
    assert!(v4["results"][0]["to"][0]["toObjectId"].is_u64());
    let primary = json!({ "inputs": [{ "from": { "id": deal }, "to": { "id": company },
        "types": [{ "associationCategory": "HUBSPOT_DEFINED", "associationTypeId": 5 }] }] });
    let path = format!("{BATCH}/deals/companies/batch/create");
    assert_eq!(sandbox.call(Method::POST, &path, &primary).await.0, 201);
    let gone = json!({ "inputs": [{ "from": { "id": deal }, "to": [{ "id": contact }] }] });
    let path = format!("{BATCH}/deals/contacts/batch/archive");
    assert_eq!(sandbox.call(Method::POST, &path, &gone).await.0, 200);
    let left = sandbox.get_json(&format!("{OBJECTS}/deals/{deal}/associations/contacts")).await;
    assert!(ids(&left).is_empty());
    let left = sandbox.get_json(&format!("{OBJECTS}/deals/{deal}/associations/companies")).await;
    assert_eq!(left["results"][0]["associationTypes"].as_array().unwrap().len(), 2);
}

#[tokio::test]
async fn record_can_be_created_with_associations() {
    let Portal { sandbox, contact, company, .. } = portal().await;
    let body = json!({ "properties": { "dealname": "x", "dealstage": "contractsent" },
        "associations": [
            { "to": { "id": contact }, "types": [{ "associationTypeId": 3 }] },
            { "to": { "id": company }, "types": [{ "associationTypeId": 341 }] },
        ] });
    let (_, deal) = sandbox.call(Method::POST, &format!("{OBJECTS}/deals"), &body).await;
    let id = deal["id"].as_str().unwrap();
    let read =
        sandbox.get_json(&format!("{OBJECTS}/deals/{id}?associations=contact,company")).await;
    assert_eq!(read["associations"]["contacts"]["results"][0]["type"], "deal_to_contact");
    assert_eq!(read["associations"]["companies"]["results"][0]["id"], company.as_str());
    let mut bad = body.clone();
    bad["associations"][0]["to"]["id"] = json!("999");
    assert_eq!(sandbox.call(Method::POST, &format!("{OBJECTS}/deals"), &bad).await.0, 404);
    let delete = format!("{OBJECTS}/deals/{id}/associations/contacts/{contact}");
    assert_eq!(sandbox.request(Method::DELETE, &delete).send().await.unwrap().status(), 204);
    let read = sandbox.get_json(&format!("{OBJECTS}/deals/{id}?associations=contact")).await;
    assert!(read.get("associations").is_none());
}

#[tokio::test]
async fn association_with_an_archived_record_is_not_shown() {
    let Portal { sandbox, contact, company, .. } = portal().await;
    sandbox
        .act(&json!({ "act": "associate", "type": "contact", "id": contact,
            "to_type": "company", "to_id": company }))
        .await;
    sandbox.act(&json!({ "act": "archive", "type": "company", "id": company })).await;
    let path = format!("{OBJECTS}/contacts/{contact}/associations/companies");
    assert!(ids(&sandbox.get_json(&path).await).is_empty());
    sandbox.act(&json!({ "act": "restore", "type": "company", "id": company })).await;
    assert_eq!(ids(&sandbox.get_json(&path).await), [company.as_str()]);
}

#[tokio::test]
async fn association_needs_the_scopes_of_both_types() {
    let scopes = json!(["crm.objects.contacts.write", "crm.objects.companies.read"]);
    let sandbox = TestSandbox::start_with(None, json!({ "scopes": scopes })).await;
    let path = format!("{OBJECTS}/contact/1/associations/default/company/2");
    let (status, error) = sandbox.call(Method::PUT, &path, &Value::Null).await;
    assert_eq!((status, error["category"].as_str()), (403, Some("MISSING_SCOPES")));
}
