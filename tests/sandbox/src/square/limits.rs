//! Square's rate limit. The vendor publishes no number, and is said to count per token or per app;
//! here each account has a count of its own.

use super::routes::Route;
use crate::accounts::Account;
use crate::rates::{Policy, Window};

const REQUESTS_PER_SECOND: usize = 20;

/// The one limit of an account.
pub fn policies(account: &Account) -> Vec<Policy> {
    vec![Policy {
        name: "REQUESTS_PER_SECOND",
        max_calls: account.rate_limit_per_s.unwrap_or(REQUESTS_PER_SECOND),
        window: Window::Rolling { window_ms: 1_000 },
    }]
}

/// The limits of a call; those of the OAuth server count against none.
pub fn policies_of(account: &Account, route: Option<&Route>) -> Vec<Policy> {
    if route.is_some_and(Route::is_oauth) { Vec::new() } else { policies(account) }
}
