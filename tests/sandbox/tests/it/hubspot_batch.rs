//! Batch calls.

use reqwest::Method;
use serde_json::{Value, json};

use crate::harness::TestSandbox;

fn by_email(emails: &[&str]) -> Value {
    let input = |email: &&str| json!({ "id": email, "idProperty": "email", "properties": { "company": "Acme" } });
    json!({ "inputs": emails.iter().map(input).collect::<Vec<_>>() })
}

async fn upsert(sandbox: &TestSandbox, body: &Value) -> (u16, Value) {
    sandbox.hubspot(Method::POST, "/batch/upsert", body).await
}

#[tokio::test]
async fn upsert_tells_new_from_known() {
    let sandbox = TestSandbox::start().await;
    let (status, first) = upsert(&sandbox, &by_email(&["Ada@Example.com"])).await;
    assert_eq!((status, first["status"].as_str()), (200, Some("COMPLETE")));
    assert_eq!(first["results"][0]["new"], true);
    assert_eq!(first["results"][0]["properties"]["email"], "ada@example.com");
    let (_, second) = upsert(&sandbox, &by_email(&["ada@example.com", "bob@example.com"])).await;
    let news: Vec<&Value> =
        second["results"].as_array().unwrap().iter().map(|result| &result["new"]).collect();
    assert_eq!(news, [false, true]);
    assert_eq!(second["results"][0]["id"], first["results"][0]["id"]);
    let call = &sandbox.calls().await["calls"][0];
    assert_eq!(call["route"], "POST /crm/objects/{version}/contacts/batch/upsert");
    assert_eq!(call["fields"]["inputs"][0]["id"], "Ada@Example.com");
    assert_eq!(call["fields"]["inputs"][0]["properties"]["company"], "Acme");
}

#[tokio::test]
async fn upsert_refuses_the_whole_call() {
    let sandbox = TestSandbox::start().await;
    let mut by_domain = by_email(&["x.io"]);
    by_domain["inputs"][0]["idProperty"] = json!("domain");
    let mut mixed = by_email(&["a@example.com", "101"]);
    mixed["inputs"][1].as_object_mut().unwrap().remove("idProperty");
    let many: Vec<String> = (0..101).map(|number| format!("c{number}@example.com")).collect();
    let many: Vec<&str> = many.iter().map(String::as_str).collect();
    for (body, text) in [
        (by_domain, "Unable to perform update/upsert by non-unique 0-1 property domain"),
        (by_email(&["a@example.com", "A@example.com"]), "Duplicate IDs found in batch input"),
        (by_email(&["a@example.com", "no-at"]), "INVALID_EMAIL"),
        (by_email(&many), "100"),
        (mixed, "same idProperty"),
        (json!({ "inputs": [] }), "must not be empty"),
        (json!({ "inputs": [{ "idProperty": "email", "properties": {} }] }), "needs an id"),
    ] {
        let (status, error) = upsert(&sandbox, &body).await;
        assert_eq!((status, error["category"].as_str()), (400, Some("VALIDATION_ERROR")), "{text}");
        assert!(error["message"].as_str().unwrap().contains(text), "{error}");
    }
    assert!(sandbox.contacts().await.is_empty());
}

#[tokio::test]
async fn upsert_without_key_takes_record_ids_and_reports_the_missing() {
    let sandbox = TestSandbox::start().await;
    let (_, made) = upsert(&sandbox, &by_email(&["a@example.com"])).await;
    let id = &made["results"][0]["id"];
    let body = json!({ "inputs": [
        { "id": id, "properties": { "phone": "+1" } }, { "id": "999", "properties": {} },
    ]});
    let (status, answer) = upsert(&sandbox, &body).await;
    assert_eq!(status, 207);
    assert_eq!(answer["results"].as_array().unwrap().len(), 1);
    assert_eq!(answer["errors"][0]["category"], "OBJECT_NOT_FOUND");
    assert_eq!(answer["errors"][0]["context"]["ids"][0], "999");
}

#[tokio::test]
async fn create_takes_everything_back_on_a_conflict() {
    let sandbox = TestSandbox::start().await;
    upsert(&sandbox, &by_email(&["a@example.com"])).await;
    let inputs = |traces: bool| {
        let input = |email: &str| {
            let mut input = json!({ "properties": { "email": email } });
            if traces {
                input["objectWriteTraceId"] = json!(email);
            }
            input
        };
        json!({ "inputs": [input("new@example.com"), input("a@example.com")] })
    };
    let (status, error) = sandbox.hubspot(Method::POST, "/batch/create", &inputs(false)).await;
    assert_eq!((status, error["category"].as_str()), (409, Some("CONFLICT")));
    assert_eq!(sandbox.contacts().await.len(), 1);
    let (status, partial) = sandbox.hubspot(Method::POST, "/batch/create", &inputs(true)).await;
    assert_eq!((status, partial["numErrors"].as_u64()), (207, Some(1)));
    assert_eq!(partial["errors"][0]["context"]["objectWriteTraceId"][0], "a@example.com");
    assert_eq!(partial["results"][0]["objectWriteTraceId"], "new@example.com");
    assert_eq!(sandbox.contacts().await.len(), 2);
}

#[tokio::test]
async fn read_update_and_archive_work_by_record_id() {
    let sandbox = TestSandbox::start().await;
    let (_, made) = upsert(&sandbox, &by_email(&["a@example.com", "b@example.com"])).await;
    let ids: Vec<&Value> =
        made["results"].as_array().unwrap().iter().map(|result| &result["id"]).collect();
    let body = json!({ "inputs": [{ "id": ids[0], "properties": { "phone": "1" } }] });
    assert_eq!(sandbox.hubspot(Method::POST, "/batch/update", &body).await.0, 200);
    let by_key = by_email(&["a@example.com"]);
    assert_eq!(sandbox.hubspot(Method::POST, "/batch/update", &by_key).await.0, 400);
    let archive = json!({ "inputs": [{ "id": ids[1] }] });
    assert_eq!(sandbox.hubspot(Method::POST, "/batch/archive", &archive).await.0, 204);
    let read = json!({ "idProperty": "email", "properties": ["phone"],
        "propertiesWithHistory": [], "inputs": [{ "id": "A@example.com" }, { "id": "b@example.com" }] });
    let (status, found) = sandbox.hubspot(Method::POST, "/batch/read", &read).await;
    assert_eq!((status, found["results"][0]["properties"]["phone"].as_str()), (207, Some("1")));
    assert_eq!(found["errors"][0]["context"]["ids"], json!(["b@example.com"]));
}

#[tokio::test]
async fn upserts_of_one_new_email_at_once_make_one_contact() {
    let sandbox = TestSandbox::start().await;
    let body = by_email(&["a@example.com"]);
    let calls = (0..64).map(|_| upsert(&sandbox, &body));
    let answers = futures::future::join_all(calls).await;
    let new = answers.iter().filter(|(_, body)| body["results"][0]["new"] == true).count();
    assert_eq!((new, sandbox.contacts().await.len()), (1, 1));
    assert_eq!(sandbox.calls().await["totals"]["applied"], 1);
}
