//! How a claim ends well: the answer, the record's new version and the way to it by the provider's
//! id, in one transaction.
//!
//! While an upsert holds the record's lock, a state that the provider gave later may be stored by
//! whoever reads what has changed there. Then that state stays: it has our values in it, or someone
//! else's that came after them.

use aws_sdk_dynamodb::error::BuildError;
use aws_sdk_dynamodb::types::{AttributeValue, TransactWriteItem};
use sync_domain::model::{Association, UpsertStatus};
use sync_domain::ports::{Claim, Completion, Finished, StoreError};

use super::DynamoTable;
use super::expression::{Key, Values, delete, update};
use super::item::{
    ENTITY_POINTER, Item, ORIGIN_PLATFORM, STATUS_COMPLETED, STATUS_IN_PROGRESS, millis, number,
    pointer_sk, queued_sk, tenant_pk, text, text_of,
};
use super::refusal::answer_of;
use super::transaction::Committed;
use super::upsert_store::{
    CLAIM_TTL, OWNED_CLAIM, OWNED_LOCK, UNLOCK, claim_key, owned_by, record_key, unbuildable,
};

/// No state from later than ours is stored. States of one record are ordered by the provider's
/// version and then by when they were read; a deleted record with another id says nothing of ours.
const NOT_OLDER: &str = "(attribute_not_exists(#provider_version_ms) \
     OR #provider_version_ms < :provider_version \
     OR (#provider_version_ms = :provider_version \
         AND (attribute_not_exists(#read_at_ms) OR #read_at_ms <= :read_at)) \
     OR (attribute_exists(#deleted_at) AND #external_id <> :external_id))";
/// The same where the provider gave no version.
const NOT_READ_LATER: &str = "(attribute_not_exists(#read_at_ms) OR #read_at_ms <= :read_at \
     OR (attribute_exists(#deleted_at) AND #external_id <> :external_id))";

/// The object was not erased, nor seen to be gone under a later version than ours: what was read of
/// its end while we were writing it must not be undone by us.
const NOT_GONE: &str = "attribute_not_exists(#is_erased) \
     AND (attribute_not_exists(#gone_version_ms) OR #gone_version_ms <= :provider_version)";
/// The same where the provider gave no version.
const NOT_SEEN_GONE: &str = "attribute_not_exists(#is_erased) \
     AND (attribute_not_exists(#gone_read_at_ms) OR #gone_read_at_ms <= :read_at)";

/// One upsert less waits for the record.
const ONE_LESS: &str = "#queued :minus_one";

impl DynamoTable {
    pub(super) async fn store_completion(
        &self,
        claim: &Claim,
        finished: &Finished,
    ) -> Result<Completion, StoreError> {
        let mut writes = vec![
            self.complete_claim(claim, finished).map_err(unbuildable)?,
            self.write_version(claim, finished).map_err(unbuildable)?,
            self.point_to(claim, finished).map_err(unbuildable)?,
        ];
        writes.extend(self.leave_line(claim).map_err(unbuildable)?);
        let mut items = match self.commit(writes).await? {
            Committed::Yes => return Ok(Completion::Stored),
            Committed::Conflict => return Err(StoreError::Conflict),
            Committed::Refused(items) => items,
        };
        if is_superseded(claim, &items) {
            // A place without a version has nothing to keep, unless others wait there.
            let has_version = items.get(1).is_some_and(Option::is_some);
            let removal = (!has_version).then(|| self.remove_place(claim));
            for leave in removal.into_iter().chain([self.unlock(claim)]) {
                let mut writes = vec![
                    self.complete_claim(claim, finished).map_err(unbuildable)?,
                    leave.map_err(unbuildable)?,
                ];
                writes.extend(self.leave_line(claim).map_err(unbuildable)?);
                items = match self.commit(writes).await? {
                    Committed::Yes => return Ok(Completion::Stored),
                    Committed::Conflict => return Err(StoreError::Conflict),
                    Committed::Refused(items) => items,
                };
            }
        }
        let current = items.into_iter().next().flatten();
        let is_ours = current
            .as_ref()
            .is_some_and(|item| text_of(item, "fingerprint") == Some(claim.fingerprint.as_str()));
        Ok(Completion::Lost(current.filter(|_| is_ours).and_then(|item| answer_of(&item))))
    }

    fn complete_claim(
        &self,
        claim: &Claim,
        finished: &Finished,
    ) -> Result<TransactWriteItem, BuildError> {
        let written = &finished.written;
        let status = UpsertStatus::from(written.change);
        let values = owned_by(&claim.owner)
            .with("in_progress", text(STATUS_IN_PROGRESS))
            .with("completed", text(STATUS_COMPLETED))
            .with("external_id", text(written.external_id.as_str()))
            .with("answer", text(status.as_str()))
            .with("expires_at", number((finished.at + CLAIM_TTL).as_second()));
        let completed = "SET #status = :completed, #external_id = :external_id, \
             #answer = :answer, #expires_at = :expires_at REMOVE #queued_at_ms";
        update(&self.table_name, claim_key(claim), completed, OWNED_CLAIM, values)
    }

    fn write_version(
        &self,
        claim: &Claim,
        finished: &Finished,
    ) -> Result<TransactWriteItem, BuildError> {
        let written = &finished.written;
        let mut values = owned_by(&claim.owner)
            .with("external_id", text(written.external_id.as_str()))
            .with("change", text(written.change.as_str()))
            .with("synced_at", text(finished.at.to_string()))
            .with("correlation_id", text(claim.correlation_id.as_str()))
            .with("content_hash", text(claim.fingerprint.as_str()))
            .with("read_at", millis(finished.read_at))
            .with("origin", text(ORIGIN_PLATFORM))
            .with("requested_at", millis(claim.place()))
            .with("zero", number(0))
            .with("one", number(1));
        let mut write = "SET #version = if_not_exists(#version, :zero) + :one, \
             #external_id = :external_id, #change = :change, #synced_at = :synced_at, \
             #correlation_id = :correlation_id, #content_hash = :content_hash, \
             #read_at_ms = :read_at, #origin = :origin, #requested_at_ms = :requested_at"
            .to_owned();
        let not_older = if let Some(version) = written.provider_version {
            write.push_str(", #provider_version_ms = :provider_version");
            values = values.with("provider_version", millis(version));
            NOT_OLDER
        } else {
            NOT_READ_LATER
        };
        for (name, value) in finished.attributes(&claim.draft).iter() {
            let name = name.as_str();
            write.push_str(&format!(", #payload.#{name} = :{name}"));
            values = values.with(name, text(value));
        }
        write.push_str(&format!(" {UNLOCK}, #deleted_at"));
        let mut additions = Vec::new();
        let associations = claim.draft.associations.iter().map(Association::to_stored);
        let associations: Vec<_> = associations.collect();
        if !associations.is_empty() {
            additions.push("#associations :associations");
            values = values.with("associations", AttributeValue::Ss(associations));
        }
        if claim.queued_at.is_some() {
            additions.push(ONE_LESS);
            values = values.with("minus_one", number(-1));
        }
        if !additions.is_empty() {
            write.push_str(&format!(" ADD {}", additions.join(", ")));
        }
        let condition = format!("{OWNED_LOCK} AND {not_older}");
        update(&self.table_name, record_key(claim), &write, &condition, values)
    }

    /// Gives the record's lock up, and its place in line if it had one.
    fn unlock(&self, claim: &Claim) -> Result<TransactWriteItem, BuildError> {
        let mut values = owned_by(&claim.owner).with("requested_at", millis(claim.place()));
        let mut unlock = format!("SET #requested_at_ms = :requested_at {UNLOCK}");
        if claim.queued_at.is_some() {
            unlock.push_str(&format!(" ADD {ONE_LESS}"));
            values = values.with("minus_one", number(-1));
        }
        update(&self.table_name, record_key(claim), &unlock, OWNED_LOCK, values)
    }

    /// What was wanted waits no more.
    fn leave_line(&self, claim: &Claim) -> Result<Option<TransactWriteItem>, BuildError> {
        let place = claim.queued_at.map(|queued_at| Key {
            pk: tenant_pk(&claim.tenant),
            sk: queued_sk(claim.system, &claim.record, queued_at, &claim.key),
        });
        place
            .map(|place| {
                delete(&self.table_name, place, "attribute_exists(#pk)", Values::default())
            })
            .transpose()
    }

    /// The way from the provider's id to the record, for whoever is told of the id alone. What else
    /// the pointer keeps of the id (what was merged into it, where its records are) stays.
    fn point_to(
        &self,
        claim: &Claim,
        finished: &Finished,
    ) -> Result<TransactWriteItem, BuildError> {
        let id = &finished.written.external_id;
        let sk = pointer_sk(claim.system, claim.draft.object_type, id);
        let values = Values::default()
            .with("entity", text(ENTITY_POINTER))
            .with("record_key", text(claim.record.as_str()))
            .with("places", AttributeValue::Ss(vec![claim.record.as_str().to_owned()]));
        let (not_gone, values) = match finished.written.provider_version {
            Some(version) => (NOT_GONE, values.with("provider_version", millis(version))),
            None => (NOT_SEEN_GONE, values.with("read_at", millis(finished.read_at))),
        };
        let point = "SET #entity = :entity, #record_key = :record_key ADD #places :places";
        let key = Key { pk: tenant_pk(&claim.tenant), sk };
        update(&self.table_name, key, point, not_gone, values)
    }

    /// Takes the place away that was made for this upsert alone.
    fn remove_place(&self, claim: &Claim) -> Result<TransactWriteItem, BuildError> {
        let condition = format!(
            "{OWNED_LOCK} AND attribute_not_exists(#version) AND attribute_not_exists(#queued)"
        );
        delete(&self.table_name, record_key(claim), &condition, owned_by(&claim.owner))
    }
}

/// Whether claim and lock are still ours and what refused is a later state: of the record, or of the
/// object, which is gone.
fn is_superseded(claim: &Claim, items: &[Option<Item>]) -> bool {
    match items {
        [None, Some(record), ..] => text_of(record, "lock_owner") == Some(claim.owner.as_str()),
        [None, None, Some(_pointer), ..] => true,
        _ => false,
    }
}
