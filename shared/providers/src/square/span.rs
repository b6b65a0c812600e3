//! The spans that a window is read by.
//!
//! Square lists what begins in 31 days at most (`ListBookings`, `start_at_max` is by default 31 days
//! behind `start_at_min`; that more is refused is reported by integrators). Whether the two moments are
//! themselves within is not documented, so one second more is asked for, and what is given out is chosen
//! here.

use jiff::{RoundMode, SignedDuration, Timestamp, TimestampRound, Unit};
use sync_domain::ports::BookingWindow;

/// The longest time that is asked for at once: 31 days of 24 hours, as Square's own default.
const ASKED_MAX: SignedDuration = SignedDuration::from_hours(31 * 24);
/// What is asked for behind the end.
const BEHIND: SignedDuration = SignedDuration::from_secs(1);

/// A part of a window that one list answers for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Span {
    /// What begins in it is given out.
    pub part: BookingWindow,
    asked: (Timestamp, Timestamp),
}

impl Span {
    /// The span of a window that begins at `from`; `None` where the window has nothing left, or at the
    /// end of the calendar.
    pub fn at(from: Timestamp, window: BookingWindow) -> Option<Self> {
        let is_in = (window.from..window.until).contains(&from);
        let asked_from = is_in.then(|| to_second(from, RoundMode::Floor)).flatten()?;
        let until = asked_from.checked_add(ASKED_MAX - BEHIND).ok()?.min(window.until);
        let asked_until = to_second(until, RoundMode::Ceil)?.checked_add(BEHIND).ok()?;
        let part = BookingWindow { from, until };
        Some(Self { part, asked: (asked_from, asked_until) })
    }

    /// Whether a moment is in it.
    pub fn holds(&self, at: Timestamp) -> bool {
        (self.part.from..self.part.until).contains(&at)
    }

    /// `start_at_min` and `start_at_max`. Both are always given: without the first, Square hides what is
    /// past.
    pub fn asked(&self) -> (String, String) {
        (self.asked.0.to_string(), self.asked.1.to_string())
    }
}

fn to_second(at: Timestamp, mode: RoundMode) -> Option<Timestamp> {
    at.round(TimestampRound::new().smallest(Unit::Second).mode(mode)).ok()
}

#[cfg(test)]
mod tests {
    use jiff::Timestamp;
    use sync_domain::ports::BookingWindow;

    use super::{ASKED_MAX, BEHIND, Span};

    fn at(text: &str) -> Timestamp {
        text.parse().unwrap()
    }

    fn window(from: &str, until: &str) -> BookingWindow {
        BookingWindow { from: at(from), until: at(until) }
    }

    #[test]
    fn span_is_all_of_a_short_window_and_a_second_more_is_asked_for() {
        let window = window("2026-05-01T00:00:00.25Z", "2026-05-02T00:00:00.75Z");
        let span = Span::at(window.from, window).unwrap();
        assert_eq!(span.part, window);
        let asked = ("2026-05-01T00:00:00Z".to_owned(), "2026-05-02T00:00:02Z".to_owned());
        assert_eq!(span.asked(), asked);
        assert!(span.holds(window.from) && !span.holds(window.until));
        assert!(!span.holds(at("2026-05-01T00:00:00Z")));
    }

    #[test]
    fn spans_follow_on_each_other_and_never_ask_for_more_than_31_days() {
        let window = window("2026-01-01T00:00:00.5Z", "2027-01-01T00:00:00Z");
        let (mut from, mut count) = (window.from, 0);
        while let Some(span) = Span::at(from, window) {
            assert_eq!(span.part.from, from);
            assert!(span.asked.1.duration_since(span.asked.0) <= ASKED_MAX);
            assert!(span.asked.0 <= span.part.from && span.part.until < span.asked.1);
            (from, count) = (span.part.until, count + 1);
        }
        assert_eq!((from, count), (window.until, 12));
    }

    #[test]
    fn span_needs_a_begin_within_the_window_and_room_in_the_calendar() {
        let may = window("2026-05-01T00:00:00Z", "2026-05-10T00:00:00Z");
        for from in ["2026-04-30T23:59:59Z", "2026-05-10T00:00:00Z", "2026-06-01T00:00:00Z"] {
            assert_eq!(Span::at(at(from), may), None, "{from}");
        }
        let ends = BookingWindow { from: Timestamp::MIN, until: Timestamp::MAX };
        assert_eq!(Span::at(Timestamp::MAX - BEHIND, ends), None);
    }
}
