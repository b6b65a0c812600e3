//! Whose account it is, remembered for a minute, and shielded from senders that make accounts up.
//!
//! What was found and what was not are remembered apart, so that made-up accounts can't push the
//! real ones out. Neither memory grows beyond a bound.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use sync_domain::model::System;
use sync_domain::ports::{AccountDirectory, AccountOwner, Clock, StoreError};

/// How long an owner is believed. A tenant that disconnects still gets changes for this long.
const OWNED_TTL: Duration = Duration::from_secs(60);
/// How long it is believed that an account has no owner: as long as a tenant that connects may miss
/// changes of an app that signs for all tenants.
const UNOWNED_TTL: Duration = Duration::from_secs(10);
/// How long after it was read an owner is still taken while too many look-ups are asked for: what is
/// claimed is to be signed by that owner yet, and one that has disconnected has no secret left.
const OWNED_MAX: Duration = Duration::from_secs(3_600);
/// Accounts remembered of either kind; one more starts that memory anew.
const ENTRIES_MAX: usize = 2_000;
/// Look-ups of accounts that nobody has vouched for, per second and instance.
const CLAIMED_LOOKUPS_MAX: u32 = 20;
const CLAIMED_WINDOW: Duration = Duration::from_secs(1);

type AccountKey = (System, String);

/// Entries with the moment of the monotonic clock from which each no longer counts.
struct Memory<T>(Mutex<HashMap<AccountKey, (T, Duration)>>);

impl<T: Clone> Memory<T> {
    fn get(&self, key: &AccountKey, now: Duration) -> Option<T> {
        let entries = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        entries.get(key).filter(|(_, until)| now < *until).map(|(value, _)| value.clone())
    }

    /// The same, however long ago it ceased to count, up to `overdue`.
    fn get_overdue(&self, key: &AccountKey, now: Duration, overdue: Duration) -> Option<T> {
        self.get(key, now.saturating_sub(overdue))
    }

    fn keep(&self, key: AccountKey, value: T, until: Duration) {
        let mut entries = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if entries.len() >= ENTRIES_MAX && !entries.contains_key(&key) {
            entries.clear();
        }
        entries.insert(key, (value, until));
    }

    fn forget(&self, key: &AccountKey) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).remove(key);
    }
}

/// A directory in front of a slower one.
pub struct CachedAccountDirectory {
    directory: Arc<dyn AccountDirectory>,
    clock: Arc<dyn Clock>,
    owned: Memory<AccountOwner>,
    unowned: Memory<()>,
}

impl CachedAccountDirectory {
    /// In front of `directory`.
    pub fn new(directory: Arc<dyn AccountDirectory>, clock: Arc<dyn Clock>) -> Self {
        Self {
            directory,
            clock,
            owned: Memory(Mutex::default()),
            unowned: Memory(Mutex::default()),
        }
    }

    /// What is remembered of an account: its owner, or that it has none.
    fn remembered(&self, key: &AccountKey) -> Option<Option<AccountOwner>> {
        let now = self.clock.monotonic();
        let owner = self.owned.get(key, now).map(Some);
        owner.or_else(|| self.unowned.get(key, now).map(|()| None))
    }

    /// The owner that an account had an hour ago at most.
    fn last_owner(&self, key: &AccountKey) -> Option<AccountOwner> {
        let now = self.clock.monotonic();
        self.owned.get_overdue(key, now, OWNED_MAX.saturating_sub(OWNED_TTL))
    }

    async fn look_up(&self, key: AccountKey) -> Result<Option<AccountOwner>, StoreError> {
        let owner = self.directory.owner(key.0, &key.1).await?;
        let now = self.clock.monotonic();
        match &owner {
            Some(owner) => {
                self.unowned.forget(&key);
                self.owned.keep(key, owner.clone(), now + OWNED_TTL);
            }
            None => {
                self.owned.forget(&key);
                self.unowned.keep(key, (), now + UNOWNED_TTL);
            }
        }
        Ok(owner)
    }
}

#[async_trait]
impl AccountDirectory for CachedAccountDirectory {
    async fn owner(
        &self,
        system: System,
        account_id: &str,
    ) -> Result<Option<AccountOwner>, StoreError> {
        let key = (system, account_id.to_owned());
        match self.remembered(&key) {
            Some(owner) => Ok(owner),
            None => self.look_up(key).await,
        }
    }
}

/// Too many accounts were asked for that nobody has vouched for.
#[derive(Debug, thiserror::Error)]
#[error("too many unknown accounts were asked for")]
struct TooManyLookups;

#[derive(Default)]
struct Window {
    began_at: Duration,
    lookups: u32,
}

/// The same directory for accounts out of deliveries that are not verified: it shares what is
/// remembered, and looks up no more than a few others per second. Above that an account counts as the
/// one's that had it within the last hour, so that made-up ones can't keep real ones out; any other is
/// refused.
pub struct ClaimedAccountDirectory {
    directory: Arc<CachedAccountDirectory>,
    window: Mutex<Window>,
}

impl ClaimedAccountDirectory {
    /// In front of `directory`.
    pub fn new(directory: Arc<CachedAccountDirectory>) -> Self {
        Self { directory, window: Mutex::default() }
    }

    fn may_look_up(&self) -> bool {
        let now = self.directory.clock.monotonic();
        let mut window = self.window.lock().unwrap_or_else(PoisonError::into_inner);
        if now >= window.began_at + CLAIMED_WINDOW {
            *window = Window { began_at: now, lookups: 0 };
        }
        window.lookups += 1;
        window.lookups <= CLAIMED_LOOKUPS_MAX
    }
}

#[async_trait]
impl AccountDirectory for ClaimedAccountDirectory {
    async fn owner(
        &self,
        system: System,
        account_id: &str,
    ) -> Result<Option<AccountOwner>, StoreError> {
        let key = (system, account_id.to_owned());
        match self.directory.remembered(&key) {
            Some(owner) => Ok(owner),
            None if self.may_look_up() => self.directory.look_up(key).await,
            None => {
                let owner = self.directory.last_owner(&key);
                let refusal = || StoreError::Unavailable(Box::new(TooManyLookups));
                owner.map(Some).ok_or_else(refusal)
            }
        }
    }
}
