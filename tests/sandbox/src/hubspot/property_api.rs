//! `/crm/properties`: reading the definitions of a type's properties and adding to them.

use http::StatusCode;
use serde_json::{Value, json};

use super::errors::Refusal;
use super::object_types::{Kind, ObjectType};
use super::routes::PropertyCall;
use super::schema::{Definition, MAX_UNIQUE, Schema};
use super::store::Table;
use super::{Handled, objects};
use crate::accounts::Account;
use crate::clock::iso_from_ms;
use crate::vendor::{Answer, VendorRequest};

const VALUE_TYPES: [&str; 6] = ["string", "number", "date", "datetime", "bool", "enumeration"];

/// Value type and form field of one of HubSpot's own properties.
fn types_of(kind: Kind) -> (&'static str, &'static str) {
    match kind {
        Kind::Text | Kind::Email => ("string", "text"),
        Kind::Number => ("number", "number"),
        Kind::DateTime => ("datetime", "date"),
        Kind::Bool => ("bool", "booleancheckbox"),
        Kind::Choice(_) | Kind::Progress(_) | Kind::Pipeline | Kind::Stage => {
            ("enumeration", "select")
        }
    }
}

fn option(value: &str) -> Value {
    json!({ "label": value, "value": value, "displayOrder": -1, "hidden": false })
}

fn own_body(schema: &Schema, name: &str) -> Option<Value> {
    let known = schema.object_type.property(name)?;
    let (value_type, field_type) = types_of(known.kind);
    let options: Vec<Value> = match known.kind {
        Kind::Choice(options) | Kind::Progress(options) => {
            options.iter().copied().map(option).collect()
        }
        Kind::Text
        | Kind::Email
        | Kind::Number
        | Kind::DateTime
        | Kind::Bool
        | Kind::Pipeline
        | Kind::Stage => Vec::new(),
    };
    Some(json!({
        "name": name,
        "label": name,
        "type": value_type,
        "fieldType": field_type,
        "groupName": schema.object_type.property_group,
        "description": "",
        "options": options,
        "calculated": false,
        "externalOptions": matches!(known.kind, Kind::Pipeline | Kind::Stage),
        "hasUniqueValue": schema.is_unique(name),
        "hidden": false,
        "hubspotDefined": true,
        "archived": false,
        "modificationMetadata": {
            "archivable": false,
            "readOnlyDefinition": true,
            "readOnlyValue": known.is_read_only,
        },
    }))
}

fn added_body(schema: &Schema, name: &str) -> Option<Value> {
    let added = schema.added_named(name)?;
    let definition = &added.definition;
    let at = iso_from_ms(added.created_ms);
    let group = schema.object_type.property_group;
    Some(json!({
        "name": name,
        "label": definition.label.as_deref().unwrap_or(name),
        "type": definition.value_type.as_deref().unwrap_or("string"),
        "fieldType": definition.field_type.as_deref().unwrap_or("text"),
        "groupName": definition.group_name.as_deref().unwrap_or(group),
        "description": definition.description,
        "options": [],
        "displayOrder": -1,
        "calculated": false,
        "externalOptions": false,
        "hasUniqueValue": definition.has_unique_value,
        "hidden": false,
        "formField": false,
        "archived": false,
        "createdAt": at,
        "updatedAt": at,
        "modificationMetadata": {
            "archivable": true,
            "readOnlyDefinition": false,
            "readOnlyValue": false,
        },
    }))
}

fn body(schema: &Schema, name: &str) -> Option<Value> {
    own_body(schema, name).or_else(|| added_body(schema, name))
}

fn is_name(name: &str) -> bool {
    name.starts_with(|first: char| first.is_ascii_lowercase())
        && name.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_')
        && name.len() <= 100
}

/// What is wrong with a definition that isn't there yet.
fn fault_of(schema: &Schema, definition: &Definition) -> Option<String> {
    let kind = schema.object_type;
    let value_type = definition.value_type.as_deref().unwrap_or_default();
    if !is_name(&definition.name) {
        Some(format!("Property name {} is not valid", definition.name))
    } else if definition.label.as_deref().is_none_or(str::is_empty) {
        Some("Some required fields were not set: [label]".to_owned())
    } else if !VALUE_TYPES.contains(&value_type) {
        Some(format!("Property type {value_type} is not valid"))
    } else if definition.field_type.as_deref().is_none_or(str::is_empty) {
        Some("Some required fields were not set: [fieldType]".to_owned())
    } else if definition.group_name.as_deref() != Some(kind.property_group) {
        let group = definition.group_name.as_deref().unwrap_or_default();
        Some(format!("Property group {group} does not exist for {}", kind.type_id))
    } else if definition.has_unique_value && !["string", "number"].contains(&value_type) {
        Some(format!("A property of type {value_type} can't have unique values"))
    } else if definition.has_unique_value && schema.added_unique_count() >= MAX_UNIQUE {
        Some(format!("No more than {MAX_UNIQUE} unique properties are allowed"))
    } else {
        None
    }
}

fn create(request: &VendorRequest, table: &mut Table, now_ms: i64) -> Handled {
    let definition: Definition = objects::body_of(request)?;
    let name = definition.name.clone();
    if table.schema.property(&name).is_some() {
        return Err(Refusal::property_exists(table.schema.object_type, &name));
    }
    if let Some(fault) = fault_of(&table.schema, &definition) {
        return Err(Refusal::validation(&fault));
    }
    table.schema.add(definition, now_ms);
    table.reindex();
    let body = body(&table.schema, &name).ok_or_else(Refusal::object_not_found)?;
    Ok((Answer::json(StatusCode::CREATED, &body), true))
}

/// Refuses a token that may not do this. Reading takes one of two scopes.
pub fn check_scopes(
    account: &Account,
    object_type: &ObjectType,
    call: &PropertyCall,
) -> Result<(), Refusal> {
    let any_of = match call {
        PropertyCall::List | PropertyCall::Read(_) => {
            vec![object_type.read_scope, object_type.schema_read_scope]
        }
        PropertyCall::Create | PropertyCall::Archive(_) => vec![object_type.schema_write_scope],
    };
    if account.has_scope(&any_of) { Ok(()) } else { Err(Refusal::missing_scopes(&any_of)) }
}

/// Carries a call out.
pub fn run(
    request: &VendorRequest,
    table: &mut Table,
    call: &PropertyCall,
    now_ms: i64,
) -> Handled {
    match call {
        PropertyCall::List => {
            let own = table.schema.object_type.properties.iter().map(|property| property.name);
            let added = table.schema.added().map(|added| added.definition.name.as_str());
            let all: Vec<Value> =
                own.chain(added).filter_map(|name| body(&table.schema, name)).collect();
            Ok((Answer::json(StatusCode::OK, &json!({ "results": all })), false))
        }
        PropertyCall::Create => create(request, table, now_ms),
        PropertyCall::Read(name) => {
            let body = body(&table.schema, name).ok_or_else(Refusal::object_not_found)?;
            Ok((Answer::json(StatusCode::OK, &body), false))
        }
        PropertyCall::Archive(name) => {
            if !table.schema.remove(name) {
                return Err(Refusal::object_not_found());
            }
            table.reindex();
            Ok((Answer::empty(StatusCode::NO_CONTENT), true))
        }
    }
}
