//! The account's reader.

use async_trait::async_trait;
use sync_domain::gate::RateLimit;
use sync_domain::model::{ExternalId, RemoteBooking};
use sync_domain::ports::{
    AskedBooking, BookingPage, BookingReader, BookingSelection, BookingWindow, Called, Connection,
    PageError, ProviderError, RateLimits, ToldBooking,
};

use crate::booking_account::ScriptedBookings;
use crate::booking_places::{is_empty_place, position_of};
use crate::booking_ways::is_overlooked;

impl RateLimits for ScriptedBookings {
    fn default_limit(&self, _connection: &Connection) -> RateLimit {
        self.rate_limit
    }
}

/// Counts a read as under way, also until it is dropped.
struct Flight<'a>(&'a ScriptedBookings);

impl<'a> Flight<'a> {
    fn begin(account: &'a ScriptedBookings, id: &ExternalId) -> Self {
        let mut state = account.state();
        state.bookings_read.push(id.clone());
        state.in_flight += 1;
        state.in_flight_max = state.in_flight_max.max(state.in_flight);
        Self(account)
    }
}

impl Drop for Flight<'_> {
    fn drop(&mut self) {
        self.0.state().in_flight -= 1;
    }
}

#[async_trait]
impl BookingReader for ScriptedBookings {
    fn requests_per_page(&self) -> u32 {
        1
    }

    fn requests_of(&self, position: Option<&str>) -> u32 {
        if is_empty_place(position, self.ways.lists_by_date) { 0 } else { 1 }
    }

    fn lists_by_date(&self) -> bool {
        self.ways.lists_by_date
    }

    fn selected(&self, selection: &BookingSelection) -> Option<String> {
        if self.ways.lists_by_date { None } else { position_of(selection) }
    }

    fn bookings_max(&self) -> usize {
        self.ways.bookings_max
    }

    async fn page(
        &self,
        connection: &Connection,
        window: BookingWindow,
        position: Option<&str>,
    ) -> Result<Called<BookingPage>, PageError> {
        tokio::task::yield_now().await;
        if connection.account_id != self.connected_as {
            return Err(PageError::Provider(ProviderError::Unauthorized));
        }
        if let Some(error) = self.page_fault() {
            return Err(error);
        }
        let page = self.page_at(&self.state(), window, position)?;
        let calls = self.requests_of(position);
        if calls > 0 {
            self.clock.advance(self.page_time);
        }
        self.dawdle().await;
        Ok(Called { value: page, calls, rate: None, quota: None })
    }

    async fn bookings(
        &self,
        connection: &Connection,
        external_ids: &[ExternalId],
    ) -> Result<Called<Vec<AskedBooking>>, ProviderError> {
        let _flights: Vec<_> = external_ids.iter().map(|id| Flight::begin(self, id)).collect();
        tokio::task::yield_now().await;
        if connection.account_id != self.connected_as {
            return Err(ProviderError::Unauthorized);
        }
        if let Some(error) = self.booking_fault(external_ids) {
            return Err(error);
        }
        let value = external_ids.iter().map(|id| {
            let mut state = self.state();
            if is_overlooked(&mut state, id) { None } else { self.read(&state, id) }
        });
        let value = value.collect();
        self.clock.advance(self.booking_time);
        self.dawdle().await;
        Ok(Called { value, calls: 1, rate: None, quota: None })
    }

    async fn told(
        &self,
        connection: &Connection,
        told: Vec<ToldBooking>,
    ) -> Result<Called<Vec<RemoteBooking>>, ProviderError> {
        tokio::task::yield_now().await;
        if connection.account_id != self.connected_as {
            return Err(ProviderError::Unauthorized);
        }
        let fault = {
            let mut state = self.state();
            let sick = told.iter().find_map(|it| state.sick.get(&it.external_id).cloned());
            state.told_faults.pop_front().or(sick)
        };
        if let Some(error) = fault {
            return Err(error);
        }
        let calls = self.requests_of_told(&told);
        let joined = {
            let mut state = self.state();
            state.told_read.push(told.len());
            let joined = told.into_iter().map(|ToldBooking { external_id, snapshot }| {
                let is_lost = state.lost_people.contains(&external_id);
                let person = state.people.get(&external_id).filter(|_| !is_lost).cloned();
                snapshot.with_person(external_id, person)
            });
            joined.collect()
        };
        self.dawdle().await;
        Ok(Called { value: joined, calls, rate: None, quota: None })
    }
}
