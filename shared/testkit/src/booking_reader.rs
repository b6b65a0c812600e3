//! The account's reader.

use std::time::Duration;

use async_trait::async_trait;
use jiff::SignedDuration;
use sync_domain::gate::RateLimit;
use sync_domain::model::{ExternalId, RemoteBooking};
use sync_domain::ports::{
    AskedBooking, BookingPage, BookingReader, BookingWindow, Called, Connection, PageError,
    ProviderError, RateLimits, UnreadableBooking,
};

use crate::booking_account::{ScriptedBookings, State};

/// The length of a part.
const PART: SignedDuration = SignedDuration::from_hours(7 * 24);

/// Where a reader is: which part of the window, and which half of it.
struct Position {
    part: i32,
    is_odd: bool,
}

impl Position {
    fn parse(text: Option<&str>) -> Option<Self> {
        let Some(text) = text else { return Some(Self { part: 0, is_odd: false }) };
        let (part, half) = text.split_once('.')?;
        let is_odd = match half {
            "even" => false,
            "odd" => true,
            _ => return None,
        };
        Some(Self { part: part.parse().ok()?, is_odd })
    }

    fn window(&self, window: BookingWindow) -> BookingWindow {
        let from = window.from + PART * self.part;
        BookingWindow { from, until: (from + PART).min(window.until) }
    }

    fn next(&self, part: BookingWindow, window: BookingWindow) -> Option<String> {
        match self.is_odd {
            false => Some(format!("{}.odd", self.part)),
            true if part.until < window.until => Some(format!("{}.even", self.part + 1)),
            true => None,
        }
    }
}

fn is_odd(id: &ExternalId) -> bool {
    id.as_str().parse::<u64>().is_ok_and(|number| number % 2 == 1)
}

fn read(state: &State, id: &ExternalId) -> Option<Result<RemoteBooking, UnreadableBooking>> {
    let appointment = state.appointments.get(id)?;
    Some(if state.unreadable.contains(id) {
        Err(UnreadableBooking { external_id: Some(id.clone()), field: "duration" })
    } else {
        Ok(appointment.remote(id))
    })
}

fn page(state: &State, window: BookingWindow, position: &Position) -> BookingPage {
    let part = position.window(window);
    let mut page = BookingPage { next: position.next(part, window), ..BookingPage::default() };
    let here = state.appointments.iter().filter(|(id, appointment)| {
        is_odd(id) == position.is_odd
            && part.from <= appointment.starts_at
            && appointment.starts_at < part.until
    });
    for (id, _) in here {
        match read(state, id) {
            Some(Ok(remote)) => page.bookings.push(remote),
            Some(Err(unreadable)) => page.unreadable.push(unreadable),
            None => {}
        }
    }
    if position.is_odd {
        page.completed.push(part);
    }
    page
}

impl RateLimits for ScriptedBookings {
    fn default_limit(&self, _connection: &Connection) -> RateLimit {
        RateLimit { max: 10_000, window: Duration::from_secs(1) }
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
        let position = Position::parse(position).ok_or(PageError::BadPosition)?;
        let page = page(&self.state(), window, &position);
        self.clock.advance(self.page_time);
        self.dawdle().await;
        Ok(Called { value: page, calls: 1, rate: None, quota: None })
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
        if let Some(error) = self.booking_fault() {
            return Err(error);
        }
        let value = external_ids.iter().map(|id| read(&self.state(), id)).collect();
        self.dawdle().await;
        Ok(Called { value, calls: 1, rate: None, quota: None })
    }
}
