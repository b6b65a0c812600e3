//! What Pipedrive has no place for or can't know, refused before anything is claimed or called.
//!
//! A value without a place is refused and not dropped: the caller would believe that it is there.
//! `null` passes: what has no place is empty.

use sync_domain::model::{AttributeName, CrmDraft, InvalidField, ObjectType};

use super::values::is_exact;

/// The longest id of a record or a stage.
const ID_MAX_DIGITS: usize = 15;

/// Checks a draft without the account's own lists.
///
/// # Errors
/// The first field at fault.
pub fn check(draft: &CrmDraft) -> Result<(), InvalidField> {
    for (name, value) in draft.attributes.iter() {
        if let Some(reason) = reason_against(draft.object_type, name, value) {
            return Err(InvalidField::new(format!("attributes.{}", name.as_str()), reason));
        }
    }
    check_associations(draft)
}

fn reason_against(
    object_type: ObjectType,
    name: AttributeName,
    value: &str,
) -> Option<&'static str> {
    let is_empty = value.is_empty();
    match name {
        AttributeName::Company if !is_empty => {
            Some("has no place in Pipedrive: associate the contact with a company")
        }
        AttributeName::Lifecyclestage if !is_empty => Some("has no place in Pipedrive"),
        AttributeName::Phone if object_type == ObjectType::Company && !is_empty => {
            Some("has no place in Pipedrive: its organizations have no phone")
        }
        AttributeName::Name if is_empty => Some("can't be cleared in Pipedrive"),
        AttributeName::Pipeline | AttributeName::Stage if is_empty => {
            Some("can't be cleared in Pipedrive: a deal is always at a stage")
        }
        AttributeName::Pipeline | AttributeName::Stage if !is_id(value) => {
            Some("must be an id of Pipedrive, 1 to 15 digits")
        }
        AttributeName::Amount if !is_empty && !is_exact(value) => {
            Some("has more digits than Pipedrive can hold")
        }
        AttributeName::Email
        | AttributeName::Phone
        | AttributeName::Firstname
        | AttributeName::Lastname
        | AttributeName::Company
        | AttributeName::Lifecyclestage
        | AttributeName::Reference
        | AttributeName::Name
        | AttributeName::Domain
        | AttributeName::Amount
        | AttributeName::Pipeline
        | AttributeName::Stage
        | AttributeName::Closedate => None,
    }
}

/// A person has one organization, a deal one person and one organization.
fn check_associations(draft: &CrmDraft) -> Result<(), InvalidField> {
    for (index, association) in draft.associations.iter().enumerate() {
        if !is_id(association.external_id.as_str()) {
            let path = format!("associations[{index}].external_id");
            return Err(InvalidField::new(path, "must be a Pipedrive id, 1 to 15 digits"));
        }
        let mut earlier = draft.associations.iter().take(index);
        if earlier.any(|other| other.object_type == association.object_type) {
            let path = format!("associations[{index}]");
            return Err(InvalidField::new(path, "Pipedrive has room for one of this type only"));
        }
    }
    Ok(())
}

/// Digits without a leading zero, so that one id has one text.
fn is_id(text: &str) -> bool {
    (1..=ID_MAX_DIGITS).contains(&text.len())
        && text.bytes().all(|byte| byte.is_ascii_digit())
        && !text.starts_with('0')
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};
    use sync_domain::model::{ObjectType, associations_of, draft_of};

    use super::check;

    fn fault(object_type: ObjectType, attributes: &Value, associations: &Value) -> Option<String> {
        let mut draft = draft_of(object_type, attributes.as_object().unwrap(), None).unwrap();
        draft.associations = associations_of(object_type, associations).unwrap();
        check(&draft).err().map(|error| error.field)
    }

    #[test]
    fn value_without_a_place_is_refused_and_its_absence_passes() {
        let (contact, company, deal) = (ObjectType::Contact, ObjectType::Company, ObjectType::Deal);
        for (object_type, key, name, value, is_refused) in [
            (contact, "email", "lifecyclestage", json!("lead"), true),
            (contact, "email", "lifecyclestage", Value::Null, false),
            (contact, "email", "company", json!("Works"), true),
            (contact, "email", "company", Value::Null, false),
            (contact, "email", "phone", json!("12"), false),
            (company, "reference", "phone", json!("12"), true),
            (company, "reference", "phone", Value::Null, false),
            (company, "reference", "name", Value::Null, true),
            (deal, "reference", "name", Value::Null, true),
            (deal, "reference", "stage", Value::Null, true),
            (deal, "reference", "stage", json!("closedwon"), true),
            (deal, "reference", "stage", json!("07"), true),
            (deal, "reference", "pipeline", json!("1234567890123456"), true),
            (deal, "reference", "stage", json!("7"), false),
            (deal, "reference", "amount", json!("123456789012345.123456"), true),
            (deal, "reference", "amount", json!("12.34"), false),
            (deal, "reference", "amount", Value::Null, false),
        ] {
            let mut attributes = json!({ (key): "a@b.co" });
            attributes[name] = value.clone();
            let expected = is_refused.then(|| format!("attributes.{name}"));
            assert_eq!(fault(object_type, &attributes, &json!([])), expected, "{name} {value}");
        }
    }

    #[test]
    fn association_that_pipedrive_has_no_room_for_is_named() {
        let one = |object_type: &str, id: &str| json!({"type": object_type, "external_id": id});
        let of = |object_type, associations: Value| {
            let attributes = json!({"email": "a@b.co"});
            let deal = json!({"reference": "d"});
            let attributes = if object_type == ObjectType::Deal { deal } else { attributes };
            fault(object_type, &attributes, &associations)
        };
        let full = json!([one("contact", "1"), one("company", "1"), one("contact", "2")]);
        assert_eq!(of(ObjectType::Deal, full).as_deref(), Some("associations[2]"));
        let both = json!([one("contact", "1"), one("company", "1")]);
        assert_eq!(of(ObjectType::Deal, both), None);
        let two = json!([one("company", "1"), one("company", "2")]);
        assert_eq!(of(ObjectType::Contact, two).as_deref(), Some("associations[1]"));
        let odd = json!([one("company", "003xx")]);
        assert_eq!(of(ObjectType::Contact, odd).as_deref(), Some("associations[0].external_id"));
    }
}
