//! What becomes of stored states by a backfill from an export that has not all columns, or not all of them
//! filled in.

use sync_domain::model::{DetailName, Details, Person, RemoteState, StatusReason, StoredBooking};

use crate::support::backfill::{BackfillWorld, file, remote, row};

#[tokio::test]
async fn person_stays_where_the_row_tells_of_nobody() {
    let world = BackfillWorld::new();
    let starts_at = world.hours(30);
    world.backfill(&file(&[&row("a=", starts_at, "Confirmed")])).await;
    let client = world.stored("a=").unwrap().client;
    let ends_at = starts_at + jiff::SignedDuration::from_hours(1);
    let blank = format!("a=,{starts_at},{ends_at},Cancel,, ");
    assert_eq!(world.backfill(&file(&[&blank])).await.counts(), (0, 1, 0, 0));
    let stored = world.stored("a=").unwrap();
    assert_eq!(stored.booking.person.first_name.as_deref(), Some("Ada"));
    assert_eq!(stored.client, client);
    assert_ne!(stored.booking.person, Person::default());
}

/// Columns of everything that can be stored of an appointment.
const WIDE: &str = "appointmentId,startTime,endTime,bookingStatus,eventType,serviceId,serviceTitle,\
    serviceProviderId,businessId,calendarEventId,customerFirstName,customerLastName,email,\
    mobilePhone,dayPhone,nightPhone,countryCode";

/// An appointment of Ada's of which everything is stored.
async fn detailed(world: &BackfillWorld) -> StoredBooking {
    let row = row("a=", world.hours(30), "Confirmed");
    let row = row.split(",Ada,").next().unwrap();
    let row = format!(
        "{row},Class,s=,Yoga,p=,b=,c=,Ada,Lovelace,ada@canary.example.com,(415) 555-2671,,,US"
    );
    assert_eq!(world.backfill(&format!("{WIDE}\n{row}\n")).await.counts(), (1, 0, 0, 0));
    let stored = world.stored("a=").unwrap();
    assert_eq!((stored.booking.details.len(), stored.booking.person.phone.is_some()), (5, true));
    stored
}

#[tokio::test]
async fn what_the_file_has_no_column_for_stays_as_it_is_stored() {
    let world = BackfillWorld::new();
    let before = detailed(&world).await;
    // The columns that must be there, a first name and an address: those of somebody else.
    let narrow = file(&[&row("a=", world.hours(40), "Cancel").replace("Ada", "Eve")]);
    assert_eq!(world.backfill(&narrow).await.counts(), (0, 1, 0, 0));
    let stored = world.stored("a=").unwrap();
    assert_eq!(stored.booking.starts_at, world.hours(40));
    assert_eq!(stored.booking.reason, Some(StatusReason::Cancelled));
    assert_eq!(stored.booking.details, before.booking.details);
    assert_eq!(stored.booking.person, before.booking.person, "not half of one and half of another");
    assert_eq!(stored.client, before.client);
    let version = &world.store.versions()[1];
    let differences: Vec<_> = version.differences.iter().map(String::as_str).collect();
    assert_eq!(differences, ["end_time", "reason", "start_time", "status"]);
    assert_eq!(world.backfill(&narrow).await.counts(), (0, 0, 1, 0));
}

#[tokio::test]
async fn column_that_is_there_and_empty_tells_that_there_is_nothing() {
    let world = BackfillWorld::new();
    detailed(&world).await;
    let row = row("a=", world.hours(30), "Confirmed");
    let row = row.split(",Ada,").next().unwrap();
    let content = format!("{WIDE}\n{row},,,,,b=,,Eve,,eve@canary.example.com,,,,\n");
    assert_eq!(world.backfill(&content).await.counts(), (0, 1, 0, 0));
    let booking = world.stored("a=").unwrap().booking;
    assert_eq!(booking.details, Details::from([(DetailName::LocationId, "b=".to_owned())]));
    let eve = Person {
        first_name: Some("Eve".to_owned()),
        email: Some("eve@canary.example.com".to_owned()),
        ..Person::default()
    };
    assert_eq!(booking.person, eve);
}

#[tokio::test]
async fn part_of_a_person_counts_where_nobody_is_stored() {
    let world = BackfillWorld::new();
    let nobody = remote("known=", world.hours(30), RemoteState::Standing);
    world.told(nobody, world.hours(-3)).await;
    let rows = ["known=", "new="].map(|id| row(id, world.hours(30), "Confirmed"));
    let ran = world.backfill(&file(&[&rows[0], &rows[1]])).await;
    assert_eq!(ran.counts(), (1, 1, 0, 0));
    for id in ["known=", "new="] {
        let stored = world.stored(id).unwrap();
        assert_eq!(stored.booking.person.first_name.as_deref(), Some("Ada"), "{id}");
        assert!(stored.client.is_some(), "{id}");
    }
}
