//! Imports whose provider or table fails: what was done stays, and the rest can be gone on with.

use std::time::Duration;

use futures::FutureExt;
use sync_domain::ports::{
    BookingWindow, Clock, ConnectionError, PageError, ProviderError, RemoteEffect,
};
use sync_domain::usecase::import_bookings::{ImportBookings, ImportError};
use sync_testkit::StoreFault;

use crate::support::booking_world::{BookingWorld, DAY, SYSTEM, ada, somebody};

/// Pages of the default window.
const PAGES: usize = 32;

fn unavailable() -> ProviderError {
    ProviderError::Unavailable { status: Some(503), retry_after: None, effect: RemoteEffect::None }
}

fn booked() -> BookingWorld {
    let world = BookingWorld::new();
    for day in -80..19 {
        world.book(day * DAY, somebody(day.unsigned_abs() as usize % 7));
    }
    world
}

#[tokio::test]
async fn provider_fault_on_any_page_loses_nothing() {
    for page in 0..PAGES {
        let world = booked();
        world.account.fail_page(page, PageError::Provider(ProviderError::MissingScope));
        let (result, stats) = world.run(&world.keyed("key")).await;
        let watermark = || world.imports.stored_watermark(&world.tenant, SYSTEM);
        assert_eq!(watermark(), None, "page {page}");
        let imported = match result {
            Err(error) => {
                assert_eq!(page, 0, "{error:?}");
                assert!(matches!(error, ImportError::Provider(ProviderError::MissingScope)));
                assert_eq!(world.imports.claim_count(), 0, "the key can be used again");
                world.import_all().await.imported
            }
            Ok(imported) => {
                assert_eq!(stats.pages as usize, page);
                assert!(matches!(stats.stopped_by, Some(ImportError::Provider(_))));
                let cursor = imported.answer.next_cursor.unwrap();
                let rest = world.import(&world.going_on(&cursor)).await;
                assert_eq!((rest.skipped_duplicates, rest.next_cursor), (0, None), "page {page}");
                imported.answer.imported + rest.imported
            }
        };
        assert_eq!(imported, 99, "page {page}");
        assert!(watermark().is_some());
    }
}

#[tokio::test]
async fn provider_fault_that_passes_is_repeated_within_the_call() {
    let world = booked();
    world.account.fail_page(3, PageError::Provider(unavailable()));
    world.account.fail_page(0, PageError::Provider(ProviderError::TimedOut));
    let (result, stats) = world.run(&world.command()).await;
    assert_eq!(result.unwrap().answer.imported, 99);
    assert_eq!(stats.costs.provider_retries, 2);
    assert_eq!(stats.costs.provider_calls as usize, PAGES + 2);
}

#[tokio::test]
async fn part_that_can_not_be_read_completely_stops_the_import_and_the_watermark() {
    let world = booked();
    let from = "2026-12-24T00:00:00Z".parse().unwrap();
    let part = BookingWindow { from, until: from + DAY };
    world.account.fail_page(5, PageError::Incomplete(part));
    let cursor = world.import(&world.command()).await.next_cursor.unwrap();
    world.account.fail_page(0, PageError::Incomplete(part));
    let error = world.run(&world.going_on(&cursor)).await.0.unwrap_err();
    let ImportError::Incomplete { day } = error else { panic!("{error:?}") };
    assert_eq!(day.to_string(), "2026-12-24");
    assert_eq!(world.imports.stored_watermark(&world.tenant, SYSTEM), None);
}

#[tokio::test]
async fn table_fault_stops_the_page_and_no_version_is_told_twice() {
    for fault in [StoreFault::Fail, StoreFault::FailAfterEffect] {
        for place in 0..12 {
            let world = BookingWorld::new();
            for _booking in 0..12 {
                world.book(-89 * DAY, ada());
            }
            (0..place).for_each(|_| world.store.fail_write(StoreFault::None));
            world.store.fail_write(fault);
            let (result, stats) = world.run(&world.command()).await;
            match (&result, stats.pages) {
                (Err(ImportError::Store(_)), 0) => {}
                (Ok(imported), 1..) => assert!(imported.answer.next_cursor.is_some()),
                _ => panic!("{result:?} after {} pages", stats.pages),
            }
            world.import(&world.command()).await;
            assert_eq!(world.told_count(), 12, "{fault:?} at {place}");
            assert_eq!(world.store.clients(&world.tenant).len(), 1, "{fault:?} at {place}");
        }
    }
}

#[tokio::test]
async fn rows_that_can_not_be_read_are_counted_and_named_and_stop_nobody() {
    let world = booked();
    let odd = world.book(DAY, ada());
    world.account.set_unreadable(&odd, true);
    let (result, stats) = world.run(&world.command()).await;
    let answer = result.unwrap().answer;
    assert_eq!((answer.imported, answer.next_cursor), (99, None));
    assert_eq!(stats.counts.unreadable, 1);
    assert_eq!(stats.unreadable[0].external_id, Some(odd.clone()));
    assert_eq!(stats.unreadable[0].field, "duration");
    assert!(world.stored(&odd).is_none());
    // What no key can be made of is the same.
    let control = world.book(DAY, somebody(1));
    world.account.edit(&control, |it| it.person.first_name = Some("a\u{1f}b".to_owned()));
    let (result, stats) = world.run(&world.command()).await;
    assert!(result.is_ok());
    assert_eq!(stats.counts.unreadable, 2);
}

#[tokio::test]
async fn import_without_time_or_connection_reads_nothing() {
    let world = booked();
    let deadline = world.clock.now() + Duration::from_secs(8);
    let late = ImportBookings { deadline, ..world.command() };
    let error = world.run(&late).await.0.unwrap_err();
    assert!(matches!(error, ImportError::Provider(ProviderError::Closed { .. })), "{error:?}");
    world.connections.set_token_ended(&world.tenant, true);
    let error = world.run(&world.command()).await.0.unwrap_err();
    let has_no_token =
        |error| matches!(error, ImportError::Connection(ConnectionError::NoToken { .. }));
    assert!(has_no_token(error));
    world.connections.disconnect(&world.tenant);
    let error = world.run(&world.command()).await.0.unwrap_err();
    assert!(matches!(error, ImportError::Connection(ConnectionError::NotFound)), "{error:?}");
    assert_eq!(world.account.pages_read(), 0);
}

#[tokio::test]
async fn watermark_that_could_not_be_set_fails_the_last_call_and_not_the_next_import() {
    let world = BookingWorld::new();
    world.book(DAY, ada());
    // Read by the beginning, set at the end.
    let mut call = Box::pin(async { world.run(&world.command()).await.0 });
    while world.account.pages_read() == 0 {
        assert!(call.as_mut().now_or_never().is_none());
        tokio::task::yield_now().await;
    }
    world.imports.fail_next(1);
    assert!(matches!(call.await.unwrap_err(), ImportError::Store(_)));
    assert_eq!(world.import(&world.command()).await.skipped_duplicates, 1);
    assert!(world.imports.stored_watermark(&world.tenant, SYSTEM).is_some());
}
