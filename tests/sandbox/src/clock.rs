//! The one place that reads the wall clock, waits and draws ids, and the text form of instants on
//! the wire.

use std::time::Duration;

use jiff::Timestamp;
use uuid::Uuid;

/// The present instant.
pub fn now() -> Timestamp {
    Timestamp::now()
}

/// Milliseconds since the epoch, now.
pub fn now_ms() -> i64 {
    now().as_millisecond()
}

/// Waits.
pub async fn sleep_ms(delay_ms: u64) {
    tokio::time::sleep(Duration::from_millis(delay_ms)).await;
}

/// A random id, as vendors put into answers for their support.
pub fn new_uuid() -> String {
    Uuid::new_v4().to_string()
}

/// ISO 8601 in UTC with exactly three decimals, as vendors print it. Out-of-range input gives the
/// epoch, which no simulated object has.
pub fn iso_from_ms(at_ms: i64) -> String {
    let at = Timestamp::from_millisecond(at_ms).unwrap_or(Timestamp::UNIX_EPOCH);
    at.strftime("%Y-%m-%dT%H:%M:%S%.3fZ").to_string()
}

/// Reads an ISO 8601 instant or a decimal number of epoch milliseconds.
pub fn ms_from_text(text: &str) -> Option<i64> {
    let text = text.trim();
    text.parse::<i64>()
        .ok()
        .or_else(|| text.parse::<Timestamp>().ok().map(Timestamp::as_millisecond))
}

#[cfg(test)]
mod tests {
    use super::{iso_from_ms, ms_from_text};

    #[test]
    fn iso_text_keeps_three_decimals_for_whole_seconds() {
        assert_eq!(iso_from_ms(1_700_000_000_000), "2023-11-14T22:13:20.000Z");
        assert_eq!(iso_from_ms(1_700_000_000_070), "2023-11-14T22:13:20.070Z");
    }

    #[test]
    fn ms_from_text_reads_both_forms() {
        assert_eq!(ms_from_text("2023-11-14T22:13:20Z"), Some(1_700_000_000_000));
        assert_eq!(ms_from_text("1700000000000"), Some(1_700_000_000_000));
        assert_eq!(ms_from_text("yesterday"), None);
    }
}
