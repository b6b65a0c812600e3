//! Connections whose token is good: a [`ConnectionStore`] around another one, which gets a new token
//! ahead of the end of the old one, or where nobody knows its end, when the provider has refused it.
//!
//! One refresh or mint per token, however many callers there are: in one process they take turns, between
//! processes the winner holds the connection's lock and looks at the stored secret again before it
//! asks the provider. The others go on with the token that is still good, or wait for the new one.
//! Tokens that don't end are never replaced.
//!
//! When a token is to be replaced is decided when it comes, and stored with it: how long before its end
//! depends on how long it is good for in all, which nobody can tell from its end alone. A refresh token
//! may be good for one time only (PKCE). So what could not be stored is kept in mind and stored later,
//! before the provider would be asked again with a token that it takes no more.
//!
//! A refusal of the refresh breaks a connection only when the token is no good either: it has ended, or the
//! provider has refused it. Until then it is used, and replacing it is tried again now and then.

mod grant;
mod refresh;
mod unsaved;
mod winner;

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use jiff::Timestamp;
use secrecy::ExposeSecret;

use self::unsaved::Unsaved;
use crate::model::{System, TenantId};
use crate::ports::{
    Clock, Connection, ConnectionError, ConnectionRegistry, ConnectionStore, ConnectorCatalog,
    CredentialStore, OauthAppSource, ProviderError,
};

/// How long before its end a token is replaced of which nobody knows how long it was good for.
const REFRESH_AHEAD: Duration = Duration::from_secs(300);
/// A token that ends within this time may end on its way to the provider.
const USABLE_MARGIN: Duration = Duration::from_secs(10);
/// After a token was replaced because the provider refused it, the next refusal within this time
/// says something else than that the token has ended.
const FORCED_PAUSE: Duration = Duration::from_secs(300);
/// An instance that serves more tenants than this starts its notes anew, but for tokens that are not
/// stored; the locks are elsewhere.
const FLIGHTS_MAX: usize = 1_000;
/// The first and the longest wait for another one's refresh.
const POLL_WAIT: (Duration, Duration) = (Duration::from_millis(100), Duration::from_secs(1));

/// The ports of [`FreshConnections`].
pub struct FreshPorts {
    /// Connections with the tokens that are stored; may cache.
    pub connections: Arc<dyn ConnectionStore>,
    /// The same secrets, without a cache and with the refresh tokens.
    pub credentials: Arc<dyn CredentialStore>,
    /// The locks.
    pub registry: Arc<dyn ConnectionRegistry>,
    /// Our apps at the providers.
    pub apps: Arc<dyn OauthAppSource>,
    /// The providers.
    pub connectors: Arc<dyn ConnectorCatalog>,
    /// Time and dice.
    pub clock: Arc<dyn Clock>,
}

/// Why there is no good token although the connection is not broken.
#[derive(Debug, thiserror::Error)]
enum NoToken {
    #[error("another worker is refreshing the token")]
    HeldByAnother,
    #[error("the last refresh failed a moment ago")]
    Paused,
    #[error("there is no OAuth app for this system")]
    NoApp,
    #[error("the provider refused our OAuth app")]
    AppRefused,
    #[error("the provider refused another token")]
    Refused,
    #[error(transparent)]
    Provider(ProviderError),
}

type Key = (TenantId, System);

/// What one process knows of one connection's token.
#[derive(Debug, Default, Clone, Copy)]
struct Memory {
    /// The version that was last handed out.
    handed_out: Option<u64>,
    /// The version that the provider refused.
    refused: Option<u64>,
    /// Until when a refusal forces no other refresh.
    forced_until: Option<Timestamp>,
    /// Until when nothing is asked of the provider, because it failed.
    paused_until: Option<Timestamp>,
    /// Until when a good token is not to be replaced, because that was refused.
    kept_until: Option<Timestamp>,
    /// The version for which there can be no other token any more.
    broken: Option<u64>,
}

/// One connection's refreshes in this process: one at a time.
#[derive(Default)]
struct Flight {
    turn: futures::lock::Mutex<()>,
    memory: Mutex<Memory>,
    unsaved: Mutex<Option<Unsaved>>,
}

impl Flight {
    fn memory(&self) -> MutexGuard<'_, Memory> {
        self.memory.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Is told whose token could not be replaced although it is still good: it will end, and then a person
/// has to connect anew.
pub type RefusalWitness = Arc<dyn Fn(&TenantId, System) + Send + Sync>;

/// Hands out connections with a good token.
pub struct FreshConnections {
    ports: FreshPorts,
    wait_max: Duration,
    witness: Option<RefusalWitness>,
    flights: Mutex<HashMap<Key, Arc<Flight>>>,
}

impl FreshConnections {
    /// Around `ports.connections`. `wait_max` is how long a caller without a good token waits for
    /// another one's refresh.
    pub fn new(ports: FreshPorts, wait_max: Duration) -> Self {
        Self { ports, wait_max, witness: None, flights: Mutex::default() }
    }

    /// The same with somebody who is told of refusals that break nothing yet.
    #[must_use]
    pub fn with_witness(self, witness: RefusalWitness) -> Self {
        Self { witness: Some(witness), ..self }
    }

    fn tell_refusal(&self, tenant: &TenantId, system: System) {
        if let Some(witness) = &self.witness {
            witness(tenant, system);
        }
    }

    fn flight(&self, tenant: &TenantId, system: System) -> Arc<Flight> {
        let mut flights = self.flights.lock().unwrap_or_else(PoisonError::into_inner);
        let key = (tenant.clone(), system);
        if flights.len() >= FLIGHTS_MAX && !flights.contains_key(&key) {
            // What is under way may yet be told a token that can't be stored.
            flights.retain(|_, flight| Arc::strong_count(flight) > 1 || flight.has_unsaved());
        }
        Arc::clone(flights.entry(key).or_default())
    }

    /// Not to be replaced yet, and not refused.
    fn is_fresh(&self, connection: &Connection, flight: &Flight) -> bool {
        let by_its_end = || Some(connection.expires_at? - REFRESH_AHEAD);
        let refresh_at = connection.refresh_at.or_else(by_its_end);
        let is_due = refresh_at.is_some_and(|at| at <= self.ports.clock.now());
        self.is_usable(connection, flight) && !(connection.auth.renews_tokens() && is_due)
    }

    /// Good for one more call at least, and not refused. A token of which nobody knows the end is good
    /// until the provider refuses it.
    fn is_usable(&self, connection: &Connection, flight: &Flight) -> bool {
        let now = self.ports.clock.now();
        !connection.auth.renews_tokens()
            || (connection.expires_at.is_none_or(|end| end > now + USABLE_MARGIN)
                && flight.memory().refused != Some(connection.token_version))
    }
}

#[async_trait]
impl ConnectionStore for FreshConnections {
    async fn connection(
        &self,
        tenant: &TenantId,
        system: System,
    ) -> Result<Arc<Connection>, ConnectionError> {
        let current = self.ports.connections.connection(tenant, system).await?;
        if !current.auth.renews_tokens() {
            return Ok(current);
        }
        let flight = self.flight(tenant, system);
        let connection = if self.is_fresh(&current, &flight) {
            current
        } else {
            self.refreshed(&flight, tenant, system).await?
        };
        flight.memory().handed_out = Some(connection.token_version);
        Ok(connection)
    }

    /// The provider refused the token. The stored one is read anew; if it is the same, it is taken
    /// as ended and replaced, once.
    fn forget(&self, tenant: &TenantId, system: System) {
        self.ports.connections.forget(tenant, system);
        let flights = self.flights.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(flight) = flights.get(&(tenant.clone(), system)) else { return };
        let now = self.ports.clock.now();
        let mut memory = flight.memory();
        if memory.forced_until.is_none_or(|until| until <= now) {
            memory.refused = memory.handed_out;
            memory.forced_until = Some(now + FORCED_PAUSE);
        }
    }
}

/// What a caller does after the provider refused a connection's token (401): the connection with
/// another token of the same account, if there is one by now, to try once more with.
///
/// # Errors
/// See [`ConnectionError`].
pub async fn after_refusal(
    connections: &dyn ConnectionStore,
    refused: &Connection,
) -> Result<Option<Arc<Connection>>, ConnectionError> {
    connections.forget(&refused.tenant, refused.system);
    let current = connections.connection(&refused.tenant, refused.system).await?;
    let is_other = current.access_token.expose_secret() != refused.access_token.expose_secret();
    let is_same_account = current.account_id == refused.account_id;
    Ok((is_other && is_same_account).then_some(current))
}
