//! Reading appointments: by their ids, and of customers. There is no call that lists by date.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use sync_domain::gate::RateLimit;
use sync_domain::model::{DetailName, ExternalId, Person, RemoteBooking};
use sync_domain::ports::{
    AskedBooking, BookingPage, BookingReader, BookingSelection, BookingWindow, Called, Clock,
    Connection, PageError, ProviderError, RateLimits, ToldBooking,
};

use super::VagaroSettings;
use super::calls::Calls;
use super::joined::Joined;
use super::locations::Locations;
use super::mapping::{is_id, person_of};
use super::position::{Position, SelectionPosition, WindowPosition};
use super::selection::Selecting;
use super::window::WindowWalk;
use crate::http::ProviderHttp;

/// The requests of one step of a selection: the locations where they are not known, appointments, and
/// who booked. An appointment of an account with several locations costs one more for each at which it
/// is not.
const REQUESTS_PER_PAGE: u32 = 3;
/// An appointment, and who booked.
const REQUESTS_PER_READ: u32 = 2;
/// Who booked, where a delivery names the location.
const REQUESTS_PER_TOLD: u32 = 1;
/// The locations, and who booked.
const REQUESTS_PER_TOLD_NOWHERE: u32 = 2;
/// No number is published, and two a second is what others keep to. The window has several seconds so
/// that the largest operation, a page of three requests, fits into what background work may use (six)
/// and the largest live one, a read of two, into what is left beside it (three).
const RATE_LIMIT: RateLimit = RateLimit { max: 10, window: Duration::from_secs(5) };

/// Reads Vagaro for any tenant. It keeps lists of locations and nothing else between two calls.
pub struct VagaroReader {
    http: ProviderHttp,
    settings: VagaroSettings,
    clock: Arc<dyn Clock>,
    locations: Locations,
}

impl fmt::Debug for VagaroReader {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("VagaroReader")
            .field("settings", &self.settings)
            .finish_non_exhaustive()
    }
}

impl VagaroReader {
    /// Over this client; `clock` tells which days of a window are due.
    pub fn new(http: ProviderHttp, settings: VagaroSettings, clock: Arc<dyn Clock>) -> Self {
        Self { http, settings, clock, locations: Locations::default() }
    }

    fn calls<'a>(&'a self, connection: &'a Connection) -> Calls<'a> {
        let region = connection.domain.as_deref();
        Calls::new(&self.http, &self.settings, region, &connection.access_token)
    }

    /// The first page is empty and settles when the walk began: whatever happens before the first part
    /// is complete, the days that are due stay those of that hour.
    fn window_page(
        &self,
        window: BookingWindow,
        position: Option<WindowPosition>,
    ) -> Result<BookingPage, PageError> {
        let (completed, next) = match position {
            None => {
                let began_ms = self.clock.now().as_millisecond();
                (Vec::new(), WindowWalk::new(window, began_ms).first())
            }
            Some(position) => {
                let walk = WindowWalk::new(window, position.began_ms);
                let at_ms = walk.at(&position).ok_or(PageError::BadPosition)?;
                let part = walk.part_from(at_ms);
                (part.into_iter().collect(), part.and_then(|part| walk.position_after(part)))
            }
        };
        let next = match next {
            Some(next) => Some(Position::Window(next).to_text().ok_or(PageError::BadPosition)?),
            None => None,
        };
        Ok(BookingPage { completed, next, ..BookingPage::default() })
    }
}

impl RateLimits for VagaroReader {
    fn default_limit(&self, _connection: &Connection) -> RateLimit {
        RATE_LIMIT
    }
}

#[async_trait]
impl BookingReader for VagaroReader {
    fn requests_per_page(&self) -> u32 {
        REQUESTS_PER_PAGE
    }

    /// None in a window, and none for a text that is no position: that is refused unasked.
    fn requests_of(&self, position: Option<&str>) -> u32 {
        match position.and_then(Position::parse) {
            None | Some(Position::Window(_)) => 0,
            Some(Position::Selection(_)) => REQUESTS_PER_PAGE,
        }
    }

    fn lists_by_date(&self) -> bool {
        false
    }

    fn selected(&self, selection: &BookingSelection) -> Option<String> {
        Position::Selection(SelectionPosition::first(selection)?).to_text()
    }

    async fn page(
        &self,
        connection: &Connection,
        window: BookingWindow,
        position: Option<&str>,
    ) -> Result<Called<BookingPage>, PageError> {
        let position = match position {
            None => None,
            Some(text) => Some(Position::parse(text).ok_or(PageError::BadPosition)?),
        };
        let mut calls = self.calls(connection);
        let page = match position {
            None => self.window_page(window, None)?,
            Some(Position::Window(at)) => self.window_page(window, Some(at))?,
            Some(Position::Selection(at)) => {
                let locations =
                    self.locations.of(connection, &mut calls, self.clock.as_ref()).await?;
                let region = connection.default_region.as_deref();
                let joined = Joined { calls: &mut calls, locations, region };
                Selecting { joined, at }.page().await?
            }
        };
        Ok(calls.done(page))
    }

    fn requests_per_read(&self) -> u32 {
        REQUESTS_PER_READ
    }

    fn requests_of_told(&self, told: &[ToldBooking]) -> u32 {
        let requests =
            told.iter().map(|ToldBooking { snapshot, .. }| match &snapshot.customer_id {
                None => 0,
                Some(_) if snapshot.details.contains_key(&DetailName::LocationId) => {
                    REQUESTS_PER_TOLD
                }
                Some(_) => REQUESTS_PER_TOLD_NOWHERE,
            });
        requests.fold(0, u32::saturating_add)
    }

    async fn bookings(
        &self,
        connection: &Connection,
        external_ids: &[ExternalId],
    ) -> Result<Called<Vec<AskedBooking>>, ProviderError> {
        let no_id = || ProviderError::Rejected {
            vendor_code: None,
            field: Some("appointmentId".to_owned()),
        };
        if !external_ids.iter().all(|id| is_id(id.as_str())) {
            return Err(no_id());
        }
        let mut calls = self.calls(connection);
        let locations = self.locations.of(connection, &mut calls, self.clock.as_ref()).await?;
        let region = connection.default_region.as_deref();
        let mut joined = Joined { calls: &mut calls, locations, region };
        let mut answers = Vec::with_capacity(external_ids.len());
        for id in external_ids {
            answers.push(joined.booking(id.as_str()).await?);
        }
        Ok(calls.done(answers))
    }

    async fn told(
        &self,
        connection: &Connection,
        told: Vec<ToldBooking>,
    ) -> Result<Called<Vec<RemoteBooking>>, ProviderError> {
        let mut calls = self.calls(connection);
        let mut bookings = Vec::with_capacity(told.len());
        for ToldBooking { external_id, snapshot } in told {
            let person = self.person_of_told(connection, &mut calls, &snapshot).await?;
            bookings.push(snapshot.with_person(external_id, person));
        }
        Ok(calls.done(bookings))
    }
}

impl VagaroReader {
    /// Who booked. A delivery mostly says at which location; else the first one is asked.
    async fn person_of_told(
        &self,
        connection: &Connection,
        calls: &mut Calls<'_>,
        snapshot: &sync_domain::model::BookingSnapshot,
    ) -> Result<Option<Person>, ProviderError> {
        let Some(customer_id) = &snapshot.customer_id else { return Ok(None) };
        let location = match snapshot.details.get(&DetailName::LocationId) {
            Some(told) => Some(told.clone()),
            None => {
                let locations = self.locations.of(connection, calls, self.clock.as_ref()).await?;
                locations.list().first().cloned()
            }
        };
        let Some(location) = location else { return Ok(None) };
        let row = calls.customer(&location, customer_id).await?;
        Ok(row.map(|row| person_of(&row, connection.default_region.as_deref())))
    }
}
