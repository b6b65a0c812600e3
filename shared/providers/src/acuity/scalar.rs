//! A JSON value that may be a text here and a number there: Acuity writes `duration` as a text, ids as
//! numbers, and integrators have seen both the other way round.

use std::fmt;

use serde::de::{IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer};

/// As much of a text is read; no name that we keep is longer.
const TEXT_MAX_BYTES: usize = 1_024;

/// A JSON value that should be a text, a number or a truth value.
#[derive(Clone, Default, PartialEq, Eq)]
pub enum Scalar {
    /// Not there, or something else.
    #[default]
    Other,
    Text(String),
    Number(i64),
    Flag(bool),
}

impl Scalar {
    /// A positive whole number, or a text of its digits.
    pub fn number(&self) -> Option<u64> {
        let number = match self {
            Self::Number(number) => u64::try_from(*number).ok(),
            Self::Text(text) => digits(text.trim()),
            Self::Other | Self::Flag(_) => None,
        };
        number.filter(|number| *number > 0)
    }

    /// A text.
    pub fn text(&self) -> Option<&str> {
        match self {
            Self::Text(text) => Some(text),
            Self::Other | Self::Number(_) | Self::Flag(_) => None,
        }
    }

    /// Whether it says yes.
    pub fn is_true(&self) -> bool {
        match self {
            Self::Flag(flag) => *flag,
            Self::Number(number) => *number == 1,
            Self::Text(text) => matches!(text.trim(), "true" | "yes" | "1"),
            Self::Other => false,
        }
    }
}

/// A number that is written in digits alone; of 64 bits with a sign, as an id may be.
pub fn digits(text: &str) -> Option<u64> {
    let is_digits = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    let number: u64 = is_digits.then(|| text.parse().ok()).flatten()?;
    i64::try_from(number).is_ok().then_some(number)
}

impl<'de> Deserialize<'de> for Scalar {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(ScalarVisitor)
    }
}

struct ScalarVisitor;

impl<'de> Visitor<'de> for ScalarVisitor {
    type Value = Scalar;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("any value")
    }

    fn visit_bool<E>(self, value: bool) -> Result<Scalar, E> {
        Ok(Scalar::Flag(value))
    }

    fn visit_i64<E>(self, value: i64) -> Result<Scalar, E> {
        Ok(Scalar::Number(value))
    }

    fn visit_u64<E>(self, value: u64) -> Result<Scalar, E> {
        Ok(i64::try_from(value).map_or(Scalar::Other, Scalar::Number))
    }

    fn visit_f64<E>(self, _value: f64) -> Result<Scalar, E> {
        Ok(Scalar::Other)
    }

    fn visit_str<E>(self, value: &str) -> Result<Scalar, E> {
        let (kept, _rest) = value.split_at(value.floor_char_boundary(TEXT_MAX_BYTES));
        Ok(Scalar::Text(kept.to_owned()))
    }

    fn visit_unit<E>(self) -> Result<Scalar, E> {
        Ok(Scalar::Other)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut sequence: A) -> Result<Scalar, A::Error> {
        while sequence.next_element::<IgnoredAny>()?.is_some() {}
        Ok(Scalar::Other)
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Scalar, A::Error> {
        while map.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {}
        Ok(Scalar::Other)
    }
}

#[cfg(test)]
mod tests {
    use super::Scalar;

    #[test]
    fn number_is_taken_as_a_number_and_as_digits_only() {
        let number = |json: &str| serde_json::from_str::<Scalar>(json).unwrap().number();
        assert_eq!(number("60"), Some(60));
        assert_eq!(number("\" 060 \""), Some(60));
        for json in [
            "0",
            "-1",
            "60.5",
            "6e1",
            "\"\"",
            "\"0\"",
            "\"-60\"",
            "\"+60\"",
            "\"60 min\"",
            "\"60.5\"",
            "null",
            "true",
            "{}",
            "[60]",
            "9223372036854775808",
            "\"9223372036854775808\"",
        ] {
            assert_eq!(number(json), None, "{json}");
        }
    }

    #[test]
    fn flag_is_true_in_each_of_the_ways_that_acuity_writes_one() {
        let is_true = |json: &str| serde_json::from_str::<Scalar>(json).unwrap().is_true();
        assert!(["true", "\"yes\"", "\"true\"", "1", "\"1\""].into_iter().all(is_true));
        assert!(!["false", "\"no\"", "0", "null", "\"\"", "{}", "2"].into_iter().any(is_true));
    }

    #[test]
    fn text_is_cut_at_a_character() {
        let json = serde_json::json!("ä".repeat(1_000)).to_string();
        let scalar: Scalar = serde_json::from_str(&json).unwrap();
        assert_eq!(scalar.text().map(str::len), Some(1_024));
    }
}
