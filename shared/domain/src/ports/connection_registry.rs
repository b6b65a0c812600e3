//! The list of connections, with a lock on each.
//!
//! A connection's secrets can't be written under a condition, so whoever writes them holds this lock.
//! It ends by itself (a lease), and every change under it is fenced by its owner: who was slow, and
//! has lost the lock, changes nothing any more.

use async_trait::async_trait;
use jiff::Timestamp;

use super::{AccountGap, AuthMode, StoreError};
use crate::model::{AuditEntry, ObjectType, OwnerId, System, TenantId};

/// Whether a connection works.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ConnectionStatus {
    /// As far as we know.
    Connected,
    /// The provider has withdrawn its consent.
    Broken,
}

impl ConnectionStatus {
    /// The text in the table and in answers.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Connected => "connected",
            Self::Broken => "broken",
        }
    }

    /// The status of that name.
    pub fn parse(text: &str) -> Option<Self> {
        [Self::Connected, Self::Broken].into_iter().find(|status| status.as_str() == text)
    }
}

/// Whether the provider tells us of changes, where webhooks are registered by a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum HookStatus {
    /// It does, as far as we know.
    Registered,
    /// The account has as many webhooks as it may have: somebody has to remove one there.
    NoRoom,
    /// It could not be registered; the next rotation or connect tries again.
    Failed,
}

impl HookStatus {
    /// Every status.
    pub const ALL: [Self; 3] = [Self::Registered, Self::NoRoom, Self::Failed];

    /// The text in the table and in answers.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Registered => "registered",
            Self::NoRoom => "no_room",
            Self::Failed => "failed",
        }
    }

    /// The status of that name.
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|status| status.as_str() == text)
    }
}

/// What is known of a connection apart from its secrets.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConnectionEntry {
    /// Whether it works.
    pub status: ConnectionStatus,
    /// How the account is connected.
    pub auth: AuthMode,
    /// The provider's id of the account.
    pub account_id: String,
    /// Since when.
    pub connected_at: Timestamp,
    /// The version of the bearer token that was last stored.
    pub token_version: u64,
    /// When that token ends, if it does.
    pub token_expires_at: Option<Timestamp>,
    /// The kinds of record whose key property exists.
    pub key_properties: Vec<ObjectType>,
    /// The state of the webhook; `None` where none is registered by a call.
    pub webhook: Option<HookStatus>,
    /// What the account did not let us have when it was connected.
    pub gaps: Vec<AccountGap>,
}

/// One attempt's lock on a connection.
#[derive(Debug, Clone)]
pub struct ConnectionLock {
    /// Whose connection.
    pub tenant: TenantId,
    /// To which system.
    pub system: System,
    /// This attempt.
    pub owner: OwnerId,
    /// When the lock ends by itself.
    pub until: Timestamp,
}

/// What was found under a lock that is now ours.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Found {
    /// The connection, if there is one.
    pub entry: Option<ConnectionEntry>,
    /// An account that a connect was about to claim when it died; its pointer may be there.
    pub claiming: Option<String>,
    /// Whether a dead owner left its lock: its work may be half done.
    pub took_over: bool,
}

/// What asking for a lock came to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum LockOutcome {
    /// It is ours.
    Locked(Found),
    /// Someone else has it.
    Held {
        /// When it ends by itself at the latest.
        until: Timestamp,
    },
}

/// How the work under a lock ends.
#[derive(Debug, Clone)]
pub enum Finish<'a> {
    /// The account is connected: the entry, and nothing is being claimed any more.
    Connected(&'a ConnectionEntry),
    /// The entry has changed; an account that is being claimed stays noted.
    Updated(&'a ConnectionEntry),
    /// The entry stays as it was.
    Unchanged,
    /// The entry stays as it was, and the account that was to be claimed is not ours.
    AccountGivenUp,
    /// The connection is gone.
    Removed,
}

/// Whether a change under a lock was made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fenced {
    /// It was.
    Done,
    /// The lock is someone else's by now, so it was not.
    Lost,
}

/// The list of connections.
#[async_trait]
pub trait ConnectionRegistry: Send + Sync {
    /// The connection of a tenant to a system, read consistently.
    ///
    /// # Errors
    /// See [`StoreError`].
    async fn entry(
        &self,
        tenant: &TenantId,
        system: System,
    ) -> Result<Option<ConnectionEntry>, StoreError>;

    /// Takes the lock, unless someone has it whose time is not over at `now`.
    ///
    /// # Errors
    /// See [`StoreError`].
    async fn lock(&self, lock: &ConnectionLock, now: Timestamp) -> Result<LockOutcome, StoreError>;

    /// Shows that the lock is still ours and lets it last until `lock.until`. To be called right
    /// before secrets are written.
    ///
    /// # Errors
    /// See [`StoreError`].
    async fn renew(&self, lock: &ConnectionLock) -> Result<Fenced, StoreError>;

    /// Notes the account that is about to be claimed, so that a crash leaves no pointer behind of
    /// which nobody knows.
    ///
    /// # Errors
    /// See [`StoreError`].
    async fn note_claim(
        &self,
        lock: &ConnectionLock,
        account_id: &str,
    ) -> Result<Fenced, StoreError>;

    /// Writes the end of the work and its audit entry, and gives the lock back, all in one write.
    /// An entry that was only made to be locked goes.
    ///
    /// # Errors
    /// See [`StoreError`].
    async fn finish(
        &self,
        lock: &ConnectionLock,
        finish: &Finish<'_>,
        audit: Option<&AuditEntry>,
    ) -> Result<Fenced, StoreError>;
}
