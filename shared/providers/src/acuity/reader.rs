//! Reading appointments.

use std::time::Duration;

use async_trait::async_trait;
use sync_domain::gate::RateLimit;
use sync_domain::model::ExternalId;
use sync_domain::ports::{
    AskedBooking, BookingPage, BookingReader, BookingWindow, Called, Connection, PageError,
    ProviderError, RateLimits,
};

use super::AcuitySettings;
use super::calls::Calls;
use super::error::{bad_answer, is_not_found, success_of};
use super::mapping::booking_of;
use super::position::Position;
use super::scalar::digits;
use super::walk::Walk;
use super::window::WindowDays;
use super::wire::Appointment;
use crate::http::ProviderHttp;

/// The most requests of a page: a slice from its two ends, or both lists.
const REQUESTS_PER_PAGE: u32 = 2;
/// Ten requests in a second, and twenty at a time, which ten in a second don't reach
/// (developers.acuityscheduling.com, "API errors", page of 2025-06-09). Acuity counts by the caller's
/// address and not by account: the mapping doc tells what follows from that.
const RATE_LIMIT: RateLimit = RateLimit { max: 10, window: Duration::from_secs(1) };

/// Reads Acuity for any tenant. It keeps nothing between two calls.
#[derive(Debug)]
pub struct AcuityReader {
    http: ProviderHttp,
    settings: AcuitySettings,
}

impl AcuityReader {
    /// Over this client.
    pub const fn new(http: ProviderHttp, settings: AcuitySettings) -> Self {
        Self { http, settings }
    }

    const fn calls<'a>(&'a self, connection: &'a Connection, requests_max: u32) -> Calls<'a> {
        Calls::new(&self.http, &self.settings, &connection.access_token, requests_max)
    }
}

impl RateLimits for AcuityReader {
    fn default_limit(&self, _connection: &Connection) -> RateLimit {
        RATE_LIMIT
    }
}

#[async_trait]
impl BookingReader for AcuityReader {
    fn requests_per_page(&self) -> u32 {
        REQUESTS_PER_PAGE
    }

    async fn page(
        &self,
        connection: &Connection,
        window: BookingWindow,
        position: Option<&str>,
    ) -> Result<Called<BookingPage>, PageError> {
        let days = WindowDays::of(window, connection.time_zone.as_deref());
        let days = days.ok_or(PageError::BadPosition)?;
        let rows_max = usize::try_from(self.settings.rows_max.max(1)).unwrap_or(usize::MAX);
        let at = match position {
            None => Position::first(&days, rows_max),
            Some(text) => Position::parse(text, &days, rows_max).ok_or(PageError::BadPosition)?,
        };
        let calls = self.calls(connection, REQUESTS_PER_PAGE);
        Walk::new(calls, days, at, rows_max, connection.default_region.as_deref()).page().await
    }

    async fn bookings(
        &self,
        connection: &Connection,
        external_ids: &[ExternalId],
    ) -> Result<Called<Vec<AskedBooking>>, ProviderError> {
        let requests_max = u32::try_from(external_ids.len()).unwrap_or(u32::MAX);
        let mut calls = self.calls(connection, requests_max);
        let mut answers = Vec::with_capacity(external_ids.len());
        for id in external_ids {
            answers.push(booking(&mut calls, id, connection.default_region.as_deref()).await?);
        }
        Ok(calls.done(answers))
    }
}

/// `GET appointments/{id}`.
async fn booking(
    calls: &mut Calls<'_>,
    external_id: &ExternalId,
    default_region: Option<&str>,
) -> Result<AskedBooking, ProviderError> {
    // Acuity's ids are numbers; anything else would ask for another path.
    let id = digits(external_id.as_str())
        .ok_or(ProviderError::Rejected { vendor_code: None, field: Some("id".to_owned()) })?;
    let answer = calls.get_raw(&format!("appointments/{id}")).await?;
    if is_not_found(&answer) {
        return Ok(None);
    }
    let appointment: Appointment = success_of(&answer)?;
    if appointment.id.number() != Some(id) {
        return Err(bad_answer(&answer));
    }
    Ok(Some(booking_of(&appointment, default_region)))
}
