//! What the call record says about an Acuity request: the route, and what decides what it does.

use serde_json::{Map, Value, json};

use super::routes::{self, Route};
use crate::vendor::{Summary, VendorRequest};

fn fields(request: &VendorRequest, route: Option<Route>) -> Map<String, Value> {
    let mut fields: Map<String, Value> =
        request.query.iter().map(|(name, value)| (name.clone(), json!(value))).collect();
    if let Some(Route::Appointment(id) | Route::DeleteHook(id)) = route {
        fields.insert("id".to_owned(), json!(id));
    }
    if route == Some(Route::CreateHook) {
        let body: Value = serde_json::from_slice(&request.body).unwrap_or_default();
        fields.insert("event".to_owned(), body["event"].clone());
        // What follows the path of a target is often a secret.
        let target = body["target"].as_str().and_then(|target| target.split('?').next());
        fields.insert("target".to_owned(), json!(target));
    }
    fields
}

/// Describes a request.
pub fn summary(request: &VendorRequest) -> Summary {
    let route = routes::parse(&request.method, &request.path).ok();
    let template = route.map_or("(unknown)", Route::template);
    Summary {
        route: format!("{} {template}", request.method),
        is_write: route.is_some_and(Route::is_write),
        fields: Value::Object(fields(request, route)),
    }
}
