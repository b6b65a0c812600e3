//! Claims and watermarks of imports, each one conditional write.

use async_trait::async_trait;
use aws_sdk_dynamodb::types::AttributeValue;
use jiff::Timestamp;
use sync_domain::model::{System, TenantId};
use sync_domain::ports::{
    ImportAnswer, ImportClaim, ImportClaimOutcome, ImportStore, StoreError, Watermark,
};

use super::DynamoTable;
use super::expression::{Key, Values, delete, put, update};
use super::item::{
    ENTITY_IMPORT_CLAIM, ENTITY_WATERMARK, Item, STATUS_COMPLETED, STATUS_IN_PROGRESS,
    import_claim_sk, item_of, millis, number, number_of, tenant_pk, text, text_of, timestamp_of,
    watermark_sk,
};
use super::upsert_store::{CLAIM_TTL, OWNED_CLAIM, owned_by, unbuildable};

/// A key that may be used: new, forgotten, of a dead owner that was at the same, or claimed by this
/// very attempt, whose answer was lost. The table's own removal of expired items may be days late.
const FREE: &str = "attribute_not_exists(#pk) OR #expires_at <= :now \
     OR (#status = :in_progress AND #fingerprint = :fingerprint \
         AND (#lease_until_ms <= :now_ms OR #owner = :owner))";

/// No import that began later is complete.
const NOT_LATER: &str = "attribute_not_exists(#pk) OR #began_at <= :began_at";

#[async_trait]
impl ImportStore for DynamoTable {
    async fn watermark(
        &self,
        tenant: &TenantId,
        system: System,
    ) -> Result<Option<Watermark>, StoreError> {
        let read = self
            .client
            .get_item()
            .table_name(&self.table_name)
            .set_key(Some(watermark_place(tenant, system).into_item()))
            .consistent_read(true);
        let found = read.send().await.map_err(|error| StoreError::Unavailable(Box::new(error)))?;
        let Some(item) = found.item else { return Ok(None) };
        let time = |name| text_of(&item, name)?.parse().ok();
        let watermark =
            || Some(Watermark { began_at: time("began_at")?, completed_at: time("completed_at")? });
        watermark().map(Some).ok_or(StoreError::Malformed("a watermark"))
    }

    async fn complete(
        &self,
        tenant: &TenantId,
        system: System,
        watermark: Watermark,
    ) -> Result<(), StoreError> {
        let began_at = sortable(watermark.began_at);
        let item = item_of([
            ("entity", Some(text(ENTITY_WATERMARK))),
            ("began_at", Some(began_at.clone())),
            ("completed_at", Some(sortable(watermark.completed_at))),
        ]);
        let place = watermark_place(tenant, system);
        let values = Values::default().with("began_at", began_at);
        let write = put(&self.table_name, place, item, NOT_LATER, values).map_err(unbuildable)?;
        let _later_one = self.refused_by(vec![write]).await?;
        Ok(())
    }

    async fn claim(&self, claim: &ImportClaim) -> Result<ImportClaimOutcome, StoreError> {
        let in_progress = text(STATUS_IN_PROGRESS);
        let item = item_of([
            ("entity", Some(text(ENTITY_IMPORT_CLAIM))),
            ("system", Some(text(claim.system.as_str()))),
            ("status", Some(in_progress.clone())),
            ("owner", Some(text(claim.owner.as_str()))),
            ("lease_until_ms", Some(millis(claim.lease_until))),
            ("fingerprint", Some(text(claim.fingerprint.as_str()))),
            ("expires_at", Some(number((claim.at + CLAIM_TTL).as_second()))),
        ]);
        let values = owned_by(&claim.owner)
            .with("now", number(claim.at.as_second()))
            .with("now_ms", millis(claim.at))
            .with("in_progress", in_progress)
            .with("fingerprint", text(claim.fingerprint.as_str()));
        let write =
            put(&self.table_name, claim_place(claim), item, FREE, values).map_err(unbuildable)?;
        let Some(refused) = self.refused_by(vec![write]).await? else {
            return Ok(ImportClaimOutcome::Claimed);
        };
        let held = refused.into_iter().next().flatten().unwrap_or_default();
        refusal_of(claim, &held).ok_or(StoreError::Malformed("a claim of an import"))
    }

    async fn finish(&self, claim: &ImportClaim, answer: &ImportAnswer) -> Result<(), StoreError> {
        let mut finish = "SET #status = :completed, #imported = :imported, #updated = :updated, \
             #skipped_duplicates = :skipped_duplicates"
            .to_owned();
        let mut values = owned_by(&claim.owner)
            .with("in_progress", text(STATUS_IN_PROGRESS))
            .with("completed", text(STATUS_COMPLETED))
            .with("imported", number(answer.imported))
            .with("updated", number(answer.updated))
            .with("skipped_duplicates", number(answer.skipped_duplicates));
        if let Some(cursor) = &answer.next_cursor {
            finish.push_str(", #next_cursor = :next_cursor");
            values = values.with("next_cursor", text(cursor));
        }
        let write = update(&self.table_name, claim_place(claim), &finish, OWNED_CLAIM, values);
        let _not_ours = self.refused_by(vec![write.map_err(unbuildable)?]).await?;
        Ok(())
    }

    async fn release(&self, claim: &ImportClaim) -> Result<(), StoreError> {
        let values = owned_by(&claim.owner).with("in_progress", text(STATUS_IN_PROGRESS));
        let write = delete(&self.table_name, claim_place(claim), OWNED_CLAIM, values);
        let _not_ours = self.refused_by(vec![write.map_err(unbuildable)?]).await?;
        Ok(())
    }
}

/// Why a claim was refused, `None` where the item does not say it. The payload speaks first: a key
/// that was used for something else stays so, also after its owner died.
fn refusal_of(claim: &ImportClaim, held: &Item) -> Option<ImportClaimOutcome> {
    if text_of(held, "fingerprint")? != claim.fingerprint.as_str() {
        return Some(ImportClaimOutcome::KeyReused);
    }
    if text_of(held, "status")? == STATUS_COMPLETED {
        return answer_of(held).map(ImportClaimOutcome::Replay);
    }
    timestamp_of(held, "lease_until_ms").map(ImportClaimOutcome::InProgress)
}

fn answer_of(held: &Item) -> Option<ImportAnswer> {
    Some(ImportAnswer {
        imported: number_of(held, "imported")?,
        updated: number_of(held, "updated")?,
        skipped_duplicates: number_of(held, "skipped_duplicates")?,
        next_cursor: text_of(held, "next_cursor").map(str::to_owned),
    })
}

/// Always nine decimals, so that the order of the texts is the order of time.
fn sortable(at: Timestamp) -> AttributeValue {
    text(format!("{at:.9}"))
}

fn watermark_place(tenant: &TenantId, system: System) -> Key {
    Key { pk: tenant_pk(tenant), sk: watermark_sk(system) }
}

fn claim_place(claim: &ImportClaim) -> Key {
    Key { pk: tenant_pk(&claim.tenant), sk: import_claim_sk(&claim.key) }
}
