//! The connections to systems of a kind by their slot of the hour.

use async_trait::async_trait;
use sync_domain::model::{System, SystemKind, TenantId};
use sync_domain::ports::{SlotPage, StoreError, SweepDirectory};

use super::DynamoTable;
use super::item::{CONNECTIONS_BY_SWEEP_SLOT, Item, PK, SK, slot_text, text, text_of};

/// The connections of one page.
const PAGE_MAX: i32 = 200;

#[async_trait]
impl SweepDirectory for DynamoTable {
    async fn slot(
        &self,
        kind: SystemKind,
        slot: u32,
        after: Option<&str>,
    ) -> Result<SlotPage, StoreError> {
        let slot = slot_text(kind, slot);
        let start = after.map(|after| start_key(&slot, after)).transpose()?;
        let query = self
            .client
            .query()
            .table_name(&self.table_name)
            .index_name(CONNECTIONS_BY_SWEEP_SLOT)
            .key_condition_expression("#sweep_slot = :slot")
            .expression_attribute_names("#sweep_slot", "sweep_slot")
            .expression_attribute_values(":slot", text(&slot))
            .set_exclusive_start_key(start)
            .limit(PAGE_MAX);
        let page = query.send().await.map_err(|error| StoreError::Unavailable(Box::new(error)))?;
        let next = page
            .last_evaluated_key()
            .and_then(|key| Some(format!("{} {}", text_of(key, PK)?, text_of(key, SK)?)));
        let connections =
            page.items().iter().filter_map(|item| connection_of(kind, item)).collect();
        Ok(SlotPage { connections, next })
    }
}

/// Whose connection it is, and to what; `None` for a system that this build does not know.
fn connection_of(kind: SystemKind, item: &Item) -> Option<(TenantId, System)> {
    let tenant = TenantId::parse(text_of(item, PK)?.strip_prefix("T#")?)?;
    let (_, system) = text_of(item, SK)?.rsplit_once('#')?;
    Some((tenant, System::of_kind(kind, system)?))
}

/// Where a page goes on: both parts of the key of the last connection before.
fn start_key(slot: &str, after: &str) -> Result<Item, StoreError> {
    let (pk, sk) = after.split_once(' ').ok_or(StoreError::Malformed("a page's end"))?;
    Ok(Item::from([
        ("sweep_slot".to_owned(), text(slot)),
        (PK.to_owned(), text(pk)),
        (SK.to_owned(), text(sk)),
    ]))
}
