//! The limits of accounts: how full they are, how hard they were really hit, and setting them
//! while calls go on.

use axum::extract::State;
use bytes::Bytes;
use http::Uri;
use serde::{Deserialize, Deserializer};
use serde_json::{Value, json};

use super::error::{ControlError, JsonAnswer, answer, read_body, read_query};
use super::{Selection, Shared, known_account};
use crate::accounts::Account;
use crate::clock::now_ms;
use crate::rates::{Policy, Window};
use crate::state::SandboxState;
use crate::traffic::Received;
use crate::vendor::System;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Order {
    system: System,
    account: String,
    #[serde(default, deserialize_with = "given")]
    rate_limit_per_10s: Option<Option<usize>>,
    #[serde(default, deserialize_with = "given")]
    rate_limit_daily: Option<Option<usize>>,
    #[serde(default, deserialize_with = "given")]
    rate_limit_per_s: Option<Option<usize>>,
    #[serde(default, deserialize_with = "given")]
    rate_limit_per_2s: Option<Option<usize>>,
    #[serde(default, deserialize_with = "given")]
    max_concurrent: Option<Option<usize>>,
    #[serde(default)]
    reset_daily: bool,
    #[serde(default)]
    reset_counters: bool,
}

/// Tells `null`, the vendor's own limit, from a field that isn't there.
fn given<'de, D: Deserializer<'de>>(value: D) -> Result<Option<Option<usize>>, D::Error> {
    Option::deserialize(value).map(Some)
}

fn is_burst(policy: &Policy) -> bool {
    matches!(policy.window, Window::Rolling { .. }) && !policy.window.is_daily()
}

fn described(state: &SandboxState, account: &Account) -> Value {
    let (system, id, at_ms) = (account.system, account.account.as_str(), now_ms());
    let policies = state.vendors.get(system).all_policies(account);
    let usages = state.rates.peek(system, id, &policies, at_ms);
    let load = state.traffic.of(system, id);
    let mut told = json!({
        "system": system,
        "account": id,
        "rate_limit_daily": null,
        "used_today": 0,
        "in_flight": load.in_flight,
        "max_in_flight": load.max_in_flight,
        "oauth_token_calls": load.unlimited_calls,
    });
    let by_policy = |value: fn(&Received) -> Value| {
        let all = load.by_policy.iter();
        Value::Object(all.map(|(name, one)| ((*name).to_owned(), value(one))).collect())
    };
    told["over_limit"] = json!(load.by_policy.values().map(|one| one.over_limit).sum::<u64>());
    told["over_limit_by_policy"] = by_policy(|one| json!(one.over_limit));
    told["max_in_window_by_policy"] = by_policy(|one| json!(one.max_in_window));
    if let Some(burst) = policies.iter().find(|policy| is_burst(policy)) {
        let name = match burst.window {
            Window::Rolling { window_ms: 1_000 } => "rate_limit_per_s",
            Window::Rolling { window_ms: 2_000 } => "rate_limit_per_2s",
            Window::Rolling { .. }
            | Window::Day { .. }
            | Window::Tokens { .. }
            | Window::AtOnce => "rate_limit_per_10s",
        };
        told[name] = json!(burst.max_calls);
        told["in_window"] = json!(load.in_window(burst, at_ms));
        told["max_in_window"] = json!(load.max_in_window(burst.name));
    }
    if let Some(at_once) = policies.iter().find(|policy| policy.window == Window::AtOnce) {
        told["max_concurrent"] = json!(at_once.max_calls);
    }
    let daily = usages.iter().find(|usage| usage.policy.window.is_daily());
    if let Some(daily) = daily {
        let max_calls = daily.policy.max_calls;
        told["rate_limit_daily"] = json!(max_calls);
        told["used_today"] = json!(max_calls.saturating_sub(daily.remaining));
    }
    if policies.iter().any(|policy| matches!(policy.window, Window::Tokens { .. })) {
        told["tokens_spent"] = json!(load.tokens_by_route.values().sum::<usize>());
        told["tokens_by_route"] = json!(load.tokens_by_route);
    }
    told
}

pub(super) async fn list(State(state): Shared, uri: Uri) -> JsonAnswer {
    let selection: Selection = read_query(&uri)?;
    selection.check(&state)?;
    let systems = System::ALL.into_iter();
    let systems = systems.filter(|system| selection.system.is_none_or(|wanted| wanted == *system));
    let accounts: Vec<Value> = systems
        .flat_map(|system| state.accounts.of(system))
        .filter(|account| selection.account.as_ref().is_none_or(|id| *id == account.account))
        .map(|account| described(&state, &account))
        .collect();
    answer(&json!({ "accounts": accounts }))
}

pub(super) async fn set(State(state): Shared, body: Bytes) -> JsonAnswer {
    let order: Order = read_body(&body)?;
    let account = known_account(&state, order.system, &order.account)?;
    let mut changed = Account::clone(&account);
    if let Some(limit) = order.rate_limit_per_10s {
        changed.rate_limit_per_10s = limit;
    }
    if let Some(limit) = order.rate_limit_daily {
        changed.rate_limit_daily = limit;
    }
    if let Some(limit) = order.rate_limit_per_s {
        changed.rate_limit_per_s = limit;
    }
    if let Some(limit) = order.rate_limit_per_2s {
        changed.rate_limit_per_2s = limit;
    }
    if let Some(limit) = order.max_concurrent {
        changed.max_concurrent = limit;
    }
    let policies = state.vendors.get(order.system).all_policies(&changed);
    let told = changed.clone();
    state.put_account(changed).map_err(ControlError::bad_request)?;
    if order.reset_daily {
        state.rates.reset_days(order.system, &order.account, &policies);
    }
    if order.reset_counters {
        state.traffic.reset(Some(order.system), Some(&order.account));
    }
    answer(&described(&state, &told))
}
