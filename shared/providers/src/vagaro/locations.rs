//! The locations of accounts, remembered for some minutes: each call about an appointment names one.
//! Before an appointment is taken for gone they are read once more, because it may be at one that was
//! opened since.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use sync_domain::model::TenantId;
use sync_domain::ports::{Clock, Connection, ProviderError, RemoteEffect};

use super::calls::Calls;
use crate::http::unavailable;

/// How long a list is good for, unless something is missed at its locations.
const GOOD_FOR: Duration = Duration::from_secs(600);
/// The most accounts that are remembered.
const ACCOUNTS_MAX: usize = 1_000;

/// Whose account.
type Key = (TenantId, String);
/// A list, and when it was read.
type Known = (Arc<[String]>, Duration);

/// What is remembered of all accounts.
#[derive(Default)]
pub struct Locations {
    known: Mutex<HashMap<Key, Known>>,
}

impl Locations {
    /// The account's locations for one operation, read where they are not known.
    pub async fn of<'a>(
        &'a self,
        connection: &Connection,
        calls: &mut Calls<'_>,
        clock: &'a dyn Clock,
    ) -> Result<AccountLocations<'a>, ProviderError> {
        let key = (connection.tenant.clone(), connection.account_id.clone());
        let (list, is_fresh) = match self.known(&key, clock.monotonic()) {
            Some(known) => (known, false),
            None => (self.read(&key, calls, clock).await?, true),
        };
        Ok(AccountLocations { all: self, key, clock, list, is_fresh })
    }

    async fn read(
        &self,
        key: &Key,
        calls: &mut Calls<'_>,
        clock: &dyn Clock,
    ) -> Result<Arc<[String]>, ProviderError> {
        let read: Arc<[String]> = calls.locations().await?.into();
        if read.is_empty() {
            // Nowhere to ask is no reason to take a booking for gone.
            return Err(unavailable(Some(200), RemoteEffect::None));
        }
        self.remember(key.clone(), &read, clock.monotonic());
        Ok(read)
    }

    fn known(&self, key: &Key, now: Duration) -> Option<Arc<[String]>> {
        let known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        let (locations, read_at) = known.get(key)?;
        (now < *read_at + GOOD_FOR).then(|| Arc::clone(locations))
    }

    fn remember(&self, key: Key, locations: &Arc<[String]>, now: Duration) {
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        if known.len() >= ACCOUNTS_MAX && !known.contains_key(&key) {
            known.clear();
        }
        known.insert(key, (Arc::clone(locations), now));
    }
}

/// The locations of the account that one operation is about.
pub struct AccountLocations<'a> {
    all: &'a Locations,
    key: Key,
    clock: &'a dyn Clock,
    list: Arc<[String]>,
    /// Whether the operation has read them itself.
    is_fresh: bool,
}

impl AccountLocations<'_> {
    /// In byte order, at least one.
    pub fn list(&self) -> Arc<[String]> {
        Arc::clone(&self.list)
    }

    /// Those that the list lacked, by another read; none where this operation has read it already.
    ///
    /// # Errors
    /// See [`ProviderError`]: then nothing may be taken for gone.
    pub async fn newly_listed(
        &mut self,
        calls: &mut Calls<'_>,
    ) -> Result<Vec<String>, ProviderError> {
        if self.is_fresh {
            return Ok(Vec::new());
        }
        let read = self.all.read(&self.key, calls, self.clock).await?;
        self.is_fresh = true;
        let known = std::mem::replace(&mut self.list, read);
        Ok(self.list.iter().filter(|it| !known.contains(it)).cloned().collect())
    }
}
