//! Merging, restoring and deleting for privacy.

use reqwest::Method;
use serde_json::{Value, json};

use crate::harness::{CONTACTS, TestSandbox};

async fn two_contacts(settings: Value) -> (TestSandbox, String, String) {
    let sandbox = TestSandbox::start_with(None, settings).await;
    let first =
        sandbox.create("contacts", &json!({ "email": "a@example.com", "firstname": "Ada" })).await;
    let second = sandbox
        .create("contacts", &json!({ "email": "b@example.com", "firstname": "Eve", "phone": "1" }))
        .await;
    (sandbox, first, second)
}

#[tokio::test]
async fn merge_gives_a_new_id_that_both_old_ids_lead_to() {
    let (sandbox, first, second) = two_contacts(json!({})).await;
    let body = json!({ "primaryObjectId": first, "objectIdToMerge": second });
    let (status, merged) = sandbox.hubspot(Method::POST, "/merge", &body).await;
    assert_eq!(status, 200);
    let id = merged["id"].as_str().unwrap();
    assert!(id != first && id != second);
    let asked = "properties=email,firstname,phone,hs_additional_emails,hs_merged_object_ids";
    for old in [&first, &second] {
        let found = sandbox.get_json(&format!("{CONTACTS}/{old}?{asked}")).await;
        assert_eq!(found["id"], id);
        assert_eq!(found["properties"]["firstname"], "Ada");
        assert_eq!(found["properties"]["phone"], "1");
        assert_eq!(found["properties"]["hs_additional_emails"], "b@example.com");
        assert_eq!(found["properties"]["hs_merged_object_ids"], format!("{first};{second}"));
    }
    let by_email = sandbox.get_json(&format!("{CONTACTS}/b@example.com?idProperty=email")).await;
    assert_eq!(by_email["id"], id);
    let read = json!({ "inputs": [{ "id": second }] });
    let (status, found) = sandbox.hubspot(Method::POST, "/batch/read", &read).await;
    assert_eq!((status, &found["results"][0]["id"]), (200, &json!(id)));
    let write = json!({ "inputs": [{ "id": second, "properties": { "phone": "2" } }] });
    let (status, gone) = sandbox.hubspot(Method::POST, "/batch/update", &write).await;
    assert_eq!((status, &gone["results"], gone.get("errors")), (200, &json!([]), None));
    let patch = json!({ "properties": { "phone": "3" } });
    let (status, patched) = sandbox.hubspot(Method::PATCH, &format!("/{first}"), &patch).await;
    assert_eq!((status, &patched["id"]), (200, &json!(id)));
    assert_eq!(sandbox.contacts().await.len(), 1);
}

#[tokio::test]
async fn merge_keeps_the_primary_id_if_the_account_says_so() {
    let (sandbox, first, second) = two_contacts(json!({ "merge_keeps_primary_id": true })).await;
    let told = sandbox
        .act(&json!({ "act": "merge", "type": "contact", "id": first, "merge_id": second }))
        .await;
    assert_eq!(told["ids"], json!([first]));
    let found =
        sandbox.get_json(&format!("{CONTACTS}/{second}?properties=hs_merged_object_ids")).await;
    assert_eq!(found["id"], first.as_str());
    assert_eq!(found["properties"]["hs_merged_object_ids"], second.as_str());
}

#[tokio::test]
async fn merge_of_unknown_or_same_records_is_refused() {
    let (sandbox, first, _) = two_contacts(json!({})).await;
    for (other, expected) in [("999", 404), (first.as_str(), 400)] {
        let body = json!({ "primaryObjectId": first, "objectIdToMerge": other });
        assert_eq!(sandbox.hubspot(Method::POST, "/merge", &body).await.0, expected);
    }
    assert_eq!(sandbox.contacts().await.len(), 2);
}

#[tokio::test]
async fn merge_moves_associations_to_the_new_record() {
    let (sandbox, first, second) = two_contacts(json!({})).await;
    let company = sandbox.create("companies", &json!({ "name": "Acme" })).await;
    sandbox
        .act(&json!({ "act": "associate", "type": "contact", "id": second,
            "to_type": "company", "to_id": company }))
        .await;
    let told = sandbox
        .act(&json!({ "act": "merge", "type": "contact", "id": first, "merge_id": second }))
        .await;
    let path = format!("/hubspot/crm/objects/2026-03/companies/{company}/associations/contacts");
    let links = sandbox.get_json(&path).await;
    assert_eq!(links["results"][0]["toObjectId"], told["ids"][0]);
    assert_eq!(links["results"].as_array().unwrap().len(), 1);
}

#[tokio::test]
async fn privacy_deletion_purges_the_contact_and_blocks_its_email() {
    let (sandbox, first, _) = two_contacts(json!({})).await;
    let by_email = json!({ "objectId": "a@example.com", "idProperty": "email" });
    assert_eq!(sandbox.hubspot(Method::POST, "/gdpr-delete", &by_email).await.0, 204);
    for path in [format!("{CONTACTS}/{first}"), format!("{CONTACTS}/{first}?archived=true")] {
        assert_eq!(sandbox.get(&path).await.status(), 404);
    }
    let unknown = json!({ "objectId": "c@example.com", "idProperty": "email" });
    assert_eq!(sandbox.hubspot(Method::POST, "/gdpr-delete", &unknown).await.0, 204);
    for email in ["A@example.com", "c@example.com"] {
        let body = json!({ "properties": { "email": email } });
        let (status, error) = sandbox.hubspot(Method::POST, "", &body).await;
        assert_eq!((status, &error["errors"][0]["code"]), (400, &json!("BLOCKED_VALUE")));
    }
    let missing = json!({ "objectId": "999" });
    assert_eq!(sandbox.hubspot(Method::POST, "/gdpr-delete", &missing).await.0, 404);
}

#[tokio::test]
async fn restore_brings_an_archived_contact_back_unless_its_email_is_taken() {
    let (sandbox, first, second) = two_contacts(json!({})).await;
    let archive = json!({ "act": "archive", "type": "contact", "ids": [first, second] });
    sandbox.act(&archive).await;
    assert_eq!(sandbox.get(&format!("{CONTACTS}/{first}")).await.status(), 404);
    sandbox.act(&json!({ "act": "restore", "type": "contact", "id": first })).await;
    assert_eq!(sandbox.get(&format!("{CONTACTS}/{first}")).await.status(), 200);
    sandbox.create("contacts", &json!({ "email": "b@example.com" })).await;
    let refused = json!({ "system": "hubspot", "account": crate::harness::ACCOUNT,
        "act": "restore", "type": "contact", "id": second });
    let (status, error) = sandbox.call(Method::POST, "/_control/portal", &refused).await;
    assert_eq!(status, 400);
    assert!(error["error"].as_str().unwrap().contains("already exists"), "{error}");
}
