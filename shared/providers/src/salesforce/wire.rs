//! The vendor's shapes. What is read has every field optional.

use std::collections::BTreeMap;

use serde::{Deserialize, Deserializer};
use serde_json::Value;

/// Values of fields to write; null clears.
pub type Fields = BTreeMap<String, Value>;

/// Values of fields that were read, `attributes` among them. There is no `Debug`: it holds personal
/// data.
#[derive(Deserialize)]
#[serde(transparent)]
pub struct Record(BTreeMap<String, Value>);

impl Record {
    /// A field's text; `None` for null, for an empty one and for what is no text.
    pub fn text(&self, field: &str) -> Option<&str> {
        self.0.get(field)?.as_str().filter(|text| !text.is_empty())
    }

    /// A field's value, `None` for null.
    pub fn value(&self, field: &str) -> Option<&Value> {
        self.0.get(field).filter(|value| !value.is_null())
    }

    /// Whether it is in the recycle bin; absent where it was not asked for.
    pub fn is_deleted(&self) -> bool {
        self.0.get("IsDeleted") == Some(&Value::Bool(true))
    }
}

/// A page of a query. The list must be there: what is missing in it counts.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct QueryAnswer {
    /// The records.
    pub records: Vec<Record>,
    /// Whether this page is the last.
    pub done: Option<bool>,
    /// The path of the next page.
    pub next_records_url: Option<String>,
}

/// The longest locator that is carried.
const LOCATOR_MAX_BYTES: usize = 100;

impl QueryAnswer {
    /// What the next page is asked for by: the last segment of its path, never the path itself, which
    /// would let an answer choose where our token goes. The inner `None` is a next page that can't be
    /// asked for.
    pub fn next(&self) -> Option<Option<String>> {
        if self.done.unwrap_or(true) && self.next_records_url.is_none() {
            return None;
        }
        let last = self.next_records_url.as_deref().and_then(|path| path.rsplit('/').next());
        Some(last.filter(|locator| is_locator(locator)).map(str::to_owned))
    }
}

/// Whether a text can be the locator of a page (`01gRO0000016PIAYA2-2000`).
pub fn is_locator(text: &str) -> bool {
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_';
    !text.is_empty() && text.len() <= LOCATOR_MAX_BYTES && text.bytes().all(is_plain)
}

/// The answer to a create, and to an upsert by an external id.
#[derive(Deserialize)]
pub struct SaveAnswer {
    /// The record's id.
    pub id: Option<String>,
    /// Whether an upsert created it.
    pub created: Option<bool>,
    /// Whether it was saved; only collections say `false`, with a 200.
    pub success: Option<bool>,
    /// Of collections: why not.
    #[serde(default)]
    pub errors: Vec<ErrorItem>,
}

/// One error. Answers name the code `errorCode`, the single results of collections `statusCode`.
#[derive(Deserialize, Default)]
#[serde(rename_all = "camelCase")]
pub struct ErrorItem {
    /// The code, `REQUIRED_FIELD_MISSING`.
    #[serde(alias = "statusCode")]
    pub error_code: Option<String>,
    /// The fields at fault, by their API names.
    #[serde(default, deserialize_with = "texts")]
    pub fields: Vec<String>,
    /// Of `DUPLICATES_DETECTED`: what was found, and by which rule.
    pub duplicate_result: Option<DuplicateResult>,
    /// What the text says that no field does.
    #[serde(default, rename = "message")]
    pub hints: MessageHints,
}

/// What a duplicate rule has found (`DuplicateResult`, SOAP API guide).
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct DuplicateResult {
    /// The API name of the rule.
    pub duplicate_rule: Option<String>,
    /// By matching rule.
    #[serde(default)]
    pub match_results: Vec<MatchResult>,
}

/// What one matching rule has found.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct MatchResult {
    /// The records.
    #[serde(default)]
    pub match_records: Vec<MatchRecord>,
}

/// A record that may be the same.
#[derive(Deserialize)]
pub struct MatchRecord {
    /// With its `Id`; other fields only if they were asked for.
    pub record: Option<Record>,
}

/// What is read out of a `message`. The text itself is dropped while it is read: it can hold personal
/// data.
#[derive(Default, Debug, PartialEq, Eq)]
pub struct MessageHints {
    /// The name in `No such column 'X' on …`, in `duplicate value found: X duplicates value on record
    /// with id: …`, or in `external ID field does not exist or is not accessible: X`.
    pub field: Option<String>,
    /// `ConcurrentRequests (Concurrent API Requests) Limit exceeded.` and its like.
    pub is_concurrency: bool,
    /// `UNABLE_TO_LOCK_ROW`, which triggers and flows pass on inside a code of their own.
    pub is_lock: bool,
    /// `This session is not valid for use with the REST API`: another token would not be either.
    pub is_not_for_rest: bool,
    /// `login rate exceeded` of a token answer, which is no end of the grant.
    pub is_login_rate: bool,
    /// `audience is invalid` of a token answer.
    pub is_audience: bool,
}

impl<'de> Deserialize<'de> for MessageHints {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let message = Value::deserialize(deserializer)?;
        Ok(message.as_str().map(Self::of).unwrap_or_default())
    }
}

impl MessageHints {
    fn of(message: &str) -> Self {
        let between = |before: &str, after: &str| {
            let (_, rest) = message.split_once(before)?;
            Some(rest.split_once(after)?.0.trim().to_owned())
        };
        let lower = message.to_ascii_lowercase();
        Self {
            field: between("duplicate value found: ", " duplicates value")
                .or_else(|| between("No such column '", "'"))
                .or_else(|| between("is not accessible: ", " "))
                .or_else(|| Some(message.split_once("is not accessible: ")?.1.to_owned())),
            is_concurrency: lower.contains("concurrent"),
            is_lock: message.contains("UNABLE_TO_LOCK_ROW"),
            is_not_for_rest: lower.contains("session is not valid for use with"),
            is_login_rate: lower.contains("rate exceeded"),
            is_audience: lower.contains("audience"),
        }
    }
}

/// The texts of a list; whatever else stands in its place is none.
fn texts<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<String>, D::Error> {
    let value = Value::deserialize(deserializer)?;
    let items = value.as_array().into_iter().flatten();
    Ok(items.filter_map(Value::as_str).map(str::to_owned).collect())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::{ErrorItem, QueryAnswer};

    fn next(url: &str) -> Option<Option<String>> {
        let page = json!({"records": [], "done": false, "nextRecordsUrl": url});
        serde_json::from_value::<QueryAnswer>(page).unwrap().next()
    }

    #[test]
    fn next_page_is_the_locator_and_never_an_address() {
        let locator = Some(Some("01gRO0000016PIAYA2-2000".to_owned()));
        assert_eq!(next("/services/data/v67.0/query/01gRO0000016PIAYA2-2000"), locator);
        assert_eq!(next("https://evil.com/query/01gRO0000016PIAYA2-2000"), locator);
        for url in ["", "/", "/query/..", "/query/a?b=c", "/query/a%2f", "https://evil.com"] {
            assert_eq!(next(url), Some(None), "{url}");
        }
        let last: QueryAnswer =
            serde_json::from_value(json!({"records": [], "done": true})).unwrap();
        assert_eq!(last.next(), None);
        let lost: QueryAnswer =
            serde_json::from_value(json!({"records": [], "done": false})).unwrap();
        assert_eq!(lost.next(), Some(None));
    }

    #[test]
    fn error_is_read_under_either_name_of_its_code_whatever_its_fields_are() {
        for (error, fields) in [
            (json!({"errorCode": "X", "fields": ["Email"]}), vec!["Email"]),
            (json!({"statusCode": "X", "fields": [null, "Email", 7]}), vec!["Email"]),
            (json!({"statusCode": "X", "fields": "Email", "message": {"a": 1}}), vec![]),
            (json!({"errorCode": "X"}), vec![]),
        ] {
            let item: ErrorItem = serde_json::from_value(error).unwrap();
            assert_eq!(
                (item.error_code.as_deref(), item.fields),
                (Some("X"), fields.iter().map(|it| (*it).to_owned()).collect())
            );
        }
    }
}
