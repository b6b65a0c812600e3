//! What the items say that a refused claim brought back.

use jiff::Timestamp;
use sync_domain::model::{ExternalId, OwnerId, UpsertStatus};
use sync_domain::ports::{
    Answer, Claim, ClaimOutcome, Expectation, StaleClaim, StaleLock, StoreError,
};

use super::item::{Item, STATUS_COMPLETED, STATUS_FAILED, text_of, timestamp_of};

/// Why a claim was refused. The caller's key speaks first: a completed or reused key is final,
/// whatever the record looks like.
///
/// A dead owner that was expected and is no longer there means that another caller was faster: what
/// it left is judged by a new claim, which does not expect that owner any more.
pub fn read_refusal(
    claim: &Claim,
    expected: &Expectation,
    items: &[Option<Item>],
) -> Result<ClaimOutcome, StoreError> {
    let mut found = expected.clone();
    match items.first() {
        Some(Some(gone)) if gone.is_empty() => found.claim = None,
        Some(Some(held)) => {
            if text_of(held, "fingerprint") != Some(claim.fingerprint.as_str()) {
                return Ok(ClaimOutcome::KeyReused);
            }
            if text_of(held, "status") == Some(STATUS_COMPLETED) {
                let answer = answer_of(held).ok_or(StoreError::Malformed("a completed claim"))?;
                return Ok(ClaimOutcome::Replay(answer));
            }
            // Also while a worker carries it out, and after one that died.
            if held.contains_key("queued_at_ms") {
                return Ok(ClaimOutcome::Waiting);
            }
            // One that was given up has no lease any more.
            let is_failed = text_of(held, "status") == Some(STATUS_FAILED);
            let until = if is_failed { "started_at_ms" } else { "lease_until_ms" };
            let holder = holder_of(held, ["owner", until, "started_at_ms"])?;
            if !is_failed && holder.lease_until > claim.at {
                return Ok(ClaimOutcome::InProgress { lease_until: Some(holder.lease_until) });
            }
            found.claim = Some(StaleClaim { owner: holder.owner, started_at: holder.started_at });
        }
        Some(None) | None => {}
    }
    let Some(Some(record)) = items.get(1) else { return Ok(ClaimOutcome::Stale(found)) };
    if is_waited_for(record) {
        return Ok(ClaimOutcome::Behind { stale: found.claim });
    }
    if record.contains_key("lock_owner") {
        let holder = holder_of(record, ["lock_owner", "lock_until_ms", "lock_started_at_ms"])?;
        if holder.lease_until > claim.at {
            return Ok(ClaimOutcome::InProgress { lease_until: Some(holder.lease_until) });
        }
        found.lock = Some(StaleLock { owner: holder.owner, started_at: holder.started_at });
    } else if expected.lock.is_some() {
        found.lock = None;
    } else {
        let id = text_of(record, "external_id")
            .ok_or(StoreError::Malformed("a record without an external id"))?;
        return Ok(ClaimOutcome::Unchanged(ExternalId::new(id)));
    }
    Ok(ClaimOutcome::Stale(found))
}

/// Whether earlier upserts wait for the record.
fn is_waited_for(record: &Item) -> bool {
    let queued = record.get("queued").and_then(|count| count.as_n().ok());
    queued.and_then(|count| count.parse().ok()).is_some_and(|count: i64| count > 0)
}

struct Holder {
    owner: OwnerId,
    lease_until: Timestamp,
    started_at: Timestamp,
}

fn holder_of(item: &Item, [owner, until, started]: [&str; 3]) -> Result<Holder, StoreError> {
    let holder = || {
        Some(Holder {
            owner: OwnerId::new(text_of(item, owner)?),
            lease_until: timestamp_of(item, until)?,
            started_at: timestamp_of(item, started)?,
        })
    };
    holder().ok_or(StoreError::Malformed("the holder of a claim or lock"))
}

/// The stored answer of a completed claim.
pub fn answer_of(item: &Item) -> Option<Answer> {
    let status = match text_of(item, "answer")? {
        "created" => UpsertStatus::Created,
        "updated" => UpsertStatus::Updated,
        // Of a push that found everything done when its turn came.
        "noop" => UpsertStatus::Noop,
        _ => return None,
    };
    Some(Answer { external_id: ExternalId::new(text_of(item, "external_id")?), status })
}
