//! Faults of the tap: which AWS calls they meet and what they do to them.

use std::sync::Mutex;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::CallIdentity;
use super::log::contains;
use crate::lock::locked;

/// What happens to a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum TapFaultKind {
    /// Sent on after `delay_ms`, even if the caller is gone by then.
    Delay,
    /// Sent on after `delay_ms`, unless the caller is gone by then.
    HoldBefore,
    /// Sent on at once; the answer is held back for `delay_ms`.
    HoldAfter,
    /// An error answer.
    Status,
    /// The TCP connection is reset.
    Reset,
}

/// An order for faults, as the control API takes it.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct TapFault {
    #[serde(default)]
    operation: Option<String>,
    #[serde(default)]
    service: Option<String>,
    #[serde(default)]
    contains: Option<String>,
    /// How many matching calls pass before the first is hit.
    #[serde(default)]
    pub skip: u64,
    /// What happens.
    #[serde(rename = "fault")]
    pub kind: TapFaultKind,
    /// How long to wait.
    #[serde(default)]
    pub delay_ms: Option<u64>,
    /// The status to give.
    #[serde(default)]
    pub status: Option<u16>,
    /// The body to give; text is sent as it is, other JSON as JSON.
    #[serde(default)]
    pub body: Option<Value>,
    /// How many calls are hit.
    #[serde(default = "once")]
    pub times: u64,
    /// For `status` and `reset`: whether the call is carried out first.
    #[serde(default)]
    pub apply: bool,
}

const fn once() -> u64 {
    1
}

impl TapFault {
    /// Refuses an order that could not do what it says.
    pub fn check(&self) -> Result<(), String> {
        if self.times == 0 {
            return Err("`times` must be at least 1".to_owned());
        }
        if self.status.is_some_and(|status| !(200..=999).contains(&status)) {
            return Err("`status` must be between 200 and 999".to_owned());
        }
        match self.kind {
            TapFaultKind::Delay | TapFaultKind::HoldBefore | TapFaultKind::HoldAfter
                if self.delay_ms.is_none() =>
            {
                Err("this fault needs `delay_ms`".to_owned())
            }
            TapFaultKind::Status if self.status.is_none() => {
                Err("fault `status` needs a `status`".to_owned())
            }
            TapFaultKind::Delay
            | TapFaultKind::HoldBefore
            | TapFaultKind::HoldAfter
            | TapFaultKind::Status
            | TapFaultKind::Reset => Ok(()),
        }
    }

    fn hits(&self, identity: &CallIdentity, body: &[u8]) -> bool {
        let same = |wanted: &Option<String>, given: &str| {
            wanted.as_ref().is_none_or(|wanted| wanted.eq_ignore_ascii_case(given))
        };
        same(&self.operation, &identity.operation)
            && same(&self.service, &identity.service)
            && self.contains.as_ref().is_none_or(|wanted| contains(body, wanted))
    }
}

/// A fault that still has calls to hit; `skip` and `times` count down.
#[derive(Clone, Serialize)]
pub struct PlannedTapFault {
    id: u64,
    #[serde(flatten)]
    fault: TapFault,
}

#[derive(Default)]
struct Plan {
    faults: Vec<PlannedTapFault>,
    last_id: u64,
}

/// The faults that wait for their calls, first come first served.
#[derive(Default)]
pub struct TapFaults {
    plan: Mutex<Plan>,
}

impl TapFaults {
    /// Adds a checked fault and gives its number.
    pub fn add(&self, fault: TapFault) -> u64 {
        let mut plan = locked(&self.plan);
        plan.last_id += 1;
        let id = plan.last_id;
        plan.faults.push(PlannedTapFault { id, fault });
        id
    }

    /// The fault that hits this call, if any; takes one of its times. Faults that still let calls
    /// pass count this one.
    pub fn take(&self, identity: &CallIdentity, body: &[u8]) -> Option<TapFault> {
        let mut plan = locked(&self.plan);
        let mut hit = None;
        for planned in plan.faults.iter_mut().filter(|p| p.fault.hits(identity, body)) {
            if planned.fault.skip > 0 {
                planned.fault.skip -= 1;
            } else {
                planned.fault.times -= 1;
                hit = Some(planned.fault.clone());
                break;
            }
        }
        plan.faults.retain(|planned| planned.fault.times > 0);
        hit
    }

    /// What is left.
    pub fn left(&self) -> Vec<PlannedTapFault> {
        locked(&self.plan).faults.clone()
    }

    /// Drops all.
    pub fn clear(&self) {
        locked(&self.plan).faults.clear();
    }
}

#[cfg(test)]
mod tests {
    use super::{TapFault, TapFaults};
    use crate::aws_tap::CallIdentity;

    fn put_item() -> CallIdentity {
        CallIdentity {
            service: "dynamodb".to_owned(),
            operation: "PutItem".to_owned(),
            function: None,
        }
    }

    fn fault(json: &str) -> TapFault {
        serde_json::from_str(json).unwrap()
    }

    #[test]
    fn take_lets_the_skipped_calls_through_first() {
        let faults = TapFaults::default();
        faults.add(fault(r#"{"operation":"PutItem","skip":1,"fault":"reset","contains":"T#a"}"#));
        assert!(faults.take(&put_item(), b"T#b").is_none());
        assert!(faults.take(&put_item(), b"T#a").is_none());
        assert!(faults.take(&put_item(), b"T#a").is_some());
        assert!(faults.take(&put_item(), b"T#a").is_none());
        assert!(faults.left().is_empty());
    }

    #[test]
    fn check_refuses_holds_without_a_delay() {
        assert!(fault(r#"{"fault":"hold_before"}"#).check().is_err());
        assert!(fault(r#"{"fault":"status"}"#).check().is_err());
        assert!(fault(r#"{"fault":"hold_after","delay_ms":5}"#).check().is_ok());
    }
}
