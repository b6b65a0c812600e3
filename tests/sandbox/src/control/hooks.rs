//! The webhook registrations that were made through a vendor's API or by a person, and what happens
//! to them outside of an API.

use axum::extract::State;
use bytes::Bytes;
use http::Uri;
use serde::Deserialize;

use super::error::{ControlError, JsonAnswer, answer, read_body, read_query};
use super::{Shared, known_account};
use crate::vendor::{EnteredHook, HookAct, System};

#[derive(Clone, Copy, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Act {
    Disable,
    Enable,
    Remove,
    Add,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Order {
    system: System,
    account: String,
    act: Act,
    #[serde(default)]
    id: Option<u64>,
    #[serde(default)]
    target: Option<String>,
    #[serde(default)]
    token: Option<String>,
    #[serde(default)]
    event_types: Option<Vec<String>>,
    #[serde(default)]
    businesses: Option<Vec<String>>,
}

impl Order {
    /// What is told of a new webhook, if anything is.
    fn entered(&self) -> Option<EnteredHook> {
        let is_told = self.target.is_some()
            || self.token.is_some()
            || self.event_types.is_some()
            || self.businesses.is_some();
        is_told.then(|| EnteredHook {
            target: self.target.clone().unwrap_or_default(),
            token: self.token.clone().unwrap_or_default(),
            event_types: self.event_types.clone(),
            businesses: self.businesses.clone(),
        })
    }

    fn act(&self) -> Result<HookAct, ControlError> {
        match (self.act, self.entered()) {
            (Act::Disable, None) => Ok(HookAct::Disable),
            (Act::Enable, None) => Ok(HookAct::Enable),
            (Act::Remove, None) => Ok(HookAct::Remove),
            (Act::Add, Some(entered)) if self.id.is_none() => Ok(HookAct::Add(entered)),
            (Act::Add, _) => {
                Err(ControlError::bad_request("`add` needs `target` and `token`, and no `id`"))
            }
            (_, Some(_)) => Err(ControlError::bad_request("only `add` tells of a new webhook")),
        }
    }
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
    let act = order.act()?;
    let vendor = state.vendors.get(order.system);
    answer(&vendor.hooks(&account, order.id, Some(&act)).map_err(ControlError::bad_request)?)
}

pub(super) async fn show(State(state): Shared, uri: Uri) -> JsonAnswer {
    let query: HookQuery = read_query(&uri)?;
    let account = known_account(&state, query.system, &query.account)?;
    let vendor = state.vendors.get(query.system);
    answer(&vendor.hooks(&account, None, None).map_err(ControlError::bad_request)?)
}
