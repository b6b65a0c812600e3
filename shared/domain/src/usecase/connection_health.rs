//! How a connection is: what is known of it, of the way to the provider, and of what waits.

use futures::future::try_join;
use jiff::Timestamp;

use super::locked_connection::ManageError;
use crate::gate::GateHealth;
use crate::model::{System, TenantId};
use crate::ports::{
    AccountConnector, AuthMode, BoundedCount, Clock, ConnectionEntry, ConnectionRegistry,
    CredentialStore, GateStore, HookSecret, WaitingWork, WorkCounts,
};

/// The ports of this use case.
pub struct HealthDeps<'a> {
    /// The list of connections.
    pub registry: &'a dyn ConnectionRegistry,
    /// Their secrets.
    pub credentials: &'a dyn CredentialStore,
    /// The provider, which is not called.
    pub connector: &'a dyn AccountConnector,
    /// The state of the way to the provider.
    pub gate: &'a dyn GateStore,
    /// What waits.
    pub counts: &'a dyn WorkCounts,
    /// Time.
    pub clock: &'a dyn Clock,
}

/// How a connection is.
#[derive(Debug, Clone)]
pub struct ConnectionHealth {
    /// The connection.
    pub entry: ConnectionEntry,
    /// Until when the webhook secret before is good, if there is one.
    pub previous_secret_until: Option<Timestamp>,
    /// The way to the provider.
    pub gate: GateHealth,
    /// Upserts that wait for the provider.
    pub queued: BoundedCount,
    /// Messages that wait for an operator.
    pub dead_letters: BoundedCount,
}

/// Tells how the connection is. Nothing is asked of the provider.
///
/// # Errors
/// See [`ManageError`].
pub async fn connection_health(
    deps: &HealthDeps<'_>,
    tenant: &TenantId,
    system: System,
) -> Result<ConnectionHealth, ManageError> {
    let entry = deps.registry.entry(tenant, system).await?.ok_or(ManageError::NotFound)?;
    let count = |work| deps.counts.count(tenant, system, work);
    let stored = async {
        let counts = try_join(count(WaitingWork::Queued), count(WaitingWork::DeadLetters));
        let (gate, counts) = try_join(deps.gate.load(tenant, system), counts).await?;
        Ok::<_, ManageError>((gate, counts))
    };
    let now = deps.clock.now();
    let webhook = async {
        let is_signed_by_our_app =
            entry.auth == AuthMode::Oauth && deps.connector.hook_secret() == HookSecret::Given;
        if is_signed_by_our_app {
            return Ok(None);
        }
        Ok(deps.credentials.webhook_secrets(tenant, system).await?)
    };
    let ((gate, (queued, dead_letters)), webhook) = try_join(stored, webhook).await?;
    let previous = webhook.and_then(|secrets| secrets.previous).map(|(_, until)| until);
    Ok(ConnectionHealth {
        entry,
        previous_secret_until: previous.filter(|until| *until > now),
        gate: gate.health(now),
        queued,
        dead_letters,
    })
}
