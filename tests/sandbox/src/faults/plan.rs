//! The faults that still have requests to hit.

use std::sync::Mutex;

use fastrand::Rng;
use serde::Serialize;

use super::Fault;
use crate::lock::locked;
use crate::vendor::System;

/// A fault that still has requests to hit. `times` counts down.
#[derive(Clone, Serialize)]
pub struct PlannedFault {
    /// Its number.
    pub id: u64,
    /// When it ends by itself.
    #[serde(skip_serializing_if = "Option::is_none")]
    ends_at_ms: Option<i64>,
    /// The order, with what is left of its times.
    #[serde(flatten)]
    pub fault: Fault,
    #[serde(skip)]
    left: u64,
    #[serde(skip)]
    rng: Rng,
}

impl PlannedFault {
    fn is_over(&self, at_ms: i64) -> bool {
        self.left == 0 || self.ends_at_ms.is_some_and(|ends_at_ms| ends_at_ms <= at_ms)
    }

    fn is_for(&self, system: System, account: Option<&str>, method: &str, path: &str) -> bool {
        let fault = &self.fault;
        fault.system == system
            && fault.account.as_deref().is_none_or(|wanted| Some(wanted) == account)
            && fault.matching.hits(method, path)
    }

    /// Whether it hits this one of the requests that it is for.
    fn strikes(&mut self) -> bool {
        if self.fault.skip > 0 {
            self.fault.skip -= 1;
            return false;
        }
        let strikes = self.fault.percent.is_none_or(|percent| self.rng.u8(0..100) < percent);
        if strikes {
            self.left -= 1;
            self.fault.times = Some(self.left);
        }
        strikes
    }
}

#[derive(Default)]
struct Plan {
    faults: Vec<PlannedFault>,
    last_id: u64,
}

/// The faults that wait for their requests, first come first served.
#[derive(Default)]
pub struct FaultPlan {
    plan: Mutex<Plan>,
}

impl FaultPlan {
    /// Adds a checked fault and gives its number.
    pub fn add(&self, mut fault: Fault, at_ms: i64) -> u64 {
        let mut plan = locked(&self.plan);
        plan.last_id += 1;
        let id = plan.last_id;
        let left = fault.all_times();
        fault.times = Some(left);
        let lasts_ms = fault.for_ms.map(|for_ms| i64::try_from(for_ms).unwrap_or(i64::MAX));
        let ends_at_ms = lasts_ms.map(|lasts_ms| at_ms.saturating_add(lasts_ms));
        let rng = fault.seed.map_or_else(Rng::new, Rng::with_seed);
        plan.faults.push(PlannedFault { id, ends_at_ms, fault, left, rng });
        id
    }

    /// The fault that hits this request, if any; takes one of its times. A request that one fault
    /// lets pass by its percentage can still meet a later one.
    pub fn take(
        &self,
        system: System,
        account: Option<&str>,
        method: &str,
        path: &str,
        at_ms: i64,
    ) -> Option<Fault> {
        let mut plan = locked(&self.plan);
        plan.faults.retain(|planned| !planned.is_over(at_ms));
        let planned = plan.faults.iter_mut().find_map(|planned| {
            (planned.is_for(system, account, method, path) && planned.strikes())
                .then(|| planned.fault.clone())
        });
        plan.faults.retain(|planned| !planned.is_over(at_ms));
        planned
    }

    /// What is left.
    pub fn left(&self, at_ms: i64) -> Vec<PlannedFault> {
        let mut plan = locked(&self.plan);
        plan.faults.retain(|planned| !planned.is_over(at_ms));
        plan.faults.clone()
    }

    /// Drops the faults of one system and account, or of all that are not named. A fault that is
    /// not bound to an account goes only with its whole system.
    pub fn clear(&self, system: Option<System>, account: Option<&str>) {
        locked(&self.plan).faults.retain(|PlannedFault { fault, .. }| {
            system.is_some_and(|system| system != fault.system)
                || account.is_some_and(|account| fault.account.as_deref() != Some(account))
        });
    }
}

#[cfg(test)]
mod tests {
    use super::{Fault, FaultPlan};
    use crate::vendor::System::Hubspot;

    fn fault(json: &str) -> Fault {
        serde_json::from_str(json).unwrap()
    }

    #[test]
    fn take_counts_down_and_matches_account_method_and_path() {
        let plan = FaultPlan::default();
        let order = fault(
            r#"{"system":"hubspot","account":"1","match":{"method":"post","path_prefix":"/crm"},
                "fault":"status","status":500,"times":2}"#,
        );
        plan.add(order, 0);
        let take = |account, method, path| plan.take(Hubspot, Some(account), method, path, 0);
        assert!(take("2", "POST", "/crm/x").is_none());
        assert!(take("1", "GET", "/crm/x").is_none());
        assert!(take("1", "POST", "/other").is_none());
        assert!(take("1", "POST", "/crm/x").is_some());
        assert_eq!(plan.left(0)[0].fault.times, Some(1));
        assert!(take("1", "POST", "/crm/x").is_some());
        assert!(take("1", "POST", "/crm/x").is_none());
    }

    #[test]
    fn percentage_hits_its_share_the_same_way_for_one_seed() {
        let hits = |seed: u64| {
            let plan = FaultPlan::default();
            let order =
                format!(r#"{{"system":"hubspot","fault":"reset","percent":33,"seed":{seed}}}"#);
            plan.add(fault(&order), 0);
            let take = |_| plan.take(Hubspot, None, "GET", "/", 0).is_some();
            (0..1_000).map(take).collect::<Vec<bool>>()
        };
        let share = hits(7).iter().filter(|hit| **hit).count();
        assert!((280..=380).contains(&share), "{share}");
        assert_eq!(hits(7), hits(7));
        assert_ne!(hits(7), hits(8));
    }

    #[test]
    fn outage_ends_by_itself() {
        let plan = FaultPlan::default();
        let order = r#"{"system":"hubspot","fault":"status","status":503,"for_ms":1000}"#;
        plan.add(fault(order), 5);
        let hit = |at_ms| plan.take(Hubspot, None, "GET", "/", at_ms).is_some();
        assert!([5, 6, 1_004].into_iter().all(hit));
        assert_eq!(plan.left(1_004).len(), 1);
        assert!(!hit(1_005));
        assert!(plan.left(1_005).is_empty());
    }

    #[test]
    fn check_refuses_orders_without_what_they_need() {
        for order in [
            r#"{"system":"hubspot","fault":"status"}"#,
            r#"{"system":"hubspot","fault":"hang"}"#,
            r#"{"system":"hubspot","fault":"reset","times":0}"#,
            r#"{"system":"hubspot","fault":"html","status":99}"#,
            r#"{"system":"hubspot","fault":"reset","percent":101}"#,
            r#"{"system":"hubspot","fault":"reset","seed":1}"#,
            r#"{"system":"hubspot","fault":"reset","for_ms":0}"#,
        ] {
            assert!(fault(order).check().is_err(), "{order}");
        }
        assert!(fault(r#"{"system":"hubspot","fault":"status","status":477}"#).check().is_ok());
    }

    #[test]
    fn fault_lets_as_many_requests_pass_as_it_skips() {
        let plan = FaultPlan::default();
        let fault = r#"{"system":"hubspot","fault":"status","status":500,"skip":2}"#;
        plan.add(serde_json::from_str(fault).unwrap(), 0);
        let hits = (0..4)
            .map(|_| plan.take(crate::vendor::System::Hubspot, None, "GET", "/", 0).is_some());
        assert_eq!(hits.collect::<Vec<_>>(), [false, false, true, false]);
    }

    #[test]
    fn clear_of_one_account_leaves_the_others() {
        let plan = FaultPlan::default();
        for account in ["1", "2"] {
            let order = format!(r#"{{"system":"hubspot","account":"{account}","fault":"reset"}}"#);
            plan.add(fault(&order), 0);
        }
        plan.clear(Some(Hubspot), Some("1"));
        assert_eq!(plan.left(0).len(), 1);
        plan.clear(None, None);
        assert!(plan.left(0).is_empty());
    }
}
