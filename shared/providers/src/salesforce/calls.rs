//! The requests of one operation: sent to the org's own address with the tenant's token, and counted.

use reqwest::Url;
use secrecy::SecretString;
use serde::Serialize;
use serde::de::DeserializeOwned;
use sync_domain::ports::{AccountAccess, Called, Connection, ProviderError, Quota, RemoteEffect};

use super::error::error_of;
use super::quota::quota_of;
use super::settings::SalesforceSettings;
use super::wire::QueryAnswer;
use crate::http::{ProviderHttp, RawAnswer, unavailable};

/// Who writes, for an org's own change events and logs ("Call options header", REST API guide).
const CALL_OPTIONS: (&str, &str) = ("sforce-call-options", "client=crm-booking-integrations");

/// The client that says who writes with every request.
pub fn client(http: ProviderHttp) -> ProviderHttp {
    let (name, value) = CALL_OPTIONS;
    http.with_header(name, value)
}

/// What one operation has sent so far.
pub struct Calls<'a> {
    http: &'a ProviderHttp,
    token: &'a SecretString,
    base: String,
    api_version: &'a str,
    sent: u32,
    quota: Option<Quota>,
}

impl<'a> Calls<'a> {
    /// Calls with a tenant's connection.
    ///
    /// # Errors
    /// When the connection has no My Domain.
    pub fn new(
        http: &'a ProviderHttp,
        settings: &'a SalesforceSettings,
        connection: &'a Connection,
    ) -> Result<Self, ProviderError> {
        let base = settings.base(connection.domain.as_deref())?;
        let token = &connection.access_token;
        let api_version = settings.api_version.as_str();
        Ok(Self { http, token, base, api_version, sent: 0, quota: None })
    }

    /// Calls while an account is being connected.
    ///
    /// # Errors
    /// As for [`Calls::new`].
    pub fn connecting(
        http: &'a ProviderHttp,
        settings: &'a SalesforceSettings,
        access: &'a AccountAccess,
    ) -> Result<Self, ProviderError> {
        let base = settings.base(access.domain.as_deref())?;
        let api_version = settings.api_version.as_str();
        Ok(Self { http, token: &access.token, base, api_version, sent: 0, quota: None })
    }

    /// The address of a resource below `/services/data/{version}`. Each segment is encoded as a
    /// whole, so none can lead to another resource.
    ///
    /// # Errors
    /// For a segment that addresses can't hold, which is `.` or `..`.
    fn data_url(&self, segments: &[&str], query: &[(&str, &str)]) -> Result<Url, ProviderError> {
        let wrong_setting = || unavailable(None, RemoteEffect::None);
        if segments.iter().any(|segment| matches!(*segment, "" | "." | "..")) {
            return Err(ProviderError::Rejected { vendor_code: None, field: None });
        }
        let mut url = Url::parse(&self.base).map_err(|_unreadable| wrong_setting())?;
        url.path_segments_mut()
            .map_err(|()| wrong_setting())?
            .pop_if_empty()
            .extend(["services", "data", self.api_version])
            .extend(segments);
        if !query.is_empty() {
            url.query_pairs_mut().extend_pairs(query);
        }
        Ok(url)
    }

    pub async fn get(
        &mut self,
        segments: &[&str],
        query: &[(&str, &str)],
    ) -> Result<RawAnswer, ProviderError> {
        let url = self.data_url(segments, query)?;
        self.get_url(url.as_str()).await
    }

    /// Gets a path below the org's address that is none of the data API.
    pub async fn get_path(&mut self, path: &str) -> Result<RawAnswer, ProviderError> {
        let url = format!("{}{path}", self.base);
        self.get_url(&url).await
    }

    async fn get_url(&mut self, url: &str) -> Result<RawAnswer, ProviderError> {
        self.sent += 1;
        let answer = self.http.get(url, self.token).await;
        self.heard(answer)
    }

    pub async fn post(
        &mut self,
        segments: &[&str],
        body: &(impl Serialize + Sync),
    ) -> Result<RawAnswer, ProviderError> {
        let url = self.data_url(segments, &[])?;
        self.sent += 1;
        let answer = self.http.post_json(url.as_str(), self.token, body).await;
        self.heard(answer)
    }

    pub async fn patch(
        &mut self,
        segments: &[&str],
        body: &(impl Serialize + Sync),
    ) -> Result<RawAnswer, ProviderError> {
        let url = self.data_url(segments, &[])?;
        self.sent += 1;
        let answer = self.http.patch_json(url.as_str(), self.token, body).await;
        self.heard(answer)
    }

    /// `GET query?q=`: one page, which holds up to 2,000 records.
    pub async fn query(&mut self, soql: &str) -> Result<QueryAnswer, ProviderError> {
        let answer = self.get(&["query"], &[("q", soql)]).await?;
        success_of(&answer)
    }

    fn heard(
        &mut self,
        answer: Result<RawAnswer, ProviderError>,
    ) -> Result<RawAnswer, ProviderError> {
        let answer = answer?;
        self.quota = quota_of(&answer.headers).or(self.quota);
        Ok(answer)
    }

    /// The operation's result with what it cost.
    pub fn done<T>(self, value: T) -> Called<T> {
        Called { value, calls: self.sent, rate: None, quota: self.quota }
    }
}

/// The decoded body of a 2xx answer. A body that is no JSON under a success status leaves open
/// whether anything was written.
pub fn success_of<T: DeserializeOwned>(answer: &RawAnswer) -> Result<T, ProviderError> {
    if !(200..300).contains(&answer.status) {
        return Err(error_of(answer));
    }
    serde_json::from_slice(&answer.body).map_err(|_not_json| bad_answer(answer))
}

/// Whether a write was done: most such answers are a 204 without a body. A page of an edge under a
/// success status leaves that open.
pub fn done_by(answer: &RawAnswer) -> Result<(), ProviderError> {
    if answer.status == 204 || ((200..300).contains(&answer.status) && answer.body.is_empty()) {
        return Ok(());
    }
    success_of::<serde::de::IgnoredAny>(answer).map(drop)
}

/// An answer that says success and can't be true or can't be read.
pub fn bad_answer(answer: &RawAnswer) -> ProviderError {
    unavailable(Some(answer.status), RemoteEffect::Unknown)
}
