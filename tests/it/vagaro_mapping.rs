//! What Vagaro's appointments become, row by row of the tables in
//! `docs/integrations/booking_vagaro_mapping.md`.

use jiff::Timestamp;
use serde_json::{Value, json};
use sync_domain::model::{Booking, DetailName, Person, RemoteBooking, RemoteState};
use sync_domain::ports::{BookingPage, BookingReader, BookingWindow};

use crate::support::vagaro::{
    APPOINTMENT, CUSTOMER, SHOP, appointment, appointment_with, connection, customer, listed,
    reader, selection, shops,
};
use crate::support::vendor_server::VendorServer;

fn anytime() -> BookingWindow {
    BookingWindow { from: Timestamp::UNIX_EPOCH, until: Timestamp::UNIX_EPOCH }
}

/// What a customer's rows become.
async fn read_with(rows: Vec<Value>, customers: Value) -> BookingPage {
    let server = VendorServer::start().await;
    server.will_answer(200, shops(&[SHOP])).will_answer(200, listed(rows));
    server.will_answer(200, customers);
    let reader = reader(&server);
    let position = reader.selected(&selection(&[], &[CUSTOMER])).unwrap();
    reader.page(&connection(), anytime(), Some(&position)).await.unwrap().value
}

async fn read(rows: Vec<Value>) -> BookingPage {
    read_with(rows, listed(vec![customer(CUSTOMER)])).await
}

async fn one(members: &[(&str, Value)]) -> RemoteBooking {
    let mut page = read(vec![appointment_with(APPOINTMENT, members)]).await;
    assert_eq!(page.unreadable, [], "{members:?}");
    page.bookings.remove(0)
}

async fn field_at_fault(members: &[(&str, Value)]) -> Option<&'static str> {
    let page = read(vec![appointment_with(APPOINTMENT, members)]).await;
    assert!(page.bookings.is_empty(), "{members:?}");
    page.unreadable.first().map(|it| it.field)
}

async fn person(members: &[(&str, Value)]) -> Person {
    let mut row = customer(CUSTOMER);
    for (name, value) in members {
        row[*name] = value.clone();
    }
    let mut page = read_with(vec![appointment(APPOINTMENT)], listed(vec![row])).await;
    page.bookings.remove(0).person.unwrap()
}

#[tokio::test]
async fn appointment_is_read_without_what_is_nobodys_business() {
    let booking = one(&[]).await;
    assert_eq!(booking.external_id.as_str(), APPOINTMENT);
    assert_eq!(booking.starts_at.to_string(), "2026-09-22T15:00:00Z");
    assert_eq!(booking.ends_at.to_string(), "2026-09-22T15:45:00Z");
    assert_eq!((booking.state, booking.provider_version), (RemoteState::Standing, None));
    let details = [
        (DetailName::ServiceId, "s+1/2~3=="),
        (DetailName::ServiceName, "Cut & colour"),
        (DetailName::ResourceId, "p+1/2~3=="),
        (DetailName::LocationId, SHOP),
    ];
    assert_eq!(booking.details, details.map(|(name, text)| (name, text.to_owned())).into());
    let kept = Booking::of(&booking, None, Timestamp::UNIX_EPOCH).fields();
    let kept: String = kept.into_iter().filter_map(|(_, value)| value).collect();
    for unkept in ["canary", "Yelp", "45.5", "Hair", "f1", "2672"] {
        assert!(!kept.contains(unkept), "{unkept} is kept");
    }
}

#[tokio::test]
async fn each_status_is_what_the_table_says() {
    use RemoteState::{Cancelled, Completed, Declined, Deleted, NoShow, Standing};
    for (text, state, is_tentative) in [
        ("Accepted", Standing, false),
        ("Confirmed", Standing, false),
        ("Ready to Start", Standing, false),
        ("Service In Progress", Standing, false),
        ("Need Acceptance", Standing, true),
        ("Awaiting Confirmation", Standing, true),
        ("Service Complete", Completed, false),
        ("Service Completed", Completed, false),
        ("Show", Completed, false),
        ("Cancel", Cancelled, false),
        ("Cancelled", Cancelled, false),
        ("Canceled", Cancelled, false),
        ("Deleted", Deleted, false),
        ("Denied", Declined, false),
        ("No Show", NoShow, false),
        ("NoShow", NoShow, false),
        ("No-Show", NoShow, false),
    ] {
        for spelling in
            [text.to_owned(), text.to_uppercase(), format!("  {} ", text.to_lowercase())]
        {
            let booking = one(&[("bookingStatus", json!(spelling))]).await;
            assert_eq!(booking.state, state, "{spelling}");
            let tentative = booking.details.get(&DetailName::IsTentative).map(String::as_str);
            assert_eq!(tentative, is_tentative.then_some("true"), "{spelling}");
        }
    }
}

#[tokio::test]
async fn status_that_is_not_known_is_told_and_not_guessed() {
    for text in ["", "Showing", "Not Confirmed", "Completed", "No", "Unaccepted", "Rescheduled"] {
        let field = field_at_fault(&[("bookingStatus", json!(text))]).await;
        assert_eq!(field, Some("bookingStatus"), "{text}");
    }
    for value in [json!(null), json!(7), json!({"a": 1}), json!(["Confirmed"])] {
        assert_eq!(field_at_fault(&[("bookingStatus", value)]).await, Some("bookingStatus"));
    }
}

#[tokio::test]
async fn absence_of_a_member_of_staff_is_no_booking() {
    for members in [
        vec![("eventType", json!("PersonalOff"))],
        vec![("bookingStatus", json!("Personal Off"))],
        vec![("eventType", json!("personal_off")), ("bookingStatus", json!(null))],
    ] {
        let page = read(vec![appointment_with(APPOINTMENT, &members)]).await;
        assert!(page.bookings.is_empty() && page.unreadable.is_empty(), "{members:?}");
    }
}

#[tokio::test]
async fn times_need_an_offset_and_an_order() {
    for (start, end) in [
        ("2026-09-22T15:00:00.123Z", "2026-09-22T15:45:00Z"),
        ("2026-09-22T11:00:00-04:00", "2026-09-22T15:45:00+00:00"),
    ] {
        let booking = one(&[("startTime", json!(start)), ("endTime", json!(end))]).await;
        assert_eq!(booking.ends_at.to_string(), "2026-09-22T15:45:00Z");
    }
    let finer = one(&[("startTime", json!("2026-09-22T15:00:00.123456789Z"))]).await;
    assert_eq!(finer.starts_at.to_string(), "2026-09-22T15:00:00.123Z", "as messages hold it");
    for value in [
        json!(null),
        json!(""),
        json!("2026-09-22T15:00:00"),
        json!("2026-09-22"),
        json!("2026-02-30T15:00:00Z"),
        json!("1969-12-31T23:59:59Z"),
        json!("9999-06-01T00:00:00Z"),
        json!(1_790_000_000),
    ] {
        let field = field_at_fault(&[("startTime", value.clone())]).await;
        assert_eq!(field, Some("startTime"), "{value}");
        let field = field_at_fault(&[("endTime", value.clone())]).await;
        assert_eq!(field, Some("endTime"), "{value}");
    }
    for end in ["2026-09-22T15:00:00Z", "2026-09-22T14:59:59Z", "2027-10-01T00:00:00Z"] {
        assert_eq!(field_at_fault(&[("endTime", json!(end))]).await, Some("endTime"), "{end}");
    }
}

#[tokio::test]
async fn row_without_a_sound_id_is_told_and_costs_no_other() {
    let long = "a".repeat(129);
    for id in [json!(null), json!(""), json!("a b"), json!("a%2Fb"), json!("ä"), json!(long)] {
        let page =
            read(vec![appointment_with("x", &[("appointmentId", id.clone())]), appointment("y")]);
        let page = page.await;
        assert_eq!(page.bookings.len(), 1, "{id}");
        assert_eq!(page.unreadable.len(), 1, "{id}");
        assert_eq!(
            (page.unreadable[0].field, &page.unreadable[0].external_id),
            ("appointmentId", &None)
        );
    }
    let unreadable =
        read(vec![appointment_with("x", &[("endTime", json!("soon"))])]).await.unreadable;
    assert_eq!(unreadable[0].external_id.as_ref().map(|id| id.as_str()), Some("x"));
    let field = field_at_fault(&[("customerId", json!("no id"))]).await;
    assert_eq!(field, Some("customerId"), "who booked is there and can't be told");
}

#[tokio::test]
async fn seat_of_a_class_tells_its_class_and_an_appointment_in_an_event_does_not() {
    let class = one(&[("eventType", json!("Class")), ("calendarEventId", json!("e+1=="))]).await;
    assert_eq!(class.details.get(&DetailName::ClassId).map(String::as_str), Some("e+1=="));
    let other = one(&[("calendarEventId", json!("e+1=="))]).await;
    assert_eq!(other.details.get(&DetailName::ClassId), None);
}

#[tokio::test]
async fn person_is_in_the_form_that_people_are_compared_in() {
    let ada = person(&[]).await;
    assert_eq!(ada.first_name.as_deref(), Some("Ada"));
    assert_eq!(ada.last_name.as_deref(), Some("Lovelace"));
    assert_eq!(ada.email.as_deref(), Some("ada@example.com"));
    assert_eq!(ada.phone.as_deref(), Some("+14155552671"), "the mobile number is blank");
    let mobile = person(&[("mobilePhone", json!("415-555-2670"))]).await;
    assert_eq!(mobile.phone.as_deref(), Some("+14155552670"));
    let german =
        person(&[("mobilePhone", json!("030 901820")), ("countryCode", json!(" de "))]).await;
    assert_eq!(german.phone.as_deref(), Some("+4930901820"));
    let nowhere = person(&[("countryCode", json!("USA"))]).await;
    assert_eq!(nowhere.phone.as_deref(), Some("+14155552671"), "the tenant's country");
    for email in [json!("none"), json!("a@b"), json!(null), json!({"a": "b"})] {
        assert_eq!(person(&[("email", email)]).await.email, None);
    }
}

#[tokio::test]
async fn person_who_can_not_be_found_out_is_not_an_empty_one() {
    let rows = || vec![appointment(APPOINTMENT)];
    for answer in [
        listed(Vec::<Value>::new()),
        listed(vec![customer("somebody+else==")]),
        listed(vec![json!({"customerFirstName": "Ada"})]),
    ] {
        let page = read_with(rows(), answer.clone()).await;
        assert_eq!(page.bookings[0].person, None, "{answer}");
    }
    // A row of somebody else's among the customer's.
    let other = appointment_with(APPOINTMENT, &[("customerId", json!("somebody+else=="))]);
    assert_eq!(read(vec![other]).await.bookings[0].person, None);
    let unsaid = appointment_with(APPOINTMENT, &[("customerId", json!(null))]);
    assert!(read(vec![unsaid]).await.bookings[0].person.is_some(), "it was asked for by customer");
}
