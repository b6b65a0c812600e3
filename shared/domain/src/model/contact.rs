//! From a caller's `attributes` object to a normalised contact.
//!
//! The rules are written down in `docs/integrations/hubspot_mapping.md`: trim, lower-case the
//! email, phone to E.164 where it can be. `null` clears an attribute; an empty text is refused,
//! because it is more often a mistake than a wish. What isn't known is refused and named.

use std::str::FromStr;

use email_address::{EmailAddress, Options};
use rlibphonenumber::{PhoneNumber, PhoneNumberFormat, Region};
use serde_json::{Map, Value};

use super::{AttributeName, Attributes, CrmDraft, InvalidField, ObjectType, Sensitive};

/// The longest value of one attribute, in bytes of UTF-8. HubSpot takes 65,536 characters; in bytes,
/// because all attributes of a record together must stay below the 400 KB of a stored item, however
/// many calls they come in.
const VALUE_MAX_BYTES: usize = 65_536;
/// The longest phone number as text.
const PHONE_MAX_CHARS: usize = 100;

/// Normalises the attributes of a contact. `default_region` is the tenant's two-letter country
/// code, used for phone numbers without an international prefix.
///
/// # Errors
/// The first field that is at fault, with its path.
pub fn contact_draft(
    attributes: &Map<String, Value>,
    default_region: Option<&str>,
) -> Result<CrmDraft, InvalidField> {
    let mut normalised = Attributes::default();
    for (key, value) in attributes {
        let name = AttributeName::parse(key).ok_or_else(|| {
            InvalidField::unknown_member("attributes", key, "is not an attribute of a contact")
        })?;
        let text = text_of(name, value)?;
        let value = match name {
            AttributeName::Email => email(text)?,
            AttributeName::Phone => text.map(|text| phone(text, default_region)).transpose()?,
            AttributeName::Firstname
            | AttributeName::Lastname
            | AttributeName::Company
            | AttributeName::Lifecyclestage => text.map(str::to_owned),
        };
        normalised.set(name, value.unwrap_or_default());
    }
    let email = normalised
        .get(AttributeName::Email)
        .ok_or_else(|| InvalidField::new(path(AttributeName::Email), "is required"))?
        .to_owned();
    Ok(CrmDraft {
        object_type: ObjectType::Contact,
        natural_key: Sensitive::new(email),
        attributes: normalised,
    })
}

/// The path of an attribute in the request body.
fn path(name: AttributeName) -> String {
    format!("attributes.{}", name.as_str())
}

/// The trimmed text of a value, `None` for `null`.
fn text_of(name: AttributeName, value: &Value) -> Result<Option<&str>, InvalidField> {
    let refuse = |reason| Err(InvalidField::new(path(name), reason));
    let text = match value {
        Value::Null => return Ok(None),
        Value::String(text) => text.trim(),
        Value::Bool(_) | Value::Number(_) | Value::Array(_) | Value::Object(_) => {
            return refuse("must be a string or null");
        }
    };
    if text.is_empty() {
        return refuse("must not be empty; null clears the value");
    }
    if text.chars().any(char::is_control) {
        return refuse("must not contain control characters");
    }
    if text.len() > VALUE_MAX_BYTES {
        return refuse("must not be longer than 65536 bytes");
    }
    Ok(Some(text))
}

fn email(text: Option<&str>) -> Result<Option<String>, InvalidField> {
    let refuse = |reason| InvalidField::new(path(AttributeName::Email), reason);
    let text = text.ok_or_else(|| refuse("is the contact's key and can't be cleared"))?;
    let options =
        Options::default().with_required_tld().without_display_text().without_domain_literal();
    let lowered = text.to_lowercase();
    EmailAddress::parse_with_options(&lowered, options)
        .map_err(|_invalid| refuse("must be an email address"))?;
    Ok(Some(lowered))
}

/// E.164 where the number is valid, else the trimmed text: the provider stores what it is given,
/// and an extension or a short number is still of use to the tenant.
fn phone(text: &str, default_region: Option<&str>) -> Result<String, InvalidField> {
    let refuse = |reason| Err(InvalidField::new(path(AttributeName::Phone), reason));
    if text.chars().count() > PHONE_MAX_CHARS {
        return refuse("must not be longer than 100 characters");
    }
    if !text.chars().any(|character| character.is_ascii_digit()) {
        return refuse("must contain a digit");
    }
    let region = default_region.and_then(|code| Region::from_str(&code.to_ascii_uppercase()).ok());
    let international = PhoneNumber::parse(text, region)
        .ok()
        .filter(|number| number.extension.is_none() && number.is_valid())
        .map(|number| number.format_as(PhoneNumberFormat::E164).into_owned());
    Ok(international.unwrap_or_else(|| text.to_owned()))
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::contact_draft;
    use crate::model::{AttributeName, CrmDraft, InvalidField};

    fn draft(attributes: Value, region: Option<&str>) -> Result<CrmDraft, InvalidField> {
        contact_draft(attributes.as_object().unwrap(), region)
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
}
