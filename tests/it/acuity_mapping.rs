//! What Acuity's appointments become, row by row of the tables in
//! `docs/integrations/booking_acuity_mapping.md`.

use jiff::{Span, Timestamp};
use serde_json::{Value, json};
use sync_domain::model::{
    Booking, BookingStatus, DetailName, Person, RemoteBooking, RemoteState, StatusReason,
};
use sync_domain::ports::{BookingPage, BookingReader};

use crate::support::acuity::{connection, fixture, reader, window};
use crate::support::vendor_server::VendorServer;

/// Everything that is in these rows; the vendor gives them for the first days that are asked for.
async fn read(rows: &Value) -> BookingPage {
    let server = VendorServer::start().await;
    server.will_answer(200, rows).will_answer(200, "[]");
    let years = window("2010-01-01T00:00:00Z", "2030-01-01T00:00:00Z");
    let page = reader(&server.base_url, 100).page(&connection(None), years, None).await;
    page.unwrap().value
}

fn rows_of(name: &str) -> Value {
    serde_json::from_str(&fixture(name)).unwrap()
}

fn by_id<'a>(page: &'a BookingPage, id: &str) -> &'a RemoteBooking {
    page.bookings.iter().find(|booking| booking.external_id.as_str() == id).unwrap()
}

fn person_of(booking: &RemoteBooking) -> &Person {
    booking.person.as_ref().unwrap()
}

fn times(booking: &RemoteBooking) -> (String, String) {
    (booking.starts_at.to_string(), booking.ends_at.to_string())
}

#[tokio::test]
async fn documented_appointment_is_read_without_what_is_nobodys_business() {
    let page = read(&rows_of("acuity_appointments.json")).await;
    let booking = by_id(&page, "54321");
    let expected = ("2013-07-02T17:15:00Z".to_owned(), "2013-07-02T18:15:00Z".to_owned());
    assert_eq!(times(booking), expected);
    assert_eq!(booking.state, RemoteState::Standing, "it has no `canceled`");
    let person = person_of(booking);
    assert_eq!(person.first_name.as_deref(), Some("Bob"));
    assert_eq!(person.last_name.as_deref(), Some("McTest"));
    assert_eq!(person.email.as_deref(), Some("bob.mctest@example.com"));
    assert_eq!(person.phone.as_deref(), Some("+14155552671"));
    let details = [
        (DetailName::ServiceId, "1"),
        (DetailName::ServiceName, "Regular Visit"),
        (DetailName::ResourceId, "27238"),
        (DetailName::ClientTimeZone, "America/New_York"),
    ];
    assert_eq!(booking.details, details.map(|(name, text)| (name, text.to_owned())).into());
    for booking in &page.bookings {
        let kept = Booking::of(booking, None, Timestamp::UNIX_EPOCH).fields();
        let kept = kept.into_iter().filter_map(|(_, value)| value).collect::<String>();
        assert!(!kept.contains("canary"), "{kept}");
    }
}

#[tokio::test]
async fn later_members_are_read_and_missing_ones_are_no_fault() {
    let page = read(&rows_of("acuity_appointments.json")).await;
    let class = by_id(&page, "54322");
    assert_eq!(person_of(class).first_name.as_deref(), Some("Zoë"));
    assert_eq!((&person_of(class).email, &person_of(class).phone), (&None, &None));
    assert_eq!(class.details[&DetailName::ClassId], "900100");
    assert_eq!(class.details[&DetailName::ResourceTimeZone], "America/New_York");
    let texts = by_id(&page, "54324");
    assert_eq!(texts.details[&DetailName::ServiceId], "12");
    assert_eq!(
        (person_of(texts).email.as_deref(), person_of(texts).last_name.as_deref()),
        (None, None)
    );
    assert_eq!(person_of(texts).phone.as_deref(), Some("555"));
    assert_eq!(person_of(by_id(&page, "54323")).phone.as_deref(), Some("+4930901820"));
    let bare = by_id(&page, "54325");
    assert!(bare.details.is_empty() && *person_of(bare) == Default::default());
}

#[tokio::test]
async fn row_that_can_not_be_read_is_told_and_costs_only_itself() {
    let page = read(&rows_of("acuity_appointments.json")).await;
    assert_eq!(page.bookings.len(), 5);
    let unreadable = page
        .unreadable
        .iter()
        .map(|it| (it.external_id.as_ref().map(|id| id.as_str().to_owned()), it.field));
    let expected = [
        (Some("54326".to_owned()), "duration"),
        (Some("54327".to_owned()), "datetime"),
        (None, "id"),
    ];
    assert!(unreadable.eq(expected), "{:?}", page.unreadable);
}

#[tokio::test]
async fn status_follows_the_table() {
    use BookingStatus::{Cancelled, Completed, Scheduled};
    let page = read(&json!([
        {"id": 1, "datetime": "2026-05-12T14:00:00-0400", "duration": "60", "canceled": false},
        {"id": 2, "datetime": "2026-05-12T14:00:00-0400", "duration": "60", "canceled": true},
        {"id": 3, "datetime": "2026-05-12T14:00:00-0400", "duration": "60", "canceled": true, "noShow": false},
        {"id": 4, "datetime": "2026-05-12T14:00:00-0400", "duration": "60", "canceled": true, "noShow": true},
        {"id": 5, "datetime": "2026-05-12T14:00:00-0400", "duration": "60", "canceled": false,
         "labels": [{"id": 1, "name": "Completed", "color": "green"}]},
    ]))
    .await;
    let end: Timestamp = "2026-05-12T19:00:00Z".parse().unwrap();
    let (before, after) = (end - Span::new().seconds(1), end + Span::new().hours(1));
    let (cancelled, no_show) = (Some(StatusReason::Cancelled), Some(StatusReason::NoShow));
    for (id, now, expected) in [
        ("1", before, (Scheduled, None)),
        ("1", end, (Completed, None)),
        ("1", after, (Completed, None)),
        ("2", before, (Cancelled, cancelled)),
        ("2", after, (Cancelled, cancelled)),
        ("3", after, (Cancelled, cancelled)),
        ("4", before, (Cancelled, no_show)),
        ("4", after, (Cancelled, no_show)),
        ("5", before, (Scheduled, None)),
    ] {
        let booking = Booking::of(by_id(&page, id), None, now);
        assert_eq!((booking.status, booking.reason), expected, "{id} at {now}");
    }
}

#[tokio::test]
async fn times_hold_over_clock_changes_and_midnight() {
    let page = read(&rows_of("acuity_clock_changes.json")).await;
    let expected = [
        ("1", "2026-03-08T06:30:00Z", "2026-03-08T07:30:00Z"),
        ("2", "2026-03-08T07:00:00Z", "2026-03-08T08:00:00Z"),
        ("3", "2026-11-01T05:30:00Z", "2026-11-01T06:30:00Z"),
        ("4", "2026-11-01T06:30:00Z", "2026-11-01T07:30:00Z"),
        ("5", "2026-03-29T00:30:00Z", "2026-03-29T02:00:00Z"),
        ("6", "2026-03-29T01:00:00Z", "2026-03-29T01:45:00Z"),
        ("7", "2026-10-25T00:15:00Z", "2026-10-25T01:15:00Z"),
        ("8", "2026-10-25T01:15:00Z", "2026-10-25T02:15:00Z"),
        ("9", "2026-04-04T14:45:00Z", "2026-04-04T15:30:00Z"),
        ("10", "2026-04-04T15:15:00Z", "2026-04-04T16:00:00Z"),
        ("11", "2026-10-03T15:15:00Z", "2026-10-03T15:45:00Z"),
        ("12", "2026-10-03T15:30:00Z", "2026-10-03T16:00:00Z"),
        ("13", "2026-05-13T03:30:00Z", "2026-05-13T04:30:00Z"),
        ("14", "2027-01-01T04:59:00Z", "2027-01-01T05:00:00Z"),
        ("15", "2026-05-12T22:00:00Z", "2026-05-13T22:00:00Z"),
        ("16", "2026-05-11T18:30:00Z", "2026-05-11T19:15:00Z"),
    ];
    assert_eq!(page.bookings.len(), expected.len());
    for (id, start, end) in expected {
        assert_eq!(times(by_id(&page, id)), (start.to_owned(), end.to_owned()), "{id}");
    }
}
