//! Moments as an export writes them: with an offset from UTC, or as clocks on the wall show them.

use jiff::Timestamp;
use jiff::civil::DateTime;
use jiff::tz::{AmbiguousOffset, TimeZone};

/// `2026-05-12` alone, which says no time of day.
const DATE_BYTES: usize = 10;

/// The clocks of a place, if it is known of which.
#[derive(Debug)]
pub struct Clocks(Option<TimeZone>);

impl Clocks {
    /// Clocks in a time zone; without one only times with an offset are read.
    pub const fn new(zone: Option<TimeZone>) -> Self {
        Self(zone)
    }

    /// The moment of a text. `2026-05-12T14:00:00Z` and any other offset needs no clocks; neither
    /// the zone of the clocks nor a name in brackets changes it.
    ///
    /// Without an offset it is what the clocks show. When they are set forward, a time that they skip
    /// is as much later as they skip: 02:30 is 03:30. When they are set back, a time that they show
    /// twice is the first one, but the second one where only that is behind `after`: an appointment
    /// that begins at the first 01:45 and ends at 01:15 ends at the second one.
    pub fn moment(&self, text: &str, after: Option<Timestamp>) -> Option<Timestamp> {
        let text = text.trim();
        if let Ok(moment) = text.parse() {
            return Some(moment);
        }
        let shown = self.0.as_ref()?.to_ambiguous_zoned(wall_clock(text)?);
        let is_repeated = matches!(shown.offset(), AmbiguousOffset::Fold { .. });
        let first = shown.clone().compatible().ok()?.timestamp();
        if is_repeated && after.is_some_and(|after| first <= after) {
            return Some(shown.later().ok()?.timestamp());
        }
        Some(first)
    }
}

/// A date and a time of day and nothing else: a zone in the text itself would be passed over.
fn wall_clock(text: &str) -> Option<DateTime> {
    let is_plain = |byte: u8| byte.is_ascii_digit() || b"-:. Tt".contains(&byte);
    let is_it = text.len() > DATE_BYTES && text.bytes().all(is_plain);
    let has_offset = text.bytes().filter(|byte| *byte == b'-').count() != 2;
    (is_it && !has_offset).then(|| text.parse().ok()).flatten()
}

#[cfg(test)]
mod tests {
    use jiff::tz::TimeZone;

    use super::Clocks;

    fn moment(zone: &str, text: &str, after: Option<&str>) -> Option<String> {
        let after = after.map(|after| after.parse().unwrap());
        let clocks = Clocks::new(Some(TimeZone::get(zone).unwrap()));
        clocks.moment(text, after).map(|moment| moment.to_string())
    }

    fn moment_of(zone: &str, text: &str) -> Option<String> {
        moment(zone, text, None)
    }

    #[test]
    fn moment_with_an_offset_needs_no_clocks_and_ignores_them() {
        for text in [
            "2026-05-12T18:00:00Z",
            "2026-05-12T18:00:00.000Z",
            " 2026-05-12 18:00:00Z ",
            "2026-05-12T14:00:00-04:00",
            "2026-05-12T14:00-0400",
            "2026-05-12T23:45:00+05:45",
        ] {
            let expected = Some("2026-05-12T18:00:00Z".to_owned());
            assert_eq!(moment_of("Asia/Tokyo", text), expected, "{text}");
            let without = Clocks::new(None).moment(text, None).map(|it| it.to_string());
            assert_eq!(without, expected, "{text}");
        }
    }

    #[test]
    fn moment_without_an_offset_is_what_the_clocks_of_the_zone_show() {
        let expected = Some("2026-05-12T18:00:00Z".to_owned());
        for text in ["2026-05-12T14:00:00", "2026-05-12 14:00", "2026-05-12 14:00:00.000"] {
            assert_eq!(moment_of("America/New_York", text), expected, "{text}");
            assert_eq!(Clocks::new(None).moment(text, None), None, "{text}");
        }
        let winter = moment_of("America/New_York", "2026-01-12 14:00");
        assert_eq!(winter.as_deref(), Some("2026-01-12T19:00:00Z"));
    }

    #[test]
    fn time_that_the_clocks_skip_is_as_much_later() {
        let skipped = moment_of("America/New_York", "2026-03-08T02:30:00");
        assert_eq!(skipped.as_deref(), Some("2026-03-08T07:30:00Z"), "03:30 on the wall");
        let half = moment_of("Australia/Lord_Howe", "2026-10-04T02:15:00");
        assert_eq!(half.as_deref(), Some("2026-10-03T15:45:00Z"), "02:45 on the wall");
    }

    #[test]
    fn time_that_the_clocks_show_twice_is_the_first_but_behind_the_beginning() {
        let zone = "America/New_York";
        let first = moment_of(zone, "2026-11-01T01:15:00");
        assert_eq!(first.as_deref(), Some("2026-11-01T05:15:00Z"));
        for (after, expected) in [
            ("2026-11-01T04:45:00Z", "2026-11-01T05:15:00Z"),
            ("2026-11-01T05:15:00Z", "2026-11-01T06:15:00Z"),
            ("2026-11-01T05:45:00Z", "2026-11-01T06:15:00Z"),
        ] {
            let end = moment(zone, "2026-11-01T01:15:00", Some(after));
            assert_eq!(end.as_deref(), Some(expected), "after {after}");
        }
        let plain = moment(zone, "2026-05-12 14:00", Some("2026-05-12T20:00:00Z"));
        assert_eq!(plain.as_deref(), Some("2026-05-12T18:00:00Z"), "an end before its beginning");
    }

    #[test]
    fn moment_is_none_for_what_says_no_moment() {
        for text in [
            "",
            "2026-05-12",
            "14:00",
            "05/12/2026 2:00 PM",
            "2026-05-12 2:00 PM",
            "2026-02-30 14:00",
            "2026-05-12 25:00",
            "2026-05-12T14:00[Europe/Berlin]",
            "2026-05-12T14:00:00-99:99",
            "1778594400",
            "=NOW()",
        ] {
            assert_eq!(moment_of("Europe/Berlin", text), None, "{text}");
        }
    }
}
