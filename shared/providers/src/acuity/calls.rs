//! The requests of one operation: sent with the user's credentials and counted.

use secrecy::SecretString;
use serde::Serialize;
use serde::de::DeserializeOwned;
use sync_domain::ports::{Called, ProviderError};

use super::AcuitySettings;
use super::error::{check, is_not_found, success_of};
use crate::http::{ProviderHttp, RawAnswer};

/// What one operation has sent so far, of at most so many requests.
pub struct Calls<'a> {
    http: &'a ProviderHttp,
    settings: &'a AcuitySettings,
    credentials: &'a SecretString,
    sent: u32,
    requests_max: u32,
}

impl<'a> Calls<'a> {
    /// `credentials` are `<user id>:<API key>` for HTTP Basic (developers.acuityscheduling.com, "Quick
    /// start").
    pub const fn new(
        http: &'a ProviderHttp,
        settings: &'a AcuitySettings,
        credentials: &'a SecretString,
        requests_max: u32,
    ) -> Self {
        Self { http, settings, credentials, sent: 0, requests_max }
    }

    /// How many more requests the operation may send. Its caller looks; nothing here refuses.
    pub const fn left(&self) -> u32 {
        self.requests_max.saturating_sub(self.sent)
    }

    fn url(&self, path: &str) -> String {
        format!("{}/api/v1/{path}", self.settings.base_url.trim_end_matches('/'))
    }

    /// Gets a path below `/api/v1/`.
    pub async fn get<T: DeserializeOwned>(&mut self, path: &str) -> Result<T, ProviderError> {
        success_of(&self.get_raw(path).await?)
    }

    /// Gets, whatever the status.
    pub async fn get_raw(&mut self, path: &str) -> Result<RawAnswer, ProviderError> {
        self.sent += 1;
        self.http.get_basic(&self.url(path), self.credentials).await
    }

    /// Posts JSON, whatever the status.
    pub async fn post(
        &mut self,
        path: &str,
        body: &(impl Serialize + Sync),
    ) -> Result<RawAnswer, ProviderError> {
        self.sent += 1;
        self.http.post_json_basic(&self.url(path), self.credentials, body).await
    }

    /// Deletes; what is gone already is deleted.
    pub async fn delete(&mut self, path: &str) -> Result<(), ProviderError> {
        self.sent += 1;
        let answer = self.http.delete_basic(&self.url(path), self.credentials).await?;
        if is_not_found(&answer) { Ok(()) } else { check(&answer) }
    }

    /// The operation's result with what it cost. Acuity's answers say nothing of its limit.
    pub fn done<T>(self, value: T) -> Called<T> {
        Called { value, calls: self.sent, rate: None, quota: None }
    }
}
