//! Putting objects into a vendor and reading them back.

use axum::extract::State;
use bytes::Bytes;
use http::Uri;
use serde::Deserialize;
use serde_json::{Value, json};

use super::error::{ControlError, JsonAnswer, answer, read_body, read_query};
use super::{Shared, known_account};
use crate::vendor::System;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Seed {
    system: System,
    account: String,
    #[serde(default)]
    objects: Vec<Value>,
    #[serde(default)]
    generate: Option<Value>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ObjectQuery {
    system: System,
    account: String,
    #[serde(default, rename = "type")]
    object_type: Option<String>,
}

pub(super) async fn seed(State(state): Shared, body: Bytes) -> JsonAnswer {
    let seed: Seed = read_body(&body)?;
    let account = known_account(&state, seed.system, &seed.account)?;
    let vendor = state.vendors.get(seed.system);
    let ids = match &seed.generate {
        None => vendor.seed(&account, &seed.objects),
        Some(order) if seed.objects.is_empty() => vendor.generate(&account, order),
        Some(_) => Err("give either `objects` or `generate`".to_owned()),
    };
    let ids = ids.map_err(ControlError::bad_request)?;
    answer(&json!({ "seeded": ids.len(), "ids": ids }))
}

pub(super) async fn list(State(state): Shared, uri: Uri) -> JsonAnswer {
    let query: ObjectQuery = read_query(&uri)?;
    let account = known_account(&state, query.system, &query.account)?;
    let objects = state
        .vendors
        .get(query.system)
        .objects(&account, query.object_type.as_deref())
        .map_err(ControlError::bad_request)?;
    answer(&json!({ "total": objects.len(), "objects": objects }))
}
