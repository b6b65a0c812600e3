//! Claims and records as pairs of conditional writes.
//!
//! A claim writes two items in one transaction: the caller's key (`IDEM#…`) and a lock on the record
//! (`CRM#…`). When the transaction is refused, the old items come back with the refusal and say why,
//! so a repeat costs this one round trip and no read.

use async_trait::async_trait;
use aws_sdk_dynamodb::error::BuildError;
use aws_sdk_dynamodb::types::{AttributeValue, TransactWriteItem};
use jiff::{SignedDuration, Timestamp};
use sync_domain::model::{ExternalId, OwnerId, RecordChange, UpsertStatus};
use sync_domain::ports::{
    Claim, ClaimOutcome, Completion, Expectation, Release, StoreError, UpsertStore,
};

use super::DynamoTable;
use super::expression::{Key, Values, delete, put, update};
use super::item::{
    ENTITY_CLAIM, ENTITY_RECORD, Item, STATUS_COMPLETED, STATUS_IN_PROGRESS, claim_sk, millis,
    number, record_sk, tenant_pk, text, text_of,
};
use super::refusal::{answer_of, read_refusal};
use super::transaction::Committed;

/// How long a completed answer is replayed.
const CLAIM_TTL: SignedDuration = SignedDuration::from_hours(7 * 24);

const OWNED_CLAIM: &str = "#owner = :owner AND #status = :in_progress";
const OWNED_LOCK: &str = "#lock_owner = :owner";

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

    async fn complete(
        &self,
        claim: &Claim,
        external_id: &ExternalId,
        change: RecordChange,
        at: Timestamp,
    ) -> Result<Completion, StoreError> {
        let status = UpsertStatus::from(change);
        let values = owned_by(&claim.owner)
            .with("in_progress", text(STATUS_IN_PROGRESS))
            .with("completed", text(STATUS_COMPLETED))
            .with("external_id", text(external_id.as_str()))
            .with("answer", text(status.as_str()))
            .with("expires_at", number((at + CLAIM_TTL).as_second()));
        let completed = "SET #status = :completed, #external_id = :external_id, \
             #answer = :answer, #expires_at = :expires_at";
        let writes = vec![
            update(&self.table_name, claim_key(claim), completed, OWNED_CLAIM, values)
                .map_err(unbuildable)?,
            self.write_version(claim, external_id, change, at).map_err(unbuildable)?,
        ];
        match self.commit(writes).await? {
            Committed::Yes => Ok(Completion::Stored),
            Committed::Conflict => Err(StoreError::Conflict),
            Committed::Refused(items) => {
                let current = items.into_iter().next().flatten();
                let is_ours = current.as_ref().is_some_and(|item| {
                    text_of(item, "fingerprint") == Some(claim.fingerprint.as_str())
                });
                Ok(Completion::Lost(current.filter(|_| is_ours).and_then(|item| answer_of(&item))))
            }
        }
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
        let (condition, values) = match &expectation.claim {
            // The table's own removal of expired items may be days late.
            None => (
                "attribute_not_exists(#pk) OR #expires_at <= :now",
                Values::default().with("now", number(claim.at.as_second())),
            ),
            Some(stale) => {
                (OWNED_CLAIM, owned_by(&stale.owner).with("in_progress", text(STATUS_IN_PROGRESS)))
            }
        };
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
            .with("no_payload", AttributeValue::M(Item::new()));
        let lock = "SET #entity = :entity, #tenant_id = :tenant_id, #system = :system, \
             #type = :type, #record_key = :record_key, #lock_owner = :owner, \
             #lock_until_ms = :lease_until, #lock_started_at_ms = :started_at, \
             #payload = if_not_exists(#payload, :no_payload)";
        let condition = match &expectation.lock {
            Some(stale) => {
                values = values.with("stale_owner", text(stale.owner.as_str()));
                "#lock_owner = :stale_owner".to_owned()
            }
            None => {
                for (name, value) in claim.draft.attributes.iter() {
                    values = values.with(name.as_str(), text(value));
                }
                let differs = differs_expression(claim);
                format!(
                    "attribute_not_exists(#lock_owner) AND (attribute_not_exists(#version) OR {differs})"
                )
            }
        };
        update(&self.table_name, record_key(claim), lock, &condition, values)
    }

    fn write_version(
        &self,
        claim: &Claim,
        external_id: &ExternalId,
        change: RecordChange,
        at: Timestamp,
    ) -> Result<TransactWriteItem, BuildError> {
        let mut values = owned_by(&claim.owner)
            .with("external_id", text(external_id.as_str()))
            .with("change", text(change.as_str()))
            .with("synced_at", text(at.to_string()))
            .with("correlation_id", text(claim.correlation_id.as_str()))
            .with("content_hash", text(claim.fingerprint.as_str()))
            .with("zero", number(0))
            .with("one", number(1));
        let mut write = "SET #version = if_not_exists(#version, :zero) + :one, \
             #external_id = :external_id, #change = :change, #synced_at = :synced_at, \
             #correlation_id = :correlation_id, #content_hash = :content_hash"
            .to_owned();
        for (name, value) in claim.draft.attributes.iter() {
            let name = name.as_str();
            write.push_str(&format!(", #payload.#{name} = :{name}"));
            values = values.with(name, text(value));
        }
        write.push_str(" REMOVE #lock_owner, #lock_until_ms, #lock_started_at_ms");
        update(&self.table_name, record_key(claim), &write, OWNED_LOCK, values)
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
                let condition = "#lock_owner = :owner AND attribute_not_exists(#version)";
                delete(table, record_key(claim), condition, owned())?
            }
            RecordState::Stored => {
                let unlock = "REMOVE #lock_owner, #lock_until_ms, #lock_started_at_ms";
                update(table, record_key(claim), unlock, OWNED_LOCK, owned())?
            }
        };
        Ok(vec![delete(table, claim_key(claim), OWNED_CLAIM, of_claim)?, record])
    }
}

/// True for the table when one of the wanted values is not stored. A value to be cleared counts as
/// stored when it is absent.
fn differs_expression(claim: &Claim) -> String {
    let differences = claim.draft.attributes.iter().map(|(name, value)| {
        let name = name.as_str();
        if value.is_empty() {
            format!("(attribute_exists(#payload.#{name}) AND #payload.#{name} <> :{name})")
        } else {
            format!("attribute_not_exists(#payload.#{name}) OR #payload.#{name} <> :{name}")
        }
    });
    differences.collect::<Vec<_>>().join(" OR ")
}

fn claim_key(claim: &Claim) -> Key {
    Key { pk: tenant_pk(&claim.tenant), sk: claim_sk(&claim.key) }
}

fn record_key(claim: &Claim) -> Key {
    let sk = record_sk(claim.system, claim.draft.object_type, &claim.record);
    Key { pk: tenant_pk(&claim.tenant), sk }
}

fn owned_by(owner: &OwnerId) -> Values {
    Values::default().with("owner", text(owner.as_str()))
}

fn unbuildable(error: BuildError) -> StoreError {
    StoreError::Unavailable(Box::new(error))
}
