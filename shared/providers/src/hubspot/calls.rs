//! The requests of one operation: sent with the tenant's token and counted.

use serde::Serialize;
use serde::de::DeserializeOwned;
use sync_domain::gate::RateReading;
use sync_domain::ports::{Called, Connection, ProviderError, RemoteEffect};

use super::error::error_of;
use super::rate::rate_of;
use crate::http::{ProviderHttp, RawAnswer, unavailable};

/// What one operation has sent so far.
pub struct Calls<'a> {
    http: &'a ProviderHttp,
    connection: &'a Connection,
    sent: u32,
    rate: Option<RateReading>,
}

impl<'a> Calls<'a> {
    pub const fn new(http: &'a ProviderHttp, connection: &'a Connection) -> Self {
        Self { http, connection, sent: 0, rate: None }
    }

    pub async fn get(&mut self, url: &str) -> Result<RawAnswer, ProviderError> {
        self.sent += 1;
        let answer = self.http.get(url, &self.connection.access_token).await;
        self.heard(answer)
    }

    pub async fn post(
        &mut self,
        url: &str,
        body: &(impl Serialize + Sync),
    ) -> Result<RawAnswer, ProviderError> {
        self.sent += 1;
        let answer = self.http.post_json(url, &self.connection.access_token, body).await;
        self.heard(answer)
    }

    pub async fn patch(
        &mut self,
        url: &str,
        body: &(impl Serialize + Sync),
    ) -> Result<RawAnswer, ProviderError> {
        self.sent += 1;
        let answer = self.http.patch_json(url, &self.connection.access_token, body).await;
        self.heard(answer)
    }

    fn heard(
        &mut self,
        answer: Result<RawAnswer, ProviderError>,
    ) -> Result<RawAnswer, ProviderError> {
        let answer = answer?;
        self.rate = rate_of(&answer.headers).or(self.rate);
        Ok(answer)
    }

    /// The tenant's two-letter country code, for phone numbers.
    pub fn region(&self) -> Option<&'a str> {
        self.connection.default_region.as_deref()
    }

    /// The operation's result with what it cost.
    pub fn done<T>(self, value: T) -> Called<T> {
        Called { value, calls: self.sent, rate: self.rate, quota: None }
    }
}

/// The decoded body of a 2xx answer. A body that is no JSON (an edge's HTML page, an empty or a cut
/// one) under a success status leaves open whether anything was written.
pub fn success_of<T: DeserializeOwned>(answer: &RawAnswer) -> Result<T, ProviderError> {
    if !(200..300).contains(&answer.status) {
        return Err(error_of(answer));
    }
    serde_json::from_slice(&answer.body).map_err(|_not_json| bad_answer(answer))
}

/// An answer that says success and can't be true or can't be read.
pub fn bad_answer(answer: &RawAnswer) -> ProviderError {
    unavailable(Some(answer.status), RemoteEffect::Unknown)
}
