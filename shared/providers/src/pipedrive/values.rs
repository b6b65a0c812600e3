//! Single values on their way out: v2 takes numbers as numbers and dates as dates.

use jiff::Timestamp;
use jiff::tz::TimeZone;
use serde_json::{Number, Value};

/// The JSON number of a normalised amount. A deal has no "no value": an empty one is 0.
pub fn number_of(amount: &str) -> Option<Number> {
    if amount.is_empty() {
        return Some(0.into());
    }
    let whole = amount.parse::<i64>().ok().map(Number::from);
    whole.or_else(|| Number::from_f64(amount.parse().ok()?))
}

/// Whether a JSON number holds a normalised amount to the last digit.
pub fn is_exact(amount: &str) -> bool {
    amount.parse::<f64>().is_ok_and(|number| number.to_string() == amount)
}

/// The date of an instant in UTC; what is no instant stays as it is.
pub fn date_of(instant: &str) -> String {
    instant.parse::<Timestamp>().map_or_else(
        |_no_instant| instant.to_owned(),
        |instant| TimeZone::UTC.to_datetime(instant).date().to_string(),
    )
}

/// The text, or what clears it.
pub fn text_or_null(text: &str) -> Value {
    if text.is_empty() { Value::Null } else { text.into() }
}

#[cfg(test)]
mod tests {
    use super::is_exact;

    #[test]
    fn amount_is_exact_unless_a_double_has_no_room_for_it() {
        for amount in ["0", "-12.34", "0.000001", "999999999999999", "900719925.123456"] {
            assert!(is_exact(amount), "{amount}");
        }
        assert!(!is_exact("123456789012345.123456"));
    }
}
