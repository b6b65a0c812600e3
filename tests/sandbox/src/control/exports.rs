//! Files that a person would download in a vendor's own interface.

use axum::extract::State;
use http::{StatusCode, Uri};
use serde::Deserialize;

use super::error::{ControlError, JsonAnswer, read_query};
use super::{Shared, known_account};
use crate::vagaro::csv;
use crate::vendor::{Answer, System};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ExportQuery {
    account: String,
}

/// The appointments of a Vagaro account as CSV.
pub(super) async fn vagaro(State(state): Shared, uri: Uri) -> JsonAnswer {
    let query: ExportQuery = read_query(&uri)?;
    let account = known_account(&state, System::Vagaro, &query.account)?;
    let rows = state.vendors.get(System::Vagaro).objects(&account, Some("appointment"));
    let file = csv(&rows.map_err(ControlError::bad_request)?);
    Ok(Answer::text(StatusCode::OK, "text/csv; charset=utf-8", file).into_response())
}
