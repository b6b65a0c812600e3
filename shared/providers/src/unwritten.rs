//! Stands in for what the branch has yet to write. It is deleted before the branch is merged.

use std::time::Duration;

use async_trait::async_trait;
use jiff::Timestamp;
use secrecy::SecretString;
use sync_domain::gate::RateLimit;
use sync_domain::model::{ExternalId, ObjectType, System};
use sync_domain::ports::{
    AccountAccess, AccountConnector, AccountDetails, AskedBooking, AuthMode, BookingPage,
    BookingReader, BookingWindow, Called, Connection, DeliveredEvents, DeliverySignature,
    GrantError, KeyProperty, OauthApp, OauthTokens, PageError, ProviderError, RateLimits,
    SignatureFault, UnreadableDelivery, WebhookDelivery, WebhookProtocol,
};

pub struct Unwritten(pub System);

impl RateLimits for Unwritten {
    fn default_limit(&self, _connection: &Connection) -> RateLimit {
        RateLimit { max: 1, window: Duration::from_secs(1) }
    }
}

#[async_trait]
impl BookingReader for Unwritten {
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

    async fn bookings(
        &self,
        _connection: &Connection,
        _external_ids: &[ExternalId],
    ) -> Result<Called<Vec<AskedBooking>>, ProviderError> {
        Err(ProviderError::TimedOut)
    }
}

#[async_trait]
impl AccountConnector for Unwritten {
    fn auth_modes(&self) -> &'static [AuthMode] {
        &[]
    }

    fn keyed_types(&self) -> &'static [ObjectType] {
        &[]
    }

    async fn account(&self, _access: &AccountAccess) -> Result<AccountDetails, ProviderError> {
        Err(ProviderError::TimedOut)
    }

    fn authorize_url(&self, _app: &OauthApp, _state: &str) -> String {
        String::new()
    }

    async fn exchange(
        &self,
        _app: &OauthApp,
        _code: &SecretString,
    ) -> Result<OauthTokens, GrantError> {
        Err(GrantError::AppRefused)
    }

    async fn refresh(
        &self,
        _app: &OauthApp,
        _refresh_token: &SecretString,
    ) -> Result<OauthTokens, GrantError> {
        Err(GrantError::AppRefused)
    }

    async fn ensure_key_property(
        &self,
        _access: &AccountAccess,
        _object_type: ObjectType,
    ) -> Result<KeyProperty, ProviderError> {
        Ok(KeyProperty::NotAvailable)
    }
}

impl WebhookProtocol for Unwritten {
    fn system(&self) -> System {
        self.0
    }

    fn signature<'a>(
        &self,
        _delivery: &'a WebhookDelivery,
        _now: Timestamp,
    ) -> Result<Box<dyn DeliverySignature + 'a>, SignatureFault> {
        Err(SignatureFault::Missing)
    }

    fn claimed_account(&self, _delivery: &WebhookDelivery) -> Option<String> {
        None
    }

    fn events(&self, _delivery: &WebhookDelivery) -> Result<DeliveredEvents, UnreadableDelivery> {
        Err(UnreadableDelivery::NotAList)
    }
}
