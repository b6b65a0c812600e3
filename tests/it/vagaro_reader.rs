//! What is asked of Vagaro, and what its answers are taken for.

use std::sync::Arc;
use std::time::Duration;

use serde_json::{Value, json};
use sync_domain::model::{BookingSnapshot, ExternalId};
use sync_domain::ports::{
    AskedBooking, BookingPage, BookingReader, BookingWindow, Called, Connection, PageError,
    ProviderError, RateLimits, RateScope, RemoteEffect, ToldBooking,
};
use sync_providers::vagaro::VagaroReader;
use sync_testkit::ManualClock;

use crate::support::vagaro::{
    APPOINTMENT, CUSTOMER, OTHER_SHOP, SHOP, appointment, appointment_with, connection, customer,
    failure, listed, reader, reader_at, selection, shops,
};
use crate::support::vendor_server::VendorServer;

const APPOINTMENTS: &str = "POST /us02/api/v2/appointments?pageNumber=1&pageSize=100&orderBy=asc";
const LOCATIONS: &str = "POST /us02/api/v2/locations";
const CUSTOMERS: &str = "POST /us02/api/v2/customers";

fn nothing() -> Value {
    listed(Vec::<Value>::new())
}

fn window() -> BookingWindow {
    BookingWindow {
        from: "2026-09-01T00:00:00Z".parse().unwrap(),
        until: "2026-10-01T00:00:00Z".parse().unwrap(),
    }
}

async fn asked(reader: &VagaroReader, id: &str) -> Result<(AskedBooking, u32), ProviderError> {
    let mut called = reader.bookings(&connection(), &[ExternalId::new(id)]).await?;
    assert_eq!(called.value.len(), 1);
    Ok((called.value.remove(0), called.calls))
}

async fn page_at(
    reader: &VagaroReader,
    position: Option<&str>,
) -> Result<Called<BookingPage>, PageError> {
    reader.page(&connection(), window(), position).await
}

fn unavailable(status: u16) -> ProviderError {
    let effect = RemoteEffect::Unknown;
    ProviderError::Unavailable { status: Some(status), retry_after: None, effect }
}

#[tokio::test]
async fn booking_is_asked_for_at_each_location_until_one_has_it_byte_by_byte() {
    let server = VendorServer::start().await;
    server.will_answer(200, shops(&[OTHER_SHOP, SHOP])).will_answer(200, nothing());
    let elsewhere = appointment_with(APPOINTMENT, &[("businessId", json!(OTHER_SHOP))]);
    server
        .will_answer(200, listed(vec![elsewhere]))
        .will_answer(200, listed(vec![customer(CUSTOMER)]));
    let reader = reader(&server);
    let (found, calls) = asked(&reader, APPOINTMENT).await.unwrap();
    let found = found.unwrap().unwrap();
    assert_eq!(found.external_id.as_str(), APPOINTMENT);
    assert_eq!(found.person.unwrap().email.as_deref(), Some("ada@example.com"));
    assert_eq!(calls, 4);
    let asked_for = server.asked();
    let lines: Vec<_> = asked_for.iter().map(|it| it.line.as_str()).collect();
    assert_eq!(lines, [LOCATIONS, APPOINTMENTS, APPOINTMENTS, CUSTOMERS]);
    assert_eq!(asked_for[1].body, json!({"businessId": SHOP, "appointmentId": APPOINTMENT}));
    assert_eq!(asked_for[2].body, json!({"businessId": OTHER_SHOP, "appointmentId": APPOINTMENT}));
    assert_eq!(asked_for[3].body, json!({"businessId": OTHER_SHOP, "customerId": CUSTOMER}));
    assert!(asked_for.iter().all(|it| it.header("accesstoken") == "minted-token"));
}

#[tokio::test]
async fn locations_are_remembered_for_minutes_and_for_their_account_alone() {
    let (server, clock) = (VendorServer::start().await, Arc::new(ManualClock::default()));
    let reader = reader_at(&server.base_url, Arc::clone(&clock));
    let read = async |connection: &Connection| {
        server.will_answer(200, nothing());
        let ids = [ExternalId::new(APPOINTMENT)];
        reader.bookings(connection, &ids).await.unwrap();
        server.lines().len()
    };
    let acme = connection();
    server.will_answer(200, shops(&[SHOP]));
    assert_eq!(read(&acme).await, 2);
    clock.advance(Duration::from_secs(599));
    assert_eq!(read(&acme).await, 1);
    let tenant = sync_domain::model::TenantId::parse("globex").unwrap();
    for other in [
        Connection { tenant, ..acme.clone() },
        Connection { account_id: OTHER_SHOP.to_owned(), ..acme.clone() },
    ] {
        server.will_answer(200, shops(&[OTHER_SHOP]));
        assert_eq!(read(&other).await, 2);
    }
    clock.advance(Duration::from_secs(2));
    server.will_answer(200, shops(&[SHOP]));
    assert_eq!(read(&acme).await, 2, "the list is ten minutes old");
}

#[tokio::test]
async fn booking_is_gone_only_where_the_vendor_says_so_at_every_location() {
    let answers = [nothing(), listed(Value::Null)].map(|body| (200, body));
    for (status, body) in answers.into_iter().chain([(404, failure(1051))]) {
        let server = VendorServer::start().await;
        server.will_answer(200, shops(&[SHOP, OTHER_SHOP]));
        server.will_answer(200, nothing()).will_answer(status, &body);
        let (found, calls) = asked(&reader(&server), APPOINTMENT).await.unwrap();
        assert_eq!((found, calls), (None, 3), "{status} {body}");
    }
    for (status, body) in [
        (404, "<html>".to_owned()),
        (404, String::new()),
        (404, "{}".to_owned()),
        (200, json!({"data": []}).to_string()),
        (200, json!({"responseCode": 1000}).to_string()),
        (200, listed(vec![appointment("another")]).to_string()),
        (200, listed(json!({"appointments": []})).to_string()),
        (200, listed(vec![appointment(&APPOINTMENT.to_lowercase())]).to_string()),
    ] {
        let server = VendorServer::start().await;
        server.will_answer(200, shops(&[SHOP])).will_answer(status, &body);
        let error = asked(&reader(&server), APPOINTMENT).await;
        assert!(error.is_err(), "{status} {body}: {error:?}");
    }
    // An account that seems to have no location has no booking that is gone.
    let server = VendorServer::start().await;
    server.will_answer(200, shops(&[]));
    let error = asked(&reader(&server), APPOINTMENT).await.unwrap_err();
    assert!(matches!(error, ProviderError::Unavailable { .. }), "{error:?}");
}

#[tokio::test]
async fn fault_is_what_is_done_about_it() {
    let limited = |seconds| ProviderError::RateLimited {
        retry_after: Some(Duration::from_secs(seconds)),
        scope: RateScope::Window,
    };
    let rejected =
        |code: &str| ProviderError::Rejected { vendor_code: Some(code.to_owned()), field: None };
    let no_code = ProviderError::Rejected { vendor_code: None, field: None };
    for (status, body, expected) in [
        (200, failure(1034).to_string(), ProviderError::Unauthorized),
        (200, failure(1038).to_string(), limited(2)),
        (200, failure(1003).to_string(), rejected("1003")),
        (200, failure(1051).to_string(), rejected("1051")),
        (200, failure(9_999).to_string(), unavailable(200)),
        (200, json!({"responseCode": "canary", "data": []}).to_string(), unavailable(200)),
        (400, failure(1003).to_string(), rejected("1003")),
        (400, "{}".to_owned(), no_code),
        (401, "<html>".to_owned(), ProviderError::Unauthorized),
        (401, failure(1034).to_string(), ProviderError::Unauthorized),
        (403, failure(1099).to_string(), ProviderError::MissingScope),
        (403, "<html>".to_owned(), unavailable(403)),
        (408, String::new(), ProviderError::TimedOut),
        (429, String::new(), limited(2)),
        (500, String::new(), unavailable(500)),
        (503, "<html>busy</html>".to_owned(), unavailable(503)),
        (302, String::new(), unavailable(302)),
        (200, "<html>sign in</html>".to_owned(), unavailable(200)),
        (200, "{\"responseCode\": 1000, \"data\": [{\"appoint".to_owned(), unavailable(200)),
        (200, String::new(), unavailable(200)),
        (200, "[]".to_owned(), unavailable(200)),
    ] {
        let server = VendorServer::start().await;
        server.will_answer(200, shops(&[SHOP])).will_answer(status, &body);
        let error = asked(&reader(&server), APPOINTMENT).await.unwrap_err();
        assert_eq!(error, expected, "{status} {body}");
        assert!(!format!("{error:?}").contains("canary"), "{error:?}");
    }
    let server = VendorServer::start().await;
    server.will_answer(200, shops(&[SHOP])).will_answer_with(429, &[("retry-after", "30")], "");
    assert_eq!(asked(&reader(&server), APPOINTMENT).await.unwrap_err(), limited(30));
    let nowhere = asked(&reader_at("http://127.0.0.1:1", Arc::default()), APPOINTMENT).await;
    assert!(matches!(nowhere, Err(ProviderError::Unavailable { .. })));
}

#[tokio::test]
async fn booking_is_not_lost_with_its_customer_and_a_faulty_answer_is_no_customer() {
    for (status, body) in [(200, nothing()), (200, failure(1051)), (404, failure(1051))] {
        let server = VendorServer::start().await;
        server
            .will_answer(200, shops(&[SHOP]))
            .will_answer(200, listed(vec![appointment(APPOINTMENT)]));
        server.will_answer(status, &body);
        let (found, _) = asked(&reader(&server), APPOINTMENT).await.unwrap();
        assert_eq!(found.unwrap().unwrap().person, None, "{status} {body}");
    }
    for (status, body) in
        [(200, "<html>".to_owned()), (503, String::new()), (200, failure(1038).to_string())]
    {
        let server = VendorServer::start().await;
        server
            .will_answer(200, shops(&[SHOP]))
            .will_answer(200, listed(vec![appointment(APPOINTMENT)]));
        server.will_answer(status, &body);
        assert!(asked(&reader(&server), APPOINTMENT).await.is_err(), "{status} {body}");
    }
}

#[tokio::test]
async fn booking_that_can_not_be_read_or_is_none_costs_no_customer() {
    let unreadable = appointment_with(APPOINTMENT, &[("bookingStatus", json!("Teleported"))]);
    let block = appointment_with(APPOINTMENT, &[("eventType", json!("PersonalOff"))]);
    let server = VendorServer::start().await;
    server.will_answer(200, shops(&[SHOP])).will_answer(200, listed(vec![unreadable]));
    server.will_answer(200, listed(block));
    let reader = reader(&server);
    let (found, calls) = asked(&reader, APPOINTMENT).await.unwrap();
    let fault = found.unwrap().unwrap_err();
    assert_eq!((fault.field, calls), ("bookingStatus", 2));
    assert_eq!(fault.external_id.as_ref().map(ExternalId::as_str), Some(APPOINTMENT));
    assert_eq!(asked(&reader, APPOINTMENT).await.unwrap(), (None, 1));
}

#[tokio::test]
async fn id_that_is_none_of_the_vendors_is_never_asked_for() {
    let server = VendorServer::start().await;
    let reader = reader(&server);
    let long = "a".repeat(129);
    for id in ["", "a b", "a/../b?c", "a\"b", "ä", long.as_str()] {
        let error = asked(&reader, id).await.unwrap_err();
        assert!(matches!(error, ProviderError::Rejected { .. }), "{id}");
    }
    let elsewhere = Connection { domain: Some("evil.example/us02".to_owned()), ..connection() };
    let error = reader.bookings(&elsewhere, &[ExternalId::new(APPOINTMENT)]).await.unwrap_err();
    assert!(matches!(error, ProviderError::Rejected { .. }), "{error:?}");
    assert_eq!(server.lines(), [""; 0]);
}

#[tokio::test]
async fn who_booked_is_asked_for_at_the_location_that_the_delivery_names() {
    let told = |location: Option<&str>, customer_id: Option<&str>| {
        let details =
            location.map(|it| (sync_domain::model::DetailName::LocationId, it.to_owned()));
        let snapshot = BookingSnapshot {
            starts_at: window().from,
            ends_at: window().until,
            state: sync_domain::model::RemoteState::Standing,
            details: details.into_iter().collect(),
            customer_id: customer_id.map(str::to_owned),
            provider_version: None,
            as_of: None,
        };
        vec![ToldBooking { external_id: ExternalId::new(APPOINTMENT), snapshot }]
    };
    let server = VendorServer::start().await;
    let reader = reader(&server);
    server.will_answer(200, listed(vec![customer(CUSTOMER)]));
    let called = reader.told(&connection(), told(Some(OTHER_SHOP), Some(CUSTOMER))).await.unwrap();
    assert_eq!(called.calls, 1);
    assert!(called.value[0].person.is_some() && called.value[0].starts_at == window().from);
    let asked_for = server.asked().remove(0);
    assert_eq!(asked_for.body, json!({"businessId": OTHER_SHOP, "customerId": CUSTOMER}));
    // Nobody is named, and nobody is asked for: what is stored of the person stays.
    let called = reader.told(&connection(), told(Some(SHOP), None)).await.unwrap();
    assert_eq!((called.calls, &called.value[0].person), (0, &None));
    server.will_answer(200, shops(&[SHOP])).will_answer(200, nothing());
    let called = reader.told(&connection(), told(None, Some(CUSTOMER))).await.unwrap();
    assert_eq!((called.calls, &called.value[0].person), (2, &None));
    assert_eq!(server.lines(), [LOCATIONS, CUSTOMERS]);
}

#[tokio::test]
async fn selection_is_read_step_by_step_and_each_step_can_be_read_again() {
    let server = VendorServer::start().await;
    let reader = reader(&server);
    let first = reader.selected(&selection(&[APPOINTMENT, "unknown"], &[CUSTOMER])).unwrap();
    assert_eq!(reader.requests_of(Some(&first)), reader.requests_per_page());
    server
        .will_answer(200, shops(&[SHOP]))
        .will_answer(200, listed(vec![appointment(APPOINTMENT)]));
    server.will_answer(200, listed(vec![customer(CUSTOMER)]));
    let page = page_at(&reader, Some(&first)).await.unwrap();
    assert_eq!((page.calls, page.value.bookings.len(), page.value.completed.len()), (3, 1, 0));
    let second = page.value.next.unwrap();
    for _ in 0..2 {
        server.will_answer(200, nothing());
        let page = page_at(&reader, Some(&second)).await.unwrap().value;
        assert_eq!((page.bookings.len(), page.unreadable.len()), (0, 1));
        let unknown = &page.unreadable[0];
        assert_eq!(unknown.external_id.as_ref().map(ExternalId::as_str), Some("unknown"));
        server.asked();
        let third = page.next.unwrap();
        server.will_answer(200, listed(vec![appointment("a"), appointment("b"), appointment("a")]));
        server.will_answer(200, listed(vec![customer(CUSTOMER)]));
        let page = page_at(&reader, Some(&third)).await.unwrap().value;
        let ids: Vec<_> = page.bookings.iter().map(|it| it.external_id.as_str()).collect();
        assert_eq!((ids, page.next), (vec!["b", "a"], None), "each once, the later one");
        let asked_for = server.asked();
        assert_eq!(asked_for[0].body, json!({"businessId": SHOP, "customerId": CUSTOMER}));
        assert!(page.bookings.iter().all(|it| it.person.is_some()));
    }
}

#[tokio::test]
async fn customers_pages_are_read_until_a_short_one_at_each_location() {
    let server = VendorServer::start().await;
    let reader = reader(&server);
    let rows = |from: usize, count: usize| {
        listed((from..from + count).map(|id| appointment(&format!("a{id}"))).collect::<Vec<_>>())
    };
    let who = || listed(vec![customer(CUSTOMER)]);
    let mut position = reader.selected(&selection(&[], &[CUSTOMER, "other"]));
    server.will_answer(200, shops(&[SHOP, OTHER_SHOP]));
    for answer in [rows(0, 100), rows(100, 100), rows(200, 3), rows(0, 0), rows(300, 1), rows(0, 0)]
    {
        let is_empty = answer["data"] == json!([]);
        server.will_answer(200, answer);
        if !is_empty {
            server.will_answer(200, who());
        }
        let page = page_at(&reader, position.as_deref()).await.unwrap().value;
        position = page.next;
    }
    assert_eq!(position, None);
    let asked_for: Vec<_> = server
        .asked()
        .into_iter()
        .filter(|it| it.line.contains("appointments"))
        .map(|it| {
            let page = it.line.split("pageNumber=").nth(1).unwrap().chars().next().unwrap();
            let id = |name: &str| it.body[name].as_str().unwrap().to_owned();
            (id("customerId"), id("businessId"), page)
        })
        .collect();
    let expected = [
        (CUSTOMER, SHOP, '1'),
        (CUSTOMER, SHOP, '2'),
        (CUSTOMER, SHOP, '3'),
        (CUSTOMER, OTHER_SHOP, '1'),
        ("other", SHOP, '1'),
        ("other", OTHER_SHOP, '1'),
    ];
    let expected = expected.map(|(who, at, page)| (who.to_owned(), at.to_owned(), page));
    assert_eq!(asked_for, expected);
}

#[tokio::test]
async fn selection_of_ids_that_are_none_or_of_too_many_is_none() {
    let server = VendorServer::start().await;
    let reader = reader(&server);
    let many: Vec<_> = (0..101).map(|it| format!("a{it}")).collect();
    let many: Vec<_> = many.iter().map(String::as_str).collect();
    let long = "a".repeat(129);
    for (bookings, customers) in [
        (&[][..], &[][..]),
        (&many[..], &[]),
        (&many[..60], &many[..41]),
        (&["a b"], &[]),
        (&[""], &["ok"]),
        (&["ok"], &[long.as_str()]),
        (&["a/b?c"], &[]),
    ] {
        assert_eq!(reader.selected(&selection(bookings, customers)), None, "{bookings:?}");
    }
    let longest: Vec<_> = (0..100).map(|it| format!("{it:0>128}")).collect();
    let longest: Vec<_> = longest.iter().map(String::as_str).collect();
    let position = reader.selected(&selection(&longest[..50], &longest[50..])).unwrap();
    assert!(position.len() < 16 * 1024, "{} bytes", position.len());
    assert_ne!(reader.requests_of(Some(&position)), 0);
}

#[tokio::test]
async fn position_that_is_none_is_refused_unasked() {
    let server = VendorServer::start().await;
    let reader = reader(&server);
    let good = reader.selected(&selection(&[], &[CUSTOMER])).unwrap();
    let with = |change: &dyn Fn(&mut Value)| {
        let mut position: Value = serde_json::from_str(&good).unwrap();
        change(&mut position["selection"]);
        position.to_string()
    };
    let first = page_at(&reader, None).await.unwrap().value.next.unwrap();
    let mut later: Value = serde_json::from_str(&first).unwrap();
    later["window"]["at_ms"] = json!(window().until.as_millisecond());
    for text in [
        String::new(),
        "{}".to_owned(),
        "null".to_owned(),
        "[".repeat(30_000),
        later.to_string(),
        first.replace("\"v\":1", "\"v\":2"),
        with(&|it| it["v"] = json!(2)),
        with(&|it| it["page"] = json!(0)),
        with(&|it| it["page"] = json!(1_001)),
        with(&|it| it["customers"] = json!([])),
        with(&|it| it["customers"] = json!(["a b"])),
        with(&|it| it["location"] = json!("a#b")),
        with(&|it| it["bookings"] = json!(vec!["a"; 100])),
        with(&|it| it["email"] = json!("a@b.co")),
        with(&|it| {
            it["page"] = json!(2);
            it["bookings"] = json!(["a"]);
        }),
    ] {
        let refused = page_at(&reader, Some(&text)).await;
        assert_eq!(refused.unwrap_err(), PageError::BadPosition, "{text:.100}");
    }
    assert_eq!(server.lines(), [""; 0]);
}

/// Every part that a walk says is complete.
async fn parts(clock: &Arc<ManualClock>, window: BookingWindow) -> Vec<BookingWindow> {
    let reader = reader_at("http://127.0.0.1:1", Arc::clone(clock));
    let (mut parts, mut position) = (Vec::new(), None::<String>);
    loop {
        assert_eq!(reader.requests_of(position.as_deref()), 0, "nothing is asked for");
        let page = reader.page(&connection(), window, position.as_deref()).await.unwrap();
        assert_eq!((page.calls, page.value.bookings.len()), (0, 0));
        parts.extend(page.value.completed);
        // However long the walk takes: what is due was settled when it began.
        clock.advance(Duration::from_secs(61));
        position = page.value.next;
        if position.is_none() {
            return parts;
        }
    }
}

const DAY_MS: i64 = 86_400_000;

#[tokio::test]
async fn near_days_are_read_each_hour_and_every_other_day_once_a_day() {
    let start = ManualClock::default();
    let today = sync_domain::ports::Clock::now(&start).as_millisecond().div_euclid(DAY_MS);
    let day = |offset: i64| jiff::Timestamp::from_millisecond((today + offset) * DAY_MS).unwrap();
    let window = BookingWindow { from: day(-30), until: day(60) };
    let mut times_read = std::collections::BTreeMap::<i64, u32>::new();
    for hour in 0..24_u64 {
        let clock = Arc::new(ManualClock::default());
        // From the day's first hour on: the clock begins at 14:13.
        let into_day = sync_domain::ports::Clock::now(clock.as_ref()).as_millisecond() % DAY_MS;
        let to_midnight = u64::try_from(DAY_MS - into_day).unwrap();
        clock.advance(Duration::from_millis(to_midnight) + Duration::from_secs(hour * 3_600 + 600));
        let read = parts(&clock, window).await;
        let mut by_day = std::collections::BTreeMap::<i64, i64>::new();
        for part in &read {
            let (from, until) = (part.from.as_millisecond(), part.until.as_millisecond());
            assert!(until - from <= 4 * 3_600_000, "{part:?}");
            *by_day.entry(from.div_euclid(DAY_MS)).or_default() += until - from;
        }
        assert!(by_day.values().all(|ms| *ms == DAY_MS), "whole days: {by_day:?}");
        assert!(by_day.len() <= 9 + 4, "{} days in one sweep", by_day.len());
        for read in by_day.keys() {
            *times_read.entry(*read).or_default() += 1;
        }
    }
    // The clock stood on the next day in all of these sweeps.
    let near = today + 1 - 1..=today + 1 + 7;
    for day in today - 30..today + 60 {
        let times = times_read.get(&day).copied().unwrap_or_default();
        if near.contains(&day) {
            assert!(times == 24, "{day} is near and was read {times} times");
        } else {
            assert_eq!(times, 1, "{day}");
        }
    }
}

#[tokio::test]
async fn parts_keep_to_the_window_and_to_its_edges() {
    let clock = Arc::new(ManualClock::default());
    let window = |from: &str, until: &str| BookingWindow {
        from: from.parse().unwrap(),
        until: until.parse().unwrap(),
    };
    let read = parts(&clock, window("2026-09-21T03:30:00Z", "2026-09-21T09:15:00Z")).await;
    let expected = [
        window("2026-09-21T03:30:00Z", "2026-09-21T04:00:00Z"),
        window("2026-09-21T04:00:00Z", "2026-09-21T08:00:00Z"),
        window("2026-09-21T08:00:00Z", "2026-09-21T09:15:00Z"),
    ];
    assert_eq!(read, expected);
    let none = parts(&clock, window("2026-11-01T00:00:00Z", "2026-11-01T00:00:00Z")).await;
    assert_eq!(none, []);
    // A day that is another hour's.
    let none = parts(&clock, window("2026-11-01T00:00:00Z", "2026-11-02T00:00:00Z")).await;
    assert_eq!(none, []);
}

#[tokio::test]
async fn reader_lists_nothing_by_date_and_says_what_it_costs() {
    let server = VendorServer::start().await;
    let reader = reader(&server);
    assert!(!reader.lists_by_date());
    assert_eq!((reader.bookings_max(), reader.requests_per_read()), (1, 2));
    for text in ["", "{}", "x"] {
        assert_eq!(reader.requests_of(Some(text)), 0, "{text}");
    }
    let limit = reader.default_limit(&connection());
    // Both classes find a permit.
    assert_eq!(limit.usable(), 2);
    assert_eq!(limit.window, Duration::from_secs(1));
}
