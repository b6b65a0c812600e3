//! The locations of accounts, remembered for some minutes: each call about an appointment names one.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use sync_domain::model::TenantId;
use sync_domain::ports::{Clock, Connection, ProviderError, RemoteEffect};

use super::calls::Calls;
use crate::http::unavailable;

/// How long a list is good for. A location that is opened meanwhile is asked for after it.
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
    /// The account's locations in byte order, at least one, read where they are not known.
    pub async fn of(
        &self,
        connection: &Connection,
        calls: &mut Calls<'_>,
        clock: &dyn Clock,
    ) -> Result<Arc<[String]>, ProviderError> {
        let key = (connection.tenant.clone(), connection.account_id.clone());
        if let Some(known) = self.known(&key, clock.monotonic()) {
            return Ok(known);
        }
        let read: Arc<[String]> = calls.locations().await?.into();
        if read.is_empty() {
            // Nowhere to ask is no reason to take a booking for gone.
            return Err(unavailable(Some(200), RemoteEffect::None));
        }
        self.remember(key, &read, clock.monotonic());
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
