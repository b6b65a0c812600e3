//! Bookings that are read from Square by their ids.

use std::sync::Arc;
use std::time::Duration;

use serde_json::{Value, json};
use sync_domain::model::ExternalId;
use sync_domain::ports::{BookingReader, ProviderError};
use sync_testkit::ManualClock;

use crate::support::square::{
    VERSION, booking, connection, connection_of, error, http, not_found, reader, reader_over,
};
use crate::support::vendor_server::VendorServer;

/// Of `POST /v2/bookings/bulk-retrieve`.
fn entries(entries: &[(&str, Value)]) -> Value {
    let entries: serde_json::Map<_, _> =
        entries.iter().map(|(id, entry)| ((*id).to_owned(), entry.clone())).collect();
    json!({"bookings": entries, "errors": []})
}

fn entry(id: &str) -> Value {
    json!({"booking": booking(id, "2026-05-02T10:00:00Z", None), "errors": []})
}

fn ids(ids: &[&str]) -> Vec<ExternalId> {
    ids.iter().map(|id| ExternalId::new(*id)).collect()
}

const BOOKINGS: &str = "POST /v2/bookings/bulk-retrieve";
const STATUS: &str = "POST /oauth2/token/status";
const PROFILE: &str = "GET /v2/bookings/business-booking-profile";
const ALL: &[&str] =
    &["APPOINTMENTS_READ", "APPOINTMENTS_ALL_READ", "APPOINTMENTS_BUSINESS_SETTINGS_READ"];

/// The status of a token with these rights.
fn rights(scopes: &[&str]) -> Value {
    json!({"scopes": scopes, "merchant_id": "MERCHANT1", "client_id": "sq0idp-1"})
}

/// The profile of an account that says so of its plan.
fn plan(supports: impl Into<Value>) -> Value {
    let supports: Value = supports.into();
    json!({"business_booking_profile": {"support_seller_level_writes": supports}})
}

/// The answer of one booking that is there and one that isn't.
fn one_missing() -> Value {
    entries(&[("b1", entry("b1")), ("b2", not_found())])
}

#[tokio::test]
async fn bookings_are_read_by_their_ids_at_once_and_answered_in_order() {
    let server = VendorServer::start().await;
    let mut unknown = entry("b3");
    unknown["booking"]["status"] = json!("NEW_STATUS");
    let refused = error("INVALID_REQUEST_ERROR", "VALUE_TOO_LONG");
    let answer = entries(&[
        ("b1", entry("b1")),
        ("b2", not_found()),
        ("b3", unknown),
        ("b4", refused),
        ("zz", entry("zz")),
    ]);
    server.will_answer(200, answer);
    server.will_answer(200, rights(ALL)).will_answer(200, plan(true));
    let asked = ids(&["b4", "b3", "b1", "b2", "../me", "b1"]);
    let called = reader(&server.base_url).bookings(&connection(), &asked).await.unwrap();
    assert_eq!(called.calls, 3);
    let found: Vec<_> = called
        .value
        .iter()
        .map(|answer| match answer {
            Some(Ok(booking)) => booking.external_id.as_str(),
            Some(Err(unreadable)) => unreadable.field,
            None => "none",
        })
        .collect();
    assert_eq!(found, ["id", "status", "b1", "none", "id", "b1"]);
    let requests = server.asked();
    assert_eq!(requests[0].line, "POST /v2/bookings/bulk-retrieve");
    assert_eq!(requests[0].body, json!({"booking_ids": ["b1", "b2", "b3", "b4"]}));
    assert_eq!(requests[0].header("square-version"), VERSION);
}

#[tokio::test]
async fn booking_is_gone_only_if_square_itself_says_so() {
    for (status, body) in [
        (404, "<html>no such page</html>".to_owned()),
        (200, "{}".to_owned()),
        (200, entries(&[]).to_string()),
        (200, entries(&[("b1", json!({}))]).to_string()),
        (200, entries(&[("b1", entry("b2"))]).to_string()),
        (200, entries(&[("b1", error("API_ERROR", "NOT_FOUND"))]).to_string()),
        (502, not_found().to_string()),
    ] {
        let server = VendorServer::start().await;
        server.will_answer(status, &body);
        let reader = reader(&server.base_url);
        let error = reader.bookings(&connection(), &ids(&["b1"])).await.unwrap_err();
        assert!(matches!(error, ProviderError::Unavailable { .. }), "{status} {body}: {error:?}");
    }
}

/// Whether the second is gone, by what Square says of the token's rights.
async fn gone(answers: &[(u16, Value)]) -> (Result<bool, ProviderError>, Vec<String>) {
    let server = VendorServer::start().await;
    server.will_answer(200, one_missing());
    for (status, body) in answers {
        server.will_answer(*status, body);
    }
    let reader = reader(&server.base_url);
    let read = reader.bookings(&connection(), &ids(&["b1", "b2"])).await;
    (read.map(|called| called.value[1].is_none()), server.lines())
}

#[tokio::test]
async fn booking_that_is_not_shown_is_gone_only_to_a_token_that_shows_all_of_a_seller() {
    let auth = |code: &str| error("AUTHENTICATION_ERROR", code);
    let no_plan = error("MERCHANT_SUBSCRIPTION_ERROR", "NEW_CODE");
    for (profile, is_gone) in [
        ((200, plan(true)), true),
        ((200, plan(Value::Null)), true),
        ((404, not_found()), true),
        ((200, plan(false)), false),
        ((403, no_plan), false),
        ((403, auth("INSUFFICIENT_SCOPES")), false),
    ] {
        let (read, lines) = gone(&[(200, rights(ALL)), profile.clone()]).await;
        let expected = if is_gone { Ok(true) } else { Err(ProviderError::MissingScope) };
        assert_eq!((read, lines), (expected, vec_of(&[BOOKINGS, STATUS, PROFILE])), "{profile:?}");
    }
    for scopes in [&["APPOINTMENTS_READ", "APPOINTMENTS_BUSINESS_SETTINGS_READ"][..], &[]] {
        let (read, lines) = gone(&[(200, rights(scopes))]).await;
        let expected = Err(ProviderError::MissingScope);
        assert_eq!((read, lines), (expected, vec_of(&[BOOKINGS, STATUS])), "{scopes:?}");
    }
    let without_settings = rights(&["APPOINTMENTS_ALL_READ"]);
    let (read, lines) = gone(&[(200, without_settings)]).await;
    assert_eq!((read, lines), (Ok(true), vec_of(&[BOOKINGS, STATUS])));
}

fn vec_of(lines: &[&str]) -> Vec<String> {
    lines.iter().map(|line| (*line).to_owned()).collect()
}

#[tokio::test]
async fn rights_that_can_not_be_found_out_let_no_booking_be_gone() {
    let (unreadable, busy) = (json!({"merchant_id": "MERCHANT1"}), json!("<html>"));
    for (answers, expected) in [
        (vec![(200, unreadable)], None),
        (vec![(503, busy.clone())], None),
        (vec![(200, rights(ALL)), (503, busy)], None),
        (
            vec![(401, error("AUTHENTICATION_ERROR", "ACCESS_TOKEN_REVOKED"))],
            Some(ProviderError::Unauthorized),
        ),
    ] {
        let error = gone(&answers).await.0.unwrap_err();
        let is_expected = match &expected {
            Some(expected) => error == *expected,
            None => matches!(error, ProviderError::Unavailable { .. }),
        };
        assert!(is_expected, "{answers:?}: {error:?}");
    }
}

#[tokio::test]
async fn rights_are_looked_at_once_a_minute_for_their_tenant_alone() {
    let server = VendorServer::start().await;
    let clock = Arc::new(ManualClock::default());
    let reader = reader_over(&http(), &server.base_url, Arc::clone(&clock) as _);
    let asked = ids(&["b1", "b2"]);
    let (acme, other) = (connection_of("acme", "M"), connection_of("other", "M"));
    server.will_answer(200, one_missing());
    server.will_answer(200, rights(ALL)).will_answer(200, plan(true));
    assert_eq!(reader.bookings(&acme, &asked).await.unwrap().calls, 3);
    clock.advance(Duration::from_secs(59));
    server.will_answer(200, one_missing());
    assert_eq!(reader.bookings(&acme, &asked).await.unwrap().calls, 1);
    server.will_answer(200, one_missing()).will_answer(200, rights(&[]));
    let refused = reader.bookings(&other, &asked).await.unwrap_err();
    assert_eq!(refused, ProviderError::MissingScope);
    clock.advance(Duration::from_secs(1));
    server.will_answer(200, one_missing()).will_answer(200, rights(&[]));
    for _ in 0..2 {
        let refused = reader.bookings(&acme, &asked).await.unwrap_err();
        assert_eq!(refused, ProviderError::MissingScope);
        server.will_answer(200, one_missing());
    }
    let expected =
        [BOOKINGS, STATUS, PROFILE, BOOKINGS, BOOKINGS, STATUS, BOOKINGS, STATUS, BOOKINGS];
    assert_eq!(server.lines(), vec_of(&expected));
    assert!(!format!("{reader:?}").contains("acme"));
}

#[tokio::test]
async fn id_that_is_none_of_squares_is_not_asked_for() {
    let server = VendorServer::start().await;
    let asked = ids(&["", "../me", "a b", "a/b", "a?x", "٣", &"a".repeat(129)]);
    let called = reader(&server.base_url).bookings(&connection(), &asked).await.unwrap();
    let fields = called.value.into_iter().map(|it| it.unwrap().unwrap_err().field);
    assert_eq!((called.calls, fields.collect::<Vec<_>>()), (0, vec!["id"; 7]));
    assert!(server.lines().is_empty());
}
