//! A window of an account, page by page to its end.

use std::collections::BTreeMap;

use jiff::{SignedDuration, Timestamp};
use sync_domain::model::RemoteBooking;
use sync_domain::ports::{BookingReader, BookingWindow, PageError};

use super::acuity::{connection, http, reader_over};
use super::acuity_account::{AcuityAccount, Seat};

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

    /// The last start that was given of an appointment.
    pub fn last_start(&self, id: u64) -> Option<Timestamp> {
        let found = self.bookings.iter().rev().find(|booking| id_of(booking) == id);
        found.map(|booking| booking.starts_at)
    }
}

fn id_of(booking: &RemoteBooking) -> u64 {
    booking.external_id.as_str().parse().unwrap()
}

/// An appointment so many minutes after midnight of New York's summer.
pub fn seat(id: u64, day: &str, minute: u64, calendar: u64, kind: u64) -> Seat {
    let midnight: Timestamp = format!("{day}T00:00:00-0400").parse().unwrap();
    let at = midnight + SignedDuration::from_mins(i64::try_from(minute).unwrap());
    Seat { id, at, calendar, kind, canceled: id.is_multiple_of(7) }
}

/// Reads a window to its end, each page with a reader of its own: nothing is kept but the position.
pub async fn walk(
    account: &AcuityAccount,
    rows_max: u32,
    time_zone: Option<&str>,
    window: BookingWindow,
) -> Result<Walked, PageError> {
    let http = http();
    let mut walked = Walked::default();
    let mut position = None;
    loop {
        let reader = reader_over(&http, &account.base_url, rows_max);
        let page = reader.page(&connection(time_zone), window, position.as_deref()).await?;
        assert!((1..=reader.requests_per_page()).contains(&page.calls));
        walked.requests += page.calls;
        walked.pages += 1;
        let mut ids: Vec<_> = page.value.bookings.iter().map(|it| &it.external_id).collect();
        ids.sort_unstable();
        assert!(ids.windows(2).all(|pair| pair[0] != pair[1]), "twice on one page");
        walked.bookings.extend(page.value.bookings);
        walked.completed.extend(page.value.completed);
        assert!(walked.requests < 20_000, "the walk does not end: {position:?}");
        let Some(next) = page.value.next else { return Ok(walked) };
        assert!(next.len() < 6_000, "{} bytes", next.len());
        assert_ne!(position.as_ref(), Some(&next), "no progress");
        position = Some(next);
    }
}

/// The union of the pages is what the account holds, and the completed parts are the window.
pub fn assert_all_found_once(account: &AcuityAccount, walked: &Walked, window: BookingWindow) {
    let is_in = |seat: &&Seat| (window.from..window.until).contains(&seat.at);
    let expected: BTreeMap<_, _> =
        account.books().seats.iter().filter(is_in).map(|seat| (seat.id, 1)).collect();
    assert!(walked.times_given() == expected, "{} of {}", walked.bookings.len(), expected.len());
    let parts = &walked.completed;
    let ends = (parts.first().unwrap().from, parts.last().unwrap().until);
    assert_eq!(ends, (window.from, window.until));
    assert!(parts.windows(2).all(|pair| pair[0].until == pair[1].from), "{parts:?}");
}
