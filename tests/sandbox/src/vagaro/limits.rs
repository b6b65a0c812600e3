//! Vagaro's rate limit. Nobody publishes its numbers, so each account says its own; the token
//! endpoint has none here but by fault.

use crate::accounts::Account;
use crate::rates::{Policy, Window};

const REQUESTS_PER_SECOND: usize = 5;

/// The limits of an account, the one per second first.
pub fn policies(account: &Account) -> Vec<Policy> {
    let per_second = Policy {
        name: "REQUESTS_PER_SECOND",
        max_calls: account.rate_limit_per_s.unwrap_or(REQUESTS_PER_SECOND),
        window: Window::Rolling { window_ms: 1_000 },
    };
    let at_once = account.max_concurrent.map(|max_calls| Policy {
        name: "CONCURRENT_REQUESTS",
        max_calls,
        window: Window::AtOnce,
    });
    std::iter::once(per_second).chain(at_once).collect()
}
