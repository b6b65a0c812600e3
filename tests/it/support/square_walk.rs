//! A window of a seller, page by page to its end.

use std::collections::BTreeMap;
use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};
use sync_domain::model::RemoteBooking;
use sync_domain::ports::{BookingReader, BookingWindow, PageError};
use sync_testkit::ManualClock;

use super::square::{connection, http, reader_over};
use super::square_account::{Slot, SquareAccount};

/// What a walk brought.
#[derive(Debug, Default)]
pub struct Walked {
    /// In the order of the pages.
    pub bookings: Vec<RemoteBooking>,
    pub completed: Vec<BookingWindow>,
    pub requests: u32,
    pub pages: u32,
}

impl Walked {
    /// How often each id came.
    pub fn times_given(&self) -> BTreeMap<u64, usize> {
        let mut times = BTreeMap::new();
        for booking in &self.bookings {
            *times.entry(id_of(booking)).or_default() += 1;
        }
        times
    }

    /// The last that was given of a booking.
    pub fn last(&self, id: u64) -> Option<&RemoteBooking> {
        self.bookings.iter().rev().find(|booking| id_of(booking) == id)
    }
}

fn id_of(booking: &RemoteBooking) -> u64 {
    booking.external_id.as_str().trim_start_matches('b').parse().unwrap()
}

/// The longest part of a window that one list answers for.
pub fn span() -> SignedDuration {
    SignedDuration::from_hours(31 * 24) - SignedDuration::from_secs(1)
}

pub fn slot(id: u64, at: Timestamp) -> Slot {
    Slot { id, at, version: 1, customer: (!id.is_multiple_of(5)).then_some(id % 37) }
}

/// Reads a window to its end, each page with a reader of its own: nothing is kept but the position.
pub async fn walk(account: &SquareAccount, window: BookingWindow) -> Result<Walked, PageError> {
    let http = http();
    let mut walked = Walked::default();
    let mut position = None;
    loop {
        let clock = Arc::new(ManualClock::default());
        let reader = reader_over(&http, &account.base_url, clock);
        let page = reader.page(&connection(), window, position.as_deref()).await?;
        assert!((1..=reader.requests_per_page()).contains(&page.calls));
        walked.requests += page.calls;
        walked.pages += 1;
        let mut ids: Vec<_> = page.value.bookings.iter().map(|it| &it.external_id).collect();
        ids.sort_unstable();
        assert!(ids.windows(2).all(|pair| pair[0] != pair[1]), "twice on one page");
        assert!(page.value.unreadable.is_empty(), "{:?}", page.value.unreadable);
        walked.bookings.extend(page.value.bookings);
        walked.completed.extend(page.value.completed);
        assert!(walked.requests < 20_000, "the walk does not end: {position:?}");
        let Some(next) = page.value.next else { return Ok(walked) };
        assert!(next.len() <= 80 * 1024, "{} bytes", next.len());
        assert_ne!(position.as_ref(), Some(&next), "no progress");
        position = Some(next);
    }
}

/// The union of the pages is what the seller has, and the completed parts are the window.
pub fn assert_all_found_once(account: &SquareAccount, walked: &Walked, window: BookingWindow) {
    let is_in = |slot: &&Slot| (window.from..window.until).contains(&slot.at);
    let expected: BTreeMap<_, _> =
        account.ledger().slots.iter().filter(is_in).map(|slot| (slot.id, 1)).collect();
    let given = walked.times_given();
    assert!(given == expected, "{} of {}", walked.bookings.len(), expected.len());
    assert_complete(walked, window);
}

/// The completed parts follow on each other and are the window.
pub fn assert_complete(walked: &Walked, window: BookingWindow) {
    let parts = &walked.completed;
    let ends = (parts.first().unwrap().from, parts.last().unwrap().until);
    assert_eq!(ends, (window.from, window.until));
    assert!(parts.windows(2).all(|pair| pair[0].until == pair[1].from), "{parts:?}");
}
