//! What is written down because somebody may ask for it later.

use jiff::Timestamp;

use super::{CorrelationId, TenantId};

/// An act worth an audit entry.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AuditAction {
    /// A token of one tenant came with the id of another in the body.
    TenantMismatch,
}

impl AuditAction {
    /// The text in the table and in events.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::TenantMismatch => "tenant_mismatch",
        }
    }

    /// The action of that name.
    pub fn parse(text: &str) -> Option<Self> {
        [Self::TenantMismatch].into_iter().find(|action| action.as_str() == text)
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
}
