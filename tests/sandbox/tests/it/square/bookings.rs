//! Bookings as they are put in, and read one by one and many at once.

use reqwest::Method;
use serde_json::{Value, json};

use super::{ACCOUNT, Square, error};

async fn booking(square: &Square, id: &str) -> Value {
    square.get(&format!("v2/bookings/{id}")).await["booking"].clone()
}

#[tokio::test]
async fn minimal_booking_has_the_sellers_usual_in_all_else() {
    let square = Square::start(&json!({})).await;
    let seeded = square.seed(json!([{ "id": 101, "start_at": "2026-05-02T10:00:00-06:00" }])).await;
    assert_eq!((&seeded["seeded"], &seeded["ids"]), (&json!(1), &json!(["101"])));
    let row = booking(&square, "101").await;
    for (name, expected) in [
        ("version", json!(0)),
        ("status", json!("ACCEPTED")),
        ("start_at", json!("2026-05-02T16:00:00Z")),
        ("location_id", json!("NORTH")),
        ("customer_id", Value::Null),
        ("all_day", json!(false)),
        (
            "appointment_segments",
            json!([{ "team_member_id": "ANNA", "any_team_member": false,
            "service_variation_id": "CUT", "duration_minutes": 30, "service_variation_version": 5 }]),
        ),
    ] {
        assert_eq!(row[name], expected, "{name}");
    }
}

#[tokio::test]
async fn seed_takes_every_member_and_refuses_a_misspelt_one() {
    let square = Square::start(&json!({})).await;
    square.seed(json!([{
        "id": "b1", "start_at": "2026-05-02T10:00:00Z", "version": 7, "status": "PENDING",
        "created_at": "2026-04-01T00:00:00Z", "updated_at": "2026-04-02T00:00:00Z",
        "customer": { "given_name": "Ada", "family_name": "", "email_address": "a@example.com" },
        "service_variation_id": "DYE", "duration_minutes": 45, "team_member_id": "BEN",
        "customer_note": "by the window",
        "raw": { "location_type": null, "status": "RESCHEDULED_BY_CAT" },
    }]))
    .await;
    let row = booking(&square, "b1").await;
    assert_eq!((&row["version"], &row["status"]), (&json!(7), &json!("RESCHEDULED_BY_CAT")));
    assert_eq!(row["updated_at"], "2026-04-02T00:00:00Z");
    let segment = &row["appointment_segments"][0];
    assert_eq!(
        (
            &segment["duration_minutes"],
            &segment["team_member_id"],
            &segment["service_variation_id"]
        ),
        (&json!(45), &json!("BEN"), &json!("DYE"))
    );
    assert!(row.get("location_type").is_none() && row["customer_note"] == "by the window");
    let customer =
        square.get(&format!("v2/customers/{}", row["customer_id"].as_str().unwrap())).await;
    assert_eq!(customer["customer"]["given_name"], "Ada");
    assert!(customer["customer"].get("family_name").is_none(), "blank is nothing");
    let start_at = "2026-05-02T10:00:00Z";
    for object in [
        json!({ "id": "x" }),
        json!({ "start_at": "soon" }),
        json!({ "start_at": start_at, "stauts": "PENDING" }),
        json!({ "start_at": start_at, "status": "GONE" }),
        json!({ "start_at": start_at, "customer": { "firstName": "Ada" } }),
        json!({ "start_at": start_at, "customer": {}, "customer_id": "C" }),
        json!({ "start_at": start_at, "id": "x".repeat(37) }),
        json!({ "type": "order" }),
    ] {
        let order = json!({ "objects": [{ "id": "good", "start_at": start_at }, object] });
        let (status, told) = square.try_control("seed", &order).await;
        assert_eq!(status, 400, "{object}");
        assert!(told["error"].as_str().unwrap().starts_with("objects[1]"), "{told}");
    }
    assert_eq!(square.refused("v2/bookings/good").await.0, 404, "all or none");
}

#[tokio::test]
async fn seeding_again_replaces_even_with_an_older_version() {
    let square = Square::start(&json!({})).await;
    for version in [3, 2] {
        square
            .seed(json!([{ "id": "b", "start_at": "2026-05-02T10:00:00Z", "version": version }]))
            .await;
        assert_eq!(booking(&square, "b").await["version"], version);
    }
}

#[tokio::test]
async fn generate_makes_the_same_bookings_each_time_by_acuitys_order() {
    let square = Square::start(&json!({})).await;
    let order = json!({ "from_date": "2026-05-04", "days": 2, "per_day": 50, "clients": 7,
        "first_id": 1000, "canceled_percent": 10, "no_show_percent": 4, "duration": 45,
        "calendars": ["BEN"], "appointment_types": ["DYE"], "forms": true });
    let mut made = Vec::new();
    for _ in 0..2 {
        square.control("reset", &json!({})).await;
        let told = square.control("seed", &json!({ "generate": order })).await;
        assert_eq!((&told["seeded"], &told["ids"][99]), (&json!(100), &json!("1099")));
        let mut rows = square.shown("objects").await["objects"].as_array().unwrap().clone();
        for row in &mut rows {
            row["customer"] = row["customer"]["given_name"].clone();
            row["updated_at"] = Value::Null;
            row["created_at"] = Value::Null;
        }
        made.push(rows);
    }
    assert_eq!(made[0], made[1]);
    let count = |wanted: &str| {
        made[0].iter().filter(|row| row["status"].as_str().unwrap().starts_with(wanted)).count()
    };
    assert_eq!([count("NO_SHOW"), count("CANCELLED_BY"), count("ACCEPTED")], [4, 10, 86]);
    // Eight in the morning in Denver.
    assert_eq!(made[0][0]["start_at"], "2026-05-04T14:00:00Z");
    let segment = &made[0][0]["appointment_segments"][0];
    assert_eq!(
        (&segment["team_member_id"], &segment["duration_minutes"]),
        (&json!("BEN"), &json!(45))
    );
    let customers = square
        .sandbox
        .get_json(&format!("/_control/objects?system=square&account={ACCOUNT}&type=customer"))
        .await;
    assert_eq!(customers["total"], 7);
    assert_eq!(customers["objects"][0]["email_address"], "client0@example.com");
    let told = square
        .control(
            "seed",
            &json!({ "generate": {
        "from_date": "2026-06-04", "days": 1, "per_day": 3 } }),
        )
        .await;
    let id = told["ids"][0].as_str().unwrap();
    assert!(id.len() == 14 && id.parse::<u64>().is_err(), "ids look like the vendor's: {id}");
    for bad in [
        json!({ "days": 0 }),
        json!({ "clients": 0 }),
        json!({ "canceled_percent": 101 }),
        json!({ "x": 1 }),
    ] {
        let mut order = order.clone();
        order.as_object_mut().unwrap().extend(bad.as_object().unwrap().clone());
        assert_eq!(square.try_control("seed", &json!({ "generate": order })).await.0, 400, "{bad}");
    }
}

#[tokio::test]
async fn bulk_retrieve_answers_each_id_by_itself() {
    let square = Square::start(&json!({ "square": { "bulk_max": 3 } })).await;
    square.seed_at(&[("a", "2026-05-02T10:00:00Z"), ("b", "2019-05-02T10:00:00Z")]).await;
    let path = "v2/bookings/bulk-retrieve";
    let ids = json!({ "booking_ids": ["a", "nobody", "b"] });
    let (status, body) = square.call(Method::POST, path, &ids).await;
    assert_eq!((status, body["bookings"].as_object().unwrap().len()), (200, 3));
    assert_eq!(body["bookings"]["a"], square.get("v2/bookings/a").await);
    assert_eq!(body["bookings"]["b"]["booking"]["id"], "b");
    assert!(body["bookings"]["nobody"].get("booking").is_none());
    assert_eq!(error(&body["bookings"]["nobody"]).1, "NOT_FOUND");
    for (body, code) in [
        (json!({ "booking_ids": ["a", "b", "c", "d"] }), "ARRAY_LENGTH_TOO_LONG"),
        (json!({ "booking_ids": [] }), "ARRAY_EMPTY"),
        (json!({ "booking_ids": "a" }), "EXPECTED_ARRAY"),
        (json!({ "booking_ids": [1] }), "INVALID_ARRAY_VALUE"),
        (json!({}), "MISSING_REQUIRED_PARAMETER"),
        (json!({ "ids": [] }), "UNKNOWN_BODY_PARAMETER"),
        (json!("a"), "EXPECTED_JSON_BODY"),
    ] {
        let (status, told) = square.call(Method::POST, path, &body).await;
        assert_eq!((status, error(&told).1.as_str()), (400, code), "{body}");
    }
}

#[tokio::test]
async fn reset_drops_bookings_and_keeps_the_accounts_customers() {
    let square = Square::start(&json!({ "square": {
        "customers": [{ "id": "C1", "given_name": "Ada" }] } }))
    .await;
    square.seed_at(&[("a", "2026-05-02T10:00:00Z")]).await;
    square.seed(json!([{ "type": "customer", "id": "C2" }])).await;
    square.control("reset", &json!({})).await;
    assert_eq!(square.refused("v2/bookings/a").await.0, 404);
    assert_eq!(square.refused("v2/customers/C2").await.0, 404);
    square.get("v2/customers/C1").await;
}
