//! A backfill from an export: what is stored of it once, and what is never overwritten by it.

use std::sync::Arc;

use futures::poll;
use jiff::Timestamp;
use sync_domain::model::{
    AuditAction, BookingStatus, DetailName, Details, ExternalId, Person, RemoteBooking,
    RemoteState, StatusReason, StoredBooking, Untold,
};
use sync_domain::ports::{
    AuthMode, BackfillRows, ConnectionError, ReadRow, RowsBroken, StoreError,
};
use sync_domain::usecase::apply_bookings::Applied;
use sync_domain::usecase::backfill_bookings::{BackfillBookings, BackfillError};
use sync_testkit::StoreFault;

use crate::support::backfill::{BackfillWorld, HEADER, file, open, row};

/// Rows of so many appointments, one an hour from tomorrow on.
fn rows(world: &BackfillWorld, count: i64) -> String {
    let row = |number| row(&format!("a{number:04}="), world.hours(24 + number), "Confirmed");
    let rows: Vec<_> = (0..count).map(row).collect();
    file(&rows.iter().map(String::as_str).collect::<Vec<_>>())
}

fn remote(id: &str, starts_at: Timestamp, state: RemoteState) -> RemoteBooking {
    RemoteBooking {
        external_id: ExternalId::new(id),
        starts_at,
        ends_at: starts_at + jiff::SignedDuration::from_hours(1),
        state,
        person: None,
        details: Default::default(),
        provider_version: None,
    }
}

#[tokio::test]
async fn backfill_stores_each_row_and_says_who_did_it() {
    let world = BackfillWorld::new();
    let content = file(&[
        &row("past=", world.hours(-48), "Confirmed"),
        &row("ahead=", world.hours(48), "Confirmed"),
        &row("missed=", world.hours(-24), "No Show"),
        &row("off=", world.hours(1), "PersonalOff"),
        "bad=,tomorrow,2026-01-01T00:00:00Z,Confirmed,Ada,a@example.com",
    ]);
    let ran = world.backfill(&content).await;
    assert_eq!(ran.counts(), (3, 0, 0, 0));
    let report = &ran.report;
    assert_eq!((report.rows, report.no_appointments, report.bad_rows), (5, 1, 1));
    assert_eq!(report.done_through_line, 6);
    let fault = &ran.faults[0];
    assert_eq!((fault.line, fault.field), (6, "startTime"));
    assert_eq!(fault.external_id, Some(ExternalId::new("bad=")));
    let status = |id| world.stored(id).unwrap().booking.status;
    assert_eq!(status("past="), BookingStatus::Completed);
    assert_eq!(status("ahead="), BookingStatus::Scheduled);
    let missed = world.stored("missed=").unwrap();
    assert_eq!(missed.booking.reason, Some(StatusReason::NoShow));
    assert_eq!(missed.recency.read_at_ms, world.hours(-1).as_millisecond());
    assert_eq!(world.store.versions()[0].correlation_id.as_str(), "a-backfill");
    let entries = world.entries();
    assert_eq!(entries.len(), 1);
    assert_eq!(entries[0].action, AuditAction::BookingsBackfilled);
    assert_eq!(entries[0].operator.as_deref(), Some("ann"));
    assert_eq!(entries[0].route, "backfill of booking/vagaro");
    assert_eq!(entries[0].correlation_id.as_str(), "a-backfill");
}

#[tokio::test]
async fn rows_at_the_end_that_are_no_appointments_are_done_too() {
    let world = BackfillWorld::new();
    let off = row("off=", world.hours(1), "PersonalOff");
    let content = file(&[&off, &off.replace("Ada", "\"Ada\nAugusta\"")]);
    assert_eq!(world.backfill(&content).await.report.done_through_line, 4);
    let content = rows(&world, 2) + &off + "\n";
    assert_eq!(world.backfill(&content).await.report.done_through_line, 4);
}

#[tokio::test]
async fn second_backfill_of_a_file_finds_all_stored_and_writes_nothing() {
    let world = BackfillWorld::new();
    let content = rows(&world, 250);
    assert_eq!(world.backfill(&content).await.counts(), (250, 0, 0, 0));
    let costs = world.store.take_costs();
    assert_eq!(costs.loads, [100, 100, 50]);
    assert_eq!(world.backfill(&content).await.counts(), (0, 0, 250, 0));
    let costs = world.store.take_costs();
    assert_eq!((costs.writes, costs.refreshes, costs.lookups.len()), (0, 0, 0));
    assert_eq!(world.store.versions().len(), 250);
}

#[tokio::test]
async fn old_export_never_overwrites_what_is_known_from_later() {
    let world = BackfillWorld::new();
    let later = world.hours(72);
    let moved = remote("moved=", later, RemoteState::Standing);
    assert_eq!(world.told(moved, world.hours(0)).await, Applied::Imported);
    let called_off = remote("off=", world.hours(30), RemoteState::Cancelled);
    world.told(called_off, world.hours(-2)).await;
    let content = file(&[
        &row("moved=", world.hours(30), "Confirmed"),
        &row("off=", world.hours(30), "Confirmed"),
    ]);
    assert_eq!(world.backfill(&content).await.counts(), (0, 1, 0, 1));
    assert_eq!(world.stored("moved=").unwrap().booking.starts_at, later);
    let status = world.stored("off=").unwrap().booking.status;
    assert_eq!(status, BookingStatus::Scheduled, "the export is the newer word of it");
}

/// That a status moves the time of the last change is nowhere said, nor by which clock it is.
#[tokio::test]
async fn row_counts_as_of_the_export_whatever_it_says_of_its_last_change() {
    let world = BackfillWorld::new();
    for (id, at) in [("old=", -2), ("local=", -2), ("new=", 0)] {
        let told = remote(id, world.hours(72), RemoteState::Standing);
        world.told(told, world.hours(at)).await;
    }
    let row = |id: &str, last_change: &str| {
        format!("{},{last_change}", row(id, world.hours(30), "Cancel"))
    };
    let rows = [
        row("old=", &world.hours(-90 * 24).to_string()),
        row("local=", "2020-01-01T08:00:00"),
        row("new=", &world.hours(5).to_string()),
    ];
    let content = format!("{HEADER},modifiedDate\n{}\n", rows.join("\n"));
    let mut export = open(&content, Some("America/New_York")).unwrap();
    let ran = world.run_rows(&world.command(), &mut export).await;
    assert_eq!(ran.counts(), (0, 2, 0, 1));
    for id in ["old=", "local="] {
        let stored = world.stored(id).unwrap();
        assert_eq!(stored.booking.status, BookingStatus::Cancelled, "{id}");
        assert_eq!(stored.recency.read_at_ms, world.hours(-1).as_millisecond(), "{id}");
    }
    let status = world.stored("new=").unwrap().booking.status;
    assert_eq!(status, BookingStatus::Scheduled, "no row is newer than its export");
}

#[tokio::test]
async fn appointment_that_has_ended_since_the_export_is_completed() {
    let world = BackfillWorld::new();
    let content = file(&[
        &row("between=", world.hours(-6), "Confirmed"),
        &row("ahead=", world.hours(6), "Confirmed"),
    ]);
    let old = BackfillBookings { as_of: world.hours(-24 * 90), ..world.command() };
    assert_eq!(world.run(&old, &content).await.counts(), (2, 0, 0, 0));
    let status = |id| world.stored(id).unwrap().booking.status;
    assert_eq!(status("between="), BookingStatus::Completed);
    assert_eq!(status("ahead="), BookingStatus::Scheduled);
    world.clock.advance(std::time::Duration::from_secs(24 * 3_600));
    assert_eq!(world.run(&old, &content).await.counts(), (0, 1, 1, 0));
    assert_eq!(status("ahead="), BookingStatus::Completed);
}

#[tokio::test]
async fn repeated_id_counts_with_its_last_row_whether_on_one_page_or_on_two() {
    let world = BackfillWorld::new();
    let (first, last) = (world.hours(30), world.hours(40));
    let near = [row("near=", first, "Confirmed"), row("near=", last, "Confirmed")].join("\n");
    let ran = world.backfill(&file(&[&near])).await;
    assert_eq!(ran.counts(), (1, 0, 0, 0));
    assert_eq!((ran.report.rows, ran.report.repeated), (2, 1));
    assert_eq!(world.stored("near=").unwrap().booking.starts_at, last);
    assert_eq!(world.stored("near=").unwrap().version, 1);
    let content = rows(&world, 150).trim_end().to_owned();
    let again = row("a0003=", last, "Cancel");
    let ran = world.backfill(&format!("{content}\n{again}\n")).await;
    assert_eq!(ran.counts(), (150, 1, 0, 0));
    let far = world.stored("a0003=").unwrap();
    assert_eq!((far.booking.starts_at, far.version), (last, 2));
}

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
    assert_eq!((stored.booking.details.len(), &stored.booking.person.phone.is_some()), (5, &true));
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

#[tokio::test]
async fn table_that_fails_for_a_moment_is_waited_for() {
    let world = BackfillWorld::new();
    for _ in 0..30 {
        world.store.fail_write(StoreFault::Fail);
    }
    world.store.fail_write(StoreFault::FailAfterEffect);
    let ran = world.backfill(&rows(&world, 150)).await;
    // What was stored without an answer is seen to be stored.
    assert_eq!(ran.counts(), (149, 0, 1, 0));
    assert_eq!(world.store.versions().len(), 150);
}

#[tokio::test]
async fn table_that_is_down_stops_the_run_which_is_then_begun_again() {
    let world = BackfillWorld::new();
    let content = rows(&world, 250);
    for _ in 0..100 {
        world.store.fail_write(StoreFault::None);
    }
    // The whole second page, each time that it is tried.
    for _ in 0..500 {
        world.store.fail_write(StoreFault::Fail);
    }
    let ran = world.backfill(&content).await;
    let Err(BackfillError::Store(StoreError::Unavailable(_))) = &ran.result else {
        panic!("{ran:?}");
    };
    assert_eq!((ran.report.counts.imported, ran.report.done_through_line), (100, 101));
    assert_eq!(world.store.bookings(&world.tenant).len(), 100);
    assert_eq!(world.backfill(&content).await.counts(), (150, 0, 100, 0));
    assert_eq!(world.store.bookings(&world.tenant).len(), 250);
    assert_eq!(world.store.versions().len(), 250, "each row is stored once");
    assert_eq!(world.entries().len(), 2, "each run is audited");
}

/// Breaks off behind some rows, as a file on a lost share does.
struct Torn<R>(R, u32);

impl<R: BackfillRows> BackfillRows for Torn<R> {
    fn untold(&self) -> Untold {
        self.0.untold()
    }

    fn next_row(&mut self, default_region: Option<&str>) -> Result<Option<ReadRow>, RowsBroken> {
        self.1 = self.1.checked_sub(1).ok_or_else(|| RowsBroken("the share is gone".into()))?;
        self.0.next_row(default_region)
    }
}

#[tokio::test]
async fn file_that_breaks_off_leaves_whole_pages_and_says_up_to_which_line() {
    let world = BackfillWorld::new();
    let content = rows(&world, 250);
    let mut torn = Torn(open(&content, None).unwrap(), 230);
    let ran = world.run_rows(&world.command(), &mut torn).await;
    assert!(matches!(ran.result, Err(BackfillError::Rows(_))), "{ran:?}");
    assert_eq!((ran.report.rows, ran.report.done_through_line), (230, 201));
    assert_eq!(world.store.bookings(&world.tenant).len(), 200);
    assert_eq!(world.backfill(&content).await.counts(), (50, 0, 200, 0));
}

#[tokio::test]
async fn run_that_dies_anywhere_is_begun_again_and_stores_each_row_once() {
    for steps in [1, 5, 20, 60, 150, 300, 450] {
        let world = BackfillWorld::new();
        let content = rows(&world, 120);
        let mut export = open(&content, None).unwrap();
        let command = world.command();
        let mut dying = Box::pin(world.run_rows(&command, &mut export));
        for _ in 0..steps {
            if poll!(dying.as_mut()).is_ready() {
                break;
            }
        }
        drop(dying);
        let (imported, _, skipped, _) = world.backfill(&content).await.counts();
        assert_eq!(imported + skipped, 120, "after {steps} steps");
        assert_eq!(world.store.bookings(&world.tenant).len(), 120);
        assert_eq!(world.store.versions().len(), 120, "after {steps} steps");
    }
}

#[tokio::test]
async fn tenants_with_the_same_ids_stay_apart() {
    let acme = BackfillWorld::new();
    let globex = BackfillWorld::beside("globex", &acme.store);
    globex.connections.connect_to(&globex.tenant, acme.command().system, AuthMode::Oauth);
    acme.backfill(&file(&[&row("a=", acme.hours(30), "Confirmed")])).await;
    let before = acme.stored("a=");
    let other = file(&[&row("a=", acme.hours(50), "Cancel")]);
    assert_eq!(globex.backfill(&other).await.counts(), (1, 0, 0, 0));
    assert_eq!(acme.stored("a="), before);
    assert_ne!(globex.stored("a=").unwrap().key, before.unwrap().key);
}

#[tokio::test]
async fn tenant_that_is_not_connected_gets_nothing_stored_and_nothing_audited() {
    let world = BackfillWorld::beside("initech", &Arc::default());
    let ran = world.backfill(&rows(&world, 3)).await;
    let Err(BackfillError::Connection(ConnectionError::NotFound)) = ran.result else {
        panic!("{ran:?}");
    };
    assert!(world.store.versions().is_empty() && world.entries().is_empty());
    assert_eq!(ran.report.rows, 0);
}

#[tokio::test]
async fn token_that_has_ended_does_not_matter() {
    let world = BackfillWorld::new();
    world.connections.set_token_ended(&world.tenant, true);
    assert_eq!(world.backfill(&rows(&world, 3)).await.counts(), (3, 0, 0, 0));
}

#[tokio::test]
async fn export_of_tomorrow_is_refused() {
    let world = BackfillWorld::new();
    let command = BackfillBookings { as_of: world.hours(24), ..world.command() };
    let ran = world.run(&command, &rows(&world, 3)).await;
    assert!(matches!(ran.result, Err(BackfillError::AsOfAhead)), "{ran:?}");
    assert!(world.store.versions().is_empty() && world.entries().is_empty());
}

#[tokio::test]
async fn dry_run_reads_every_row_and_leaves_no_trace() {
    let world = BackfillWorld::new();
    let command = BackfillBookings { is_dry_run: true, ..world.command() };
    let content = rows(&world, 130) + "bad=\n";
    let ran = world.run(&command, &content).await;
    assert_eq!(ran.counts(), (0, 0, 0, 0));
    assert_eq!((ran.report.rows, ran.report.bad_rows), (131, 1));
    assert_eq!(ran.report.done_through_line, 132);
    let costs = world.store.take_costs();
    assert_eq!((costs.loads.len(), costs.writes), (0, 0));
    assert!(world.entries().is_empty());
}
