//! The tap's memory: the last calls, with as much of their bodies as fits. Bodies serve `contains`
//! filters only and never leave the process.

use std::collections::BTreeMap;
use std::sync::Mutex;

use bytes::Bytes;
use serde::{Deserialize, Serialize};

use super::CallIdentity;
use crate::lock::locked;
use crate::ring::Ring;

const KEPT_CALLS: usize = 100_000;
const KEPT_BODY_BYTES: usize = 64 * 1024;
const ALL_BODIES_BYTES: usize = 256 * 1024 * 1024;

/// One call. Its status is absent while it runs, and if its caller got none.
#[derive(Clone, Serialize)]
pub struct TapCall {
    /// When it arrived.
    pub at_ms: i64,
    /// Service.
    pub service: String,
    /// Operation.
    pub operation: String,
    /// Function, if its user agent tells.
    pub function: Option<String>,
    /// Status given to the caller.
    pub status: Option<u16>,
    /// From arrival to the answer.
    pub duration_ms: Option<i64>,
    /// Whether it was sent on to AWS.
    pub forwarded: bool,
    #[serde(skip)]
    body: Bytes,
}

/// Which calls are asked for.
#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TapQuery {
    #[serde(default)]
    service: Option<String>,
    #[serde(default)]
    operation: Option<String>,
    #[serde(default)]
    contains: Option<String>,
    #[serde(default)]
    since_ms: i64,
}

/// Counts over a selection of calls.
#[derive(Default, Serialize)]
pub struct TapTotals {
    total: usize,
    by_operation: BTreeMap<String, usize>,
}

/// Whether `body` holds `wanted` as a run of bytes.
pub fn contains(body: &[u8], wanted: &str) -> bool {
    wanted.is_empty() || body.windows(wanted.len()).any(|window| window == wanted.as_bytes())
}

impl TapQuery {
    fn takes(&self, call: &TapCall) -> bool {
        call.at_ms >= self.since_ms
            && self.service.as_ref().is_none_or(|name| name.eq_ignore_ascii_case(&call.service))
            && self.operation.as_ref().is_none_or(|name| name.eq_ignore_ascii_case(&call.operation))
            && self.contains.as_ref().is_none_or(|wanted| contains(&call.body, wanted))
    }
}

struct Kept {
    calls: Ring<TapCall>,
    body_bytes: usize,
}

/// The log.
pub struct TapLog {
    kept: Mutex<Kept>,
}

impl Default for TapLog {
    fn default() -> Self {
        Self { kept: Mutex::new(Kept { calls: Ring::new(KEPT_CALLS), body_bytes: 0 }) }
    }
}

impl TapLog {
    /// Starts a record and gives its number.
    pub fn open(&self, at_ms: i64, identity: &CallIdentity, body: &Bytes) -> u64 {
        // A copy, so that a short part doesn't keep a large buffer alive.
        let part = Bytes::copy_from_slice(&body[..body.len().min(KEPT_BODY_BYTES)]);
        let mut kept = locked(&self.kept);
        kept.body_bytes += part.len();
        let number = kept.calls.push(TapCall {
            at_ms,
            service: identity.service.clone(),
            operation: identity.operation.clone(),
            function: identity.function.clone(),
            status: None,
            duration_ms: None,
            forwarded: false,
            body: part,
        });
        if kept.body_bytes > ALL_BODIES_BYTES {
            kept.shed_bodies();
        }
        number
    }

    /// Notes that the call went on to AWS.
    pub fn mark_forwarded(&self, number: u64) {
        if let Some(call) = locked(&self.kept).calls.get_mut(number) {
            call.forwarded = true;
        }
    }

    /// Notes the answer.
    pub fn close(&self, number: u64, status: u16, now_ms: i64) {
        if let Some(call) = locked(&self.kept).calls.get_mut(number) {
            call.status = Some(status);
            call.duration_ms = Some(now_ms - call.at_ms);
        }
    }

    /// The calls of a selection, oldest first, and their totals.
    pub fn select(&self, query: &TapQuery) -> (Vec<TapCall>, TapTotals) {
        let kept = locked(&self.kept);
        let calls: Vec<TapCall> =
            kept.calls.iter().filter(|call| query.takes(call)).cloned().collect();
        let mut totals = TapTotals { total: calls.len(), ..TapTotals::default() };
        for call in &calls {
            *totals.by_operation.entry(call.operation.clone()).or_default() += 1;
        }
        (calls, totals)
    }

    /// Forgets everything.
    pub fn clear(&self) {
        let mut kept = locked(&self.kept);
        kept.calls.clear();
        kept.body_bytes = 0;
    }
}

impl Kept {
    /// Drops the oldest bodies down to half of what is allowed; also brings the count back in
    /// line with calls that the ring has dropped.
    fn shed_bodies(&mut self) {
        let present: usize = self.calls.iter().map(|call| call.body.len()).sum();
        let mut excess = present.saturating_sub(ALL_BODIES_BYTES / 2);
        self.body_bytes = present;
        for call in self.calls.iter_mut() {
            if excess == 0 {
                break;
            }
            let freed = std::mem::take(&mut call.body).len();
            excess = excess.saturating_sub(freed);
            self.body_bytes -= freed;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{TapLog, TapQuery, contains};
    use crate::aws_tap::CallIdentity;
    use bytes::Bytes;

    fn identity(operation: &str) -> CallIdentity {
        CallIdentity {
            service: "dynamodb".to_owned(),
            operation: operation.to_owned(),
            function: None,
        }
    }

    #[test]
    fn contains_finds_bytes_anywhere() {
        assert!(contains(b"abc", "bc"));
        assert!(contains(b"", ""));
        assert!(!contains(b"ab", "abc"));
    }

    #[test]
    fn select_filters_and_counts() {
        let log = TapLog::default();
        for (at_ms, operation, body) in
            [(1, "PutItem", "T#a"), (2, "PutItem", "T#b"), (3, "Query", "")]
        {
            log.open(at_ms, &identity(operation), &Bytes::from(body));
        }
        let query = TapQuery {
            operation: Some("putitem".to_owned()),
            contains: Some("T#b".to_owned()),
            ..TapQuery::default()
        };
        assert_eq!(log.select(&query).1.total, 1);
        let late = TapQuery { since_ms: 2, ..TapQuery::default() };
        assert_eq!(log.select(&late).1.by_operation["Query"], 1);
        assert_eq!(log.select(&late).1.total, 2);
    }
}
