//! Pipedrive's limits: a burst for each token, a narrower one for search, a budget of tokens for
//! the day, and the block of API tokens that go on over them.

use jiff::Timestamp;
use jiff::tz::TimeZone;
use serde::Deserialize;

use super::access::Credential;
use super::routes::{Call, Route};
use super::store::Company;
use crate::accounts::Account;
use crate::rates::{Policy, Usage, Window};

/// The burst of the API token.
pub const BURST: &str = "BURST";
/// The burst of the OAuth app. All access tokens of one grant share it.
const BURST_OAUTH: &str = "BURST_OAUTH";
/// The burst of searches.
const SEARCH: &str = "SEARCH";
/// The budget of the day.
pub const DAILY_TOKENS: &str = "DAILY_TOKENS";

const TWO_SECONDS: Window = Window::Rolling { window_ms: 2_000 };
/// What `x-ratelimit-reset` says, in seconds.
const RESET_S: &str = "2";
const OAUTH_FACTOR: usize = 4;
const SEARCHES: usize = 10;
const DAILY_TOKENS_PER_SEAT: usize = 30_000;
const MINUTE_MS: i64 = 60_000;
const DEFAULT_BLOCK_AFTER: usize = 100;
const DEFAULT_BLOCK_MS: i64 = 60_000;
const SERVER_ZONE: &str = "UTC";

/// What a company pays for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Plan {
    /// The smallest.
    #[default]
    Lite,
    /// The next one.
    Growth,
    /// The next one.
    Premium,
    /// The largest.
    Ultimate,
}

impl Plan {
    /// Calls of an API token in two seconds.
    const fn burst(self) -> usize {
        match self {
            Self::Lite => 20,
            Self::Growth => 40,
            Self::Premium => 100,
            Self::Ultimate => 120,
        }
    }

    /// How often the daily budget of a seat.
    const fn factor(self) -> usize {
        match self {
            Self::Lite => 1,
            Self::Growth => 2,
            Self::Premium => 5,
            Self::Ultimate => 7,
        }
    }
}

/// The zone in which the day of the budget ends.
pub fn server_zone(account: &Account) -> Result<TimeZone, String> {
    let name = account.time_zone.as_deref().unwrap_or(SERVER_ZONE);
    TimeZone::get(name).map_err(|_| format!("`time_zone`: unknown zone `{name}`"))
}

fn utc_offset_ms(account: &Account, now_ms: i64) -> i64 {
    let of_zone = || {
        let at = Timestamp::from_millisecond(now_ms).unwrap_or(Timestamp::UNIX_EPOCH);
        let zone = server_zone(account).unwrap_or(TimeZone::UTC);
        i64::from(zone.to_offset(at).seconds()) * 1_000
    };
    account.utc_offset_ms.unwrap_or_else(of_zone)
}

fn burst(account: &Account, credential: Credential) -> Policy {
    let of_plan = account.plan.burst();
    let (name, factor) = match credential {
        Credential::ApiToken => (BURST, 1),
        Credential::Oauth => (BURST_OAUTH, OAUTH_FACTOR),
    };
    let max_calls = account.rate_limit_per_2s.unwrap_or(of_plan * factor);
    Policy { name, max_calls, window: TWO_SECONDS }
}

fn budget(account: &Account, cost: usize, now_ms: i64) -> Policy {
    let of_plan = DAILY_TOKENS_PER_SEAT * account.plan.factor();
    let window = Window::Tokens { utc_offset_ms: utc_offset_ms(account, now_ms), cost };
    Policy { name: DAILY_TOKENS, max_calls: account.rate_limit_daily.unwrap_or(of_plan), window }
}

const SEARCH_POLICY: Policy = Policy { name: SEARCH, max_calls: SEARCHES, window: TWO_SECONDS };

/// What a call counts against; the token endpoint counts against nothing, and a path that leads
/// nowhere costs nothing.
pub fn policies(
    account: &Account,
    route: Option<&Route>,
    credential: Credential,
    now_ms: i64,
) -> Vec<Policy> {
    let call = match route {
        Some(Route::Oauth(_)) => return Vec::new(),
        Some(Route::Api(_, call)) => Some(*call),
        None => None,
    };
    let mut policies = vec![budget(account, call.map_or(0, Call::cost), now_ms)];
    if call.is_some_and(Call::is_search) {
        policies.push(SEARCH_POLICY);
    }
    policies.push(burst(account, credential));
    policies
}

/// All limits of an account, the burst of its API token first, or of its app if it has no token.
pub fn all(account: &Account, now_ms: i64) -> Vec<Policy> {
    let mut bursts = vec![burst(account, Credential::ApiToken)];
    if account.oauth.is_some() {
        bursts.push(burst(account, Credential::Oauth));
    }
    if account.access_token.is_empty() {
        bursts.reverse();
    }
    bursts.extend([SEARCH_POLICY, budget(account, 0, now_ms)]);
    bursts
}

/// The burst that has least left, and the budget.
pub fn headers(usages: &[Usage]) -> Vec<(&'static str, String)> {
    let mut headers = Vec::new();
    let bursts = usages.iter().filter(|usage| usage.policy.window == TWO_SECONDS);
    if let Some(Usage { policy, remaining }) = bursts.min_by_key(|usage| usage.remaining) {
        headers.push(("x-ratelimit-limit", policy.max_calls.to_string()));
        headers.push(("x-ratelimit-remaining", remaining.to_string()));
        headers.push(("x-ratelimit-reset", RESET_S.to_owned()));
    }
    let budget = usages.iter().find(|usage| usage.policy.name == DAILY_TOKENS);
    if let Some(Usage { policy, remaining }) = budget {
        headers.push(("x-daily-ratelimit-token-limit", policy.max_calls.to_string()));
        headers.push(("x-daily-ratelimit-token-remaining", remaining.to_string()));
    }
    headers
}

/// Notes that a call of the API token was over a limit; too many of them within a minute block it.
pub fn note_refused(account: &Account, company: &mut Company, now_ms: i64) {
    while company.refused_ms.front().is_some_and(|first| now_ms - first >= MINUTE_MS) {
        company.refused_ms.pop_front();
    }
    company.refused_ms.push_back(now_ms);
    if company.refused_ms.len() >= account.block_after_429s.unwrap_or(DEFAULT_BLOCK_AFTER) {
        let lasts_ms = account.block_ms.unwrap_or(DEFAULT_BLOCK_MS);
        company.blocked_until_ms = Some(now_ms.saturating_add(lasts_ms));
        company.refused_ms.clear();
    }
}

/// Whether the API token is blocked now.
pub fn is_blocked(company: &Company, now_ms: i64) -> bool {
    company.blocked_until_ms.is_some_and(|until_ms| now_ms < until_ms)
}
