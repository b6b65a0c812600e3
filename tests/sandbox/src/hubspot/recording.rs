//! What the call record says about a HubSpot request: the route, and of the body the ids, property
//! names and values.

use serde_json::{Map, Value, json};

use super::routes::{self, Operation, Route, RouteError};
use crate::vendor::{Summary, VendorRequest};

/// Values longer than this are cut, so that the log stays small.
const MAX_VALUE_CHARS: usize = 1_000;
const KEPT_FIELDS: [&str; 7] =
    ["id", "idProperty", "properties", "objectWriteTraceId", "inputs", "filterGroups", "query"];

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

fn fields(request: &VendorRequest, operation: Option<&Operation>) -> Value {
    let body: Value = serde_json::from_slice(&request.body).unwrap_or_default();
    let mut fields = kept(&body);
    if let Some(id_property) = request.query_value("idProperty") {
        fields.insert("idProperty".to_owned(), json!(id_property));
    }
    if let Some(Operation::Read(id) | Operation::Update(id) | Operation::Archive(id)) = operation {
        fields.insert("id".to_owned(), json!(id));
    }
    Value::Object(fields)
}

/// Describes a request.
pub fn summary(request: &VendorRequest) -> Summary {
    let method = &request.method;
    match routes::parse(method, &request.path) {
        Ok(Route::Objects { object_type, dated, operation }) => {
            let base = if dated { "/crm/objects/{version}" } else { "/crm/v3/objects" };
            let (name, rest) = (object_type.plural, operation.template());
            Summary {
                route: format!("{method} {base}/{name}{rest}"),
                is_write: operation.is_write(),
                fields: fields(request, Some(&operation)),
            }
        }
        Ok(Route::AccountDetails) => Summary {
            route: format!("{method} /account-info/{{version}}/details"),
            is_write: false,
            fields: json!({}),
        },
        Err(RouteError::NotFound | RouteError::MethodNotAllowed) => Summary {
            route: format!("{method} (unknown)"),
            is_write: false,
            fields: fields(request, None),
        },
    }
}
