//! Values as they come in JSON: read by the kind of their field, refused as Salesforce refuses them.

use jiff::Timestamp;
use jiff::civil::Date;
use serde_json::{Map, Value};

use super::errors::Refusal;
use super::ids;
use super::schema::{Field, Kind, Schema};
use super::sobject::Sobject;
use super::store::Tables;

/// `2026-05-01T07:25:37.000+0000`: always three decimals, always UTC, no colon in the offset.
pub fn date_time(at_ms: i64) -> String {
    let at = Timestamp::from_millisecond(at_ms).unwrap_or(Timestamp::UNIX_EPOCH);
    at.strftime("%Y-%m-%dT%H:%M:%S%.3f+0000").to_string()
}

/// Reads an instant with an offset, with a colon in it or not, as milliseconds.
pub fn instant_ms(text: &str) -> Option<i64> {
    let plain = text.parse::<Timestamp>().ok();
    let at = plain.or_else(|| Timestamp::strptime("%Y-%m-%dT%H:%M:%S%.f%z", text).ok())?;
    Some(at.as_millisecond())
}

/// Without the part of a second that Salesforce doesn't keep.
pub const fn whole_seconds(at_ms: i64) -> i64 {
    at_ms - at_ms.rem_euclid(1_000)
}

fn is_email(text: &str) -> bool {
    let Some((local, domain)) = text.rsplit_once('@') else { return false };
    let is_plain = |part: &str| {
        !part.is_empty() && !part.contains(|c: char| c.is_whitespace() || "@,;<>()".contains(c))
    };
    let labels: Vec<&str> = domain.split('.').collect();
    is_plain(local)
        && is_plain(domain)
        && labels.len() > 1
        && labels.iter().all(|label| !label.is_empty())
        && !local.starts_with('.')
        && !local.ends_with('.')
}

/// Leading and trailing blanks go; what is left of nothing is null.
fn text(field: &Field, given: &Value) -> Result<Option<Value>, Refusal> {
    let Value::String(text) = given else {
        return Err(Refusal::json_kind(field.kind.name(), given));
    };
    let text = text.trim();
    if text.is_empty() {
        return Ok(None);
    }
    let names = [field.name.as_str()];
    if field.kind == Kind::Email && !is_email(text) {
        let message = format!("{}: invalid email address: {text}", field.label);
        return Err(Refusal::unsaved("INVALID_EMAIL_ADDRESS", message, &names));
    }
    if text.chars().count() > field.length {
        let (label, length) = (&field.label, field.length);
        let message = format!("{label}: data value too large: {text} (max length={length})");
        return Err(Refusal::unsaved("STRING_TOO_LONG", message, &names));
    }
    if field.picklist.as_ref().is_some_and(|values| !values.iter().any(|value| value == text)) {
        let message = format!("{}: bad value for restricted picklist field: {text}", field.label);
        let code = "INVALID_OR_NULL_FOR_RESTRICTED_PICKLIST";
        return Err(Refusal::unsaved(code, message, &names));
    }
    Ok(Some(Value::from(text)))
}

/// The id of a record that is there and of the right type.
fn reference(
    tables: &Tables,
    field: &Field,
    of: Sobject,
    given: &Value,
) -> Result<Option<Value>, Refusal> {
    let Value::String(text) = given else {
        return Err(Refusal::json_kind("reference", given));
    };
    if text.is_empty() {
        return Ok(None);
    }
    let names = [field.name.as_str()];
    let malformed = |what: &str| {
        let message = format!("{}: {what}: {text}", field.label);
        Refusal::unsaved("MALFORMED_ID", message, &names)
    };
    let id = ids::long(text).ok_or_else(|| malformed("id value of incorrect length or form"))?;
    if ids::prefix(&id) != of.key_prefix() {
        return Err(malformed("id value of incorrect type"));
    }
    match tables.any(&id) {
        None => {
            let message = "invalid cross reference id";
            Err(Refusal::unsaved("INVALID_CROSS_REFERENCE_KEY", message, &names))
        }
        Some(record) if record.is_deleted => {
            Err(Refusal::unsaved("ENTITY_IS_DELETED", "entity is deleted", &names))
        }
        Some(_) => Ok(Some(Value::from(id))),
    }
}

/// Reads a value for a field; `None` clears it.
pub fn read(tables: &Tables, field: &Field, given: &Value) -> Result<Option<Value>, Refusal> {
    let wrong = || Refusal::json_kind(field.kind.name(), given);
    if given.is_null() {
        return if field.kind == Kind::Boolean { Err(wrong()) } else { Ok(None) };
    }
    match field.kind {
        Kind::Id
        | Kind::Text
        | Kind::TextArea
        | Kind::Email
        | Kind::Phone
        | Kind::Url
        | Kind::Picklist => text(field, given),
        Kind::Currency | Kind::Percent => {
            given.as_f64().map(|_| Some(given.clone())).ok_or_else(wrong)
        }
        Kind::Int => given.as_i64().map(|_| Some(given.clone())).ok_or_else(wrong),
        Kind::Boolean => given.as_bool().map(|_| Some(given.clone())).ok_or_else(wrong),
        Kind::Date => {
            let day: Date = given.as_str().and_then(|text| text.parse().ok()).ok_or_else(wrong)?;
            Ok(Some(Value::from(day.to_string())))
        }
        Kind::DateTime => {
            let at_ms = given.as_str().and_then(instant_ms).ok_or_else(wrong)?;
            Ok(Some(Value::from(date_time(whole_seconds(at_ms)))))
        }
        Kind::Reference(of) => reference(tables, field, of, given),
    }
}

/// Finds a parent by its own key, as in `"Account": {"Key__c": "x"}`.
pub fn parent_id(
    tables: &Tables,
    schema: &Schema,
    of: Sobject,
    given: &Map<String, Value>,
) -> Result<String, Refusal> {
    let mut keys = given.iter().filter(|(name, _)| *name != "attributes");
    let (Some((name, Value::String(value))), None) = (keys.next(), keys.next()) else {
        let message = format!("a parent of type {} is named by one external id", of.name());
        return Err(Refusal::bad_request("INVALID_FIELD", message));
    };
    let field = schema.field(of, name).filter(|field| field.is_key());
    let field = field.ok_or_else(|| Refusal::no_column(name, of.name()))?;
    match tables.holders(of, &field.name, value).as_slice() {
        [only] => Ok(only.clone()),
        found => {
            let what = if found.is_empty() { "not found" } else { "not unique" };
            let (field, of) = (&field.name, of.name());
            let message = format!(
                "Foreign key external ID: {value} {what} for field {field} in \
                entity {of}"
            );
            Err(Refusal::bad_request("INVALID_FIELD", message))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{date_time, instant_ms, is_email, whole_seconds};

    #[test]
    fn date_times_have_three_decimals_and_no_colon() {
        assert_eq!(date_time(1_777_620_337_000), "2026-05-01T07:25:37.000+0000");
        assert_eq!(whole_seconds(1_777_620_337_999), 1_777_620_337_000);
    }

    #[test]
    fn instants_are_read_in_every_form_of_offset() {
        for text in [
            "2026-05-01T07:25:37.000+0000",
            "2026-05-01T07:25:37Z",
            "2026-05-01T09:25:37+02:00",
            "2026-05-01T09:25:37+0200",
        ] {
            assert_eq!(instant_ms(text), Some(1_777_620_337_000), "{text}");
        }
        assert_eq!(instant_ms("2026-05-01"), None);
        assert_eq!(instant_ms("2026-05-01T07:25:37"), None);
    }

    #[test]
    fn emails_need_a_local_part_and_a_domain_with_a_dot() {
        assert!(is_email("ada.l+x@mail.example.com"));
        for text in ["ada", "ada@example", "@example.com", "a b@example.com", "a@b@c.io", "a@b..io"]
        {
            assert!(!is_email(text), "{text}");
        }
    }
}
