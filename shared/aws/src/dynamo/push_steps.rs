//! The writes of a push that is in line: started, put back, given up, or taken out because there is
//! nothing to be done. Each step is one transaction of these.

use aws_sdk_dynamodb::error::BuildError;
use aws_sdk_dynamodb::types::{AttributeValue, TransactWriteItem};
use jiff::{SignedDuration, Timestamp};
use sync_domain::keys::RecordKey;
use sync_domain::model::{ExternalId, PushMessage, UpsertStatus};
use sync_domain::ports::{Claim, DeadCause, QueuedPush, RemoteEffect};

use super::DynamoTable;
use super::expression::{Key, Values, absent, delete, replace, update};
use super::item::{
    STATUS_COMPLETED, STATUS_FAILED, STATUS_IN_PROGRESS, STATUS_QUEUED, claim_sk, millis, number,
    queued_sk, tenant_pk, text,
};
use super::push_item::{item_of, queued_key, refused_key};
use super::upsert_store::{
    CLAIM_TTL, OWNED_CLAIM, OWNED_LOCK, UNLOCK, claim_key, differs_from, holds_all, owned_by,
    record_key,
};

/// How long a push that was given up can be queued again: a day longer than its dead letter is kept.
pub(super) const REFUSED_TTL: SignedDuration = SignedDuration::from_hours(15 * 24);

/// Nobody is at the claim, or only a worker that is gone.
const WAITING_CLAIM: &str =
    "(#status = :queued OR (#status = :in_progress AND #lease_until_ms <= :now))";
/// Nobody is at the record.
const FREE_LINE: &str = "#queued >= :one \
     AND (attribute_not_exists(#lock_owner) OR #lock_until_ms <= :now)";
const IN_LINE: &str = "attribute_exists(#pk)";

/// A failed claim that has an owner still is one whose effect is unknown: who uses the key again
/// takes over from that owner.
fn fail(effect: RemoteEffect) -> String {
    let failed = "SET #status = :failed, #failure = :failure, #expires_at = :expires_at";
    let gone = "REMOVE #lease_until_ms, #queued_at_ms";
    match effect {
        RemoteEffect::None => format!("{failed} {gone}, #owner"),
        RemoteEffect::Unknown => format!("{failed}, #owner = :owner {gone}"),
    }
}

fn waiting(now: Timestamp) -> Values {
    Values::default()
        .with("in_progress", text(STATUS_IN_PROGRESS))
        .with("queued", text(STATUS_QUEUED))
        .with("now", millis(now))
}

fn counted(now: Timestamp, push: &QueuedPush) -> Values {
    Values::default()
        .with("one", number(1))
        .with("now", millis(now))
        .with("queued_at", millis(push.queued_at))
}

impl DynamoTable {
    /// The push is marked as unresolved as long as it is ours: if we crash, whoever comes next looks
    /// at the provider before it writes.
    pub(super) fn start_writes(
        &self,
        push: &QueuedPush,
        claim: &Claim,
    ) -> Result<Vec<TransactWriteItem>, BuildError> {
        let table = &self.table_name;
        let leased = |values: Values| {
            let values = values.with("owner", text(claim.owner.as_str()));
            values.with("lease_until", millis(claim.lease_until))
        };
        let ours = "SET #status = :in_progress, #owner = :owner, #lease_until_ms = :lease_until";
        let mut of_record =
            leased(counted(claim.at, push)).with("started_at", millis(claim.started_at));
        let lock = "SET #lock_owner = :owner, #lock_until_ms = :lease_until, \
             #lock_started_at_ms = :started_at";
        let mut is_due = format!(
            "{FREE_LINE} AND \
             (attribute_not_exists(#requested_at_ms) OR #requested_at_ms <= :queued_at)"
        );
        if push.effect == RemoteEffect::None {
            let (differs, values) = differs_from(&push.draft, of_record);
            of_record = values;
            is_due.push_str(&format!(
                " AND (attribute_not_exists(#version) OR attribute_exists(#deleted_at) OR {differs})"
            ));
        }
        let unresolved = Values::default().with("yes", AttributeValue::Bool(true));
        Ok(vec![
            update(table, claim_key(claim), ours, WAITING_CLAIM, leased(waiting(claim.at)))?,
            update(table, record_key(claim), lock, &is_due, of_record)?,
            update(table, queued_key(push), "SET #is_unresolved = :yes", IN_LINE, unresolved)?,
        ])
    }

    pub(super) fn put_back_writes(
        &self,
        push: &QueuedPush,
        claim: &Claim,
    ) -> Result<Vec<TransactWriteItem>, BuildError> {
        let table = &self.table_name;
        let of_claim = owned_by(&claim.owner)
            .with("in_progress", text(STATUS_IN_PROGRESS))
            .with("queued", text(STATUS_QUEUED));
        let waiting = "SET #status = :queued REMOVE #owner, #lease_until_ms";
        let is_unresolved = AttributeValue::Bool(push.effect == RemoteEffect::Unknown);
        let of_push = Values::default()
            .with("is_unresolved", is_unresolved)
            .with("tries", number(push.tries));
        let mark = "SET #is_unresolved = :is_unresolved, #tries = :tries";
        Ok(vec![
            update(table, claim_key(claim), waiting, OWNED_CLAIM, of_claim)?,
            update(table, record_key(claim), UNLOCK, OWNED_LOCK, owned_by(&claim.owner))?,
            update(table, queued_key(push), mark, IN_LINE, of_push)?,
        ])
    }

    pub(super) fn give_up_writes(
        &self,
        push: &QueuedPush,
        claim: &Claim,
        code: &str,
        at: Timestamp,
    ) -> Result<Vec<TransactWriteItem>, BuildError> {
        let table = &self.table_name;
        let expires_at = number((at + REFUSED_TTL).as_second());
        let of_claim = owned_by(&claim.owner)
            .with("in_progress", text(STATUS_IN_PROGRESS))
            .with("failed", text(STATUS_FAILED))
            .with("failure", text(code))
            .with("expires_at", expires_at.clone());
        let count = format!("{UNLOCK} ADD #queued :minus_one");
        let of_record = owned_by(&claim.owner).with("minus_one", number(-1));
        let mut refused = item_of(push);
        refused.insert("expires_at".to_owned(), expires_at);
        let key = refused_key(&push.tenant, push.system, &push.record, &push.key);
        Ok(vec![
            update(table, claim_key(claim), &fail(push.effect), OWNED_CLAIM, of_claim)?,
            update(table, record_key(claim), &count, OWNED_LOCK, of_record)?,
            delete(table, queued_key(push), IN_LINE, Values::default())?,
            replace(table, key, refused)?,
        ])
    }

    /// Out of the line for good: a later upsert has been applied.
    pub(super) fn supersede_writes(
        &self,
        push: &QueuedPush,
        claim: &Claim,
    ) -> Result<Vec<TransactWriteItem>, BuildError> {
        let table = &self.table_name;
        let mut of_claim = waiting(claim.at)
            .with("failed", text(STATUS_FAILED))
            .with("failure", text(DeadCause::Superseded.as_str()))
            .with("expires_at", number((claim.at + REFUSED_TTL).as_second()));
        if push.effect == RemoteEffect::Unknown {
            of_claim = of_claim.with("owner", text(claim.owner.as_str()));
        }
        let is_late = format!("{FREE_LINE} AND #requested_at_ms > :queued_at");
        let of_record = counted(claim.at, push).with("minus_one", number(-1));
        Ok(vec![
            update(table, claim_key(claim), &fail(push.effect), WAITING_CLAIM, of_claim)?,
            update(table, record_key(claim), "ADD #queued :minus_one", &is_late, of_record)?,
            delete(table, queued_key(push), IN_LINE, Values::default())?,
        ])
    }

    /// Done without a call: the record holds all that is wanted.
    pub(super) fn unchanged_writes(
        &self,
        push: &QueuedPush,
        claim: &Claim,
        external_id: &ExternalId,
    ) -> Result<Vec<TransactWriteItem>, BuildError> {
        let table = &self.table_name;
        let of_claim = waiting(claim.at)
            .with("completed", text(STATUS_COMPLETED))
            .with("external_id", text(external_id.as_str()))
            .with("answer", text(UpsertStatus::Noop.as_str()))
            .with("expires_at", number((claim.at + CLAIM_TTL).as_second()));
        let completed = "SET #status = :completed, #external_id = :external_id, \
             #answer = :answer, #expires_at = :expires_at \
             REMOVE #owner, #lease_until_ms, #queued_at_ms";
        let of_record = counted(claim.at, push)
            .with("minus_one", number(-1))
            .with("external_id", text(external_id.as_str()));
        let (holds, of_record) = holds_all(&push.draft, of_record);
        let is_there = format!(
            "{FREE_LINE} AND attribute_exists(#version) AND attribute_not_exists(#deleted_at) \
             AND #external_id = :external_id AND {holds}"
        );
        let count = "SET #requested_at_ms = :queued_at ADD #queued :minus_one";
        Ok(vec![
            update(table, claim_key(claim), completed, WAITING_CLAIM, of_claim)?,
            update(table, record_key(claim), count, &is_there, of_record)?,
            delete(table, queued_key(push), IN_LINE, Values::default())?,
        ])
    }

    /// The claim that waits at that place, whose push is gone from there.
    pub(super) fn abandon_writes(
        &self,
        message: &PushMessage,
        (record, queued_at): (&RecordKey, Timestamp),
        code: &str,
        at: Timestamp,
    ) -> Result<Vec<TransactWriteItem>, BuildError> {
        let table = &self.table_name;
        let pk = || tenant_pk(&message.tenant);
        let of_claim = waiting(at)
            .with("queued_at", millis(queued_at))
            .with("failed", text(STATUS_FAILED))
            .with("failure", text(code))
            .with("expires_at", number((at + REFUSED_TTL).as_second()));
        let is_same = format!("{WAITING_CLAIM} AND #queued_at_ms = :queued_at");
        let claim = Key { pk: pk(), sk: claim_sk(&message.key) };
        let place = queued_sk(message.system, record, queued_at, &message.key);
        Ok(vec![
            update(table, claim, &fail(RemoteEffect::None), &is_same, of_claim)?,
            absent(table, Key { pk: pk(), sk: place })?,
        ])
    }
}
