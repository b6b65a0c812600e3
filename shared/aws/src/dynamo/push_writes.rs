//! The writes that put a push in line: parked, queued behind others, or queued again. Each step is
//! one transaction of these; those of a push in line are in `push_steps`.

use aws_sdk_dynamodb::error::BuildError;
use aws_sdk_dynamodb::types::{AttributeValue, TransactWriteItem};
use jiff::{SignedDuration, Timestamp};
use sync_domain::ports::{Claim, QueuedPush, StaleClaim};

use super::DynamoTable;
use super::expression::{Key, Values, delete, put, update};
use super::item::{
    ENTITY_CLAIM, ENTITY_RECORD, Item, STATUS_FAILED, STATUS_IN_PROGRESS, STATUS_QUEUED, claim_sk,
    millis, number, record_sk, tenant_pk, text, timestamp_of,
};
use super::push_item::{item_of, queued_key};
use super::upsert_store::{
    OWNED_CLAIM, OWNED_LOCK, UNLOCK, claim_key, free_claim, owned_by, record_key,
};

/// The place is behind all that wait, and behind all that were applied: callers' clocks need not
/// agree.
const LAST_PLACE: &str = "(attribute_not_exists(#queued_last_ms) OR #queued_last_ms < :queued_at) \
     AND (attribute_not_exists(#requested_at_ms) OR #requested_at_ms < :queued_at)";
/// The step of places.
const PLACE_STEP: SignedDuration = SignedDuration::from_millis(1);

/// The place to try next after a refusal that came of the place alone; `None` when it did not.
pub fn later_place(items: &[Option<Item>], place: Timestamp) -> Option<Timestamp> {
    let [None, Some(record), None] = items else { return None };
    let taken = ["queued_last_ms", "requested_at_ms"].map(|name| timestamp_of(record, name));
    let taken = taken.into_iter().flatten().max()?;
    (taken >= place).then(|| taken + PLACE_STEP)
}

impl DynamoTable {
    /// A claim that waits does not expire: it ends with its push.
    pub(super) fn park_writes(
        &self,
        claim: &Claim,
        push: &QueuedPush,
    ) -> Result<Vec<TransactWriteItem>, BuildError> {
        let table = &self.table_name;
        let of_claim = owned_by(&claim.owner)
            .with("in_progress", text(STATUS_IN_PROGRESS))
            .with("queued", text(STATUS_QUEUED))
            .with("queued_at", millis(push.queued_at));
        let waiting = "SET #status = :queued, #queued_at_ms = :queued_at \
             REMOVE #owner, #lease_until_ms, #expires_at";
        let count = format!("SET #queued_last_ms = :queued_at {UNLOCK} ADD #queued :one");
        let of_record =
            owned_by(&claim.owner).with("one", number(1)).with("queued_at", millis(push.queued_at));
        let is_ours = format!("{OWNED_LOCK} AND {LAST_PLACE}");
        Ok(vec![
            update(table, claim_key(claim), waiting, OWNED_CLAIM, of_claim)?,
            update(table, record_key(claim), &count, &is_ours, of_record)?,
            self.put_push(push)?,
        ])
    }

    pub(super) fn queue_behind_writes(
        &self,
        claim: &Claim,
        stale: Option<&StaleClaim>,
        push: &QueuedPush,
    ) -> Result<Vec<TransactWriteItem>, BuildError> {
        let item = Item::from([
            ("entity".to_owned(), text(ENTITY_CLAIM)),
            ("status".to_owned(), text(STATUS_QUEUED)),
            ("started_at_ms".to_owned(), millis(claim.started_at)),
            ("fingerprint".to_owned(), text(claim.fingerprint.as_str())),
            ("record_key".to_owned(), text(claim.record.as_str())),
            ("correlation_id".to_owned(), text(claim.correlation_id.as_str())),
            ("queued_at_ms".to_owned(), millis(push.queued_at)),
        ]);
        let (free, of_claim) = free_claim(claim, stale);
        let of_record =
            Values::default().with("one", number(1)).with("queued_at", millis(push.queued_at));
        let count = "SET #queued_last_ms = :queued_at ADD #queued :one";
        let has_line = format!("#queued >= :one AND {LAST_PLACE}");
        let table = &self.table_name;
        Ok(vec![
            put(table, claim_key(claim), item, free, of_claim)?,
            update(table, record_key(claim), count, &has_line, of_record)?,
            self.put_push(push)?,
        ])
    }

    fn put_push(&self, push: &QueuedPush) -> Result<TransactWriteItem, BuildError> {
        let free = "attribute_not_exists(#pk)";
        put(&self.table_name, queued_key(push), item_of(push), free, Values::default())
    }

    /// Not while its key is in use again: only with the claim that the push was given up with, with
    /// none, or with that of a caller who tried again and is gone.
    pub(super) fn queue_again_writes(
        &self,
        push: &QueuedPush,
        refused: Key,
        at: Timestamp,
    ) -> Result<Vec<TransactWriteItem>, BuildError> {
        let table = &self.table_name;
        let of_claim = Values::default()
            .with("failed", text(STATUS_FAILED))
            .with("in_progress", text(STATUS_IN_PROGRESS))
            .with("now", millis(at))
            .with("entity", text(ENTITY_CLAIM))
            .with("queued", text(STATUS_QUEUED))
            .with("queued_at", millis(push.queued_at))
            .with("started_at", millis(push.started_at))
            .with("fingerprint", text(push.fingerprint.as_str()))
            .with("record_key", text(push.record.as_str()))
            .with("correlation_id", text(push.correlation_id.as_str()));
        let waiting = "SET #entity = :entity, #status = :queued, #queued_at_ms = :queued_at, \
             #started_at_ms = :started_at, #fingerprint = :fingerprint, \
             #record_key = :record_key, #correlation_id = :correlation_id \
             REMOVE #failure, #owner, #lease_until_ms, #expires_at";
        let is_same = "attribute_not_exists(#pk) OR (#fingerprint = :fingerprint \
             AND (#status = :failed OR (#status = :in_progress AND #lease_until_ms <= :now \
             AND attribute_not_exists(#queued_at_ms))))";
        let claim = Key { pk: tenant_pk(&push.tenant), sk: claim_sk(&push.key) };
        Ok(vec![
            update(table, claim, waiting, is_same, of_claim)?,
            self.count_push(push)?,
            self.put_push(push)?,
            delete(table, refused, "attribute_exists(#pk)", Values::default())?,
        ])
    }

    /// One more push waits for a record, whether or not there is anything of it yet; not if a later
    /// upsert of it has been applied.
    fn count_push(&self, push: &QueuedPush) -> Result<TransactWriteItem, BuildError> {
        let key = Key {
            pk: tenant_pk(&push.tenant),
            sk: record_sk(push.system, push.draft.object_type, &push.record),
        };
        let values = Values::default()
            .with("entity", text(ENTITY_RECORD))
            .with("tenant_id", text(push.tenant.as_str()))
            .with("system", text(push.system.as_str()))
            .with("type", text(push.draft.object_type.as_str()))
            .with("record_key", text(push.record.as_str()))
            .with("no_payload", AttributeValue::M(Item::new()))
            .with("queued_at", millis(push.queued_at))
            .with("one", number(1));
        let count = "SET #entity = :entity, #tenant_id = :tenant_id, #system = :system, \
             #type = :type, #record_key = :record_key, \
             #payload = if_not_exists(#payload, :no_payload), \
             #queued_last_ms = if_not_exists(#queued_last_ms, :queued_at) ADD #queued :one";
        let is_latest = "attribute_not_exists(#requested_at_ms) OR #requested_at_ms <= :queued_at";
        update(&self.table_name, key, count, is_latest, values)
    }
}
