//! `audit.logged`: what is told of an audit entry.

use serde::Serialize;

use super::{BusEvent, Common, EventError};
use crate::model::AuditEntry;
use crate::pseudonym::Pseudonymiser;

#[derive(Serialize)]
struct AuditLogged<'a> {
    audit_id: &'a str,
    action: &'static str,
    route: &'a str,
}

/// The event of an audit entry.
pub(super) fn audit_logged(
    entry: &AuditEntry,
    pseudonymiser: &Pseudonymiser,
) -> Result<BusEvent, EventError> {
    let parts = ["audit.logged", entry.tenant.as_str(), &entry.id];
    let event_id = pseudonymiser.stable_id(&parts).ok_or(EventError::NoToken)?;
    let common = Common {
        detail_type: "audit.logged",
        event_id,
        tenant: &entry.tenant,
        correlation_id: &entry.correlation_id,
        occurred_at: entry.occurred_at,
    };
    common.with(AuditLogged {
        audit_id: &entry.id,
        action: entry.action.as_str(),
        route: &entry.route,
    })
}
