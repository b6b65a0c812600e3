//! Records as JSON.

use serde_json::{Map, Value, json};

use super::Context;
use super::schema::Schema;
use super::store::Record;
use crate::clock::iso_from_ms;

fn envelope(record: &Record, properties: Map<String, Value>) -> Map<String, Value> {
    let mut body = Map::new();
    body.insert("id".to_owned(), json!(record.id.to_string()));
    body.insert("properties".to_owned(), Value::Object(properties));
    body.insert("createdAt".to_owned(), json!(iso_from_ms(record.created_ms)));
    body.insert("updatedAt".to_owned(), json!(iso_from_ms(record.updated_ms)));
    body.insert("archived".to_owned(), json!(record.archived_ms.is_some()));
    if let Some(archived_ms) = record.archived_ms {
        body.insert("archivedAt".to_owned(), json!(iso_from_ms(archived_ms)));
    }
    body
}

fn addressed(context: &Context<'_>, mut body: Map<String, Value>, id: u64) -> Map<String, Value> {
    // Only the dated versions give the address of the record's page.
    if context.dated {
        let (portal, type_id) = (&context.account.account, context.object_type.type_id);
        let url = format!("https://app.hubspot.com/contacts/{portal}/record/{type_id}/{id}");
        body.insert("url".to_owned(), json!(url));
    }
    body
}

/// For reads: the asked properties, or the usual ones; what is asked for and empty is `null`, what
/// the type doesn't have is left out.
pub fn read(
    context: &Context<'_>,
    schema: &Schema,
    record: &Record,
    asked: &[String],
) -> Map<String, Value> {
    let kind = context.object_type;
    let usual = ["createdate", "hs_object_id", kind.modified];
    let names: Vec<&str> = if asked.is_empty() {
        kind.shown.to_vec()
    } else {
        let known = asked.iter().map(String::as_str).filter(|name| schema.property(name).is_some());
        known.chain(usual).collect()
    };
    let properties =
        names.iter().map(|name| ((*name).to_owned(), json!(record.values.get(*name)))).collect();
    addressed(context, envelope(record, properties), record.id)
}

/// For writes: everything that the record holds.
pub fn written(context: &Context<'_>, record: &Record) -> Map<String, Value> {
    let properties =
        record.values.iter().map(|(name, value)| (name.clone(), json!(value))).collect();
    addressed(context, envelope(record, properties), record.id)
}

/// For the control API.
pub fn whole(record: &Record) -> Value {
    let properties =
        record.values.iter().map(|(name, value)| (name.clone(), json!(value))).collect();
    Value::Object(envelope(record, properties))
}
