//! The one that refreshes, under the connection's lock.

use std::time::Duration;

use jiff::Timestamp;

use super::grant::NotGranted;
use super::unsaved::{Unsaved, is_same};
use super::{Flight, FreshConnections, NoToken};
use crate::model::{AuditAction, AuditEntry, CorrelationId};
use crate::ports::{
    Connection, ConnectionEntry, ConnectionError, ConnectionLock, ConnectionStatus, Credentials,
    Fenced, Finish, Found, OauthTokens,
};
use crate::usecase::locked_connection::WRITE_LEASE;
use crate::usecase::renewed_token::TokenTerm;

/// How long a good token is used before it is tried again to replace it, where that was refused.
const REFUSAL_PAUSE: Duration = Duration::from_secs(900);
/// Reads of a secret that is older than the list says.
const READS_MAX: u32 = 4;
/// Writes of the new token: the old one can't be had again.
const WRITES_MAX: u32 = 3;
/// The wait between two reads or writes of a secret.
const SECRET_WAIT: Duration = Duration::from_millis(200);

/// A winner at work.
pub(super) struct Winner<'a> {
    pub(super) store: &'a FreshConnections,
    pub(super) flight: &'a Flight,
    pub(super) lock: ConnectionLock,
    pub(super) found: Found,
}

impl Winner<'_> {
    /// The outer error ends it; with the inner one, a token that is still good may be used.
    pub(super) async fn run(mut self) -> Result<Result<Connection, NoToken>, ConnectionError> {
        let ended = self.replace().await;
        if !matches!(ended, Ok(Ok(_))) {
            // Whoever has written an end gave the lock back with it, and this changes nothing.
            self.finish(&Finish::Unchanged, None).await;
        }
        self.store.ports.connections.forget(&self.lock.tenant, self.lock.system);
        ended
    }

    async fn replace(&mut self) -> Result<Result<Connection, NoToken>, ConnectionError> {
        let mut stored = self.stored().await?;
        // What could not be stored, once nothing gets other tokens with it: its own may still be good.
        let mut left = None;
        loop {
            if self.is_fresh(&stored) {
                return Ok(Ok(self.adopt(stored).await));
            }
            if self.is_known_broken(&stored) {
                self.flight.memory().broken = Some(stored.token_version);
                return Err(ConnectionError::Broken);
            }
            let unsaved = self.flight.unsaved_for(&stored);
            let has_unsaved = unsaved.is_some();
            let newest = match unsaved {
                Some(unsaved) if self.is_fresh(&unsaved) => {
                    return Ok(Ok(self.save(stored, unsaved).await));
                }
                unsaved => unsaved.unwrap_or_else(|| stored.clone()),
            };
            // Counted from before the call: a token thought to end too early does no harm.
            let began = self.store.ports.clock.now();
            match self.granted(&newest).await? {
                Ok(tokens) => {
                    let next = self.renewed(newest, tokens, began);
                    return Ok(Ok(self.save(stored, next).await));
                }
                Err(NotGranted::Later(reason, pause)) => {
                    return Ok(Err(self.pause(reason, pause)));
                }
                Err(NotGranted::Refused) => {
                    self.flight.forget_unsaved();
                    // Dead, unless somebody has connected anew or refreshed in between.
                    let again = self.stored().await?;
                    let is_other = !is_same(&again, &stored);
                    if !is_other && !has_unsaved {
                        return self.refused(stored, left).await;
                    }
                    left = (!is_other).then_some(newest);
                    stored = again;
                }
            }
        }
    }

    /// Nothing gets other tokens any more. The one that is there is used as long as it is good: calls may
    /// be answered for weeks yet, and the refusal may have been a mistake.
    async fn refused(
        &mut self,
        stored: Credentials,
        left: Option<Credentials>,
    ) -> Result<Result<Connection, NoToken>, ConnectionError> {
        let kept = left.filter(|it| self.is_usable(it));
        if kept.is_none() && !self.is_usable(&stored) {
            return Err(self.declare_broken(&stored).await);
        }
        self.store.tell_refusal(&self.lock.tenant, self.lock.system);
        let Some(kept) = kept else {
            self.flight.memory().kept_until = Some(self.refusal_pause());
            return Ok(Err(NoToken::Refused));
        };
        let connection = self.save(stored, kept).await;
        self.flight.memory().kept_until = Some(self.refusal_pause());
        Ok(Ok(connection))
    }

    fn refusal_pause(&self) -> Timestamp {
        self.store.ports.clock.now() + REFUSAL_PAUSE
    }

    /// The secret as it is now. One that is older than the list says is read again: a write may
    /// take a moment to show everywhere.
    async fn stored(&self) -> Result<Credentials, ConnectionError> {
        let ConnectionLock { tenant, system, .. } = &self.lock;
        let listed = self.found.entry.as_ref().map_or(0, |entry| entry.token_version);
        let mut reads = 1;
        loop {
            let credentials = self.store.ports.credentials.credentials(tenant, *system).await?;
            if credentials.token_version >= listed || reads >= READS_MAX {
                return Ok(credentials);
            }
            self.store.ports.clock.sleep(SECRET_WAIT).await;
            reads += 1;
        }
    }

    /// Whether there is no need for others: where they are stored, somebody was faster.
    fn is_fresh(&self, credentials: &Credentials) -> bool {
        let ConnectionLock { tenant, system, .. } = &self.lock;
        let connection = credentials.clone().connection(tenant, *system);
        self.store.is_fresh(&connection, self.flight)
    }

    fn is_usable(&self, credentials: &Credentials) -> bool {
        let ConnectionLock { tenant, system, .. } = &self.lock;
        let connection = credentials.clone().connection(tenant, *system);
        self.store.is_usable(&connection, self.flight)
    }

    fn is_known_broken(&self, credentials: &Credentials) -> bool {
        self.found.entry.as_ref().is_some_and(|entry| {
            entry.status == ConnectionStatus::Broken
                && entry.token_version >= credentials.token_version
        })
    }

    /// Takes over what another one has stored, and lists it if that one died before it could.
    async fn adopt(&self, credentials: Credentials) -> Connection {
        let is_listed = self.found.entry.as_ref().is_none_or(|entry| {
            !credentials.auth.renews_tokens() || entry.token_version >= credentials.token_version
        });
        if is_listed {
            self.finish(&Finish::Unchanged, None).await;
        } else {
            self.list(&credentials, ConnectionStatus::Connected, None).await;
        }
        self.handed(credentials)
    }

    /// The same credentials with the provider's new tokens.
    fn renewed(
        &self,
        mut credentials: Credentials,
        tokens: OauthTokens,
        began: Timestamp,
    ) -> Credentials {
        let connector = self.store.ports.connectors.connector(self.lock.system);
        let term = TokenTerm::of(connector.as_ref(), began, tokens.expires_in);
        credentials.access_token = tokens.access_token;
        credentials.refresh_token = tokens.refresh_token.or(credentials.refresh_token);
        credentials.expires_at = term.expires_at;
        credentials.refresh_at = term.refresh_at;
        // Where an app of the tenant's own mints, the tenant has said where.
        if credentials.grant.is_none() {
            credentials.domain = tokens.domain.or(credentials.domain);
        }
        credentials.token_version += 1;
        credentials
    }

    /// Stores what takes the place of `former`. If that can't be done, it is used all the same, and the
    /// next caller in this process tries again.
    async fn save(&mut self, former: Credentials, mut next: Credentials) -> Connection {
        let listed = self.found.entry.as_ref().map_or(0, |entry| entry.token_version);
        next.token_version = next.token_version.max(listed + 1);
        // Kept first: a caller that is given up in the middle of the write loses nothing.
        self.flight.keep_unsaved(Unsaved { former, credentials: next.clone() });
        if self.write(&next).await {
            self.flight.forget_unsaved();
            self.list(&next, ConnectionStatus::Connected, None).await;
        } else {
            self.finish(&Finish::Unchanged, None).await;
        }
        self.handed(next)
    }

    /// Writes the secret, if the lock is still ours and lasts for it.
    async fn write(&mut self, credentials: &Credentials) -> bool {
        let ports = &self.store.ports;
        for _try in 0..WRITES_MAX {
            self.lock.until = ports.clock.now() + WRITE_LEASE;
            match ports.registry.renew(&self.lock).await {
                Ok(Fenced::Done) => {}
                Ok(Fenced::Lost) => return false,
                Err(_) => continue,
            }
            let ConnectionLock { tenant, system, .. } = &self.lock;
            if ports.credentials.put_credentials(tenant, *system, credentials).await.is_ok() {
                return true;
            }
            ports.clock.sleep(SECRET_WAIT).await;
        }
        false
    }

    fn handed(&self, credentials: Credentials) -> Connection {
        let mut memory = self.flight.memory();
        memory.refused = None;
        memory.paused_until = None;
        memory.kept_until = None;
        memory.broken = None;
        credentials.connection(&self.lock.tenant, self.lock.system)
    }

    fn pause(&self, reason: NoToken, pause: Duration) -> NoToken {
        self.flight.memory().paused_until = Some(self.store.ports.clock.now() + pause);
        reason
    }

    /// Lists the connection as broken, with the audit entry in the same write: so there is one.
    async fn declare_broken(&self, credentials: &Credentials) -> ConnectionError {
        let ports = &self.store.ports;
        let id = ports.clock.unique_id();
        let audit = AuditEntry {
            tenant: self.lock.tenant.clone(),
            action: AuditAction::ConnectionBroken,
            route: format!("token refresh of {}/{}", self.lock.system.kind(), self.lock.system),
            correlation_id: CorrelationId::parse(&id).unwrap_or_else(CorrelationId::unknown),
            occurred_at: ports.clock.now(),
            operator: None,
            id,
        };
        if self.list(credentials, ConnectionStatus::Broken, Some(&audit)).await {
            self.flight.memory().broken = Some(credentials.token_version);
        }
        ConnectionError::Broken
    }

    /// Writes the entry of what is stored now.
    async fn list(
        &self,
        credentials: &Credentials,
        status: ConnectionStatus,
        audit: Option<&AuditEntry>,
    ) -> bool {
        let known = self.found.entry.as_ref();
        let all = || credentials.key_properties.clone().unwrap_or_default();
        let entry = ConnectionEntry {
            status,
            auth: credentials.auth,
            account_id: known
                .map_or_else(|| credentials.account_id.clone(), |it| it.account_id.clone()),
            connected_at: known.map_or_else(|| self.store.ports.clock.now(), |it| it.connected_at),
            token_version: credentials.token_version,
            token_expires_at: credentials.expires_at,
            key_properties: known.map_or_else(all, |it| it.key_properties.clone()),
            webhook: known.and_then(|it| it.webhook),
            gaps: known.map(|it| it.gaps.clone()).unwrap_or_default(),
        };
        self.finish(&Finish::Updated(&entry), audit).await
    }

    /// Ends the work under the lock. If that fails, the lock ends by itself; what counts is the
    /// secret.
    async fn finish(&self, end: &Finish<'_>, audit: Option<&AuditEntry>) -> bool {
        let finished = self.store.ports.registry.finish(&self.lock, end, audit).await;
        matches!(finished, Ok(Fenced::Done))
    }
}
