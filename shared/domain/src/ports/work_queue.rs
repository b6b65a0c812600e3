//! Queues of work: sending, sending again later, and putting aside what can't be done.
//!
//! A message that must wait is not left to be received again and again: it is sent anew with a delay
//! and its history, and the old one is taken off the queue. So waiting costs none of the receives
//! after which the queue itself gives a message up.

use std::time::Duration;

use async_trait::async_trait;
use jiff::Timestamp;

use crate::model::{System, TenantId};

/// The longest delay that a queue takes (SQS: 15 minutes). Who must wait longer comes by again.
pub const DELAY_MAX: Duration = Duration::from_secs(900);

/// What a message has been through; it travels with the message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WorkHistory {
    /// How often it was tried and failed.
    pub attempt: u32,
    /// When the work was first put on the queue.
    pub first_enqueued_at: Timestamp,
    /// Its id as a dead letter, if it was one before.
    pub dead_letter_id: Option<String>,
}

/// A message to be sent.
#[derive(Debug, Clone)]
pub struct WorkMessage {
    /// The body. It carries ids, never personal data.
    pub body: String,
    /// How long it stays invisible, up to [`DELAY_MAX`].
    pub delay: Duration,
    /// What it has been through.
    pub history: WorkHistory,
}

/// What became of one message of a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SendOutcome {
    /// The queue has it.
    Accepted,
    /// The queue does not have it, or nobody knows; sending it again does no harm.
    Failed,
}

/// A queue of work.
#[async_trait]
pub trait WorkQueue: Send + Sync {
    /// Sends any number of messages, ten per call, all calls in flight together, and tells of each
    /// what became of it, in the order given.
    async fn send(&self, messages: &[WorkMessage]) -> Vec<SendOutcome>;
}

/// Why a message was put aside.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum DeadCause {
    /// It can't be read.
    Malformed,
    /// Its version is not known to this build.
    UnknownVersion,
    /// The tenant is not connected to the system.
    ConnectionNotFound,
    /// The provider refuses the content.
    ProviderRejected,
    /// The provider refuses the tenant's credentials.
    ProviderUnauthorized,
    /// The tenant's credentials lack a permission.
    ProviderMissingScope,
    /// It was tried as often as it may be.
    AttemptsExhausted,
    /// A later upsert of the same record has been applied in the meantime.
    Superseded,
    /// It has waited for longer than anybody should.
    TooOld,
    /// A fault of ours that another try won't mend.
    Internal,
}

impl DeadCause {
    /// Every cause.
    pub const ALL: [Self; 10] = [
        Self::Malformed,
        Self::UnknownVersion,
        Self::ConnectionNotFound,
        Self::ProviderRejected,
        Self::ProviderUnauthorized,
        Self::ProviderMissingScope,
        Self::AttemptsExhausted,
        Self::Superseded,
        Self::TooOld,
        Self::Internal,
    ];

    /// The cause of that text.
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|cause| cause.as_str() == text)
    }

    /// The text in the dead letter's attributes, in logs and in the runbook.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Malformed => "malformed",
            Self::UnknownVersion => "unknown_version",
            Self::ConnectionNotFound => "connection_not_found",
            Self::ProviderRejected => "provider_rejected",
            Self::ProviderUnauthorized => "provider_unauthorized",
            Self::ProviderMissingScope => "provider_missing_scope",
            Self::AttemptsExhausted => "attempts_exhausted",
            Self::Superseded => "superseded",
            Self::TooOld => "too_old",
            Self::Internal => "internal",
        }
    }
}

/// A message that is put aside for an operator, with what they need to know.
#[derive(Debug, Clone)]
pub struct DeadLetter {
    /// What it is listed, replayed and discarded by; kept over replays.
    pub id: String,
    /// The body as it came.
    pub body: String,
    /// What it has been through.
    pub history: WorkHistory,
    /// Why.
    pub cause: DeadCause,
    /// Whose, if that could be read.
    pub tenant: Option<TenantId>,
    /// Which system, if that could be read.
    pub system: Option<System>,
    /// When.
    pub failed_at: Timestamp,
}

/// Where dead letters go.
#[async_trait]
pub trait DeadLetters: Send + Sync {
    /// Puts letters aside and tells of each what became of it, in the order given. One that is put
    /// aside twice, because a crash came between, is listed twice and replayed without harm.
    async fn bury(&self, letters: &[DeadLetter]) -> Vec<SendOutcome>;

    /// A replayed letter's work is done: it no longer counts as dead. Best effort.
    async fn resolve(&self, tenant: &TenantId, system: System, id: &str);
}
