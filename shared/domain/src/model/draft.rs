//! From a caller's `attributes` object to a normalised draft of a record.
//!
//! The rules are written down in `docs/integrations/hubspot_mapping.md`. `null` clears an attribute;
//! an empty text is refused, because it is more often a mistake than a wish. What isn't known is
//! refused and named.

use serde_json::{Map, Value};

use super::normalise::normalised;
use super::{AttributeName, Attributes, CrmDraft, InvalidField, ObjectType, Sensitive};

/// The longest value of one attribute, in bytes of UTF-8. HubSpot takes 65,536 characters; in bytes,
/// because all attributes of a record together must stay below the 400 KB of a stored item, however
/// many calls they come in.
const VALUE_MAX_BYTES: usize = 65_536;

/// Normalises the attributes of a record. `default_region` is the tenant's two-letter country code,
/// used for phone numbers without an international prefix.
///
/// # Errors
/// The first field that is at fault, with its path.
pub fn draft_of(
    object_type: ObjectType,
    attributes: &Map<String, Value>,
    default_region: Option<&str>,
) -> Result<CrmDraft, InvalidField> {
    let mut values = Attributes::default();
    for (key, value) in attributes {
        let name = AttributeName::parse(key)
            .filter(|name| AttributeName::of(object_type).contains(name))
            .ok_or_else(|| {
                InvalidField::unknown_member("attributes", key, "is not an attribute of this type")
            })?;
        let value = match text_of(name, value)? {
            None if is_key(object_type, name) => {
                return refuse(name, "is the record's key and can't be cleared");
            }
            None => String::new(),
            Some(text) => normalised(name, &text, default_region)
                .map_err(|reason| InvalidField::new(path(name), reason))?,
        };
        values.set(name, value);
    }
    let natural_key = natural_key(object_type, &mut values)?;
    Ok(CrmDraft {
        object_type,
        natural_key: Sensitive::new(natural_key),
        attributes: values,
        associations: Vec::new(),
    })
}

/// A contact is known by its email, a deal by its reference, a company by its reference or else by
/// its domain, which is then its reference as well.
fn natural_key(object_type: ObjectType, values: &mut Attributes) -> Result<String, InvalidField> {
    let required = |values: &Attributes, name| {
        values
            .get(name)
            .map(str::to_owned)
            .ok_or_else(|| InvalidField::new(path(name), "is required"))
    };
    match object_type {
        ObjectType::Contact => required(values, AttributeName::Email),
        ObjectType::Deal => required(values, AttributeName::Reference),
        ObjectType::Company => {
            if let Some(reference) = values.get(AttributeName::Reference) {
                return Ok(reference.to_owned());
            }
            let domain = values.get(AttributeName::Domain).filter(|domain| !domain.is_empty());
            let domain = domain.map(str::to_owned).ok_or_else(|| {
                InvalidField::new(
                    path(AttributeName::Reference),
                    "is required where the company has no domain",
                )
            })?;
            values.set(AttributeName::Reference, domain.clone());
            Ok(domain)
        }
    }
}

/// Whether an attribute can't be cleared because the record is found by it.
const fn is_key(object_type: ObjectType, name: AttributeName) -> bool {
    matches!(
        (object_type, name),
        (ObjectType::Contact, AttributeName::Email)
            | (ObjectType::Company | ObjectType::Deal, AttributeName::Reference)
    )
}

/// The path of an attribute in the request body.
fn path(name: AttributeName) -> String {
    format!("attributes.{}", name.as_str())
}

fn refuse<T>(name: AttributeName, reason: &'static str) -> Result<T, InvalidField> {
    Err(InvalidField::new(path(name), reason))
}

/// The trimmed text of a value, `None` for `null`. An amount may be a JSON number.
fn text_of(name: AttributeName, value: &Value) -> Result<Option<String>, InvalidField> {
    let text = match value {
        Value::Null => return Ok(None),
        Value::String(text) => text.trim().to_owned(),
        Value::Number(number) if name == AttributeName::Amount => number.to_string(),
        Value::Bool(_) | Value::Number(_) | Value::Array(_) | Value::Object(_) => {
            return refuse(name, "must be a string or null");
        }
    };
    if text.is_empty() {
        return refuse(name, "must not be empty; null clears the value");
    }
    if text.chars().any(char::is_control) {
        return refuse(name, "must not contain control characters");
    }
    if text.len() > VALUE_MAX_BYTES {
        return refuse(name, "must not be longer than 65536 bytes");
    }
    Ok(Some(text))
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::draft_of;
    use crate::model::{AttributeName, CrmDraft, InvalidField, ObjectType};

    fn draft(attributes: Value, region: Option<&str>) -> Result<CrmDraft, InvalidField> {
        draft_of(ObjectType::Contact, attributes.as_object().unwrap(), region)
    }

    fn phone(text: &str, region: Option<&str>) -> String {
        let draft = draft(json!({"email": "a@b.co", "phone": text}), region).unwrap();
        draft.attributes.get(AttributeName::Phone).unwrap().to_owned()
    }

    #[test]
    fn contact_email_is_trimmed_and_lowered() {
        let draft = draft(json!({"email": "  Ada.Lovelace@Example.COM "}), None).unwrap();
        assert_eq!(draft.natural_key.expose(), "ada.lovelace@example.com");
    }

    #[test]
    fn contact_phone_becomes_e164_with_the_tenants_region() {
        assert_eq!(phone("(415) 555-2671", Some("US")), "+14155552671");
        assert_eq!(phone("020 7946 0958", Some("gb")), "+442079460958");
        assert_eq!(phone("+49 30 901820", Some("US")), "+4930901820");
    }

    #[test]
    fn contact_phone_stays_as_given_when_it_is_no_full_number() {
        assert_eq!(phone(" 555-2671 ", None), "555-2671");
        assert_eq!(phone("12", Some("US")), "12");
        assert_eq!(phone("(415) 555-2671 ext. 12", Some("US")), "(415) 555-2671 ext. 12");
        assert_eq!(phone("(415) 555-2671", Some("not a region")), "(415) 555-2671");
    }

    #[test]
    fn contact_null_clears_a_value_but_not_the_email() {
        let cleared = draft(json!({"email": "a@b.co", "company": null}), None).unwrap();
        assert_eq!(cleared.attributes.get(AttributeName::Company), Some(""));
        assert_eq!(draft(json!({"email": null}), None).unwrap_err().field, "attributes.email");
    }

    #[test]
    fn contact_refuses_bad_values_with_their_path() {
        let long = "x".repeat(70_000);
        for (attributes, field) in [
            (json!({}), "attributes.email"),
            (json!({"email": ""}), "attributes.email"),
            (json!({"email": "ada"}), "attributes.email"),
            (json!({"email": "ada@localhost"}), "attributes.email"),
            (json!({"email": "Ada <a@b.co>"}), "attributes.email"),
            (json!({"email": "a@b.co", "phone": "call me"}), "attributes.phone"),
            (json!({"email": "a@b.co", "phone": 4155}), "attributes.phone"),
            (json!({"email": "a@b.co", "firstname": "  "}), "attributes.firstname"),
            (json!({"email": "a@b.co", "lastname": "a\u{1f}b"}), "attributes.lastname"),
            (json!({"email": "a@b.co", "company": long}), "attributes.company"),
            (json!({"email": "a@b.co", "company": {"deep": [[]]}}), "attributes.company"),
            (json!({"email": "a@b.co", "shoe_size": "43"}), "attributes.shoe_size"),
            (json!({"email": "a@b.co", "ada@example.com": "43"}), "attributes"),
        ] {
            assert_eq!(draft(attributes, None).unwrap_err().field, field);
        }
    }

    fn other(object_type: ObjectType, attributes: Value) -> Result<CrmDraft, InvalidField> {
        draft_of(object_type, attributes.as_object().unwrap(), Some("US"))
    }

    #[test]
    fn company_is_known_by_its_reference_else_by_its_domain() {
        let attributes = json!({"reference": "cmp-7", "domain": "https://WWW.Example.com/about"});
        let draft = other(ObjectType::Company, attributes).unwrap();
        assert_eq!(draft.natural_key.expose(), "cmp-7");
        assert_eq!(draft.attributes.get(AttributeName::Domain), Some("example.com"));
        let draft = other(ObjectType::Company, json!({"domain": "Example.com"})).unwrap();
        assert_eq!(draft.natural_key.expose(), "example.com");
        assert_eq!(draft.attributes.get(AttributeName::Reference), Some("example.com"));
        let nameless = other(ObjectType::Company, json!({"name": "Example Works"}));
        assert_eq!(nameless.unwrap_err().field, "attributes.reference");
    }

    #[test]
    fn deal_values_get_one_form() {
        let attributes = json!({
            "reference": "deal-1", "amount": 1200.50, "closedate": "2026-12-24",
            "pipeline": "default", "stage": "closedwon",
        });
        let draft = other(ObjectType::Deal, attributes).unwrap();
        assert_eq!(draft.attributes.get(AttributeName::Amount), Some("1200.5"));
        assert_eq!(draft.attributes.get(AttributeName::Closedate), Some("2026-12-24T00:00:00Z"));
    }

    #[test]
    fn deal_and_company_refuse_bad_values_with_their_path() {
        for (object_type, attributes, field) in [
            (ObjectType::Deal, json!({"name": "Big one"}), "attributes.reference"),
            (ObjectType::Deal, json!({"reference": null}), "attributes.reference"),
            (ObjectType::Deal, json!({"reference": "d", "amount": "much"}), "attributes.amount"),
            (ObjectType::Deal, json!({"reference": "d", "amount": 1e300}), "attributes.amount"),
            (
                ObjectType::Deal,
                json!({"reference": "d", "closedate": "soon"}),
                "attributes.closedate",
            ),
            (ObjectType::Deal, json!({"reference": "d", "email": "a@b.co"}), "attributes.email"),
            (ObjectType::Company, json!({"domain": "no domain"}), "attributes.domain"),
            (ObjectType::Company, json!({"domain": null}), "attributes.reference"),
        ] {
            assert_eq!(other(object_type, attributes).unwrap_err().field, field);
        }
    }
}
