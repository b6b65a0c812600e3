//! Bookings and clients in memory, under the conditions of the table.

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Mutex, MutexGuard, PoisonError};

use async_trait::async_trait;
use sync_domain::keys::BookingKey;
use sync_domain::model::{
    BookingVersion, ClientId, ClientWrite, Person, Recency, StatusReason, StoredBooking, System,
    TenantId,
};
use sync_domain::ports::{
    BOOKINGS_READ_MAX, BookingOutcome, BookingStore, BookingWindow, BookingWrite, ClientDirectory,
    ClientLookup, FoundClients, KnownBooking, StoreError,
};

use crate::{MemoryClients, StoreFault};

type Place = (TenantId, System, BookingKey);

#[derive(Debug, Default)]
struct State {
    bookings: BTreeMap<Place, BookingVersion>,
    clients: BTreeMap<TenantId, MemoryClients>,
    versions: Vec<BookingVersion>,
    faults: VecDeque<StoreFault>,
    costs: BookingCosts,
    in_flight: usize,
}

/// What the fake table was asked.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct BookingCosts {
    /// How many keys each read asked for.
    pub loads: Vec<usize>,
    /// How many keys each look-up of clients asked for.
    pub lookups: Vec<usize>,
    /// Writes of bookings, refused ones included.
    pub writes: u32,
    /// Refreshes.
    pub refreshes: u32,
    /// The most writes that were in flight at once.
    pub in_flight_max: usize,
}

/// The fake table.
#[derive(Debug, Default)]
pub struct MemoryBookings(Mutex<State>);

impl MemoryBookings {
    /// Everything that was stored, in its order: what the stream tells of.
    pub fn versions(&self) -> Vec<BookingVersion> {
        self.state().versions.clone()
    }

    /// All bookings of a tenant.
    pub fn bookings(&self, tenant: &TenantId) -> Vec<StoredBooking> {
        let state = self.state();
        let ours = state.bookings.iter().filter(|((owner, _, _), _)| owner == tenant);
        ours.map(|(_, version)| version.stored.clone()).collect()
    }

    /// The clients of a tenant.
    pub fn clients(&self, tenant: &TenantId) -> BTreeMap<ClientId, Person> {
        let state = self.state();
        let Some(clients) = state.clients.get(tenant) else { return BTreeMap::new() };
        let ids = clients.ids().into_iter();
        ids.filter_map(|id| Some((id.clone(), clients.client(&id)?))).collect()
    }

    /// What was asked so far; counting begins anew.
    pub fn take_costs(&self) -> BookingCosts {
        std::mem::take(&mut self.state().costs)
    }

    /// Lets the next write fail, or the one after the faults that wait already.
    pub fn fail_write(&self, fault: StoreFault) {
        self.state().faults.push_back(fault);
    }

    /// Writes a client without a booking, as another writer does between a look-up and a write.
    pub fn write_client(&self, tenant: &TenantId, write: &ClientWrite) -> bool {
        self.state().write_client(tenant, write)
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn begin_write(&self) -> StoreFault {
        let mut state = self.state();
        state.in_flight += 1;
        state.costs.in_flight_max = state.costs.in_flight_max.max(state.in_flight);
        state.faults.pop_front().unwrap_or(StoreFault::None)
    }
}

/// Counts a write as under way, also until it is dropped.
struct Flight<'a>(&'a MemoryBookings);

impl Drop for Flight<'_> {
    fn drop(&mut self) {
        self.0.state().in_flight -= 1;
    }
}

impl State {
    fn write_client(&mut self, tenant: &TenantId, write: &ClientWrite) -> bool {
        self.clients.entry(tenant.clone()).or_default().apply(write)
    }

    fn store(&mut self, write: &BookingWrite) -> BookingOutcome {
        let version = &write.version;
        let place = place_of(version);
        let found = self.bookings.get(&place);
        let is_as_seen = match (found, write.seen) {
            (None, None) => true,
            (Some(found), Some(seen)) => {
                found.stored.version == seen && found.stored.recency <= version.stored.recency
            }
            (None, Some(_)) | (Some(_), None) => false,
        };
        if !is_as_seen {
            return match found {
                Some(found) if is_same(found, version) => BookingOutcome::Stored,
                Some(found) => BookingOutcome::Overtaken(Some(Box::new(found.stored.clone()))),
                None => BookingOutcome::Overtaken(None),
            };
        }
        let is_written =
            write.client.as_ref().is_none_or(|client| self.write_client(&version.tenant, client));
        if !is_written {
            return BookingOutcome::ClientsChanged;
        }
        self.bookings.insert(place, version.clone());
        self.versions.push(version.clone());
        BookingOutcome::Stored
    }

    fn refresh(&mut self, place: &Place, seen: u64, recency: Recency) -> BookingOutcome {
        match self.bookings.get_mut(place) {
            Some(found) if found.stored.version == seen => {
                found.stored.recency = found.stored.recency.max(recency);
                BookingOutcome::Stored
            }
            Some(found) => BookingOutcome::Overtaken(Some(Box::new(found.stored.clone()))),
            None => BookingOutcome::Overtaken(None),
        }
    }
}

fn place_of(version: &BookingVersion) -> Place {
    (version.tenant.clone(), version.system, version.stored.key.clone())
}

/// Whether it is the same write, made before; it may have been seen again since, and not less lately.
fn is_same(found: &BookingVersion, ours: &BookingVersion) -> bool {
    let is_as_recent = found.stored.recency >= ours.stored.recency;
    let mut found = found.clone();
    found.stored.recency = ours.stored.recency;
    is_as_recent && found == *ours
}

fn lost() -> StoreError {
    StoreError::Unavailable("the test wants it so".into())
}

#[async_trait]
impl BookingStore for MemoryBookings {
    async fn load(
        &self,
        tenant: &TenantId,
        system: System,
        keys: &[BookingKey],
    ) -> Result<BTreeMap<BookingKey, StoredBooking>, StoreError> {
        tokio::task::yield_now().await;
        if keys.len() > BOOKINGS_READ_MAX {
            return Err(StoreError::Malformed("too many keys"));
        }
        let found = {
            let mut state = self.state();
            state.costs.loads.push(keys.len());
            let place = |key: &BookingKey| (tenant.clone(), system, key.clone());
            let found = keys.iter().filter_map(|key| {
                Some((key.clone(), state.bookings.get(&place(key))?.stored.clone()))
            });
            found.collect()
        };
        tokio::task::yield_now().await;
        Ok(found)
    }

    async fn store(&self, write: &BookingWrite) -> Result<BookingOutcome, StoreError> {
        self.state().costs.writes += 1;
        let fault = self.begin_write();
        let _flight = Flight(self);
        tokio::task::yield_now().await;
        if fault == StoreFault::Fail {
            return Err(lost());
        }
        let outcome = self.state().store(write);
        tokio::task::yield_now().await;
        if fault == StoreFault::FailAfterEffect { Err(lost()) } else { Ok(outcome) }
    }

    async fn refresh(
        &self,
        tenant: &TenantId,
        system: System,
        stored: &StoredBooking,
        recency: Recency,
    ) -> Result<BookingOutcome, StoreError> {
        self.state().costs.refreshes += 1;
        let fault = self.begin_write();
        let _flight = Flight(self);
        tokio::task::yield_now().await;
        if fault == StoreFault::Fail {
            return Err(lost());
        }
        let place = (tenant.clone(), system, stored.key.clone());
        let outcome = self.state().refresh(&place, stored.version, recency);
        tokio::task::yield_now().await;
        if fault == StoreFault::FailAfterEffect { Err(lost()) } else { Ok(outcome) }
    }

    async fn beginning_in(
        &self,
        tenant: &TenantId,
        system: System,
        window: BookingWindow,
        after: Option<&str>,
    ) -> Result<(Vec<KnownBooking>, Option<String>), StoreError> {
        tokio::task::yield_now().await;
        let page = {
            let state = self.state();
            let begins = state.bookings.iter().filter(|((owner, of, _), found)| {
                let booking = &found.stored.booking;
                owner == tenant
                    && *of == system
                    && booking.reason != Some(StatusReason::Deleted)
                    && window.from <= booking.starts_at
                    && booking.starts_at < window.until
            });
            let rest = begins
                .filter(|((_, _, key), _)| after.is_none_or(|after| key.as_str() > after))
                .map(|((_, _, key), found)| KnownBooking {
                    external_id: found.stored.external_id.clone(),
                    place: key.as_str().to_owned(),
                });
            let mut page: Vec<_> = rest.take(PAGE_MAX + 1).collect();
            let has_more = page.len() > PAGE_MAX;
            page.truncate(PAGE_MAX);
            let next = page.last().map(|last| last.place.clone()).filter(|_| has_more);
            (page, next)
        };
        tokio::task::yield_now().await;
        Ok(page)
    }
}

/// Few, so that tests see several pages.
const PAGE_MAX: usize = 3;

#[async_trait]
impl ClientDirectory for MemoryBookings {
    async fn look_up(
        &self,
        tenant: &TenantId,
        lookup: &ClientLookup,
    ) -> Result<FoundClients, StoreError> {
        tokio::task::yield_now().await;
        let found = {
            let mut state = self.state();
            state.costs.lookups.push(lookup.identifiers.len() + lookup.blocks.len());
            state.clients.entry(tenant.clone()).or_default().find(lookup)
        };
        tokio::task::yield_now().await;
        Ok(found)
    }
}
