//! Imports: what is stored of what the provider has, once each, and from where the next one goes on.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use futures::future::join;
use sync_domain::model::{BookingStatus, CorrelationId, LinkRule, RemoteState, StatusReason};
use sync_domain::ports::{Clock, ImportAnswer, Watermark};
use sync_domain::usecase::import_bookings::ImportBookings;

use crate::support::booking_world::{BookingWorld, DAY, HOUR, SYSTEM, ada, somebody};

fn counts(imported: u64, updated: u64, skipped_duplicates: u64) -> ImportAnswer {
    ImportAnswer { imported, updated, skipped_duplicates, next_cursor: None }
}

#[tokio::test]
async fn import_stores_what_is_there_and_remembers_when_it_began() {
    let world = BookingWorld::new();
    let past = world.book(-80 * DAY, ada());
    let ahead = world.book(15 * DAY, somebody(1));
    world.book(-95 * DAY, somebody(2));
    world.book(25 * DAY, somebody(3));
    let began_at = world.clock.now() + Duration::from_millis(1);
    assert_eq!(world.import(&world.command()).await, counts(2, 0, 0));
    let (past, ahead) = (world.stored(&past).unwrap(), world.stored(&ahead).unwrap());
    assert_eq!(past.booking.status, BookingStatus::Completed);
    assert_eq!(ahead.booking.status, BookingStatus::Scheduled);
    assert_eq!((past.version, ahead.version), (1, 1));
    assert_eq!(past.client.unwrap().rule, LinkRule::Created);
    let watermark = world.imports.stored_watermark(&world.tenant, SYSTEM).unwrap();
    assert_eq!(watermark.began_at, began_at);
    let first = &world.store.versions()[0];
    let names: BTreeSet<_> =
        ["start_time", "end_time", "status", "first_name", "last_name", "client_email"]
            .map(str::to_owned)
            .into();
    assert_eq!(first.differences, names);
}

#[tokio::test]
async fn import_of_what_is_stored_writes_nothing_and_looks_nobody_up() {
    let world = BookingWorld::new();
    for day in 1..15 {
        world.book(day * DAY, somebody(day.unsigned_abs() as usize % 3));
    }
    world.import(&world.command()).await;
    world.store.take_costs();
    assert_eq!(world.import(&world.command()).await, counts(0, 0, 14));
    let costs = world.store.take_costs();
    assert_eq!((costs.writes, costs.refreshes, costs.lookups.len()), (0, 0, 0));
    assert_eq!(costs.loads.iter().sum::<usize>(), 14);
    assert_eq!(world.told_count(), 14);
}

#[tokio::test]
async fn import_stores_what_changed_and_says_what_it_is() {
    let world = BookingWorld::new();
    let moved = world.book(DAY, ada());
    let cancelled = world.book(2 * DAY, ada());
    let missed = world.book(3 * DAY, ada());
    world.book(4 * DAY, ada());
    world.import(&world.command()).await;
    let later = world.moment(5 * DAY);
    world.account.edit(&moved, |it| it.starts_at = later);
    world.account.edit(&cancelled, |it| it.state = RemoteState::Cancelled);
    world.account.edit(&missed, |it| it.state = RemoteState::NoShow);
    world.store.take_costs();
    assert_eq!(world.import(&world.command()).await, counts(0, 3, 1));
    let reason = |id| world.stored(id).unwrap().booking.reason;
    assert_eq!(world.stored(&moved).unwrap().booking.starts_at, later);
    assert_eq!(reason(&cancelled), Some(StatusReason::Cancelled));
    assert_eq!(reason(&missed), Some(StatusReason::NoShow));
    let lookups = world.store.take_costs().lookups;
    assert!(lookups.is_empty(), "nobody's name changed: {lookups:?}");
    let versions = world.store.versions();
    let last = versions.iter().rfind(|version| version.stored.external_id == cancelled).unwrap();
    assert_eq!(last.stored.version, 2);
    assert!(last.stored.client.is_some(), "the link stays");
    assert_eq!(last.differences, ["reason", "status"].map(str::to_owned).into());
}

#[tokio::test]
async fn end_that_has_come_is_an_update_that_only_the_clock_brought() {
    let world = BookingWorld::new();
    let over = world.book(HOUR, ada());
    let moved = world.book(2 * HOUR, ada());
    world.import(&world.command()).await;
    world.clock.advance(Duration::from_secs(24 * 3_600));
    world.account.edit(&moved, |it| it.starts_at += HOUR);
    let (result, stats) = world.run(&world.command()).await;
    assert_eq!(result.unwrap().answer, counts(0, 2, 0));
    assert_eq!((stats.counts.updated, stats.counts.completed_only), (2, 1));
    assert_eq!(world.stored(&over).unwrap().booking.status, BookingStatus::Completed);
    // A no-show is noted after the end.
    world.account.edit(&over, |it| it.state = RemoteState::NoShow);
    assert_eq!(world.import(&world.command()).await, counts(0, 1, 1));
    let stored = world.stored(&over).unwrap();
    assert_eq!(stored.booking.reason, Some(StatusReason::NoShow));
}

#[tokio::test]
async fn import_that_does_not_fit_into_a_call_goes_on_by_its_cursor() {
    let slow = |it: sync_testkit::ScriptedBookings| it.with_page_time(Duration::from_secs(2));
    let world = BookingWorld::with("acme", slow);
    for day in -80..19 {
        world.book(day * DAY, somebody(0));
    }
    let began_at = world.clock.now() + Duration::from_millis(1);
    let first = world.import(&world.command()).await;
    let cursor = first.next_cursor.clone().unwrap();
    assert!(first.imported > 0 && first.imported < 99, "{first:?}");
    assert_eq!(world.imports.stored_watermark(&world.tenant, SYSTEM), None);
    assert!(!cursor.contains('@') && !cursor.contains('='));
    let (mut imported, mut next, mut calls) = (first.imported, Some(cursor), 1);
    while let Some(cursor) = next {
        let answer = world.import(&world.going_on(&cursor)).await;
        assert_eq!(answer.skipped_duplicates, 0, "nothing is read twice");
        imported += answer.imported;
        next = answer.next_cursor;
        calls += 1;
    }
    assert_eq!(imported, 99);
    assert!(calls > 2);
    let watermark = world.imports.stored_watermark(&world.tenant, SYSTEM).unwrap();
    assert_eq!(watermark.began_at, began_at, "the beginning is the first call's");
}

#[tokio::test]
async fn next_import_begins_with_an_overlap_before_the_last_one() {
    let world = BookingWorld::new();
    world.import(&world.command()).await;
    let old = world.book(-3 * DAY, ada());
    let recent = world.book(-DAY, ada());
    assert_eq!(world.import(&world.command()).await, counts(1, 0, 0));
    assert!(world.stored(&recent).is_some());
    assert!(world.stored(&old).is_none(), "that is the sweep's");
}

#[tokio::test]
async fn import_reads_as_far_ahead_as_the_tenant_has_it() {
    let world = BookingWorld::new();
    let near = world.book(29 * DAY, ada());
    let far = world.book(31 * DAY, somebody(1));
    assert_eq!(world.import(&world.command()).await, counts(0, 0, 0), "the deployment's 20 days");
    world.connections.set_import_horizon(&world.tenant, SYSTEM, Some(30));
    assert_eq!(world.import(&world.command()).await, counts(1, 0, 0));
    assert!(world.stored(&near).is_some() && world.stored(&far).is_none());
}

#[tokio::test]
async fn watermark_moves_only_with_a_window_as_wide_as_the_default() {
    let world = BookingWorld::new();
    let watermark = || world.imports.stored_watermark(&world.tenant, SYSTEM);
    let narrow_since = Some(world.moment(-DAY));
    world.import(&ImportBookings { since: narrow_since, ..world.command() }).await;
    let narrow_until = Some(world.moment(19 * DAY));
    world.import(&ImportBookings { until: narrow_until, ..world.command() }).await;
    assert_eq!(watermark(), None);
    let (since, until) = (Some(world.moment(-91 * DAY)), Some(world.moment(22 * DAY)));
    world.import(&ImportBookings { since, until, ..world.command() }).await;
    let Watermark { began_at, completed_at } = watermark().unwrap();
    assert!(began_at <= completed_at);
    world.clock.advance(Duration::from_secs(3_600));
    world.import(&world.command()).await;
    assert!(watermark().unwrap().began_at > began_at);
}

#[tokio::test]
async fn person_who_is_new_and_often_on_a_page_becomes_one_client() {
    let world = BookingWorld::new();
    for day in 1..7 {
        for number in 0..20 {
            world.book(day * DAY, if number % 2 == 0 { ada() } else { somebody(number) });
        }
    }
    world.import(&world.command()).await;
    assert_eq!(world.store.clients(&world.tenant).len(), 11);
    let costs = world.store.take_costs();
    assert!(costs.in_flight_max <= 16, "{}", costs.in_flight_max);
    assert_eq!(costs.writes, 120, "nobody was in the way of anybody");
    let pages_with_bookings = costs.loads.len();
    assert!(costs.lookups.len() <= pages_with_bookings);
}

#[tokio::test]
async fn two_imports_at_once_store_each_booking_and_each_client_once() {
    let world = BookingWorld::new();
    for day in 1..12 {
        world.book(day * DAY, ada());
        world.book(day * DAY, somebody(1));
    }
    let correlation_id = CorrelationId::parse("another").unwrap();
    let (one, two) = (world.command(), ImportBookings { correlation_id, ..world.command() });
    let (one, two) = join(world.import(&one), world.import(&two)).await;
    assert_eq!(one.imported + two.imported, 22);
    assert_eq!(one.skipped_duplicates + two.skipped_duplicates, 22);
    assert_eq!(world.store.clients(&world.tenant).len(), 2);
    assert_eq!(world.told_count(), 22);
}

#[tokio::test]
async fn tenants_with_the_same_ids_and_the_same_guest_stay_apart() {
    let acme = BookingWorld::new();
    let (clock, store) = (Arc::clone(&acme.clock), Arc::clone(&acme.store));
    let globex = BookingWorld::beside("globex", clock, store, |account| account);
    let ours = acme.book(DAY, ada());
    let theirs = globex.book(2 * DAY, ada());
    assert_eq!(ours, theirs);
    acme.import(&acme.command()).await;
    globex.import(&globex.command()).await;
    let (ours, theirs) = (acme.stored(&ours).unwrap(), globex.stored(&theirs).unwrap());
    assert_ne!(ours.key, theirs.key);
    assert_ne!(ours.booking.starts_at, theirs.booking.starts_at);
    assert_ne!(ours.client.unwrap().client, theirs.client.unwrap().client);
    assert_eq!(acme.told_count(), 1);
}
