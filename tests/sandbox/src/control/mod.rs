//! The control API under `/_control`: what outside clients use to prepare the sandbox and to see
//! what reached it. Its shape is fixed; additions are optional fields only.

mod aws;
mod calls;
mod error;
mod exports;
mod hooks;
mod limits;
mod oauth;
mod objects;
mod portal;
mod webhooks;

use std::sync::Arc;

use axum::Router;
use axum::extract::{DefaultBodyLimit, State};
use axum::routing::{get, post};
use bytes::Bytes;
use serde::Deserialize;
use serde_json::{Value, json};

use crate::accounts::Account;
use crate::state::SandboxState;
use crate::vendor::System;
pub use error::{ControlError, read_body};
use error::{JsonAnswer, answer};

/// Seeds can be large.
const MAX_BODY_BYTES: usize = 256 * 1024 * 1024;

/// Shared by all control handlers.
type Shared = State<Arc<SandboxState>>;

/// Routes under `/_control`.
pub fn router() -> Router<Arc<SandboxState>> {
    Router::new()
        .route("/health", get(health))
        .route("/accounts", post(put_account))
        .route("/reset", post(reset))
        .route("/seed", post(objects::seed))
        .route("/objects", get(objects::list))
        .route("/calls", get(calls::list))
        .route("/faults", post(calls::add_fault).get(calls::faults).delete(calls::clear_faults))
        .route("/webhooks", post(webhooks::send).get(webhooks::list))
        .route("/limits", post(limits::set).get(limits::list))
        .route("/hooks", post(hooks::act).get(hooks::show))
        .route("/oauth", post(oauth::act).get(oauth::show))
        .route("/vagaro/export.csv", get(exports::vagaro))
        .nest("/portal", portal::router())
        .nest("/aws", aws::router())
        .fallback(error::unknown_path)
        .method_not_allowed_fallback(error::unknown_method)
        .layer(DefaultBodyLimit::max(MAX_BODY_BYTES))
}

/// The optional pair that narrows a control call.
#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct Selection {
    #[serde(default)]
    system: Option<System>,
    #[serde(default)]
    account: Option<String>,
}

impl Selection {
    /// Refuses an account that doesn't exist, and one without its system.
    fn check(&self, state: &SandboxState) -> Result<(), ControlError> {
        match (self.system, &self.account) {
            (None, Some(_)) => Err(ControlError::bad_request("`account` needs `system`")),
            (Some(system), Some(account)) => known_account(state, system, account).map(|_| ()),
            (Some(_) | None, None) => Ok(()),
        }
    }
}

fn known_account(
    state: &SandboxState,
    system: System,
    account: &str,
) -> Result<Arc<Account>, ControlError> {
    state
        .accounts
        .get(system, account)
        .ok_or_else(|| ControlError::not_found(format!("no {} account `{account}`", system.name())))
}

async fn health() -> JsonAnswer {
    answer(&json!({ "status": "ok" }))
}

async fn put_account(State(state): Shared, body: Bytes) -> JsonAnswer {
    let account: Account = read_body(&body)?;
    let described = json!({ "system": account.system, "account": account.account });
    state.put_account(account).map_err(ControlError::bad_request)?;
    answer(&described)
}

async fn reset(State(state): Shared, body: Bytes) -> JsonAnswer {
    let selection: Selection =
        if body.is_empty() { Selection::default() } else { read_body(&body)? };
    selection.check(&state)?;
    state.reset(selection.system, selection.account.as_deref());
    answer(&Value::Object(serde_json::Map::new()))
}
