//! The one way to call a provider over HTTP: bounded in time and size, and silent about content.
//!
//! It sorts transport faults by whether the request may have had an effect. What a status means is
//! the vendor's business and is decided in its module.

use std::time::Duration;

use bytes::{Bytes, BytesMut};
use reqwest::header::{HeaderMap, HeaderName, HeaderValue, RETRY_AFTER};
use reqwest::{Method, RequestBuilder};
use secrecy::{ExposeSecret, SecretString};
use serde::Serialize;
use sync_domain::ports::{ProviderError, RemoteEffect};

/// A connection that is not there after this long won't come.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(1);
/// A larger answer is a fault. The largest that is right is the description of a Salesforce object: of an
/// org with hundreds of custom fields and their picklists it has some MB.
const ANSWER_MAX_BYTES: usize = 16 * 1024 * 1024;
/// How long a connection is kept for the next call; below the idle time-outs of the vendors' edges.
const POOL_IDLE_TIMEOUT: Duration = Duration::from_secs(50);
/// The longest `Retry-After` that is believed, in seconds: a day.
const RETRY_AFTER_MAX_S: u64 = 86_400;

/// The HTTP client can't be built: no TLS or no certificates.
#[derive(Debug, thiserror::Error)]
#[error("the HTTP client can't be built")]
pub struct ClientError(#[source] reqwest::Error);

/// A shared HTTP client with the time limit of one call.
#[derive(Debug, Clone)]
pub struct ProviderHttp {
    client: reqwest::Client,
    call_timeout: Duration,
    headers: Vec<(&'static str, String)>,
}

/// What a call shows to be let in. `Debug` can't print the token.
#[derive(Debug, Clone, Copy)]
pub enum Credential<'a> {
    /// `Authorization: Bearer …`.
    Bearer(&'a SecretString),
    /// A header of the vendor's own, by its name in lower case.
    Header(&'static str, &'a SecretString),
}

/// An answer, whatever its status.
#[derive(Debug)]
pub struct RawAnswer {
    /// The HTTP status.
    pub status: u16,
    /// `Retry-After`, if it was given in seconds.
    pub retry_after: Option<Duration>,
    /// All headers: each vendor has its own for its limits.
    pub headers: HeaderMap,
    /// The body.
    pub body: Bytes,
}

impl ProviderHttp {
    /// A client whose calls take `call_timeout` at most (`INTEGRATION_TIMEOUT_MS`), from connecting
    /// to the last byte of the body. Redirects are not followed: they would carry the token away.
    ///
    /// # Errors
    /// When TLS can't be set up.
    #[expect(clippy::disallowed_methods, reason = "this is the one place that builds the client")]
    pub fn new(call_timeout: Duration) -> Result<Self, ClientError> {
        let client = reqwest::Client::builder()
            .connect_timeout(CONNECT_TIMEOUT)
            .pool_idle_timeout(POOL_IDLE_TIMEOUT)
            .redirect(reqwest::redirect::Policy::none())
            .user_agent(concat!("crm-booking-integrations/", env!("CARGO_PKG_VERSION")))
            .build()
            .map_err(ClientError)?;
        Ok(Self { client, call_timeout, headers: Vec::new() })
    }

    /// The same client, which sends a header of the vendor's with every request. A value that can't
    /// stand in a header makes no request: the builder keeps that fault.
    #[must_use]
    pub fn with_header(mut self, name: &'static str, value: &str) -> Self {
        self.headers.push((name, value.to_owned()));
        self
    }

    /// Gets with a bearer token and reads the whole answer.
    ///
    /// # Errors
    /// Only when there is no complete answer.
    pub async fn get(&self, url: &str, token: &SecretString) -> Result<RawAnswer, ProviderError> {
        self.send(self.client.get(url).bearer_auth(token.expose_secret())).await
    }

    /// Posts JSON with a bearer token and reads the whole answer.
    ///
    /// # Errors
    /// Only when there is no complete answer.
    pub async fn post_json(
        &self,
        url: &str,
        token: &SecretString,
        body: &(impl Serialize + Sync),
    ) -> Result<RawAnswer, ProviderError> {
        self.send(self.client.post(url).bearer_auth(token.expose_secret()).json(body)).await
    }

    /// Posts JSON without a token; what is secret is in the body.
    ///
    /// # Errors
    /// Only when there is no complete answer.
    pub async fn post_json_without_token(
        &self,
        url: &str,
        body: &(impl Serialize + Sync),
    ) -> Result<RawAnswer, ProviderError> {
        self.send(self.client.post(url).json(body)).await
    }

    /// Patches JSON with a bearer token and reads the whole answer.
    ///
    /// # Errors
    /// Only when there is no complete answer.
    pub async fn patch_json(
        &self,
        url: &str,
        token: &SecretString,
        body: &(impl Serialize + Sync),
    ) -> Result<RawAnswer, ProviderError> {
        self.send(self.client.patch(url).bearer_auth(token.expose_secret()).json(body)).await
    }

    /// Posts a form without a token; what is secret is in the body.
    ///
    /// # Errors
    /// Only when there is no complete answer.
    pub async fn post_form(
        &self,
        url: &str,
        form: &[(&str, &str)],
    ) -> Result<RawAnswer, ProviderError> {
        self.send(self.client.post(url).form(form)).await
    }

    /// Gets with HTTP Basic credentials, `user:password`, and reads the whole answer.
    ///
    /// # Errors
    /// Only when there is no complete answer.
    pub async fn get_basic(
        &self,
        url: &str,
        credentials: &SecretString,
    ) -> Result<RawAnswer, ProviderError> {
        self.send(with_basic(self.client.get(url), credentials)).await
    }

    /// Posts JSON with HTTP Basic credentials and reads the whole answer.
    ///
    /// # Errors
    /// Only when there is no complete answer.
    pub async fn post_json_basic(
        &self,
        url: &str,
        credentials: &SecretString,
        body: &(impl Serialize + Sync),
    ) -> Result<RawAnswer, ProviderError> {
        self.send(with_basic(self.client.post(url), credentials).json(body)).await
    }

    /// Deletes with HTTP Basic credentials and reads the whole answer.
    ///
    /// # Errors
    /// Only when there is no complete answer.
    pub async fn delete_basic(
        &self,
        url: &str,
        credentials: &SecretString,
    ) -> Result<RawAnswer, ProviderError> {
        self.send(with_basic(self.client.delete(url), credentials)).await
    }

    /// Sends JSON, or nothing, with either kind of credential and reads the whole answer.
    ///
    /// # Errors
    /// Only when there is no complete answer.
    pub async fn call(
        &self,
        method: Method,
        url: &str,
        credential: Credential<'_>,
        body: Option<&(impl Serialize + Sync)>,
    ) -> Result<RawAnswer, ProviderError> {
        let request = with_credential(self.client.request(method, url), credential);
        let request = match body {
            Some(body) => request.json(body),
            None => request,
        };
        self.send(request).await
    }

    /// Posts a form with HTTP Basic credentials, `(user, password)`, and reads the whole answer.
    ///
    /// # Errors
    /// Only when there is no complete answer.
    pub async fn post_form_basic(
        &self,
        url: &str,
        (user, password): (&str, &SecretString),
        form: &[(&str, &str)],
    ) -> Result<RawAnswer, ProviderError> {
        let request = self.client.post(url).basic_auth(user, Some(password.expose_secret()));
        self.send(request.form(form)).await
    }

    async fn send(&self, request: RequestBuilder) -> Result<RawAnswer, ProviderError> {
        let named = self.headers.iter();
        let request = named.fold(request, |request, (name, value)| request.header(*name, value));
        let sent = request.timeout(self.call_timeout).send();
        let mut response = sent.await.map_err(|error| transport_error(&error))?;
        let status = response.status().as_u16();
        let headers = response.headers().clone();
        let mut body = BytesMut::new();
        while let Some(chunk) = response.chunk().await.map_err(|error| transport_error(&error))? {
            if body.len() + chunk.len() > ANSWER_MAX_BYTES {
                return Err(unavailable(Some(status), RemoteEffect::Unknown));
            }
            body.extend_from_slice(&chunk);
        }
        let retry_after = retry_after_of(&headers);
        Ok(RawAnswer { status, retry_after, headers, body: body.freeze() })
    }
}

/// A token that can't stand in a header makes no request: the builder keeps that fault.
fn with_credential(request: RequestBuilder, credential: Credential<'_>) -> RequestBuilder {
    match credential {
        Credential::Bearer(token) => request.bearer_auth(token.expose_secret()),
        Credential::Header(name, token) => {
            let name = HeaderName::from_static(name);
            match HeaderValue::from_str(token.expose_secret()) {
                Ok(mut value) => {
                    value.set_sensitive(true);
                    request.header(name, value)
                }
                Err(_no_header_value) => request.header(name, token.expose_secret()),
            }
        }
    }
}

/// Credentials without a colon are a user without a password; the vendor refuses them.
fn with_basic(request: RequestBuilder, credentials: &SecretString) -> RequestBuilder {
    let credentials = credentials.expose_secret();
    let (user, password) = credentials.split_once(':').unwrap_or((credentials, ""));
    request.basic_auth(user, Some(password))
}

/// An unavailable provider that asks for no particular wait.
pub(crate) const fn unavailable(status: Option<u16>, effect: RemoteEffect) -> ProviderError {
    ProviderError::Unavailable { status, retry_after: None, effect }
}

/// A request that never reached a connection had no effect; of any other nobody knows.
fn transport_error(error: &reqwest::Error) -> ProviderError {
    if error.is_builder() || error.is_connect() {
        unavailable(None, RemoteEffect::None)
    } else if error.is_timeout() {
        ProviderError::TimedOut
    } else {
        unavailable(error.status().map(|status| status.as_u16()), RemoteEffect::Unknown)
    }
}

/// Seconds only: the date form is not used by any vendor that we know.
fn retry_after_of(headers: &HeaderMap) -> Option<Duration> {
    let seconds: u64 = headers.get(RETRY_AFTER)?.to_str().ok()?.trim().parse().ok()?;
    Some(Duration::from_secs(seconds.min(RETRY_AFTER_MAX_S)))
}
