//! Who booked: customers by their ids, many in one call, kept for a minute.
//!
//! A booking names its customer and says nothing of them. What is kept spares the next pages of a walk
//! the people they have in common; whoever must know what is so now, reads.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use sync_domain::model::{BookingSnapshot, ExternalId, Person, RemoteBooking, TenantId};
use sync_domain::ports::{Clock, Connection, ProviderError};

use super::calls::Calls;
use super::error::{EntryFault, fault_of, success_of};
use super::mapping::person_of;
use super::wire::{CustomerEntry, CustomerIds, CustomersById};
use crate::http::RawAnswer;

/// How long what was read is good for a walk.
const KEPT: Duration = Duration::from_secs(60);
/// The most customers that are kept, of all tenants.
const ENTRIES_MAX: usize = 10_000;
/// The most customers of one call. It is not documented; integrators name 100.
const IDS_MAX: usize = 100;

/// Tenant, account, and the vendor's id.
type Key = (TenantId, String, String);

/// `None` of a customer that Square does not have, or not any more: profiles are merged into new ones.
type Found = Option<Person>;

struct Kept {
    found: Found,
    until: Duration,
}

/// Whether what is kept may be used.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Freshness {
    /// At most a minute old.
    Kept,
    /// Read now.
    Now,
}

/// The customers that this instance has read. `Debug` can't print them.
pub struct Customers {
    clock: Arc<dyn Clock>,
    kept: Mutex<HashMap<Key, Kept>>,
}

impl fmt::Debug for Customers {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("Customers([hidden])")
    }
}

impl Customers {
    /// None yet. The clock says how old what is kept is.
    pub fn new(clock: Arc<dyn Clock>) -> Self {
        Self { clock, kept: Mutex::default() }
    }

    /// Joins snapshots with who booked, in their order.
    ///
    /// # Errors
    /// See [`ProviderError`].
    pub async fn join(
        &self,
        calls: &mut Calls<'_>,
        connection: &Connection,
        snapshots: Vec<(ExternalId, BookingSnapshot)>,
        freshness: Freshness,
    ) -> Result<Vec<RemoteBooking>, ProviderError> {
        let ids = snapshots.iter().filter_map(|(_, snapshot)| snapshot.customer_id.clone());
        let people = self.find(calls, connection, ids.collect(), freshness).await?;
        let joined = snapshots.into_iter().map(|(external_id, snapshot)| {
            let person = match &snapshot.customer_id {
                None => Some(Person::default()),
                Some(id) => people.get(id).cloned().flatten(),
            };
            snapshot.with_person(external_id, person)
        });
        Ok(joined.collect())
    }

    async fn find(
        &self,
        calls: &mut Calls<'_>,
        connection: &Connection,
        ids: BTreeSet<String>,
        freshness: Freshness,
    ) -> Result<BTreeMap<String, Found>, ProviderError> {
        let mut people = match freshness {
            Freshness::Kept => self.kept_of(connection, &ids),
            Freshness::Now => BTreeMap::new(),
        };
        let unknown: Vec<&str> =
            ids.iter().filter(|id| !people.contains_key(*id)).map(String::as_str).collect();
        for ids in unknown.chunks(IDS_MAX) {
            let until = self.clock.monotonic() + KEPT;
            let read = read(calls, ids, connection.default_region.as_deref()).await?;
            self.keep(connection, &read, until);
            people.extend(read);
        }
        Ok(people)
    }

    fn kept_of(&self, connection: &Connection, ids: &BTreeSet<String>) -> BTreeMap<String, Found> {
        let now = self.clock.monotonic();
        let kept = self.entries();
        let found = ids.iter().filter_map(|id| {
            let entry = kept.get(&key_of(connection, id)).filter(|entry| now < entry.until)?;
            Some((id.clone(), entry.found.clone()))
        });
        found.collect()
    }

    fn keep(&self, connection: &Connection, read: &BTreeMap<String, Found>, until: Duration) {
        let now = self.clock.monotonic();
        let mut kept = self.entries();
        if kept.len() + read.len() > ENTRIES_MAX {
            kept.retain(|_, entry| now < entry.until);
        }
        if kept.len() + read.len() > ENTRIES_MAX {
            kept.clear();
        }
        let entries = read.iter();
        kept.extend(
            entries
                .map(|(id, found)| (key_of(connection, id), Kept { found: found.clone(), until })),
        );
    }

    fn entries(&self) -> MutexGuard<'_, HashMap<Key, Kept>> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn key_of(connection: &Connection, id: &str) -> Key {
    (connection.tenant.clone(), connection.account_id.clone(), id.to_owned())
}

/// `POST /v2/customers/bulk-retrieve`.
async fn read(
    calls: &mut Calls<'_>,
    ids: &[&str],
    default_region: Option<&str>,
) -> Result<BTreeMap<String, Found>, ProviderError> {
    let asked = CustomerIds { customer_ids: ids };
    let answer = calls.post_raw("/v2/customers/bulk-retrieve", &asked).await?;
    let mut answered: CustomersById = success_of(&answer)?;
    let mut people = BTreeMap::new();
    for id in ids {
        let found = match answered.responses.remove(*id) {
            Some(entry) => found_of(&entry, &answer, default_region)?,
            None => None,
        };
        people.insert((*id).to_owned(), found);
    }
    Ok(people)
}

/// An id that Square refuses has no customer, which no other attempt will change. What passes by itself
/// takes the whole answer with it.
fn found_of(
    entry: &CustomerEntry,
    answer: &RawAnswer,
    default_region: Option<&str>,
) -> Result<Found, ProviderError> {
    if let Some(customer) = &entry.customer {
        return Ok(Some(person_of(customer, default_region)));
    }
    match fault_of(entry.errors.list(), answer) {
        EntryFault::NotFound | EntryFault::Refused => Ok(None),
        EntryFault::Failed(error) => Err(error),
    }
}
