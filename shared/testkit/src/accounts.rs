//! Owners of accounts in memory.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use async_trait::async_trait;
use sync_domain::model::System;
use sync_domain::ports::{AccountDirectory, AccountOwner, StoreError};

#[derive(Debug, Default)]
struct State {
    owners: HashMap<(System, String), AccountOwner>,
    unreadable: Vec<String>,
    lookups: u32,
}

/// Keeps owners, counts look-ups, and fails for the accounts that it was told to.
#[derive(Debug, Default)]
pub struct MemoryAccounts(Mutex<State>);

impl MemoryAccounts {
    /// Makes the account the owner's.
    pub fn connect(&self, system: System, account_id: &str, owner: AccountOwner) {
        self.state().owners.insert((system, account_id.to_owned()), owner);
    }

    /// Leaves the account without an owner.
    pub fn disconnect(&self, system: System, account_id: &str) {
        self.state().owners.remove(&(system, account_id.to_owned()));
    }

    /// Lets every look-up of these accounts fail.
    pub fn fail_for(&self, account_ids: &[&str]) {
        self.state().unreadable = account_ids.iter().map(|id| (*id).to_owned()).collect();
    }

    /// How many look-ups there were.
    pub fn lookups(&self) -> u32 {
        self.state().lookups
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[async_trait]
impl AccountDirectory for MemoryAccounts {
    async fn owner(
        &self,
        system: System,
        account_id: &str,
    ) -> Result<Option<AccountOwner>, StoreError> {
        tokio::task::yield_now().await;
        let owner = {
            let mut state = self.state();
            state.lookups += 1;
            if state.unreadable.iter().any(|id| id == account_id) {
                Err(StoreError::Unavailable("the test wants it so".into()))
            } else {
                Ok(state.owners.get(&(system, account_id.to_owned())).cloned())
            }
        };
        tokio::task::yield_now().await;
        owner
    }
}
