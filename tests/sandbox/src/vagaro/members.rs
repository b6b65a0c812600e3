//! Members of the vendor's own shapes as they come in a control call, and what each can hold. What
//! can't be read is refused, so that a misspelt one is noticed; `raw` makes rows as broken as a test
//! wants them.

use jiff::{SignedDuration, Timestamp};
use serde_json::{Map, Value};

/// Members as they come in a control call.
pub type Members = Map<String, Value>;

/// What a member can hold.
#[derive(Clone, Copy)]
pub enum Kind {
    /// Text.
    Text,
    /// Text, or null for none.
    TextOrNull,
    /// A number.
    Number,
    /// A list of texts.
    Texts,
}

impl Kind {
    fn takes(self, value: &Value) -> bool {
        match self {
            Self::Text => value.is_string(),
            Self::TextOrNull => value.is_string() || value.is_null(),
            Self::Number => value.is_number(),
            Self::Texts => value.as_array().is_some_and(|all| all.iter().all(Value::is_string)),
        }
    }
}

/// Puts a member among the others of its kind if it can hold the value.
pub fn set(
    details: &mut Members,
    known: &[(&str, Kind)],
    name: &str,
    value: &Value,
) -> Result<(), String> {
    let found = known.iter().find(|(known, _)| *known == name);
    let (_, kind) =
        found.ok_or_else(|| format!("`{name}` can't be set; anything goes into `raw`"))?;
    if !kind.takes(value) {
        return Err(format!("`{name}` has the wrong type; anything goes into `raw`"));
    }
    details.insert(name.to_owned(), value.clone());
    Ok(())
}

/// Reads an object of members.
pub fn object<'a>(name: &str, value: &'a Value) -> Result<&'a Members, String> {
    value.as_object().ok_or_else(|| format!("`{name}` must be an object"))
}

/// Reads a time with an offset.
pub fn instant(name: &str, value: &Value) -> Result<Timestamp, String> {
    let read = value.as_str().and_then(|text| text.parse().ok());
    read.ok_or_else(|| format!("`{name}` must be a time such as 2026-05-12T14:00:00Z"))
}

/// Puts members over a finished object; `null` takes one away.
pub fn put_over(object: &mut Value, members: &Members) {
    for (name, value) in members {
        match (object.as_object_mut(), value.is_null()) {
            (Some(object), true) => drop(object.remove(name)),
            (Some(_) | None, _) => object[name.as_str()] = value.clone(),
        }
    }
}

/// The instant of a change: now, but behind the change before, so that the order of an object's
/// changes can be told from their times.
pub fn later(before: Timestamp, now: Timestamp) -> Timestamp {
    let next = before.checked_add(SignedDuration::from_millis(1));
    next.map_or(now, |next| now.max(next))
}
