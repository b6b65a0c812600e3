//! Waiting pushes: the claim on the caller's key, the count on the record, and the push itself
//! always change together, in one transaction.

use async_trait::async_trait;
use jiff::Timestamp;
use sync_domain::keys::{ClaimKey, RecordKey};
use sync_domain::model::{PushMessage, System, TenantId};
use sync_domain::ports::{
    Claim, KeyStatus, Parked, PushStart, PushStore, QueuedAgain, QueuedPush, RemoteEffect,
    StoreError,
};

use super::DynamoTable;
use super::expression::{Key, Values, delete};
use super::item::{
    Item, PK, SK, STATUS_COMPLETED, STATUS_FAILED, STATUS_IN_PROGRESS, STATUS_QUEUED, claim_sk,
    number, queued_prefix, tenant_pk, text, text_of, timestamp_of,
};
use super::push_item::{push_from, push_of, refused_key};
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
        let push = push_of(claim, effect, at);
        let writes = self.park_writes(claim, &push).map_err(unbuildable)?;
        parked(self.commit(writes).await?)
    }

    async fn queue_behind(&self, claim: &Claim, at: Timestamp) -> Result<Parked, StoreError> {
        let push = push_of(claim, RemoteEffect::None, at);
        let writes = self.queue_behind_writes(claim, &push).map_err(unbuildable)?;
        parked(self.commit(writes).await?)
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
        match self.commit(writes).await? {
            Committed::Yes => Ok(PushStart::Started),
            Committed::Conflict => Ok(PushStart::Busy { until: None }),
            Committed::Refused(items) => Ok(start_refused(&items)),
        }
    }

    async fn put_back(
        &self,
        push: &QueuedPush,
        claim: &Claim,
        effect: RemoteEffect,
    ) -> Result<(), StoreError> {
        let writes = self.put_back_writes(push, claim, effect).map_err(unbuildable)?;
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
        let writes = delete(&self.table_name, record_key(claim), bare, values);
        settled(self.commit(vec![writes.map_err(unbuildable)?]).await?)
    }

    async fn queue_again(
        &self,
        message: &PushMessage,
        at: Timestamp,
    ) -> Result<QueuedAgain, StoreError> {
        let refused = refused_key(&message.tenant, message.system, &message.record, &message.key);
        let Some(item) = self.get(&refused).await? else { return Ok(QueuedAgain::Gone) };
        let push = push_from(&message.tenant, message.system, &item)?;
        let push = QueuedPush { queued_at: at, ..push };
        let writes = self.queue_again_writes(&push, refused).map_err(unbuildable)?;
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
        tenant: &TenantId,
        key: &ClaimKey,
        code: &str,
    ) -> Result<(), StoreError> {
        let write = self.abandon_write(tenant, key, code).map_err(unbuildable)?;
        settled(self.commit(vec![write]).await?)
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

fn parked(committed: Committed) -> Result<Parked, StoreError> {
    match committed {
        Committed::Yes => Ok(Parked::Queued),
        Committed::Refused(_) => Ok(Parked::Lost),
        Committed::Conflict => Err(StoreError::Conflict),
    }
}

/// A refusal means that it is not ours any more, and then there is nothing to give back.
fn settled(committed: Committed) -> Result<(), StoreError> {
    match committed {
        Committed::Yes | Committed::Refused(_) => Ok(()),
        Committed::Conflict => Err(StoreError::Conflict),
    }
}

/// Why a push can't be started: its place in the line is gone, or somebody is at it or its record.
fn start_refused(items: &[Option<Item>]) -> PushStart {
    let [claim, record, place] = items else { return PushStart::Busy { until: None } };
    let is_done = claim.as_ref().is_some_and(|item| {
        !matches!(text_of(item, "status"), Some(STATUS_QUEUED | STATUS_IN_PROGRESS))
    });
    if place.is_some() || is_done {
        return PushStart::Gone;
    }
    let lease_of = |item: &Option<Item>, name| timestamp_of(item.as_ref()?, name);
    let until = [lease_of(claim, "lease_until_ms"), lease_of(record, "lock_until_ms")];
    PushStart::Busy { until: until.into_iter().flatten().max() }
}

impl DynamoTable {
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
