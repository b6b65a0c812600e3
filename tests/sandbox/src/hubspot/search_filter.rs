//! Filters of a search and how values compare.

use std::cmp::Ordering;

use serde::Deserialize;

use super::object_types::{Kind, ObjectType};
use super::schema::Schema;
use super::store::Record;
use crate::clock::ms_from_text;

/// Comparison of a filter.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum Operator {
    Eq,
    Neq,
    Lt,
    Lte,
    Gt,
    Gte,
    Between,
    In,
    NotIn,
    HasProperty,
    NotHasProperty,
    ContainsToken,
    NotContainsToken,
}

/// One filter.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Filter {
    /// The property.
    pub property_name: String,
    operator: Operator,
    #[serde(default)]
    value: Option<String>,
    #[serde(default)]
    values: Vec<String>,
    #[serde(default)]
    high_value: Option<String>,
}

/// Filters that must all hold.
#[derive(Deserialize)]
pub struct FilterGroup {
    /// The filters.
    #[serde(default)]
    pub filters: Vec<Filter>,
}

/// Numbers and instants compare by value, other text without case.
pub fn compare(kind: Kind, left: &str, right: &str) -> Ordering {
    match kind {
        Kind::Number => match (left.parse::<f64>(), right.parse::<f64>()) {
            (Ok(left), Ok(right)) => left.total_cmp(&right),
            (Ok(_), Err(_)) | (Err(_), _) => left.cmp(right),
        },
        Kind::DateTime => match (ms_from_text(left), ms_from_text(right)) {
            (Some(left), Some(right)) => left.cmp(&right),
            (Some(_), None) | (None, _) => left.cmp(right),
        },
        Kind::Choice(_) | Kind::Progress(_) | Kind::Pipeline | Kind::Stage | Kind::Bool => {
            left.cmp(right)
        }
        Kind::Text | Kind::Email => left.to_lowercase().cmp(&right.to_lowercase()),
    }
}

/// A star stands for any run of characters.
fn fits(pattern: &str, text: &str) -> bool {
    let mut parts = pattern.split('*');
    let Some(mut rest) = parts.next().and_then(|first| text.strip_prefix(first)) else {
        return false;
    };
    let mut parts = parts.peekable();
    if parts.peek().is_none() {
        return rest.is_empty();
    }
    while let Some(part) = parts.next() {
        if parts.peek().is_none() {
            return rest.ends_with(part);
        }
        let Some((_, after)) = rest.split_once(part) else { return false };
        rest = after;
    }
    true
}

/// Whether the whole value or one of its words fits the pattern.
fn contains_token(value: &str, pattern: &str) -> bool {
    let (value, pattern) = (value.to_lowercase(), pattern.to_lowercase());
    let mut words = value.split(|c: char| !c.is_alphanumeric()).filter(|word| !word.is_empty());
    fits(&pattern, &value) || words.any(|word| fits(&pattern, word))
}

impl Filter {
    /// What the filter lacks, if anything.
    pub fn fault(&self) -> Option<String> {
        let is_complete = match self.operator {
            Operator::HasProperty | Operator::NotHasProperty => true,
            Operator::In | Operator::NotIn => !self.values.is_empty(),
            Operator::Between => self.value.is_some() && self.high_value.is_some(),
            Operator::Eq
            | Operator::Neq
            | Operator::Lt
            | Operator::Lte
            | Operator::Gt
            | Operator::Gte
            | Operator::ContainsToken
            | Operator::NotContainsToken => self.value.is_some(),
        };
        let name = &self.property_name;
        (!is_complete)
            .then(|| format!("the filter on {name} lacks the value that its operator needs"))
    }

    fn takes(&self, schema: &Schema, record: &Record) -> bool {
        let kind = schema.kind(&self.property_name);
        let held = record.values.get(&self.property_name);
        let wanted = self.value.as_deref().unwrap_or_default();
        let order = held.map(|held| compare(kind, held, wanted));
        // Text is compared in lower case here, so a list must come in lower case to match.
        let listed = held.is_some_and(|held| match kind {
            Kind::Text | Kind::Email => self.values.contains(&held.to_lowercase()),
            Kind::Number
            | Kind::DateTime
            | Kind::Bool
            | Kind::Choice(_)
            | Kind::Progress(_)
            | Kind::Pipeline
            | Kind::Stage => self.values.contains(held),
        });
        let has_token = held.is_some_and(|held| contains_token(held, wanted));
        match self.operator {
            Operator::Eq => order == Some(Ordering::Equal),
            Operator::Neq => order != Some(Ordering::Equal),
            Operator::Lt => order == Some(Ordering::Less),
            Operator::Lte => order.is_some_and(Ordering::is_le),
            Operator::Gt => order == Some(Ordering::Greater),
            Operator::Gte => order.is_some_and(Ordering::is_ge),
            Operator::Between => {
                let high = self.high_value.as_deref().unwrap_or_default();
                order.is_some_and(Ordering::is_ge)
                    && held.is_some_and(|held| compare(kind, held, high).is_le())
            }
            Operator::In => listed,
            Operator::NotIn => !listed,
            Operator::HasProperty => held.is_some(),
            Operator::NotHasProperty => held.is_none(),
            Operator::ContainsToken => has_token,
            Operator::NotContainsToken => !has_token,
        }
    }
}

impl FilterGroup {
    /// Whether all filters hold.
    pub fn takes(&self, schema: &Schema, record: &Record) -> bool {
        self.filters.iter().all(|filter| filter.takes(schema, record))
    }
}

/// Whether one of the searched properties has every word of `query`.
pub fn has_query(object_type: &ObjectType, record: &Record, query: &str) -> bool {
    let held: String = object_type
        .searched
        .iter()
        .filter_map(|name| record.values.get(*name))
        .map(|value| value.to_lowercase())
        .collect::<Vec<_>>()
        .join("\n");
    query.to_lowercase().split_whitespace().all(|word| held.contains(word))
}

#[cfg(test)]
mod tests {
    use super::{compare, contains_token, fits};
    use crate::hubspot::object_types::Kind;
    use std::cmp::Ordering;

    #[test]
    fn fits_takes_stars_anywhere() {
        for (pattern, text) in [("*@x.io", "a@x.io"), ("a*c*e", "abcde"), ("*", ""), ("ab", "ab")] {
            assert!(fits(pattern, text), "{pattern} {text}");
        }
        for (pattern, text) in [("ab", "abc"), ("*b", "abc"), ("a*d*", "abc"), ("b*", "abc")] {
            assert!(!fits(pattern, text), "{pattern} {text}");
        }
    }

    #[test]
    fn contains_token_looks_at_words_without_case() {
        assert!(contains_token("Ada Lovelace", "lovelace"));
        assert!(contains_token("ada@x.io", "*@X.io"));
        assert!(!contains_token("Ada Lovelace", "love"));
    }

    #[test]
    fn compare_reads_numbers_and_instants_by_value() {
        assert_eq!(compare(Kind::Number, "9", "10"), Ordering::Less);
        assert_eq!(
            compare(Kind::DateTime, "2023-11-14T22:13:20.000Z", "1700000000000"),
            Ordering::Equal
        );
        assert_eq!(compare(Kind::Text, "ADA", "ada"), Ordering::Equal);
    }
}
