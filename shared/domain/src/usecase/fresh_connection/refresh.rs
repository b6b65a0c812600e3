//! Getting a new token: whose turn it is, and what the others go on with.

use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;

use super::winner::Winner;
use super::{Flight, FreshConnections, NoToken, POLL_WAIT};
use crate::model::{OwnerId, System, TenantId};
use crate::ports::{Connection, ConnectionError, ConnectionLock, LockOutcome};

/// How long a refresher may take before another one takes over.
const LEASE: Duration = Duration::from_secs(15);

impl FreshConnections {
    /// A connection with a good token. In this process, one caller at a time looks for it.
    pub(super) async fn refreshed(
        &self,
        flight: &Flight,
        tenant: &TenantId,
        system: System,
    ) -> Result<Arc<Connection>, ConnectionError> {
        let _turn = flight.turn.lock().await;
        let clock = &self.ports.clock;
        let give_up_at = clock.now() + self.wait_max;
        let mut current = self.ports.connections.connection(tenant, system).await?;
        let mut wait = POLL_WAIT.0;
        while !self.is_fresh(&current, flight) {
            // The cache is read anew by itself: nobody has to wait for the store meanwhile.
            if self.is_left_alone(flight) && self.is_usable(&current, flight) {
                return Ok(current);
            }
            // Perhaps somebody has refreshed it since it was cached.
            self.ports.connections.forget(tenant, system);
            current = match self.ports.connections.connection(tenant, system).await {
                Ok(stored) => stored,
                Err(error) => return self.usable_after(current, flight, error),
            };
            if self.is_fresh(&current, flight) {
                break;
            }
            if self.is_left_alone(flight) && self.is_usable(&current, flight) {
                return Ok(current);
            }
            let memory = *flight.memory();
            let now = clock.now();
            if memory.broken == Some(current.token_version) {
                return Err(ConnectionError::Broken);
            }
            if memory.paused_until.is_some_and(|until| until > now) {
                return self.usable_or(current, flight, NoToken::Paused);
            }
            let lock = self.new_lock(tenant, system, now);
            match self.ports.registry.lock(&lock, now).await {
                Ok(LockOutcome::Locked(found)) => {
                    let winner = Winner { store: self, flight, lock, found };
                    return match winner.run().await {
                        Ok(Ok(connection)) => Ok(Arc::new(connection)),
                        Ok(Err(reason)) => self.usable_or(current, flight, reason),
                        Err(error) => self.usable_after(current, flight, error),
                    };
                }
                Ok(LockOutcome::Held { .. }) => {}
                Err(error) => {
                    let error = ConnectionError::Unavailable(Box::new(error));
                    return self.usable_after(current, flight, error);
                }
            }
            if self.is_usable(&current, flight) || now >= give_up_at {
                return self.usable_or(current, flight, NoToken::HeldByAnother);
            }
            clock.sleep(wait.mul_f64(0.5 + clock.random() / 2.0)).await;
            wait = (wait * 2).min(POLL_WAIT.1);
        }
        Ok(current)
    }

    /// Whether a good token is not to be replaced yet, since that has failed or was refused.
    fn is_left_alone(&self, flight: &Flight) -> bool {
        let now = self.ports.clock.now();
        let memory = *flight.memory();
        memory.paused_until.max(memory.kept_until).is_some_and(|until| until > now)
    }

    fn new_lock(&self, tenant: &TenantId, system: System, now: Timestamp) -> ConnectionLock {
        let owner = OwnerId::new(self.ports.clock.unique_id());
        ConnectionLock { tenant: tenant.clone(), system, owner, until: now + LEASE }
    }

    /// The same where a store could not be reached; any other error stands.
    fn usable_after(
        &self,
        current: Arc<Connection>,
        flight: &Flight,
        error: ConnectionError,
    ) -> Result<Arc<Connection>, ConnectionError> {
        let is_passing = matches!(error, ConnectionError::Unavailable(_));
        if is_passing && self.is_usable(&current, flight) { Ok(current) } else { Err(error) }
    }

    /// The token that is there as long as it is good, else the reason why there is no other one.
    fn usable_or(
        &self,
        current: Arc<Connection>,
        flight: &Flight,
        reason: NoToken,
    ) -> Result<Arc<Connection>, ConnectionError> {
        if self.is_usable(&current, flight) {
            return Ok(current);
        }
        Err(ConnectionError::NoToken { last: current, source: Box::new(reason) })
    }
}
