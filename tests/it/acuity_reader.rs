//! What is asked of Acuity, and what its answers are taken for.

use serde_json::{Value, json};
use sync_domain::model::ExternalId;
use sync_domain::ports::{
    BookingReader, BookingWindow, PageError, ProviderError, RateLimits, RateScope,
};

use crate::support::acuity::{connection, fixture, reader, window};
use crate::support::vendor_server::VendorServer;

fn may() -> BookingWindow {
    window("2026-05-01T00:00:00Z", "2026-05-10T00:00:00Z")
}

fn row(id: u64, at: &str) -> Value {
    json!({"id": id, "datetime": at, "duration": "30"})
}

fn error_body(status: u16, code: &str) -> String {
    json!({"status_code": status, "message": "canary", "error": code}).to_string()
}

#[tokio::test]
async fn window_is_asked_for_by_whole_days_with_cancelled_ones_and_without_forms() {
    let server = VendorServer::start().await;
    server.will_answer(200, "[]");
    let zone = connection(Some("America/New_York"));
    let called = reader(&server.base_url, 250).page(&zone, may(), None).await.unwrap();
    assert_eq!((called.calls, called.value.next), (1, None));
    assert_eq!(called.value.completed, [may()]);
    // The first moment is still in April there, and there is a day more at each end.
    let expected = "GET /api/v1/appointments?showall=true&excludeForms=true&max=250&direction=ASC\
                    &minDate=2026-04-29&maxDate=2026-05-10";
    assert_eq!(server.lines(), [expected]);
}

#[tokio::test]
async fn rows_are_chosen_by_their_moment_and_not_by_their_date() {
    let server = VendorServer::start().await;
    let rows = [
        row(1, "2026-04-30T19:59:59-0400"),
        row(2, "2026-04-30T20:00:00-0400"),
        row(3, "2026-05-09T19:59:59-0400"),
        row(4, "2026-05-09T20:00:00-0400"),
        json!({"id": 5, "datetime": "2026-05-20T20:00:00-0400", "duration": "0"}),
    ];
    server.will_answer(200, Value::from(rows.to_vec()));
    let page = reader(&server.base_url, 100).page(&connection(None), may(), None).await.unwrap();
    let ids: Vec<_> = page.value.bookings.iter().map(|it| it.external_id.as_str()).collect();
    assert_eq!(ids, ["2", "3"]);
    assert!(page.value.unreadable.is_empty(), "the fifth is none of this window");
}

#[tokio::test]
async fn failure_of_the_second_request_takes_the_page_with_it() {
    let server = VendorServer::start().await;
    let long = window("2026-01-01T00:00:00Z", "2026-05-10T00:00:00Z");
    server.will_answer(200, json!([row(1, "2026-01-02T10:00:00+0000")])).will_answer(503, "");
    let reader = reader(&server.base_url, 100);
    let error = reader.page(&connection(None), long, None).await.unwrap_err();
    assert!(matches!(error, PageError::Provider(ProviderError::Unavailable { .. })), "{error:?}");
    server.will_answer(200, json!([row(1, "2026-01-02T10:00:00+0000")])).will_answer(200, "[]");
    let page = reader.page(&connection(None), long, None).await.unwrap();
    assert_eq!((page.calls, page.value.bookings.len()), (2, 1));
}

#[tokio::test]
async fn fault_is_what_is_done_about_it() {
    let limited = ProviderError::RateLimited {
        retry_after: Some(std::time::Duration::from_secs(1)),
        scope: RateScope::Window,
    };
    let rejected =
        ProviderError::Rejected { vendor_code: Some("bad_request".to_owned()), field: None };
    let unavailable = |status| ProviderError::Unavailable {
        status: Some(status),
        retry_after: None,
        effect: sync_domain::ports::RemoteEffect::Unknown,
    };
    for (status, body, expected) in [
        (400, error_body(400, "bad_request"), rejected),
        (401, error_body(401, "unauthorized"), ProviderError::Unauthorized),
        (403, error_body(403, "forbidden"), ProviderError::MissingScope),
        (429, error_body(429, "too_many_requests"), limited),
        (500, error_body(500, "server_error"), unavailable(500)),
        (503, "<html>busy</html>".to_owned(), unavailable(503)),
        (200, "<html>sign in</html>".to_owned(), unavailable(200)),
        (200, "[{\"id\": 1, \"datetime\": \"2026-05-".to_owned(), unavailable(200)),
        (200, String::new(), unavailable(200)),
        (200, json!({"appointments": []}).to_string(), unavailable(200)),
        (200, "[null]".to_owned(), unavailable(200)),
    ] {
        let server = VendorServer::start().await;
        server.will_answer(status, &body);
        let error = reader(&server.base_url, 100).page(&connection(None), may(), None).await;
        assert_eq!(error.unwrap_err(), PageError::Provider(expected), "{status} {body}");
    }
    let nowhere = reader("http://127.0.0.1:1", 100).page(&connection(None), may(), None).await;
    assert!(matches!(nowhere, Err(PageError::Provider(ProviderError::Unavailable { .. }))));
}

#[tokio::test]
async fn answer_beyond_all_bounds_is_a_failure_and_is_not_read_to_its_end() {
    let server = VendorServer::start().await;
    server.will_answer(200, format!("[{}]", " ".repeat(17 * 1024 * 1024)));
    let error = reader(&server.base_url, 100).page(&connection(None), may(), None).await;
    assert!(matches!(error, Err(PageError::Provider(ProviderError::Unavailable { .. }))));
}

#[tokio::test]
async fn one_booking_is_read_by_its_id_in_one_request() {
    let rows: Value = serde_json::from_str(&fixture("acuity_appointments.json")).unwrap();
    let server = VendorServer::start().await;
    let reader = reader(&server.base_url, 100);
    let tenant = connection(None);
    server.will_answer(200, &rows[0]).will_answer(200, &rows[5]);
    server.will_answer(404, error_body(404, "not_found"));
    let mut called = reader.bookings(&tenant, &[ExternalId::new("54321")]).await.unwrap();
    let found = called.value.remove(0).unwrap().unwrap();
    assert_eq!((called.calls, found.external_id.as_str()), (1, "54321"));
    let mut broken = reader.bookings(&tenant, &[ExternalId::new("54326")]).await.unwrap().value;
    assert_eq!(broken.remove(0).unwrap().unwrap_err().field, "duration");
    let gone = reader.bookings(&tenant, &[ExternalId::new("54321")]).await.unwrap();
    assert!(gone.value[0].is_none());
    let lines = ["54321", "54326", "54321"].map(|id| format!("GET /api/v1/appointments/{id}"));
    assert_eq!(server.lines(), lines);
}

#[tokio::test]
async fn booking_is_gone_only_if_acuity_itself_says_so() {
    for (status, body) in [
        (404, "<html>no such page</html>".to_owned()),
        (200, "null".to_owned()),
        (200, "{}".to_owned()),
        (200, row(8, "2026-05-02T10:00:00+0000").to_string()),
        (502, error_body(404, "not_found")),
    ] {
        let server = VendorServer::start().await;
        server.will_answer(status, &body);
        let reader = reader(&server.base_url, 100);
        let error = reader.bookings(&connection(None), &[ExternalId::new("7")]).await.unwrap_err();
        assert!(matches!(error, ProviderError::Unavailable { .. }), "{status} {body}: {error:?}");
    }
}

#[tokio::test]
async fn id_that_is_no_number_is_not_asked_for() {
    let server = VendorServer::start().await;
    let reader = reader(&server.base_url, 100);
    for id in ["", "../me", "1/payments", "1?x", "-1", "٣"] {
        let error = reader.bookings(&connection(None), &[ExternalId::new(id)]).await.unwrap_err();
        assert!(matches!(error, ProviderError::Rejected { .. }), "{id}");
    }
    assert!(server.lines().is_empty());
}

#[tokio::test]
async fn foreign_position_is_refused_without_a_request() {
    let server = VendorServer::start().await;
    let reader = reader(&server.base_url, 100);
    for position in ["", "null", "{}", "{\"v\":1}", "2026-05-01", "\u{0}", &"9".repeat(100_000)] {
        let error = reader.page(&connection(None), may(), Some(position)).await;
        assert_eq!(error.unwrap_err(), PageError::BadPosition, "{position}");
    }
    assert!(server.lines().is_empty());
}

#[tokio::test]
async fn limit_is_ten_in_a_second_and_a_page_fits_into_what_background_work_has() {
    let reader = reader("http://127.0.0.1:1", 100);
    let limit = reader.default_limit(&connection(None));
    assert_eq!((limit.max, limit.window.as_secs()), (10, 1));
    let background = limit.usable_by(sync_domain::gate::Class::Background);
    assert!(reader.requests_per_page() <= background);
}
