//! Whether a booking that Square doesn't show is gone.
//!
//! A token without the seller's level (the plan has lapsed, a permission was taken back) sees only what our
//! app has made itself. What such a one gets for the others is that there are none, so that it would call
//! off a whole calendar. So the level is looked at before any booking is taken for gone.

use std::collections::HashMap;
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use sync_domain::model::TenantId;
use sync_domain::ports::{Clock, Connection, ProviderError};

use super::account::sees_all_bookings;
use super::calls::Calls;

/// How long a look is good for: a sweep asks for many bookings in a row.
const KEPT: Duration = Duration::from_secs(60);
/// The most looks that are kept, of all tenants.
const ENTRIES_MAX: usize = 10_000;

/// Tenant and account.
type Key = (TenantId, String);

#[derive(Debug, Clone, Copy)]
struct Look {
    sees_all: bool,
    until: Duration,
}

/// What was seen of tokens' rights a moment ago. It holds nothing of persons, and no token.
pub struct SellerLevels {
    clock: Arc<dyn Clock>,
    kept: Mutex<HashMap<Key, Look>>,
}

impl fmt::Debug for SellerLevels {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("SellerLevels").field("kept", &self.looks().len()).finish()
    }
}

impl SellerLevels {
    /// Nothing was seen yet. The clock says how old is what is kept.
    pub fn new(clock: Arc<dyn Clock>) -> Self {
        Self { clock, kept: Mutex::default() }
    }

    /// That the connection's token shows all bookings, so that one which is not there is gone.
    ///
    /// # Errors
    /// See [`ProviderError`]; [`ProviderError::MissingScope`] where it doesn't.
    pub async fn make_sure(
        &self,
        calls: &mut Calls<'_>,
        connection: &Connection,
    ) -> Result<(), ProviderError> {
        let key = (connection.tenant.clone(), connection.account_id.clone());
        let now = self.clock.monotonic();
        let kept = self.looks().get(&key).copied().filter(|look| now < look.until);
        let sees_all = match kept {
            Some(look) => look.sees_all,
            None => {
                let sees_all = sees_all_bookings(calls).await?;
                self.keep(key, Look { sees_all, until: now + KEPT });
                sees_all
            }
        };
        if sees_all {
            return Ok(());
        }
        tracing::error!(
            system = "square",
            "Bookings are not there, and the token does not show all of the seller's: none is taken for \
             gone."
        );
        Err(ProviderError::MissingScope)
    }

    fn keep(&self, key: Key, look: Look) {
        let mut kept = self.looks();
        if kept.len() >= ENTRIES_MAX {
            kept.clear();
        }
        kept.insert(key, look);
    }

    fn looks(&self) -> MutexGuard<'_, HashMap<Key, Look>> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
