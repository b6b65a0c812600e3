//! The webhook registrations that were made through a vendor's API, and what happens to them
//! outside of it.

use axum::extract::State;
use bytes::Bytes;
use http::Uri;
use serde::Deserialize;

use super::error::{ControlError, JsonAnswer, answer, read_body, read_query};
use super::{Shared, known_account};
use crate::vendor::{HookAct, System};

#[derive(Clone, Copy, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Act {
    Disable,
    Enable,
    Remove,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Order {
    system: System,
    account: String,
    act: Act,
    #[serde(default)]
    id: Option<u64>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct HookQuery {
    system: System,
    account: String,
}

pub(super) async fn act(State(state): Shared, body: Bytes) -> JsonAnswer {
    let order: Order = read_body(&body)?;
    let account = known_account(&state, order.system, &order.account)?;
    let act = match order.act {
        Act::Disable => HookAct::Disable,
        Act::Enable => HookAct::Enable,
        Act::Remove => HookAct::Remove,
    };
    let vendor = state.vendors.get(order.system);
    answer(&vendor.hooks(&account, order.id, Some(&act)).map_err(ControlError::bad_request)?)
}

pub(super) async fn show(State(state): Shared, uri: Uri) -> JsonAnswer {
    let query: HookQuery = read_query(&uri)?;
    let account = known_account(&state, query.system, &query.account)?;
    let vendor = state.vendors.get(query.system);
    answer(&vendor.hooks(&account, None, None).map_err(ControlError::bad_request)?)
}
