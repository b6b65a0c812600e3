//! Lists: filters, sorting, pages.

use reqwest::Method;
use serde_json::{Value, json};

use super::{KEY_FIELD, Pipedrive, ids};

async fn seeded() -> Pipedrive {
    let pipedrive = Pipedrive::start(&json!({})).await;
    let person = |id: u64, minute: u64| {
        json!({ "id": id, "name": format!("P{id}"), "add_time": "2026-01-01T00:00:00Z",
            "update_time": format!("2026-01-02T00:{minute:02}:00Z"),
            "custom_fields": { KEY_FIELD: "k" } })
    };
    let minutes = [(1, 30), (2, 10), (3, 20), (4, 20), (5, 40)];
    let persons: Vec<Value> = minutes.iter().map(|(id, minute)| person(*id, *minute)).collect();
    pipedrive.seed(json!(persons)).await;
    pipedrive
}

/// All ids, page by page.
async fn paged(pipedrive: &Pipedrive, query: &str) -> Vec<u64> {
    let mut all = Vec::new();
    let mut cursor = String::new();
    loop {
        let page = pipedrive.get(&format!("v2/persons?limit=2&{query}{cursor}")).await;
        all.extend(ids(&page));
        match page["additional_data"]["next_cursor"].as_str() {
            None => return all,
            Some(next) => cursor = format!("&cursor={next}"),
        }
    }
}

#[tokio::test]
async fn pages_cover_all_rows_once_in_every_order() {
    let pipedrive = seeded().await;
    assert_eq!(paged(&pipedrive, "").await, [1, 2, 3, 4, 5]);
    assert_eq!(paged(&pipedrive, "sort_by=update_time").await, [2, 3, 4, 1, 5]);
    let falling = paged(&pipedrive, "sort_by=update_time&sort_direction=desc").await;
    assert_eq!(falling, [5, 1, 4, 3, 2]);
    assert_eq!(paged(&pipedrive, "sort_by=add_time&sort_direction=desc").await, [5, 4, 3, 2, 1]);
}

#[tokio::test]
async fn page_that_is_fetched_while_rows_change_goes_on_at_its_cursor() {
    let pipedrive = seeded().await;
    let first = pipedrive.get("v2/persons?limit=2&sort_by=update_time").await;
    assert_eq!(ids(&first), [2, 3]);
    pipedrive.patch("persons/4", &json!({ "name": "later" })).await;
    let cursor = first["additional_data"]["next_cursor"].as_str().unwrap();
    let rest = pipedrive.get(&format!("v2/persons?sort_by=update_time&cursor={cursor}")).await;
    assert_eq!(ids(&rest), [1, 5, 4]);
}

#[tokio::test]
async fn updated_since_takes_its_instant_in_and_until_leaves_it_out() {
    let pipedrive = seeded().await;
    let since = "updated_since=2026-01-02T00:20:00Z";
    assert_eq!(paged(&pipedrive, since).await, [1, 3, 4, 5]);
    let both = format!("{since}&updated_until=2026-01-02T00:30:00Z&sort_by=update_time");
    assert_eq!(paged(&pipedrive, &both).await, [3, 4]);
}

#[tokio::test]
async fn ids_that_are_missing_or_deleted_are_left_out() {
    let pipedrive = seeded().await;
    pipedrive.call(Method::DELETE, "v2/persons/3", &Value::Null).await;
    let found = pipedrive.get("v2/persons?ids=5,3,99,1").await;
    assert_eq!(ids(&found), [1, 5]);
    assert_eq!(found["data"][0]["custom_fields"], json!({ KEY_FIELD: "k" }));
    let narrowed = pipedrive.get("v2/persons?ids=1&custom_fields=other").await;
    assert!(narrowed["data"][0]["custom_fields"].is_null());
    let many: Vec<String> = (1..=101).map(|id: u32| id.to_string()).collect();
    let below = format!("v2/persons?ids={}", many.join(","));
    assert_eq!(pipedrive.call(Method::GET, &below, &Value::Null).await.status, 400);
}

#[tokio::test]
async fn deals_are_narrowed_by_status_and_links() {
    let pipedrive = seeded().await;
    pipedrive
        .seed(json!([
            { "type": "deal", "id": 1, "title": "a", "person_id": 1 },
            { "type": "deal", "id": 2, "title": "b", "status": "won", "person_id": 2 },
            { "type": "deal", "id": 3, "title": "c", "status": "lost" },
            { "type": "deal", "id": 4, "title": "d", "is_deleted": true },
            { "type": "deal", "id": 5, "title": "e", "is_archived": true }]))
        .await;
    for (query, expected) in [
        ("", &[1, 2, 3][..]),
        ("status=won,lost", &[2, 3]),
        ("status=deleted", &[4]),
        ("person_id=2", &[2]),
        ("status=open&stage_id=1", &[1]),
        ("stage_id=2", &[]),
    ] {
        assert_eq!(ids(&pipedrive.get(&format!("v2/deals?{query}")).await), expected, "{query}");
    }
    assert_eq!(ids(&pipedrive.get("v2/persons?deal_id=2").await), [2]);
}

#[tokio::test]
async fn parameters_that_make_no_sense_are_refused() {
    let pipedrive = seeded().await;
    let first = pipedrive.get("v2/persons?limit=1").await;
    let of_ids = first["additional_data"]["next_cursor"].as_str().unwrap().to_owned();
    for query in [
        "limit=501",
        "limit=0",
        "limit=x",
        "sort_by=name",
        "sort_direction=up",
        "updated_since=yesterday",
        "cursor=abc",
        "ids=1,x",
        &format!("sort_by=update_time&cursor={of_ids}"),
    ] {
        let below = format!("v2/persons?{query}");
        assert_eq!(pipedrive.call(Method::GET, &below, &Value::Null).await.status, 400, "{query}");
    }
    assert_eq!(pipedrive.call(Method::GET, "v2/deals?status=x", &Value::Null).await.status, 400);
}
