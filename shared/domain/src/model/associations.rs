//! From a caller's `associations` array to the other ends of associations.
//!
//! The other end is named by the provider's id, which is what an earlier upsert answered. Whether
//! such a record is there is the provider's to say.

use serde_json::Value;

use super::{Association, ExternalId, InvalidField, ObjectType};

/// The most associations of one call.
const ASSOCIATIONS_MAX: usize = 50;
/// The longest id of a provider, in bytes.
const EXTERNAL_ID_MAX_BYTES: usize = 128;
/// The members of an association.
const MEMBERS: [&str; 2] = ["type", "external_id"];

/// Reads the associations that a record of `object_type` is to have, in the order given.
///
/// # Errors
/// The first field that is at fault, with its path (`associations[1].type`).
pub fn associations_of(
    object_type: ObjectType,
    value: &Value,
) -> Result<Vec<Association>, InvalidField> {
    let items =
        value.as_array().ok_or_else(|| InvalidField::new("associations", "must be an array"))?;
    if items.len() > ASSOCIATIONS_MAX {
        return Err(InvalidField::new("associations", "must not have more than 50 items"));
    }
    let mut associations: Vec<Association> = Vec::with_capacity(items.len());
    for (index, item) in items.iter().enumerate() {
        let association = association_of(object_type, item, index)?;
        if associations.contains(&association) {
            return refuse(index, "", "is there twice");
        }
        associations.push(association);
    }
    Ok(associations)
}

fn association_of(
    object_type: ObjectType,
    item: &Value,
    index: usize,
) -> Result<Association, InvalidField> {
    let Some(members) = item.as_object() else { return refuse(index, "", "must be an object") };
    if let Some(unknown) = members.keys().find(|name| !MEMBERS.contains(&name.as_str())) {
        let parent = format!("associations[{index}]");
        let reason = "is not a member of an association";
        return Err(InvalidField::unknown_member(&parent, unknown, reason));
    }
    let text = |name: &str| members.get(name).and_then(Value::as_str);
    let Some(other_type) = text("type").and_then(ObjectType::parse) else {
        return refuse(index, ".type", "must be a type that this system takes");
    };
    if !object_type.associated_types().contains(&other_type) {
        return refuse(index, ".type", "is not a type that this record can be associated with");
    }
    let Some(external_id) = text("external_id").filter(|text| is_external_id(text)) else {
        return refuse(index, ".external_id", "must be the provider's id of a record");
    };
    Ok(Association { object_type: other_type, external_id: ExternalId::new(external_id) })
}

/// Ids are digits or letters at every provider, and none may hold a separator of our keys.
fn is_external_id(text: &str) -> bool {
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_';
    !text.is_empty() && text.len() <= EXTERNAL_ID_MAX_BYTES && text.bytes().all(is_plain)
}

fn refuse<T>(index: usize, member: &str, reason: &'static str) -> Result<T, InvalidField> {
    Err(InvalidField::new(format!("associations[{index}]{member}"), reason))
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::associations_of;
    use crate::model::{Association, ObjectType};

    #[test]
    fn associations_keep_the_order_of_the_request() {
        let given = json!([
            {"type": "contact", "external_id": "9"},
            {"type": "company", "external_id": "1"},
            {"type": "contact", "external_id": "2"},
        ]);
        let associations = associations_of(ObjectType::Deal, &given).unwrap();
        let stored: Vec<_> = associations.iter().map(Association::to_stored).collect();
        assert_eq!(stored, ["contact:9", "company:1", "contact:2"]);
        assert!(associations_of(ObjectType::Company, &json!([])).unwrap().is_empty());
    }

    #[test]
    fn associations_refuse_what_is_at_fault_with_its_path() {
        let company = |id: &str| json!({"type": "company", "external_id": id});
        let many: Vec<Value> = (0..51).map(|id| company(&id.to_string())).collect();
        for (object_type, given, field) in [
            (ObjectType::Contact, json!({}), "associations"),
            (ObjectType::Contact, json!(many), "associations"),
            (ObjectType::Contact, json!(["company:1"]), "associations[0]"),
            (ObjectType::Contact, json!([company("1"), company("1")]), "associations[1]"),
            (ObjectType::Contact, json!([{"external_id": "1"}]), "associations[0].type"),
            (
                ObjectType::Contact,
                json!([{"type": "deal", "external_id": "1"}]),
                "associations[0].type",
            ),
            (ObjectType::Company, json!([company("1")]), "associations[0].type"),
            (
                ObjectType::Deal,
                json!([{"type": "deal", "external_id": "1"}]),
                "associations[0].type",
            ),
            (ObjectType::Deal, json!([company("1"), company("")]), "associations[1].external_id"),
            (ObjectType::Deal, json!([company("1#2")]), "associations[0].external_id"),
            (
                ObjectType::Deal,
                json!([{"type": "company", "external_id": 1}]),
                "associations[0].external_id",
            ),
            (
                ObjectType::Deal,
                json!([{"type": "company", "external_id": "1", "label": "x"}]),
                "associations[0].label",
            ),
        ] {
            assert_eq!(associations_of(object_type, &given).unwrap_err().field, field, "{given}");
        }
    }
}
