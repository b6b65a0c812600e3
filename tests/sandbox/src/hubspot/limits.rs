//! HubSpot's rate limits: a rolling burst and a day for most calls, a second of its own for search.

use crate::accounts::Account;
use crate::rates::{Policy, Usage};

/// The burst policy.
pub const TEN_SECONDLY: &str = "TEN_SECONDLY_ROLLING";
/// The daily policy.
pub const DAILY: &str = "DAILY";
/// The policy of search.
pub const SECONDLY: &str = "SECONDLY";

const PRIVATE_APP_PER_10S: usize = 190;
const PROFESSIONAL_DAILY: usize = 625_000;
const SEARCH_PER_SECOND: usize = 5;

/// What a call counts against.
pub fn policies(account: &Account, is_search: bool) -> Vec<Policy> {
    let daily = Policy {
        name: DAILY,
        max_calls: account.rate_limit_daily.unwrap_or(PROFESSIONAL_DAILY),
        window_ms: 24 * 60 * 60 * 1_000,
    };
    let burst = if is_search {
        Policy { name: SECONDLY, max_calls: SEARCH_PER_SECOND, window_ms: 1_000 }
    } else {
        Policy {
            name: TEN_SECONDLY,
            max_calls: account.rate_limit_per_10s.unwrap_or(PRIVATE_APP_PER_10S),
            window_ms: 10_000,
        }
    };
    vec![burst, daily]
}

/// Nothing for search, whose answers carry no limit headers.
pub fn headers(usages: &[Usage]) -> Vec<(&'static str, String)> {
    if usages.iter().any(|usage| usage.policy.name == SECONDLY) {
        return Vec::new();
    }
    let mut headers = Vec::new();
    for Usage { policy, remaining } in usages {
        if policy.name == DAILY {
            headers.push(("x-hubspot-ratelimit-daily", policy.max_calls.to_string()));
            headers.push(("x-hubspot-ratelimit-daily-remaining", remaining.to_string()));
        } else {
            headers.push(("x-hubspot-ratelimit-max", policy.max_calls.to_string()));
            headers.push(("x-hubspot-ratelimit-remaining", remaining.to_string()));
            headers
                .push(("x-hubspot-ratelimit-interval-milliseconds", policy.window_ms.to_string()));
        }
    }
    headers
}
