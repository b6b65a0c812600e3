//! Credentials, errors, and what an account is made of.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use reqwest::Method;
use serde_json::{Value, json};

use super::{ACCOUNT, Acuity, KEY, USER};

const ME: &str = "/acuity/api/v1/me";

#[tokio::test]
async fn credentials_other_than_the_users_are_unauthorized() {
    let acuity = Acuity::start(&json!({})).await;
    assert_eq!(acuity.get("me").await, json!({ "id": 4242 }));
    let basic = |text: &str| format!("Basic {}", STANDARD.encode(text));
    for header in [
        None,
        Some(format!("Bearer {KEY}")),
        Some("Basic !".to_owned()),
        Some(basic(USER)),
        Some(basic(&format!("{USER}:wrong"))),
        Some(basic(&format!("{ACCOUNT}:{KEY}"))),
        Some(basic(&format!("778:{KEY}"))),
    ] {
        let request = acuity.sandbox.bare(Method::GET, ME);
        let request = match &header {
            None => request,
            Some(header) => request.header("authorization", header),
        };
        let response = request.send().await.unwrap();
        assert_eq!(response.status(), 401, "{header:?}");
        let body: Value = response.json().await.unwrap();
        assert_eq!((&body["status_code"], &body["error"]), (&json!(401), &json!("unauthorized")));
        assert!(body["message"].is_string());
    }
    let calls = acuity.shown("calls").await;
    // The right one, and the known user's wrong key; nobody knows whose the others were.
    assert_eq!(calls["totals"]["by_status"], json!({ "200": 1, "401": 1 }));
}

#[tokio::test]
async fn replaced_key_is_no_longer_good() {
    let acuity = Acuity::start(&json!({})).await;
    let account = json!({ "user_id": 777, "api_key": "new" });
    acuity.control("accounts", &account).await;
    assert_eq!(acuity.call(Method::GET, "me", &Value::Null).await.0, 401);
    let with_new = acuity.call_as((USER, "new"), Method::GET, "me", &Value::Null).await;
    assert_eq!(with_new.0, 200);
}

#[tokio::test]
async fn meta_needs_no_credentials() {
    let acuity = Acuity::start(&json!({})).await;
    let response = acuity.sandbox.bare(Method::GET, "/acuity/api/v1/meta").send().await.unwrap();
    assert_eq!(response.status(), 200);
    let meta: Value = response.json().await.unwrap();
    assert_eq!(meta, json!({ "hooks": ["127.0.0.1/32"] }));
}

#[tokio::test]
async fn unknown_paths_ids_and_methods_are_told_in_the_vendors_shape() {
    let acuity = Acuity::start(&json!({})).await;
    for (method, below, status, slug) in [
        (Method::GET, "nothing", 404, "not_found"),
        (Method::GET, "appointments/1", 404, "not_found"),
        (Method::GET, "appointments/one", 404, "not_found"),
        (Method::POST, "calendars", 405, "method_not_allowed"),
        (Method::GET, "webhooks/1", 405, "method_not_allowed"),
        (Method::DELETE, "webhooks/1", 404, "not_found"),
        (Method::GET, "appointments?minDate=next+week", 400, "bad_request"),
        (Method::GET, "appointments?maxDate=2026-02-30", 400, "bad_request"),
        (Method::GET, "appointments?calendarID=Anna", 400, "bad_request"),
    ] {
        let (got, body) = acuity.call(method, below, &Value::Null).await;
        assert_eq!((got, &body["error"]), (status, &json!(slug)), "{below}");
        assert_eq!(body["status_code"], status);
    }
}

#[tokio::test]
async fn faults_take_the_vendors_shape() {
    let acuity = Acuity::start(&json!({})).await;
    for (status, slug) in [(429, "too_many_requests"), (500, "internal_server_error")] {
        acuity.control("faults", &json!({ "fault": "status", "status": status })).await;
        let (got, body) = acuity.call(Method::GET, "appointments", &Value::Null).await;
        assert_eq!((got, &body["error"]), (status, &json!(slug)));
    }
    let hit = json!({ "fault": "html", "match": { "path_prefix": "/api/v1/calendars" } });
    acuity.control("faults", &hit).await;
    assert_eq!(acuity.call(Method::GET, "me", &Value::Null).await.0, 200);
    assert_eq!(acuity.call(Method::GET, "calendars", &Value::Null).await.0, 502);
}

#[tokio::test]
async fn lists_leave_out_what_was_deleted() {
    let acuity = Acuity::start(&json!({})).await;
    let calendars = acuity.get("calendars").await;
    let seen: Vec<(&Value, &Value)> = calendars
        .as_array()
        .unwrap()
        .iter()
        .map(|calendar| (&calendar["id"], &calendar["timezone"]))
        .collect();
    assert_eq!(seen, [(&json!(1), &json!("America/Denver")), (&json!(2), &json!("Asia/Kolkata"))]);
    let types = acuity.get("appointment-types").await;
    assert_eq!(types[0]["duration"], 30);
    assert_eq!((&types[1]["type"], &types[1]["calendarIDs"]), (&json!("class"), &json!([1, 2])));
}

#[tokio::test]
async fn user_of_one_calendar_sees_no_other() {
    let users = json!([{ "user_id": "778", "api_key": "ben", "calendar_ids": [2] }]);
    let acuity = Acuity::start(&json!({ "users": users })).await;
    let at = "2026-05-12T12:00:00Z";
    acuity
        .seed(json!([{ "id": 1, "datetime": at, "calendarID": 1 },
                     { "id": 2, "datetime": at, "calendarID": 2 }]))
        .await;
    let ben = |below: &'static str| {
        let acuity = &acuity;
        async move { acuity.call_as(("778", "ben"), Method::GET, below, &Value::Null).await }
    };
    let (_, rows) = ben("appointments").await;
    assert_eq!((rows.as_array().unwrap().len(), &rows[0]["id"]), (1, &json!(2)));
    assert_eq!(ben("appointments/2").await.0, 200);
    let (status, body) = ben("appointments/1").await;
    assert_eq!((status, &body["error"]), (403, &json!("forbidden")));
    assert_eq!(ben("appointments?calendarID=1").await.0, 403);
    assert_eq!(ben("calendars").await.1.as_array().unwrap().len(), 1);
}

#[tokio::test]
async fn accounts_that_could_not_be_are_refused() {
    let acuity = Acuity::start(&json!({})).await;
    for (account, text) in [
        (json!({ "account": "9" }), "api_key"),
        (json!({ "account": "x", "api_key": "k" }), "decimal"),
        (json!({ "account": "9", "user_id": "ann", "api_key": "k" }), "user_id"),
        (json!({ "account": "9", "user_id": USER, "api_key": "k" }), "same `user_id`"),
        (json!({ "account": "9", "api_key": "k", "access_token": "t" }), "only"),
        (json!({ "account": "9", "api_key": "k", "time_zone": "Mars/Base" }), "time zone"),
        (json!({ "account": "9", "api_key": "k", "calendars": [] }), "must not be empty"),
        (json!({ "account": "9", "api_key": "k", "max_rows": 0 }), "max_rows"),
        (json!({ "account": "9", "api_key": "k", "webhook_subscriptions": ["x"] }), "unknown"),
        (
            json!({ "account": "9", "api_key": "k",
            "users": [{ "user_id": "9", "api_key": "l" }] }),
            "of their own",
        ),
        (json!({ "system": "hubspot", "account": "9" }), "access_token"),
        (
            json!({ "system": "hubspot", "account": "9", "access_token": "t", "api_key": "k" }),
            "no `api_key`",
        ),
    ] {
        let (status, told) = acuity.try_control("accounts", &account).await;
        assert_eq!(status, 400, "{account}");
        assert!(told["error"].as_str().unwrap().contains(text), "{told}");
    }
}
