//! Claims and records as pairs of conditional writes.
//!
//! A claim writes two items in one transaction: the caller's key (`IDEM#…`) and a lock on the record
//! (`CRM#…`). When the transaction is refused, the old items come back with the refusal and say why,
//! so a repeat costs this one round trip and no read. How a claim ends well is in `completion`.

use async_trait::async_trait;
use aws_sdk_dynamodb::error::BuildError;
use aws_sdk_dynamodb::types::{AttributeValue, TransactWriteItem};
use jiff::SignedDuration;
use sync_domain::model::{CrmDraft, ExternalId, OwnerId};
use sync_domain::ports::{
    Claim, ClaimOutcome, Completion, Expectation, Finished, Release, StaleClaim, StoreError,
    UpsertStore,
};

use super::DynamoTable;
use super::expression::{Key, Values, delete, put, update};
use super::item::{
    ENTITY_CLAIM, ENTITY_RECORD, Item, PK, SK, STATUS_FAILED, STATUS_IN_PROGRESS, claim_sk, millis,
    number, record_sk, tenant_pk, text, text_of,
};
use super::refusal::read_refusal;
use super::transaction::Committed;

/// A caller's key that may be used: new, forgotten, or of an upsert that waited in vain and left
/// nothing at the provider. The table's own removal of expired items may be days late.
const FREE_CLAIM: &str = "attribute_not_exists(#pk) OR #expires_at <= :now \
     OR (#status = :failed AND attribute_not_exists(#owner))";
/// A key whose owner is gone, or has given up with something perhaps at the provider.
const STALE_CLAIM: &str = "#owner = :owner AND (#status = :in_progress OR #status = :failed)";
/// Nobody waits for the record.
const NO_LINE: &str = "(attribute_not_exists(#queued) OR #queued < :one)";

/// How long a completed answer is replayed.
pub(super) const CLAIM_TTL: SignedDuration = SignedDuration::from_hours(7 * 24);

pub(super) const OWNED_CLAIM: &str = "#owner = :owner AND #status = :in_progress";
pub(super) const OWNED_LOCK: &str = "#lock_owner = :owner";
pub(super) const UNLOCK: &str = "REMOVE #lock_owner, #lock_until_ms, #lock_started_at_ms";

#[async_trait]
impl UpsertStore for DynamoTable {
    async fn claim(
        &self,
        claim: &Claim,
        expectation: &Expectation,
    ) -> Result<ClaimOutcome, StoreError> {
        let writes = vec![
            self.put_claim(claim, expectation).map_err(unbuildable)?,
            self.lock_record(claim, expectation).map_err(unbuildable)?,
        ];
        match self.commit(writes).await? {
            Committed::Yes => Ok(ClaimOutcome::Claimed),
            Committed::Conflict => Ok(ClaimOutcome::InProgress { lease_until: None }),
            Committed::Refused(items) => read_refusal(claim, expectation, &items),
        }
    }

    async fn known_external_id(&self, claim: &Claim) -> Result<Option<ExternalId>, StoreError> {
        let Key { pk, sk } = record_key(claim);
        let names = [("#external_id", "external_id"), ("#deleted_at", "deleted_at")];
        let names = names.map(|(name, attribute)| (name.to_owned(), attribute.to_owned()));
        let read = self
            .client
            .get_item()
            .table_name(&self.table_name)
            .key(PK, text(pk))
            .key(SK, text(sk))
            .projection_expression("#external_id, #deleted_at")
            .set_expression_attribute_names(Some(names.into()))
            .consistent_read(true)
            .send();
        let answer = read.await.map_err(|error| StoreError::Unavailable(Box::new(error)))?;
        let record = answer.item.filter(|record| !record.contains_key("deleted_at"));
        Ok(record.as_ref().and_then(|record| text_of(record, "external_id")).map(ExternalId::new))
    }

    async fn complete(&self, claim: &Claim, finished: &Finished) -> Result<Completion, StoreError> {
        self.store_completion(claim, finished).await
    }

    async fn release(&self, claim: &Claim, release: Release) -> Result<(), StoreError> {
        let writes = match release {
            Release::Unresolved => self.end_lease(claim),
            Release::Undone => self.undo(claim, RecordState::NeverStored),
        };
        match (self.commit(writes.map_err(unbuildable)?).await?, release) {
            (Committed::Yes, _) | (Committed::Refused(_), Release::Unresolved) => Ok(()),
            (Committed::Conflict, _) => Err(StoreError::Conflict),
            (Committed::Refused(_), Release::Undone) => {
                // The record has a version, so it stays and just loses the lock.
                let writes = self.undo(claim, RecordState::Stored).map_err(unbuildable)?;
                match self.commit(writes).await? {
                    Committed::Yes | Committed::Refused(_) => Ok(()),
                    Committed::Conflict => Err(StoreError::Conflict),
                }
            }
        }
    }
}

/// Whether a record is there apart from the lock on it.
#[derive(Clone, Copy)]
enum RecordState {
    NeverStored,
    Stored,
}

impl DynamoTable {
    fn put_claim(
        &self,
        claim: &Claim,
        expectation: &Expectation,
    ) -> Result<TransactWriteItem, BuildError> {
        let item = Item::from([
            ("entity".to_owned(), text(ENTITY_CLAIM)),
            ("status".to_owned(), text(STATUS_IN_PROGRESS)),
            ("owner".to_owned(), text(claim.owner.as_str())),
            ("lease_until_ms".to_owned(), millis(claim.lease_until)),
            ("started_at_ms".to_owned(), millis(claim.started_at)),
            ("fingerprint".to_owned(), text(claim.fingerprint.as_str())),
            ("record_key".to_owned(), text(claim.record.as_str())),
            ("correlation_id".to_owned(), text(claim.correlation_id.as_str())),
            ("expires_at".to_owned(), number((claim.at + CLAIM_TTL).as_second())),
        ]);
        let (condition, values) = free_claim(claim, expectation.claim.as_ref());
        put(&self.table_name, claim_key(claim), item, condition, values)
    }

    fn lock_record(
        &self,
        claim: &Claim,
        expectation: &Expectation,
    ) -> Result<TransactWriteItem, BuildError> {
        let mut values = Values::default()
            .with("entity", text(ENTITY_RECORD))
            .with("tenant_id", text(claim.tenant.as_str()))
            .with("system", text(claim.system.as_str()))
            .with("type", text(claim.draft.object_type.as_str()))
            .with("record_key", text(claim.record.as_str()))
            .with("owner", text(claim.owner.as_str()))
            .with("lease_until", millis(claim.lease_until))
            .with("started_at", millis(claim.started_at))
            .with("no_payload", AttributeValue::M(Item::new()))
            .with("one", number(1));
        let lock = "SET #entity = :entity, #tenant_id = :tenant_id, #system = :system, \
             #type = :type, #record_key = :record_key, #lock_owner = :owner, \
             #lock_until_ms = :lease_until, #lock_started_at_ms = :started_at, \
             #payload = if_not_exists(#payload, :no_payload)";
        let condition = match &expectation.lock {
            Some(stale) => {
                values = values.with("stale_owner", text(stale.owner.as_str()));
                format!("#lock_owner = :stale_owner AND {NO_LINE}")
            }
            None => {
                let (differs, wanted) = differs_from(&claim.draft, values);
                values = wanted;
                // A deleted record differs from any wanted one, whatever it held.
                format!(
                    "{NO_LINE} AND attribute_not_exists(#lock_owner) \
                     AND (attribute_not_exists(#version) OR attribute_exists(#deleted_at) OR {differs})"
                )
            }
        };
        update(&self.table_name, record_key(claim), lock, &condition, values)
    }

    /// Lets both leases end now, so that the next caller takes over without waiting.
    fn end_lease(&self, claim: &Claim) -> Result<Vec<TransactWriteItem>, BuildError> {
        let ended = || owned_by(&claim.owner).with("ended", number(0));
        let of_claim = ended().with("in_progress", text(STATUS_IN_PROGRESS));
        let table = &self.table_name;
        Ok(vec![
            update(table, claim_key(claim), "SET #lease_until_ms = :ended", OWNED_CLAIM, of_claim)?,
            update(table, record_key(claim), "SET #lock_until_ms = :ended", OWNED_LOCK, ended())?,
        ])
    }

    /// Takes claim and lock away. A record that was only made to be locked goes too.
    fn undo(
        &self,
        claim: &Claim,
        state: RecordState,
    ) -> Result<Vec<TransactWriteItem>, BuildError> {
        let owned = || owned_by(&claim.owner);
        let of_claim = owned().with("in_progress", text(STATUS_IN_PROGRESS));
        let table = &self.table_name;
        let record = match state {
            RecordState::NeverStored => {
                let bare = format!("{OWNED_LOCK} AND attribute_not_exists(#version) AND {NO_LINE}");
                delete(table, record_key(claim), &bare, owned().with("one", number(1)))?
            }
            RecordState::Stored => update(table, record_key(claim), UNLOCK, OWNED_LOCK, owned())?,
        };
        Ok(vec![delete(table, claim_key(claim), OWNED_CLAIM, of_claim)?, record])
    }
}

/// The condition under which a new call gets its key, with its values.
pub(super) fn free_claim(claim: &Claim, stale: Option<&StaleClaim>) -> (&'static str, Values) {
    let failed = |values: Values| values.with("failed", text(STATUS_FAILED));
    match stale {
        None => {
            let now = Values::default().with("now", number(claim.at.as_second()));
            (FREE_CLAIM, failed(now))
        }
        Some(stale) => {
            let owned = owned_by(&stale.owner).with("in_progress", text(STATUS_IN_PROGRESS));
            (STALE_CLAIM, failed(owned))
        }
    }
}

/// True for the table when a wanted value or association is not stored, with the values of the
/// expression. A value to be cleared counts as stored when it is absent.
pub(super) fn differs_from(draft: &CrmDraft, mut values: Values) -> (String, Values) {
    let mut differences = Vec::new();
    for (name, value) in draft.attributes.iter() {
        let name = name.as_str();
        values = values.with(name, text(value));
        differences.push(if value.is_empty() {
            format!("(attribute_exists(#payload.#{name}) AND #payload.#{name} <> :{name})")
        } else {
            format!("attribute_not_exists(#payload.#{name}) OR #payload.#{name} <> :{name}")
        });
    }
    for (index, association) in draft.associations.iter().enumerate() {
        values = values.with(&format!("a{index}"), text(association.to_stored()));
        differences.push(format!("NOT contains(#associations, :a{index})"));
    }
    (differences.join(" OR "), values)
}

/// True for the table when every wanted value and association is stored: the opposite.
pub(super) fn holds_all(draft: &CrmDraft, mut values: Values) -> (String, Values) {
    let mut conditions = Vec::new();
    for (name, value) in draft.attributes.iter() {
        let name = name.as_str();
        values = values.with(name, text(value));
        let is_same = format!("#payload.#{name} = :{name}");
        conditions.push(if value.is_empty() {
            format!("(attribute_not_exists(#payload.#{name}) OR {is_same})")
        } else {
            is_same
        });
    }
    for (index, association) in draft.associations.iter().enumerate() {
        values = values.with(&format!("a{index}"), text(association.to_stored()));
        conditions.push(format!("contains(#associations, :a{index})"));
    }
    (conditions.join(" AND "), values)
}

pub(super) fn claim_key(claim: &Claim) -> Key {
    Key { pk: tenant_pk(&claim.tenant), sk: claim_sk(&claim.key) }
}

pub(super) fn record_key(claim: &Claim) -> Key {
    let sk = record_sk(claim.system, claim.draft.object_type, &claim.record);
    Key { pk: tenant_pk(&claim.tenant), sk }
}

pub(super) fn owned_by(owner: &OwnerId) -> Values {
    Values::default().with("owner", text(owner.as_str()))
}

pub(super) fn unbuildable(error: BuildError) -> StoreError {
    StoreError::Unavailable(Box::new(error))
}
