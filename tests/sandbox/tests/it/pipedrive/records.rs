//! Making, changing, deleting and merging records through the API.

use reqwest::Method;
use serde_json::{Value, json};

use super::{KEY_FIELD, Pipedrive, ids};

#[tokio::test]
async fn person_is_made_read_changed_and_deleted() {
    let pipedrive = Pipedrive::start(&json!({})).await;
    let body = json!({ "name": " Ada King Lovelace ", "emails": [{ "value": "ada@example.com" }],
        "custom_fields": { KEY_FIELD: "k-1" } });
    let made = pipedrive.create("persons", &body).await;
    assert_eq!((&made["first_name"], &made["last_name"]), (&json!("Ada"), &json!("King Lovelace")));
    assert_eq!(
        made["emails"],
        json!([{ "value": "ada@example.com", "primary": true, "label": "work" }])
    );
    assert_eq!(made["custom_fields"], json!({ KEY_FIELD: "k-1" }));
    assert_eq!((&made["owner_id"], &made["visible_to"]), (&json!(7), &json!(3)));
    let path = format!("persons/{}", made["id"]);
    let two =
        json!([{ "value": "a@x.io", "label": "home" }, { "value": "b@x.io", "primary": true }]);
    let (status, changed) = pipedrive.patch(&path, &json!({ "emails": two })).await;
    assert_eq!(status, 200);
    let emails: Vec<&Value> =
        changed["data"]["emails"].as_array().unwrap().iter().map(|one| &one["value"]).collect();
    assert_eq!(emails, ["a@x.io", "b@x.io"]);
    assert_eq!(changed["data"]["name"], "Ada King Lovelace");
    let cleared = json!({ "custom_fields": { KEY_FIELD: null } });
    assert!(pipedrive.patch(&path, &cleared).await.1["data"]["custom_fields"].is_null());
    let below = format!("v2/{path}");
    let deleted = pipedrive.call(Method::DELETE, &below, &Value::Null).await;
    assert_eq!(deleted.body, json!({ "success": true, "data": { "id": made["id"] } }));
    let again = pipedrive.call(Method::DELETE, &below, &Value::Null).await;
    assert_eq!((again.status, &again.body["success"]), (410, &json!(true)));
    assert_eq!(pipedrive.get(&below).await["data"]["is_deleted"], true);
    assert_eq!(pipedrive.patch(&path, &json!({ "name": "x" })).await.0, 404);
    assert!(ids(&pipedrive.get("v2/persons").await).is_empty());
    assert_eq!(pipedrive.call(Method::DELETE, "v2/persons/99", &Value::Null).await.status, 404);
    assert!(again.headers.contains_key("x-correlation-id"));
}

#[tokio::test]
async fn bodies_are_read_strictly() {
    let pipedrive = Pipedrive::start(&json!({ "has_website": false })).await;
    for (plural, body, blamed) in [
        ("persons", json!({}), "name"),
        ("persons", json!({ "name": 5 }), "name"),
        ("persons", json!({ "name": "x", "email": "a@x.io" }), "email"),
        ("persons", json!({ "name": "x", "emails": ["a@x.io"] }), "emails"),
        ("persons", json!({ "name": "x", "owner_id": "7" }), "owner_id"),
        ("persons", json!({ "name": "x", "owner_id": 99 }), "owner_id"),
        ("persons", json!({ "name": "x", "org_id": 99 }), "org_id"),
        ("persons", json!({ "name": "x", "first_name": "y", "last_name": "z" }), "name"),
        ("persons", json!({ "first_name": "y" }), "name"),
        ("persons", json!({ "name": "x", KEY_FIELD: "k" }), KEY_FIELD),
        ("persons", json!({ "name": "x", "custom_fields": { "b": "k" } }), "custom_fields.b"),
        ("persons", json!({ "name": "x", "custom_fields": { KEY_FIELD: 5 } }), KEY_FIELD),
        ("deals", json!({ "title": "x", "value": "12" }), "value"),
        ("deals", json!({ "title": "x", "status": "open", "lost_reason": "y" }), "lost_reason"),
        ("deals", json!({ "title": "x", "stage_id": 99 }), "stage_id"),
        ("deals", json!({ "title": "x", "add_time": "2026-01-01T00:00:00Z" }), "add_time"),
        ("organizations", json!({ "name": " " }), "name"),
    ] {
        let answered = pipedrive.call(Method::POST, &format!("v2/{plural}"), &body).await;
        assert_eq!(answered.status, 400, "{body}");
        assert_eq!(
            (&answered.body["success"], &answered.body["data"]),
            (&json!(false), &Value::Null)
        );
        let error = answered.body["error"].as_str().unwrap();
        assert!(error.contains(blamed), "{body} {error}");
    }
    for (plural, body) in [
        ("persons", json!({ "name": "x", "job_title": "y" })),
        ("organizations", json!({ "name": "x", "website": "https://x.io" })),
    ] {
        assert_eq!(pipedrive.call(Method::POST, &format!("v2/{plural}"), &body).await.status, 403);
    }
    let halves = json!({ "first_name": "Ada", "last_name": "King" });
    assert_eq!(pipedrive.create("persons", &halves).await["name"], "Ada King");
    let plain = pipedrive.create("organizations", &json!({ "name": "x" })).await;
    assert!(plain.get("website").is_none());
    assert_eq!(pipedrive.call(Method::PUT, "v2/persons/1", &json!({})).await.status, 405);
    assert_eq!(pipedrive.call(Method::GET, "v1/persons", &Value::Null).await.status, 404);
}

#[tokio::test]
async fn deal_keeps_stage_status_and_times_in_line() {
    let pipelines = json!([
        { "id": "1", "label": "Sales", "stages": [{ "id": "1", "label": "In" }, { "id": "2" }] },
        { "id": "5", "label": "Other", "stages": [{ "id": "9", "label": "In", "probability": "0.4" }] }]);
    let pipedrive = Pipedrive::start(&json!({ "pipelines": pipelines, "max_open_deals": 2 })).await;
    let deal = pipedrive.create("deals", &json!({ "title": "x", "value": 12.5 })).await;
    assert_eq!((&deal["pipeline_id"], &deal["stage_id"]), (&json!(1), &json!(1)));
    assert_eq!((&deal["status"], &deal["value"]), (&json!("open"), &json!(12.5)));
    let path = format!("deals/{}", deal["id"]);
    let patch = async |body: Value| pipedrive.patch(&path, &body).await;
    assert_eq!(patch(json!({ "stage_id": 9 })).await.0, 400);
    let (_, moved) = patch(json!({ "stage_id": 9, "pipeline_id": 5 })).await;
    assert!(moved["data"]["stage_change_time"].is_string());
    let (_, back) = patch(json!({ "pipeline_id": 1 })).await;
    assert_eq!(back["data"]["stage_id"], 1);
    let (_, lost) = patch(json!({ "status": "lost", "lost_reason": "price" })).await;
    assert!(lost["data"]["lost_time"].is_string() && lost["data"]["close_time"].is_string());
    assert_eq!(lost["data"]["local_lost_date"].as_str().unwrap().len(), 10);
    let (_, open) = patch(json!({ "status": "open" })).await;
    let times = ["lost_time", "close_time", "lost_reason", "local_lost_date"];
    assert!(times.iter().all(|name| open["data"][*name].is_null()), "{open}");
    pipedrive.create("deals", &json!({ "title": "y" })).await;
    let capped = pipedrive.call(Method::POST, "v2/deals", &json!({ "title": "z" })).await;
    assert_eq!((capped.status, &capped.body["code"]), (403, &json!("feature_capping_deals_limit")));
    pipedrive.create("deals", &json!({ "title": "z", "status": "won" })).await;
    assert_eq!(patch(json!({ "is_archived": true })).await.0, 200);
    assert_eq!(patch(json!({ "title": "w" })).await.0, 400);
    assert!(!ids(&pipedrive.get("v2/deals").await).contains(&deal["id"].as_u64().unwrap()));
    let stages = pipedrive.get("v2/stages?pipeline_id=5").await;
    assert_eq!(ids(&stages), [9]);
    assert_eq!(stages["data"][0]["deal_probability"], 40);
    assert_eq!(ids(&pipedrive.get("v2/pipelines").await), [1, 5]);
}

#[tokio::test]
async fn merge_keeps_the_person_of_the_body_and_fills_what_it_lacks() {
    let pipedrive = Pipedrive::start(&json!({})).await;
    let person = |name: &str, email: &str| json!({ "name": name, "emails": [{ "value": email }] });
    let kept = pipedrive.create("persons", &person("Ada", "a@x.io")).await;
    let mut other = person("Grace", "b@x.io");
    other["phones"] = json!([{ "value": "1" }]);
    other["custom_fields"] = json!({ KEY_FIELD: "k" });
    let other = pipedrive.create("persons", &other).await;
    let deal = json!({ "title": "x", "person_id": other["id"] });
    let deal = pipedrive.create("deals", &deal).await;
    let below = format!("v1/persons/{}/merge", other["id"]);
    let wish = json!({ "merge_with_id": kept["id"] });
    let merged = pipedrive.call(Method::PUT, &below, &wish).await;
    assert_eq!((merged.status, &merged.body["data"]["id"]), (200, &kept["id"]));
    let now = pipedrive.get(&format!("v2/persons/{}", kept["id"])).await["data"].clone();
    assert_eq!((&now["name"], &now["phones"][0]["value"]), (&json!("Ada"), &json!("1")));
    assert_eq!(
        (&now["emails"][1]["value"], &now["emails"][1]["primary"]),
        (&json!("b@x.io"), &json!(false))
    );
    assert_eq!(now["custom_fields"][KEY_FIELD], "k");
    let gone = pipedrive.get(&format!("v2/persons/{}", other["id"])).await;
    assert_eq!(gone["data"]["is_deleted"], true);
    let deal = pipedrive.get(&format!("v2/deals/{}", deal["id"])).await;
    assert_eq!(deal["data"]["person_id"], kept["id"]);
    assert_eq!(pipedrive.call(Method::PUT, &below, &wish).await.status, 404);
}
