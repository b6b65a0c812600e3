//! The vendor's shapes. What is read has every field optional: the published specifications are
//! known to be wrong about what is required (see the mapping doc).

use std::collections::{BTreeMap, HashMap};

use serde::{Deserialize, Deserializer, Serialize};

/// Values of properties to write; an empty text clears.
pub type Properties<'a> = BTreeMap<&'static str, &'a str>;

/// A batch.
#[derive(Serialize)]
pub struct Batch<T> {
    /// The inputs, up to 100.
    pub inputs: Vec<T>,
}

/// One record to create or update.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub struct UpsertInput<'a> {
    /// The value of the id property.
    pub id: &'a str,
    /// Which property identifies the record.
    pub id_property: &'static str,
    /// The values to write.
    pub properties: Properties<'a>,
}

/// A record to create, or the part of a known one to change.
#[derive(Serialize)]
pub struct RecordInput<'a> {
    /// The values to write.
    pub properties: Properties<'a>,
}

/// Records to read by an id property.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub struct BatchRead<'a> {
    /// Which property identifies the records.
    pub id_property: &'static str,
    /// Which properties to return.
    pub properties: Vec<&'static str>,
    /// The records.
    pub inputs: Vec<ById<'a>>,
}

/// A record by its id, or by the value of an id property.
#[derive(Serialize)]
pub struct ById<'a> {
    /// The id or value.
    pub id: &'a str,
}

/// A search for the oldest record with some values.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Search<'a> {
    /// All filters of a group must hold.
    pub filter_groups: [FilterGroup<'a>; 1],
    /// The order of the results.
    pub sorts: [Sort; 1],
    /// Which properties to return.
    pub properties: Vec<&'static str>,
    /// How many results.
    pub limit: u32,
}

/// Filters that must all hold.
#[derive(Serialize)]
pub struct FilterGroup<'a> {
    /// The filters, up to six.
    pub filters: Vec<Filter<'a>>,
}

/// One comparison; case does not count, but for enumerations.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Filter<'a> {
    /// The property.
    pub property_name: &'static str,
    /// `EQ`.
    pub operator: &'static str,
    /// The value.
    pub value: &'a str,
}

/// The order of a search.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Sort {
    /// The property.
    pub property_name: &'static str,
    /// `ASCENDING` or `DESCENDING`.
    pub direction: &'static str,
}

/// The answer to a batch call, 200 or 207, or to a search.
#[derive(Deserialize)]
pub struct BatchAnswer {
    /// What went well.
    #[serde(default)]
    pub results: Vec<Record>,
    /// What did not (207).
    #[serde(default)]
    pub errors: Vec<ErrorBody>,
}

/// A record. There is no `Debug`: it holds personal data.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Record {
    /// The record id, decimal digits, opaque.
    pub id: Option<String>,
    /// Whether an upsert created it.
    pub new: Option<bool>,
    /// Property values; a cleared one is null or absent.
    #[serde(default)]
    pub properties: HashMap<String, Option<String>>,
    /// ISO 8601.
    pub created_at: Option<String>,
    /// ISO 8601; grows with every change.
    pub updated_at: Option<String>,
    /// Whether it is in the recycling bin.
    pub archived: Option<bool>,
}

impl Record {
    /// Whether it is in the recycling bin.
    pub fn is_archived(&self) -> bool {
        self.archived.unwrap_or(false)
    }
}

/// The error envelope, also the shape of one error of a 207.
#[derive(Deserialize, Default)]
#[serde(rename_all = "camelCase")]
pub struct ErrorBody {
    /// The class of the error, for example `VALIDATION_ERROR`.
    pub category: Option<String>,
    /// What to give HubSpot's support.
    pub correlation_id: Option<String>,
    /// Of a 429: which limit.
    pub policy_name: Option<String>,
    /// The single faults.
    #[serde(default)]
    pub errors: Vec<ErrorDetail>,
    /// More about the fault.
    #[serde(default)]
    pub context: HashMap<String, serde_json::Value>,
    /// What the text says that no field does.
    #[serde(default, rename = "message")]
    pub hints: MessageHints,
}

/// One fault in an error.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ErrorDetail {
    /// The code, for example `INVALID_EMAIL`.
    pub code: Option<String>,
    /// Names the property under `propertyName`.
    #[serde(default)]
    pub context: HashMap<String, serde_json::Value>,
}

/// What is read out of a `message`. The text itself is dropped while it is read: it can hold
/// personal data.
#[derive(Default, Debug, PartialEq, Eq)]
pub struct MessageHints {
    /// `Contact already exists. Existing ID: 17` (seen by many integrators, undocumented).
    pub existing_id: Option<String>,
    /// `… by non-unique 0-2 property domain`: the property that can't identify a record.
    pub non_unique_property: Option<String>,
    /// `Property values were not valid: [{"name": …, "error": …}]`: name and code of the first.
    pub invalid_property: Option<(String, Option<String>)>,
}

impl<'de> Deserialize<'de> for MessageHints {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let message = serde_json::Value::deserialize(deserializer)?;
        Ok(message.as_str().map(Self::of).unwrap_or_default())
    }
}

impl MessageHints {
    /// The longest id that is believed.
    const ID_MAX_DIGITS: usize = 20;

    fn of(message: &str) -> Self {
        let digits = |text: &str| -> String {
            text.trim_start().chars().take_while(char::is_ascii_digit).collect()
        };
        let existing_id = message
            .split_once("Existing ID:")
            .map(|(_before, rest)| digits(rest))
            .filter(|id| (1..=Self::ID_MAX_DIGITS).contains(&id.len()));
        let non_unique_property = message
            .split_once(" by non-unique ")
            .and_then(|(_before, rest)| rest.split_once(" property "))
            .and_then(|(_type, rest)| rest.split_whitespace().next())
            .map(str::to_owned);
        let invalid_property = message
            .split_once("Property values were not valid: ")
            .and_then(|(_before, rest)| serde_json::from_str::<Vec<InvalidProperty>>(rest).ok())
            .and_then(|properties| properties.into_iter().next())
            .and_then(|property| Some((property.name?, property.error)));
        Self { existing_id, non_unique_property, invalid_property }
    }
}

#[derive(Deserialize)]
struct InvalidProperty {
    name: Option<String>,
    error: Option<String>,
}

#[cfg(test)]
mod tests {
    use super::{ErrorBody, MessageHints};

    fn hints(body: &str) -> MessageHints {
        serde_json::from_str::<ErrorBody>(body).unwrap().hints
    }

    #[test]
    fn hints_are_read_out_of_known_texts_only() {
        let existing = hints(r#"{"message": "Contact already exists. Existing ID: 4711. Sorry"}"#);
        assert_eq!(existing.existing_id.as_deref(), Some("4711"));
        let non_unique = r#"{"message":
            "Unable to perform update/upsert by non-unique 0-2 property domain"}"#;
        assert_eq!(hints(non_unique).non_unique_property.as_deref(), Some("domain"));
        let invalid = r#"{"message": "Property values were not valid: [{\"isValid\":false,\"name\":\"email\",\"error\":\"INVALID_EMAIL\"}]"}"#;
        let expected = Some(("email".to_owned(), Some("INVALID_EMAIL".to_owned())));
        assert_eq!(hints(invalid).invalid_property, expected);
        for body in [
            "{}",
            r#"{"message": null}"#,
            r#"{"message": {"Existing ID:": 1}}"#,
            r#"{"message": "Existing ID: ada@example.com"}"#,
            r#"{"message": "Existing ID: 123456789012345678901"}"#,
            r#"{"message": "Property values were not valid: [{\"name\""}"#,
        ] {
            assert_eq!(hints(body), MessageHints::default(), "{body}");
        }
    }
}
