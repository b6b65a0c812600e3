//! What webhooks are signed with, out of secrets, remembered for a minute.
//!
//! Our app: `{app prefix}/{system}` with `client_secret`, `previous_client_secret`, `previous_until`. Where
//! the protocol has deliveries signed with the key of our webhook subscription: the same secret with
//! `webhook_signature_key`, `previous_webhook_signature_key`, `previous_until`, and never the others.
//! A tenant's own app: `{tenant prefix}/{tenant}/{system}/webhook` with `current`, `previous`,
//! `previous_until`, and what else tells its deliveries: `account_id`, `hook_ids`, `url_token`. An empty
//! `current` beside a `url_token` is a connection whose deliveries nothing signs. The tenant's
//! credentials are another secret, which a function that only checks signatures need not be able to
//! read.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use jiff::Timestamp;
use secrecy::{ExposeSecret, SecretString};
use serde::Deserialize;
use sync_domain::hook_address;
use sync_domain::ports::{
    Clock, HookOrigin, SecretError, SecretHolder, SecretSource, SigningSecretSource, SigningSecrets,
};

/// How long secrets, or that there are none, are used without looking again. A secret that was
/// rotated away and is past its grace still counts for this long at most.
const CACHE_TTL: Duration = Duration::from_secs(60);
/// How often a holder's secrets are looked at anew because a signature fitted none.
const REREAD_MIN: Duration = Duration::from_secs(10);
/// How long the store is left alone after it failed.
const FAILURE_PAUSE: Duration = Duration::from_secs(1);
/// An instance that serves more holders than this starts its cache anew.
const ENTRIES_MAX: usize = 1_000;

/// What is known of a holder, with moments of the monotonic clock.
#[derive(Clone, Default)]
struct Cached {
    /// Its secrets, or that it has none, and when that was read.
    known: Option<(Option<Arc<SigningSecrets>>, Duration)>,
    /// When a signature that fitted none last led to a look. Filling the cache is none: what is rotated
    /// right after it is to be found by the first signature that does not fit.
    looked_at: Option<Duration>,
    /// When reading last failed.
    failed_at: Option<Duration>,
}

/// Reads signing secrets from a [`SecretSource`].
pub struct CachedSigningSecrets {
    source: Arc<dyn SecretSource>,
    clock: Arc<dyn Clock>,
    tenant_prefix: String,
    app_prefix: String,
    cache: Mutex<HashMap<SecretHolder, Cached>>,
}

/// What signs a tenant's deliveries, and what else tells them.
#[derive(Deserialize)]
struct Stored {
    current: SecretString,
    previous: Option<SecretString>,
    previous_until: Option<Timestamp>,
    account_id: Option<String>,
    #[serde(default)]
    hook_ids: Vec<String>,
    url_token: Option<SecretString>,
}

/// Our app, which signs with what it proves itself with.
#[derive(Deserialize)]
struct StoredApp {
    client_secret: SecretString,
    previous_client_secret: Option<SecretString>,
    previous_until: Option<Timestamp>,
}

/// Our app, whose subscription signs. Without its key there is nothing to try, and no other member
/// stands in for it.
#[derive(Deserialize)]
struct StoredSubscription {
    #[serde(default)]
    webhook_signature_key: SecretString,
    previous_webhook_signature_key: Option<SecretString>,
    previous_until: Option<Timestamp>,
}

/// A secret whose text is not what we store.
#[derive(Debug, thiserror::Error)]
#[error("a signing secret can't be read")]
struct MalformedSecret;

/// The store failed a moment ago.
#[derive(Debug, thiserror::Error)]
#[error("the secret store failed a moment ago")]
struct JustFailed;

impl CachedSigningSecrets {
    /// Of the secrets below `tenant_prefix` (`SECRET_PREFIX`) and `app_prefix`
    /// (`APP_SECRET_PREFIX`).
    pub fn new(
        source: Arc<dyn SecretSource>,
        clock: Arc<dyn Clock>,
        tenant_prefix: String,
        app_prefix: String,
    ) -> Self {
        Self { source, clock, tenant_prefix, app_prefix, cache: Mutex::default() }
    }

    fn cached(&self, holder: &SecretHolder) -> Cached {
        let cache = self.cache.lock().unwrap_or_else(PoisonError::into_inner);
        cache.get(holder).cloned().unwrap_or_default()
    }

    fn change(&self, holder: &SecretHolder, change: impl FnOnce(&mut Cached)) {
        let mut cache = self.cache.lock().unwrap_or_else(PoisonError::into_inner);
        if cache.len() >= ENTRIES_MAX && !cache.contains_key(holder) {
            cache.clear();
        }
        change(cache.entry(holder.clone()).or_default());
    }

    async fn read(
        &self,
        holder: &SecretHolder,
    ) -> Result<Option<Arc<SigningSecrets>>, SecretError> {
        let name = match holder {
            SecretHolder::OurApp(system) | SecretHolder::OurSubscription(system) => {
                format!("{}/{system}", self.app_prefix)
            }
            SecretHolder::Tenant(tenant, system) => {
                format!("{}/{tenant}/{system}/webhook", self.tenant_prefix)
            }
        };
        let secrets = match self.source.read(&name).await {
            Ok(text) => parsed(holder, &text),
            Err(SecretError::NotFound) => Ok(None),
            Err(error @ SecretError::Unavailable(_)) => Err(error),
        };
        let now = self.clock.monotonic();
        self.change(holder, |cached| match &secrets {
            Ok(secrets) => {
                cached.known = Some((secrets.clone(), now));
                cached.failed_at = None;
            }
            Err(_) => cached.failed_at = Some(now),
        });
        secrets
    }
}

/// A previous secret without an end would count for ever, so it does not count at all; neither does one
/// beside an empty current one.
fn parsed(
    holder: &SecretHolder,
    text: &SecretString,
) -> Result<Option<Arc<SigningSecrets>>, SecretError> {
    let stored = stored(holder, text.expose_secret())
        .map_err(|_quotes_the_secret| SecretError::Unavailable(Box::new(MalformedSecret)))?;
    let previous = stored.previous.zip(stored.previous_until);
    let origin = HookOrigin {
        account_id: stored.account_id,
        hook_ids: stored.hook_ids,
        address_id: stored.url_token.map(|token| hook_address::account_id(token.expose_secret())),
    };
    let secrets = match SigningSecrets::new(stored.current, previous) {
        Some(secrets) => Some(secrets.with_origin(origin)),
        None => SigningSecrets::of_address(origin),
    };
    Ok(secrets.map(Arc::new))
}

fn stored(holder: &SecretHolder, text: &str) -> Result<Stored, serde_json::Error> {
    let ours = |current, previous, previous_until| Stored {
        current,
        previous,
        previous_until,
        account_id: None,
        hook_ids: Vec::new(),
        url_token: None,
    };
    match holder {
        SecretHolder::OurApp(_) => serde_json::from_str::<StoredApp>(text)
            .map(|it| ours(it.client_secret, it.previous_client_secret, it.previous_until)),
        SecretHolder::OurSubscription(_) => {
            serde_json::from_str::<StoredSubscription>(text).map(|it| {
                let previous = it.previous_webhook_signature_key;
                ours(it.webhook_signature_key, previous, it.previous_until)
            })
        }
        SecretHolder::Tenant(..) => serde_json::from_str(text),
    }
}

#[async_trait]
impl SigningSecretSource for CachedSigningSecrets {
    async fn secrets(
        &self,
        holder: &SecretHolder,
    ) -> Result<Option<Arc<SigningSecrets>>, SecretError> {
        let now = self.clock.monotonic();
        let cached = self.cached(holder);
        match cached.known.filter(|(_, read_at)| now < *read_at + CACHE_TTL) {
            Some((secrets, _)) => Ok(secrets),
            None if cached.failed_at.is_some_and(|failed_at| now < failed_at + FAILURE_PAUSE) => {
                Err(SecretError::Unavailable(Box::new(JustFailed)))
            }
            None => self.read(holder).await,
        }
    }

    async fn newer(
        &self,
        holder: &SecretHolder,
    ) -> Result<Option<Arc<SigningSecrets>>, SecretError> {
        let now = self.clock.monotonic();
        let cached = self.cached(holder);
        let Some((known, _)) = cached.known else { return Ok(None) };
        if cached.looked_at.is_some_and(|looked_at| now < looked_at + REREAD_MIN) {
            return Ok(None);
        }
        // Noted before the look, so that one that fails counts as well.
        self.change(holder, |cached| cached.looked_at = Some(now));
        let secrets = self.read(holder).await?;
        let is_known = |secrets: &Arc<SigningSecrets>| {
            known.as_ref().is_some_and(|known| known.is_same_as(secrets))
        };
        Ok(secrets.filter(|secrets| !is_known(secrets)))
    }
}

#[cfg(test)]
mod tests {
    use jiff::Timestamp;
    use secrecy::ExposeSecret;
    use serde_json::{Value, json};
    use sync_domain::model::{System, TenantId};
    use sync_domain::ports::SecretHolder;

    use super::parsed;

    const NOW: Timestamp = Timestamp::constant(1_790_000_000, 0);

    /// What counts now of a stored secret, none without any.
    fn valid(holder: &SecretHolder, stored: &Value) -> Vec<String> {
        let secrets = parsed(holder, &stored.to_string().into()).unwrap();
        let exposed = |secrets: &super::SigningSecrets| {
            let valid = secrets.valid_at(NOW);
            valid.map(|(_, secret)| secret.expose_secret().to_owned()).collect()
        };
        secrets.map(|secrets| exposed(&secrets)).unwrap_or_default()
    }

    /// An app with everything that its secret may hold.
    fn app() -> Value {
        json!({
            "client_id": "c", "client_secret": "app", "previous_client_secret": "app-before",
            "previous_until": "2999-01-01T00:00:00Z", "redirect_uri": "https://a/cb", "pkce": true,
            "webhook_signature_key": "key", "previous_webhook_signature_key": "key-before",
        })
    }

    #[test]
    fn app_signs_with_its_secret_whatever_keys_are_stored_beside_it() {
        for system in [System::Hubspot, System::Pipedrive] {
            assert_eq!(valid(&SecretHolder::OurApp(system), &app()), ["app", "app-before"]);
        }
    }

    #[test]
    fn subscription_signs_with_its_key_and_never_with_the_apps_secret() {
        let holder = SecretHolder::OurSubscription(System::Square);
        assert_eq!(valid(&holder, &app()), ["key", "key-before"]);
        let mut stored = app();
        stored["previous_until"] = json!("2020-01-01T00:00:00Z");
        assert_eq!(valid(&holder, &stored), ["key"]);
        for current in [json!(""), Value::Null] {
            let mut stored = app();
            stored["webhook_signature_key"] = current.clone();
            if current.is_null() {
                stored.as_object_mut().unwrap().remove("webhook_signature_key");
            }
            assert_eq!(valid(&holder, &stored), [""; 0], "the one before does not count alone");
        }
    }

    #[test]
    fn tenant_signs_with_what_is_its_own() {
        let holder = SecretHolder::Tenant(TenantId::parse("acme").unwrap(), System::Acuity);
        let stored = json!({
            "current": "key", "client_secret": "app", "webhook_signature_key": "subscription",
            "url_token": "t", "account_id": "1", "hook_ids": ["7"],
        });
        assert_eq!(valid(&holder, &stored), ["key"]);
        let secrets = parsed(&holder, &stored.to_string().into()).unwrap().unwrap();
        let origin = secrets.origin();
        assert_eq!((origin.account_id.as_deref(), origin.hook_ids.len()), (Some("1"), 1));
        assert!(origin.address_id.is_some());
    }

    #[test]
    fn secret_that_can_not_be_read_is_a_fault_that_quotes_nothing() {
        for holder in
            [SecretHolder::OurApp(System::Hubspot), SecretHolder::OurSubscription(System::Square)]
        {
            for stored in ["canary", "[\"canary\"]", "{\"client_secret\": {\"canary\": 1}}"] {
                let read = parsed(&holder, &stored.into());
                let is_readable =
                    matches!(holder, SecretHolder::OurSubscription(_)) && stored.starts_with('{');
                assert_eq!(read.is_ok(), is_readable, "{stored}");
                assert!(!format!("{:?}", read.err()).contains("canary"), "{stored}");
            }
        }
    }
}
