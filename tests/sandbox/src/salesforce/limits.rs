//! Salesforce's limits: calls of the last 24 hours, and optionally calls at one time.

use http::StatusCode;
use serde_json::json;

use super::errors::Refusal;
use crate::accounts::Account;
use crate::rates::{DAY_MS, Policy, Usage, Window};
use crate::vendor::Answer;

/// The policy of a day, by the name that the error gives it.
const DAILY: &str = "TotalRequests";
/// The policy of calls at one time.
const AT_ONCE: &str = "ConcurrentPerOrgLongTxn";
/// An Enterprise org without a licence has these.
const ENTERPRISE_DAILY: usize = 100_000;
const DEVELOPER_DAILY: usize = 15_000;

/// Both limits of an org, the day first. The real one counts only calls of twenty seconds and more
/// as running at one time; here an account that wants that limit says how many.
pub fn policies(account: &Account) -> Vec<Policy> {
    let domain = account.domain.as_deref().unwrap_or_default();
    let usual = if domain.ends_with(".develop") { DEVELOPER_DAILY } else { ENTERPRISE_DAILY };
    let daily = Policy {
        name: DAILY,
        max_calls: account.rate_limit_daily.unwrap_or(usual),
        window: Window::Rolling { window_ms: DAY_MS },
    };
    let at_once = account.max_concurrent.map(|max_calls| Policy {
        name: AT_ONCE,
        max_calls,
        window: Window::AtOnce,
    });
    std::iter::once(daily).chain(at_once).collect()
}

fn daily(usages: &[Usage]) -> Option<(usize, usize)> {
    let daily = usages.iter().find(|usage| usage.policy.name == DAILY)?;
    Some((daily.policy.max_calls, daily.remaining))
}

/// `Sforce-Limit-Info`.
pub fn headers(usages: &[Usage]) -> Vec<(&'static str, String)> {
    let told = daily(usages).map(|(max, left)| {
        ("sforce-limit-info", format!("api-usage={}/{max}", max.saturating_sub(left)))
    });
    told.into_iter().collect()
}

/// `GET /limits`, as far as it is played.
pub fn told(usages: &[Usage]) -> Result<Answer, Refusal> {
    let (max, left) = daily(usages).ok_or_else(Refusal::not_found)?;
    let body = json!({ "DailyApiRequests": { "Max": max, "Remaining": left } });
    Ok(Answer::json(StatusCode::OK, &body))
}
