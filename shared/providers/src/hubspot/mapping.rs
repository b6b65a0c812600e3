//! Our attributes and HubSpot's properties, both ways. The table is also in
//! `docs/integrations/hubspot_mapping.md`.

use std::collections::BTreeMap;

use sync_domain::model::{
    AttributeName, CrmDraft, ExternalId, InvalidField, ObjectType, normalised_remote,
};
use sync_domain::ports::RemoteRecord;

use super::wire;

/// The lifecycle stages that every portal has, by their internal names. A stage that a portal made
/// itself has a numeric id (see the mapping doc), which passes too.
const LIFECYCLE_STAGES: [&str; 8] = [
    "subscriber",
    "lead",
    "marketingqualifiedlead",
    "salesqualifiedlead",
    "opportunity",
    "customer",
    "evangelist",
    "other",
];

/// The longest id of a record.
const RECORD_ID_MAX_DIGITS: usize = 20;
/// The longest value that is taken over. HubSpot's own limit is 65,536 characters.
const VALUE_MAX_BYTES: usize = 65_536;

/// The property of ours that identifies companies and deals, with the platform's own id in it. It is
/// made, as a unique one, when a tenant connects: `domain` and `dealname` are not unique and are
/// refused as keys (see the mapping doc).
pub const KEY_PROPERTY: &str = "integration_reference";

/// The property that holds an attribute. A company's and a deal's name differ by type alone.
pub const fn property_name(object_type: ObjectType, name: AttributeName) -> &'static str {
    match name {
        AttributeName::Email => "email",
        AttributeName::Phone => "phone",
        AttributeName::Firstname => "firstname",
        AttributeName::Lastname => "lastname",
        AttributeName::Company => "company",
        AttributeName::Lifecyclestage => "lifecyclestage",
        AttributeName::Reference => KEY_PROPERTY,
        AttributeName::Name => match object_type {
            ObjectType::Contact | ObjectType::Company => "name",
            ObjectType::Deal => "dealname",
        },
        AttributeName::Domain => "domain",
        AttributeName::Amount => "amount",
        AttributeName::Pipeline => "pipeline",
        AttributeName::Stage => "dealstage",
        AttributeName::Closedate => "closedate",
    }
}

/// The property that identifies a record of this kind.
pub const fn id_property(object_type: ObjectType) -> &'static str {
    match object_type {
        ObjectType::Contact => "email",
        ObjectType::Company | ObjectType::Deal => KEY_PROPERTY,
    }
}

/// The attribute that a property of a kind of record holds, if it is one of ours.
fn attribute_of(object_type: ObjectType, property: &str) -> Option<AttributeName> {
    let mut names = AttributeName::of(object_type).iter().copied();
    names.find(|name| property_name(object_type, *name) == property)
}

/// The attribute that a property holds, of whatever kind of record: what an error names.
pub fn attribute_name(property: &str) -> Option<AttributeName> {
    ObjectType::ALL.into_iter().find_map(|object_type| attribute_of(object_type, property))
}

/// The properties that are read back.
pub fn property_names(object_type: ObjectType) -> Vec<&'static str> {
    AttributeName::of(object_type).iter().map(|name| property_name(object_type, *name)).collect()
}

/// The properties to write, without the one that identifies the record.
pub fn properties_of(draft: &CrmDraft) -> BTreeMap<&'static str, &str> {
    let id_property = id_property(draft.object_type);
    draft
        .attributes
        .iter()
        .map(|(name, value)| (property_name(draft.object_type, name), value))
        .filter(|(property, _)| *property != id_property)
        .collect()
}

/// Whether a record in an answer is the one of a draft. A key property that the answer repeats must
/// be ours. An email need not be: a contact is also found by a secondary one.
pub fn is_of(draft: &CrmDraft, record: &wire::Record) -> bool {
    let key = record.properties.get(id_property(draft.object_type)).and_then(Option::as_ref);
    draft.object_type == ObjectType::Contact
        || key.is_none_or(|key| key.eq_ignore_ascii_case(draft.natural_key.expose()))
}

/// Refuses what HubSpot can't know: ids that are no numbers, and stages that nobody can have.
pub fn check(draft: &CrmDraft) -> Result<(), InvalidField> {
    for (index, association) in draft.associations.iter().enumerate() {
        let id = association.external_id.as_str();
        if !(1..=RECORD_ID_MAX_DIGITS).contains(&id.len()) || !is_digits(id) {
            return Err(InvalidField::new(
                format!("associations[{index}].external_id"),
                "must be a HubSpot record id, 1 to 20 digits",
            ));
        }
    }
    check_lifecycle_stage(draft)
}

fn is_digits(text: &str) -> bool {
    text.bytes().all(|byte| byte.is_ascii_digit())
}

fn check_lifecycle_stage(draft: &CrmDraft) -> Result<(), InvalidField> {
    let stage = draft.attributes.get(AttributeName::Lifecyclestage).unwrap_or_default();
    let is_known = stage.is_empty() || LIFECYCLE_STAGES.contains(&stage) || is_digits(stage);
    if is_known {
        return Ok(());
    }
    Err(InvalidField::new(
        "attributes.lifecyclestage",
        "must be a stage's internal name, such as lead or customer, or the numeric id of a custom stage",
    ))
}

/// A record as HubSpot holds it, `None` when it comes without an id. `default_region` is the
/// tenant's, as for what callers send.
pub fn remote_record(
    object_type: ObjectType,
    record: wire::Record,
    default_region: Option<&str>,
) -> Option<RemoteRecord> {
    let attributes = record
        .properties
        .into_iter()
        .filter_map(|(property, value)| Some((attribute_of(object_type, &property)?, value?)))
        .map(|(name, value)| (name, clipped(normalised_remote(name, &value, default_region))))
        .collect();
    Some(RemoteRecord {
        external_id: ExternalId::new(record.id?),
        attributes,
        created_at: record.created_at.and_then(|text| text.parse().ok()),
        provider_version: record.updated_at.and_then(|text| text.parse().ok()),
    })
}

/// As many bytes of a value as a caller could have sent: all values of a record together must fit
/// into one stored item.
fn clipped(mut value: String) -> String {
    value.truncate(value.floor_char_boundary(VALUE_MAX_BYTES));
    value
}

#[cfg(test)]
mod tests {
    use serde_json::json;
    use sync_domain::model::{AttributeName, ObjectType, draft_of};

    use super::{check, properties_of, remote_record};

    #[test]
    fn properties_leave_the_id_property_out_and_keep_cleared_values() {
        let attributes = json!({"email": "a@b.co", "company": null, "firstname": "Ada"});
        let draft = draft_of(ObjectType::Contact, attributes.as_object().unwrap(), None).unwrap();
        let properties = properties_of(&draft);
        assert_eq!(
            properties.into_iter().collect::<Vec<_>>(),
            [("company", ""), ("firstname", "Ada")]
        );
    }

    #[test]
    fn lifecycle_stage_passes_when_known_or_numeric() {
        for (stage, is_accepted) in
            [("lead", true), ("81734", true), ("Lead", false), ("vip", false)]
        {
            let attributes = json!({"email": "a@b.co", "lifecyclestage": stage});
            let draft =
                draft_of(ObjectType::Contact, attributes.as_object().unwrap(), None).unwrap();
            assert_eq!(check(&draft).is_ok(), is_accepted, "{stage}");
        }
    }

    #[test]
    fn remote_record_reads_nulls_unknown_properties_and_odd_dates() {
        let record = json!({
            "id": "17", "createdAt": "yesterday",
            "properties": {"email": "A@b.co", "phone": null, "hs_object_id": "17"},
        });
        let record = serde_json::from_value(record).unwrap();
        let remote = remote_record(ObjectType::Contact, record, None).unwrap();
        assert_eq!(remote.attributes.get(AttributeName::Email), Some("a@b.co"));
        assert_eq!(remote.attributes.get(AttributeName::Phone), None);
        assert_eq!(remote.created_at, None);
    }
}
