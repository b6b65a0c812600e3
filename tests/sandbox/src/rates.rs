//! Rate limits, shared by all vendors. A vendor names its policies per request; a request is
//! counted in all of them or, if one is full, in none.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Mutex;

use crate::lock::locked;
use crate::vendor::System;

/// A day.
pub const DAY_MS: i64 = 24 * 60 * 60 * 1_000;

/// The time over which calls are counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Window {
    /// The last so many milliseconds, at every instant.
    Rolling {
        /// Length.
        window_ms: i64,
    },
    /// From midnight to midnight.
    Day {
        /// How far the account's clocks are ahead of UTC.
        utc_offset_ms: i64,
    },
    /// From midnight to midnight, by what calls cost instead of their number. The call that spends
    /// the last of it is still served.
    Tokens {
        /// How far the vendor's clocks are ahead of UTC.
        utc_offset_ms: i64,
        /// The price of this call.
        cost: usize,
    },
    /// Calls that run at one time. They are counted by `traffic`; here they never fill a window.
    AtOnce,
}

impl Window {
    /// Whether it is as long as a day, rolling or not.
    pub const fn is_daily(self) -> bool {
        match self {
            Self::Rolling { window_ms } => window_ms >= DAY_MS,
            Self::Day { .. } | Self::Tokens { .. } => true,
            Self::AtOnce => false,
        }
    }
}

/// One limit of one account.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Policy {
    /// The vendor's name for it.
    pub name: &'static str,
    /// Requests allowed in a window.
    pub max_calls: usize,
    /// What is counted together.
    pub window: Window,
}

/// A policy and what is left of it after this request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Usage {
    /// The policy.
    pub policy: Policy,
    /// Calls left in the present window.
    pub remaining: usize,
}

/// The calls of one policy of one account that still count.
#[derive(Default)]
struct Counted {
    /// Instants, for a rolling window.
    instants: VecDeque<i64>,
    /// For a day: which one, and how many calls or tokens.
    day: i64,
    day_calls: usize,
}

impl Counted {
    fn used(&mut self, window: Window, at_ms: i64) -> usize {
        match window {
            Window::Rolling { window_ms } => {
                while self.instants.front().is_some_and(|first| at_ms - first >= window_ms) {
                    self.instants.pop_front();
                }
                self.instants.len()
            }
            Window::Day { utc_offset_ms } | Window::Tokens { utc_offset_ms, .. } => {
                let day = at_ms.saturating_add(utc_offset_ms).div_euclid(DAY_MS);
                if day != self.day {
                    (self.day, self.day_calls) = (day, 0);
                }
                self.day_calls
            }
            Window::AtOnce => 0,
        }
    }

    fn count(&mut self, window: Window, at_ms: i64) {
        match window {
            Window::Rolling { .. } => self.instants.push_back(at_ms),
            Window::Day { .. } => self.day_calls += 1,
            Window::Tokens { cost, .. } => self.day_calls += cost,
            Window::AtOnce => {}
        }
    }
}

type ByPolicy = BTreeMap<(System, String, &'static str), Counted>;

/// The windows of all accounts.
#[derive(Default)]
pub struct Rates {
    windows: Mutex<ByPolicy>,
}

fn usages(
    windows: &mut ByPolicy,
    system: System,
    account: &str,
    policies: &[Policy],
    at_ms: i64,
) -> Vec<Usage> {
    let usage = |policy: &Policy| {
        let counted = windows.entry((system, account.to_owned(), policy.name)).or_default();
        let used = counted.used(policy.window, at_ms);
        Usage { policy: policy.clone(), remaining: policy.max_calls.saturating_sub(used) }
    };
    policies.iter().map(usage).collect()
}

impl Rates {
    /// Counts one request at `at_ms`, or gives the first policy that refuses it.
    pub fn admit(
        &self,
        system: System,
        account: &str,
        policies: &[Policy],
        at_ms: i64,
    ) -> Result<Vec<Usage>, Policy> {
        let mut windows = locked(&self.windows);
        let before = usages(&mut windows, system, account, policies, at_ms);
        if let Some(full) = before.into_iter().find(|usage| usage.remaining == 0) {
            return Err(full.policy);
        }
        for policy in policies {
            let counted = windows.entry((system, account.to_owned(), policy.name)).or_default();
            counted.count(policy.window, at_ms);
        }
        Ok(usages(&mut windows, system, account, policies, at_ms))
    }

    /// What is left, without counting anything.
    pub fn peek(
        &self,
        system: System,
        account: &str,
        policies: &[Policy],
        at_ms: i64,
    ) -> Vec<Usage> {
        usages(&mut locked(&self.windows), system, account, policies, at_ms)
    }

    /// Forgets the calls that count against those of an account's policies that last a day.
    pub fn reset_days(&self, system: System, account: &str, policies: &[Policy]) {
        let mut windows = locked(&self.windows);
        for policy in policies.iter().filter(|policy| policy.window.is_daily()) {
            windows.remove(&(system, account.to_owned(), policy.name));
        }
    }

    /// Forgets the windows of one system and account, or of all that are not named.
    pub fn reset(&self, system: Option<System>, account: Option<&str>) {
        locked(&self.windows).retain(|(of_system, of_account, _), _| {
            system.is_some_and(|system| system != *of_system)
                || account.is_some_and(|account| account != of_account)
        });
    }
}

#[cfg(test)]
mod tests {
    use super::{DAY_MS, Policy, Rates, Window};
    use crate::vendor::System::Hubspot;

    const BURST: Policy =
        Policy { name: "burst", max_calls: 2, window: Window::Rolling { window_ms: 1_000 } };
    const DAILY: Policy =
        Policy { name: "daily", max_calls: 3, window: Window::Day { utc_offset_ms: -3_600_000 } };

    #[test]
    fn admit_refuses_the_call_over_the_window_and_recovers() {
        let rates = Rates::default();
        let admit =
            |at_ms| rates.admit(Hubspot, "1", &[BURST], at_ms).map(|used| used[0].remaining);
        assert_eq!(admit(0), Ok(1));
        assert_eq!(admit(10), Ok(0));
        assert_eq!(admit(999), Err(BURST));
        assert_eq!(admit(1_000), Ok(0));
        assert_eq!(admit(1_009), Err(BURST));
        assert_eq!(rates.peek(Hubspot, "1", &[BURST], 1_010)[0].remaining, 1);
    }

    #[test]
    fn admit_counts_a_refused_call_in_no_policy() {
        let rates = Rates::default();
        for at_ms in [0, 1, 2, 3, 4] {
            let _refused = rates.admit(Hubspot, "1", &[DAILY, BURST], at_ms);
        }
        assert_eq!(rates.admit(Hubspot, "1", &[DAILY, BURST], 2_000).unwrap()[0].remaining, 0);
        assert!(rates.admit(Hubspot, "1", &[DAILY, BURST], 4_000).is_err());
    }

    #[test]
    fn day_ends_at_midnight_of_the_account_or_when_it_is_reset() {
        let rates = Rates::default();
        let admit = |at_ms| rates.admit(Hubspot, "1", &[DAILY], at_ms).is_ok();
        let midnight = DAY_MS + 3_600_000;
        assert!([midnight - 3, midnight - 2, midnight - 1].into_iter().all(admit));
        assert!(!admit(midnight - 1));
        assert!([midnight, midnight, midnight].into_iter().all(admit));
        assert!(!admit(midnight));
        rates.reset_days(Hubspot, "1", &[DAILY]);
        assert!(admit(midnight));
    }

    #[test]
    fn tokens_are_spent_by_price_and_the_last_call_may_cost_more_than_is_left() {
        let rates = Rates::default();
        let admit = |cost| {
            let window = Window::Tokens { utc_offset_ms: 0, cost };
            let policy = Policy { name: "tokens", max_calls: 30, window };
            rates.admit(Hubspot, "1", &[policy], 0).map(|used| used[0].remaining).ok()
        };
        assert_eq!([20, 5, 20, 1].map(admit), [Some(10), Some(5), Some(0), None]);
    }

    #[test]
    fn accounts_do_not_share_windows() {
        let rates = Rates::default();
        for at_ms in [0, 1] {
            assert!(rates.admit(Hubspot, "1", &[BURST], at_ms).is_ok());
        }
        assert!(rates.admit(Hubspot, "2", &[BURST], 2).is_ok());
        rates.reset(Some(Hubspot), Some("1"));
        assert!(rates.admit(Hubspot, "1", &[BURST], 3).is_ok());
    }
}
