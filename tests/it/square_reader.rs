//! What is asked of Square, and what its answers are taken for.

use std::sync::Arc;
use std::time::Duration;

use serde_json::{Value, json};
use sync_domain::gate::Class;
use sync_domain::model::ExternalId;
use sync_domain::ports::{
    BookingPage, BookingReader, BookingWindow, PageError, ProviderError, RateLimits, RateScope,
    RemoteEffect,
};
use sync_providers::square::{SquareReader, SquareSettings};
use sync_testkit::ManualClock;

use crate::support::acuity::window;
use crate::support::log_capture::logged;
use crate::support::square::{VERSION, booking, connection, error, http, listed, reader};
use crate::support::vendor_server::VendorServer;

fn may() -> BookingWindow {
    window("2026-05-01T00:00:00Z", "2026-05-10T00:00:00Z")
}

fn ids_of(page: &BookingPage) -> Vec<&str> {
    page.bookings.iter().map(|booking| booking.external_id.as_str()).collect()
}

fn unavailable(status: u16) -> ProviderError {
    let effect = RemoteEffect::Unknown;
    ProviderError::Unavailable { status: Some(status), retry_after: None, effect }
}

async fn read(server: &VendorServer, position: Option<&str>) -> Result<BookingPage, PageError> {
    let reader = reader(&server.base_url);
    Ok(reader.page(&connection(), may(), position).await?.value)
}

#[tokio::test]
async fn window_is_asked_for_from_its_first_moment_to_a_second_behind_its_end() {
    let server = VendorServer::start().await;
    server.will_answer(200, "{}");
    let called = reader(&server.base_url).page(&connection(), may(), None).await.unwrap();
    assert_eq!((called.calls, called.value.next), (1, None));
    assert_eq!(called.value.completed, [may()]);
    let asked = server.asked();
    let expected = "GET /v2/bookings?start_at_min=2026-05-01T00%3A00%3A00Z\
                    &start_at_max=2026-05-10T00%3A00%3A01Z&limit=100";
    assert_eq!(asked[0].line, expected);
    assert_eq!(asked[0].header("square-version"), VERSION);
    assert_eq!(asked[0].header("authorization"), "Bearer seller-token");
}

#[tokio::test]
async fn rows_are_chosen_by_their_moment_whichever_way_square_takes_the_ends() {
    let server = VendorServer::start().await;
    let rows = [
        booking("before", "2026-04-30T23:59:59Z", None),
        booking("first", "2026-05-01T00:00:00Z", None),
        booking("offset", "2026-05-09T20:00:00-03:59", None),
        booking("last", "2026-05-09T23:59:59.999Z", None),
        booking("edge", "2026-05-10T00:00:00Z", None),
        booking("behind", "2026-05-10T00:00:01Z", None),
        booking("far", "2026-08-10T00:00:01Z", None),
    ];
    server.will_answer(200, listed(&rows, None));
    let page = read(&server, None).await.unwrap();
    assert_eq!(ids_of(&page), ["first", "last", "offset"]);
    assert!(page.unreadable.is_empty(), "the others are none of this window");
}

#[tokio::test]
async fn booking_without_a_readable_start_is_told_and_costs_its_neighbours_nothing() {
    let server = VendorServer::start().await;
    let mut rows = vec![booking("good", "2026-05-02T10:00:00Z", None)];
    for start in [Value::Null, json!(""), json!("soon"), json!(7), json!("2026-05-02T10:00:00")] {
        let mut row = booking(&format!("row{}", rows.len()), "2026-05-02T10:00:00Z", None);
        row["start_at"] = start;
        rows.push(row);
    }
    rows.push(json!({}));
    server.will_answer(200, listed(&rows, None));
    let page = read(&server, None).await.unwrap();
    assert_eq!(ids_of(&page), ["good"]);
    let told: Vec<_> = page.unreadable.iter().map(|it| it.field).collect();
    assert_eq!(told, ["start_at", "start_at", "start_at", "start_at", "start_at", "id"]);
    assert_eq!(page.unreadable[0].external_id, Some(ExternalId::new("row1")));
    assert_eq!(page.completed, [may()]);
}

#[tokio::test]
async fn booking_that_comes_twice_in_an_answer_is_given_once_in_its_newer_state() {
    let server = VendorServer::start().await;
    let version = |version: u64, minutes: u64| {
        let mut row = booking("b1", "2026-05-02T10:00:00Z", None);
        row["version"] = json!(version);
        row["appointment_segments"][0]["duration_minutes"] = json!(minutes);
        row
    };
    let mut broken = version(9, 30);
    broken["status"] = json!("NEW_STATUS");
    let mut other = booking("b2", "2026-05-02T10:00:00Z", None);
    other["status"] = json!("NEW_STATUS");
    let rows = [broken, version(4, 40), version(7, 70), version(5, 50), other.clone(), other];
    server.will_answer(200, listed(&rows, None));
    let page = read(&server, None).await.unwrap();
    assert_eq!(ids_of(&page), ["b1"]);
    let length = page.bookings[0].ends_at.duration_since(page.bookings[0].starts_at);
    assert_eq!(length.as_mins(), 70);
    let told: Vec<_> = page.unreadable.iter().map(|it| it.external_id.as_ref().unwrap()).collect();
    assert_eq!(told, [&ExternalId::new("b2")]);
}

#[tokio::test]
async fn fault_is_what_is_done_about_it() {
    let limited = |secs| ProviderError::RateLimited {
        retry_after: Some(Duration::from_secs(secs)),
        scope: RateScope::Window,
    };
    let bad = |code: &str| error("INVALID_REQUEST_ERROR", code).to_string();
    let auth = |code: &str| error("AUTHENTICATION_ERROR", code).to_string();
    let rejected =
        |code: &str| ProviderError::Rejected { vendor_code: Some(code.to_owned()), field: None };
    for (status, body, expected) in [
        (400, bad("INVALID_TIME_RANGE"), rejected("INVALID_TIME_RANGE")),
        (400, bad("INVALID_CURSOR"), rejected("INVALID_CURSOR")),
        (401, auth("ACCESS_TOKEN_EXPIRED"), ProviderError::Unauthorized),
        (403, auth("INSUFFICIENT_SCOPES"), ProviderError::MissingScope),
        (401, auth("CLIENT_DISABLED"), unavailable(401)),
        (429, error("RATE_LIMIT_ERROR", "RATE_LIMITED").to_string(), limited(1)),
        (429, "<html>slow down</html>".to_owned(), limited(1)),
        (500, error("API_ERROR", "INTERNAL_SERVER_ERROR").to_string(), unavailable(500)),
        (503, "<html>busy</html>".to_owned(), unavailable(503)),
        (302, String::new(), unavailable(302)),
        (200, "<html>sign in</html>".to_owned(), unavailable(200)),
        (
            200,
            "{\"bookings\": [{\"id\": \"b1\", \"start_at\": \"2026-".to_owned(),
            unavailable(200),
        ),
        (200, String::new(), unavailable(200)),
        (200, json!({"message": "hello"}).to_string(), unavailable(200)),
        (200, "[]".to_owned(), unavailable(200)),
        (200, json!({"bookings": [null]}).to_string(), unavailable(200)),
        (200, bad("CONFLICT"), rejected("CONFLICT")),
    ] {
        let server = VendorServer::start().await;
        server.will_answer(status, &body);
        let error = read(&server, None).await.unwrap_err();
        assert_eq!(error, PageError::Provider(expected), "{status} {body}");
    }
    let server = VendorServer::start().await;
    server.will_answer_with(429, &[("retry-after", "7")], "");
    assert_eq!(read(&server, None).await.unwrap_err(), PageError::Provider(limited(7)));
    let nowhere = reader("http://127.0.0.1:1").page(&connection(), may(), None).await;
    assert!(matches!(nowhere, Err(PageError::Provider(ProviderError::Unavailable { .. }))));
}

#[test]
fn what_is_logged_of_an_error_is_its_code() {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let lines = logged(|| {
        runtime.block_on(async {
            let server = VendorServer::start().await;
            server.will_answer(400, error("INVALID_REQUEST_ERROR", "INVALID_VALUE"));
            read(&server, None).await.unwrap_err();
        });
    });
    assert!(lines.contains("INVALID_VALUE"), "{lines}");
    assert!(!lines.contains("canary") && !lines.contains("seller-token"), "{lines}");
}

#[tokio::test]
async fn answer_beyond_all_bounds_is_a_failure_and_is_not_read_to_its_end() {
    let server = VendorServer::start().await;
    server.will_answer(200, format!("{{{}}}", " ".repeat(17 * 1024 * 1024)));
    let error = read(&server, None).await.unwrap_err();
    assert_eq!(error, PageError::Provider(unavailable(200)));
}

#[tokio::test]
async fn foreign_position_is_refused_without_a_request() {
    let server = VendorServer::start().await;
    let before = json!({"v": 1, "from": "2026-04-30T00:00:00Z"}).to_string();
    for position in ["", "null", "{}", "{\"v\":1}", "2026-05-01", &before, &"9".repeat(100_000)] {
        let error = read(&server, Some(position)).await;
        assert_eq!(error.unwrap_err(), PageError::BadPosition, "{position}");
    }
    assert!(server.lines().is_empty());
}

#[tokio::test]
async fn setting_that_can_not_stand_in_a_header_makes_no_request() {
    let server = VendorServer::start().await;
    let (base_url, version) = (server.base_url.clone(), "2026\n05".to_owned());
    let settings = SquareSettings { base_url, version };
    let reader = SquareReader::new(http(), settings, Arc::new(ManualClock::default()));
    let error = reader.page(&connection(), may(), None).await.unwrap_err();
    assert!(matches!(error, PageError::Provider(ProviderError::Unavailable { .. })), "{error:?}");
    assert!(server.lines().is_empty());
}

#[tokio::test]
async fn limit_is_ten_in_a_second_and_a_page_fits_into_what_background_work_has() {
    let reader = reader("http://127.0.0.1:1");
    let limit = reader.default_limit(&connection());
    assert_eq!((limit.max, limit.window.as_secs()), (10, 1));
    let background = limit.usable_by(Class::Background);
    assert!(reader.requests_per_page().max(reader.requests_per_read()) <= background);
    assert!(reader.lists_by_date());
    assert_eq!(reader.bookings_max(), 100);
}
