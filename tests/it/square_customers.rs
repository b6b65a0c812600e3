//! Who booked: the customers that Square's bookings name.

use std::sync::Arc;
use std::time::Duration;

use serde_json::{Value, json};
use sync_domain::model::{BookingSnapshot, ExternalId, Person, RemoteState};
use sync_domain::ports::{
    BookingReader, BookingWindow, PageError, ProviderError, RateScope, ToldBooking,
};
use sync_providers::square::SquareReader;
use sync_testkit::ManualClock;

use crate::support::acuity::window;
use crate::support::square::{
    booking, connection, connection_of, customer, customers, error, http, listed, not_found,
    reader, reader_over,
};
use crate::support::vendor_server::VendorServer;

const LIST: &str = "GET /v2/bookings";
const PEOPLE: &str = "POST /v2/customers/bulk-retrieve";

fn may() -> BookingWindow {
    window("2026-05-01T00:00:00Z", "2026-05-10T00:00:00Z")
}

/// The answer of a list with a booking for each of these customers.
fn booked_by(ids: &[&str]) -> Value {
    let row = |(place, id): (usize, &&str)| {
        booking(&format!("b{place}"), "2026-05-02T10:00:00Z", Some(*id))
    };
    listed(&ids.iter().enumerate().map(row).collect::<Vec<_>>(), None)
}

async fn first_names(reader: &SquareReader, tenant: &str) -> Vec<Option<String>> {
    let page = reader.page(&connection_of(tenant, "M"), may(), None).await.unwrap().value;
    let name = |person: Option<Person>| person.and_then(|person| person.first_name);
    page.bookings.into_iter().map(|booking| name(booking.person)).collect()
}

fn paths(server: &VendorServer) -> Vec<String> {
    let lines = server.lines().into_iter();
    lines.map(|line| line.split('?').next().unwrap().to_owned()).collect()
}

fn told(id: &str, customer_id: Option<&str>) -> ToldBooking {
    let snapshot = BookingSnapshot {
        starts_at: "2026-05-02T10:00:00Z".parse().unwrap(),
        ends_at: "2026-05-02T10:30:00Z".parse().unwrap(),
        state: RemoteState::Standing,
        details: Default::default(),
        customer_id: customer_id.map(str::to_owned),
        provider_version: Some(7),
        as_of: None,
    };
    ToldBooking { external_id: ExternalId::new(id), snapshot }
}

#[tokio::test]
async fn customers_of_a_page_are_read_in_one_request_each_once() {
    let server = VendorServer::start().await;
    server.will_answer(200, booked_by(&["C2", "C1", "C2"]));
    server.will_answer(
        200,
        customers(&[("C1", customer("C1", "Ada")), ("C2", customer("C2", "Bo"))]),
    );
    let called = reader(&server.base_url).page(&connection(), may(), None).await.unwrap();
    assert_eq!(called.calls, 2);
    let person = called.value.bookings[0].person.clone().unwrap();
    assert_eq!(person.first_name.as_deref(), Some("Bo"));
    assert_eq!(person.last_name.as_deref(), Some("Canary"));
    assert_eq!(person.email.as_deref(), Some("bo@example.com"));
    assert_eq!(person.phone.as_deref(), Some("+14155552671"));
    let asked = server.asked();
    assert_eq!(asked[1].line, PEOPLE);
    assert_eq!(asked[1].body, json!({"customer_ids": ["C1", "C2"]}));
}

#[tokio::test]
async fn customer_that_is_not_there_is_unknown_and_no_customer_is_nobody() {
    let server = VendorServer::start().await;
    let mut rows = booked_by(&["gone", "refused", "left-out"]);
    rows["bookings"].as_array_mut().unwrap().extend([
        booking("b3", "2026-05-02T10:00:00Z", None),
        booking("b4", "2026-05-02T10:00:00Z", Some("")),
    ]);
    server.will_answer(200, rows);
    let refused = error("INVALID_REQUEST_ERROR", "INVALID_VALUE");
    server.will_answer(200, customers(&[("gone", not_found()), ("refused", refused)]));
    let page = reader(&server.base_url).page(&connection(), may(), None).await.unwrap().value;
    let people: Vec<_> = page.bookings.into_iter().map(|it| it.person).collect();
    let nobody = Some(Person::default());
    assert_eq!(people, [None, None, None, nobody.clone(), nobody]);
}

/// A name that somebody's program has cut in the middle of an emoji.
#[tokio::test]
async fn name_with_half_a_character_costs_its_neighbours_nothing() {
    let server = VendorServer::start().await;
    server.will_answer(200, booked_by(&["C1", "C2"]));
    let people = customers(&[("C1", customer("C1", "Ann CUT")), ("C2", customer("C2", "Bo"))]);
    server.will_answer(200, people.to_string().replace("CUT", "\\ud83d"));
    let names = first_names(&reader(&server.base_url), "acme").await;
    assert_eq!(names, [Some("Ann \u{fffd}".to_owned()), Some("Bo".to_owned())]);
}

#[tokio::test]
async fn page_without_customers_asks_for_none() {
    let server = VendorServer::start().await;
    server.will_answer(200, listed(&[booking("b0", "2026-05-02T10:00:00Z", None)], None));
    let called = reader(&server.base_url).page(&connection(), may(), None).await.unwrap();
    assert_eq!((called.calls, paths(&server).len()), (1, 1));
}

#[tokio::test]
async fn customers_are_kept_for_a_minute_for_their_tenant_alone() {
    let server = VendorServer::start().await;
    let clock = Arc::new(ManualClock::default());
    let reader = reader_over(&http(), &server.base_url, Arc::clone(&clock) as _);
    server.will_answer(200, booked_by(&["C1", "gone"]));
    server.will_answer(200, customers(&[("C1", customer("C1", "Ada")), ("gone", not_found())]));
    let ada = [Some("Ada".to_owned()), None];
    assert_eq!(first_names(&reader, "acme").await, ada);
    clock.advance(Duration::from_secs(59));
    server.will_answer(200, booked_by(&["C1", "gone"]));
    assert_eq!(first_names(&reader, "acme").await, ada);
    assert_eq!(paths(&server), [LIST, PEOPLE, LIST]);
    let bea = customers(&[("C1", customer("C1", "Bea"))]);
    server.will_answer(200, booked_by(&["C1"])).will_answer(200, &bea);
    assert_eq!(first_names(&reader, "other").await, [Some("Bea".to_owned())]);
    clock.advance(Duration::from_secs(1));
    server.will_answer(200, booked_by(&["C1"])).will_answer(200, &bea);
    assert_eq!(first_names(&reader, "acme").await, [Some("Bea".to_owned())]);
    assert_eq!(paths(&server), [LIST, PEOPLE, LIST, PEOPLE]);
    let text = format!("{reader:?}");
    assert!(!text.contains("Bea") && !text.contains("Canary") && text.contains("hidden"), "{text}");
}

#[tokio::test]
async fn only_unknown_customers_are_asked_for() {
    let server = VendorServer::start().await;
    let reader = reader(&server.base_url);
    server.will_answer(200, booked_by(&["C1"]));
    server.will_answer(200, customers(&[("C1", customer("C1", "Ada"))]));
    first_names(&reader, "acme").await;
    server.will_answer(200, booked_by(&["C1", "C2"]));
    server.will_answer(200, customers(&[("C2", customer("C2", "Bo"))]));
    let names = first_names(&reader, "acme").await;
    assert_eq!(names, [Some("Ada".to_owned()), Some("Bo".to_owned())]);
    assert_eq!(server.asked()[3].body, json!({"customer_ids": ["C2"]}));
}

#[tokio::test]
async fn what_must_be_so_now_is_read_anew_and_kept_for_the_next_page() {
    let server = VendorServer::start().await;
    let reader = reader(&server.base_url);
    let named = |name: &str| customers(&[("C1", customer("C1", name))]);
    let tenant = connection_of("acme", "M");
    server.will_answer(200, booked_by(&["C1"])).will_answer(200, named("Ada"));
    first_names(&reader, "acme").await;

    server.will_answer(200, named("Bea"));
    let called = reader.told(&tenant, vec![told("b0", Some("C1"))]).await.unwrap();
    assert_eq!(called.value[0].person.as_ref().unwrap().first_name.as_deref(), Some("Bea"));
    server.will_answer(200, booked_by(&["C1"]));
    assert_eq!(first_names(&reader, "acme").await, [Some("Bea".to_owned())]);

    let entry = json!({"booking": booking("b0", "2026-05-02T10:00:00Z", Some("C1"))});
    server.will_answer(200, json!({"bookings": {"b0": entry}})).will_answer(200, named("Cleo"));
    let called = reader.bookings(&tenant, &[ExternalId::new("b0")]).await.unwrap();
    let person = called.value[0].clone().unwrap().unwrap().person.unwrap();
    assert_eq!((called.calls, person.first_name.as_deref()), (2, Some("Cleo")));
    server.will_answer(200, booked_by(&["C1"]));
    assert_eq!(first_names(&reader, "acme").await, [Some("Cleo".to_owned())]);
}

#[tokio::test]
async fn told_bookings_are_joined_in_order_with_all_that_they_tell() {
    let server = VendorServer::start().await;
    server.will_answer(200, customers(&[("C1", customer("C1", "Ada")), ("C2", not_found())]));
    let given = [("b9", Some("C1")), ("b1", None), ("b5", Some("C2")), ("b3", Some("C1"))];
    let given = given.map(|(id, customer)| told(id, customer));
    assert_eq!(reader(&server.base_url).requests_of_told(&given), 1);
    assert_eq!(reader(&server.base_url).requests_of_told(&[told("b1", None)]), 0);
    let called = reader(&server.base_url).told(&connection(), given.to_vec()).await.unwrap();
    assert_eq!((called.calls, server.lines()), (1, vec![PEOPLE.to_owned()]));
    for (told, joined) in given.into_iter().zip(&called.value) {
        let expected = told.snapshot.with_person(told.external_id, joined.person.clone());
        assert_eq!(joined, &expected);
    }
    let names = called.value.iter().map(|it| it.person.as_ref().map(|it| it.first_name.as_deref()));
    let names: Vec<_> = names.collect();
    assert_eq!(names, [Some(Some("Ada")), Some(None), None, Some(Some("Ada"))]);
    let nobody =
        reader(&server.base_url).told(&connection(), vec![told("b1", None)]).await.unwrap();
    assert_eq!((nobody.calls, server.lines().len()), (0, 0));
}

#[tokio::test]
async fn failure_of_the_customers_takes_the_page_with_it_and_nothing_is_kept() {
    let limited = ProviderError::RateLimited {
        retry_after: Some(Duration::from_secs(1)),
        scope: RateScope::Window,
    };
    let failed = |status| ProviderError::Unavailable {
        status: Some(status),
        retry_after: None,
        effect: sync_domain::ports::RemoteEffect::Unknown,
    };
    let one = |entry| customers(&[("C1", entry)]).to_string();
    let limit = error("RATE_LIMIT_ERROR", "RATE_LIMITED");
    for (status, body, expected) in [
        (429, limit.to_string(), limited.clone()),
        (200, one(limit), limited),
        (
            403,
            error("AUTHENTICATION_ERROR", "INSUFFICIENT_SCOPES").to_string(),
            ProviderError::MissingScope,
        ),
        (200, one(error("API_ERROR", "INTERNAL_SERVER_ERROR")), failed(200)),
        (200, one(json!({})), failed(200)),
        (200, "{}".to_owned(), failed(200)),
        (503, "<html>".to_owned(), failed(503)),
    ] {
        let server = VendorServer::start().await;
        let reader = reader(&server.base_url);
        server.will_answer(200, booked_by(&["C1"])).will_answer(status, &body);
        let error = reader.page(&connection_of("acme", "M"), may(), None).await.unwrap_err();
        assert_eq!(error, PageError::Provider(expected), "{status} {body}");
        server.will_answer(200, booked_by(&["C1"]));
        server.will_answer(200, customers(&[("C1", customer("C1", "Ada"))]));
        assert_eq!(first_names(&reader, "acme").await, [Some("Ada".to_owned())]);
    }
}

/// Square's own bound for `limit` may be above what is asked for, or the parameter ignored.
#[tokio::test]
async fn more_customers_than_one_call_takes_are_read_in_several() {
    let server = VendorServer::start().await;
    let ids: Vec<String> = (0..101).map(|id| format!("C{id:03}")).collect();
    let ids: Vec<&str> = ids.iter().map(String::as_str).collect();
    let entries = |ids: &[&str]| {
        let entries = ids.iter().map(|id| (*id, customer(id, "Ada")));
        customers(&entries.collect::<Vec<_>>())
    };
    server.will_answer(200, booked_by(&ids));
    server.will_answer(200, entries(&ids[..100])).will_answer(200, entries(&ids[100..]));
    let called = reader(&server.base_url).page(&connection(), may(), None).await.unwrap();
    assert_eq!(called.calls, 3);
    assert!(called.value.bookings.iter().all(|booking| booking.person.is_some()));
}
