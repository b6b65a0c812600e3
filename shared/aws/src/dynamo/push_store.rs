//! Waiting pushes: the claim on the caller's key, the count on the record, and the push itself
//! always change together, in one transaction.

use async_trait::async_trait;
use aws_sdk_dynamodb::error::BuildError;
use aws_sdk_dynamodb::types::TransactWriteItem;
use jiff::Timestamp;
use sync_domain::keys::{ClaimKey, RecordKey};
use sync_domain::model::{ExternalId, PushMessage, System, TenantId};
use sync_domain::ports::{
    Claim, KeyStatus, Parked, PushStart, PushStore, QueuedAgain, QueuedPush, RemoteEffect,
    StaleClaim, StoreError,
};

use super::DynamoTable;
use super::expression::{Key, Values, delete};
use super::item::{
    Item, PK, SK, STATUS_COMPLETED, STATUS_FAILED, STATUS_IN_PROGRESS, STATUS_QUEUED, claim_sk,
    number, queued_prefix, tenant_pk, text, text_of, timestamp_of,
};
use super::push_item::{push_from, push_of, refused_key};
use super::push_writes::later_place;
use super::refusal::answer_of;
use super::transaction::Committed;
use super::upsert_store::{record_key, unbuildable};

#[async_trait]
impl PushStore for DynamoTable {
    async fn park(
        &self,
        claim: &Claim,
        effect: RemoteEffect,
        at: Timestamp,
    ) -> Result<Parked, StoreError> {
        self.take_place(claim, effect, at, |push| self.park_writes(claim, push)).await
    }

    async fn queue_behind(
        &self,
        claim: &Claim,
        stale: Option<&StaleClaim>,
        at: Timestamp,
    ) -> Result<Parked, StoreError> {
        let effect = if stale.is_some() { RemoteEffect::Unknown } else { RemoteEffect::None };
        let writes = |push: &QueuedPush| self.queue_behind_writes(claim, stale, push);
        self.take_place(claim, effect, at, writes).await
    }

    async fn next(
        &self,
        tenant: &TenantId,
        system: System,
        record: &RecordKey,
    ) -> Result<Option<QueuedPush>, StoreError> {
        let found = self
            .client
            .query()
            .table_name(&self.table_name)
            .key_condition_expression("pk = :pk AND begins_with(sk, :prefix)")
            .expression_attribute_values(":pk", text(tenant_pk(tenant)))
            .expression_attribute_values(":prefix", text(queued_prefix(system, record)))
            .limit(1)
            .consistent_read(true)
            .send()
            .await
            .map_err(|error| StoreError::Unavailable(Box::new(error)))?;
        found.items().first().map(|item| push_from(tenant, system, item)).transpose()
    }

    async fn start(&self, push: &QueuedPush, claim: &Claim) -> Result<PushStart, StoreError> {
        let writes = self.start_writes(push, claim).map_err(unbuildable)?;
        let items = match self.commit(writes).await? {
            Committed::Yes => return Ok(PushStart::Started),
            Committed::Conflict => return Ok(PushStart::Busy { until: None }),
            Committed::Refused(items) => items,
        };
        let (writes, settled) = match start_refused(push, claim, &items) {
            StartRefused::As(start) => return Ok(start),
            StartRefused::Superseded => (self.supersede_writes(push, claim), PushStart::Superseded),
            StartRefused::Unchanged(external_id) => {
                (self.unchanged_writes(push, claim, &external_id), PushStart::Unchanged)
            }
        };
        match self.commit(writes.map_err(unbuildable)?).await? {
            Committed::Yes => Ok(settled),
            // What was seen is over; it takes another look.
            Committed::Conflict | Committed::Refused(_) => Ok(PushStart::Busy { until: None }),
        }
    }

    async fn put_back(&self, push: &QueuedPush, claim: &Claim) -> Result<(), StoreError> {
        let writes = self.put_back_writes(push, claim).map_err(unbuildable)?;
        settled(self.commit(writes).await?)
    }

    async fn give_up(
        &self,
        push: &QueuedPush,
        claim: &Claim,
        code: &str,
        at: Timestamp,
    ) -> Result<(), StoreError> {
        let writes = self.give_up_writes(push, claim, code, at).map_err(unbuildable)?;
        settled(self.commit(writes).await?)?;
        // A record that was only made to be locked goes with the last push that waited for it.
        let bare = "attribute_not_exists(#version) AND attribute_not_exists(#lock_owner) \
             AND #queued = :zero";
        let values = Values::default().with("zero", number(0));
        let write = delete(&self.table_name, record_key(claim), bare, values);
        // Whoever is at the record right now finds it as good as new.
        self.commit(vec![write.map_err(unbuildable)?]).await.map(|_either| ())
    }

    async fn queue_again(
        &self,
        message: &PushMessage,
        at: Timestamp,
    ) -> Result<QueuedAgain, StoreError> {
        let refused = refused_key(&message.tenant, message.system, &message.record, &message.key);
        let Some(item) = self.get(&refused).await? else { return Ok(QueuedAgain::Gone) };
        let push = push_from(&message.tenant, message.system, &item)?;
        let push = QueuedPush { tries: 0, effect: RemoteEffect::Unknown, ..push };
        let writes = self.queue_again_writes(&push, refused, at).map_err(unbuildable)?;
        match self.commit(writes).await? {
            Committed::Yes => Ok(QueuedAgain::Queued),
            // The record alone: a later upsert of it has been applied.
            Committed::Refused(items) => Ok(match items.as_slice() {
                [None, Some(_), ..] => QueuedAgain::Superseded,
                _ => QueuedAgain::Gone,
            }),
            Committed::Conflict => Err(StoreError::Conflict),
        }
    }

    async fn abandon(
        &self,
        message: &PushMessage,
        code: &str,
        at: Timestamp,
    ) -> Result<bool, StoreError> {
        let claim = Key { pk: tenant_pk(&message.tenant), sk: claim_sk(&message.key) };
        let Some(item) = self.get(&claim).await? else { return Ok(false) };
        let Some(queued_at) = timestamp_of(&item, "queued_at_ms") else { return Ok(false) };
        let record = text_of(&item, "record_key").ok_or(StoreError::Malformed("a claim"))?;
        let record = RecordKey::from_stored(record);
        let writes = self.abandon_writes(message, (&record, queued_at), code, at);
        match self.commit(writes.map_err(unbuildable)?).await? {
            Committed::Yes => Ok(true),
            Committed::Refused(_) => Ok(false),
            Committed::Conflict => Err(StoreError::Conflict),
        }
    }

    async fn key_status(
        &self,
        tenant: &TenantId,
        key: &ClaimKey,
        now: Timestamp,
    ) -> Result<KeyStatus, StoreError> {
        let claim = Key { pk: tenant_pk(tenant), sk: claim_sk(key) };
        let Some(item) = self.get(&claim).await? else { return Ok(KeyStatus::Unknown) };
        let expires_at_s =
            item.get("expires_at").and_then(|it| it.as_n().ok()?.parse::<i64>().ok());
        if expires_at_s.is_some_and(|expires_at_s| expires_at_s <= now.as_second()) {
            return Ok(KeyStatus::Unknown);
        }
        status_of(&item).ok_or(StoreError::Malformed("a claim"))
    }
}

fn status_of(item: &Item) -> Option<KeyStatus> {
    Some(match text_of(item, "status")? {
        STATUS_QUEUED => KeyStatus::Queued,
        STATUS_COMPLETED => KeyStatus::Completed(answer_of(item)?),
        STATUS_FAILED => KeyStatus::Failed { code: text_of(item, "failure")?.to_owned() },
        STATUS_IN_PROGRESS => {
            KeyStatus::InProgress { lease_until: timestamp_of(item, "lease_until_ms")? }
        }
        _ => return None,
    })
}

/// A refusal means that it is not ours any more, and then there is nothing to give back.
fn settled(committed: Committed) -> Result<(), StoreError> {
    match committed {
        Committed::Yes | Committed::Refused(_) => Ok(()),
        Committed::Conflict => Err(StoreError::Conflict),
    }
}

/// Why a push can't be started.
enum StartRefused {
    /// There is nothing more to it.
    As(PushStart),
    /// A later upsert has been applied: it is to be taken out of the line.
    Superseded,
    /// The record holds it all: it is to be completed.
    Unchanged(ExternalId),
}

fn start_refused(push: &QueuedPush, claim: &Claim, items: &[Option<Item>]) -> StartRefused {
    let busy = |until| StartRefused::As(PushStart::Busy { until });
    let [held, record, place] = items else { return busy(None) };
    let is_settled = held.as_ref().is_some_and(|item| {
        !matches!(text_of(item, "status"), Some(STATUS_QUEUED | STATUS_IN_PROGRESS))
    });
    if place.is_some() || is_settled {
        return StartRefused::As(PushStart::Gone);
    }
    let lease_of = |item: &Option<Item>, name| {
        timestamp_of(item.as_ref()?, name).filter(|until| *until > claim.at)
    };
    let held_until = lease_of(held, "lease_until_ms").max(lease_of(record, "lock_until_ms"));
    let (None, Some(record)) = (held_until, record) else { return busy(held_until) };
    if timestamp_of(record, "requested_at_ms").is_some_and(|at| at > push.queued_at) {
        return StartRefused::Superseded;
    }
    match text_of(record, "external_id") {
        Some(external_id) if push.effect == RemoteEffect::None => {
            StartRefused::Unchanged(ExternalId::new(external_id))
        }
        _ => busy(None),
    }
}

/// How often a place in line is tried that others took first.
const PLACES_MAX: usize = 8;

impl DynamoTable {
    /// Puts a push in line at a place that nobody has, `at` or later.
    async fn take_place(
        &self,
        claim: &Claim,
        effect: RemoteEffect,
        at: Timestamp,
        writes: impl Fn(&QueuedPush) -> Result<Vec<TransactWriteItem>, BuildError>,
    ) -> Result<Parked, StoreError> {
        // What is stored has no finer parts, and is compared with what is read back.
        let mut place = Timestamp::from_millisecond(at.as_millisecond()).unwrap_or(at);
        for _place in 0..PLACES_MAX {
            let push = push_of(claim, effect, place);
            match self.commit(writes(&push).map_err(unbuildable)?).await? {
                Committed::Yes => return Ok(Parked::Queued),
                Committed::Conflict => return Err(StoreError::Conflict),
                Committed::Refused(items) => match later_place(&items, place) {
                    Some(later) => place = later,
                    None => return Ok(Parked::Lost),
                },
            }
        }
        Err(StoreError::Conflict)
    }

    async fn get(&self, key: &Key) -> Result<Option<Item>, StoreError> {
        let found = self
            .client
            .get_item()
            .table_name(&self.table_name)
            .key(PK, text(&key.pk))
            .key(SK, text(&key.sk))
            .consistent_read(true)
            .send()
            .await
            .map_err(|error| StoreError::Unavailable(Box::new(error)))?;
        Ok(found.item)
    }
}
