//! What connecting, rotating and disconnecting have in common: the lock, the errors, the audit.

use std::future::Future;
use std::time::Duration;

use jiff::Timestamp;

use crate::model::{
    AuditAction, AuditEntry, CorrelationId, InvalidField, OwnerId, System, TenantId,
};
use crate::ports::{
    AccountConnector, AccountRegistry, Clock, ConnectionError, ConnectionLock, ConnectionRegistry,
    CredentialStore, Fenced, Finish, Found, LockOutcome, OauthAppSource, ProviderError,
    SecretError, StoreError,
};
use crate::retry::RetryPolicy;

/// How long somebody else's lock is waited for.
const LOCK_WAIT_MAX: Duration = Duration::from_secs(3);
/// The wait between two tries.
const LOCK_WAIT: Duration = Duration::from_millis(250);
/// The shortest and the longest time after which a caller is told to ask again.
const IN_PROGRESS_WAIT: (Duration, Duration) = (Duration::from_secs(1), Duration::from_secs(5));
/// How long the lock lasts at least from the moment before secrets are written: longer than a read
/// and a write of a secret with all their tries.
pub(super) const WRITE_LEASE: Duration = Duration::from_secs(20);

/// The ports and settings of the use cases that manage connections.
pub struct ConnectionDeps<'a> {
    /// The list of connections.
    pub registry: &'a dyn ConnectionRegistry,
    /// Their secrets.
    pub credentials: &'a dyn CredentialStore,
    /// Whose an account is.
    pub accounts: &'a dyn AccountRegistry,
    /// Our apps at the providers.
    pub apps: &'a dyn OauthAppSource,
    /// The provider.
    pub connector: &'a dyn AccountConnector,
    /// Time and dice.
    pub clock: &'a dyn Clock,
    /// How failed calls to the provider are repeated.
    pub retry: RetryPolicy,
}

/// Who asks, for which connection.
#[derive(Debug, Clone)]
pub struct ConnectionRequest {
    /// The tenant of the token.
    pub tenant: TenantId,
    /// The system.
    pub system: System,
    /// The route, for the audit.
    pub route: String,
    /// Where the system's webhooks come in, without a query.
    pub webhook_url: String,
    /// The request.
    pub correlation_id: CorrelationId,
    /// When the invocation ends.
    pub deadline: Timestamp,
}

/// Why a connection could not be managed.
#[derive(Debug, thiserror::Error)]
pub enum ManageError {
    /// The caller's input is at fault.
    #[error(transparent)]
    Invalid(#[from] InvalidField),
    /// There is no such connection.
    #[error("the tenant has no connection to this system")]
    NotFound,
    /// Another request is at the same connection.
    #[error("the connection is being changed by another request")]
    InProgress {
        /// When to ask again.
        retry_after: Duration,
    },
    /// The account belongs to another tenant.
    #[error("the account is connected by another tenant")]
    AccountTaken,
    /// We have no app at this provider.
    #[error("there is no OAuth app for this system")]
    OauthNotConfigured,
    /// The provider refuses our app.
    #[error("the provider refused our OAuth app")]
    OauthAppRefused,
    /// The provider said no, or nothing.
    #[error(transparent)]
    Provider(#[from] ProviderError),
    /// Stored secrets can't be read.
    #[error(transparent)]
    Connection(#[from] ConnectionError),
    /// Secrets can't be written.
    #[error(transparent)]
    Secret(#[from] SecretError),
    /// The table can't be used now.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl ManageError {
    pub(super) const fn lost() -> Self {
        Self::InProgress { retry_after: IN_PROGRESS_WAIT.0 }
    }
}

impl ConnectionRequest {
    /// An audit entry of this request.
    pub(super) fn audit(&self, clock: &dyn Clock, action: AuditAction) -> AuditEntry {
        AuditEntry {
            id: clock.unique_id(),
            tenant: self.tenant.clone(),
            action,
            route: self.route.clone(),
            correlation_id: self.correlation_id.clone(),
            occurred_at: clock.now(),
            operator: None,
        }
    }
}

/// Time between two moments, zero when it is past.
pub(super) fn until_from(now: Timestamp, until: Timestamp) -> Duration {
    Duration::try_from(until.duration_since(now)).unwrap_or_default()
}

/// Takes the connection's lock until the invocation's own deadline; waits a little for another one.
pub(super) async fn acquire(
    deps: &ConnectionDeps<'_>,
    request: &ConnectionRequest,
) -> Result<(ConnectionLock, Found), ManageError> {
    let lock = ConnectionLock {
        tenant: request.tenant.clone(),
        system: request.system,
        owner: OwnerId::new(deps.clock.unique_id()),
        until: request.deadline,
    };
    let give_up_at = deps.clock.now() + LOCK_WAIT_MAX;
    loop {
        let now = deps.clock.now();
        match deps.registry.lock(&lock, now).await? {
            LockOutcome::Locked(found) => return Ok((lock, found)),
            LockOutcome::Held { until } if now >= give_up_at => {
                let (min, max) = IN_PROGRESS_WAIT;
                let retry_after = until_from(now, until).clamp(min, max);
                return Err(ManageError::InProgress { retry_after });
            }
            LockOutcome::Held { .. } => deps.clock.sleep(LOCK_WAIT).await,
        }
    }
}

/// Shows that the lock is ours right before secrets are written, and makes it last for that.
pub(super) async fn renew(
    deps: &ConnectionDeps<'_>,
    lock: &mut ConnectionLock,
) -> Result<(), ManageError> {
    lock.until = lock.until.max(deps.clock.now() + WRITE_LEASE);
    match deps.registry.renew(lock).await? {
        Fenced::Done => Ok(()),
        Fenced::Lost => Err(ManageError::lost()),
    }
}

/// Gives the lock back after a failure. If that fails too, the lock ends by itself; the failure
/// before it is the one to report.
pub(super) async fn give_back(deps: &ConnectionDeps<'_>, lock: &ConnectionLock, end: &Finish<'_>) {
    drop(deps.registry.finish(lock, end, None).await);
}

/// Ends the work under the lock.
pub(super) async fn finish(
    deps: &ConnectionDeps<'_>,
    lock: &ConnectionLock,
    end: &Finish<'_>,
    audit: &AuditEntry,
) -> Result<(), ManageError> {
    match deps.registry.finish(lock, end, Some(audit)).await? {
        Fenced::Done => Ok(()),
        Fenced::Lost => Err(ManageError::lost()),
    }
}

/// Calls the provider, again where that may help, as long as the invocation lasts.
pub(super) async fn with_retries<T, F: Future<Output = Result<T, ProviderError>>>(
    deps: &ConnectionDeps<'_>,
    deadline: Timestamp,
    call: impl Fn() -> F,
) -> Result<T, ProviderError> {
    let mut attempt = 1;
    loop {
        let error = match call().await {
            Ok(value) => return Ok(value),
            Err(error) => error,
        };
        let wait = error.retry().and_then(|asked_for| {
            let time_left = until_from(deps.clock.now(), deadline).saturating_sub(WRITE_LEASE / 4);
            deps.retry.wait_after(attempt, asked_for, deps.clock.random(), time_left)
        });
        let Some(wait) = wait else { return Err(error) };
        deps.clock.sleep(wait).await;
        attempt += 1;
    }
}
