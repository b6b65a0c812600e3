//! The share of one instance as the instance itself knows it.
//!
//! What is believed here is never more than what the table holds: a smaller share or a shorter lease
//! is believed before it is written, a larger or longer one only after.

use std::mem;
use std::time::Duration;

use jiff::Timestamp;

use super::ledger::{AskKind, Grant, Share};
use super::rolling_log::RollingLog;

/// One reading of both clocks.
#[derive(Debug, Clone, Copy)]
pub struct Moment {
    /// The time of day, for what instances agree on.
    pub now: Timestamp,
    /// The monotonic clock, for what an instance measures by itself.
    pub mono: Duration,
}

/// What a seat needs before the next call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Need {
    /// A permit is free.
    Ready,
    /// The ledger must be asked.
    Ask(AskKind),
    /// No permit is free, and the ledger had no more when it was asked last.
    Later(Duration),
}

/// The share for one class.
#[derive(Debug, Default)]
pub struct Seat {
    permits: u32,
    lease_end: Duration,
    lease_until: Timestamp,
    renew_at: Duration,
    ask_again_at: Duration,
    peak: u32,
    is_large: bool,
    log: RollingLog,
}

impl Seat {
    /// What is needed before the next call of so many requests.
    pub fn need(&mut self, at: Moment, requests: u32) -> Need {
        let busy = self.log.busy(at.mono);
        let may_ask = at.mono >= self.ask_again_at;
        if !self.is_held(at) {
            return if may_ask {
                Need::Ask(AskKind::First)
            } else {
                Need::Later(self.ask_again_at)
            };
        }
        let is_due = at.mono >= self.renew_at;
        match (busy.saturating_add(requests) > self.permits, is_due || may_ask) {
            (true, true) => Need::Ask(AskKind::Grow),
            (true, false) => {
                let free_at = self.log.next_free().unwrap_or(self.ask_again_at);
                Need::Later(free_at.min(self.ask_again_at))
            }
            (false, _) if is_due => Need::Ask(AskKind::Renew { peak: self.peak.max(busy) }),
            (false, _) => Need::Ready,
        }
    }

    /// Whether calls may be begun under the lease. Both clocks must say so: one of them may stand
    /// still while the platform freezes the instance, the other may be set back.
    pub fn is_held(&self, at: Moment) -> bool {
        self.permits > 0 && at.mono < self.lease_end && at.now < self.lease_until
    }

    /// Whether so many permits are free under a lease that holds, due for renewal or not.
    pub fn has_free(&mut self, at: Moment, requests: u32) -> bool {
        self.is_held(at) && self.log.busy(at.mono).saturating_add(requests) <= self.permits
    }

    /// Whether the lease should be renewed by now.
    pub fn is_due(&self, at: Moment) -> bool {
        at.mono >= self.renew_at
    }

    /// Whether no call of it counts any more and no lease holds.
    pub fn is_idle(&mut self, at: Moment) -> bool {
        !self.is_held(at) && self.log.busy(at.mono) == 0
    }

    /// Permits that calls hold.
    pub fn busy(&mut self, at: Moment) -> u32 {
        self.log.busy(at.mono)
    }

    /// The lease is to be renewed before the next call.
    pub fn renew_now(&mut self) {
        self.renew_at = Duration::ZERO;
    }

    /// The ledger had no more: not asked again before then.
    pub fn ask_again_at(&mut self, mono: Duration) {
        self.ask_again_at = mono;
    }

    /// This is about to be written.
    pub fn granting(&mut self, grant: Grant) {
        self.permits = self.permits.min(grant.permits);
    }

    /// This was written; `at` is a moment before.
    pub fn granted(&mut self, grant: Grant, at: Moment) {
        self.permits = grant.permits;
        self.is_large = grant.is_large;
        self.lease_end = self.lease_end.max(at.mono + grant.lease);
        self.lease_until = self.lease_until.max(at.now + grant.lease);
        self.renew_at = at.mono + grant.lease / 2;
        self.peak = self.log.busy(at.mono);
    }

    /// Gives a large share up, if no call is under way: none is begun under it any more. Whether it did.
    pub fn leave(&mut self) -> bool {
        let leaves = self.is_large && self.log.is_over();
        if leaves {
            *self = Self { log: mem::take(&mut self.log), ..Self::default() };
        }
        leaves
    }

    /// For how long calls count on that are over, in the milliseconds that are stored.
    pub fn counts_for(&self, at: Moment) -> Duration {
        let left = self.log.last_free().map_or(Duration::ZERO, |end| end.saturating_sub(at.mono));
        let left_ms = left.as_nanos().div_ceil(1_000_000);
        Duration::from_millis(u64::try_from(left_ms).unwrap_or(u64::MAX))
    }

    /// This is what the table holds for us. More than is believed here is not believed: it may be a
    /// write of ours that is about to be overtaken.
    pub fn seen(&mut self, share: Option<&Share>) {
        self.permits = self.permits.min(share.map_or(0, |share| share.permits));
    }

    /// A call of so many requests starts. Its number.
    pub fn start(&mut self, mono: Duration, requests: u32) -> u64 {
        let slot = self.log.start(mono, requests);
        self.peak = self.peak.max(self.log.busy(mono));
        slot
    }

    /// The calls.
    pub const fn log(&mut self) -> &mut RollingLog {
        &mut self.log
    }
}
