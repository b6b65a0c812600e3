//! How hard each account was really called: the fullest rolling windows, refused and faulted calls
//! included, and the most calls at one time. What is allowed is in `rates`.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Mutex;

use crate::lock::locked;
use crate::rates::{Policy, Window};
use crate::vendor::System;

/// Calls received under one policy.
#[derive(Clone, Debug, Default)]
pub struct Received {
    recent: VecDeque<i64>,
    /// The most in any one window.
    pub max_in_window: usize,
    /// Calls that the limiter refused.
    pub over_limit: u64,
}

/// What one account got.
#[derive(Clone, Debug, Default)]
pub struct Load {
    /// By policy name.
    pub by_policy: BTreeMap<&'static str, Received>,
    /// Calls running now.
    pub in_flight: usize,
    /// The most calls that ever ran at one time.
    pub max_in_flight: usize,
    /// Calls that count against no policy.
    pub unlimited_calls: u64,
    /// What served calls have cost, by route, where they have prices.
    pub tokens_by_route: BTreeMap<String, usize>,
}

impl Load {
    /// The fullest window of a policy.
    pub fn max_in_window(&self, policy: &str) -> usize {
        self.by_policy.get(policy).map_or(0, |received| received.max_in_window)
    }

    /// The calls of a policy in the window that ends now.
    pub fn in_window(&self, policy: &Policy, at_ms: i64) -> usize {
        let Window::Rolling { window_ms } = policy.window else { return 0 };
        let recent = self.by_policy.get(policy.name).map(|received| received.recent.iter());
        recent.into_iter().flatten().filter(|instant| at_ms - **instant < window_ms).count()
    }
}

type Loads = BTreeMap<(System, String), Load>;

/// The load of all accounts.
#[derive(Default)]
pub struct Traffic {
    loads: Mutex<Loads>,
}

/// A call that is running; it ends when this is dropped, also when its caller goes away.
pub struct InFlight<'a> {
    traffic: &'a Traffic,
    key: (System, String),
    /// The calls of the account that ran when it had arrived, itself among them.
    pub running: usize,
}

impl Drop for InFlight<'_> {
    fn drop(&mut self) {
        if let Some(load) = locked(&self.traffic.loads).get_mut(&self.key) {
            load.in_flight = load.in_flight.saturating_sub(1);
        }
    }
}

impl Traffic {
    /// Notes a call that has arrived.
    pub fn receive(
        &self,
        system: System,
        account: &str,
        policies: &[Policy],
        at_ms: i64,
    ) -> InFlight<'_> {
        let key = (system, account.to_owned());
        let mut loads = locked(&self.loads);
        let load = loads.entry(key.clone()).or_default();
        load.unlimited_calls += u64::from(policies.is_empty());
        for policy in policies {
            let Window::Rolling { window_ms } = policy.window else { continue };
            let received = load.by_policy.entry(policy.name).or_default();
            received.recent.push_back(at_ms);
            while received.recent.front().is_some_and(|first| at_ms - first >= window_ms) {
                received.recent.pop_front();
            }
            received.max_in_window = received.max_in_window.max(received.recent.len());
        }
        load.in_flight += 1;
        load.max_in_flight = load.max_in_flight.max(load.in_flight);
        InFlight { traffic: self, key, running: load.in_flight }
    }

    /// Notes that the limiter refused a call.
    pub fn refuse(&self, system: System, account: &str, policy: &Policy) {
        let mut loads = locked(&self.loads);
        let load = loads.entry((system, account.to_owned())).or_default();
        load.by_policy.entry(policy.name).or_default().over_limit += 1;
    }

    /// Notes what a served call has cost.
    pub fn spend(&self, system: System, account: &str, route: String, cost: usize) {
        let mut loads = locked(&self.loads);
        let load = loads.entry((system, account.to_owned())).or_default();
        *load.tokens_by_route.entry(route).or_default() += cost;
    }

    /// What an account got.
    pub fn of(&self, system: System, account: &str) -> Load {
        locked(&self.loads).get(&(system, account.to_owned())).cloned().unwrap_or_default()
    }

    /// Begins counting anew for one system and account, or for all that are not named. Calls that
    /// run go on running.
    pub fn reset(&self, system: Option<System>, account: Option<&str>) {
        for ((of_system, of_account), load) in locked(&self.loads).iter_mut() {
            let is_selected = system.is_none_or(|system| system == *of_system)
                && account.is_none_or(|account| account == of_account);
            if is_selected {
                let in_flight = load.in_flight;
                *load = Load { in_flight, max_in_flight: in_flight, ..Load::default() };
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Traffic;
    use crate::rates::{Policy, Window};
    use crate::vendor::System::Hubspot;

    const BURST: Policy =
        Policy { name: "burst", max_calls: 2, window: Window::Rolling { window_ms: 1_000 } };

    #[test]
    fn fullest_window_counts_every_call_and_slides() {
        let traffic = Traffic::default();
        for at_ms in [0, 500, 999, 1_000, 1_600] {
            drop(traffic.receive(Hubspot, "1", &[BURST], at_ms));
        }
        let load = traffic.of(Hubspot, "1");
        assert_eq!(load.max_in_window("burst"), 3);
        assert_eq!(load.in_window(&BURST, 1_999), 2);
        assert_eq!(load.max_in_flight, 1);
    }

    #[test]
    fn running_calls_are_counted_until_they_are_dropped() {
        let traffic = Traffic::default();
        let first = traffic.receive(Hubspot, "1", &[], 0);
        let second = traffic.receive(Hubspot, "1", &[], 0);
        drop(first);
        let load = traffic.of(Hubspot, "1");
        assert_eq!((load.in_flight, load.max_in_flight, load.unlimited_calls), (1, 2, 2));
        traffic.reset(None, None);
        drop(second);
        let load = traffic.of(Hubspot, "1");
        assert_eq!((load.in_flight, load.max_in_flight, load.unlimited_calls), (0, 1, 0));
    }
}
