//! Records of the requests that the vendors received. A record is opened when the request arrives
//! and closed when its answer is known, so that a hanging or dropped call shows as one without
//! status.

use std::collections::BTreeMap;
use std::sync::Mutex;

use serde::Serialize;
use serde_json::Value;

use crate::clock::iso_from_ms;
use crate::lock::locked;
use crate::ring::Ring;
use crate::vendor::System;

const KEPT_CALLS: usize = 100_000;

/// One request.
#[derive(Clone, Serialize)]
pub struct CallRecord {
    /// When it arrived, ISO 8601.
    pub time: String,
    /// The same in epoch milliseconds.
    pub at_ms: i64,
    /// The vendor.
    pub system: System,
    /// Whose token it carried; absent if nobody's.
    pub account: Option<String>,
    /// Method.
    pub method: String,
    /// Path without the vendor prefix.
    pub path: String,
    /// Query as it came.
    pub query: String,
    /// Method and path template.
    pub route: String,
    /// Whether the route can change state.
    pub write: bool,
    /// The status given; absent while running, and when no status was given.
    pub status: Option<u16>,
    /// Whether it changed state.
    pub applied: bool,
    /// The injected fault it met.
    pub fault: Option<&'static str>,
    /// Ids, property names and values sent.
    pub fields: Value,
}

impl CallRecord {
    /// Fills the two forms of the arrival time.
    pub fn arrived_at(mut self, at_ms: i64) -> Self {
        self.at_ms = at_ms;
        self.time = iso_from_ms(at_ms);
        self
    }
}

/// Counts over a selection of calls.
#[derive(Default, Serialize)]
pub struct CallTotals {
    /// All calls.
    pub total: usize,
    /// Calls on routes that can change state.
    pub writes: usize,
    /// The other calls.
    pub reads: usize,
    /// Calls that did change state.
    pub applied: usize,
    /// By method and path template.
    pub by_route: BTreeMap<String, usize>,
    /// By status; `none` counts calls that got none.
    pub by_status: BTreeMap<String, usize>,
}

impl CallTotals {
    fn of(calls: &[CallRecord]) -> Self {
        let mut totals = Self { total: calls.len(), ..Self::default() };
        for call in calls {
            let side = if call.write { &mut totals.writes } else { &mut totals.reads };
            *side += 1;
            totals.applied += usize::from(call.applied);
            *totals.by_route.entry(call.route.clone()).or_default() += 1;
            let status = call.status.map_or_else(|| "none".to_owned(), |status| status.to_string());
            *totals.by_status.entry(status).or_default() += 1;
        }
        totals
    }
}

/// The log of all vendors.
pub struct CallLog {
    calls: Mutex<Ring<CallRecord>>,
}

impl Default for CallLog {
    fn default() -> Self {
        Self { calls: Mutex::new(Ring::new(KEPT_CALLS)) }
    }
}

impl CallLog {
    /// Starts a record and gives its number.
    pub fn open(&self, call: CallRecord) -> u64 {
        locked(&self.calls).push(call)
    }

    /// Notes that the call changed state.
    pub fn mark_applied(&self, number: u64) {
        if let Some(call) = locked(&self.calls).get_mut(number) {
            call.applied = true;
        }
    }

    /// Notes the status that the caller is given now.
    pub fn close(&self, number: u64, status: u16) {
        if let Some(call) = locked(&self.calls).get_mut(number) {
            call.status = Some(status);
        }
    }

    /// The calls of a selection, oldest first, and their totals.
    pub fn select(
        &self,
        system: Option<System>,
        account: Option<&str>,
        since_ms: i64,
    ) -> (Vec<CallRecord>, CallTotals) {
        let calls: Vec<CallRecord> = locked(&self.calls)
            .iter()
            .filter(|call| system.is_none_or(|system| system == call.system))
            .filter(|call| account.is_none_or(|account| call.account.as_deref() == Some(account)))
            .filter(|call| call.at_ms >= since_ms)
            .cloned()
            .collect();
        let totals = CallTotals::of(&calls);
        (calls, totals)
    }

    /// Forgets the calls of one system and account, or of all that are not named.
    pub fn reset(&self, system: Option<System>, account: Option<&str>) {
        let mut calls = locked(&self.calls);
        if system.is_none() && account.is_none() {
            calls.clear();
            return;
        }
        calls.retain(|call| {
            system.is_some_and(|system| system != call.system)
                || account.is_some_and(|account| call.account.as_deref() != Some(account))
        });
    }
}
