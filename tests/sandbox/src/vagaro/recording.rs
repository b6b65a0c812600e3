//! What the call record says about a Vagaro request: the route, and what decides what it does.

use serde_json::{Map, Value, json};

use super::routes;
use crate::vendor::{Summary, VendorRequest};

/// Members of bodies that are worth a record; the secret isn't.
const RECORDED: [&str; 5] = ["businessId", "appointmentId", "customerId", "clientId", "scope"];

/// Describes a request.
pub fn summary(request: &VendorRequest) -> Summary {
    let call = routes::parse(&request.method, &request.path).ok();
    let template = call.map_or_else(|| "(unknown)".to_owned(), |call| call.route.template());
    let body: Value = serde_json::from_slice(&request.body).unwrap_or_default();
    let of_body = RECORDED.into_iter().filter_map(|name| Some((name, body.get(name)?.clone())));
    let of_query = request.query.iter().map(|(name, value)| (name.as_str(), json!(value)));
    let fields: Map<String, Value> =
        of_query.chain(of_body).map(|(name, value)| (name.to_owned(), value)).collect();
    Summary {
        route: format!("{} {template}", request.method),
        is_write: false,
        fields: Value::Object(fields),
    }
}
