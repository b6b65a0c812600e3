//! How an upsert begins: claimed, taken over, or answered from what is stored.

use std::time::Duration;

use jiff::Timestamp;

use super::parking::queue_behind;
use super::{UpsertDeps, UpsertError, UpsertOutcome, UpsertRecord, Upserted};
use crate::keys;
use crate::model::{CrmDraft, OwnerId, System, UpsertStatus};
use crate::ports::{Answer, Claim, ClaimOutcome, Expectation, Parked};

/// A dead owner may hold two things, the caller's key and the record's lock, and they may show one
/// after the other.
const TAKEOVERS_MAX: u32 = 2;
/// The shortest time after which a caller is told to ask again.
const IN_PROGRESS_WAIT_MIN: Duration = Duration::from_secs(1);
/// The longest: most calls are over long before their lease is.
const IN_PROGRESS_WAIT_MAX: Duration = Duration::from_secs(2);

/// The route that a caller's key belongs to.
pub fn route_of(system: System) -> String {
    format!("crm/{system}/upsert")
}

/// The claim for a command: its keys, its owner, its lease.
pub(super) fn claim_for(
    deps: &UpsertDeps<'_>,
    command: &UpsertRecord,
    draft: CrmDraft,
) -> Result<Claim, UpsertError> {
    let route = route_of(command.system);
    let record =
        keys::record_key(&command.tenant, command.system, draft.object_type, &draft.natural_key)?;
    let now = deps.clock.now();
    Ok(Claim {
        key: keys::claim_key(&command.tenant, &route, &command.idempotency_key)?,
        fingerprint: keys::fingerprint(&record, &draft)?,
        tenant: command.tenant.clone(),
        system: command.system,
        record,
        draft,
        owner: OwnerId::new(deps.clock.unique_id()),
        at: now,
        lease_until: command.deadline,
        started_at: now,
        correlation_id: command.correlation_id.clone(),
        queued_at: None,
    })
}

/// How a claim begins: with somebody's answer, or as ours.
pub(super) enum Begun {
    Answered(UpsertOutcome),
    Owned(Expectation),
}

/// Claims; where a dead owner is in the way, takes over from it. A takeover that fails means that
/// another caller was faster, unless it finds a second thing that the dead owner held.
pub(super) async fn claim_or_answer(
    deps: &UpsertDeps<'_>,
    claim: &mut Claim,
) -> Result<Begun, UpsertError> {
    let mut expectation = Expectation::default();
    for _takeover in 0..=TAKEOVERS_MAX {
        let upserted = |answer, is_replay| {
            Ok(Begun::Answered(UpsertOutcome::Done(Upserted { answer, is_replay })))
        };
        match deps.store.claim(claim, &expectation).await? {
            ClaimOutcome::Claimed => return Ok(Begun::Owned(expectation)),
            ClaimOutcome::Replay(answer) => return upserted(answer, true),
            ClaimOutcome::Unchanged(external_id) => {
                return upserted(Answer { external_id, status: UpsertStatus::Noop }, false);
            }
            ClaimOutcome::Waiting => return Ok(Begun::Answered(UpsertOutcome::Queued)),
            ClaimOutcome::Behind { stale } => {
                let began = stale.as_ref().map_or(claim.started_at, |stale| stale.started_at);
                claim.started_at = claim.started_at.min(began);
                match queue_behind(deps, claim, stale.as_ref()).await? {
                    Parked::Queued => return Ok(Begun::Answered(UpsertOutcome::Queued)),
                    // Those in front are done by now, or the key was used in between.
                    Parked::Lost => expectation = Expectation::default(),
                }
            }
            ClaimOutcome::KeyReused => return Err(UpsertError::KeyReused),
            ClaimOutcome::InProgress { lease_until } => {
                return Err(in_progress(deps.clock.now(), lease_until));
            }
            ClaimOutcome::Stale(found) => {
                let begun = [
                    found.claim.as_ref().map(|stale| stale.started_at),
                    found.lock.as_ref().map(|stale| stale.started_at),
                ];
                claim.started_at = begun.into_iter().flatten().fold(claim.started_at, Ord::min);
                expectation = found;
            }
        }
    }
    Err(in_progress(deps.clock.now(), None))
}

pub(super) fn in_progress(now: Timestamp, lease_until: Option<Timestamp>) -> UpsertError {
    let left = lease_until.map_or(IN_PROGRESS_WAIT_MIN, |until| until_from(now, until));
    UpsertError::InProgress { retry_after: left.clamp(IN_PROGRESS_WAIT_MIN, IN_PROGRESS_WAIT_MAX) }
}

pub(super) fn until_from(now: Timestamp, until: Timestamp) -> Duration {
    Duration::try_from(until.duration_since(now)).unwrap_or_default()
}
