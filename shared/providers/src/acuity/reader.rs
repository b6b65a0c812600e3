//! Reading appointments.

use std::time::Duration;

use async_trait::async_trait;
use sync_domain::gate::RateLimit;
use sync_domain::model::{ExternalId, RemoteBooking};
use sync_domain::ports::{
    BookingPage, BookingReader, BookingWindow, Called, Connection, PageError, ProviderError,
    RateLimits, UnreadableBooking,
};

use super::AcuitySettings;
use crate::http::ProviderHttp;

/// Reads Acuity.
pub struct AcuityReader {
    _http: ProviderHttp,
    _settings: AcuitySettings,
}

impl AcuityReader {
    /// Over this client.
    pub const fn new(http: ProviderHttp, settings: AcuitySettings) -> Self {
        Self { _http: http, _settings: settings }
    }
}

impl RateLimits for AcuityReader {
    fn default_limit(&self, _connection: &Connection) -> RateLimit {
        RateLimit { max: 10, window: Duration::from_secs(1) }
    }
}

#[async_trait]
impl BookingReader for AcuityReader {
    fn requests_per_page(&self) -> u32 {
        1
    }

    async fn page(
        &self,
        _connection: &Connection,
        _window: BookingWindow,
        _position: Option<&str>,
    ) -> Result<Called<BookingPage>, PageError> {
        Err(PageError::BadPosition)
    }

    async fn booking(
        &self,
        _connection: &Connection,
        _external_id: &ExternalId,
    ) -> Result<Called<Option<Result<RemoteBooking, UnreadableBooking>>>, ProviderError> {
        Err(ProviderError::TimedOut)
    }
}
