//! What a walk remembers between two pages: dates, counts and ids of the vendor's catalogue, in
//! compact JSON with a version. It holds no personal data and no id of an appointment.

use jiff::civil::Date;
use serde::{Deserialize, Serialize};

use super::split_day::SplitDay;
use super::window::WindowDays;

/// The version of the shape.
const VERSION: u32 = 1;
/// The longest text that is taken for a position; what we write is shorter.
const POSITION_MAX_BYTES: usize = 24 * 1024;
/// The first slice of a walk, in days.
pub const DAYS_AT_FIRST: u16 = 14;
/// The longest slice, where there is little to read.
pub const DAYS_MAX: u16 = 56;
/// The vendor's own default of `max`: that many rows it gives for sure.
const ROWS_FOR_SURE: usize = 100;

/// Whether it was tried to see more rows at once.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Gauge {
    /// There was no need.
    Unused,
    /// It is next.
    Next,
    /// It was.
    Used,
}

/// Where a walk is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Position {
    #[serde(rename = "v")]
    version: u32,
    /// The first day that is not complete.
    pub day: Date,
    /// How many days are read at once.
    pub days: u16,
    /// So many rows Acuity has been seen to give at once. An answer with fewer was not cut, whatever
    /// Acuity's own bound for `max` is.
    pub rows_seen: usize,
    pub gauge: Gauge,
    /// The day, where it is read in parts.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub split: Option<SplitDay>,
}

impl Position {
    /// The beginning.
    pub fn first(days: &WindowDays, rows_max: usize) -> Self {
        Self {
            version: VERSION,
            day: days.first,
            days: DAYS_AT_FIRST,
            rows_seen: rows_max.min(ROWS_FOR_SURE),
            gauge: Gauge::Unused,
            split: None,
        }
    }

    /// Reads a position of a walk over these days; `None` for one that is none.
    pub fn parse(text: &str, days: &WindowDays, rows_max: usize) -> Option<Self> {
        if text.len() > POSITION_MAX_BYTES {
            return None;
        }
        let mut position: Self = serde_json::from_str(text).ok()?;
        // The setting may have been lowered since.
        position.rows_seen = position.rows_seen.min(rows_max);
        let is_sound = position.version == VERSION
            && (days.first..=days.last).contains(&position.day)
            && (1..=DAYS_MAX).contains(&position.days)
            && position.rows_seen >= rows_max.min(ROWS_FOR_SURE)
            && position.split.as_ref().is_none_or(|it| position.days == 1 && it.is_sound());
        is_sound.then_some(position)
    }

    /// The text. `None` if it can't be written, which no value of these types causes.
    pub fn to_text(&self) -> Option<String> {
        serde_json::to_string(self).ok()
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};
    use sync_domain::ports::BookingWindow;

    use super::{Gauge, Position};
    use crate::acuity::split_day::{IDS_MAX, SplitDay};
    use crate::acuity::window::WindowDays;
    use crate::acuity::wire::Listed;

    fn days() -> WindowDays {
        let (from, until) = ("2026-05-01T00:00:00Z", "2026-06-01T00:00:00Z");
        let window = BookingWindow { from: from.parse().unwrap(), until: until.parse().unwrap() };
        WindowDays::of(window, None).unwrap()
    }

    fn largest() -> Position {
        let ids = |from: u64| -> Vec<Listed> {
            let ids = (0..IDS_MAX as u64 / 2).map(|it| json!({"id": from + it * 7_919}));
            ids.map(|id| serde_json::from_value(id).unwrap()).collect()
        };
        let mut split = SplitDay::default();
        split.listed(&ids(40_000_001), &ids(90_000_001)).unwrap();
        let first = Position::first(&days(), 1_000);
        Position { days: 1, gauge: Gauge::Used, split: Some(split), ..first }
    }

    #[test]
    fn position_survives_and_stays_small() {
        for position in [Position::first(&days(), 1_000), largest()] {
            let text = position.to_text().unwrap();
            assert!(text.len() < 5_000, "{} bytes", text.len());
            assert_eq!(Position::parse(&text, &days(), 1_000), Some(position));
        }
    }

    #[test]
    fn position_of_another_walk_or_none_at_all_is_refused() {
        let refused = |text: &str| Position::parse(text, &days(), 1_000).is_none();
        for text in ["", "{}", "null", "[]", "7", "\"x\"", "{\"v\":1}", &"[".repeat(30_000)] {
            assert!(refused(text), "{text}");
        }
        let good: Value = serde_json::from_str(&largest().to_text().unwrap()).unwrap();
        let with = |pointer: &str, value: Value| {
            let mut position = good.clone();
            *position.pointer_mut(pointer).unwrap() = value;
            position.to_string()
        };
        assert!(!refused(&good.to_string()));
        for (pointer, value) in [
            ("/v", json!(2)),
            ("/day", json!("2026-04-29")),
            ("/day", json!("2026-06-04")),
            ("/day", json!("soon")),
            ("/days", json!(0)),
            ("/days", json!(57)),
            ("/days", json!(2)),
            ("/rows_seen", json!(99)),
            ("/rows_seen", json!(-1)),
            ("/gauge", json!("x")),
            ("/split/round", json!(3)),
            ("/split/read", json!(201)),
            ("/split/compared", json!(201)),
            ("/split/calendars/0", json!(0)),
            ("/split/calendars/0", json!("x")),
            ("/split/calendars/1", json!(40_000_001)),
            ("/split/calendars", json!(vec![1; 500])),
            ("/split/by_type", json!([{"calendar": 7, "read": 0}])),
            ("/split/has_lists", json!(null)),
        ] {
            assert!(refused(&with(pointer, value.clone())), "{pointer} {value}");
        }
        let mut more = good.clone();
        more["email"] = json!("a@b.co");
        assert!(refused(&more.to_string()));
    }

    #[test]
    fn position_goes_on_under_a_lower_setting() {
        let text = Position { rows_seen: 700, ..Position::first(&days(), 1_000) }.to_text();
        let position = Position::parse(&text.unwrap(), &days(), 250).unwrap();
        assert_eq!(position.rows_seen, 250);
    }
}
