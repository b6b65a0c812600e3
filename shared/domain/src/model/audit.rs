//! What is written down because somebody may ask for it later.

use jiff::Timestamp;

use super::{CorrelationId, TenantId};

/// An act worth an audit entry.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AuditAction {
    /// A token of one tenant came with the id of another in the body.
    TenantMismatch,
    /// An account was connected.
    ConnectionCreated,
    /// A secret or a token of a connection was replaced.
    ConnectionRotated,
    /// A connection was removed with its secrets.
    ConnectionRemoved,
    /// The provider has withdrawn its consent.
    ConnectionBroken,
    /// An account that belongs to another tenant was to be connected.
    AccountClaimRefused,
    /// An operator had the work of a dead letter tried again (`make dlq` writes the entry).
    DeadLetterReplayed,
    /// An operator gave the work of a dead letter up, with a reason.
    DeadLetterDiscarded,
    /// An operator imports a file that was exported from a booking system.
    BookingsBackfilled,
}

impl AuditAction {
    /// Every action.
    pub const ALL: [Self; 9] = [
        Self::TenantMismatch,
        Self::ConnectionCreated,
        Self::ConnectionRotated,
        Self::ConnectionRemoved,
        Self::ConnectionBroken,
        Self::AccountClaimRefused,
        Self::DeadLetterReplayed,
        Self::DeadLetterDiscarded,
        Self::BookingsBackfilled,
    ];

    /// The text in the table and in events.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::TenantMismatch => "tenant_mismatch",
            Self::ConnectionCreated => "connection_created",
            Self::ConnectionRotated => "connection_rotated",
            Self::ConnectionRemoved => "connection_removed",
            Self::ConnectionBroken => "connection_broken",
            Self::AccountClaimRefused => "account_claim_refused",
            Self::DeadLetterReplayed => "dead_letter_replayed",
            Self::DeadLetterDiscarded => "dead_letter_discarded",
            Self::BookingsBackfilled => "bookings_backfilled",
        }
    }

    /// The action of that name.
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|action| action.as_str() == text)
    }
}

/// One audit entry. It belongs to the tenant of the token, who is the one that acted.
#[derive(Debug, Clone)]
pub struct AuditEntry {
    /// Unique id of the entry.
    pub id: String,
    /// The acting tenant.
    pub tenant: TenantId,
    /// What was done or tried.
    pub action: AuditAction,
    /// The route it was tried on, for example `POST /integrations/crm/hubspot/upsert`.
    pub route: String,
    /// The request.
    pub correlation_id: CorrelationId,
    /// When.
    pub occurred_at: Timestamp,
    /// Who did it, where it was an operator of the platform. It is no part of the event.
    pub operator: Option<String>,
}
