//! Locations, appointments by id and by customer, customers.

use serde_json::{Value, json};

use super::{ACCOUNT, SECOND, Vagaro};

async fn start() -> Vagaro {
    let vagaro = Vagaro::start(&json!({})).await;
    let rows = (0..7).map(|number| {
        json!({ "appointmentId": format!("a{number}"), "customerId": "Cu+/~=",
            "startTime": format!("2026-05-1{}T14:00:00Z", 6 - number),
            "customer": { "customerFirstName": "Ada", "email": "ada@example.com" } })
    });
    let mut objects: Vec<Value> = rows.collect();
    objects[0]["businessId"] = json!(SECOND);
    vagaro.seed(json!(objects)).await;
    vagaro
}

fn ids(rows: &[Value]) -> Vec<&str> {
    rows.iter().map(|row| row["appointmentId"].as_str().unwrap()).collect()
}

#[tokio::test]
async fn locations_are_listed_with_their_ids() {
    let vagaro = start().await;
    let rows = vagaro.rows("locations", &json!({})).await;
    let found: Vec<&Value> = rows.iter().map(|row| &row["businessId"]).collect();
    assert_eq!(found, [&json!(SECOND), &json!(ACCOUNT)]);
    assert_eq!(rows[0]["businessName"], "Uptown");
    assert_eq!(rows[0]["businessGroupId"], rows[1]["businessGroupId"]);
}

#[tokio::test]
async fn appointment_is_found_by_its_id_at_its_own_location_only() {
    let vagaro = start().await;
    let row = vagaro.appointment("a1").await;
    for (name, expected) in [
        ("appointmentId", json!("a1")),
        ("businessId", json!(ACCOUNT)),
        ("customerId", json!("Cu+/~=")),
        ("startTime", json!("2026-05-15T14:00:00Z")),
        ("endTime", json!("2026-05-15T15:00:00Z")),
        ("bookingStatus", json!("Accepted")),
        ("eventType", json!("Appointment")),
        ("calendarEventId", Value::Null),
    ] {
        assert_eq!(row[name], expected, "{name}");
    }
    for personal in ["customer", "customerFirstName", "email", "mobilePhone"] {
        assert!(row.get(personal).is_none(), "{personal}");
    }
    for body in [
        json!({ "businessId": SECOND, "appointmentId": "a1" }),
        json!({ "businessId": "other", "appointmentId": "a1" }),
        json!({ "businessId": ACCOUNT, "appointmentId": "A1" }),
        json!({ "businessId": ACCOUNT, "appointmentId": "a1", "customerId": "cu+/~=" }),
        json!({ "businessId": ACCOUNT.to_lowercase(), "appointmentId": "a1" }),
    ] {
        assert_eq!(vagaro.rows("appointments", &body).await, Vec::<Value>::new(), "{body}");
    }
    let elsewhere = json!({ "businessId": SECOND, "appointmentId": "a0" });
    assert_eq!(ids(&vagaro.rows("appointments", &elsewhere).await), ["a0"]);
}

#[tokio::test]
async fn customers_history_comes_in_pages_until_a_short_one() {
    let vagaro = start().await;
    let body = json!({ "businessId": ACCOUNT, "customerId": "Cu+/~=" });
    for (query, expected) in [
        ("", vec!["a6", "a5", "a4", "a3", "a2", "a1"]),
        ("?pageNumber=1&pageSize=4&orderBy=asc", vec!["a6", "a5", "a4", "a3"]),
        ("?pageNumber=2&pageSize=4&orderBy=asc", vec!["a2", "a1"]),
        ("?pageNumber=3&pageSize=4&orderBy=asc", vec![]),
        ("?pageNumber=1&pageSize=2&orderBy=desc", vec!["a1", "a2"]),
    ] {
        let rows = vagaro.rows(&format!("appointments{query}"), &body).await;
        assert_eq!(ids(&rows), expected, "{query}");
    }
}

#[tokio::test]
async fn reads_without_what_they_need_are_refused_by_code() {
    let vagaro = start().await;
    let by_id = json!({ "businessId": ACCOUNT, "appointmentId": "a1" });
    for (below, body, code) in [
        ("appointments", json!({ "businessId": ACCOUNT }), 1003),
        ("appointments", json!({ "businessId": ACCOUNT, "appointmentId": "" }), 1003),
        ("appointments", json!({ "businessId": ACCOUNT, "startDate": "2026-05-15" }), 1003),
        ("appointments", json!({ "appointmentId": "a1" }), 1003),
        ("appointments", json!({ "businessId": ACCOUNT, "appointmentId": 1 }), 1003),
        ("appointments", json!([]), 1003),
        ("customers", json!({ "businessId": ACCOUNT }), 1003),
        ("appointments?pageNumber=0", by_id.clone(), 1051),
        ("appointments?pageSize=101", by_id.clone(), 1051),
        ("appointments?pageSize=many", by_id.clone(), 1051),
        ("appointments?orderBy=startTime", by_id.clone(), 1051),
    ] {
        let (status, told) = vagaro.call(below, &body).await;
        assert_eq!((status, &told["responseCode"]), (400, &json!(code)), "{below} {body}");
    }
    let settings = json!({ "region": "us02", "client_id": "id", "client_secret": "secret",
        "rate_limit_per_s": 1000, "response_statuses": { "1003": 200, "1051": 422 } });
    vagaro.control("accounts", &settings).await;
    let (status, told) = vagaro.call("appointments", &json!({ "businessId": ACCOUNT })).await;
    assert_eq!((status, &told["responseCode"]), (200, &json!(1003)));
    assert_eq!(vagaro.call("appointments?pageNumber=0", &by_id).await.0, 422);
}

#[tokio::test]
async fn customer_is_found_at_the_locations_that_it_belongs_to() {
    let vagaro = start().await;
    for business in [ACCOUNT, SECOND] {
        let body = json!({ "businessId": business, "customerId": "Cu+/~=" });
        let rows = vagaro.rows("customers", &body).await;
        assert_eq!(rows[0]["customerFirstName"], "Ada");
        assert_eq!(rows[0]["email"], "ada@example.com");
        assert_eq!(rows[0]["mobilePhone"], Value::Null);
        assert_eq!(rows[0]["businessIds"], json!([SECOND, ACCOUNT]));
    }
    for body in [
        json!({ "businessId": ACCOUNT, "customerId": "nobody" }),
        json!({ "businessId": "other", "customerId": "Cu+/~=" }),
    ] {
        assert_eq!(vagaro.rows("customers", &body).await, Vec::<Value>::new(), "{body}");
    }
    let calls = vagaro.shown("calls").await;
    assert_eq!(calls["totals"]["by_route"]["POST /{region}/api/v2/customers"], 4);
    assert_eq!(calls["totals"]["writes"], 0);
}
