//! Our attributes and HubSpot's properties, both ways. The table is also in
//! `docs/integrations/hubspot_mapping.md`.

use std::collections::BTreeMap;

use sync_domain::model::{AttributeName, Attributes, CrmDraft, ExternalId, InvalidField};
use sync_domain::ports::RemoteRecord;

use super::wire;

/// The lifecycle stages that every portal has, by their internal names. A stage that a portal made
/// itself has a numeric id (fact sheet 2.7), which passes too.
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

/// The property that holds an attribute.
const fn property_name(name: AttributeName) -> &'static str {
    match name {
        AttributeName::Email => "email",
        AttributeName::Phone => "phone",
        AttributeName::Firstname => "firstname",
        AttributeName::Lastname => "lastname",
        AttributeName::Company => "company",
        AttributeName::Lifecyclestage => "lifecyclestage",
    }
}

/// The attribute that a property holds, if it is one of ours.
pub fn attribute_name(property: &str) -> Option<AttributeName> {
    AttributeName::CONTACT.into_iter().find(|name| property_name(*name) == property)
}

/// The properties that are read back.
pub fn property_names() -> Vec<&'static str> {
    AttributeName::CONTACT.into_iter().map(property_name).collect()
}

/// The properties to write, without the one that identifies the record.
pub fn properties_of<'a>(
    attributes: &'a Attributes,
    id_property: &str,
) -> BTreeMap<&'static str, &'a str> {
    attributes
        .iter()
        .map(|(name, value)| (property_name(name), value))
        .filter(|(property, _)| *property != id_property)
        .collect()
}

/// Refuses a lifecycle stage that HubSpot can't know.
pub fn check(draft: &CrmDraft) -> Result<(), InvalidField> {
    let stage = draft.attributes.get(AttributeName::Lifecyclestage).unwrap_or_default();
    let is_known = stage.is_empty()
        || LIFECYCLE_STAGES.contains(&stage)
        || stage.bytes().all(|byte| byte.is_ascii_digit());
    if is_known {
        return Ok(());
    }
    Err(InvalidField::new(
        "attributes.lifecyclestage",
        "must be a stage's internal name, such as lead or customer, or the numeric id of a custom stage",
    ))
}

/// A record as HubSpot holds it, `None` when it comes without an id.
pub fn remote_record(record: wire::Record) -> Option<RemoteRecord> {
    let attributes = record
        .properties
        .into_iter()
        .filter_map(|(property, value)| Some((attribute_name(&property)?, value?)))
        .map(|(name, value)| match name {
            AttributeName::Email => (name, value.to_lowercase()),
            AttributeName::Phone
            | AttributeName::Firstname
            | AttributeName::Lastname
            | AttributeName::Company
            | AttributeName::Lifecyclestage => (name, value),
        })
        .collect();
    Some(RemoteRecord {
        external_id: ExternalId::new(record.id?),
        attributes,
        created_at: record.created_at.and_then(|text| text.parse().ok()),
    })
}

#[cfg(test)]
mod tests {
    use serde_json::json;
    use sync_domain::model::{AttributeName, contact_draft};

    use super::{check, properties_of, remote_record};

    #[test]
    fn properties_leave_the_id_property_out_and_keep_cleared_values() {
        let attributes = json!({"email": "a@b.co", "company": null, "firstname": "Ada"});
        let draft = contact_draft(attributes.as_object().unwrap(), None).unwrap();
        let properties = properties_of(&draft.attributes, "email");
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
            let draft = contact_draft(attributes.as_object().unwrap(), None).unwrap();
            assert_eq!(check(&draft).is_ok(), is_accepted, "{stage}");
        }
    }

    #[test]
    fn remote_record_reads_nulls_unknown_properties_and_odd_dates() {
        let record = json!({
            "id": "17", "createdAt": "yesterday",
            "properties": {"email": "A@b.co", "phone": null, "hs_object_id": "17"},
        });
        let remote = remote_record(serde_json::from_value(record).unwrap()).unwrap();
        assert_eq!(remote.attributes.get(AttributeName::Email), Some("a@b.co"));
        assert_eq!(remote.attributes.get(AttributeName::Phone), None);
        assert_eq!(remote.created_at, None);
    }
}
