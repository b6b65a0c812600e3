//! What the call record says about a Salesforce request: the route, and what decides what it does.

use serde_json::{Map, Value, json};

use super::routes::{self, OauthCall, Route};
use crate::percent::decode_query;
use crate::vendor::{Summary, VendorRequest};

fn fields(request: &VendorRequest, route: &Route) -> Map<String, Value> {
    let mut fields = Map::new();
    match route {
        Route::Oauth(OauthCall::Token) => {
            let form = decode_query(&String::from_utf8_lossy(&request.body));
            let grant = form.into_iter().find(|(name, _)| name == "grant_type");
            fields.insert("grant_type".to_owned(), json!(grant.map(|(_, value)| value)));
            return fields;
        }
        Route::Oauth(_) => return fields,
        Route::Row(_, id) => {
            fields.insert("id".to_owned(), json!(id));
        }
        Route::Keyed(_, name, value) => {
            fields.insert("idProperty".to_owned(), json!(name));
            fields.insert("id".to_owned(), json!(value));
        }
        Route::QueryMore(locator) => {
            fields.insert("locator".to_owned(), json!(locator));
        }
        Route::Versions
        | Route::DescribeGlobal
        | Route::Describe(_)
        | Route::Create(_)
        | Route::Query { .. }
        | Route::Limits
        | Route::Composite
        | Route::Collection
        | Route::CollectionRead(_)
        | Route::CollectionUpsert(..) => {}
    }
    let query = request.query.iter().map(|(name, value)| (name.clone(), json!(value)));
    fields.extend(query);
    for header in ["sforce-call-options", "sforce-duplicate-rule-header"] {
        if let Some(value) = request.header(header) {
            fields.insert(header.to_owned(), json!(value));
        }
    }
    if let Ok(body @ Value::Object(_)) = serde_json::from_slice(&request.body) {
        fields.insert("properties".to_owned(), body);
    }
    fields
}

/// Describes a request.
pub fn summary(request: &VendorRequest) -> Summary {
    let call = routes::parse(&request.method, &request.path).ok();
    let route = call.as_ref().map(|call| &call.route);
    let template = route.map_or_else(|| "(unknown)".to_owned(), Route::template);
    Summary {
        route: format!("{} {template}", request.method),
        is_write: route.is_some_and(|route| route.is_write(&request.method)),
        fields: Value::Object(route.map(|route| fields(request, route)).unwrap_or_default()),
    }
}
