//! Reading the call log, and ordering faults.

use axum::extract::State;
use bytes::Bytes;
use http::Uri;
use serde::Deserialize;
use serde_json::json;

use super::error::{ControlError, JsonAnswer, answer, read_body, read_query};
use super::{Selection, Shared, known_account};
use crate::clock::now_ms;
use crate::faults::Fault;
use crate::vendor::System;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct CallQuery {
    #[serde(default)]
    system: Option<System>,
    #[serde(default)]
    account: Option<String>,
    #[serde(default)]
    since_ms: i64,
}

pub(super) async fn list(State(state): Shared, uri: Uri) -> JsonAnswer {
    let query: CallQuery = read_query(&uri)?;
    let selection = Selection { system: query.system, account: query.account };
    selection.check(&state)?;
    let (calls, totals) =
        state.calls.select(selection.system, selection.account.as_deref(), query.since_ms);
    answer(&json!({ "calls": calls, "totals": totals }))
}

pub(super) async fn add_fault(State(state): Shared, body: Bytes) -> JsonAnswer {
    let fault: Fault = read_body(&body)?;
    if let Some(account) = &fault.account {
        known_account(&state, fault.system, account)?;
    }
    fault.check().map_err(ControlError::bad_request)?;
    let times = fault.all_times();
    let id = state.faults.add(fault, now_ms());
    answer(&json!({ "id": id, "times": times }))
}

pub(super) async fn faults(State(state): Shared) -> JsonAnswer {
    answer(&json!({ "faults": state.faults.left(now_ms()) }))
}

/// Narrowed by query, because a DELETE body is often dropped on the way.
pub(super) async fn clear_faults(State(state): Shared, uri: Uri) -> JsonAnswer {
    let selection: Selection = read_query(&uri)?;
    selection.check(&state)?;
    state.faults.clear(selection.system, selection.account.as_deref());
    state.pauses.release();
    answer(&json!({ "faults": state.faults.left(now_ms()) }))
}
