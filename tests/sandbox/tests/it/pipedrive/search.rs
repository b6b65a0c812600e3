//! Search: what it finds, how it compares, and when it learns.

use reqwest::Method;
use serde_json::{Value, json};

use super::{KEY_FIELD, Pipedrive, ids};
use crate::harness::sleep_ms;

/// Ten searches fill a window of two seconds.
const SEARCH_WINDOW_MS: u64 = 2_050;

fn found(body: &Value) -> Vec<u64> {
    let items = body["data"]["items"].as_array().unwrap().iter();
    items.map(|hit| hit["item"]["id"].as_u64().unwrap()).collect()
}

async fn seeded(settings: &Value) -> Pipedrive {
    let pipedrive = Pipedrive::start(settings).await;
    pipedrive
        .seed(json!([
            { "type": "organization", "id": 1, "name": "Analytical Engines",
              "custom_fields": { KEY_FIELD: "Org-1" } },
            { "id": 1, "name": "Ada Lovelace", "org_id": 1,
              "emails": [{ "value": "Ada@Example.com" }, { "value": "ada@home.io" }] },
            { "id": 2, "name": "Ada Byron", "phones": [{ "value": "+1 415 555 0134" }],
              "custom_fields": { KEY_FIELD: "abc" } },
            { "type": "deal", "id": 1, "title": "Engine", "person_id": 1, "value": 5 }]))
        .await;
    pipedrive
}

#[tokio::test]
async fn entity_search_compares_without_case_and_whole_only_if_asked() {
    let pipedrive = seeded(&json!({})).await;
    for (query, expected) in [
        ("term=ada", &[1, 2][..]),
        ("term=ADA%20byron&exact_match=true", &[2]),
        ("term=ada&exact_match=true", &[]),
        ("term=ADA@EXAMPLE.COM&fields=email&exact_match=true", &[1]),
        ("term=ada@home.io&fields=email&exact_match=true", &[1]),
        ("term=example.com&fields=email", &[1]),
        ("term=ada@home.io&fields=name", &[]),
        ("term=ABC&fields=custom_fields", &[2]),
        ("term=555&fields=phone", &[2]),
        ("term=ada&organization_id=1", &[1]),
    ] {
        let body = pipedrive.get(&format!("v2/persons/search?{query}")).await;
        assert_eq!(found(&body), expected, "{query}");
    }
    sleep_ms(SEARCH_WINDOW_MS).await;
    let person = pipedrive.get("v2/persons/search?term=lovelace").await["data"]["items"][0].clone();
    assert_eq!(person["item"]["emails"], json!(["Ada@Example.com", "ada@home.io"]));
    assert_eq!(person["item"]["organization"], json!({ "id": 1, "name": "Analytical Engines" }));
    let deal = pipedrive.get("v2/deals/search?term=engine&person_id=1").await;
    assert_eq!(deal["data"]["items"][0]["item"]["stage"], json!({ "id": 1, "name": "Qualified" }));
    assert!(found(&pipedrive.get("v2/deals/search?term=engine&status=won").await).is_empty());
    let page = pipedrive.get("v2/persons/search?term=ada&limit=1").await;
    let cursor = page["additional_data"]["next_cursor"].as_str().unwrap();
    let rest = pipedrive.get(&format!("v2/persons/search?term=ada&limit=1&cursor={cursor}")).await;
    assert_eq!((found(&rest), &rest["additional_data"]["next_cursor"]), (vec![2], &Value::Null));
}

#[tokio::test]
async fn field_search_minds_case() {
    let pipedrive = seeded(&json!({})).await;
    for (query, expected) in [
        ("entity_type=person&term=abc", &[2][..]),
        ("entity_type=person&term=ABC", &[]),
        ("entity_type=person&term=ab", &[]),
        ("entity_type=person&term=ab&match=beginning", &[2]),
        ("entity_type=person&term=bc&match=middle", &[2]),
        ("entity_type=organization&term=Org-1", &[1]),
        ("entity_type=deal&term=abc", &[]),
        ("entity_type=lead&term=abc", &[]),
    ] {
        let below = format!("v2/itemSearch/field?field={KEY_FIELD}&{query}");
        assert_eq!(ids(&pipedrive.get(&below).await), expected, "{query}");
    }
    let below = "v2/itemSearch/field?field=email&entity_type=person&term=Ada@Example.com";
    assert_eq!(ids(&pipedrive.get(below).await), [1]);
    sleep_ms(SEARCH_WINDOW_MS).await;
    for refused in [
        "v2/persons/search?term=a",
        "v2/persons/search",
        "v2/persons/search?term=ada&fields=shoe_size",
        "v2/itemSearch/field?field=bbb&entity_type=person&term=abc",
        "v2/itemSearch/field?entity_type=person&term=abc",
        "v2/itemSearch/field?field=name&entity_type=robot&term=abc",
    ] {
        let status = pipedrive.call(Method::GET, refused, &Value::Null).await.status;
        assert_eq!(status, 400, "{refused}");
    }
}

#[tokio::test]
async fn search_learns_of_writes_and_deletions_late() {
    let pipedrive = seeded(&json!({ "search_lag_ms": 600 })).await;
    let by_key = async |key: &str| {
        let query = format!("entity_type=person&field={KEY_FIELD}&term={key}");
        ids(&pipedrive.get(&format!("v2/itemSearch/field?{query}")).await)
    };
    let body = json!({ "name": "New", "custom_fields": { KEY_FIELD: "new" } });
    let id = pipedrive.create("persons", &body).await["id"].as_u64().unwrap();
    pipedrive.patch("persons/2", &json!({ "custom_fields": { KEY_FIELD: "xyz" } })).await;
    pipedrive.call(Method::DELETE, "v2/persons/1", &Value::Null).await;
    assert_eq!((by_key("new").await, by_key("abc").await), (vec![], vec![2]));
    assert_eq!(found(&pipedrive.get("v2/persons/search?term=lovelace").await), [1]);
    assert!(ids(&pipedrive.get("v2/persons").await).contains(&id));
    sleep_ms(700).await;
    assert_eq!((by_key("new").await, by_key("abc").await), (vec![id], vec![]));
    assert_eq!(by_key("xyz").await, [2]);
    assert!(found(&pipedrive.get("v2/persons/search?term=lovelace").await).is_empty());
}
