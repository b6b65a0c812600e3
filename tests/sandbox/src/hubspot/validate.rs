//! Checking property values before a write. All faults of one record are reported together and
//! nothing of it is stored.

use serde_json::{Map, Value};

use super::errors::{Refusal, property_error};
use super::object_types::Kind;
use super::pipelines;
use super::schema::Schema;
use super::store::Values;
use crate::accounts::Account;
use crate::clock::ms_from_text;

const MAX_VALUE_CHARS: usize = 65_536;

/// Values arrive as text, numbers or booleans; `null` clears like an empty text.
fn text_of(value: &Value) -> Option<String> {
    match value {
        Value::Null => Some(String::new()),
        Value::String(text) => Some(text.clone()),
        Value::Bool(flag) => Some(flag.to_string()),
        Value::Number(number) => Some(number.to_string()),
        Value::Array(_) | Value::Object(_) => None,
    }
}

/// One `@`, something before it, a dotted domain after it, no spaces or control characters.
pub fn is_email(text: &str) -> bool {
    let Some((local, domain)) = text.rsplit_once('@') else { return false };
    let labels_ok = domain.split('.').all(|label| {
        !label.is_empty()
            && !label.starts_with('-')
            && !label.ends_with('-')
            && label.chars().all(|c| c.is_alphanumeric() || c == '-')
    });
    !local.is_empty()
        && !local.contains('@')
        && !local.starts_with('.')
        && !local.ends_with('.')
        && !local.contains("..")
        && domain.contains('.')
        && labels_ok
        && text.len() <= 254
        && !text.chars().any(|c| c.is_whitespace() || c.is_control() || "<>(),;:\"[]\\".contains(c))
}

/// What is wrong with a value that isn't empty: code and message.
fn fault_of(
    account: &Account,
    name: &str,
    kind: Kind,
    text: &str,
) -> Option<(&'static str, String)> {
    if text.chars().count() > MAX_VALUE_CHARS {
        let message = format!("{name} must be at most {MAX_VALUE_CHARS} characters");
        return Some(("INVALID_LENGTH", message));
    }
    let not_among = |options: &[&str]| {
        let message = format!("{text} was not one of the allowed options: {}", options.join(", "));
        (!options.contains(&text)).then_some(("INVALID_OPTION", message))
    };
    match kind {
        Kind::Email if !is_email(text) => {
            Some(("INVALID_EMAIL", format!("Email address {text} is invalid")))
        }
        Kind::Number if text.parse::<f64>().is_err() => {
            Some(("INVALID_INTEGER", format!("{text} was not a valid number.")))
        }
        Kind::DateTime if ms_from_text(text).is_none() => {
            Some(("INVALID_DATE", format!("{text} was not a valid long.")))
        }
        Kind::Bool if !["true", "false"].contains(&text) => {
            Some(("INVALID_BOOLEAN", format!("{text} was not a valid boolean.")))
        }
        Kind::Choice(options) | Kind::Progress(options) => not_among(options),
        Kind::Pipeline | Kind::Stage => not_among(&pipelines::options(account, kind)),
        Kind::Text | Kind::Email | Kind::Number | Kind::DateTime | Kind::Bool => None,
    }
}

fn check_one(
    account: &Account,
    schema: &Schema,
    name: &str,
    value: &Value,
) -> Result<String, Value> {
    let Some(property) = schema.property(name) else {
        let message = format!("Property \"{name}\" does not exist");
        return Err(property_error(name, "PROPERTY_DOESNT_EXIST", &message));
    };
    if property.is_read_only {
        let message = format!("\"{name}\" is a read only property; its value cannot be set.");
        return Err(property_error(name, "READ_ONLY_VALUE", &message));
    }
    let Some(text) = text_of(value) else {
        let message = format!("The value of {name} must be a string");
        return Err(property_error(name, "INVALID_VALUE", &message));
    };
    let text = if property.kind == Kind::Email { text.trim().to_lowercase() } else { text };
    match fault_of(account, name, property.kind, &text) {
        Some((code, message)) if !text.is_empty() => Err(property_error(name, code, &message)),
        Some(_) | None => Ok(text),
    }
}

/// Values ready to be stored; an empty text means that the property is to be cleared.
pub fn clean(
    account: &Account,
    schema: &Schema,
    given: &Map<String, Value>,
) -> Result<Values, Refusal> {
    let mut values = Values::new();
    let mut errors = Vec::new();
    for (name, value) in given {
        match check_one(account, schema, name, value) {
            Ok(text) => {
                values.insert(name.clone(), text);
            }
            Err(error) => errors.push(error),
        }
    }
    if errors.is_empty() {
        return Ok(values);
    }
    Err(Refusal::invalid_properties(errors, &account.account))
}

#[cfg(test)]
mod tests {
    use super::{clean, is_email};
    use crate::accounts::{Account, accounts_from_json};
    use crate::hubspot::object_types::CONTACT;
    use crate::hubspot::schema::Schema;
    use serde_json::{Value, json};

    fn account() -> Account {
        let json = r#"[{"system":"hubspot","account":"1","access_token":"t"}]"#;
        accounts_from_json(json).unwrap().remove(0)
    }

    fn codes(properties: &Value) -> Vec<String> {
        let given = properties.as_object().unwrap();
        let Err(refusal) = clean(&account(), &Schema::new(&CONTACT), given) else {
            return Vec::new();
        };
        let body: Value = serde_json::from_slice(&refusal.answer().body).unwrap();
        body["errors"]
            .as_array()
            .unwrap()
            .iter()
            .map(|error| {
                let name = error["context"]["propertyName"][0].as_str().unwrap();
                format!("{name} {}", error["code"].as_str().unwrap())
            })
            .collect()
    }

    #[test]
    fn clean_reports_every_fault_of_a_record() {
        let given = json!({
            "email": "no-at", "shoe_size": "9", "hs_object_id": "1", "lifecyclestage": "Lead",
            "lastname": ["x"], "firstname": "x".repeat(65_537),
        });
        let mut found = codes(&given);
        found.sort();
        assert_eq!(
            found,
            [
                "email INVALID_EMAIL",
                "firstname INVALID_LENGTH",
                "hs_object_id READ_ONLY_VALUE",
                "lastname INVALID_VALUE",
                "lifecyclestage INVALID_OPTION",
                "shoe_size PROPERTY_DOESNT_EXIST",
            ]
        );
    }

    #[test]
    fn clean_lowers_emails_and_takes_scalars() {
        let given = json!({ "email": " A@X.io ", "phone": 12, "company": null });
        let values = clean(&account(), &Schema::new(&CONTACT), given.as_object().unwrap()).unwrap();
        assert_eq!(values["email"], "a@x.io");
        assert_eq!(values["phone"], "12");
        assert_eq!(values["company"], "");
        assert!(codes(&json!({ "firstname": "x".repeat(65_536), "email": "" })).is_empty());
    }

    #[test]
    fn is_email_refuses_what_cannot_be_one() {
        for good in ["a@x.io", "a.b+c@sub.x-y.io", "o'neil@x.io", "ü@bücher.example"] {
            assert!(is_email(good), "{good}");
        }
        for bad in
            ["", "a", "@x.io", "a@", "a@x", "a b@x.io", "a@x..io", "a@@x.io", "a@-x.io", "a.@x.io"]
        {
            assert!(!is_email(bad), "{bad}");
        }
    }
}
