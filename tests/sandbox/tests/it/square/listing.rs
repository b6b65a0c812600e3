//! The list of bookings: windows, defaults, filters, pages and what happens between them.

use jiff::{SignedDuration, Timestamp};
use serde_json::json;

use super::Square;

const MAY: &str = "start_at_min=2026-05-01T00:00:00Z&start_at_max=2026-06-01T00:00:00Z";

/// Five bookings in May, one of them at its very end.
async fn with_five(settings: &serde_json::Value) -> Square {
    let square = Square::start(settings).await;
    square
        .seed_at(&[
            ("e", "2026-05-01T00:00:00Z"),
            ("d", "2026-05-02T10:00:00Z"),
            ("c", "2026-05-02T10:00:00Z"),
            ("b", "2026-05-20T10:00:00Z"),
            ("a", "2026-05-31T23:59:59Z"),
            ("june", "2026-06-01T00:00:00Z"),
        ])
        .await;
    square
}

#[tokio::test]
async fn windows_are_half_open_and_at_most_31_days() {
    let square = with_five(&json!({})).await;
    assert_eq!(square.page(MAY).await.0, ["e", "c", "d", "b", "a"]);
    for (query, code) in [
        (
            "start_at_min=2026-05-01T00:00:00Z&start_at_max=2026-06-01T00:00:01Z",
            "INVALID_TIME_RANGE",
        ),
        (
            "start_at_min=2026-05-01T00:00:00Z&start_at_max=2026-05-01T00:00:00Z",
            "INVALID_TIME_RANGE",
        ),
        ("start_at_max=2020-05-01T00:00:00Z", "INVALID_TIME_RANGE"),
        ("start_at_min=2026-05-01", "INVALID_TIME"),
        ("limit=0", "VALUE_TOO_LOW"),
        ("limit=10001", "VALUE_TOO_HIGH"),
        ("limit=ten", "EXPECTED_INTEGER"),
        ("cursor=abc", "INVALID_CURSOR"),
        ("status=ACCEPTED", "UNKNOWN_QUERY_PARAMETER"),
    ] {
        let (status, category, told) = square.refused(&format!("v2/bookings?{query}")).await;
        let told = (status, category.as_str(), told.as_str());
        assert_eq!(told, (400, "INVALID_REQUEST_ERROR", code), "{query}");
    }
}

#[tokio::test]
async fn list_without_a_window_begins_now_and_ends_after_31_days() {
    let square = Square::start(&json!({})).await;
    let at = |hours| (Timestamp::now() + SignedDuration::from_hours(hours)).to_string();
    square
        .seed_at(&[
            ("over", &at(-1)),
            ("next", &at(1)),
            ("last", &at(31 * 24 - 1)),
            ("later", &at(31 * 24 + 1)),
        ])
        .await;
    assert_eq!(square.page("").await.0, ["next", "last"]);
    let from = at(-2);
    assert_eq!(square.page(&format!("start_at_min={from}")).await.0, ["over", "next"]);
}

#[tokio::test]
async fn called_off_bookings_stay_in_lists() {
    let square = Square::start(&json!({})).await;
    let all = [
        "PENDING",
        "ACCEPTED",
        "DECLINED",
        "CANCELLED_BY_CUSTOMER",
        "CANCELLED_BY_SELLER",
        "NO_SHOW",
    ];
    let objects = all.iter().enumerate().map(|(place, status)| {
        json!({ "id": place, "start_at": "2026-05-02T10:00:00Z", "status": status })
    });
    square.seed(objects.collect()).await;
    let listed = square.get(&format!("v2/bookings?{MAY}")).await;
    let states: Vec<_> =
        listed["bookings"].as_array().unwrap().iter().map(|row| &row["status"]).collect();
    assert_eq!(states, all);
}

#[tokio::test]
async fn filters_narrow_the_list() {
    let square = Square::start(&json!({})).await;
    let start_at = "2026-05-02T10:00:00Z";
    square
        .seed(json!([
            { "id": "1", "start_at": start_at, "customer_id": "C1", "location_id": "SOUTH" },
            { "id": "2", "start_at": start_at, "customer_id": "C2",
              "appointment_segments": [{}, { "team_member_id": "BEN" }] },
            { "id": "3", "start_at": start_at },
        ]))
        .await;
    for (filter, expected) in [
        ("customer_id=C1", vec!["1"]),
        ("team_member_id=BEN", vec!["2"]),
        ("team_member_id=ANNA&location_id=NORTH", vec!["2", "3"]),
        ("location_id=SOUTH", vec!["1"]),
        ("customer_id=C3", vec![]),
    ] {
        assert_eq!(square.page(&format!("{MAY}&{filter}")).await.0, expected, "{filter}");
    }
}

#[tokio::test]
async fn pages_follow_the_cursor_to_the_end_in_every_order() {
    for (settings, expected) in [
        (json!({}), ["e", "c", "d", "b", "a"]),
        (json!({ "square": { "list_order": "id" } }), ["a", "b", "c", "d", "e"]),
        (json!({ "square": { "cursor_kind": "row_count" } }), ["e", "c", "d", "b", "a"]),
    ] {
        let square = with_five(&settings).await;
        let (mut ids, mut cursor) = square.page(&format!("{MAY}&limit=2")).await;
        while let Some(next) = cursor {
            let (more, behind) = square.page(&format!("{MAY}&limit=2&cursor={next}")).await;
            assert!((1..=2).contains(&more.len()));
            ids.extend(more);
            cursor = behind;
        }
        assert_eq!(ids, expected, "{settings}");
    }
}

#[tokio::test]
async fn page_has_at_most_the_accounts_rows_and_a_full_last_page_has_no_cursor() {
    let square = with_five(&json!({ "max_rows": 3 })).await;
    let (ids, cursor) = square.page(&format!("{MAY}&limit=100")).await;
    assert_eq!(ids, ["e", "c", "d"]);
    let (ids, cursor) = square.page(&format!("{MAY}&limit=2&cursor={}", cursor.unwrap())).await;
    assert_eq!((ids, cursor), (vec!["b".to_owned(), "a".to_owned()], None));
}

#[tokio::test]
async fn cursor_holds_for_its_own_filters_and_account_only() {
    let square = with_five(&json!({ "square": { "cursor_length": 5_000 } })).await;
    let cursor = square.page(&format!("{MAY}&limit=2")).await.1.unwrap();
    assert!((5_000..5_100).contains(&cursor.len()), "{}", cursor.len());
    assert_eq!(square.page(&format!("{MAY}&limit=3&cursor={cursor}")).await.0, ["d", "b", "a"]);
    let other = "start_at_min=2026-05-01T00:00:00Z&start_at_max=2026-05-31T00:00:00Z";
    let changed = cursor.replace('A', "B");
    for query in [
        format!("{other}&cursor={cursor}"),
        format!("{MAY}&customer_id=C1&cursor={cursor}"),
        format!("cursor={cursor}"),
        format!("{MAY}&cursor={changed}"),
    ] {
        assert_eq!(square.refused(&format!("v2/bookings?{query}")).await.2, "INVALID_CURSOR");
    }
}

#[tokio::test]
async fn cursor_without_a_window_keeps_the_window_of_the_first_page() {
    let square = Square::start(&json!({})).await;
    let at = |s| (Timestamp::now() + SignedDuration::from_secs(s)).to_string();
    square.seed_at(&[("1", &at(2)), ("2", &at(3))]).await;
    let (ids, cursor) = square.page("limit=1").await;
    assert_eq!(ids, ["1"]);
    crate::harness::sleep_ms(3_500).await;
    // By now it is over, and yet in the window.
    assert_eq!(square.page(&format!("limit=1&cursor={}", cursor.unwrap())).await.0, ["2"]);
}

#[tokio::test]
async fn act_after_pages_happens_between_two_pages() {
    for (kind, expected) in [("last_row", ["b", "a"].as_slice()), ("row_count", &["a"])] {
        let square = with_five(&json!({ "square": { "cursor_kind": kind } })).await;
        let act = json!({ "act": "reschedule", "id": "e",
            "properties": { "start_at": "2026-07-01T00:00:00Z", "after_pages": 1 } });
        let told = square.act(&act).await;
        assert_eq!((&told["ids"], &told["events"]), (&json!(["e"]), &json!([])));
        let (ids, cursor) = square.page(&format!("{MAY}&limit=3")).await;
        assert_eq!(ids, ["e", "c", "d"]);
        let (ids, _) = square.page(&format!("{MAY}&limit=3&cursor={}", cursor.unwrap())).await;
        assert_eq!(ids, expected, "{kind}");
        assert_eq!(square.page(MAY).await.0.len(), 4);
    }
}

#[tokio::test]
async fn stale_copy_is_listed_for_so_many_reads_and_read_by_id_as_it_is() {
    let square = with_five(&json!({})).await;
    let act = json!({ "act": "cancel", "id": "c", "properties": { "stale_reads": 2 } });
    square.act(&act).await;
    let version = async || {
        let listed = square.get(&format!("v2/bookings?{MAY}")).await;
        let row = listed["bookings"].as_array().unwrap().iter().find(|row| row["id"] == "c");
        let row = row.unwrap();
        (row["version"].as_i64().unwrap(), row["status"].clone())
    };
    for expected in [(0, "ACCEPTED"), (0, "ACCEPTED"), (1, "CANCELLED_BY_SELLER")] {
        assert_eq!(square.get("v2/bookings/c").await["booking"]["version"], 1);
        let (number, status) = version().await;
        assert_eq!((number, status.as_str().unwrap()), expected);
    }
}
