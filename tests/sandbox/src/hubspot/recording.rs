//! What the call record says about a HubSpot request: the route, and of the body the ids, property
//! names and values.

use serde_json::{Map, Value, json};

use super::routes::{self, Operation, PropertyCall, Route};
use crate::percent::decode_query;
use crate::vendor::{Summary, VendorRequest};

/// Values longer than this are cut, so that the log stays small.
const MAX_VALUE_CHARS: usize = 1_000;
/// What is kept of a body. Secrets and tokens are not among it.
const KEPT_FIELDS: [&str; 16] = [
    "id",
    "idProperty",
    "properties",
    "objectWriteTraceId",
    "inputs",
    "filterGroups",
    "query",
    "from",
    "to",
    "types",
    "associations",
    "primaryObjectId",
    "objectIdToMerge",
    "objectId",
    "name",
    "hasUniqueValue",
];

fn shortened(value: &Value) -> Value {
    match value {
        Value::String(text) if text.chars().count() > MAX_VALUE_CHARS => {
            json!(text.chars().take(MAX_VALUE_CHARS).collect::<String>())
        }
        Value::Array(items) => Value::Array(items.iter().map(shortened).collect()),
        Value::Object(members) => {
            members.iter().map(|(name, value)| (name.clone(), shortened(value))).collect()
        }
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => value.clone(),
    }
}

fn kept(value: &Value) -> Map<String, Value> {
    let mut fields = Map::new();
    let given = value.as_object().into_iter().flatten();
    for (name, value) in given.filter(|(name, _)| KEPT_FIELDS.contains(&name.as_str())) {
        let value = match value.as_array() {
            Some(inputs) if name == "inputs" => {
                inputs.iter().map(|input| Value::Object(kept(input))).collect()
            }
            Some(_) | None => shortened(value),
        };
        fields.insert(name.clone(), value);
    }
    fields
}

fn fields(request: &VendorRequest, route: Option<&Route>) -> Value {
    if let Some(Route::Tokens(_)) = route {
        let form = decode_query(&String::from_utf8_lossy(&request.body));
        let grant_type = form.into_iter().find(|(name, _)| name == "grant_type");
        return json!({ "grant_type": grant_type.map(|(_, value)| value) });
    }
    let body: Value = serde_json::from_slice(&request.body).unwrap_or_default();
    let mut fields = kept(&body);
    if let Some(id_property) = request.query_value("idProperty") {
        fields.insert("idProperty".to_owned(), json!(id_property));
    }
    match route {
        Some(Route::Objects {
            operation: Operation::Read(id) | Operation::Update(id) | Operation::Archive(id),
            ..
        }) => {
            fields.insert("id".to_owned(), json!(id));
        }
        Some(Route::Objects { operation: Operation::Associations(call), .. }) => {
            if let Some([from, to]) = call.ids() {
                fields.insert("from".to_owned(), json!({ "id": from }));
                fields.insert("to".to_owned(), json!({ "id": to }));
            }
        }
        Some(Route::Properties {
            call: PropertyCall::Read(name) | PropertyCall::Archive(name),
            ..
        }) => {
            fields.insert("name".to_owned(), json!(name));
        }
        _ => {}
    }
    Value::Object(fields)
}

/// Describes a request.
pub fn summary(request: &VendorRequest) -> Summary {
    let method = &request.method;
    let route = routes::parse(method, &request.path).ok();
    let template = route.as_ref().map_or_else(|| "(unknown)".to_owned(), Route::template);
    Summary {
        route: format!("{method} {template}"),
        is_write: route.as_ref().is_some_and(Route::is_write),
        fields: fields(request, route.as_ref()),
    }
}
