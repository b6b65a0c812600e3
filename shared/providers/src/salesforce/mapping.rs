//! Our attributes and Salesforce's fields, both ways. The table is also in
//! `docs/integrations/salesforce_mapping.md`.

use serde_json::{Number, Value};
use sync_domain::model::{
    AttributeName, Attributes, CrmDraft, InvalidField, ObjectType, normalised_remote,
};
use sync_domain::ports::{Connection, RemoteRecord};

use super::ids;
use super::wire::{Fields, Record};

/// The field of ours that identifies records, which our package makes on all three objects: Text
/// (255), External ID, Unique, case-insensitive.
pub const KEY_FIELD: &str = "Integration_Reference__c";
/// A field that an org may make for the name of a contact's company: contacts have no such text.
pub const COMPANY_FIELD: &str = "Integration_Company__c";
/// A field that an org may make for a contact's stage in the funnel: contacts have none.
pub const LIFECYCLE_FIELD: &str = "Integration_Lifecycle_Stage__c";
/// The field of an opportunity's record type. An org without record types does not have it.
pub const RECORD_TYPE_FIELD: &str = "RecordTypeId";
/// What stands for a family name that nobody knows. Salesforce requires one; a made-up one could be
/// taken for the person's.
pub const NO_LAST_NAME: &str = "-";
/// The longest value that is taken over.
const VALUE_MAX_BYTES: usize = 65_536;

/// The object of a kind of record.
pub const fn object_name(object_type: ObjectType) -> &'static str {
    match object_type {
        ObjectType::Contact => "Contact",
        ObjectType::Company => "Account",
        ObjectType::Deal => "Opportunity",
    }
}

/// The key field of a kind of record, if the org has it.
pub fn key_field(connection: &Connection, object_type: ObjectType) -> Option<&str> {
    let named = connection.custom_field(object_type, AttributeName::Reference);
    let is_there = connection.key_properties.contains(&object_type);
    named.or_else(|| is_there.then_some(KEY_FIELD))
}

/// The field that holds an attribute; `None` where this org has none.
pub fn field_name(
    connection: &Connection,
    object_type: ObjectType,
    name: AttributeName,
) -> Option<&str> {
    match name {
        AttributeName::Email => Some("Email"),
        AttributeName::Phone => Some("Phone"),
        AttributeName::Firstname => Some("FirstName"),
        AttributeName::Lastname => Some("LastName"),
        AttributeName::Company | AttributeName::Lifecyclestage => {
            connection.custom_field(object_type, name)
        }
        AttributeName::Reference => key_field(connection, object_type),
        AttributeName::Name => Some("Name"),
        AttributeName::Domain => Some("Website"),
        AttributeName::Amount => Some("Amount"),
        AttributeName::Pipeline => Some(RECORD_TYPE_FIELD),
        AttributeName::Stage => Some("StageName"),
        AttributeName::Closedate => Some("CloseDate"),
    }
}

/// The attribute that a field holds, of whatever kind of record: what an error names.
pub fn attribute_name(field: &str) -> Option<AttributeName> {
    Some(match field {
        "Email" => AttributeName::Email,
        "Phone" => AttributeName::Phone,
        "FirstName" => AttributeName::Firstname,
        "LastName" => AttributeName::Lastname,
        COMPANY_FIELD => AttributeName::Company,
        LIFECYCLE_FIELD => AttributeName::Lifecyclestage,
        KEY_FIELD => AttributeName::Reference,
        "Name" => AttributeName::Name,
        "Website" => AttributeName::Domain,
        "Amount" => AttributeName::Amount,
        RECORD_TYPE_FIELD => AttributeName::Pipeline,
        "StageName" => AttributeName::Stage,
        "CloseDate" => AttributeName::Closedate,
        _ => return None,
    })
}

/// The fields that are read. A field that the org lacks would make Salesforce refuse the whole call,
/// so of those that not every org has only the ones that were there when it was connected.
pub fn read_fields(connection: &Connection, object_type: ObjectType) -> Vec<&str> {
    let is_sure = |name: AttributeName| {
        name != AttributeName::Pipeline
            || connection.custom_field(object_type, AttributeName::Pipeline).is_some()
    };
    let names = AttributeName::of(object_type).iter().copied().filter(|name| is_sure(*name));
    let ours = names.filter_map(|name| field_name(connection, object_type, name));
    ["Id", "CreatedDate", "SystemModstamp"].into_iter().chain(ours).collect()
}

/// The values of a draft's fields to write, all but its key: the email of a contact and the
/// reference of the others stay what the record has.
pub fn fields_of(connection: &Connection, draft: &CrmDraft) -> Fields {
    let object_type = draft.object_type;
    let is_key = |name| matches!(name, AttributeName::Email | AttributeName::Reference);
    let written = draft.attributes.iter().filter(|(name, _)| !is_key(*name));
    written
        .filter_map(|(name, value)| {
            let field = field_name(connection, object_type, name)?;
            Some((field.to_owned(), value_of(name, value)))
        })
        .collect()
}

fn value_of(name: AttributeName, value: &str) -> Value {
    if value.is_empty() {
        return Value::Null;
    }
    match name {
        AttributeName::Amount => number_of(value).map_or(Value::Null, Value::Number),
        AttributeName::Closedate => Value::from(date_of(value)),
        AttributeName::Email
        | AttributeName::Phone
        | AttributeName::Firstname
        | AttributeName::Lastname
        | AttributeName::Company
        | AttributeName::Lifecyclestage
        | AttributeName::Reference
        | AttributeName::Name
        | AttributeName::Domain
        | AttributeName::Pipeline
        | AttributeName::Stage => Value::from(value),
    }
}

/// An amount as the number that it is; `None` where a JSON number would be another one.
fn number_of(amount: &str) -> Option<Number> {
    if let Ok(whole) = amount.parse::<i64>() {
        return Some(Number::from(whole));
    }
    let number: f64 = amount.parse().ok()?;
    Number::from_f64(number).filter(|_| number.to_string() == amount)
}

/// The day of an instant, in UTC.
fn date_of(instant: &str) -> &str {
    instant.split_once('T').map_or(instant, |(date, _time)| date)
}

/// Refuses what Salesforce can't take: ids of another form, fields that this org does not have, and
/// clearing what it requires.
pub fn check(connection: &Connection, draft: &CrmDraft) -> Result<(), InvalidField> {
    check_key(draft)?;
    check_associations(draft)?;
    for (name, value) in draft.attributes.iter() {
        if let Some(reason) = fault_of(connection, draft.object_type, name, value) {
            return Err(InvalidField::new(format!("attributes.{}", name.as_str()), reason));
        }
    }
    Ok(())
}

/// The key stands in an address, where these two mean something else.
fn check_key(draft: &CrmDraft) -> Result<(), InvalidField> {
    if matches!(draft.natural_key.expose().as_str(), "." | "..") {
        return Err(InvalidField::new("attributes.reference", "must be more than dots"));
    }
    Ok(())
}

fn fault_of(
    connection: &Connection,
    object_type: ObjectType,
    name: AttributeName,
    value: &str,
) -> Option<&'static str> {
    let is_cleared = value.is_empty();
    let is_required = matches!(
        name,
        AttributeName::Lastname
            | AttributeName::Name
            | AttributeName::Stage
            | AttributeName::Closedate
    );
    let is_lacking = matches!(name, AttributeName::Company | AttributeName::Lifecyclestage)
        && field_name(connection, object_type, name).is_none();
    let is_record_type = ids::is_id(value) && value.starts_with(ids::RECORD_TYPE_PREFIX);
    if is_required && is_cleared {
        Some("is required by Salesforce and can't be cleared")
    } else if is_lacking && !is_cleared {
        Some("has no field in this Salesforce org")
    } else if name == AttributeName::Pipeline && !is_cleared && !is_record_type {
        Some("must be the id of a Salesforce record type, 18 characters that begin with 012")
    } else if name == AttributeName::Amount && !is_cleared && number_of(value).is_none() {
        Some("must not have more than 15 digits")
    } else {
        None
    }
}

fn check_associations(draft: &CrmDraft) -> Result<(), InvalidField> {
    let mut has_account = false;
    for (index, association) in draft.associations.iter().enumerate() {
        let field = || format!("associations[{index}].external_id");
        let (id, other) = (association.external_id.as_str(), association.object_type);
        if !ids::is_id(id) || !id.starts_with(ids::prefix_of(other)) {
            let reason = match other {
                ObjectType::Contact => "must be the id of a contact: 18 characters, 003 first",
                ObjectType::Company => "must be the id of an account: 18 characters, 001 first",
                ObjectType::Deal => "must be the id of an opportunity: 18 characters, 006 first",
            };
            return Err(InvalidField::new(field(), reason));
        }
        if other == ObjectType::Company && std::mem::replace(&mut has_account, true) {
            return Err(InvalidField::new(field(), "is a second account: Salesforce keeps one"));
        }
    }
    Ok(())
}

/// The values of the attributes that we know, in our form.
pub fn attributes_of(
    connection: &Connection,
    object_type: ObjectType,
    record: &Record,
) -> Attributes {
    let region = connection.default_region.as_deref();
    let names = AttributeName::of(object_type).iter().copied();
    names
        .filter_map(|name| {
            let field = field_name(connection, object_type, name)?;
            let text = text_of(record.value(field)?)?;
            let is_placeholder = name == AttributeName::Lastname && text == NO_LAST_NAME;
            (!is_placeholder).then(|| (name, clipped(normalised_remote(name, &text, region))))
        })
        .filter(|(_, value)| !value.is_empty())
        .collect()
}

/// A number without an exponent, as amounts are written.
fn text_of(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => Some(text.clone()),
        Value::Number(number) => number
            .as_i64()
            .map(|whole| whole.to_string())
            .or_else(|| number.as_f64().map(|fraction| fraction.to_string())),
        Value::Null | Value::Bool(_) | Value::Array(_) | Value::Object(_) => None,
    }
}

/// A record as Salesforce holds it, `None` when it comes without an id. Of a closing date Salesforce
/// keeps the day, so of a draft's it has what it can have when the days are the same.
pub fn remote_record(
    connection: &Connection,
    draft: &CrmDraft,
    record: &Record,
) -> Option<RemoteRecord> {
    let mut attributes = attributes_of(connection, draft.object_type, record);
    let wanted = draft.attributes.get(AttributeName::Closedate);
    if let (Some(wanted), Some(held)) = (wanted, attributes.get(AttributeName::Closedate))
        && date_of(wanted) == date_of(held)
    {
        attributes.set(AttributeName::Closedate, wanted);
    }
    Some(RemoteRecord {
        external_id: ids::read(record.text("Id")?)?,
        attributes,
        created_at: record.text("CreatedDate").and_then(instant_of),
        provider_version: record.text("SystemModstamp").and_then(instant_of),
    })
}

/// `2026-05-01T07:25:37.000+0000`: an offset without a colon, which RFC 3339 does not know.
pub fn instant_of(text: &str) -> Option<jiff::Timestamp> {
    const FORMAT: &str = "%Y-%m-%dT%H:%M:%S%.f%z";
    text.parse().ok().or_else(|| jiff::Timestamp::strptime(FORMAT, text).ok())
}

/// As many bytes of a value as a caller could have sent: all values of a record together must fit
/// into one stored item.
fn clipped(mut value: String) -> String {
    value.truncate(value.floor_char_boundary(VALUE_MAX_BYTES));
    value
}
