//! What happens to an account's OAuth grant outside of the token endpoint.

use axum::extract::State;
use bytes::Bytes;
use http::Uri;
use serde::Deserialize;

use super::error::{ControlError, JsonAnswer, answer, read_body, read_query};
use super::{Shared, known_account};
use crate::vendor::{OauthAct, System};

#[derive(Clone, Copy, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Act {
    Revoke,
    Restore,
    Uninstall,
    AddCode,
    ExpireAccessTokens,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Order {
    system: System,
    account: String,
    act: Act,
    #[serde(default)]
    code: Option<String>,
    #[serde(default)]
    code_challenge: Option<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct OauthQuery {
    system: System,
    account: String,
}

pub(super) async fn act(State(state): Shared, body: Bytes) -> JsonAnswer {
    let order: Order = read_body(&body)?;
    let account = known_account(&state, order.system, &order.account)?;
    let challenge = order.code_challenge;
    if challenge.is_some() && !matches!(order.act, Act::AddCode) {
        return Err(ControlError::bad_request("only `add_code` takes `code_challenge`"));
    }
    let act = match (order.act, order.code) {
        (Act::Revoke, None) => OauthAct::Revoke,
        (Act::Restore, None) => OauthAct::Restore,
        (Act::Uninstall, None) => OauthAct::Uninstall,
        (Act::ExpireAccessTokens, None) => OauthAct::ExpireAccessTokens,
        (Act::AddCode, Some(code)) if !code.is_empty() => OauthAct::AddCode { code, challenge },
        (Act::AddCode, _) => return Err(ControlError::bad_request("`add_code` needs `code`")),
        (_, Some(_)) => return Err(ControlError::bad_request("only `add_code` takes `code`")),
    };
    let vendor = state.vendors.get(order.system);
    answer(&vendor.oauth(&account, Some(&act)).map_err(ControlError::bad_request)?)
}

pub(super) async fn show(State(state): Shared, uri: Uri) -> JsonAnswer {
    let query: OauthQuery = read_query(&uri)?;
    let account = known_account(&state, query.system, &query.account)?;
    let vendor = state.vendors.get(query.system);
    answer(&vendor.oauth(&account, None).map_err(ControlError::bad_request)?)
}
