//! The vendor's shapes. What is read has every field optional and numbers may come as texts: live
//! answers are known to differ from the published specification (see the mapping doc). What is
//! written is strict, because v2 refuses numbers as texts.

use std::collections::HashMap;

use serde::{Deserialize, Deserializer, Serialize};
use serde_json::{Number, Value};

/// `{success, data, additional_data}` around every answer.
#[derive(Deserialize)]
pub struct Envelope<T> {
    /// False in errors.
    pub success: Option<bool>,
    /// What was asked for.
    pub data: Option<T>,
    additional_data: Option<Additional>,
}

#[derive(Deserialize)]
struct Additional {
    next_cursor: Option<String>,
}

impl<T> Envelope<T> {
    /// Where the next page begins.
    pub fn next_cursor(&self) -> Option<&str> {
        let next = self.additional_data.as_ref()?.next_cursor.as_deref();
        next.filter(|cursor| !cursor.is_empty())
    }
}

/// A value as text, whether it came as a text, as a number, or inside an object as in v1. There is no
/// `Debug`: it may be personal.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Text(Option<String>);

impl Text {
    /// The trimmed text; `None` where there is none or an empty one.
    pub fn get(&self) -> Option<&str> {
        self.0.as_deref().map(str::trim).filter(|text| !text.is_empty())
    }

    /// A positive id in decimal digits.
    pub fn id(&self) -> Option<&str> {
        let is_digits = |text: &&str| text.bytes().all(|byte| byte.is_ascii_digit());
        self.get().filter(is_digits).filter(|text| text.bytes().any(|byte| byte != b'0'))
    }

    fn of(value: &Value) -> Option<String> {
        match value {
            Value::String(text) => Some(text.clone()),
            Value::Number(number) => Some(number_text(number)),
            Value::Object(members) => match members.get("value").or_else(|| members.get("id")) {
                Some(Value::String(text)) => Some(text.clone()),
                Some(Value::Number(number)) => Some(number_text(number)),
                Some(Value::Null | Value::Bool(_) | Value::Array(_) | Value::Object(_)) | None => {
                    None
                }
            },
            Value::Null | Value::Bool(_) | Value::Array(_) => None,
        }
    }
}

impl From<&str> for Text {
    fn from(text: &str) -> Self {
        Self(Some(text.to_owned()))
    }
}

impl<'de> Deserialize<'de> for Text {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Value::deserialize(deserializer).map(|value| Self(Self::of(&value)))
    }
}

/// Without an exponent and without a point behind a whole number.
fn number_text(number: &Number) -> String {
    if number.is_f64() {
        number.as_f64().map_or_else(String::new, |number| number.to_string())
    } else {
        number.to_string()
    }
}

/// A truth value, also as 0 or 1.
#[derive(Clone, Copy, Default, PartialEq, Eq)]
pub struct Flag(Option<bool>);

impl Flag {
    /// Whether it is surely true.
    pub const fn is_set(self) -> bool {
        matches!(self.0, Some(true))
    }

    /// Whether it is surely false.
    pub const fn is_unset(self) -> bool {
        matches!(self.0, Some(false))
    }
}

impl<'de> Deserialize<'de> for Flag {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let value = Value::deserialize(deserializer)?;
        Ok(Self(value.as_bool().or_else(|| value.as_u64().map(|number| number != 0))))
    }
}

/// One of a person's emails or phone numbers.
#[derive(Clone, Deserialize)]
#[serde(default)]
#[derive(Default)]
pub struct Entry {
    /// The address or number; there are placeholders without one.
    pub value: Text,
    /// Whether it is the first one to use.
    pub primary: Flag,
    /// `work`, `home`, …
    pub label: Text,
}

/// An email or phone number to write.
#[derive(Serialize, Debug, PartialEq, Eq)]
pub struct NewEntry {
    /// The address or number.
    pub value: String,
    /// At most one of a list is.
    pub primary: bool,
    /// `work`, `home`, …
    pub label: String,
}

/// The values of custom fields. `null` and `[]` were seen where the specification has `{}`.
#[derive(Clone, Default)]
pub struct CustomValues(HashMap<String, Text>);

impl CustomValues {
    /// The value of a field.
    pub fn get(&self, code: &str) -> Option<&str> {
        self.0.get(code)?.get()
    }
}

impl<'de> Deserialize<'de> for CustomValues {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let value = Value::deserialize(deserializer)?;
        let members = value.as_object().into_iter().flatten();
        Ok(Self(members.map(|(code, value)| (code.clone(), Text(Text::of(value)))).collect()))
    }
}

/// A person, an organization or a deal: each has some of the members. There is no `Debug`: it holds
/// personal data.
#[derive(Clone, Deserialize, Default)]
#[serde(default)]
pub struct Record {
    /// The id, a number.
    pub id: Text,
    /// Of persons and organizations.
    pub name: Text,
    /// Of deals.
    pub title: Text,
    /// Of persons, Pipedrive's reading of the name.
    pub first_name: Text,
    /// Of persons; may be null.
    pub last_name: Text,
    /// Of persons; `None` only where the answer does not have the member at all.
    #[serde(deserialize_with = "entries")]
    pub emails: Option<Vec<Entry>>,
    /// Of persons; as `emails`.
    #[serde(deserialize_with = "entries")]
    pub phones: Option<Vec<Entry>>,
    /// Of organizations, where the account has it.
    pub website: Text,
    /// Of deals, in its currency.
    pub value: Text,
    /// Of deals.
    pub pipeline_id: Text,
    /// Of deals.
    pub stage_id: Text,
    /// Of deals, a date.
    pub expected_close_date: Text,
    /// Of persons and deals.
    pub org_id: Text,
    /// Of deals.
    pub person_id: Text,
    /// RFC 3339, to the second.
    pub add_time: Text,
    /// RFC 3339, to the second.
    pub update_time: Text,
    /// Whether it waits for its end in the bin.
    pub is_deleted: Flag,
    /// By field code.
    pub custom_fields: CustomValues,
}

/// `null` is a list without entries: what it holds is told.
fn entries<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Vec<Entry>>, D::Error> {
    Option::<Vec<Entry>>::deserialize(deserializer).map(|list| Some(list.unwrap_or_default()))
}

/// What a search found. `/itemSearch/field` documents both `{id}` and `{item: {id}}`.
#[derive(Deserialize, Default)]
#[serde(default)]
pub struct Hit {
    id: Text,
    item: Option<HitItem>,
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct HitItem {
    id: Text,
}

impl Hit {
    /// The record's id.
    pub fn id(&self) -> Option<&str> {
        self.id.id().or_else(|| self.item.as_ref()?.id.id())
    }
}

/// The `data` of a search of one kind of record.
#[derive(Deserialize)]
pub struct Hits {
    /// What it found.
    pub items: Vec<Hit>,
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::{Hit, Record};

    #[test]
    fn record_is_read_whatever_its_numbers_and_nulls_look_like() {
        let record: Record = serde_json::from_value(json!({
            "id": "17", "value": 1200.0, "stage_id": {"value": 4, "name": "x"}, "org_id": null,
            "emails": null, "custom_fields": null, "is_deleted": 1, "person_id": {"id": 5},
        }))
        .unwrap();
        assert!(record.id.id() == Some("17") && record.value.get() == Some("1200"));
        assert!(record.stage_id.id() == Some("4") && record.person_id.id() == Some("5"));
        assert!(record.org_id.id().is_none());
        assert!(record.emails.is_some_and(|list| list.is_empty()) && record.phones.is_none());
        assert!(record.is_deleted.is_set() && record.custom_fields.get("x").is_none());
        let record: Record = serde_json::from_value(json!({
            "id": 0, "value": 0.000001, "is_deleted": false,
            "custom_fields": {"a": {"type": "varchar", "value": " r-1 "}, "b": "", "c": 7},
        }))
        .unwrap();
        assert!(record.id.id().is_none() && record.value.get() == Some("0.000001"));
        assert!(record.is_deleted.is_unset());
        let custom = &record.custom_fields;
        assert_eq!(
            [custom.get("a"), custom.get("b"), custom.get("c")],
            [Some("r-1"), None, Some("7")]
        );
    }

    #[test]
    fn hit_is_read_in_either_documented_form() {
        for (hit, id) in [
            (json!({"id": 1, "name": "Ada"}), Some("1")),
            (json!({"result_score": 0.5, "item": {"id": 2}}), Some("2")),
            (json!({"name": "Ada"}), None),
        ] {
            let hit: Hit = serde_json::from_value(hit).unwrap();
            assert_eq!(hit.id(), id);
        }
    }
}
