//! HubSpot's rate limits: a rolling burst and a day for most calls, a second of its own for
//! search, a burst of their own for associations.

use super::routes::{Operation, Route};
use crate::accounts::Account;
use crate::rates::{Policy, Usage, Window};

/// The burst policy.
pub const TEN_SECONDLY: &str = "TEN_SECONDLY_ROLLING";
/// The daily policy.
pub const DAILY: &str = "DAILY";
/// The policy of search.
pub const SECONDLY: &str = "SECONDLY";
/// What the sandbox calls the burst policy of associations; HubSpot has published no name.
pub const ASSOCIATIONS: &str = "ASSOCIATIONS_TEN_SECONDLY_ROLLING";

const PRIVATE_APP_PER_10S: usize = 190;
const OAUTH_APP_PER_10S: usize = 110;
const ASSOCIATIONS_PER_10S: usize = 150;
const PROFESSIONAL_DAILY: usize = 625_000;
const SEARCH_PER_SECOND: usize = 5;
const TEN_SECONDS: Window = Window::Rolling { window_ms: 10_000 };
/// The time zone that accounts have unless they say otherwise is five hours behind.
pub const DEFAULT_UTC_OFFSET_MS: i64 = -5 * 60 * 60 * 1_000;

fn burst(account: &Account) -> Policy {
    let by_app = if account.oauth.is_some() { OAUTH_APP_PER_10S } else { PRIVATE_APP_PER_10S };
    let max_calls = account.rate_limit_per_10s.unwrap_or(by_app);
    Policy { name: TEN_SECONDLY, max_calls, window: TEN_SECONDS }
}

/// OAuth apps have no published daily limit.
fn daily(account: &Account) -> Option<Policy> {
    let by_app = account.oauth.is_none().then_some(PROFESSIONAL_DAILY);
    let max_calls = account.rate_limit_daily.or(by_app)?;
    let utc_offset_ms = account.utc_offset_ms.unwrap_or(DEFAULT_UTC_OFFSET_MS);
    Some(Policy { name: DAILY, max_calls, window: Window::Day { utc_offset_ms } })
}

const SEARCH: Policy = Policy {
    name: SECONDLY,
    max_calls: SEARCH_PER_SECOND,
    window: Window::Rolling { window_ms: 1_000 },
};

const OF_ASSOCIATIONS: Policy =
    Policy { name: ASSOCIATIONS, max_calls: ASSOCIATIONS_PER_10S, window: TEN_SECONDS };

/// What a call counts against; the token endpoint counts against nothing.
pub fn policies(account: &Account, route: Option<&Route>) -> Vec<Policy> {
    let mut policies = match route {
        Some(Route::Tokens(_)) => return Vec::new(),
        Some(Route::Objects { operation: Operation::Search, .. }) => vec![SEARCH],
        Some(Route::Objects { operation: Operation::Associations(_), .. }) => {
            vec![burst(account), OF_ASSOCIATIONS]
        }
        Some(
            Route::Objects { .. }
            | Route::Properties { .. }
            | Route::Pipelines(..)
            | Route::AccountDetails,
        )
        | None => vec![burst(account)],
    };
    policies.extend(daily(account));
    policies
}

/// All limits of an account, the burst first.
pub fn all(account: &Account) -> Vec<Policy> {
    let mut all = vec![burst(account)];
    all.extend(daily(account));
    all.extend([SEARCH, OF_ASSOCIATIONS]);
    all
}

/// Nothing for search, whose answers carry no limit headers; nothing about the day for OAuth apps.
pub fn headers(account: &Account, usages: &[Usage]) -> Vec<(&'static str, String)> {
    if usages.iter().any(|usage| usage.policy.name == SECONDLY) {
        return Vec::new();
    }
    let mut headers = Vec::new();
    for Usage { policy, remaining } in usages {
        match policy.name {
            DAILY if account.oauth.is_none() => {
                headers.push(("x-hubspot-ratelimit-daily", policy.max_calls.to_string()));
                headers.push(("x-hubspot-ratelimit-daily-remaining", remaining.to_string()));
            }
            TEN_SECONDLY => {
                headers.push(("x-hubspot-ratelimit-max", policy.max_calls.to_string()));
                headers.push(("x-hubspot-ratelimit-remaining", remaining.to_string()));
                let interval = "x-hubspot-ratelimit-interval-milliseconds";
                headers.push((interval, "10000".to_owned()));
            }
            _ => {}
        }
    }
    headers
}
