//! Faults that a control call asked for: which requests they hit, and how often still.

mod delivery;

use std::collections::BTreeMap;
use std::sync::Mutex;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::lock::locked;
use crate::vendor::{FaultDetails, System};
pub use delivery::deliver;

/// What happens to a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum FaultKind {
    /// An error answer.
    Status,
    /// No answer for `delay_ms`, then an error answer.
    Hang,
    /// The TCP connection is reset.
    Reset,
    /// Half of a body under the content length of the whole.
    Truncate,
    /// An HTML page where JSON is expected.
    Html,
    /// The right answer, late. Always carried out.
    Delay,
}

impl FaultKind {
    /// The name in the control API.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Status => "status",
            Self::Hang => "hang",
            Self::Reset => "reset",
            Self::Truncate => "truncate",
            Self::Html => "html",
            Self::Delay => "delay",
        }
    }
}

/// Which requests a fault hits.
#[derive(Clone, Debug, Default, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct RequestMatch {
    /// Method, in any case.
    pub method: Option<String>,
    /// Start of the vendor's path.
    pub path_prefix: Option<String>,
}

impl RequestMatch {
    fn hits(&self, method: &str, path: &str) -> bool {
        self.method.as_ref().is_none_or(|wanted| wanted.eq_ignore_ascii_case(method))
            && self.path_prefix.as_ref().is_none_or(|prefix| path.starts_with(prefix.as_str()))
    }
}

/// An order for faults, as the control API takes it.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Fault {
    /// The vendor.
    pub system: System,
    /// Only this account's requests.
    #[serde(default)]
    pub account: Option<String>,
    /// Only these requests.
    #[serde(default, rename = "match")]
    pub matching: RequestMatch,
    /// What happens.
    #[serde(rename = "fault")]
    pub kind: FaultKind,
    /// The status to give.
    #[serde(default)]
    pub status: Option<u16>,
    /// Headers to add to the answer.
    #[serde(default)]
    pub headers: BTreeMap<String, String>,
    /// The answer's body: text is sent as it is, other JSON as JSON. Absent: the vendor's error.
    #[serde(default)]
    pub body: Option<Value>,
    /// How long to wait before the answer.
    #[serde(default)]
    pub delay_ms: Option<u64>,
    /// How many requests are hit.
    #[serde(default = "once")]
    pub times: u64,
    /// Whether the request is carried out before the fault is given.
    #[serde(default)]
    pub apply: bool,
    /// Details of the vendor's error.
    #[serde(default)]
    pub details: FaultDetails,
}

const fn once() -> u64 {
    1
}

impl Fault {
    /// Whether the request changes state although the caller won't learn it.
    pub fn carries_out(&self) -> bool {
        self.apply || self.kind == FaultKind::Delay
    }

    /// Refuses an order that could not do what it says.
    pub fn check(&self) -> Result<(), String> {
        if self.times == 0 {
            return Err("`times` must be at least 1".to_owned());
        }
        if self.status.is_some_and(|status| !(200..=999).contains(&status)) {
            return Err("`status` must be between 200 and 999".to_owned());
        }
        match self.kind {
            FaultKind::Status if self.status.is_none() => {
                Err("fault `status` needs a `status`".to_owned())
            }
            FaultKind::Hang | FaultKind::Delay if self.delay_ms.is_none() => {
                Err(format!("fault `{}` needs `delay_ms`", self.kind.name()))
            }
            FaultKind::Status
            | FaultKind::Hang
            | FaultKind::Reset
            | FaultKind::Truncate
            | FaultKind::Html
            | FaultKind::Delay => Ok(()),
        }
    }
}

/// A fault that still has requests to hit. `times` counts down.
#[derive(Clone, Serialize)]
pub struct PlannedFault {
    /// Its number.
    pub id: u64,
    /// What is left of it.
    #[serde(flatten)]
    pub fault: Fault,
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
    pub fn add(&self, fault: Fault) -> u64 {
        let mut plan = locked(&self.plan);
        plan.last_id += 1;
        let id = plan.last_id;
        plan.faults.push(PlannedFault { id, fault });
        id
    }

    /// The fault that hits this request, if any; takes one of its times.
    pub fn take(
        &self,
        system: System,
        account: Option<&str>,
        method: &str,
        path: &str,
    ) -> Option<Fault> {
        let mut plan = locked(&self.plan);
        let index = plan.faults.iter().position(|PlannedFault { fault, .. }| {
            fault.system == system
                && fault.account.as_deref().is_none_or(|wanted| Some(wanted) == account)
                && fault.matching.hits(method, path)
        })?;
        let planned = plan.faults.get_mut(index)?;
        planned.fault.times -= 1;
        let fault = planned.fault.clone();
        if fault.times == 0 {
            plan.faults.remove(index);
        }
        Some(fault)
    }

    /// What is left.
    pub fn left(&self) -> Vec<PlannedFault> {
        locked(&self.plan).faults.clone()
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
        plan.add(fault(
            r#"{"system":"hubspot","account":"1","match":{"method":"post","path_prefix":"/crm"},
                "fault":"status","status":500,"times":2}"#,
        ));
        assert!(plan.take(Hubspot, Some("2"), "POST", "/crm/x").is_none());
        assert!(plan.take(Hubspot, Some("1"), "GET", "/crm/x").is_none());
        assert!(plan.take(Hubspot, Some("1"), "POST", "/other").is_none());
        assert!(plan.take(Hubspot, Some("1"), "POST", "/crm/x").is_some());
        assert_eq!(plan.left()[0].fault.times, 1);
        assert!(plan.take(Hubspot, Some("1"), "POST", "/crm/x").is_some());
        assert!(plan.take(Hubspot, Some("1"), "POST", "/crm/x").is_none());
    }

    #[test]
    fn check_refuses_orders_without_what_they_need() {
        for order in [
            r#"{"system":"hubspot","fault":"status"}"#,
            r#"{"system":"hubspot","fault":"hang"}"#,
            r#"{"system":"hubspot","fault":"reset","times":0}"#,
            r#"{"system":"hubspot","fault":"html","status":99}"#,
        ] {
            assert!(fault(order).check().is_err(), "{order}");
        }
        assert!(fault(r#"{"system":"hubspot","fault":"status","status":477}"#).check().is_ok());
    }

    #[test]
    fn clear_of_one_account_leaves_the_others() {
        let plan = FaultPlan::default();
        for account in ["1", "2"] {
            plan.add(fault(&format!(
                r#"{{"system":"hubspot","account":"{account}","fault":"reset"}}"#
            )));
        }
        plan.clear(Some(Hubspot), Some("1"));
        assert_eq!(plan.left().len(), 1);
        plan.clear(None, None);
        assert!(plan.left().is_empty());
    }
}
