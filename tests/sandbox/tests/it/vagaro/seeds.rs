//! What is put into an account from outside.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use super::{ACCOUNT, SECOND, Vagaro};

#[tokio::test]
async fn seeded_ids_are_numbers_or_text_and_opaque_if_absent() {
    let vagaro = Vagaro::start(&json!({})).await;
    let at = "2026-05-12T14:00:00.250-06:00";
    let told = vagaro
        .seed(json!([{ "appointmentId": 101, "startTime": at },
            { "appointmentId": "102", "startTime": at, "endTime": "2026-05-12T20:30:00Z" },
            { "startTime": at, "customer": { "customerFirstName": "Ada" } }]))
        .await;
    assert_eq!((&told["ids"][0], &told["ids"][1]), (&json!("101"), &json!("102")));
    let drawn = told["ids"][2].as_str().unwrap();
    assert!(drawn.contains('~') && drawn.ends_with("=="), "{drawn}");
    assert_eq!(vagaro.appointment("101").await["startTime"], "2026-05-12T20:00:00.25Z");
    assert_eq!(vagaro.appointment("102").await["endTime"], "2026-05-12T20:30:00Z");
    assert_eq!(vagaro.appointment("101").await["customerId"], Value::Null);
    assert!(vagaro.appointment(drawn).await["customerId"].is_string());
    let objects = vagaro.shown("objects").await;
    let with_customer =
        objects["objects"].as_array().unwrap().iter().find(|row| row["appointmentId"] == drawn);
    assert_eq!(with_customer.unwrap()["customer"]["customerFirstName"], "Ada");
    vagaro.control("reset", &json!({})).await;
    assert_eq!(vagaro.shown("objects").await["total"], 0);
}

#[tokio::test]
async fn seeds_that_cannot_be_are_refused_and_store_nothing() {
    let vagaro = Vagaro::start(&json!({})).await;
    let at = "2026-05-12T14:00:00Z";
    for (object, text) in [
        (json!({}), "`startTime` is missing"),
        (json!({ "startTime": "2026-05-12T14:00:00" }), "must be a time"),
        (json!({ "startTime": at, "endTime": "2026-05-12T13:00:00Z" }), "before"),
        (json!({ "startTime": at, "bookingStatus": "Lost" }), "bookingStatus"),
        (json!({ "startTime": at, "datetime": at }), "`datetime` can't be set"),
        (json!({ "startTime": at, "amount": "5" }), "wrong type"),
        (json!({ "startTime": at, "appointmentId": "a b" }), "`appointmentId`"),
        (json!({ "startTime": at, "customer": { "firstName": "Ada" } }), "`firstName`"),
        (json!({ "startTime": at, "type": "contact" }), "`type`"),
        (json!("x"), "must be an object"),
    ] {
        let objects = json!([{ "startTime": at }, object]);
        let (status, told) = vagaro.try_control("seed", &json!({ "objects": objects })).await;
        assert_eq!(status, 400, "{object}");
        let error = told["error"].as_str().unwrap();
        assert!(error.contains("objects[1]") && error.contains(text), "{told}");
    }
    assert_eq!(vagaro.shown("objects").await["total"], 0);
}

#[tokio::test]
async fn customer_id_without_a_customer_leads_to_nobody() {
    let vagaro = Vagaro::start(&json!({})).await;
    let at = "2026-05-12T14:00:00Z";
    vagaro
        .seed(json!([{ "appointmentId": 1, "startTime": at, "customerId": 7 },
            { "type": "customer", "customerId": 8, "businessIds": [SECOND], "city": "Rome" },
            { "appointmentId": 2, "startTime": at, "customerId": "8", "raw": {
                "bookingStatus": "Teleported", "endTime": null } }]))
        .await;
    assert_eq!(vagaro.appointment("1").await["customerId"], "7");
    let by_id = |id: &str| json!({ "businessId": ACCOUNT, "customerId": id });
    assert_eq!(vagaro.rows("customers", &by_id("7")).await, Vec::<Value>::new());
    let rows = vagaro.rows("customers", &by_id("8")).await;
    assert_eq!(
        (&rows[0]["city"], &rows[0]["businessIds"]),
        (&json!("Rome"), &json!([SECOND, ACCOUNT]))
    );
    let broken = vagaro.appointment("2").await;
    assert_eq!(broken["bookingStatus"], "Teleported");
    assert!(broken.get("endTime").is_none());
}

#[tokio::test]
async fn generated_appointments_are_of_the_orders_days_states_and_people() {
    let vagaro = Vagaro::start(&json!({ "time_zone": "America/Denver" })).await;
    let order = json!({ "from_date": "2026-05-12", "days": 4, "per_day": 25, "first_id": 1000,
        "clients": 10, "calendars": [1, "2"], "appointment_types": [11, 12],
        "canceled_percent": 8, "no_show_percent": 2, "completed_percent": 30, "duration": 45 });
    let told = vagaro.control("seed", &json!({ "generate": order })).await;
    assert_eq!((&told["seeded"], &told["ids"][99]), (&json!(100), &json!("1099")));
    let shown = vagaro.shown("objects").await;
    let rows = shown["objects"].as_array().unwrap();
    let of = |name: &str, value: &str| rows.iter().filter(|row| row[name] == value).count();
    let states = ["Cancel", "No Show", "Service Complete", "Accepted"];
    assert_eq!(states.map(|state| of("bookingStatus", state)), [8, 2, 30, 60]);
    assert_eq!(of("serviceProviderId", "1") + of("serviceProviderId", "2"), 100);
    assert!(of("businessId", ACCOUNT) >= 48 && of("businessId", SECOND) >= 48);
    let people: BTreeSet<&str> =
        rows.iter().map(|row| row["customer"]["email"].as_str().unwrap()).collect();
    assert_eq!(people.len(), 10);
    let first = rows.iter().find(|row| row["appointmentId"] == "1000").unwrap();
    assert_eq!(first["startTime"], "2026-05-12T14:00:00Z");
    assert_eq!(first["endTime"], "2026-05-12T14:45:00Z");
    let days: BTreeSet<&str> = rows
        .iter()
        .map(|row| row["startTime"].as_str().unwrap().split('T').next().unwrap())
        .collect();
    assert!(days.contains("2026-05-15"), "{days:?}");
}

#[tokio::test]
async fn generated_classes_share_start_and_event_and_ids_are_opaque_by_default() {
    let vagaro = Vagaro::start(&json!({})).await;
    let order = json!({ "from_date": "2026-05-12", "days": 1, "per_day": 6, "attendees": 3 });
    vagaro.control("seed", &json!({ "generate": order })).await;
    let shown = vagaro.shown("objects").await;
    let rows = shown["objects"].as_array().unwrap();
    let of = |name: &str| rows.iter().map(|row| row[name].to_string()).collect::<BTreeSet<_>>();
    assert_eq!((of("startTime").len(), of("calendarEventId").len()), (2, 2));
    assert_eq!((of("customerId").len(), of("eventType").len()), (6, 1));
    assert!(rows.iter().all(|row| row["appointmentId"].as_str().unwrap().contains('~')));
    for refused in [
        json!({ "from_date": "2026-05-12", "days": 0, "per_day": 6 }),
        json!({ "from_date": "2026-05-12", "days": 1, "per_day": 6, "attendees": 0 }),
        json!({ "from_date": "2026-05-12", "days": 1, "per_day": 6, "calendars": [] }),
        json!({ "from_date": "2026-05-12", "days": 1, "per_day": 6, "canceled_percent": 101 }),
        json!({ "from_date": "2026-05-12", "days": 1, "per_day": 6, "labels": true }),
    ] {
        let (status, told) = vagaro.try_control("seed", &json!({ "generate": refused })).await;
        assert_eq!(status, 400, "{told}");
    }
}
