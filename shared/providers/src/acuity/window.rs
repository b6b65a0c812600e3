//! The days that a window of moments is read by.
//!
//! Acuity filters on whole dates, in the account's zone as it seems: the vendor does not say which
//! (an adapter that trims results afterwards takes it so; unverified). Whatever the zone is, each row
//! has one date, so slices of dates that follow on each other hold each row once. One more day at
//! each end makes up for the zone, and what is given out is chosen by the moment.

use jiff::civil::Date;
use jiff::tz::TimeZone;
use jiff::{Span, Timestamp};
use sync_domain::ports::BookingWindow;

/// A window and its days.
#[derive(Debug, Clone)]
pub struct WindowDays {
    window: BookingWindow,
    zone: TimeZone,
    /// The first day to read.
    pub first: Date,
    /// The last day to read.
    pub last: Date,
}

impl WindowDays {
    /// `time_zone` is the account's; UTC stands in where it is unknown. `None` for a window at the
    /// end of the calendar.
    pub fn of(window: BookingWindow, time_zone: Option<&str>) -> Option<Self> {
        let zone = time_zone.and_then(|name| TimeZone::get(name).ok()).unwrap_or(TimeZone::UTC);
        let date = |at: Timestamp| at.to_zoned(zone.clone()).date();
        let first = date(window.from).yesterday().ok()?;
        let last = date(window.until).tomorrow().ok()?;
        Some(Self { window, zone, first, last })
    }

    /// Whether a moment is in the window.
    pub fn holds(&self, at: Timestamp) -> bool {
        (self.window.from..self.window.until).contains(&at)
    }

    /// The last day of a slice that begins at `day` and has up to `days` days.
    pub fn end_of_slice(&self, day: Date, days: u16) -> Date {
        let last = day.checked_add(Span::new().days(i64::from(days.max(1)) - 1));
        last.unwrap_or(self.last).min(self.last)
    }

    /// What is complete with a slice that was not with those before it. It ends a day before the
    /// slice does and begins a day before it, because its first and last day may be others at Acuity.
    pub fn completed_by(&self, first: Date, last: Date) -> Option<BookingWindow> {
        let from = if first <= self.first {
            self.window.from
        } else {
            self.start_of(first.yesterday().ok()?)?
        };
        let until = if last >= self.last { self.window.until } else { self.start_of(last)? };
        let from = from.max(self.window.from);
        let until = until.min(self.window.until);
        (from < until).then_some(BookingWindow { from, until })
    }

    /// A day from its first moment to the next one's, or the whole window where the calendar ends.
    pub fn day(&self, day: Date) -> BookingWindow {
        let next = day.tomorrow().ok().and_then(|next| self.start_of(next));
        let moments = self.start_of(day).zip(next);
        moments.map_or(self.window, |(from, until)| BookingWindow { from, until })
    }

    fn start_of(&self, day: Date) -> Option<Timestamp> {
        Some(day.to_zoned(self.zone.clone()).ok()?.timestamp())
    }
}

#[cfg(test)]
mod tests {
    use jiff::civil::{Date, date};
    use sync_domain::ports::BookingWindow;

    use super::WindowDays;

    fn window(from: &str, until: &str) -> BookingWindow {
        BookingWindow { from: from.parse().unwrap(), until: until.parse().unwrap() }
    }

    fn days(zone: Option<&str>) -> WindowDays {
        let window = window("2026-05-01T02:00:00Z", "2026-05-11T02:00:00Z");
        WindowDays::of(window, zone).unwrap()
    }

    #[test]
    fn days_are_those_of_the_accounts_zone_and_one_more_at_each_end() {
        let ends = |zone| (days(zone).first, days(zone).last);
        assert_eq!(ends(None), (date(2026, 4, 30), date(2026, 5, 12)));
        assert_eq!(ends(Some("America/New_York")), (date(2026, 4, 29), date(2026, 5, 11)));
        assert_eq!(ends(Some("no/zone")), ends(None));
    }

    /// The parts of a walk follow on each other and are the window.
    #[test]
    fn completed_parts_of_any_slices_make_up_the_window() {
        for zone in [None, Some("America/New_York"), Some("Pacific/Apia"), Some("Asia/Kathmandu")] {
            for length in [1, 2, 5, 14] {
                let days = days(zone);
                let (mut day, mut parts) = (days.first, Vec::<BookingWindow>::new());
                while day <= days.last {
                    let last = days.end_of_slice(day, length);
                    parts.extend(days.completed_by(day, last));
                    day = last.tomorrow().unwrap();
                }
                assert!(parts.windows(2).all(|pair| pair[0].until == pair[1].from), "{parts:?}");
                let ends = (parts.first().unwrap().from, parts.last().unwrap().until);
                assert_eq!(ends, (days.window.from, days.window.until), "{zone:?} {length}");
            }
        }
    }

    #[test]
    fn completed_part_stays_a_day_behind_the_slice() {
        let days = days(Some("America/New_York"));
        let part = |first: Date, last: Date| days.completed_by(first, last);
        let first = part(days.first, date(2026, 5, 3));
        assert_eq!(first, Some(window("2026-05-01T02:00:00Z", "2026-05-03T04:00:00Z")));
        let next = part(date(2026, 5, 4), date(2026, 5, 6));
        assert_eq!(next, Some(window("2026-05-03T04:00:00Z", "2026-05-06T04:00:00Z")));
        assert_eq!(part(days.first, days.first), None, "nothing of the window");
    }

    #[test]
    fn day_is_as_long_as_the_clock_makes_it() {
        let window = window("2026-03-01T00:00:00Z", "2026-11-30T00:00:00Z");
        let days = WindowDays::of(window, Some("America/New_York")).unwrap();
        let hours = |day| {
            let day = days.day(day);
            day.until.duration_since(day.from).as_hours()
        };
        assert_eq!(hours(date(2026, 3, 8)), 23);
        assert_eq!(hours(date(2026, 11, 1)), 25);
    }
}
