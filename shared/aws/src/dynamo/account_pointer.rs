//! Pointers from a provider's account to the tenant it belongs to: the one kind of item that is in no
//! tenant's partition, because a webhook names nothing but the account.

use async_trait::async_trait;
use sync_domain::model::{System, TenantId};
use sync_domain::ports::{AccountDirectory, AccountOwner, AuthMode, StoreError};

use super::DynamoTable;
use super::item::{ACCOUNT_SK, Item, PK, SK, account_pk, text, text_of};

#[async_trait]
impl AccountDirectory for DynamoTable {
    /// One consistent read: what it gives is believed for a while.
    async fn owner(
        &self,
        system: System,
        account_id: &str,
    ) -> Result<Option<AccountOwner>, StoreError> {
        let read = self
            .client
            .get_item()
            .table_name(&self.table_name)
            .key(PK, text(account_pk(system, account_id)))
            .key(SK, text(ACCOUNT_SK))
            .consistent_read(true);
        let found = read.send().await.map_err(|error| StoreError::Unavailable(Box::new(error)))?;
        let owner = |item: Item| owner_of(&item).ok_or(StoreError::Malformed("an account pointer"));
        found.item.map(owner).transpose()
    }
}

fn owner_of(item: &Item) -> Option<AccountOwner> {
    let tenant = TenantId::parse(text_of(item, "tenant_id")?)?;
    Some(AccountOwner { tenant, auth: AuthMode::parse(text_of(item, "auth")?)? })
}
