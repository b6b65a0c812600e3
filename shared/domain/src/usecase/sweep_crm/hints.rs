//! The changes of a page as hints on the queue of changes: one for each object.

use std::collections::BTreeMap;
use std::time::Duration;

use jiff::Timestamp;

use crate::model::{CrmSweepPlace, CrmSweepStep, ExternalId, ObjectChange};
use crate::ports::{ChangedObject, DeadCause, SendOutcome, WorkHistory, WorkMessage, WorkQueue};
use crate::usecase::settle_work::Verdict;

/// So many hints are handed to the queue at once.
const SENT_AT_ONCE: usize = 200;

/// What a page tells, as a webhook would have.
pub(super) fn hints_of(
    step: &CrmSweepStep,
    place: &CrmSweepPlace,
    changed: Vec<ChangedObject>,
    (read_at, received_at): (Timestamp, Timestamp),
) -> Vec<ObjectChange> {
    let mut hints = BTreeMap::<ExternalId, ObjectChange>::new();
    for object in changed {
        let hint = ObjectChange {
            tenant: step.tenant.clone(),
            system: step.system,
            account_id: place.account_id.clone(),
            object_type: place.object_type,
            external_id: object.external_id.clone(),
            kinds: [object.kind].into(),
            properties: [].into(),
            merged_ids: [].into(),
            occurred_at: object.changed_at.unwrap_or(read_at),
            received_at,
            correlation_id: step.correlation_id.clone(),
        };
        match hints.get_mut(&object.external_id) {
            Some(known) => known.absorb(hint),
            None => drop(hints.insert(object.external_id, hint)),
        }
    }
    hints.into_values().collect()
}

/// Puts hints on the queue; how many they were. Where it does not take all of them, all of the page is
/// to be sent again: a hint that comes twice does no harm.
pub(super) async fn send(
    queue: &dyn WorkQueue,
    hints: &[ObjectChange],
    now: Timestamp,
) -> Result<u64, Verdict> {
    let history = WorkHistory { attempt: 0, first_enqueued_at: now, dead_letter_id: None };
    for part in hints.chunks(SENT_AT_ONCE) {
        let messages = part.iter().map(|hint| {
            let (delay, history) = (Duration::ZERO, history.clone());
            hint.to_body().map(|body| WorkMessage { body, delay, history })
        });
        let messages = messages.collect::<Result<Vec<_>, _>>();
        let messages = messages.map_err(|_unwritable| Verdict::Dead(DeadCause::Internal))?;
        let told = queue.send(&messages).await;
        let taken = told.iter().filter(|it| **it == SendOutcome::Accepted).count();
        if taken < messages.len() {
            return Err(Verdict::Retry { after: None });
        }
    }
    Ok(u64::try_from(hints.len()).unwrap_or(u64::MAX))
}
