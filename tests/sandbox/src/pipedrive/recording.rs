//! What the call record says about a Pipedrive request: the route, the query, and of the body all
//! but secrets.

use serde_json::{Map, Value, json};

use super::routes::{self, Route};
use crate::percent::decode_query;
use crate::vendor::{Summary, VendorRequest};

/// Values longer than this are cut, so that the log stays small.
const MAX_VALUE_CHARS: usize = 1_000;
const SECRETS: [&str; 2] = ["http_auth_user", "http_auth_password"];

fn shortened(value: &Value) -> Value {
    match value {
        Value::String(text) => json!(text.chars().take(MAX_VALUE_CHARS).collect::<String>()),
        Value::Array(items) => items.iter().map(shortened).collect(),
        Value::Object(members) => {
            members.iter().map(|(name, value)| (name.clone(), shortened(value))).collect()
        }
        Value::Null | Value::Bool(_) | Value::Number(_) => value.clone(),
    }
}

fn fields(request: &VendorRequest, route: Option<&Route>) -> Value {
    if let Some(Route::Oauth(_)) = route {
        let form = decode_query(&String::from_utf8_lossy(&request.body));
        let grant_type = form.into_iter().find(|(name, _)| name == "grant_type");
        return json!({ "grant_type": grant_type.map(|(_, value)| value) });
    }
    let body: Value = serde_json::from_slice(&request.body).unwrap_or_default();
    let query = request.query.iter().map(|(name, value)| (name.clone(), json!(value)));
    let mut fields: Map<String, Value> = query.collect();
    let members = body.as_object().into_iter().flatten();
    let kept = members.filter(|(name, _)| !SECRETS.contains(&name.as_str()));
    fields.extend(kept.map(|(name, value)| (name.clone(), shortened(value))));
    // What follows the path of an address is often a secret.
    if let Some(url) = fields.get("subscription_url").and_then(Value::as_str) {
        let path = url.split('?').next().map(str::to_owned);
        fields.insert("subscription_url".to_owned(), json!(path));
    }
    let id = match route {
        Some(Route::Api(_, call)) => call.id(),
        Some(Route::Oauth(_)) | None => None,
    };
    fields.extend(id.map(|id| ("id".to_owned(), json!(id))));
    Value::Object(fields)
}

/// Describes a request.
pub fn summary(request: &VendorRequest) -> Summary {
    let route = routes::parse(&request.method, &request.path).ok();
    let template = route.as_ref().map_or_else(|| "(unknown)".to_owned(), Route::template);
    Summary {
        route: format!("{} {template}", request.method),
        is_write: route.as_ref().is_some_and(Route::is_write),
        fields: fields(request, route.as_ref()),
    }
}
