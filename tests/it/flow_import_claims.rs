//! What an import refuses, and what its caller's key and cursor are worth.

use std::time::Duration;

use futures::FutureExt;
use sync_domain::cursor::CURSOR_TTL;
use sync_domain::ports::Clock;
use sync_domain::usecase::import_bookings::{ImportBookings, ImportError};
use sync_testkit::ScriptedBookings;

use crate::support::booking_world::{BookingWorld, DAY, SYSTEM, ada, somebody};

const YEAR: i32 = 366;

fn slow(account: ScriptedBookings) -> ScriptedBookings {
    account.with_page_time(Duration::from_secs(2))
}

/// A slow account with an import that is under way, and its cursor.
async fn under_way() -> (BookingWorld, String) {
    let world = BookingWorld::with("acme", slow);
    for day in -20..15 {
        world.book(day * DAY, somebody(1));
    }
    let cursor = world.import(&world.command()).await.next_cursor.unwrap();
    (world, cursor)
}

async fn refused(world: &BookingWorld, command: &ImportBookings) -> ImportError {
    let pages = world.account.pages_read();
    let error = world.run(command).await.0.unwrap_err();
    assert_eq!(world.account.pages_read(), pages, "nothing is read for a refused import");
    error
}

async fn invalid_field(world: &BookingWorld, command: &ImportBookings) -> String {
    let error = refused(world, command).await;
    let ImportError::Invalid(field) = error else { panic!("{error:?}") };
    field.field
}

#[tokio::test]
async fn import_refuses_ranges_that_are_none_or_too_long() {
    let world = BookingWorld::new();
    let of = |since: i32, until: i32| ImportBookings {
        since: Some(world.moment(since * DAY)),
        until: Some(world.moment(until * DAY)),
        ..world.command()
    };
    assert_eq!(invalid_field(&world, &of(1, 0)).await, "since");
    assert_eq!(invalid_field(&world, &of(-25 * YEAR, 25 * YEAR)).await, "until");
    assert_eq!(invalid_field(&world, &of(0, 100 * YEAR)).await, "until");
    assert_eq!(invalid_field(&world, &of(-80 * YEAR, 0)).await, "since");
    let since = Some(world.moment(30 * DAY));
    let ahead = ImportBookings { since, ..world.command() };
    assert_eq!(invalid_field(&world, &ahead).await, "since", "that is behind the horizon");
    let until = Some(world.moment(-100 * DAY));
    let behind = ImportBookings { until, ..world.keyed("key") };
    assert_eq!(invalid_field(&world, &behind).await, "until");
    assert_eq!(world.imports.claim_count(), 0);
    let (result, stats) = world.run(&of(3, 3)).await;
    assert_eq!((result.unwrap().answer.next_cursor, stats.pages), (None, 0));
    assert!(world.run(&of(-4 * YEAR, 0)).await.0.is_ok());
}

#[tokio::test]
async fn cursor_is_refused_when_foreign_altered_or_beside_another_range() {
    let (world, cursor) = under_way().await;
    let globex = BookingWorld::with("globex", slow);
    let error = refused(&globex, &globex.going_on(&cursor)).await;
    assert!(matches!(error, ImportError::InvalidCursor), "{error:?}");
    let mut altered = cursor.clone().into_bytes();
    altered[10] = if altered[10] == b'A' { b'B' } else { b'A' };
    let altered = String::from_utf8(altered).unwrap();
    for text in [
        "",
        "nonsense",
        cursor.get(1..).unwrap(),
        &format!("{cursor}A"),
        &altered,
        &"A".repeat(70_000),
    ] {
        let error = refused(&world, &world.going_on(text)).await;
        assert!(matches!(error, ImportError::InvalidCursor), "{error:?}");
    }
    let since = Some(world.moment(-5 * DAY));
    let other = ImportBookings { since, ..world.going_on(&cursor) };
    assert!(matches!(refused(&world, &other).await, ImportError::InvalidCursor));
}

#[tokio::test]
async fn cursor_goes_on_with_the_range_that_it_stands_for() {
    let world = BookingWorld::with("acme", slow);
    world.book(-DAY, ada());
    let (since, until) = (Some(world.moment(-80 * DAY)), Some(world.moment(DAY)));
    let command = ImportBookings { since, until, ..world.command() };
    let cursor = world.import(&command).await.next_cursor.unwrap();
    let same = ImportBookings { since, until, ..world.going_on(&cursor) };
    let mut answer = world.import(&same).await;
    while let Some(cursor) = answer.next_cursor.take() {
        answer = world.import(&world.going_on(&cursor)).await;
    }
    assert!(world.store.bookings(&world.tenant).len() == 1);
    let watermark = world.imports.stored_watermark(&world.tenant, SYSTEM);
    assert_eq!(watermark, None, "a part of the default window moves nothing, also by its cursor");
}

#[tokio::test]
async fn cursor_ends_a_day_after_it_was_given_out() {
    let (world, cursor) = under_way().await;
    world.clock.advance(Duration::try_from(CURSOR_TTL).unwrap());
    let error = refused(&world, &world.going_on(&cursor)).await;
    assert!(matches!(error, ImportError::InvalidCursor), "{error:?}");
}

#[tokio::test]
async fn cursor_of_another_build_is_refused_although_it_is_ours() {
    let (world, cursor) = under_way().await;
    world.account.fail_page(0, sync_domain::ports::PageError::BadPosition);
    let error = world.run(&world.going_on(&cursor)).await.0.unwrap_err();
    assert!(matches!(error, ImportError::InvalidCursor), "{error:?}");
}

#[tokio::test]
async fn key_that_is_used_again_gets_the_stored_answer() {
    let world = BookingWorld::with("acme", slow);
    world.book(-85 * DAY, ada());
    let first = world.run(&world.keyed("key")).await.0.unwrap();
    assert!(!first.is_replay && first.answer.imported == 1 && first.answer.next_cursor.is_some());
    let pages = world.account.pages_read();
    let again = world.run(&world.keyed("key")).await.0.unwrap();
    assert!(again.is_replay);
    assert_eq!(again.answer, first.answer);
    assert_eq!(world.account.pages_read(), pages);
    let since = Some(world.moment(-DAY));
    for other in [
        ImportBookings { since, ..world.keyed("key") },
        ImportBookings { cursor: first.answer.next_cursor, ..world.keyed("key") },
    ] {
        let error = refused(&world, &other).await;
        assert!(matches!(error, ImportError::KeyReused), "{error:?}");
    }
}

#[tokio::test]
async fn key_of_a_call_that_died_is_in_progress_until_its_lease_ends() {
    let world = BookingWorld::new();
    let id = world.book(DAY, ada());
    let died = world.keyed("key");
    {
        let mut call = Box::pin(world.run(&died));
        for _poll in 0..40 {
            assert!(call.as_mut().now_or_never().is_none(), "it has not come to its end yet");
            tokio::task::yield_now().await;
        }
    }
    let error = refused(&world, &world.keyed("key")).await;
    let ImportError::InProgress { retry_after } = error else { panic!("{error:?}") };
    assert!(retry_after >= Duration::from_secs(1) && retry_after <= Duration::from_secs(10));
    while world.clock.now() < died.deadline {
        world.clock.advance(Duration::from_secs(1));
    }
    let taken_over = world.run(&world.keyed("key")).await.0.unwrap();
    assert!(!taken_over.is_replay);
    assert!(world.stored(&id).is_some());
    assert_eq!(world.told_count(), 1);
}

#[tokio::test]
async fn answer_that_could_not_be_kept_is_given_all_the_same() {
    let world = BookingWorld::new();
    world.book(DAY, ada());
    // The watermark, the claim and the new watermark come before the answer.
    let imports = world.imports.as_ref();
    let mut call = Box::pin(async { world.run(&world.keyed("key")).await.0.unwrap() });
    let answer = loop {
        if imports.stored_watermark(&world.tenant, SYSTEM).is_some() {
            imports.fail_next(3);
            break call.await;
        }
        assert!(call.as_mut().now_or_never().is_none());
        tokio::task::yield_now().await;
    };
    assert_eq!(answer.answer.imported, 1);
}
