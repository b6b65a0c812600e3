//! Bookings that are read from Square by their ids.

use serde_json::{Value, json};
use sync_domain::model::ExternalId;
use sync_domain::ports::{BookingReader, ProviderError};

use crate::support::square::{VERSION, booking, connection, error, not_found, reader};
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

#[tokio::test]
async fn bookings_are_read_by_their_ids_in_one_request_and_answered_in_order() {
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
    let asked = ids(&["b4", "b3", "b1", "b2", "../me", "b1"]);
    let called = reader(&server.base_url).bookings(&connection(), &asked).await.unwrap();
    assert_eq!(called.calls, 1);
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

#[tokio::test]
async fn id_that_is_none_of_squares_is_not_asked_for() {
    let server = VendorServer::start().await;
    let asked = ids(&["", "../me", "a b", "a/b", "a?x", "٣", &"a".repeat(129)]);
    let called = reader(&server.base_url).bookings(&connection(), &asked).await.unwrap();
    let fields = called.value.into_iter().map(|it| it.unwrap().unwrap_err().field);
    assert_eq!((called.calls, fields.collect::<Vec<_>>()), (0, vec!["id"; 7]));
    assert!(server.lines().is_empty());
}
