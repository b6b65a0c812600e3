//! Many records in one call, and many calls in one.

use reqwest::Method;
use serde_json::{Value, json};

use super::{KEY, Salesforce, code};

fn contact(key: &str, last_name: &str) -> Value {
    json!({ "attributes": { "type": "Contact" }, KEY: key, "LastName": last_name })
}

async fn upsert(salesforce: &Salesforce, records: Vec<Value>, all_or_none: bool) -> Vec<Value> {
    let body = json!({ "allOrNone": all_or_none, "records": records });
    let path = format!("/composite/sobjects/Contact/{KEY}");
    let (status, results) = salesforce.call(Method::PATCH, &path, &body).await;
    assert_eq!(status, 200, "{results}");
    results.as_array().unwrap().clone()
}

#[tokio::test]
async fn upsert_answers_in_order_and_keeps_what_succeeds() {
    let salesforce = Salesforce::start(&json!({})).await;
    let first = upsert(&salesforce, vec![contact("a", "A")], false).await;
    assert_eq!(first[0]["created"], true);
    let long = "x".repeat(81);
    let records =
        vec![contact("A", "A2"), contact("b", &long), contact("c", "C"), contact("C", "C2")];
    let results = upsert(&salesforce, records, false).await;
    assert_eq!((&results[0]["id"], &results[0]["created"]), (&first[0]["id"], &json!(false)));
    assert_eq!(results[1]["success"], false);
    let error = &results[1]["errors"][0];
    assert_eq!(error["statusCode"], "STRING_TOO_LONG");
    assert_eq!(error["fields"], json!(["LastName"]));
    assert!(error.get("errorCode").is_none());
    for repeated in &results[2..] {
        assert_eq!(repeated["errors"][0]["statusCode"], "DUPLICATE_VALUE");
    }
    let names = salesforce.column("SELECT LastName FROM Contact", "LastName").await;
    assert_eq!(names, ["A2"]);
}

#[tokio::test]
async fn all_or_none_takes_everything_back() {
    let salesforce = Salesforce::start(&json!({})).await;
    let records = vec![contact("a", "A"), json!({ "attributes": { "type": "Contact" }, KEY: "b" })];
    let results = upsert(&salesforce, records, true).await;
    let codes: Vec<&Value> =
        results.iter().map(|result| &result["errors"][0]["statusCode"]).collect();
    assert_eq!(codes, ["ALL_OR_NONE_OPERATION_ROLLED_BACK", "REQUIRED_FIELD_MISSING"]);
    assert!(salesforce.column("SELECT Id FROM Contact", "Id").await.is_empty());
    let again = upsert(&salesforce, vec![contact("a", "A")], true).await;
    assert_eq!(again[0]["created"], true, "the index must be taken back, too");
    assert_eq!(salesforce.shown("calls").await["totals"]["applied"], 1);
}

#[tokio::test]
async fn records_are_made_read_changed_and_deleted_together() {
    let salesforce = Salesforce::start(&json!({})).await;
    let account = json!({ "attributes": { "type": "Account" }, "Name": "Acme" });
    let body = json!({ "records": [contact("a", "A"), account, { "LastName": "?" }] });
    let (_, made) = salesforce.call(Method::POST, "/composite/sobjects", &body).await;
    assert_eq!(made[2]["errors"][0]["statusCode"], "INVALID_INPUT");
    let ids = [0, 1].map(|place| made[place]["id"].as_str().unwrap().to_owned());
    let change = json!({ "records": [
        { "attributes": { "type": "Contact" }, "id": ids[0], "Title": "Dr" }] });
    let (_, changed) = salesforce.call(Method::PATCH, "/composite/sobjects", &change).await;
    assert_eq!(changed[0], json!({ "id": ids[0], "success": true, "errors": [] }));
    let ask = json!({ "ids": ["003000000000009AAA", ids[0]], "fields": ["Title"] });
    let (status, rows) = salesforce.call(Method::POST, "/composite/sobjects/Contact", &ask).await;
    assert_eq!((status, &rows[0], &rows[1]["Title"]), (200, &Value::Null, &json!("Dr")));
    let wrong = json!({ "ids": [ids[1]], "fields": ["Title"] });
    let wrong = salesforce.call(Method::POST, "/composite/sobjects/Contact", &wrong).await;
    assert_eq!(code(&wrong), (400, "MALFORMED_ID"));
    let path = format!("/composite/sobjects?ids={},003000000000009AAA", ids.join(","));
    let (_, gone) = salesforce.call(Method::DELETE, &path, &Value::Null).await;
    let success: Vec<&Value> = (0..3).map(|place| &gone[place]["success"]).collect();
    assert_eq!(success, [true, true, false]);
}

#[tokio::test]
async fn more_than_two_hundred_are_refused_whole() {
    let salesforce = Salesforce::start(&json!({})).await;
    let records: Vec<Value> = (0..201).map(|n| contact(&n.to_string(), "A")).collect();
    let path = format!("/composite/sobjects/Contact/{KEY}");
    let answer = salesforce.call(Method::PATCH, &path, &json!({ "records": records })).await;
    assert_eq!(code(&answer), (400, "EXCEEDED_ID_LIMIT"));
    assert!(salesforce.column("SELECT Id FROM Contact", "Id").await.is_empty());
    assert_eq!(upsert(&salesforce, records[..200].to_vec(), false).await.len(), 200);
}

#[tokio::test]
async fn composite_calls_use_what_earlier_ones_gave() {
    let salesforce = Salesforce::start(&json!({})).await;
    let base = "/services/data/v67.0/sobjects";
    let calls = |last_name: Value| {
        json!({ "allOrNone": true, "compositeRequest": [
            { "method": "POST", "url": format!("{base}/Account"), "referenceId": "acc",
              "body": { "Name": "Acme" } },
            { "method": "POST", "url": format!("{base}/Contact"), "referenceId": "con",
              "body": { "LastName": last_name, "AccountId": "@{acc.id}" } },
            { "method": "GET", "url": format!("{base}/Contact/@{{con.id}}?fields=AccountId"),
              "referenceId": "read" }] })
    };
    let (status, failed) = salesforce.call(Method::POST, "/composite", &calls(json!(null))).await;
    assert_eq!(status, 200);
    assert_eq!(failed["compositeResponse"][0]["body"][0]["errorCode"], "PROCESSING_HALTED");
    assert!(salesforce.column("SELECT Id FROM Account", "Id").await.is_empty());
    let (_, done) = salesforce.call(Method::POST, "/composite", &calls(json!("A"))).await;
    let results = done["compositeResponse"].as_array().unwrap();
    let statuses: Vec<&Value> = results.iter().map(|one| &one["httpStatusCode"]).collect();
    assert_eq!(statuses, [201, 201, 200]);
    assert_eq!(results[2]["body"]["AccountId"], results[0]["body"]["id"]);
    assert_eq!(salesforce.shown("limits").await["accounts"][0]["used_today"], 3);
}
