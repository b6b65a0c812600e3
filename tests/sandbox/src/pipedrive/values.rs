//! Reading the values of request bodies with the strictness of v2: no numbers in texts, no texts
//! in numbers, no 0 and 1 for truth.

use jiff::Timestamp;
use jiff::civil::Date;
use serde_json::{Map, Value, json};

use super::errors::Refusal;
use super::object_types::Kind;

/// What emails and phones are labelled with if the caller says nothing.
const DEFAULT_LABEL: &str = "work";
const VISIBILITIES: [u64; 4] = [1, 3, 5, 7];

/// Whether the text is a day such as 2026-02-28.
pub fn is_date(text: &str) -> bool {
    text.len() == 10 && text.parse::<Date>().is_ok()
}

/// Whether it is an object with these text members, these others at most, and no more.
pub fn is_object_with(value: &Value, needed: &[&str], allowed: &[&str]) -> bool {
    value.as_object().is_some_and(|members| {
        needed.iter().all(|name| members.get(*name).is_some_and(Value::is_string))
            && members
                .keys()
                .all(|name| needed.contains(&name.as_str()) || allowed.contains(&name.as_str()))
    })
}

/// An RFC 3339 instant in milliseconds.
pub fn instant_ms(value: &Value) -> Option<i64> {
    value.as_str()?.parse::<Timestamp>().ok().map(Timestamp::as_millisecond)
}

/// RFC 3339 in whole seconds, as the API has it.
pub fn instant_text(at_ms: i64) -> String {
    let at = Timestamp::from_second(at_ms.div_euclid(1_000)).unwrap_or(Timestamp::UNIX_EPOCH);
    at.to_string()
}

fn kind_of(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "boolean",
        Value::Number(_) => "number",
        Value::String(_) => "string",
        Value::Array(_) => "array",
        Value::Object(_) => "object",
    }
}

fn unfit(name: &str, wanted: &str, value: &Value) -> Refusal {
    Refusal::invalid(
        name,
        &format!("Invalid input: expected {wanted}, received {}", kind_of(value)),
    )
}

fn need(is_fit: bool, name: &str, wanted: &str, value: &Value) -> Result<Value, Refusal> {
    if is_fit { Ok(value.clone()) } else { Err(unfit(name, wanted, value)) }
}

fn entry(name: &str, given: &Value) -> Result<Map<String, Value>, Refusal> {
    let members = given.as_object().ok_or_else(|| unfit(name, "object", given))?;
    if let Some(unknown) =
        members.keys().find(|key| !["value", "primary", "label"].contains(&key.as_str()))
    {
        return Err(Refusal::invalid(name, &format!("Unrecognized key: {unknown}")));
    }
    let value = members.get("value").and_then(Value::as_str).filter(|value| !value.is_empty());
    let value = value.ok_or_else(|| Refusal::invalid(name, "each entry needs a value"))?;
    let primary = members.get("primary").unwrap_or(&Value::Bool(false));
    let is_primary = primary.as_bool().ok_or_else(|| unfit(name, "boolean", primary))?;
    let label = match members.get("label") {
        None => DEFAULT_LABEL,
        Some(label) => label.as_str().ok_or_else(|| unfit(name, "string", label))?,
    };
    let read = json!({ "value": value, "primary": is_primary, "label": label });
    Ok(read.as_object().cloned().unwrap_or_default())
}

/// Emails or phones: one of them is the primary one, the first if the caller names none.
fn entries(name: &str, given: &Value) -> Result<Value, Refusal> {
    let given = given.as_array().ok_or_else(|| unfit(name, "array", given))?;
    let mut read: Vec<Map<String, Value>> =
        given.iter().map(|one| entry(name, one)).collect::<Result<_, _>>()?;
    let is_primary = |one: &&Map<String, Value>| one["primary"] == true;
    match read.iter().filter(is_primary).count() {
        0 => {
            if let Some(first) = read.first_mut() {
                first.insert("primary".to_owned(), json!(true));
            }
        }
        1 => {}
        _ => return Err(Refusal::invalid(name, "only one entry can be primary")),
    }
    Ok(read.into_iter().map(Value::Object).collect())
}

/// Reads a value of that kind. Whether ids lead to anything is for the caller to find out.
pub fn read(name: &str, kind: Kind, value: &Value) -> Result<Value, Refusal> {
    match kind {
        Kind::Text => need(value.is_string(), name, "string", value),
        Kind::Title => {
            let is_fit = value.as_str().is_some_and(|text| !text.trim().is_empty());
            need(is_fit, name, "string that is not empty", value)
        }
        Kind::Id(_) | Kind::Pipeline | Kind::Stage => {
            need(value.as_u64().is_some_and(|id| id > 0), name, "positive integer", value)
        }
        Kind::Integer => need(value.is_i64() || value.is_u64(), name, "integer", value),
        Kind::Number => need(value.is_number(), name, "number", value),
        Kind::Flag => need(value.is_boolean(), name, "boolean", value),
        Kind::Instant => {
            let at_ms = instant_ms(value).ok_or_else(|| unfit(name, "RFC 3339 time", value))?;
            Ok(json!(instant_text(at_ms)))
        }
        Kind::Date => need(value.as_str().is_some_and(is_date), name, "date", value),
        Kind::Entries => entries(name, value),
        Kind::Address => need(value["value"].is_string(), name, "object with value", value),
        Kind::Labels => {
            let is_fit = value.as_array().is_some_and(|ids| ids.iter().all(Value::is_u64));
            need(is_fit, name, "array of integers", value)
        }
        Kind::Choice(options) => {
            let is_fit = value.as_str().is_some_and(|text| options.contains(&text));
            need(is_fit, name, &format!("one of {}", options.join(", ")), value)
        }
        Kind::Visibility => {
            let is_fit = value.as_u64().is_some_and(|level| VISIBILITIES.contains(&level));
            need(is_fit, name, "1, 3, 5 or 7", value)
        }
        Kind::Currency => {
            let is_fit = value.as_str().is_some_and(|code| {
                code.len() == 3 && code.chars().all(|letter| letter.is_ascii_uppercase())
            });
            need(is_fit, name, "currency code", value)
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::super::object_types::Kind;
    use super::{instant_text, read};

    #[test]
    fn types_are_strict() {
        for (kind, bad) in [
            (Kind::Number, json!("12.5")),
            (Kind::Id(super::super::object_types::Link::User), json!("7")),
            (Kind::Flag, json!(1)),
            (Kind::Integer, json!(1.5)),
            (Kind::Visibility, json!("3")),
            (Kind::Text, json!(5)),
            (Kind::Title, json!(" ")),
            (Kind::Entries, json!("ada@example.com")),
            (Kind::Currency, json!("eur")),
        ] {
            assert!(read("x", kind, &bad).is_err(), "{kind:?} {bad}");
        }
        assert_eq!(read("x", Kind::Number, &json!(12.5)).unwrap(), 12.5);
    }

    #[test]
    fn entries_get_a_label_and_one_primary() {
        let entries = |given: Value| read("emails", Kind::Entries, &given);
        let read = entries(json!([{ "value": "a" }, { "value": "b", "label": "home" }])).unwrap();
        assert_eq!(read[0], json!({ "value": "a", "primary": true, "label": "work" }));
        assert_eq!(read[1], json!({ "value": "b", "primary": false, "label": "home" }));
        let second = json!([{ "value": "a" }, { "value": "b", "primary": true }]);
        assert_eq!(entries(second).unwrap()[0]["primary"], false);
        let both = json!([{ "value": "a", "primary": true }, { "value": "b", "primary": true }]);
        assert!(entries(both).is_err());
        assert!(entries(json!([{ "value": "" }])).is_err());
        assert!(entries(json!([{ "email": "a" }])).is_err());
    }

    #[test]
    fn instants_have_whole_seconds() {
        assert_eq!(instant_text(1_700_000_000_999), "2023-11-14T22:13:20Z");
    }
}
