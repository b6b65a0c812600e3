//! Windows of Square that take several requests: their spans, their cursors, and what changes meanwhile.

use jiff::{SignedDuration, Timestamp};
use serde_json::json;
use sync_domain::ports::{BookingReader, BookingWindow, PageError, ProviderError, RemoteEffect};

use crate::support::acuity::window;
use crate::support::square::{booking, connection, error, listed, reader};
use crate::support::square_account::{Slot, SquareAccount};
use crate::support::square_walk::{assert_all_found_once, assert_complete, slot, span, walk};
use crate::support::vendor_server::VendorServer;

const SECOND: SignedDuration = SignedDuration::from_secs(1);

fn at(text: &str) -> Timestamp {
    text.parse().unwrap()
}

fn year() -> BookingWindow {
    window("2026-01-01T00:00:00Z", "2027-01-01T00:00:00Z")
}

fn hours(from: Timestamp, count: u64) -> Vec<Slot> {
    let at = |id: u64| from + SignedDuration::from_hours(i64::try_from(id).unwrap());
    (0..count).map(|id| slot(id, at(id))).collect()
}

/// The position behind the first page, which has this cursor.
async fn position_behind(cursor: &str) -> String {
    let server = VendorServer::start().await;
    server.will_answer(200, listed(&[], Some(cursor)));
    let page = reader(&server.base_url).page(&connection(), year(), None).await.unwrap();
    assert!(page.value.completed.is_empty(), "there is more of the span");
    page.value.next.unwrap()
}

#[tokio::test]
async fn bookings_at_the_edges_of_spans_are_found_once() {
    for includes_max in [false, true] {
        let edges = (0..13).map(|index| (year().from + span() * index).min(year().until));
        let moments = edges.flat_map(|edge| [edge - SECOND, edge, edge + SECOND]);
        let slots = moments.enumerate().map(|(id, at)| slot(id as u64, at)).collect();
        let account = SquareAccount::start(slots).await;
        account.ledger().includes_max = includes_max;
        let walked = walk(&account, year()).await.unwrap();
        assert_all_found_once(&account, &walked, year());
        assert_eq!((walked.pages, walked.completed.len()), (12, 12));
    }
}

#[tokio::test]
async fn spans_are_asked_for_one_behind_the_other_with_an_overlap_of_a_second() {
    let account = SquareAccount::start(Vec::new()).await;
    let window = window("2026-03-01T00:00:00Z", "2026-04-05T00:00:00Z");
    walk(&account, window).await.unwrap();
    // 31 days of 24 hours, whatever the clocks of the seller do on March 8.
    let expected = [
        "/v2/bookings?start_at_min=2026-03-01T00%3A00%3A00Z&start_at_max=2026-04-01T00%3A00%3A00Z\
         &limit=100",
        "/v2/bookings?start_at_min=2026-03-31T23%3A59%3A59Z&start_at_max=2026-04-05T00%3A00%3A01Z\
         &limit=100",
    ];
    assert_eq!(account.lines(), expected);
}

#[tokio::test]
async fn hour_that_the_clock_repeats_is_two_hours_and_each_booking_of_them_is_found() {
    let server = VendorServer::start().await;
    let window = window("2026-10-02T05:30:01Z", "2026-11-05T00:00:00Z");
    let first = booking("first", "2026-11-01T01:30:00-04:00", None);
    let second = booking("second", "2026-11-01T01:30:00-05:00", None);
    let edge = booking("edge", "2026-11-02T00:30:00-05:00", None);
    let rows = [first, second, edge];
    server.will_answer(200, listed(&rows, None)).will_answer(200, listed(&rows, None));
    let reader = reader(&server.base_url);
    let page = reader.page(&connection(), window, None).await.unwrap().value;
    let ids = |page: &sync_domain::ports::BookingPage| {
        let ids = page.bookings.iter().map(|it| it.external_id.to_string());
        ids.collect::<Vec<_>>()
    };
    assert_eq!(ids(&page), ["first", "second"]);
    let apart = page.bookings[1].starts_at.duration_since(page.bookings[0].starts_at);
    assert_eq!(apart.as_hours(), 1);
    let next = reader.page(&connection(), window, page.next.as_deref()).await.unwrap().value;
    assert_eq!((ids(&next), next.next), (vec!["edge".to_owned()], None));
}

#[tokio::test]
async fn cursor_is_followed_to_the_end_with_the_same_filters() {
    let window = window("2026-05-01T00:00:00.5Z", "2026-05-20T00:00:00Z");
    let account = SquareAccount::start(hours(window.from, 250)).await;
    let walked = walk(&account, window).await.unwrap();
    assert_all_found_once(&account, &walked, window);
    assert_eq!((walked.pages, walked.completed.len()), (3, 1));
    let lines = account.lines().into_iter().filter(|line| line.starts_with("/v2/bookings?"));
    let filters: Vec<_> =
        lines.map(|line| line.split("&cursor=").next().unwrap().to_owned()).collect();
    assert_eq!(filters.len(), 3);
    assert!(filters.iter().all(|line| *line == filters[0]), "{filters:?}");
}

#[tokio::test]
async fn page_can_be_read_again_at_its_position() {
    let account = SquareAccount::start(hours(year().from, 150)).await;
    let reader = reader(&account.base_url);
    let first = reader.page(&connection(), year(), None).await.unwrap().value;
    let next = first.next.clone();
    let second = reader.page(&connection(), year(), next.as_deref()).await.unwrap().value;
    let again = reader.page(&connection(), year(), next.as_deref()).await.unwrap().value;
    assert!(second == again && second != first);
    assert_eq!(reader.page(&connection(), year(), None).await.unwrap().value, first);
}

#[tokio::test]
async fn booking_that_changes_between_two_pages_is_given_as_the_later_page_has_it() {
    let window = window("2026-05-01T00:00:00Z", "2026-07-20T00:00:00Z");
    let account = SquareAccount::start(hours(window.from, 250)).await;
    // Booking 3 is in the first page and moves into the last span; booking 240 changes in its place.
    let far = at("2026-07-19T10:00:00Z");
    account.ledger().order = 0;
    account.ledger().change = Some(Box::new(move |lists, slots| {
        if lists == 1 {
            slots[3] = Slot { at: far, version: 2, ..slots[3] };
            slots[240].version = 5;
        }
    }));
    let walked = walk(&account, window).await.unwrap();
    assert_complete(&walked, window);
    let times = walked.times_given();
    assert_eq!((times.len(), times[&3]), (250, 2));
    let last = walked.last(3).unwrap();
    assert_eq!(last.starts_at, far);
    assert!(last.provider_version > walked.bookings[3].provider_version);
    assert_eq!(walked.last(240).unwrap().provider_version.unwrap() >> 42, 5);
}

#[tokio::test]
async fn booking_that_moves_back_behind_the_walk_is_left_to_its_webhook() {
    let window = window("2026-05-01T00:00:00Z", "2026-07-20T00:00:00Z");
    let slots = vec![slot(1, at("2026-05-02T10:00:00Z")), slot(2, at("2026-07-19T10:00:00Z"))];
    let account = SquareAccount::start(slots).await;
    account.ledger().change = Some(Box::new(|lists, slots| {
        if lists == 2 {
            slots[1] = Slot { at: at("2026-05-03T10:00:00Z"), version: 2, ..slots[1] };
        }
    }));
    let walked = walk(&account, window).await.unwrap();
    assert_complete(&walked, window);
    assert_eq!(walked.times_given().into_keys().collect::<Vec<_>>(), [1]);
}

#[tokio::test]
async fn cursors_as_long_as_an_address_may_be_are_followed() {
    let window = window("2026-05-01T00:00:00Z", "2026-05-20T00:00:00Z");
    let account = SquareAccount::start(hours(window.from, 250)).await;
    account.ledger().cursor_bytes = 65_000;
    let walked = walk(&account, window).await.unwrap();
    assert_all_found_once(&account, &walked, window);
    assert!(account.lines().iter().any(|line| line.len() > 65_000));
}

#[tokio::test]
async fn longest_cursor_is_carried_and_no_longer_one() {
    let cursor = "A".repeat(64 * 1024);
    let position = position_behind(&cursor).await;
    assert!(position.len() <= 80 * 1024);
    // An address has 65,534 bytes at most: it can be carried and not be sent.
    let server = VendorServer::start().await;
    let error = reader(&server.base_url).page(&connection(), year(), Some(&position)).await;
    let unsent = PageError::Provider(ProviderError::Unavailable {
        status: None,
        retry_after: None,
        effect: RemoteEffect::None,
    });
    assert_eq!(error.unwrap_err(), unsent);
    for cursor in [format!("{cursor}A"), "\"".repeat(60_000)] {
        server.will_answer(200, listed(&[], Some(&cursor)));
        let error = reader(&server.base_url).page(&connection(), year(), None).await.unwrap_err();
        assert!(matches!(error, PageError::Provider(ProviderError::Unavailable { .. })));
    }
}

#[tokio::test]
async fn cursor_that_leads_to_where_it_came_from_is_a_failure_and_an_empty_one_the_end() {
    let position = position_behind("c1").await;
    let server = VendorServer::start().await;
    let reader = reader(&server.base_url);
    server.will_answer(200, listed(&[], Some("c1"))).will_answer(200, json!({"cursor": ""}));
    let error = reader.page(&connection(), year(), Some(&position)).await.unwrap_err();
    assert!(matches!(error, PageError::Provider(ProviderError::Unavailable { .. })), "{error:?}");
    let page = reader.page(&connection(), year(), Some(&position)).await.unwrap().value;
    assert_eq!(page.completed.len(), 1);
}

#[tokio::test]
async fn cursor_that_square_refuses_begins_the_list_anew_once() {
    let position = position_behind("c1").await;
    let server = VendorServer::start().await;
    let reader = reader(&server.base_url);
    let refused = error("INVALID_REQUEST_ERROR", "INVALID_CURSOR");
    let read = async |position: Option<&str>| reader.page(&connection(), year(), position).await;
    server.will_answer(400, &refused);
    let called = read(Some(&position)).await.unwrap();
    let page = called.value;
    assert_eq!((called.calls, page.bookings.len(), page.completed.len()), (1, 0, 0));
    server.will_answer(200, listed(&[], Some("c2")));
    let page = read(page.next.as_deref()).await.unwrap().value;
    assert_eq!(page.completed.len(), 0, "the list goes on");
    server.will_answer(400, &refused);
    let error = read(page.next.as_deref()).await.unwrap_err();
    assert_eq!(error, PageError::BadPosition, "its cursors are no good at all");
    let lines = server.lines();
    assert!(lines[0].ends_with("&cursor=c1") && lines[2].ends_with("&cursor=c2"), "{lines:?}");
    assert_eq!(lines[0].strip_suffix("&cursor=c1"), Some(&*lines[1]), "of the same span");

    // The next span may begin anew as well.
    server.will_answer(200, listed(&[], None));
    let page = read(page.next.as_deref()).await.unwrap().value;
    server.will_answer(200, listed(&[], Some("c3")));
    let page = read(page.next.as_deref()).await.unwrap().value;
    server.will_answer(400, &refused);
    assert!(read(page.next.as_deref()).await.unwrap().value.next.is_some());
}

#[tokio::test]
async fn only_a_refused_cursor_begins_a_list_anew() {
    let position = position_behind("c1").await;
    let server = VendorServer::start().await;
    let reader = reader(&server.base_url);
    for (status, code) in [(500, "INVALID_CURSOR"), (400, "INVALID_TIME_RANGE")] {
        server.will_answer(status, error("INVALID_REQUEST_ERROR", code));
        let error = reader.page(&connection(), year(), Some(&position)).await.unwrap_err();
        assert!(matches!(error, PageError::Provider(_)), "{code}: {error:?}");
    }
}

#[tokio::test]
async fn position_of_another_window_is_refused_without_a_request() {
    let position = position_behind("c1").await;
    let server = VendorServer::start().await;
    let other = window("2025-01-01T00:00:00Z", "2026-01-01T00:00:00Z");
    let error = reader(&server.base_url).page(&connection(), other, Some(&position)).await;
    assert_eq!(error.unwrap_err(), PageError::BadPosition);
    assert!(server.lines().is_empty());
}
