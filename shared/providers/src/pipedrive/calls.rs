//! The requests of one operation: sent to the account's own host, counted and priced.

use reqwest::{Method, Url};
use secrecy::SecretString;
use serde::Serialize;
use serde::de::DeserializeOwned;
use sync_domain::gate::RateReading;
use sync_domain::ports::{
    AccountAccess, AuthMode, Called, Connection, ProviderError, Quota, RemoteEffect,
};

use super::error::{error_of, limit_error_of, without_effect};
use super::host::PipedriveSettings;
use super::prices::token_price;
use super::rate::{quota_of, rate_of};
use super::wire::Envelope;
use crate::http::{Credential, ProviderHttp, RawAnswer, unavailable};

/// The header of a user's own token (developers.pipedrive.com, specification of v2).
const TOKEN_HEADER: &str = "x-api-token";

/// The members of a query.
pub type Query<'q> = &'q [(&'q str, &'q str)];

/// What one operation has sent so far.
pub struct Calls<'a> {
    http: &'a ProviderHttp,
    credential: Credential<'a>,
    base_url: Option<String>,
    sent: u32,
    tokens: u32,
    rate: Option<RateReading>,
    quota: Option<Quota>,
}

impl<'a> Calls<'a> {
    /// For a connected account.
    pub fn of(
        http: &'a ProviderHttp,
        settings: &PipedriveSettings,
        connection: &'a Connection,
    ) -> Self {
        let Connection { auth, access_token, domain, .. } = connection;
        Self::new(http, settings, (*auth, access_token, domain.as_deref()))
    }

    /// For an account that is being connected.
    pub fn of_access(
        http: &'a ProviderHttp,
        settings: &PipedriveSettings,
        access: &'a AccountAccess,
    ) -> Self {
        let AccountAccess { auth, token, domain } = access;
        Self::new(http, settings, (*auth, token, domain.as_deref()))
    }

    fn new(
        http: &'a ProviderHttp,
        settings: &PipedriveSettings,
        (auth, token, domain): (AuthMode, &'a SecretString, Option<&str>),
    ) -> Self {
        let credential = match auth {
            AuthMode::Oauth | AuthMode::ClientCredentials | AuthMode::JwtBearer => {
                Credential::Bearer(token)
            }
            AuthMode::ApiToken | AuthMode::ApiKey | AuthMode::PrivateApp => {
                Credential::Header(TOKEN_HEADER, token)
            }
        };
        let base_url = domain.and_then(|domain| settings.account_url(domain));
        Self { http, credential, base_url, sent: 0, tokens: 0, rate: None, quota: None }
    }

    /// Reads. Nothing that goes wrong here can have written anything, and the error says so.
    pub async fn get(&mut self, path: &str, query: Query<'_>) -> Result<RawAnswer, ProviderError> {
        self.send(Method::GET, path, query, None::<&()>).await.map_err(without_effect)
    }

    /// Creates.
    pub async fn post(
        &mut self,
        path: &str,
        body: &(impl Serialize + Sync),
    ) -> Result<RawAnswer, ProviderError> {
        self.send(Method::POST, path, &[], Some(body)).await
    }

    /// Changes.
    pub async fn patch(
        &mut self,
        path: &str,
        body: &(impl Serialize + Sync),
    ) -> Result<RawAnswer, ProviderError> {
        self.send(Method::PATCH, path, &[], Some(body)).await
    }

    /// Deletes.
    pub async fn delete(&mut self, path: &str) -> Result<RawAnswer, ProviderError> {
        self.send(Method::DELETE, path, &[], None::<&()>).await
    }

    async fn send(
        &mut self,
        method: Method,
        path: &str,
        query: Query<'_>,
        body: Option<&(impl Serialize + Sync)>,
    ) -> Result<RawAnswer, ProviderError> {
        // A connection without a usable host name has nothing to be called by: connect again.
        let base_url = self.base_url.as_deref().ok_or(ProviderError::Unauthorized)?;
        let url = format!("{base_url}{path}");
        let url = match query {
            [] => Url::parse(&url),
            _ => Url::parse_with_params(&url, query),
        };
        let url = url.map_err(|_bad_setting| unavailable(None, RemoteEffect::None))?;
        let is_search = path.ends_with("/search") || path.contains("/itemSearch");
        self.sent += 1;
        let price = token_price(method.as_str(), path).unwrap_or_default();
        self.tokens += price;
        let answer = self.http.call(method, url.as_str(), self.credential, body).await?;
        if answer.status == 429 {
            return Err(limit_error_of(&answer, price, is_search));
        }
        // The search has a limit of its own, whose numbers are not the account's.
        if !is_search {
            self.rate = rate_of(&answer.headers).or(self.rate);
        }
        self.quota = quota_of(&answer.headers).or(self.quota);
        Ok(answer)
    }

    /// The operation's result with what it cost.
    pub fn done<T>(self, value: T) -> Called<T> {
        let Self { sent, tokens, .. } = self;
        tracing::debug!(system = "pipedrive", calls = sent, tokens, "Calls to Pipedrive are done.");
        Called { value, calls: sent, rate: self.rate, quota: self.quota }
    }
}

/// The envelope of a 2xx answer to a write. One that can't be read leaves open whether anything was
/// written.
pub fn written<T: DeserializeOwned>(answer: &RawAnswer) -> Result<T, ProviderError> {
    let envelope: Envelope<T> = envelope_of(answer)?;
    envelope.data.ok_or_else(|| bad_answer(answer))
}

/// The envelope of a 2xx answer to a read.
pub fn read<T: DeserializeOwned>(answer: &RawAnswer) -> Result<Envelope<T>, ProviderError> {
    envelope_of(answer).map_err(without_effect)
}

fn envelope_of<T: DeserializeOwned>(answer: &RawAnswer) -> Result<Envelope<T>, ProviderError> {
    if !(200..300).contains(&answer.status) {
        return Err(error_of(answer));
    }
    let envelope: Envelope<T> =
        serde_json::from_slice(&answer.body).map_err(|_other_shape| bad_answer(answer))?;
    if envelope.success == Some(false) { Err(bad_answer(answer)) } else { Ok(envelope) }
}

/// An answer that says success and can't be true or can't be read.
pub const fn bad_answer(answer: &RawAnswer) -> ProviderError {
    unavailable(Some(answer.status), RemoteEffect::Unknown)
}
