//! What users do in the interface, and what becomes of the records.

use reqwest::Method;
use serde_json::{Value, json};

use super::{KEY, Salesforce, code};

async fn act(salesforce: &Salesforce, order: Value) -> Value {
    salesforce.control("portal", &order).await
}

#[tokio::test]
async fn archived_account_takes_its_children_along_and_brings_them_back() {
    let salesforce = Salesforce::start(&json!({})).await;
    let account = salesforce.create("Account", json!({ "Name": "Acme", KEY: "a" })).await;
    let child = json!({ "LastName": "A", "AccountId": account });
    let contact = salesforce.create("Contact", child).await;
    let told =
        act(&salesforce, json!({ "act": "archive", "type": "company", "id": account })).await;
    assert_eq!(told["events"].as_array().unwrap().len(), 1, "no trigger sees the children");
    let soql = "SELECT Id, IsDeleted FROM Contact";
    assert!(salesforce.column(soql, "Id").await.is_empty());
    let (_, all) = salesforce.query("queryAll", soql).await;
    assert_eq!(all["records"][0]["IsDeleted"], true);
    let other = salesforce.create("Account", json!({ "Name": "B", KEY: "A" })).await;
    let restore = json!({ "act": "restore", "type": "account", "id": account });
    assert_eq!(salesforce.try_control("portal", &restore).await.0, 400, "its key is taken");
    salesforce.call(Method::DELETE, &format!("/sobjects/Account/{other}"), &Value::Null).await;
    let told = act(&salesforce, restore).await;
    assert_eq!(told["events"][0]["change_type"], "undelete");
    assert_eq!(salesforce.column(soql, "Id").await, [json!(contact)]);
}

#[tokio::test]
async fn merge_keeps_the_winner_and_leaves_its_id_with_the_loser() {
    let salesforce = Salesforce::start(&json!({})).await;
    let winner = salesforce.create("Account", json!({ "Name": "Acme" })).await;
    let body = json!({ "Name": "Acme Inc", "Phone": "1", KEY: "a" });
    let loser = salesforce.create("Account", body).await;
    let child = json!({ "LastName": "A", "AccountId": loser });
    let contact = salesforce.create("Contact", child).await;
    let order = json!({ "act": "merge", "type": "account", "id": winner, "merge_id": loser });
    let told = act(&salesforce, order).await;
    assert_eq!(told["ids"], json!([winner]));
    let changes: Vec<(&Value, &Value)> = told["events"]
        .as_array()
        .unwrap()
        .iter()
        .map(|event| (&event["change_type"], &event["record_id"]))
        .collect();
    assert_eq!(changes, [(&json!("delete"), &json!(loser)), (&json!("update"), &json!(winner))]);
    let row = salesforce.get(&format!("/sobjects/Account/{winner}")).await;
    assert_eq!(
        (&row["Name"], &row["Phone"], &row[KEY]),
        (&json!("Acme"), &json!("1"), &json!("a"))
    );
    let soql = format!("SELECT MasterRecordId FROM Account WHERE Id = '{loser}'");
    let (_, all) = salesforce.query("queryAll", &soql).await;
    assert_eq!(all["records"][0]["MasterRecordId"], winner.as_str());
    let row = salesforce.get(&format!("/sobjects/Contact/{contact}")).await;
    assert_eq!(row["AccountId"], winner.as_str());
    let gone =
        salesforce.call(Method::GET, &format!("/sobjects/Account/{loser}"), &Value::Null).await;
    assert_eq!(code(&gone), (404, "ENTITY_IS_DELETED"));
    let restore = json!({ "act": "restore", "type": "account", "id": loser });
    assert_eq!(salesforce.try_control("portal", &restore).await.0, 400);
}

#[tokio::test]
async fn associations_are_a_reference_or_a_role() {
    let salesforce = Salesforce::start(&json!({})).await;
    let account = salesforce.create("Account", json!({ "Name": "Acme" })).await;
    let contact = salesforce.create("Contact", json!({ "LastName": "A" })).await;
    let deal = json!({ "Name": "D", "StageName": "Prospecting", "CloseDate": "2026-05-01" });
    let deal = salesforce.create("Opportunity", deal).await;
    let link = |act: &str, from: &str, id: &str, to: &str, to_id: &str| json!({ "act": act, "type": from, "id": id, "to_type": to, "to_id": to_id });
    let told = act(&salesforce, link("associate", "contact", &contact, "company", &account)).await;
    assert_eq!(told["events"][0]["changed_fields"], json!(["AccountId"]));
    let path = format!("/sobjects/Contact/{contact}?fields=AccountId");
    assert_eq!(salesforce.get(&path).await["AccountId"], account.as_str());
    act(&salesforce, link("dissociate", "contact", &contact, "account", &account)).await;
    assert_eq!(salesforce.get(&path).await["AccountId"], Value::Null);
    let roles = "SELECT ContactId FROM OpportunityContactRole";
    for _ in 0..2 {
        act(&salesforce, link("associate", "contact", &contact, "deal", &deal)).await;
        assert_eq!(salesforce.column(roles, "ContactId").await, [json!(contact)]);
    }
    act(&salesforce, link("dissociate", "deal", &deal, "contact", &contact)).await;
    assert!(salesforce.column(roles, "ContactId").await.is_empty());
    let wrong = link("associate", "account", &account, "contact", &contact);
    assert_eq!(salesforce.try_control("portal", &wrong).await.0, 400);
}

#[tokio::test]
async fn acts_are_done_wholly_or_not_at_all() {
    let salesforce = Salesforce::start(&json!({})).await;
    let objects = json!([{ "properties": { "LastName": "A", KEY: "1" } },
        { "properties": { "LastName": "B", KEY: "1" } }]);
    let order = json!({ "act": "create", "type": "contact", "objects": objects });
    let (status, told) = salesforce.try_control("portal", &order).await;
    assert_eq!(status, 400);
    assert!(told["error"].as_str().unwrap().contains("object 1: DUPLICATE_VALUE"), "{told}");
    assert_eq!(salesforce.shown("objects").await["total"], 0);
    let id = salesforce.create("Contact", json!({ "LastName": "A" })).await;
    act(&salesforce, json!({ "act": "gdpr_delete", "type": "contact", "id": id })).await;
    let gone = salesforce.call(Method::GET, &format!("/sobjects/Contact/{id}"), &Value::Null).await;
    assert_eq!(code(&gone), (404, "NOT_FOUND"));
    salesforce.control("reset", &json!({})).await;
    assert_eq!(salesforce.column("SELECT Id FROM OpportunityStage", "Id").await.len(), 6);
}
