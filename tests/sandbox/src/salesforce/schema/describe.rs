//! What the API says about object types.

use serde_json::{Value, json};

use super::{Access, Field, Kind, Schema};
use crate::salesforce::org::Settings;
use crate::salesforce::sobject::Sobject;

fn field(field: &Field) -> Value {
    let references: Vec<&str> = field.kind.referenced().map(Sobject::name).into_iter().collect();
    let values = field.picklist.iter().flatten();
    let values: Vec<Value> = values
        .map(|value| json!({ "active": true, "defaultValue": false, "label": value, "value": value }))
        .collect();
    json!({
        "name": field.name,
        "label": field.label,
        "type": field.kind.name(),
        "length": field.length,
        "nillable": !field.is_required && field.kind != Kind::Boolean && field.kind != Kind::Id,
        "createable": field.access != Access::ReadOnly,
        "updateable": field.access == Access::Open,
        "defaultedOnCreate": field.kind == Kind::Boolean || field.kind == Kind::Id
            || field.name == "OwnerId",
        "externalId": field.is_external_id,
        "idLookup": field.is_id_lookup || field.kind == Kind::Id,
        "unique": field.is_unique,
        "caseSensitive": false,
        "custom": field.is_custom(),
        "filterable": field.kind != Kind::TextArea,
        "sortable": field.kind != Kind::TextArea,
        "restrictedPicklist": field.picklist.is_some(),
        "picklistValues": values,
        "referenceTo": references,
        "relationshipName": field.relationship(),
    })
}

fn head(sobject: Sobject) -> Value {
    let writable = sobject.is_data();
    json!({
        "name": sobject.name(),
        "label": sobject.name(),
        "keyPrefix": sobject.key_prefix(),
        "custom": false,
        "queryable": true,
        "retrieveable": true,
        "createable": writable,
        "updateable": writable,
        "deletable": writable,
        "undeletable": writable,
        "mergeable": matches!(sobject, Sobject::Account | Sobject::Contact),
    })
}

/// The answer of a describe.
pub fn described(schema: &Schema, settings: &Settings, sobject: Sobject) -> Value {
    let mut told = head(sobject);
    told["fields"] = schema.fields(sobject).iter().map(field).collect();
    let record_types = settings.record_types_of(sobject).enumerate();
    told["recordTypeInfos"] = record_types
        .map(|(place, one)| {
            json!({
                "recordTypeId": one.id,
                "developerName": one.developer_name,
                "name": one.name,
                "active": one.is_active,
                "available": one.is_active,
                "defaultRecordTypeMapping": place == 0,
                "master": false,
            })
        })
        .collect();
    told
}

/// The answer of the global describe.
pub fn global() -> Value {
    let sobjects: Vec<Value> = Sobject::ALL.into_iter().map(head).collect();
    json!({ "encoding": "UTF-8", "maxBatchSize": 200, "sobjects": sobjects })
}
