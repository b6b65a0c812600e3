//! Control of the AWS tap; served on the sandbox port, because the tap's own port has no path that
//! is not AWS's.

use std::sync::Arc;

use axum::Router;
use axum::extract::State;
use axum::routing::{get, post};
use bytes::Bytes;
use http::Uri;
use serde_json::json;

use super::Shared;
use super::error::{ControlError, JsonAnswer, answer, read_body, read_query};
use crate::aws_tap::{TapFault, TapQuery};
use crate::state::SandboxState;

pub(super) fn router() -> Router<Arc<SandboxState>> {
    Router::new()
        .route("/calls", get(calls))
        .route("/faults", post(add_fault).get(faults).delete(clear_faults))
        .route("/reset", post(reset))
}

async fn calls(State(state): Shared, uri: Uri) -> JsonAnswer {
    let query: TapQuery = read_query(&uri)?;
    let (calls, totals) = state.tap.log.select(&query);
    answer(&json!({ "calls": calls, "totals": totals }))
}

async fn add_fault(State(state): Shared, body: Bytes) -> JsonAnswer {
    let fault: TapFault = read_body(&body)?;
    fault.check().map_err(ControlError::bad_request)?;
    let times = fault.times;
    let id = state.tap.faults.add(fault);
    answer(&json!({ "id": id, "times": times }))
}

async fn faults(State(state): Shared) -> JsonAnswer {
    answer(&json!({ "faults": state.tap.faults.left() }))
}

async fn clear_faults(State(state): Shared) -> JsonAnswer {
    state.tap.clear_faults();
    answer(&json!({ "faults": [] }))
}

async fn reset(State(state): Shared) -> JsonAnswer {
    state.tap.clear_faults();
    state.tap.log.clear();
    answer(&json!({}))
}
