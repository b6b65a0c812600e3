//! Imports of what is named, at a system that has no list by date.

use std::collections::BTreeSet;

use sync_domain::model::{ExternalId, RemoteState};
use sync_domain::ports::{BookingSelection, ImportAnswer};
use sync_domain::usecase::import_bookings::{ImportBookings, ImportError};
use sync_testkit::ScriptedBookings;

use crate::support::booking_world::{BookingWorld, DAY, SYSTEM, ada, somebody};

fn world() -> BookingWorld {
    BookingWorld::with("acme", ScriptedBookings::without_list)
}

fn of_ids(booking_ids: &[ExternalId]) -> BookingSelection {
    BookingSelection { booking_ids: booking_ids.to_vec(), ..BookingSelection::default() }
}

fn of_customers(customer_ids: &[ExternalId]) -> BookingSelection {
    BookingSelection { customer_ids: customer_ids.to_vec(), ..BookingSelection::default() }
}

fn command(world: &BookingWorld, selection: BookingSelection) -> ImportBookings {
    ImportBookings { selection: Some(selection), ..world.command() }
}

fn counts(imported: u64, updated: u64, skipped_duplicates: u64) -> ImportAnswer {
    ImportAnswer { imported, updated, skipped_duplicates, next_cursor: None }
}

async fn refused(world: &BookingWorld, command: &ImportBookings) -> String {
    match world.run(command).await.0 {
        Err(ImportError::Invalid(invalid)) => invalid.field,
        other => panic!("{other:?}"),
    }
}

async fn is_bad_cursor(world: &BookingWorld, command: &ImportBookings) -> bool {
    matches!(world.run(command).await.0, Err(ImportError::InvalidCursor))
}

#[tokio::test]
async fn named_bookings_are_imported_whenever_they_are_and_no_watermark_moves() {
    let world = world();
    let ids = [world.book(-400 * DAY, ada()), world.book(800 * DAY, somebody(1))];
    let other = world.book(DAY, somebody(2));
    assert_eq!(world.import(&command(&world, of_ids(&ids))).await, counts(2, 0, 0));
    assert!(world.stored(&ids[0]).unwrap().client.is_some());
    assert_eq!(world.stored(&other), None);
    assert_eq!(world.imports.stored_watermark(&world.tenant, SYSTEM), None);
    world.account.edit(&ids[1], |it| it.state = RemoteState::Cancelled);
    let unknown = ExternalId::new("404");
    let more = [ids[0].clone(), ids[1].clone(), unknown];
    assert_eq!(world.import(&command(&world, of_ids(&more))).await, counts(0, 1, 1));
    assert_eq!(world.told_count(), 3);
}

#[tokio::test]
async fn all_bookings_of_a_named_customer_are_imported() {
    let world = world();
    let theirs = [world.book(-DAY, ada()), world.book(DAY, ada()), world.book(9 * DAY, ada())];
    let other = world.book(DAY, somebody(1));
    let customer = world.account.customer_id(&theirs[0]).unwrap();
    let mut both = of_customers(&[customer]);
    both.booking_ids = vec![theirs[1].clone()];
    assert_eq!(world.import(&command(&world, both)).await, counts(3, 0, 1));
    assert_eq!(world.stored(&other), None);
    let clients: BTreeSet<_> =
        theirs.iter().map(|id| world.stored(id).unwrap().client.unwrap().client).collect();
    assert_eq!(clients.len(), 1);
}

#[tokio::test]
async fn selection_that_does_not_fit_into_a_call_goes_on_by_its_cursor() {
    let slow =
        |it: ScriptedBookings| it.without_list().with_page_time(std::time::Duration::from_secs(9));
    let world = BookingWorld::with("acme", slow);
    let ids: Vec<_> = (0..20).map(|number| world.book(DAY, somebody(number))).collect();
    let first = world.import(&command(&world, of_ids(&ids))).await;
    let cursor = first.next_cursor.unwrap();
    assert!(first.imported > 0 && first.imported < 20, "{}", first.imported);
    // The cursor stands for the selection, which may be said again, and for no other one.
    let again = ImportBookings { cursor: Some(cursor.clone()), ..command(&world, of_ids(&ids)) };
    let (result, _) = world.run(&again).await;
    assert_eq!(result.unwrap().answer.skipped_duplicates, 0);
    let other =
        ImportBookings { cursor: Some(cursor.clone()), ..command(&world, of_ids(&ids[1..])) };
    assert!(is_bad_cursor(&world, &other).await);
    let (mut skipped, mut next) = (0, Some(cursor));
    while let Some(cursor) = next {
        let answer = world.import(&world.going_on(&cursor)).await;
        skipped += answer.skipped_duplicates;
        next = answer.next_cursor;
    }
    assert!(ids.iter().all(|id| world.stored(id).is_some()));
    assert_eq!((world.told_count(), skipped > 0), (20, true));
    assert_eq!(world.imports.stored_watermark(&world.tenant, SYSTEM), None);
}

#[tokio::test]
async fn cursor_of_a_selection_is_no_good_when_altered_or_elsewhere() {
    let slow =
        |it: ScriptedBookings| it.without_list().with_page_time(std::time::Duration::from_secs(30));
    let acme = BookingWorld::with("acme", slow);
    let ids: Vec<_> = (0..9).map(|number| acme.book(DAY, somebody(number))).collect();
    let cursor = acme.import(&command(&acme, of_ids(&ids))).await.next_cursor.unwrap();
    let globex = BookingWorld::with("globex", ScriptedBookings::without_list);
    assert!(is_bad_cursor(&globex, &globex.going_on(&cursor)).await);
    let mut altered = cursor.clone();
    let first = altered.remove(0);
    altered.insert(0, if first == 'A' { 'B' } else { 'A' });
    assert!(is_bad_cursor(&acme, &acme.going_on(&altered)).await);
    // A range beside it is none that it stands for.
    let ranged = ImportBookings { since: Some(acme.moment(-DAY)), ..acme.going_on(&cursor) };
    assert!(is_bad_cursor(&acme, &ranged).await);
    // Nor is the cursor of a range one of a selection.
    let by_date =
        BookingWorld::with("acme", |it| it.with_page_time(std::time::Duration::from_secs(30)));
    let of_range = by_date.import(&by_date.command()).await.next_cursor.unwrap();
    let beside = ImportBookings { cursor: Some(of_range), ..command(&acme, of_ids(&ids)) };
    assert!(is_bad_cursor(&acme, &beside).await);
}

#[tokio::test]
async fn same_selection_under_one_key_is_answered_again_and_another_one_is_refused() {
    let world = world();
    let ids = [world.book(DAY, ada()), world.book(2 * DAY, somebody(1))];
    let customer = world.account.customer_id(&ids[0]).unwrap();
    let keyed = |selection| ImportBookings { selection: Some(selection), ..world.keyed("k-1") };
    let first = world.run(&keyed(of_ids(&ids))).await.0.unwrap();
    world.account.edit(&ids[0], |it| it.state = RemoteState::Cancelled);
    let again = world.run(&keyed(of_ids(&ids))).await.0.unwrap();
    assert_eq!((again.answer, again.is_replay), (first.answer, true));
    for other in [of_ids(&ids[..1]), of_customers(&ids), of_customers(&[customer])] {
        let result = world.run(&keyed(other.clone())).await.0;
        let is_expected = matches!(result, Err(ImportError::KeyReused | ImportError::Invalid(_)));
        assert!(is_expected, "{other:?}: {result:?}");
    }
    let result = world.run(&keyed(of_ids(&ids[..1]))).await.0;
    assert!(matches!(result, Err(ImportError::KeyReused)), "{result:?}");
    // Where one kind of ids ends is a part of it.
    let split = |at: usize| BookingSelection {
        booking_ids: ids[..at].to_vec(),
        customer_ids: ids[at..].to_vec(),
    };
    let key = |selection: &BookingSelection| {
        sync_domain::keys::import_fingerprint(None, None, None, Some(selection)).unwrap()
    };
    let keys: BTreeSet<_> = (0..=2).map(|at| key(&split(at))).collect();
    assert_eq!(keys.len(), 3);
}

#[tokio::test]
async fn selection_is_for_systems_without_a_list_and_those_need_one() {
    let by_date = BookingWorld::new();
    let id = by_date.book(DAY, ada());
    let named = command(&by_date, of_ids(std::slice::from_ref(&id)));
    assert_eq!(refused(&by_date, &named).await, "booking_ids");
    let customer = command(&by_date, of_customers(&[ExternalId::new("customer-0")]));
    assert_eq!(refused(&by_date, &customer).await, "customer_ids");
    let world = world();
    assert_eq!(refused(&world, &world.command()).await, "booking_ids");
    let (since, until) = (Some(world.moment(-DAY)), Some(world.moment(DAY)));
    let ranged = ImportBookings { since, until, ..world.command() };
    assert_eq!(refused(&world, &ranged).await, "booking_ids");
    let with_since = ImportBookings { since, ..command(&world, of_ids(std::slice::from_ref(&id))) };
    assert_eq!(refused(&world, &with_since).await, "since");
    let with_until = ImportBookings { until, ..command(&world, of_ids(std::slice::from_ref(&id))) };
    assert_eq!(refused(&world, &with_until).await, "until");
    assert_eq!((world.account.pages_read(), by_date.account.pages_read()), (0, 0));
}

#[tokio::test]
async fn id_that_is_none_of_the_systems_is_refused_by_its_place() {
    let world = world();
    let id = world.book(DAY, ada());
    let foreign = command(&world, of_ids(&[id.clone(), ExternalId::new("ABC")]));
    assert_eq!(refused(&world, &foreign).await, "booking_ids[1]");
    let mut selection = of_customers(&[ExternalId::new("customer-0"), ExternalId::new("7")]);
    selection.booking_ids = vec![id];
    assert_eq!(refused(&world, &command(&world, selection)).await, "customer_ids[1]");
    assert_eq!(world.account.pages_read(), 0);
}

#[tokio::test]
async fn unreadable_booking_of_a_selection_does_not_keep_its_neighbours() {
    let world = world();
    let ids: Vec<_> = (0..4).map(|number| world.book(DAY, somebody(number))).collect();
    world.account.set_unreadable(&ids[2], true);
    let (result, stats) = world.run(&command(&world, of_ids(&ids))).await;
    assert_eq!(result.unwrap().answer, counts(3, 0, 0));
    assert_eq!(stats.counts.unreadable, 1);
    assert_eq!(stats.unreadable[0].external_id.as_ref(), Some(&ids[2]));
}
