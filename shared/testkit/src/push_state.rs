//! The steps of waiting pushes in the fake table, under its conditions: claim, record and place in
//! line change together.

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use sync_domain::keys::{ClaimKey, RecordKey};
use sync_domain::model::{OwnerId, PushMessage, TenantId, UpsertStatus};
use sync_domain::ports::{
    Answer, Claim, DeadCause, Parked, PushStart, QueuedAgain, QueuedPush, RemoteEffect, StaleClaim,
};

use crate::stored_claim::{Status, StoredClaim, is_claim_refused};
use crate::stored_record::Holder;
use crate::upsert_store::{CLAIM_TTL, State, claim_key, floor, record_key};

/// How long a push that was given up can be queued again.
const REFUSED_TTL: SignedDuration = SignedDuration::from_hours(15 * 24);

impl State {
    /// A place behind all that wait and all that were applied.
    fn place_after(&self, claim: &Claim, at: Timestamp) -> Timestamp {
        let record = self.records.get(&record_key(claim));
        let taken = record.and_then(|record| record.queued_last.max(record.requested_at));
        let at = floor(at);
        taken.filter(|taken| *taken >= at).map_or(at, |taken| taken + Duration::from_millis(1))
    }

    fn join_line(&mut self, claim: &Claim, effect: RemoteEffect, at: Timestamp) -> Timestamp {
        let place = self.place_after(claim, at);
        let record = self.records.entry(record_key(claim)).or_default();
        record.queued += 1;
        record.queued_last = Some(place);
        let push = QueuedPush {
            tenant: claim.tenant.clone(),
            system: claim.system,
            key: claim.key.clone(),
            record: claim.record.clone(),
            fingerprint: claim.fingerprint.clone(),
            draft: claim.draft.clone(),
            correlation_id: claim.correlation_id.clone(),
            started_at: claim.started_at,
            queued_at: place,
            effect,
            tries: 0,
        };
        let line = self.lines.entry(record_key(claim)).or_default();
        line.insert((place, claim.key.clone()), push);
        place
    }

    /// Takes a push out of its line. The count goes with it, always.
    pub(crate) fn leave_line(
        &mut self,
        record: &(TenantId, RecordKey),
        place: &(Timestamp, ClaimKey),
    ) {
        let left = self.lines.get_mut(record).and_then(|line| line.remove(place));
        if let (Some(_), Some(record)) = (left, self.records.get_mut(record)) {
            record.queued = record.queued.saturating_sub(1);
        }
        self.lines.retain(|_, line| !line.is_empty());
    }

    pub(crate) fn park(&mut self, claim: &Claim, effect: RemoteEffect, at: Timestamp) -> Parked {
        if !self.owns(claim) {
            return Parked::Lost;
        }
        let place = self.join_line(claim, effect, at);
        if let Some(record) = self.records.get_mut(&record_key(claim)) {
            record.lock = None;
        }
        if let Some(held) = self.claims.get_mut(&claim_key(claim)) {
            held.status = Status::Queued;
            held.queued_at = Some(place);
            held.expires_at = None;
        }
        Parked::Queued
    }

    pub(crate) fn queue_behind(
        &mut self,
        claim: &Claim,
        stale: Option<&StaleClaim>,
        at: Timestamp,
    ) -> Parked {
        let has_line = self.records.get(&record_key(claim)).is_some_and(|it| it.queued > 0);
        let held = self.claims.get(&claim_key(claim));
        if !has_line || is_claim_refused(held, stale, claim.at) {
            return Parked::Lost;
        }
        let effect = if stale.is_some() { RemoteEffect::Unknown } else { RemoteEffect::None };
        let place = self.join_line(claim, effect, at);
        let stored = StoredClaim {
            fingerprint: claim.fingerprint.clone(),
            record: claim.record.clone(),
            started_at: claim.started_at,
            status: Status::Queued,
            queued_at: Some(place),
            expires_at: None,
        };
        self.claims.insert(claim_key(claim), stored);
        Parked::Queued
    }

    fn in_line(&mut self, push: &QueuedPush) -> Option<&mut QueuedPush> {
        let line = self.lines.get_mut(&(push.tenant.clone(), push.record.clone()))?;
        line.get_mut(&place_of(push))
    }

    pub(crate) fn start(&mut self, push: &QueuedPush, claim: &Claim) -> PushStart {
        let (is_in_line, now) = (self.in_line(push).is_some(), claim.at);
        let held = self.claims.get(&claim_key(claim)).map(|held| (&held.status, held));
        let Some((status, held)) = held.filter(|_| is_in_line) else { return PushStart::Gone };
        let held_until = match status {
            Status::Completed(_) | Status::Failed { .. } => return PushStart::Gone,
            Status::InProgress { lease_until, .. } if *lease_until > now => Some(*lease_until),
            Status::InProgress { .. } | Status::Queued => None,
        };
        let Some(record) = self.records.get(&record_key(claim)).filter(|it| it.queued > 0) else {
            return PushStart::Busy { until: held_until };
        };
        let locked_until = record.lock.as_ref().map(|lock| lock.lease_until);
        let until = held_until.max(locked_until.filter(|until| *until > now));
        if until.is_some() || !held.is_waiting(now) {
            return PushStart::Busy { until };
        }
        let is_late = record.requested_at.is_some_and(|at| at > push.queued_at);
        let holds = record.version > 0 && record.holds(&push.draft);
        let external_id = record.external_id.clone();
        match external_id {
            _ if is_late => {
                let expires_at = now + REFUSED_TTL;
                let code = DeadCause::Superseded.as_str();
                self.settle(push, |held| held.fail(code, owner_left_by(push, claim), expires_at));
                return PushStart::Superseded;
            }
            Some(external_id) if holds && push.effect == RemoteEffect::None => {
                let answer = Answer { external_id, status: UpsertStatus::Noop };
                self.settle(push, |held| {
                    held.status = Status::Completed(answer);
                    held.queued_at = None;
                    held.expires_at = Some(now + CLAIM_TTL);
                });
                if let Some(record) = self.records.get_mut(&record_key(claim)) {
                    record.requested_at = Some(push.queued_at);
                }
                return PushStart::Unchanged;
            }
            Some(_) | None => {}
        }
        self.begin(push, claim);
        PushStart::Started
    }

    fn begin(&mut self, push: &QueuedPush, claim: &Claim) {
        let Claim { owner, lease_until, started_at, .. } = claim.clone();
        if let Some(held) = self.claims.get_mut(&claim_key(claim)) {
            held.status = Status::InProgress { owner: owner.clone(), lease_until };
        }
        if let Some(record) = self.records.get_mut(&record_key(claim)) {
            record.lock = Some(Holder { owner, lease_until, started_at });
        }
        if let Some(push) = self.in_line(push) {
            push.effect = RemoteEffect::Unknown;
        }
    }

    /// Takes a push out of its line and settles its claim.
    fn settle(&mut self, push: &QueuedPush, settle: impl FnOnce(&mut StoredClaim)) {
        self.leave_line(&(push.tenant.clone(), push.record.clone()), &place_of(push));
        if let Some(held) = self.claims.get_mut(&(push.tenant.clone(), push.key.clone())) {
            settle(held);
        }
    }

    pub(crate) fn put_back(&mut self, push: &QueuedPush, claim: &Claim) {
        if !self.owns(claim) {
            return;
        }
        let Some(waiting) = self.in_line(push) else { return };
        (waiting.effect, waiting.tries) = (push.effect, push.tries);
        if let Some(held) = self.claims.get_mut(&claim_key(claim)) {
            held.status = Status::Queued;
        }
        if let Some(record) = self.records.get_mut(&record_key(claim)) {
            record.lock = None;
        }
    }

    pub(crate) fn give_up(&mut self, push: &QueuedPush, claim: &Claim, code: &str, at: Timestamp) {
        if !self.owns(claim) || self.in_line(push).is_none() {
            return;
        }
        let owner = owner_left_by(push, claim);
        self.settle(push, |held| held.fail(code, owner, at + REFUSED_TTL));
        if let Some(record) = self.records.get_mut(&record_key(claim)) {
            record.lock = None;
        }
        let key = (push.tenant.clone(), push.record.clone(), push.key.clone());
        self.refused.insert(key, push.clone());
        self.records.retain(|_, record| !record.is_bare());
    }

    pub(crate) fn queue_again(&mut self, message: &PushMessage, at: Timestamp) -> QueuedAgain {
        let record = (message.tenant.clone(), message.record.clone());
        let key = (message.tenant.clone(), message.record.clone(), message.key.clone());
        let Some(push) = self.refused.get(&key) else { return QueuedAgain::Gone };
        let claim = (message.tenant.clone(), message.key.clone());
        let is_in_use = self.claims.get(&claim).is_some_and(|held| {
            let is_over = match held.status {
                Status::Failed { .. } => true,
                Status::InProgress { .. } => held.is_waiting(at) && held.queued_at.is_none(),
                Status::Queued | Status::Completed(_) => false,
            };
            !is_over || held.fingerprint != push.fingerprint
        });
        if is_in_use {
            return QueuedAgain::Gone;
        }
        let requested_at = self.records.get(&record).and_then(|record| record.requested_at);
        if requested_at.is_some_and(|at| at > push.queued_at) {
            return QueuedAgain::Superseded;
        }
        let push = QueuedPush { tries: 0, effect: RemoteEffect::Unknown, ..push.clone() };
        let waiting = StoredClaim {
            fingerprint: push.fingerprint.clone(),
            record: push.record.clone(),
            started_at: push.started_at,
            status: Status::Queued,
            queued_at: Some(push.queued_at),
            expires_at: None,
        };
        self.claims.insert(claim, waiting);
        self.refused.remove(&key);
        let waited_for = self.records.entry(record.clone()).or_default();
        waited_for.queued += 1;
        waited_for.queued_last.get_or_insert(push.queued_at);
        self.lines.entry(record).or_default().insert(place_of(&push), push);
        QueuedAgain::Queued
    }

    pub(crate) fn abandon(&mut self, message: &PushMessage, code: &str, at: Timestamp) -> bool {
        let lines = &self.lines;
        let held = self.claims.get_mut(&(message.tenant.clone(), message.key.clone()));
        let Some(held) = held.filter(|held| held.is_waiting(at)) else { return false };
        let Some(queued_at) = held.queued_at else { return false };
        let line = lines.get(&(message.tenant.clone(), held.record.clone()));
        let is_there = line.is_some_and(|it| it.contains_key(&(queued_at, message.key.clone())));
        if !is_there {
            held.fail(code, None, at + REFUSED_TTL);
        }
        !is_there
    }
}

/// Whom a new call with the key takes over from.
fn owner_left_by(push: &QueuedPush, claim: &Claim) -> Option<OwnerId> {
    (push.effect == RemoteEffect::Unknown).then(|| claim.owner.clone())
}

fn place_of(push: &QueuedPush) -> (Timestamp, ClaimKey) {
    (push.queued_at, push.key.clone())
}
