//! Which parts of a window are due in which sweep, of a vendor that lists nothing by date.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use sync_domain::ports::{BookingReader, BookingWindow, Clock};
use sync_testkit::ManualClock;

use crate::support::vagaro::{connection, reader_at};

/// Every part that a walk says is complete.
async fn parts(clock: &Arc<ManualClock>, window: BookingWindow) -> Vec<BookingWindow> {
    let reader = reader_at("http://127.0.0.1:1", Arc::clone(clock));
    let (mut parts, mut position) = (Vec::new(), None::<String>);
    loop {
        assert_eq!(reader.requests_of(position.as_deref()), 0, "nothing is asked for");
        let page = reader.page(&connection(), window, position.as_deref()).await.unwrap();
        assert_eq!((page.calls, page.value.bookings.len()), (0, 0));
        parts.extend(page.value.completed);
        // However long the walk takes: what is due was settled when it began.
        clock.advance(Duration::from_secs(61));
        position = page.value.next;
        if position.is_none() {
            return parts;
        }
    }
}

const DAY_MS: i64 = 86_400_000;

#[tokio::test]
async fn near_days_are_read_each_hour_and_every_other_day_once_a_day() {
    let start = ManualClock::default();
    let today = start.now().as_millisecond().div_euclid(DAY_MS);
    let day = |offset: i64| Timestamp::from_millisecond((today + offset) * DAY_MS).unwrap();
    let window = BookingWindow { from: day(-30), until: day(60) };
    let mut times_read = BTreeMap::<i64, u32>::new();
    for hour in 0..24_u64 {
        let clock = Arc::new(ManualClock::default());
        // From the day's first hour on: the clock begins at 14:13.
        let into_day = clock.now().as_millisecond() % DAY_MS;
        let to_midnight = u64::try_from(DAY_MS - into_day).unwrap();
        clock.advance(Duration::from_millis(to_midnight) + Duration::from_secs(hour * 3_600 + 600));
        let read = parts(&clock, window).await;
        let mut by_day = BTreeMap::<i64, i64>::new();
        let is_near = |part: &BookingWindow| {
            let day = part.from.as_millisecond().div_euclid(DAY_MS);
            (today..=today + 8).contains(&day)
        };
        assert!(read.is_sorted_by_key(is_near), "far days come first: {read:?}");
        for part in &read {
            let (from, until) = (part.from.as_millisecond(), part.until.as_millisecond());
            assert!(until - from <= 4 * 3_600_000, "{part:?}");
            *by_day.entry(from.div_euclid(DAY_MS)).or_default() += until - from;
        }
        assert!(by_day.values().all(|ms| *ms == DAY_MS), "whole days: {by_day:?}");
        assert!(by_day.len() <= 9 + 4, "{} days in one sweep", by_day.len());
        for read in by_day.keys() {
            *times_read.entry(*read).or_default() += 1;
        }
    }
    // The clock stood on the next day in all of these sweeps.
    let near = today + 1 - 1..=today + 1 + 7;
    for day in today - 30..today + 60 {
        let times = times_read.get(&day).copied().unwrap_or_default();
        if near.contains(&day) {
            assert!(times == 24, "{day} is near and was read {times} times");
        } else {
            assert_eq!(times, 1, "{day}");
        }
    }
}

#[tokio::test]
async fn hour_of_a_walk_is_that_of_its_first_page_however_late_the_second_one_is() {
    let clock = Arc::new(ManualClock::default());
    let reader = reader_at("http://127.0.0.1:1", Arc::clone(&clock));
    let now_ms = clock.now().as_millisecond();
    let today = now_ms.div_euclid(DAY_MS);
    let hour = now_ms.rem_euclid(DAY_MS) / 3_600_000;
    let day = |offset: i64| Timestamp::from_millisecond((today + offset) * DAY_MS).unwrap();
    let window = BookingWindow { from: day(9), until: day(33) };
    let first = reader.page(&connection(), window, None).await.unwrap().value;
    assert_eq!(first.completed, []);
    clock.advance(Duration::from_secs(5 * 3_600));
    let position = first.next;
    for _ in 0..2 {
        let page = reader.page(&connection(), window, position.as_deref()).await.unwrap().value;
        let read = page.completed[0].from.as_millisecond().div_euclid(DAY_MS);
        assert_eq!(read.rem_euclid(24), hour);
        clock.advance(Duration::from_secs(3_600));
    }
}

#[tokio::test]
async fn parts_keep_to_the_window_and_to_its_edges() {
    let clock = Arc::new(ManualClock::default());
    let window = |from: &str, until: &str| BookingWindow {
        from: from.parse().unwrap(),
        until: until.parse().unwrap(),
    };
    let read = parts(&clock, window("2026-09-21T03:30:00Z", "2026-09-21T09:15:00Z")).await;
    let expected = [
        window("2026-09-21T03:30:00Z", "2026-09-21T04:00:00Z"),
        window("2026-09-21T04:00:00Z", "2026-09-21T08:00:00Z"),
        window("2026-09-21T08:00:00Z", "2026-09-21T09:15:00Z"),
    ];
    assert_eq!(read, expected);
    let none = parts(&clock, window("2026-11-01T00:00:00Z", "2026-11-01T00:00:00Z")).await;
    assert_eq!(none, []);
    // A day that is another hour's.
    let none = parts(&clock, window("2026-11-01T00:00:00Z", "2026-11-02T00:00:00Z")).await;
    assert_eq!(none, []);
}
