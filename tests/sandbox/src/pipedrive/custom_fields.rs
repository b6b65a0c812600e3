//! Custom fields: their definitions, what values they take, and the two shapes of a value, in the
//! API and in webhooks.

use serde::Deserialize;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use super::errors::Refusal;
pub use super::field_types::FieldType;
use super::object_types::Object;
use super::values::{is_date, is_object_with};
use crate::clock::new_uuid;

/// The most characters of a `varchar` and of a field's name.
pub const MAX_VARCHAR_CHARS: usize = 255;
/// How many hexadecimal digits a field's code has.
const CODE_DIGITS: usize = 40;

/// A custom field as the accounts file has it.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FieldEntry {
    /// What users see.
    pub field_name: String,
    /// Its kind.
    #[serde(default = "varchar")]
    pub field_type: FieldType,
    /// 40 hexadecimal digits; absent means digits drawn from account, type and name.
    #[serde(default)]
    pub field_code: Option<String>,
    /// The labels of its options, numbered from 1.
    #[serde(default)]
    pub options: Vec<String>,
}

const fn varchar() -> FieldType {
    FieldType::Varchar
}

/// A custom field of one company.
#[derive(Clone, Debug)]
pub struct Field {
    /// What users see.
    pub name: String,
    /// The key of its values.
    pub code: String,
    /// Its kind.
    pub kind: FieldType,
    /// The labels of its options, numbered from 1.
    pub options: Vec<String>,
    /// For users.
    pub description: String,
}

fn first_digits(hex: &str) -> String {
    hex.chars().take(CODE_DIGITS).collect()
}

/// A code that no other field has.
pub fn new_code() -> String {
    first_digits(&format!("{}{}", new_uuid(), new_uuid()).replace('-', ""))
}

impl Field {
    /// Reads an entry of the accounts file.
    pub fn of_entry(account: &str, object: Object, entry: &FieldEntry) -> Result<Self, String> {
        let FieldEntry { field_name, field_type, field_code, options } = entry;
        let drawn = || {
            let named = format!("{account}/{}/{field_name}", object.name());
            first_digits(&hex::encode(Sha256::digest(named)))
        };
        let code = field_code.clone().unwrap_or_else(drawn);
        let is_code =
            code.len() == CODE_DIGITS && code.chars().all(|digit| digit.is_ascii_hexdigit());
        if !is_code {
            return Err(format!(
                "`fields`: the code of {field_name} must be 40 hexadecimal digits"
            ));
        }
        if field_type.has_options() == options.is_empty() {
            return Err(format!(
                "`fields`: {field_name} needs `options` if and only if it is a set or enum"
            ));
        }
        Ok(Self {
            name: field_name.clone(),
            code,
            kind: *field_type,
            options: options.clone(),
            description: String::new(),
        })
    }

    fn has_option(&self, id: &Value) -> bool {
        let number = id.as_u64().and_then(|id| usize::try_from(id).ok());
        number.is_some_and(|id| (1..=self.options.len()).contains(&id))
    }

    /// Refuses a value that the field doesn't take; `null` clears it.
    pub fn check(&self, value: &Value) -> Result<(), Refusal> {
        let is_fit = match self.kind {
            FieldType::Varchar | FieldType::VarcharAuto | FieldType::Phone => {
                value.as_str().is_some_and(|text| text.chars().count() <= MAX_VARCHAR_CHARS)
            }
            FieldType::Text => value.is_string(),
            FieldType::Double => value.is_number(),
            FieldType::Date => value.as_str().is_some_and(is_date),
            FieldType::Time => is_object_with(value, &["value"], &["timezone_name"]),
            FieldType::Daterange => is_object_with(value, &["value", "until"], &[]),
            FieldType::Timerange => is_object_with(value, &["value", "until"], &["timezone_name"]),
            FieldType::Address => value["value"].is_string(),
            FieldType::Monetary => value["value"].is_number() && value["currency"].is_string(),
            FieldType::Enum => self.has_option(value),
            FieldType::Set => value
                .as_array()
                .is_some_and(|ids| !ids.is_empty() && ids.iter().all(|id| self.has_option(id))),
            FieldType::Org | FieldType::People | FieldType::User => value.is_u64(),
        };
        if is_fit || value.is_null() {
            Ok(())
        } else {
            let why = format!("Invalid input for a field of type {}", self.kind.name());
            Err(Refusal::invalid(&format!("custom_fields.{}", self.code), &why))
        }
    }

    /// The value as webhooks have it.
    pub fn told(&self, value: &Value) -> Value {
        let kind = self.kind.name();
        match self.kind {
            FieldType::Enum | FieldType::User | FieldType::Org | FieldType::People => {
                json!({ "type": kind, "id": value })
            }
            FieldType::Set => {
                let ids = value.as_array().into_iter().flatten();
                json!({ "type": kind, "values": ids.map(|id| json!({ "id": id })).collect::<Value>() })
            }
            FieldType::Monetary
            | FieldType::Address
            | FieldType::Time
            | FieldType::Daterange
            | FieldType::Timerange => {
                let mut told = value.clone();
                told["type"] = json!(kind);
                told
            }
            FieldType::Varchar
            | FieldType::Text
            | FieldType::VarcharAuto
            | FieldType::Double
            | FieldType::Phone
            | FieldType::Date => json!({ "type": kind, "value": value }),
        }
    }

    /// What search finds in a value.
    pub fn searched_text(&self, value: &Value) -> Option<String> {
        if !self.kind.is_searchable() {
            return None;
        }
        let has_parts = matches!(self.kind, FieldType::Address | FieldType::Monetary);
        let value = if has_parts { &value["value"] } else { value };
        match value {
            Value::String(text) => Some(text.clone()),
            Value::Number(number) => Some(number.to_string()),
            Value::Null | Value::Bool(_) | Value::Array(_) | Value::Object(_) => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::{Field, FieldType, new_code};

    fn field(kind: FieldType) -> Field {
        let options = vec!["Low".to_owned(), "High".to_owned()];
        Field { name: "x".to_owned(), code: new_code(), kind, options, description: String::new() }
    }

    #[test]
    fn values_are_taken_in_the_shape_of_their_type_only() {
        for (kind, good, bad) in [
            (FieldType::Varchar, json!("a"), json!(1)),
            (FieldType::Varchar, json!("a".repeat(255)), json!("a".repeat(256))),
            (FieldType::Double, json!(1.5), json!("1.5")),
            (FieldType::Monetary, json!({ "value": 2, "currency": "EUR" }), json!(2)),
            (FieldType::Enum, json!(2), json!(3)),
            (FieldType::Enum, json!(1), json!("1")),
            (FieldType::Set, json!([1, 2]), json!([])),
            (FieldType::Date, json!("2026-02-28"), json!("2026-02-30")),
            (FieldType::Address, json!({ "value": "Street 1" }), json!("Street 1")),
        ] {
            assert!(field(kind).check(&good).is_ok(), "{good}");
            assert!(field(kind).check(&bad).is_err(), "{bad}");
            assert!(field(kind).check(&Value::Null).is_ok());
        }
        assert!(new_code().len() == 40 && new_code() != new_code());
    }
}
