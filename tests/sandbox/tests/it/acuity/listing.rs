//! The parameters of the list, one by one.

use reqwest::Method;
use serde_json::{Value, json};

use super::Acuity;

async fn with_three_states() -> Acuity {
    let acuity = Acuity::start(&json!({})).await;
    let health = json!([{ "id": 1, "name": "Health", "values": [
        { "id": 5, "fieldID": 1234, "name": "Allergies", "value": "Hello" }] }]);
    acuity
        .seed(json!([
            { "id": 1, "datetime": "2026-05-12T09:00:00-0600", "calendarID": 1,
              "appointmentTypeID": 7, "firstName": "Ada", "lastName": "Byron",
              "email": "Ada@example.com", "phone": "+15551234", "forms": health },
            { "id": 2, "datetime": "2026-05-13T09:00:00-0600", "calendarID": 2,
              "appointmentTypeID": 8, "canceled": true },
            { "id": 3, "datetime": "2026-05-14T09:00:00-0600", "calendarID": 3,
              "appointmentTypeID": 7, "noShow": true, "firstName": "Ada" },
            { "id": 4, "datetime": "2026-05-15T09:00:00-0600", "calendarID": 99,
              "appointmentTypeID": 98 },
        ]))
        .await;
    acuity
}

#[tokio::test]
async fn parameters_filter_as_documented_and_others_do_nothing() {
    let acuity = with_three_states().await;
    for (query, expected) in [
        ("", vec![4, 1]),
        ("?direction=ASC", vec![1, 4]),
        ("?direction=asc", vec![1, 4]),
        ("?direction=up", vec![4, 1]),
        ("?canceled=true", vec![3, 2]),
        ("?canceled=false", vec![4, 1]),
        ("?showall=true", vec![4, 3, 2, 1]),
        ("?showall=true&canceled=true", vec![4, 3, 2, 1]),
        ("?cancelled=true&limit=1&offset=1&page=2", vec![4, 1]),
        ("?showall=1&max=2", vec![4, 3]),
        ("?showall=1&max=2&direction=ASC", vec![1, 2]),
        ("?max=0", vec![4, 1]),
        ("?max=many", vec![4, 1]),
        ("?max=1&max=2", vec![4, 1]),
        ("?showall=true&calendarID=2", vec![2]),
        ("?showall=true&calendarID=99", vec![4]),
        ("?showall=true&calendarID=", vec![4, 3, 2, 1]),
        ("?showall=true&appointmentTypeID=7", vec![3, 1]),
        ("?showall=true&firstName=ada", vec![3, 1]),
        ("?showall=true&firstName=ada&lastName=Byron", vec![1]),
        ("?email=ada%40example.com", vec![1]),
        ("?phone=%2b15551234", vec![1]),
        ("?phone=+15551234", vec![]),
        ("?field:1234=Hello", vec![1]),
        ("?field%3A1234=Bye", vec![]),
        ("?field:1235=Hello", vec![]),
        ("?minDate=2026-05-13&maxDate=2026-05-14&showall=true", vec![3, 2]),
        ("?minDate=2026-05-13T23:00&maxDate=2026-05-14T01:00&showall=true", vec![3, 2]),
        ("?minDate=2026-05-14&maxDate=2026-05-13&showall=true", vec![]),
        ("?minDate=2026-05-13", vec![4]),
        ("?maxDate=2026-05-14", vec![1]),
        ("?minTime=2026-05-13T00:00:00Z", vec![4, 1]),
    ] {
        assert_eq!(acuity.ids(query).await, expected, "{query}");
    }
}

#[tokio::test]
async fn rows_have_the_vendors_shape_with_and_without_forms() {
    let acuity = with_three_states().await;
    let whole = acuity.get("appointments?maxDate=2026-05-12").await[0].clone();
    assert_eq!(whole["forms"][0]["values"][0]["value"], "Hello");
    assert!(whole["formsText"].as_str().unwrap().contains("Hello"));
    for (name, expected) in [
        ("datetime", json!("2026-05-12T09:00:00-0600")),
        ("time", json!("9:00am")),
        ("endTime", json!("9:30am")),
        ("duration", json!("30")),
        ("price", json!("25.00")),
        ("amountPaid", json!("0.00")),
        ("calendar", json!("Anna")),
        ("type", json!("Cut")),
        ("canceled", json!(false)),
        ("classID", Value::Null),
        ("labels", Value::Null),
    ] {
        assert_eq!(whole[name], expected, "{name}");
    }
    assert!(whole.get("noShow").is_none());
    let bare = acuity.get("appointments?maxDate=2026-05-12&excludeForms=true").await[0].clone();
    assert!(bare.get("forms").is_none());
    assert!(!bare.to_string().contains("Hello"));
    let missed = acuity.get("appointments/3").await;
    assert_eq!((&missed["canceled"], &missed["noShow"]), (&json!(true), &json!(true)));
    let elsewhere = acuity.get("appointments/2").await;
    assert_eq!(elsewhere["datetime"], "2026-05-13T20:30:00+0530");
    assert_eq!(acuity.get("appointments/1?pastFormAnswers=true").await["id"], 1);
}

#[tokio::test]
async fn date_filter_is_on_the_business_clock_and_not_on_the_calendars() {
    let acuity = Acuity::start(&json!({})).await;
    // In Denver the evening of the 12th; in Kolkata, where Ben is, the morning of the 13th.
    acuity.seed(json!([{ "id": 1, "datetime": "2026-05-13T02:00:00Z", "calendarID": 2 }])).await;
    assert_eq!(acuity.get("appointments/1").await["date"], "May 13, 2026");
    assert_eq!(acuity.ids("?minDate=2026-05-12&maxDate=2026-05-12").await, [1]);
    assert!(acuity.ids("?minDate=2026-05-13&maxDate=2026-05-13").await.is_empty());
}

#[tokio::test]
async fn days_of_a_clock_change_are_an_hour_shorter_or_longer() {
    for (zone, day, first, last) in [
        // Forward: 23 hours from midnight in winter time to midnight in summer time.
        ("America/Denver", "2026-03-08", "2026-03-08T07:00:00Z", "2026-03-09T05:59:59Z"),
        // Back: 25 hours.
        ("America/Denver", "2026-11-01", "2026-11-01T06:00:00Z", "2026-11-02T06:59:59Z"),
        ("Europe/Vienna", "2026-03-29", "2026-03-28T23:00:00Z", "2026-03-29T21:59:59Z"),
        // The day begins at one o'clock, because midnight is skipped.
        ("Africa/Cairo", "2026-04-24", "2026-04-23T22:00:00Z", "2026-04-24T20:59:59Z"),
    ] {
        let acuity = Acuity::start(&json!({ "time_zone": zone })).await;
        let second = |text: &str, more: i64| {
            let at: jiff::Timestamp = text.parse().unwrap();
            (at + jiff::SignedDuration::from_secs(more)).to_string()
        };
        acuity
            .seed(json!([
                { "id": 1, "datetime": second(first, -1) }, { "id": 2, "datetime": first },
                { "id": 3, "datetime": last }, { "id": 4, "datetime": second(last, 1) },
            ]))
            .await;
        let query = format!("?minDate={day}&maxDate={day}&direction=ASC");
        assert_eq!(acuity.ids(&query).await, [2, 3], "{zone} {day}");
    }
}

#[tokio::test]
async fn both_hours_of_a_clock_change_are_told_apart_by_their_offset() {
    let acuity = Acuity::start(&json!({})).await;
    acuity
        .seed(json!([{ "id": 1, "datetime": "2026-11-01T01:30:00-0600" },
                     { "id": 2, "datetime": "2026-11-01T01:30:00-07:00", "duration": "45" }]))
        .await;
    let rows = acuity.get("appointments?direction=ASC").await;
    assert_eq!(rows[0]["datetime"], "2026-11-01T01:30:00-0600");
    assert_eq!(rows[1]["datetime"], "2026-11-01T01:30:00-0700");
    assert_eq!(rows[0]["time"], rows[1]["time"]);
    assert_eq!((&rows[0]["endTime"], &rows[1]["endTime"]), (&json!("1:00am"), &json!("2:15am")));
}

#[tokio::test]
async fn seeds_are_taken_whole_or_not_at_all_and_may_be_broken_on_purpose() {
    let acuity = Acuity::start(&json!({})).await;
    let at = "2026-05-12T12:00:00Z";
    for (objects, text) in [
        (json!([{ "datetime": at }, {}]), "objects[1]: `datetime` is missing"),
        (json!([{ "datetime": "soon" }]), "`datetime` must be a time"),
        (json!([{ "datetime": at, "cancelled": true }]), "`cancelled` can't be set"),
        (json!([{ "datetime": at, "phone": 5 }]), "wrong type"),
        (json!([{ "datetime": at, "noShow": true, "canceled": false }]), "goes with"),
        (json!([5]), "must be an object"),
    ] {
        let (status, told) = acuity.try_control("seed", &json!({ "objects": objects })).await;
        assert_eq!(status, 400, "{objects}");
        assert!(told["error"].as_str().unwrap().contains(text), "{told}");
    }
    assert_eq!(acuity.shown("objects").await["total"], 0);
    let raw = json!({ "duration": null, "datetime": "2026-13-45" });
    let told = acuity.seed(json!([{ "datetime": at, "raw": raw }])).await;
    let row = acuity.get(&format!("appointments/{}", told["ids"][0].as_str().unwrap())).await;
    assert_eq!((row.get("duration"), &row["datetime"]), (None, &json!("2026-13-45")));
    let both = json!({ "objects": [{ "datetime": at }], "generate": {} });
    assert_eq!(acuity.try_control("seed", &both).await.0, 400);
}

#[tokio::test]
async fn accounts_with_the_same_ids_stay_apart_and_reset_one_by_one() {
    let acuity = Acuity::start(&json!({})).await;
    let other = json!({ "account": "5", "user_id": "55", "api_key": "other" });
    acuity.control("accounts", &other).await;
    let at = "2026-05-12T12:00:00Z";
    acuity.seed(json!([{ "id": 1, "datetime": at, "firstName": "Ada" }])).await;
    let seed = json!({ "account": "5", "objects": [{ "id": 1, "datetime": at }] });
    acuity.control("seed", &seed).await;
    acuity.control("reset", &json!({})).await;
    assert_eq!(acuity.call(Method::GET, "appointments/1", &Value::Null).await.0, 404);
    let theirs = acuity.call_as(("55", "other"), Method::GET, "appointments/1", &Value::Null).await;
    assert_eq!((theirs.0, &theirs.1["firstName"]), (200, &json!("")));
}
