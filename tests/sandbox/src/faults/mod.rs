//! Faults that a control call asked for: what they are and which requests they hit.

mod delivery;
mod plan;

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::vendor::{FaultDetails, System};
pub use delivery::deliver;
pub use plan::FaultPlan;

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
    /// How many requests are hit. Absent: one, or with `percent` or `for_ms` no end of them.
    #[serde(default)]
    pub times: Option<u64>,
    /// How many matching requests are let pass before the first one is hit.
    #[serde(default)]
    pub skip: u64,
    /// How many of a hundred matching requests are hit; absent means all.
    #[serde(default)]
    pub percent: Option<u8>,
    /// Makes the hits of `percent` come out the same each time.
    #[serde(default)]
    pub seed: Option<u64>,
    /// After so long the fault ends by itself.
    #[serde(default)]
    pub for_ms: Option<u64>,
    /// Whether the request is carried out before the fault is given.
    #[serde(default)]
    pub apply: bool,
    /// Details of the vendor's error.
    #[serde(default)]
    pub details: FaultDetails,
}

/// Stands for no end.
const MANY_TIMES: u64 = 1_000_000_000;

impl Fault {
    /// Whether the request changes state although the caller won't learn it.
    pub fn carries_out(&self) -> bool {
        self.apply || self.kind == FaultKind::Delay
    }

    /// How many requests it hits in the end.
    pub fn all_times(&self) -> u64 {
        let is_open = self.percent.is_some() || self.for_ms.is_some();
        self.times.unwrap_or(if is_open { MANY_TIMES } else { 1 })
    }

    /// Refuses an order that could not do what it says.
    pub fn check(&self) -> Result<(), String> {
        if self.times == Some(0) || self.for_ms == Some(0) {
            return Err("`times` and `for_ms` must be at least 1".to_owned());
        }
        if self.percent.is_some_and(|percent| !(1..=100).contains(&percent)) {
            return Err("`percent` must be between 1 and 100".to_owned());
        }
        if self.seed.is_some() && self.percent.is_none() {
            return Err("`seed` needs `percent`".to_owned());
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
