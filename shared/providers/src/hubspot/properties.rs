//! The property that companies and deals are found by: unique, ours, made when a tenant connects.
//!
//! Uniqueness can't be switched on later, and a type may have ten unique properties at most (fact
//! sheet 2.2 and 2.7). So a portal may not let us have it; that is recorded, and upserts fall back.

use serde::{Deserialize, Serialize};
use sync_domain::model::ObjectType;
use sync_domain::ports::{KeyProperty, ProviderError, RemoteEffect};

use super::error::error_of;
use super::mapping::KEY_PROPERTY;
use crate::http::{RawAnswer, unavailable};

/// The kinds of record that need it; contacts have their email.
pub const KEYED_TYPES: [ObjectType; 2] = [ObjectType::Company, ObjectType::Deal];
/// Its name.
pub const NAME: &str = KEY_PROPERTY;

/// What the portal is asked for.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Definition {
    name: &'static str,
    label: &'static str,
    description: &'static str,
    r#type: &'static str,
    field_type: &'static str,
    group_name: &'static str,
    has_unique_value: bool,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Existing {
    #[serde(default)]
    has_unique_value: bool,
    #[serde(default)]
    archived: bool,
}

/// What asking for it came to.
#[derive(Debug, PartialEq, Eq)]
pub enum Created {
    /// It is clear whether it can be used.
    Decided(KeyProperty),
    /// There is one of that name: it must be looked at.
    NameTaken,
}

/// The kind of record in the path.
pub const fn path_of(object_type: ObjectType) -> &'static str {
    match object_type {
        ObjectType::Contact => "contacts",
        ObjectType::Company => "companies",
        ObjectType::Deal => "deals",
    }
}

/// The definition for a kind of record. Each kind has a group of HubSpot's own, which every portal
/// has.
pub const fn definition_of(object_type: ObjectType) -> Definition {
    Definition {
        name: NAME,
        label: "Integration reference",
        description: "The platform's own id of this record. Written by the integration.",
        r#type: "string",
        field_type: "text",
        group_name: match object_type {
            ObjectType::Contact => "contactinformation",
            ObjectType::Company => "companyinformation",
            ObjectType::Deal => "dealinformation",
        },
        has_unique_value: true,
    }
}

/// Reads the answer to the making of it.
///
/// # Errors
/// When it is open whether it can be used.
pub fn created(answer: &RawAnswer) -> Result<Created, ProviderError> {
    match answer.status {
        200..=299 => Ok(Created::Decided(KeyProperty::Available)),
        409 => Ok(Created::NameTaken),
        // Not permitted, or the portal has as many unique properties as it may have.
        400 | 403 => {
            drop(error_of(answer));
            Ok(Created::Decided(KeyProperty::NotAvailable))
        }
        _ => Err(error_of(answer)),
    }
}

/// Reads the definition that is there.
///
/// # Errors
/// When it is open whether it can be used.
pub fn existing(answer: &RawAnswer) -> Result<KeyProperty, ProviderError> {
    match answer.status {
        200..=299 => {}
        // An archived property keeps its name; or it may not be read.
        403 | 404 => return Ok(KeyProperty::NotAvailable),
        _ => return Err(error_of(answer)),
    }
    let existing: Existing = serde_json::from_slice(&answer.body)
        .map_err(|_unreadable| unavailable(Some(answer.status), RemoteEffect::None))?;
    let is_usable = existing.has_unique_value && !existing.archived;
    Ok(if is_usable { KeyProperty::Available } else { KeyProperty::NotAvailable })
}

#[cfg(test)]
mod tests {
    use reqwest::header::HeaderMap;
    use serde_json::json;
    use sync_domain::model::ObjectType;
    use sync_domain::ports::KeyProperty::{Available, NotAvailable};

    use super::{Created, created, definition_of, existing};
    use crate::http::RawAnswer;

    fn answer(status: u16, body: &str) -> RawAnswer {
        let headers = HeaderMap::new();
        RawAnswer { status, retry_after: None, headers, body: body.as_bytes().to_vec().into() }
    }

    #[test]
    fn key_property_is_a_unique_text_in_the_types_own_group() {
        let definition = serde_json::to_value(definition_of(ObjectType::Deal)).unwrap();
        assert_eq!(definition["name"], "integration_reference");
        assert_eq!(definition["hasUniqueValue"], true);
        assert_eq!(definition["groupName"], "dealinformation");
        assert_eq!(json!([definition["type"], definition["fieldType"]]), json!(["string", "text"]));
    }

    #[test]
    fn key_property_that_may_not_be_made_is_recorded_as_such() {
        assert_eq!(created(&answer(201, "{}")), Ok(Created::Decided(Available)));
        assert_eq!(created(&answer(403, "{}")), Ok(Created::Decided(NotAvailable)));
        assert_eq!(created(&answer(400, "{}")), Ok(Created::Decided(NotAvailable)));
        assert_eq!(created(&answer(409, "{}")), Ok(Created::NameTaken));
        for status in [401, 408, 429, 500, 503] {
            assert!(created(&answer(status, "")).is_err(), "{status}");
        }
    }

    #[test]
    fn key_property_of_that_name_counts_only_when_it_is_unique() {
        assert_eq!(existing(&answer(200, r#"{"hasUniqueValue":true}"#)), Ok(Available));
        assert_eq!(existing(&answer(200, r#"{"hasUniqueValue":false}"#)), Ok(NotAvailable));
        assert_eq!(existing(&answer(200, "{}")), Ok(NotAvailable));
        let archived = r#"{"hasUniqueValue":true,"archived":true}"#;
        assert_eq!(existing(&answer(200, archived)), Ok(NotAvailable));
        assert_eq!(existing(&answer(404, "")), Ok(NotAvailable));
        assert!(existing(&answer(502, "<html>")).is_err() && existing(&answer(200, "<")).is_err());
    }
}
