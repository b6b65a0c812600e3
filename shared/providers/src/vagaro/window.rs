//! A window of which Vagaro can list nothing: parts of it are said to be complete one after the other,
//! so that whoever sweeps asks by its id for each booking that is known to begin there.
//!
//! Each booking costs a request or two, so not every day is read in each sweep: those from yesterday to
//! a week ahead are, every other one in the sweep of one hour of the day. Which that is goes by the
//! number of the day since 1970, so each is read once a day, and a day's sweep reads a 24th of them.

use jiff::Timestamp;
use sync_domain::ports::BookingWindow;

use super::position::WindowPosition;

const HOUR_MS: i64 = 3_600_000;
const DAY_MS: i64 = 24 * HOUR_MS;
/// A part has four hours at most: what is known to begin in one is asked for before the next.
const PART_MS: i64 = 4 * HOUR_MS;
/// Days behind and ahead of today that every sweep reads.
const NEAR_BACK: i64 = 1;
const NEAR_AHEAD: i64 = 7;

/// A window with when its walk began.
#[derive(Debug, Clone, Copy)]
pub struct WindowWalk {
    from_ms: i64,
    until_ms: i64,
    began_ms: i64,
}

impl WindowWalk {
    pub fn new(window: BookingWindow, began_ms: i64) -> Self {
        let (from_ms, until_ms) = (window.from.as_millisecond(), window.until.as_millisecond());
        Self { from_ms, until_ms, began_ms }
    }

    /// Where the walk is at a position of it; `None` for one of another window.
    pub fn at(&self, position: &WindowPosition) -> Option<i64> {
        let at_ms = position.at_ms;
        ((self.from_ms..self.until_ms).contains(&at_ms) && self.began_ms == position.began_ms)
            .then_some(at_ms)
    }

    /// The first moment of the window.
    pub const fn first(&self) -> i64 {
        self.from_ms
    }

    /// The first part that is due from a moment on, if there is one.
    pub fn part_from(&self, mut at_ms: i64) -> Option<BookingWindow> {
        while at_ms < self.until_ms {
            let day = at_ms.div_euclid(DAY_MS);
            if !self.is_due(day) {
                at_ms = (day + 1) * DAY_MS;
                continue;
            }
            let end_ms = ((at_ms.div_euclid(PART_MS) + 1) * PART_MS).min(self.until_ms);
            let from = Timestamp::from_millisecond(at_ms).ok()?;
            return Some(BookingWindow { from, until: Timestamp::from_millisecond(end_ms).ok()? });
        }
        None
    }

    /// The position of the part that follows one, if there is one.
    pub fn position_after(&self, part: BookingWindow) -> Option<WindowPosition> {
        let next = self.part_from(part.until.as_millisecond())?;
        Some(WindowPosition::new(self.began_ms, next.from.as_millisecond()))
    }

    fn is_due(&self, day: i64) -> bool {
        let today = self.began_ms.div_euclid(DAY_MS);
        let hour = self.began_ms.div_euclid(HOUR_MS).rem_euclid(24);
        (today - NEAR_BACK..=today + NEAR_AHEAD).contains(&day) || day.rem_euclid(24) == hour
    }
}
