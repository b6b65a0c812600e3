//! Reading bookings, with who booked them.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use sync_domain::gate::RateLimit;
use sync_domain::model::{ExternalId, RemoteBooking};
use sync_domain::ports::{
    AskedBooking, BookingPage, BookingReader, BookingWindow, Called, Clock, Connection, PageError,
    ProviderError, RateLimits, ToldBooking, UnreadableBooking,
};

use super::SquareSettings;
use super::by_id::retrieve;
use super::calls::{Calls, client};
use super::customers::{Customers, Freshness};
use super::list::{Listed, list};
use super::position::Position;
use super::seller_level::SellerLevels;
use super::span::Span;
use crate::http::ProviderHttp;

/// A page of the list, and who booked those.
const REQUESTS_PER_PAGE: u32 = 2;
/// The bookings; where one is not there, the token's rights and the plan; and who booked them.
const REQUESTS_PER_READ: u32 = 4;
/// The most bookings of one call. It is not documented; this is the number of customers that
/// integrators name for the call of that kind.
const BOOKINGS_MAX: usize = 100;
/// Square publishes no number and asks for patience where an answer is 429 ("Handling errors",
/// developer.squareup.com).
const RATE_LIMIT: RateLimit = RateLimit { max: 10, window: Duration::from_secs(1) };

/// Reads Square for any tenant. It keeps for a minute who booked, for the pages of walks, and which
/// tokens show all bookings.
#[derive(Debug)]
pub struct SquareReader {
    http: ProviderHttp,
    settings: SquareSettings,
    customers: Customers,
    levels: SellerLevels,
}

impl SquareReader {
    /// Over this client. The clock says how old is what is kept.
    pub fn new(http: ProviderHttp, settings: SquareSettings, clock: Arc<dyn Clock>) -> Self {
        let http = client(http, &settings);
        let levels = SellerLevels::new(Arc::clone(&clock));
        Self { http, settings, customers: Customers::new(clock), levels }
    }

    fn calls<'a>(&'a self, connection: &'a Connection) -> Calls<'a> {
        Calls::new(&self.http, &self.settings, &connection.access_token)
    }
}

impl RateLimits for SquareReader {
    fn default_limit(&self, _connection: &Connection) -> RateLimit {
        RATE_LIMIT
    }
}

#[async_trait]
impl BookingReader for SquareReader {
    fn requests_per_page(&self) -> u32 {
        REQUESTS_PER_PAGE
    }

    async fn page(
        &self,
        connection: &Connection,
        window: BookingWindow,
        position: Option<&str>,
    ) -> Result<Called<BookingPage>, PageError> {
        let at = match position {
            None => Position::new(window.from, None),
            Some(text) => Position::parse(text, window).ok_or(PageError::BadPosition)?,
        };
        let span = Span::at(at.from, window).ok_or(PageError::BadPosition)?;
        let mut calls = self.calls(connection);
        let listed = list(&mut calls, &span, &at).await?;
        let Listed { rows, unreadable, mut next } = listed;
        let mut completed = Vec::new();
        if next.is_none() {
            completed.push(span.part);
            if span.part.until < window.until {
                next = Position::new(span.part.until, None).to_text();
            }
        }
        let bookings = self.customers.join(&mut calls, connection, rows, Freshness::Kept).await?;
        Ok(calls.done(BookingPage { bookings, unreadable, completed, next }))
    }

    fn bookings_max(&self) -> usize {
        BOOKINGS_MAX
    }

    fn requests_per_read(&self) -> u32 {
        REQUESTS_PER_READ
    }

    /// Who booked those is one call for as many as are taken at once.
    fn requests_of_told(&self, told: &[ToldBooking]) -> u32 {
        u32::from(told.iter().any(|it| it.snapshot.customer_id.is_some()))
    }

    async fn bookings(
        &self,
        connection: &Connection,
        external_ids: &[ExternalId],
    ) -> Result<Called<Vec<AskedBooking>>, ProviderError> {
        let mut calls = self.calls(connection);
        let mut found = retrieve(&mut calls, external_ids).await?;
        if found.misses_any {
            self.levels.make_sure(&mut calls, connection).await?;
        }
        let snapshots = std::mem::take(&mut found.snapshots).into_iter().collect();
        let joined = self.customers.join(&mut calls, connection, snapshots, Freshness::Now).await?;
        let joined = joined.into_iter().map(|booking| (booking.external_id.clone(), booking));
        let joined: BTreeMap<_, _> = joined.collect();
        let answer_of = |id: &ExternalId| match (joined.get(id), found.unreadable.get(id)) {
            (Some(booking), _) => Some(Ok(booking.clone())),
            (None, Some(field)) => {
                Some(Err(UnreadableBooking { external_id: Some(id.clone()), field }))
            }
            (None, None) => None,
        };
        let answers = external_ids.iter().map(answer_of).collect();
        Ok(calls.done(answers))
    }

    async fn told(
        &self,
        connection: &Connection,
        told: Vec<ToldBooking>,
    ) -> Result<Called<Vec<RemoteBooking>>, ProviderError> {
        let mut calls = self.calls(connection);
        let told = told.into_iter().map(|it| (it.external_id, it.snapshot)).collect();
        let joined = self.customers.join(&mut calls, connection, told, Freshness::Now).await?;
        Ok(calls.done(joined))
    }
}
