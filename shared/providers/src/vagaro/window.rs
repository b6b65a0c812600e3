//! A window of which Vagaro can list nothing: parts of it are said to be complete one after the other,
//! so that whoever sweeps asks by its id for each booking that is known to begin there.
//!
//! Each booking costs a request or two, so not every day is read in each sweep: those from yesterday to
//! a week ahead are, every other one in the sweep of one hour of the day. Which that is goes by the
//! number of the day since 1970, so each is read once a day, and a day's sweep reads a 24th of them.
//!
//! The far days come first: a sweep that can't be finished within its hour is given up for the next
//! one, which reads the near days again and the far ones of this hour not before tomorrow.

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

    /// Where the walk begins; `None` where nothing of the window is due.
    pub fn first(&self) -> Option<WindowPosition> {
        let first = self.far_part(self.from_ms).or_else(|| self.near_part(self.from_ms))?;
        Some(self.position_of(first))
    }

    /// The first part that is due from a moment of the walk on, if there is one.
    pub fn part_from(&self, at_ms: i64) -> Option<BookingWindow> {
        if self.is_near(at_ms.div_euclid(DAY_MS)) {
            return self.near_part(at_ms);
        }
        self.far_part(at_ms).or_else(|| self.near_part(self.from_ms))
    }

    /// The position of the part that follows one, if there is one.
    pub fn position_after(&self, part: BookingWindow) -> Option<WindowPosition> {
        let (from_ms, until_ms) = (part.from.as_millisecond(), part.until.as_millisecond());
        let next = if self.is_near(from_ms.div_euclid(DAY_MS)) {
            self.near_part(until_ms)
        } else {
            self.far_part(until_ms).or_else(|| self.near_part(self.from_ms))
        };
        Some(self.position_of(next?))
    }

    fn position_of(&self, part: BookingWindow) -> WindowPosition {
        WindowPosition::new(self.began_ms, part.from.as_millisecond())
    }

    /// The first part from a moment on of a day that is far and of this hour.
    fn far_part(&self, at_ms: i64) -> Option<BookingWindow> {
        let hour = self.began_ms.div_euclid(HOUR_MS).rem_euclid(24);
        self.part_of(at_ms, |day| !self.is_near(day) && day.rem_euclid(24) == hour)
    }

    /// The first part from a moment on of a day that is near.
    fn near_part(&self, at_ms: i64) -> Option<BookingWindow> {
        self.part_of(at_ms, |day| self.is_near(day))
    }

    fn part_of(&self, mut at_ms: i64, is_due: impl Fn(i64) -> bool) -> Option<BookingWindow> {
        while at_ms < self.until_ms {
            let day = at_ms.div_euclid(DAY_MS);
            if !is_due(day) {
                at_ms = (day + 1) * DAY_MS;
                continue;
            }
            let end_ms = ((at_ms.div_euclid(PART_MS) + 1) * PART_MS).min(self.until_ms);
            let from = Timestamp::from_millisecond(at_ms).ok()?;
            return Some(BookingWindow { from, until: Timestamp::from_millisecond(end_ms).ok()? });
        }
        None
    }

    fn is_near(&self, day: i64) -> bool {
        let today = self.began_ms.div_euclid(DAY_MS);
        (today - NEAR_BACK..=today + NEAR_AHEAD).contains(&day)
    }
}
