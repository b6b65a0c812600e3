//! Lists that come back full, from both ends, and great numbers of appointments.

use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use super::Acuity;

#[tokio::test]
async fn list_is_cut_at_max_and_by_default_at_a_hundred_from_the_late_end() {
    let acuity = Acuity::start(&json!({})).await;
    acuity
        .generate(json!({ "from_date": "2026-05-12", "days": 1, "per_day": 250, "first_id": 1 }))
        .await;
    let late: Vec<u64> = (151..=250).rev().collect();
    assert_eq!(acuity.ids("").await, late);
    assert_eq!(acuity.ids("?direction=ASC").await, (1..=100).collect::<Vec<u64>>());
    assert_eq!(acuity.ids("?max=250&direction=ASC").await, (1..=250).collect::<Vec<u64>>());
    assert_eq!(acuity.ids("?max=5000").await.len(), 250);
}

#[tokio::test]
async fn account_caps_what_max_can_ask_for() {
    let acuity = Acuity::start(&json!({ "max_rows": 120 })).await;
    acuity.generate(json!({ "from_date": "2026-05-12", "days": 1, "per_day": 250 })).await;
    assert_eq!(acuity.ids("?max=1000").await.len(), 120);
    assert_eq!(acuity.ids("").await.len(), 100);
    let acuity = Acuity::start(&json!({})).await;
    acuity.generate(json!({ "from_date": "2026-05-12", "days": 1, "per_day": 1_200 })).await;
    assert_eq!(acuity.ids("?max=5000").await.len(), 1_000);
}

#[tokio::test]
async fn equal_starts_come_by_id_from_both_ends() {
    let acuity = Acuity::start(&json!({})).await;
    let class = json!({ "from_date": "2026-05-12", "days": 1, "per_day": 150, "attendees": 150,
        "first_id": 1 });
    acuity.generate(class).await;
    let first: Vec<u64> = (1..=100).collect();
    assert_eq!(acuity.ids("?direction=ASC").await, first);
    // One direction is not the other reversed: fifty rows are in neither answer.
    assert_eq!(acuity.ids("?direction=DESC").await, first);
}

#[tokio::test]
async fn equal_starts_can_come_in_any_order() {
    let acuity = Acuity::start(&json!({ "equal_starts": "shuffled" })).await;
    let class = json!({ "from_date": "2026-05-12", "days": 1, "per_day": 150, "attendees": 150 });
    acuity.generate(class).await;
    assert_ne!(acuity.ids("?direction=ASC").await, acuity.ids("?direction=ASC").await);
}

#[tokio::test]
async fn both_ends_overlap_when_the_middle_is_not_missing() {
    let acuity = Acuity::start(&json!({})).await;
    acuity
        .generate(json!({ "from_date": "2026-05-12", "days": 1, "per_day": 190, "first_id": 1 }))
        .await;
    let early: BTreeSet<u64> = acuity.ids("?direction=ASC").await.into_iter().collect();
    let late: BTreeSet<u64> = acuity.ids("?direction=DESC").await.into_iter().collect();
    assert_eq!(early.intersection(&late).count(), 10);
    assert_eq!(early.union(&late).count(), 190);
}

#[tokio::test]
async fn a_year_of_25_000_appointments_is_made_at_once_and_read_day_by_day() {
    let acuity = Acuity::start(&json!({})).await;
    let began = Instant::now();
    let told = acuity
        .generate(json!({ "from_date": "2026-01-01", "days": 365, "per_day": 69, "first_id": 1,
            "calendars": [1, 2, 3], "canceled_percent": 10, "no_show_percent": 5,
            "attendees": 3, "clients": 5_000 }))
        .await;
    assert_eq!(told["seeded"], 25_185);
    let mut ids = BTreeSet::new();
    let mut rows_by_state: BTreeMap<(bool, Option<bool>), usize> = BTreeMap::new();
    for day in ["2026-01-01", "2026-03-08", "2026-11-01", "2026-12-31"] {
        let query = format!("appointments?minDate={day}&maxDate={day}&showall=true&max=100");
        let rows = acuity.get(&query).await;
        let rows = rows.as_array().unwrap();
        assert_eq!(rows.len(), 69, "{day}");
        let starts: BTreeSet<&str> = rows.iter().map(|r| r["datetime"].as_str().unwrap()).collect();
        // Three calendars, and one of them on another clock, but no start twice.
        assert_eq!(starts.len(), 23);
        for row in rows {
            ids.insert(row["id"].as_u64().unwrap());
            let state = (row["canceled"].as_bool().unwrap(), row["noShow"].as_bool());
            *rows_by_state.entry(state).or_default() += 1;
        }
    }
    assert!(began.elapsed() < Duration::from_secs(15), "{:?}", began.elapsed());
    assert_eq!(ids.len(), 4 * 69);
    let (on, off, missed) = (
        rows_by_state[&(false, None)],
        rows_by_state[&(true, Some(false))],
        rows_by_state[&(true, Some(true))],
    );
    assert!((220..=250).contains(&on) && (15..=40).contains(&off) && (5..=25).contains(&missed));
    let gone = acuity.get("appointments?calendarID=3&max=1000").await;
    assert!(gone.as_array().unwrap().iter().all(|row| row["calendar"] == "Gone"));
}

#[tokio::test]
async fn same_order_makes_the_same_clients_and_impossible_ones_are_refused() {
    let acuity = Acuity::start(&json!({})).await;
    let order = json!({ "from_date": "2026-05-12", "days": 1, "per_day": 40, "first_id": 1,
        "clients": 20 });
    acuity.generate(order.clone()).await;
    let emails = |rows: &Value| {
        let rows = rows.as_array().unwrap();
        rows.iter().map(|row| row["email"].to_string()).collect::<Vec<String>>()
    };
    let first = emails(&acuity.get("appointments").await);
    assert_eq!(first.iter().collect::<BTreeSet<_>>().len(), 20);
    acuity.generate(order).await;
    assert_eq!(emails(&acuity.get("appointments").await), first);
    for (order, text) in [
        (json!({ "from_date": "2026-05-12", "days": 0, "per_day": 1 }), "between"),
        (json!({ "from_date": "2026-05-12", "days": 10_000, "per_day": 10_000 }), "between"),
        (json!({ "from_date": "soon", "days": 1, "per_day": 1 }), "generate"),
        (json!({ "from_date": "2026-05-12", "days": 1, "per_day": 1, "attendees": 0 }), "at least"),
        (json!({ "from_date": "9999-12-31", "days": 9, "per_day": 1 }), "too far"),
        (
            json!({ "from_date": "2026-05-12", "days": 1, "per_day": 1, "canceled_percent": 60,
                "no_show_percent": 60 }),
            "over 100",
        ),
    ] {
        let (status, told) = acuity.try_control("seed", &json!({ "generate": order })).await;
        assert_eq!(status, 400, "{order}");
        assert!(told["error"].as_str().unwrap().contains(text), "{told}");
    }
}
