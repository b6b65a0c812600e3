//! What Square's bookings become, row by row of the tables in
//! `docs/integrations/booking_square_mapping.md`.

use jiff::Timestamp;
use serde_json::{Value, json};
use sync_domain::model::{
    Booking, BookingStatus, DetailName, Person, RemoteBooking, RemoteState, StatusReason,
};
use sync_domain::ports::{BookingPage, BookingReader};

use crate::support::acuity::window;
use crate::support::square::{booking, connection, customer, customers, listed, reader};
use crate::support::vendor_server::VendorServer;

const START: &str = "2026-05-02T10:00:00Z";

async fn read(rows: &[Value], people: &[(&str, Value)]) -> BookingPage {
    let server = VendorServer::start().await;
    server.will_answer(200, listed(rows, None)).will_answer(200, customers(people));
    let days = window("2026-05-01T00:00:00Z", "2026-05-10T00:00:00Z");
    reader(&server.base_url).page(&connection(), days, None).await.unwrap().value
}

/// A booking with these members in place of its own.
fn row(members: &[(&str, Value)]) -> Value {
    let mut row = booking("b1", START, None);
    for (name, value) in members {
        row[*name] = value.clone();
    }
    row
}

async fn one(members: &[(&str, Value)]) -> RemoteBooking {
    let page = read(&[row(members)], &[]).await;
    assert!(page.unreadable.is_empty(), "{:?}", page.unreadable);
    page.bookings.into_iter().next().unwrap()
}

async fn fault(members: &[(&str, Value)]) -> &'static str {
    let page = read(&[row(members)], &[]).await;
    assert!(page.bookings.is_empty(), "{:?}", page.bookings);
    page.unreadable[0].field
}

fn segments(lengths: &[(Value, Value)]) -> Value {
    let segment = |(minutes, gap): &(Value, Value)| json!({"duration_minutes": minutes, "intermission_minutes": gap, "team_member_id": "T"});
    lengths.iter().map(segment).collect()
}

#[tokio::test]
async fn booking_is_read_without_what_is_nobodys_business() {
    let row = booking("b1", START, Some("C1"));
    let page = read(&[row], &[("C1", customer("C1", "Ada"))]).await;
    let booking = &page.bookings[0];
    assert_eq!(booking.starts_at.to_string(), START);
    assert_eq!(booking.ends_at.to_string(), "2026-05-02T10:30:00Z", "without the buffer behind it");
    let details = [
        (DetailName::ServiceId, "SERVICE1"),
        (DetailName::ResourceId, "TEAM1"),
        (DetailName::LocationId, "LOC1"),
    ];
    assert_eq!(booking.details, details.map(|(name, text)| (name, text.to_owned())).into());
    let person = booking.person.as_ref().unwrap();
    assert_eq!(person.first_name.as_deref(), Some("Ada"));
    let kept = Booking::of(booking, None, Timestamp::UNIX_EPOCH).fields();
    let kept: String = kept.into_iter().filter_map(|(_, value)| value).collect();
    assert!(!kept.contains("canary"), "{kept}");
    let text = format!("{page:?}");
    assert!(!text.contains("Ada") && !text.contains("415"), "{text}");
}

#[tokio::test]
async fn each_status_is_what_the_table_of_the_mapping_doc_says() {
    let standing = (RemoteState::Standing, BookingStatus::Scheduled, None);
    let reason = |state, reason| (state, BookingStatus::Cancelled, Some(reason));
    let cancelled = reason(RemoteState::Cancelled, StatusReason::Cancelled);
    let detail = |name: DetailName, value: &str| Some((name, value.to_owned()));
    for (status, (state, expected, why), more) in [
        ("PENDING", standing, detail(DetailName::IsTentative, "true")),
        ("ACCEPTED", standing, None),
        ("DECLINED", reason(RemoteState::Declined, StatusReason::Declined), None),
        ("CANCELLED_BY_CUSTOMER", cancelled, detail(DetailName::CancelledBy, "customer")),
        ("CANCELLED_BY_SELLER", cancelled, detail(DetailName::CancelledBy, "business")),
        ("NO_SHOW", reason(RemoteState::NoShow, StatusReason::NoShow), None),
    ] {
        let booking = one(&[("status", json!(status))]).await;
        assert_eq!(booking.state, state, "{status}");
        let before_its_end = Booking::of(&booking, None, START.parse().unwrap());
        assert_eq!((before_its_end.status, before_its_end.reason), (expected, why), "{status}");
        let told = [DetailName::IsTentative, DetailName::CancelledBy];
        let told = told.into_iter().find_map(|it| Some((it, booking.details.get(&it)?.clone())));
        assert_eq!(told, more, "{status}");
    }
    let over = Booking::of(&one(&[]).await, None, "2026-05-02T10:30:00Z".parse().unwrap());
    assert_eq!((over.status, over.reason), (BookingStatus::Completed, None));
    for status in [json!("NEW_STATUS"), json!("accepted"), json!(""), json!(null), json!(1)] {
        assert_eq!(fault(&[("status", status)]).await, "status");
    }
}

#[tokio::test]
async fn end_is_behind_all_segments_and_the_gaps_between_them() {
    let none = || json!(null);
    for (lengths, end) in [
        (vec![(json!(60), none())], "11:00"),
        (vec![(json!(60), json!(15))], "11:00"),
        (vec![(json!(60), json!(15)), (json!(30), json!(20))], "11:45"),
        (vec![(json!(60), json!(0)), (json!(0), json!(10)), (json!(5), none())], "11:15"),
        (vec![(json!(1_500), none()), (json!(60), none())], "12:00"),
        (vec![(json!("60"), json!("15")), (json!(30), none())], "11:45"),
    ] {
        let booking = one(&[("appointment_segments", segments(&lengths))]).await;
        assert!(booking.ends_at.to_string().contains(&format!("T{end}:00Z")), "{lengths:?}");
    }
    for broken in [
        json!(null),
        json!([]),
        json!("60"),
        json!([null]),
        segments(&[(none(), none())]),
        segments(&[(json!(60), none()), (none(), none())]),
        segments(&[(json!(0), json!(10))]),
        segments(&[(json!(-60), none()), (json!(90), none())]),
        segments(&[(json!(60), json!(-15)), (json!(30), none())]),
        segments(&[(json!(60), json!("soon")), (json!(30), none())]),
        segments(&[(json!(60.5), none())]),
        segments(&[(json!(600_000), none())]),
        segments(&[(json!(u64::MAX), none()), (json!(u64::MAX), none())]),
    ] {
        let field = fault(&[("appointment_segments", broken.clone())]).await;
        assert_eq!(field, "appointment_segments", "{broken}");
    }
}

#[tokio::test]
async fn details_are_those_of_the_first_segment() {
    let first =
        json!({"duration_minutes": 30, "service_variation_id": "S1", "team_member_id": "T1"});
    let second =
        json!({"duration_minutes": 30, "service_variation_id": "S2", "team_member_id": "T2"});
    let booking = one(&[("appointment_segments", json!([first, second]))]).await;
    let detail = |name| booking.details.get(&name).map(String::as_str);
    assert_eq!(detail(DetailName::ServiceId), Some("S1"));
    assert_eq!(detail(DetailName::ResourceId), Some("T1"));
    let bare =
        json!([{"duration_minutes": 30, "service_variation_id": "", "team_member_id": "a b"}]);
    let booking = one(&[("appointment_segments", bare), ("location_id", json!(null))]).await;
    assert!(booking.details.is_empty(), "{:?}", booking.details);
}

#[tokio::test]
async fn version_orders_by_the_vendors_version_and_then_by_the_change() {
    let mut packed = Vec::new();
    for (version, updated_at) in [
        (json!(0), json!(null)),
        (json!(0), json!("2026-05-01T00:00:00Z")),
        (json!(1), json!("1969-12-31T23:59:59Z")),
        (json!(1), json!("2026-05-01T00:00:00.001Z")),
        (json!(1), json!("2026-05-01T00:00:00.002999Z")),
        (json!(1), json!("2500-01-01T00:00:00Z")),
        // Later by the clock of a moment before: the version counts.
        (json!("2"), json!("2020-01-01T00:00:00Z")),
        (json!(2_097_150), json!("2026-05-01T00:00:00Z")),
        (json!(2_097_151), json!("2026-05-01T00:00:00Z")),
    ] {
        let booking = one(&[("version", version), ("updated_at", updated_at)]).await;
        packed.push(booking.provider_version.unwrap());
    }
    assert!(packed.is_sorted_by(|before, after| before < after), "{packed:?}");
    assert_eq!(packed[3], (1 << 42) + 1_777_593_600_001);
    let beyond = [json!(i64::MAX), json!(2_097_151)]
        .map(|version| [("version", version), ("updated_at", json!("2026-05-01T00:00:00Z"))]);
    let beyond = [one(&beyond[0]).await, one(&beyond[1]).await];
    assert_eq!(beyond[0].provider_version, beyond[1].provider_version);
    for version in [json!(null), json!(-1), json!("x"), json!(1.5)] {
        assert_eq!(fault(&[("version", version)]).await, "version");
    }
}

#[tokio::test]
async fn unreadable_booking_keeps_its_id_unless_that_is_at_fault() {
    for id in
        [json!(null), json!(""), json!(7), json!("../me"), json!("a b"), json!("a".repeat(129))]
    {
        let page = read(&[row(&[("id", id)])], &[]).await;
        assert_eq!((page.unreadable[0].field, &page.unreadable[0].external_id), ("id", &None));
    }
    let page = read(&[row(&[("status", json!("X"))])], &[]).await;
    assert_eq!(page.unreadable[0].external_id.as_ref().unwrap().as_str(), "b1");
    for id in [json!(7), json!("a b"), json!("a".repeat(193)), json!({})] {
        assert_eq!(fault(&[("customer_id", id)]).await, "customer_id");
    }
}

#[tokio::test]
async fn person_is_in_the_form_that_people_are_compared_in() {
    let person_of = |members: Value| async move {
        let row = booking("b1", START, Some("C1"));
        let mut page = read(&[row], &[("C1", json!({"customer": members}))]).await;
        page.bookings.remove(0).person.unwrap()
    };
    let person = person_of(json!({
        "given_name": "  Ada\u{7} ", "family_name": "é".repeat(400),
        "email_address": " Ada@Example.COM ", "phone_number": "+49 30 901820",
    }));
    let person = person.await;
    assert_eq!(person.first_name.as_deref(), Some("Ada"));
    assert_eq!(person.last_name.map(|name| name.len()), Some(256));
    assert_eq!(person.email.as_deref(), Some("ada@example.com"));
    assert_eq!(person.phone.as_deref(), Some("+4930901820"));
    let nobody =
        json!({"given_name": null, "email_address": "none", "phone_number": 7, "note": "x"});
    assert_eq!(person_of(nobody).await, Person::default());
    assert_eq!(person_of(json!({})).await, Person::default());
}
