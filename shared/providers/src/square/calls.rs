//! The requests of one operation: sent with the seller's token and counted.

use reqwest::Url;
use secrecy::SecretString;
use serde::Serialize;
use sync_domain::ports::{Called, ProviderError, RemoteEffect};

use super::SquareSettings;
use crate::http::{ProviderHttp, RawAnswer, unavailable};

/// Which version of the API a call is made for ("Versioning in Square APIs", developer.squareup.com).
const VERSION_HEADER: &str = "square-version";

/// The client that names the version with every request.
pub fn client(http: ProviderHttp, settings: &SquareSettings) -> ProviderHttp {
    http.with_header(VERSION_HEADER, &settings.version)
}

/// What one operation has sent so far.
pub struct Calls<'a> {
    http: &'a ProviderHttp,
    base: &'a str,
    token: &'a SecretString,
    sent: u32,
}

impl<'a> Calls<'a> {
    /// `http` is one of [`client`]; `token` is the seller's access token.
    pub fn new(
        http: &'a ProviderHttp,
        settings: &'a SquareSettings,
        token: &'a SecretString,
    ) -> Self {
        Self { http, base: settings.base_url.trim_end_matches('/'), token, sent: 0 }
    }

    /// Gets a path that begins with a slash, whatever the status.
    pub async fn get_raw(
        &mut self,
        path: &str,
        query: &[(&str, &str)],
    ) -> Result<RawAnswer, ProviderError> {
        let address = format!("{}{path}", self.base);
        // Without parameters there is no question mark either.
        let url = match query {
            [] => Url::parse(&address),
            query => Url::parse_with_params(&address, query),
        };
        let url = url.map_err(|_no_address| unavailable(None, RemoteEffect::None))?;
        self.sent += 1;
        self.http.get(url.as_str(), self.token).await
    }

    /// Posts JSON, whatever the status.
    pub async fn post_raw(
        &mut self,
        path: &str,
        body: &(impl Serialize + Sync),
    ) -> Result<RawAnswer, ProviderError> {
        self.sent += 1;
        self.http.post_json(&format!("{}{path}", self.base), self.token, body).await
    }

    /// The operation's result with what it cost. Square's answers say nothing of its limits.
    pub const fn done<T>(self, value: T) -> Called<T> {
        Called { value, calls: self.sent, rate: None, quota: None }
    }
}
