//! Our own apps at the providers, out of secrets.
//!
//! `{prefix}/{system}` holds `{"client_id", "client_secret", "previous_client_secret"?,
//! "previous_until"?, "redirect_uri", "scopes"?, "pkce"?}`. There may be none: then tenants connect by
//! tokens of their own only. With `"pkce": true` the app shows a verifier and not its secret, which is
//! needed all the same: states and verifiers are made with it. What signs webhooks may be in the same
//! secret ([`crate::webhook_secrets`]).

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use jiff::Timestamp;
use secrecy::{ExposeSecret, SecretString};
use serde::Deserialize;
use sync_domain::model::System;
use sync_domain::ports::{
    Clock, ConnectionError, OauthApp, OauthAppSource, SecretError, SecretSource,
};

/// How long an app, or that there is none, is believed without looking again.
const CACHE_TTL: Duration = Duration::from_secs(300);

#[derive(Deserialize)]
struct StoredApp {
    client_id: String,
    client_secret: SecretString,
    previous_client_secret: Option<SecretString>,
    previous_until: Option<Timestamp>,
    redirect_uri: String,
    #[serde(default)]
    scopes: Vec<String>,
    #[serde(default)]
    pkce: bool,
}

struct Cached {
    app: Option<OauthApp>,
    until: Timestamp,
}

/// Reads apps from a [`SecretSource`].
pub struct SecretOauthApps {
    secrets: Arc<dyn SecretSource>,
    clock: Arc<dyn Clock>,
    prefix: String,
    cache: Mutex<HashMap<System, Cached>>,
}

impl SecretOauthApps {
    /// The apps below `prefix` (`APP_SECRET_PREFIX`).
    pub fn new(secrets: Arc<dyn SecretSource>, clock: Arc<dyn Clock>, prefix: String) -> Self {
        Self { secrets, clock, prefix, cache: Mutex::default() }
    }

    async fn read(&self, system: System) -> Result<Option<OauthApp>, ConnectionError> {
        let secret = match self.secrets.read(&format!("{}/{system}", self.prefix)).await {
            Ok(secret) => secret,
            Err(SecretError::NotFound) => return Ok(None),
            Err(SecretError::Unavailable(source)) => {
                return Err(ConnectionError::Unavailable(source));
            }
        };
        let stored: StoredApp = serde_json::from_str(secret.expose_secret())
            .map_err(|_quotes_the_secret| ConnectionError::Malformed("the secret of our app"))?;
        if stored.client_secret.expose_secret().is_empty() {
            // Anybody could make states and verifiers with that.
            return Err(ConnectionError::Malformed("the secret of our app is empty"));
        }
        let now = self.clock.now();
        let is_good = stored.previous_until.is_some_and(|until| until > now);
        let previous = stored.previous_client_secret;
        let previous = previous.filter(|secret| !secret.expose_secret().is_empty());
        Ok(Some(OauthApp {
            client_id: stored.client_id,
            client_secret: stored.client_secret,
            previous_client_secret: previous.filter(|_| is_good),
            redirect_uri: stored.redirect_uri,
            scopes: stored.scopes,
            is_public: stored.pkce,
            code_verifier: None,
        }))
    }
}

#[async_trait]
impl OauthAppSource for SecretOauthApps {
    async fn app(&self, system: System) -> Result<Option<OauthApp>, ConnectionError> {
        let now = self.clock.now();
        {
            let cache = self.cache.lock().unwrap_or_else(PoisonError::into_inner);
            if let Some(cached) = cache.get(&system).filter(|cached| cached.until > now) {
                return Ok(cached.app.clone());
            }
        }
        let app = self.read(system).await?;
        let cached = Cached { app: app.clone(), until: now + CACHE_TTL };
        self.cache.lock().unwrap_or_else(PoisonError::into_inner).insert(system, cached);
        Ok(app)
    }
}
