//! Acuity's rate limits. The real ones are counted per source address; here everything comes from
//! one machine, so each account has a count of its own.

use crate::accounts::Account;
use crate::rates::{Policy, Window};

const REQUESTS_PER_SECOND: usize = 10;
const CONCURRENT_CONNECTIONS: usize = 20;

/// Both limits of an account, the one per second first.
pub fn policies(account: &Account) -> Vec<Policy> {
    vec![
        Policy {
            name: "REQUESTS_PER_SECOND",
            max_calls: account.rate_limit_per_s.unwrap_or(REQUESTS_PER_SECOND),
            window: Window::Rolling { window_ms: 1_000 },
        },
        Policy {
            name: "CONCURRENT_CONNECTIONS",
            max_calls: account.max_concurrent.unwrap_or(CONCURRENT_CONNECTIONS),
            window: Window::AtOnce,
        },
    ]
}
