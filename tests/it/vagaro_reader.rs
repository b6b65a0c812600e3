//! What is asked of Vagaro about single appointments, and what its answers are taken for.

use std::sync::Arc;
use std::time::Duration;

use serde_json::{Value, json};
use sync_domain::model::{BookingSnapshot, DetailName, ExternalId, RemoteState, TenantId};
use sync_domain::ports::{
    AskedBooking, BookingReader, Connection, ProviderError, RateScope, RemoteEffect, ToldBooking,
};
use sync_providers::vagaro::VagaroReader;
use sync_testkit::ManualClock;

use crate::support::vagaro::{
    APPOINTMENT, CUSTOMER, OTHER_SHOP, SHOP, appointment, appointment_with, connection, customer,
    failure, listed, nothing, reader, reader_at, shops, window,
};
use crate::support::vendor_server::VendorServer;

const APPOINTMENTS: &str = "POST /us02/api/v2/appointments?pageNumber=1&pageSize=100&orderBy=asc";
const LOCATIONS: &str = "POST /us02/api/v2/locations?pageNumber=1&pageSize=100";
const CUSTOMERS: &str = "POST /us02/api/v2/customers";

async fn asked(reader: &VagaroReader, id: &str) -> Result<(AskedBooking, u32), ProviderError> {
    let mut called = reader.bookings(&connection(), &[ExternalId::new(id)]).await?;
    assert_eq!(called.value.len(), 1);
    Ok((called.value.remove(0), called.calls))
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
        let of_nobody = appointment_with(APPOINTMENT, &[("customerId", Value::Null)]);
        server.will_answer(200, listed(vec![of_nobody]));
        let ids = [ExternalId::new(APPOINTMENT)];
        reader.bookings(connection, &ids).await.unwrap();
        server.lines().len()
    };
    let acme = connection();
    server.will_answer(200, shops(&[SHOP]));
    assert_eq!(read(&acme).await, 2);
    clock.advance(Duration::from_secs(599));
    assert_eq!(read(&acme).await, 1);
    let tenant = TenantId::parse("globex").unwrap();
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
async fn booking_that_is_missed_is_asked_for_at_locations_that_were_opened_since() {
    let server = VendorServer::start().await;
    let reader = reader(&server);
    let of_nobody = |id: &str| {
        let members = [("customerId", Value::Null), ("businessId", json!(OTHER_SHOP))];
        listed(vec![appointment_with(id, &members)])
    };
    server.will_answer(200, shops(&[SHOP])).will_answer(200, nothing());
    assert_eq!(asked(&reader, APPOINTMENT).await.unwrap(), (None, 2), "the list was just read");
    server.asked();
    server.will_answer(200, nothing()).will_answer(200, shops(&[SHOP, OTHER_SHOP]));
    server.will_answer(200, of_nobody(APPOINTMENT));
    let (found, calls) = asked(&reader, APPOINTMENT).await.unwrap();
    assert!(found.unwrap().is_ok() && calls == 3);
    let asked_for = server.asked();
    assert_eq!(asked_for[1].line, LOCATIONS);
    assert_eq!(asked_for[2].body["businessId"], json!(OTHER_SHOP));
    // From now on it is known, and read anew once for each operation that misses something.
    server.will_answer(200, nothing()).will_answer(200, nothing());
    server.will_answer(200, shops(&[SHOP, OTHER_SHOP])).will_answer(200, nothing());
    server.will_answer(200, nothing());
    let ids = [ExternalId::new(APPOINTMENT), ExternalId::new("another")];
    let called = reader.bookings(&connection(), &ids).await.unwrap();
    assert_eq!((called.value, called.calls), (vec![None, None], 5));
    // Where the list can't be had, nothing is gone.
    server.will_answer(200, nothing()).will_answer(200, nothing()).will_answer(503, "");
    assert_eq!(asked(&reader, APPOINTMENT).await.unwrap_err(), unavailable(503));
    server.will_answer(200, nothing()).will_answer(200, nothing()).will_answer(200, shops(&[]));
    assert!(asked(&reader, APPOINTMENT).await.is_err());
}

#[tokio::test]
async fn locations_are_read_until_a_page_is_short_or_brings_nothing_new() {
    let many: Vec<_> = (0..101).map(|it| format!("a{it:03}")).collect();
    let many: Vec<_> = many.iter().map(String::as_str).collect();
    let short = (200, shops(&many[100..]));
    for (second, expected) in
        [(short, 101), ((200, nothing()), 100), ((200, shops(&many[..100])), 100)]
    {
        let server = VendorServer::start().await;
        server.will_answer(200, shops(&many[..100])).will_answer(second.0, &second.1);
        for _ in 0..expected {
            server.will_answer(200, nothing());
        }
        let (found, calls) = asked(&reader(&server), APPOINTMENT).await.unwrap();
        assert_eq!((found, calls), (None, 2 + expected), "{}", second.1);
        let lines = server.lines();
        assert_eq!(lines[1], "POST /us02/api/v2/locations?pageNumber=2&pageSize=100");
    }
}

#[tokio::test]
async fn booking_is_gone_only_where_the_vendor_says_so_at_every_location() {
    for body in [nothing(), listed(Value::Null), json!({"data": []})] {
        let server = VendorServer::start().await;
        server.will_answer(200, shops(&[SHOP, OTHER_SHOP]));
        server.will_answer(200, nothing()).will_answer(200, &body);
        let (found, calls) = asked(&reader(&server), APPOINTMENT).await.unwrap();
        assert_eq!((found, calls), (None, 3), "{body}");
    }
    for (status, body) in [
        // What is not there may be the location.
        (404, failure(1051).to_string()),
        (404, nothing().to_string()),
        (404, "<html>".to_owned()),
        (404, String::new()),
        (404, "{}".to_owned()),
        (200, json!({"data": null}).to_string()),
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
        (200, failure(9_999).to_string(), rejected("9999")),
        (202, failure(9_999).to_string(), rejected("9999")),
        (404, failure(9_999).to_string().replace("9999", "\"?\""), no_code.clone()),
        (422, failure(9_999).to_string(), rejected("9999")),
        (500, failure(9_999).to_string(), unavailable(500)),
        (302, failure(9_999).to_string(), unavailable(302)),
        (200, json!({"responseCode": "canary", "data": []}).to_string(), unavailable(200)),
        (400, failure(1003).to_string(), rejected("1003")),
        (400, "{}".to_owned(), no_code),
        (404, failure(1051).to_string(), rejected("1051")),
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
    let (refused, forbidden) = (failure(1051), failure(1099));
    for (status, body) in
        [(200, nothing()), (200, refused.clone()), (404, refused), (403, forbidden)]
    {
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
    // What is stored under the id of an absence stays: this is no word of a deletion.
    let (found, calls) = asked(&reader, APPOINTMENT).await.unwrap();
    let fault = found.unwrap().unwrap_err();
    assert_eq!((fault.field, calls), ("eventType", 1));
    assert_eq!(fault.external_id.as_ref().map(ExternalId::as_str), Some(APPOINTMENT));
}

#[tokio::test]
async fn unknown_code_at_the_list_of_locations_is_a_fault_and_refuses_no_id() {
    let server = VendorServer::start().await;
    server.will_answer(200, failure(9_999));
    assert_eq!(asked(&reader(&server), APPOINTMENT).await.unwrap_err(), unavailable(200));
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
        let details = location.map(|it| (DetailName::LocationId, it.to_owned()));
        let snapshot = BookingSnapshot {
            starts_at: window().from,
            ends_at: window().until,
            state: RemoteState::Standing,
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
    for (location, customer_id, requests) in [
        (Some(OTHER_SHOP), Some(CUSTOMER), 1),
        (None, Some(CUSTOMER), 2),
        (Some(SHOP), None, 0),
        (None, None, 0),
    ] {
        let told = told(location, customer_id);
        assert_eq!(reader.requests_of_told(&told), requests, "{told:?}");
    }
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
async fn reader_lists_nothing_by_date_and_says_what_it_costs() {
    let server = VendorServer::start().await;
    let reader = reader(&server);
    assert!(!reader.lists_by_date());
    assert_eq!((reader.bookings_max(), reader.requests_per_read()), (1, 2));
    for text in ["", "{}", "x"] {
        assert_eq!(reader.requests_of(Some(text)), 0, "{text}");
    }
}
