//! The vendor's shapes. What is read has every field optional: the published specifications are
//! known to be wrong about what is required (fact sheet, section 7).

use std::collections::{BTreeMap, HashMap};

use serde::{Deserialize, Serialize};

/// A batch with one input.
#[derive(Serialize)]
pub struct Batch<T> {
    /// The inputs, one of up to 100.
    pub inputs: [T; 1],
}

/// One record to create or update.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub struct UpsertInput<'a> {
    /// The value of the id property.
    pub id: &'a str,
    /// Which property identifies the record.
    pub id_property: &'static str,
    /// The values to write; an empty text clears.
    pub properties: BTreeMap<&'static str, &'a str>,
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
    pub inputs: [ReadInput<'a>; 1],
}

/// One record to read.
#[derive(Serialize)]
pub struct ReadInput<'a> {
    /// The value of the id property.
    pub id: &'a str,
}

/// The answer to a batch call, 200 or 207.
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
    /// Whether it is in the recycling bin.
    pub archived: Option<bool>,
}

/// The error envelope, also the shape of one error of a 207. `message` is left out on purpose: it
/// can hold personal data.
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
