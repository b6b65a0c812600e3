//! What a walk remembers between two pages: where its span begins, and Square's cursor in it. No
//! personal data: a cursor is opaque, and Square writes it.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use sync_domain::ports::BookingWindow;

/// The version of the shape.
const VERSION: u32 = 1;
/// The longest cursor (`ListBookings`, `cursor`).
pub const CURSOR_MAX_BYTES: usize = 64 * 1024;
/// The longest text that is taken for a position, and the longest that is written.
const POSITION_MAX_BYTES: usize = 80 * 1024;

/// Where a walk is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Position {
    #[serde(rename = "v")]
    version: u32,
    /// Where the span begins that is being read.
    pub from: Timestamp,
    /// Where in its list to go on; `None` at its begin.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cursor: Option<String>,
    /// Whether the list was begun anew because Square refused its cursor: that is done once.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub is_anew: bool,
}

impl Position {
    /// In the span that begins there.
    pub const fn new(from: Timestamp, cursor: Option<String>) -> Self {
        Self { version: VERSION, from, cursor, is_anew: false }
    }

    /// At the begin of the span's list once more, behind a cursor that Square refused; `None` where that
    /// was done.
    pub fn anew(&self) -> Option<Self> {
        let is_first = self.cursor.is_some() && !self.is_anew;
        is_first.then(|| Self { is_anew: true, ..Self::new(self.from, None) })
    }

    /// Behind the next page of the same list.
    pub fn with_cursor(&self, cursor: String) -> Self {
        Self { cursor: Some(cursor), ..self.clone() }
    }

    /// Reads a position of a walk over this window; `None` for one that is none.
    pub fn parse(text: &str, window: BookingWindow) -> Option<Self> {
        if text.len() > POSITION_MAX_BYTES {
            return None;
        }
        let position: Self = serde_json::from_str(text).ok()?;
        let is_cursor = |cursor: &String| (1..=CURSOR_MAX_BYTES).contains(&cursor.len());
        let is_sound = position.version == VERSION
            && (window.from..window.until).contains(&position.from)
            && position.cursor.as_ref().is_none_or(is_cursor);
        is_sound.then_some(position)
    }

    /// The text. `None` if it is too long to be carried, which only a cursor causes that is full of
    /// quotation marks or control characters.
    pub fn to_text(&self) -> Option<String> {
        serde_json::to_string(self).ok().filter(|text| text.len() <= POSITION_MAX_BYTES)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};
    use sync_domain::ports::BookingWindow;

    use super::{CURSOR_MAX_BYTES, Position};

    fn window() -> BookingWindow {
        let (from, until) = ("2026-05-01T00:00:00.5Z", "2026-08-01T00:00:00Z");
        BookingWindow { from: from.parse().unwrap(), until: until.parse().unwrap() }
    }

    #[test]
    fn position_survives_with_the_longest_cursor() {
        for cursor in [None, Some("a".to_owned()), Some("ü".repeat(CURSOR_MAX_BYTES / 2))] {
            let position = Position::new(window().from, cursor);
            let text = position.to_text().unwrap();
            assert_eq!(Position::parse(&text, window()), Some(position));
        }
        let unfit = Position::new(window().from, Some("\"".repeat(CURSOR_MAX_BYTES)));
        assert_eq!(unfit.to_text(), None);
    }

    #[test]
    fn position_of_another_walk_or_none_at_all_is_refused() {
        let refused = |text: &str| Position::parse(text, window()).is_none();
        for text in ["", "{}", "null", "[]", "7", "\"x\"", "{\"v\":1}", &"[".repeat(90_000)] {
            assert!(refused(text), "{text}");
        }
        let good = json!({"v": 1, "from": "2026-06-01T00:00:00Z", "cursor": "c"});
        assert!(!refused(&good.to_string()));
        for (member, value) in [
            ("v", json!(2)),
            ("v", Value::Null),
            ("from", json!("2026-05-01T00:00:00Z")),
            ("from", json!("2026-08-01T00:00:00Z")),
            ("from", json!("soon")),
            ("cursor", json!("")),
            ("cursor", json!(7)),
            ("cursor", json!("c".repeat(CURSOR_MAX_BYTES + 1))),
            ("until", json!("2026-06-02T00:00:00Z")),
        ] {
            let mut position = good.clone();
            position[member] = value;
            assert!(refused(&position.to_string()), "{position}");
        }
    }
}
