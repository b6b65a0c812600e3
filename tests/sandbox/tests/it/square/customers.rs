//! Customers: reading them, renaming and merging them, and what becomes of their bookings.

use reqwest::Method;
use serde_json::{Value, json};

use super::{Square, error};

async fn start() -> Square {
    let square = Square::start(&json!({ "webhook_subscriptions":
        ["booking.updated", "customer.created", "customer.updated", "customer.deleted"] }))
    .await;
    square.seed(json!([
        { "type": "customer", "id": "C1", "given_name": "Ada", "phone_number": "+12125550100" },
        { "type": "customer", "id": "C2", "given_name": "Adah", "email_address": "a@example.com" },
        { "id": "b1", "start_at": "2026-05-02T10:00:00Z", "customer_id": "C1" },
        { "id": "b2", "start_at": "2026-05-02T10:00:00Z", "customer_id": "C2" },
    ]))
    .await;
    square
}

fn types(told: &Value) -> Vec<&str> {
    told["events"].as_array().unwrap().iter().map(|event| event["type"].as_str().unwrap()).collect()
}

#[tokio::test]
async fn customers_are_read_by_id_and_many_at_once() {
    let square = start().await;
    let one = square.get("v2/customers/C1").await["customer"].clone();
    assert_eq!((&one["given_name"], &one["version"]), (&json!("Ada"), &json!(0)));
    let ids = json!({ "customer_ids": ["C1", "gone"] });
    let (status, bulk) = square.call(Method::POST, "v2/customers/bulk-retrieve", &ids).await;
    assert_eq!((status, &bulk["responses"]["C1"]["customer"]), (200, &one));
    assert_eq!(error(&bulk["responses"]["gone"]).1, "NOT_FOUND");
    assert_eq!(square.refused("v2/customers/gone").await.0, 404);
}

#[tokio::test]
async fn rename_in_the_directory_tells_nothing_of_bookings() {
    let square = start().await;
    let act = json!({ "act": "update", "type": "customer", "id": "C1",
        "properties": { "given_name": "Augusta", "phone_number": null } });
    assert_eq!(types(&square.act(&act).await), ["customer.updated"]);
    let one = square.get("v2/customers/C1").await["customer"].clone();
    assert_eq!((&one["given_name"], &one["version"]), (&json!("Augusta"), &json!(1)));
    assert!(one.get("phone_number").is_none());
    assert_eq!(square.get("v2/bookings/b1").await["booking"]["version"], 0);
}

#[tokio::test]
async fn edit_of_a_booking_changes_its_customer_and_touches_the_booking() {
    let square = start().await;
    let act = json!({ "act": "edit", "id": "b1", "properties": { "given_name": "Augusta" } });
    assert_eq!(types(&square.act(&act).await), ["booking.updated", "customer.updated"]);
    assert_eq!(square.get("v2/customers/C1").await["customer"]["given_name"], "Augusta");
    assert_eq!(square.get("v2/bookings/b1").await["booking"]["version"], 1);
}

#[tokio::test]
async fn merge_gives_a_new_customer_and_leaves_bookings_behind_unless_told_otherwise() {
    for moves in [false, true] {
        let square = start().await;
        let told = square
            .act(&json!({ "act": "merge", "type": "customer", "id": "C1",
            "merge_id": "C2", "properties": { "move_bookings": moves } }))
            .await;
        let id = told["ids"][0].as_str().unwrap();
        let mut expected = vec!["customer.created", "customer.deleted", "customer.deleted"];
        expected.extend(if moves { &["booking.updated"; 2][..] } else { &[] });
        assert_eq!(types(&told), expected);
        let merge = &told["events"][1]["data"]["object"]["event_context"]["merge"];
        assert_eq!(*merge, json!({ "from_customer_ids": ["C1", "C2"], "to_customer_id": id }));
        let one = square.get(&format!("v2/customers/{id}")).await["customer"].clone();
        assert_eq!(
            (&one["given_name"], &one["email_address"]),
            (&json!("Ada"), &json!("a@example.com"))
        );
        assert_eq!(square.refused("v2/customers/C1").await.0, 404);
        let row = square.get("v2/bookings/b2").await["booking"].clone();
        let (customer_id, version) = if moves { (id, 1) } else { ("C2", 0) };
        assert_eq!((&row["customer_id"], &row["version"]), (&json!(customer_id), &json!(version)));
    }
}

#[tokio::test]
async fn customers_come_and_go_by_acts() {
    let square = start().await;
    let create = json!({ "act": "create", "type": "customer",
        "properties": { "id": "C3", "given_name": "Eve" } });
    assert_eq!(types(&square.act(&create).await), ["customer.created"]);
    assert_eq!(square.try_control("portal", &create).await.0, 400, "it exists");
    let delete = json!({ "act": "delete", "type": "customer", "id": "C3" });
    assert_eq!(types(&square.act(&delete).await), ["customer.deleted"]);
    assert_eq!(square.refused("v2/customers/C3").await.0, 404);
    for act in [
        json!({ "act": "merge", "type": "customer", "id": "C1", "merge_id": "C1" }),
        json!({ "act": "merge", "type": "customer", "id": "C1" }),
        json!({ "act": "update", "type": "customer", "id": "C9", "properties": {} }),
        json!({ "act": "cancel", "type": "customer", "id": "C1" }),
        json!({ "act": "update", "type": "customer", "id": "C1", "properties": { "firstName": "x" } }),
    ] {
        assert_eq!(square.try_control("portal", &act).await.0, 400, "{act}");
    }
}
