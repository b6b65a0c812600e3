//! The list of connections, their locks and the account pointers in memory, under the conditions of
//! the table.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use async_trait::async_trait;
use jiff::Timestamp;
use sync_domain::model::{AuditAction, AuditEntry, System, TenantId};
use sync_domain::ports::{
    AccountClaim, AccountDirectory, AccountOwner, AccountRegistry, AuditLog, ConnectionEntry,
    ConnectionLock, ConnectionRegistry, Fenced, Finish, Found, LockOutcome, StoreError,
};

#[derive(Debug, Clone, Default)]
struct Item {
    entry: Option<ConnectionEntry>,
    claiming: Option<String>,
    lock: Option<(String, Timestamp)>,
}

#[derive(Debug, Default)]
struct State {
    items: HashMap<(TenantId, System), Item>,
    accounts: HashMap<(System, String), AccountOwner>,
    audit: Vec<AuditEntry>,
    failing_writes: u32,
}

/// The fake table of connections.
#[derive(Debug, Default)]
pub struct MemoryRegistry(Mutex<State>);

impl MemoryRegistry {
    /// What was audited of a tenant, in its order.
    pub fn audited(&self, tenant: &TenantId) -> Vec<AuditAction> {
        let state = self.state();
        state.audit.iter().filter(|it| it.tenant == *tenant).map(|it| it.action).collect()
    }

    /// The accounts that point to a tenant.
    pub fn accounts_of(&self, tenant: &TenantId) -> Vec<String> {
        let state = self.state();
        let accounts = state.accounts.iter().filter(|(_, owner)| owner.tenant == *tenant);
        let mut accounts: Vec<_> = accounts.map(|((_, account), _)| account.clone()).collect();
        accounts.sort_unstable();
        accounts
    }

    /// How many items of connections there are, those that are only locked included.
    pub fn item_count(&self) -> usize {
        self.state().items.len()
    }

    /// Whether anybody holds a lock, dead or alive.
    pub fn is_locked(&self) -> bool {
        self.state().items.values().any(|item| item.lock.is_some())
    }

    /// Lets the next writes of connections fail without an effect.
    pub fn fail_writes(&self, count: u32) {
        self.state().failing_writes = count;
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn fault(&mut self) -> Result<(), StoreError> {
        match self.failing_writes.checked_sub(1) {
            None => Ok(()),
            Some(left) => {
                self.failing_writes = left;
                Err(StoreError::Unavailable("the test wants it so".into()))
            }
        }
    }

    fn lock(&mut self, lock: &ConnectionLock, now: Timestamp) -> LockOutcome {
        let item = self.items.entry((lock.tenant.clone(), lock.system)).or_default();
        let held = item.lock.as_ref().filter(|(owner, _)| owner != lock.owner.as_str());
        if let Some((_, until)) = held.filter(|(_, until)| *until > now) {
            return LockOutcome::Held { until: *until };
        }
        let took_over = held.is_some();
        item.lock = Some((lock.owner.as_str().to_owned(), lock.until));
        let (entry, claiming) = (item.entry.clone(), item.claiming.clone());
        LockOutcome::Locked(Found { entry, claiming, took_over })
    }

    /// The item, if the lock on it is still the owner's.
    fn owned(&mut self, lock: &ConnectionLock) -> Option<&mut Item> {
        let item = self.items.get_mut(&(lock.tenant.clone(), lock.system))?;
        let owner = item.lock.as_ref().map(|(owner, _)| owner.as_str());
        (owner == Some(lock.owner.as_str())).then_some(item)
    }

    fn finish(
        &mut self,
        lock: &ConnectionLock,
        finish: &Finish<'_>,
        audit: Option<&AuditEntry>,
    ) -> Fenced {
        let Some(item) = self.owned(lock) else { return Fenced::Lost };
        item.lock = None;
        match finish {
            Finish::Connected(entry) => {
                item.entry = Some((*entry).clone());
                item.claiming = None;
            }
            Finish::Updated(entry) => item.entry = Some((*entry).clone()),
            Finish::Unchanged => {}
            Finish::AccountGivenUp => item.claiming = None,
            Finish::Removed => *item = Item::default(),
        }
        let is_empty = item.entry.is_none() && item.claiming.is_none();
        if is_empty {
            self.items.remove(&(lock.tenant.clone(), lock.system));
        }
        self.audit.extend(audit.cloned());
        Fenced::Done
    }
}

/// Gives way before and after, so that a schedule can put another caller, or a crash, there.
macro_rules! in_turn {
    ($effect:expr) => {{
        tokio::task::yield_now().await;
        let result = $effect;
        tokio::task::yield_now().await;
        result
    }};
}

#[async_trait]
impl ConnectionRegistry for MemoryRegistry {
    async fn entry(
        &self,
        tenant: &TenantId,
        system: System,
    ) -> Result<Option<ConnectionEntry>, StoreError> {
        let key = (tenant.clone(), system);
        in_turn!(Ok(self.state().items.get(&key).and_then(|item| item.entry.clone())))
    }

    async fn lock(&self, lock: &ConnectionLock, now: Timestamp) -> Result<LockOutcome, StoreError> {
        in_turn!({
            let mut state = self.state();
            state.fault().map(|()| state.lock(lock, now))
        })
    }

    async fn renew(&self, lock: &ConnectionLock) -> Result<Fenced, StoreError> {
        in_turn!({
            let mut state = self.state();
            state.fault().map(|()| match state.owned(lock) {
                Some(item) => {
                    item.lock = Some((lock.owner.as_str().to_owned(), lock.until));
                    Fenced::Done
                }
                None => Fenced::Lost,
            })
        })
    }

    async fn note_claim(
        &self,
        lock: &ConnectionLock,
        account_id: &str,
    ) -> Result<Fenced, StoreError> {
        in_turn!({
            let mut state = self.state();
            state.fault().map(|()| match state.owned(lock) {
                Some(item) => {
                    item.claiming = Some(account_id.to_owned());
                    Fenced::Done
                }
                None => Fenced::Lost,
            })
        })
    }

    async fn finish(
        &self,
        lock: &ConnectionLock,
        finish: &Finish<'_>,
        audit: Option<&AuditEntry>,
    ) -> Result<Fenced, StoreError> {
        in_turn!({
            let mut state = self.state();
            state.fault().map(|()| state.finish(lock, finish, audit))
        })
    }
}

#[async_trait]
impl AccountRegistry for MemoryRegistry {
    async fn claim(
        &self,
        system: System,
        account_id: &str,
        owner: &AccountOwner,
    ) -> Result<AccountClaim, StoreError> {
        in_turn!({
            let mut state = self.state();
            let key = (system, account_id.to_owned());
            let is_free = state.accounts.get(&key).is_none_or(|it| it.tenant == owner.tenant);
            if is_free {
                state.accounts.insert(key, owner.clone());
            }
            Ok(if is_free { AccountClaim::Owned } else { AccountClaim::Taken })
        })
    }

    async fn release(
        &self,
        system: System,
        account_id: &str,
        tenant: &TenantId,
    ) -> Result<(), StoreError> {
        in_turn!({
            let mut state = self.state();
            let key = (system, account_id.to_owned());
            if state.accounts.get(&key).is_some_and(|owner| owner.tenant == *tenant) {
                state.accounts.remove(&key);
            }
            Ok(())
        })
    }
}

#[async_trait]
impl AccountDirectory for MemoryRegistry {
    async fn owner(
        &self,
        system: System,
        account_id: &str,
    ) -> Result<Option<AccountOwner>, StoreError> {
        let key = (system, account_id.to_owned());
        in_turn!(Ok(self.state().accounts.get(&key).cloned()))
    }
}

#[async_trait]
impl AuditLog for MemoryRegistry {
    async fn record(&self, entry: &AuditEntry) -> Result<(), StoreError> {
        in_turn!({
            self.state().audit.push(entry.clone());
            Ok(())
        })
    }
}
