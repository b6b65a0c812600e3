//! The writes behind the steps of a waiting push: each step is one transaction of these.

use aws_sdk_dynamodb::error::BuildError;
use aws_sdk_dynamodb::types::{AttributeValue, TransactWriteItem};
use jiff::{SignedDuration, Timestamp};
use sync_domain::keys::ClaimKey;
use sync_domain::model::TenantId;
use sync_domain::ports::{Claim, QueuedPush, RemoteEffect};

use super::DynamoTable;
use super::expression::{Key, Values, delete, put, replace, update};
use super::item::{
    ENTITY_CLAIM, ENTITY_RECORD, Item, STATUS_FAILED, STATUS_IN_PROGRESS, STATUS_QUEUED, claim_sk,
    millis, number, record_sk, tenant_pk, text,
};
use super::push_item::{item_of, queued_key, refused_key};
use super::upsert_store::{
    FREE_CLAIM, OWNED_CLAIM, OWNED_LOCK, UNLOCK, claim_key, owned_by, record_key,
};

/// How long a claim lives whose push waits: longer than any push may wait.
const WAITING_TTL: SignedDuration = SignedDuration::from_hours(30 * 24);
/// How long a push that was given up can be queued again: as long as its dead letter is kept.
const REFUSED_TTL: SignedDuration = SignedDuration::from_hours(14 * 24);
impl DynamoTable {
    pub(super) fn park_writes(
        &self,
        claim: &Claim,
        push: &QueuedPush,
    ) -> Result<Vec<TransactWriteItem>, BuildError> {
        let table = &self.table_name;
        let of_claim = owned_by(&claim.owner)
            .with("in_progress", text(STATUS_IN_PROGRESS))
            .with("queued", text(STATUS_QUEUED))
            .with("expires_at", number((push.queued_at + WAITING_TTL).as_second()));
        let of_claim = of_claim.with("queued_at", millis(push.queued_at));
        let waiting = "SET #status = :queued, #expires_at = :expires_at, \
             #queued_at_ms = :queued_at REMOVE #owner, #lease_until_ms";
        let count = format!("{UNLOCK} ADD #queued :one");
        let of_record = owned_by(&claim.owner).with("one", number(1));
        Ok(vec![
            update(table, claim_key(claim), waiting, OWNED_CLAIM, of_claim)?,
            update(table, record_key(claim), &count, OWNED_LOCK, of_record)?,
            self.put_push(push)?,
        ])
    }

    pub(super) fn queue_behind_writes(
        &self,
        claim: &Claim,
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
            ("expires_at".to_owned(), number((push.queued_at + WAITING_TTL).as_second())),
        ]);
        let of_claim = Values::default()
            .with("now", number(claim.at.as_second()))
            .with("failed", text(STATUS_FAILED));
        let one = || Values::default().with("one", number(1));
        let table = &self.table_name;
        Ok(vec![
            put(table, claim_key(claim), item, FREE_CLAIM, of_claim)?,
            update(table, record_key(claim), "ADD #queued :one", "#queued >= :one", one())?,
            self.put_push(push)?,
        ])
    }

    fn put_push(&self, push: &QueuedPush) -> Result<TransactWriteItem, BuildError> {
        let free = "attribute_not_exists(#pk)";
        put(&self.table_name, queued_key(push), item_of(push), free, Values::default())
    }

    /// The push is marked as unresolved as long as it is ours: if we crash, whoever comes next looks
    /// at the provider before it writes.
    pub(super) fn start_writes(
        &self,
        push: &QueuedPush,
        claim: &Claim,
    ) -> Result<Vec<TransactWriteItem>, BuildError> {
        let table = &self.table_name;
        let leased = || {
            owned_by(&claim.owner)
                .with("lease_until", millis(claim.lease_until))
                .with("now", millis(claim.at))
        };
        let of_claim = leased()
            .with("in_progress", text(STATUS_IN_PROGRESS))
            .with("queued", text(STATUS_QUEUED));
        let ours = "SET #status = :in_progress, #owner = :owner, #lease_until_ms = :lease_until";
        let free = "#status = :queued OR (#status = :in_progress AND #lease_until_ms <= :now)";
        let of_record = leased().with("started_at", millis(claim.started_at));
        let lock = "SET #lock_owner = :owner, #lock_until_ms = :lease_until, \
             #lock_started_at_ms = :started_at";
        let unlocked = "attribute_exists(#queued) AND \
             (attribute_not_exists(#lock_owner) OR #lock_until_ms <= :now)";
        let unresolved = Values::default().with("yes", AttributeValue::Bool(true));
        Ok(vec![
            update(table, claim_key(claim), ours, free, of_claim)?,
            update(table, record_key(claim), lock, unlocked, of_record)?,
            update(
                table,
                queued_key(push),
                "SET #is_unresolved = :yes",
                "attribute_exists(#pk)",
                unresolved,
            )?,
        ])
    }

    pub(super) fn put_back_writes(
        &self,
        push: &QueuedPush,
        claim: &Claim,
        effect: RemoteEffect,
    ) -> Result<Vec<TransactWriteItem>, BuildError> {
        let table = &self.table_name;
        let of_claim = owned_by(&claim.owner)
            .with("in_progress", text(STATUS_IN_PROGRESS))
            .with("queued", text(STATUS_QUEUED));
        let waiting = "SET #status = :queued REMOVE #owner, #lease_until_ms";
        let is_unresolved = AttributeValue::Bool(effect == RemoteEffect::Unknown);
        let of_push = Values::default().with("is_unresolved", is_unresolved);
        let mark = "SET #is_unresolved = :is_unresolved";
        Ok(vec![
            update(table, claim_key(claim), waiting, OWNED_CLAIM, of_claim)?,
            update(table, record_key(claim), UNLOCK, OWNED_LOCK, owned_by(&claim.owner))?,
            update(table, queued_key(push), mark, "attribute_exists(#pk)", of_push)?,
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
        let failed = "SET #status = :failed, #failure = :failure, #expires_at = :expires_at \
             REMOVE #owner, #lease_until_ms, #queued_at_ms";
        let count = format!("{UNLOCK} ADD #queued :minus_one");
        let of_record = owned_by(&claim.owner).with("minus_one", number(-1));
        let mut refused = item_of(push);
        refused.insert("expires_at".to_owned(), expires_at);
        let key = refused_key(&push.tenant, push.system, &push.record, &push.key);
        Ok(vec![
            update(table, claim_key(claim), failed, OWNED_CLAIM, of_claim)?,
            update(table, record_key(claim), &count, OWNED_LOCK, of_record)?,
            delete(table, queued_key(push), "attribute_exists(#pk)", Values::default())?,
            replace(table, key, refused)?,
        ])
    }

    pub(super) fn queue_again_writes(
        &self,
        push: &QueuedPush,
        refused: Key,
    ) -> Result<Vec<TransactWriteItem>, BuildError> {
        let table = &self.table_name;
        let of_claim = Values::default()
            .with("failed", text(STATUS_FAILED))
            .with("queued", text(STATUS_QUEUED))
            .with("expires_at", number((push.queued_at + WAITING_TTL).as_second()));
        let of_claim = of_claim.with("queued_at", millis(push.queued_at));
        let waiting = "SET #status = :queued, #expires_at = :expires_at, \
             #queued_at_ms = :queued_at REMOVE #failure";
        let claim = Key { pk: tenant_pk(&push.tenant), sk: claim_sk(&push.key) };
        Ok(vec![
            update(table, claim, waiting, "#status = :failed", of_claim)?,
            self.count_push(push)?,
            self.put_push(push)?,
            delete(table, refused, "attribute_exists(#pk)", Values::default())?,
        ])
    }

    pub(super) fn abandon_write(
        &self,
        tenant: &TenantId,
        key: &ClaimKey,
        code: &str,
    ) -> Result<TransactWriteItem, BuildError> {
        let values = Values::default()
            .with("queued", text(STATUS_QUEUED))
            .with("failed", text(STATUS_FAILED))
            .with("failure", text(code));
        let claim = Key { pk: tenant_pk(tenant), sk: claim_sk(key) };
        let failed = "SET #status = :failed, #failure = :failure REMOVE #queued_at_ms";
        update(&self.table_name, claim, failed, "#status = :queued", values)
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
            .with("one", number(1));
        let count = "SET #entity = :entity, #tenant_id = :tenant_id, #system = :system, \
             #type = :type, #record_key = :record_key, \
             #payload = if_not_exists(#payload, :no_payload) ADD #queued :one";
        let values = values.with("started_at", millis(push.started_at));
        let is_latest = "attribute_not_exists(#requested_at_ms) OR #requested_at_ms <= :started_at";
        update(&self.table_name, key, count, is_latest, values)
    }
}
