//! Rolling-window rate limits, shared by all vendors. A vendor names its policies per request; a
//! request is counted in all of them or, if one is full, in none.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Mutex;

use crate::lock::locked;
use crate::vendor::System;

/// One limit of one account.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Policy {
    /// The vendor's name for it.
    pub name: &'static str,
    /// Requests allowed in a window.
    pub max_calls: usize,
    /// Length of the window.
    pub window_ms: i64,
}

/// A policy and what is left of it after this request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Usage {
    /// The policy.
    pub policy: Policy,
    /// Calls left in the present window.
    pub remaining: usize,
}

type Windows = BTreeMap<(System, String, &'static str), VecDeque<i64>>;

/// The windows of all accounts.
#[derive(Default)]
pub struct Rates {
    windows: Mutex<Windows>,
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
        for policy in policies {
            let window = windows.entry((system, account.to_owned(), policy.name)).or_default();
            while window.front().is_some_and(|first| at_ms - first >= policy.window_ms) {
                window.pop_front();
            }
            if window.len() >= policy.max_calls {
                return Err(policy.clone());
            }
        }
        let mut usages = Vec::with_capacity(policies.len());
        for policy in policies {
            let window = windows.entry((system, account.to_owned(), policy.name)).or_default();
            window.push_back(at_ms);
            let remaining = policy.max_calls.saturating_sub(window.len());
            usages.push(Usage { policy: policy.clone(), remaining });
        }
        Ok(usages)
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
    use super::{Policy, Rates};
    use crate::vendor::System::Hubspot;

    const BURST: Policy = Policy { name: "burst", max_calls: 2, window_ms: 1_000 };
    const DAILY: Policy = Policy { name: "daily", max_calls: 3, window_ms: 86_400_000 };

    #[test]
    fn admit_refuses_the_call_over_the_window_and_recovers() {
        let rates = Rates::default();
        let admit =
            |at_ms| rates.admit(Hubspot, "1", &[BURST], at_ms).map(|used| used[0].remaining);
        assert_eq!(admit(0), Ok(1));
        assert_eq!(admit(10), Ok(0));
        assert_eq!(admit(999), Err(BURST));
        assert_eq!(admit(1_000), Ok(0));
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
