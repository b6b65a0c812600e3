//! What the call record says about a Square request: the route, and what decides what it does.
//! Tokens, codes and secrets are left out.

use serde_json::{Map, Value, json};

use super::routes::{self, Route};
use crate::vendor::{Summary, VendorRequest};

/// Members of bodies that are no secrets.
const TOLD: [&str; 4] = ["grant_type", "short_lived", "booking_ids", "customer_ids"];

fn fields(request: &VendorRequest, route: Option<&Route>) -> Map<String, Value> {
    let mut fields: Map<String, Value> =
        request.query.iter().map(|(name, value)| (name.clone(), json!(value))).collect();
    if let Some(Route::Booking(id) | Route::Customer(id) | Route::Merchant(id)) = route {
        fields.insert("id".to_owned(), json!(id));
    }
    let body: Value = serde_json::from_slice(&request.body).unwrap_or_default();
    for name in TOLD {
        if let Some(value) = body.get(name) {
            fields.insert(name.to_owned(), value.clone());
        }
    }
    fields
}

/// Describes a request.
pub fn summary(request: &VendorRequest) -> Summary {
    let route = routes::parse(&request.method, &request.path).ok();
    let template = route.as_ref().map_or("(unknown)", Route::template);
    Summary {
        route: format!("{} {template}", request.method),
        is_write: matches!(route, Some(Route::Token | Route::Revoke)),
        fields: Value::Object(fields(request, route.as_ref())),
    }
}
