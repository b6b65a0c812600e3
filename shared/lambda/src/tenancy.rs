//! The tenant of the token against the tenant that a request names.

use sync_domain::model::{AuditAction, AuditEntry, CorrelationId, TenantId};
use sync_domain::ports::{AuditLog, Clock};

use crate::problem::{ErrorCode, Problem};

/// Where a mismatch is written down, and what of.
pub struct TenantGuard<'a> {
    /// The audit.
    pub audit: &'a dyn AuditLog,
    /// Time and ids.
    pub clock: &'a dyn Clock,
    /// The route, for example `POST /integrations/crm/hubspot/upsert`.
    pub route: String,
    /// The request.
    pub correlation_id: &'a CorrelationId,
}

impl TenantGuard<'_> {
    /// Lets a request through whose tenant is the token's.
    ///
    /// # Errors
    /// 403 `tenant_mismatch`, audited. The refusal stands whether or not the entry could be written;
    /// a lost one is at least logged.
    pub async fn check(&self, tenant: &TenantId, named: &str) -> Result<(), Problem> {
        if named == tenant.as_str() {
            return Ok(());
        }
        let entry = AuditEntry {
            id: self.clock.unique_id(),
            tenant: tenant.clone(),
            action: AuditAction::TenantMismatch,
            route: self.route.clone(),
            correlation_id: self.correlation_id.clone(),
            occurred_at: self.clock.now(),
            operator: None,
        };
        if let Err(error) = self.audit.record(&entry).await {
            let correlation_id = self.correlation_id.as_str();
            tracing::error!(%error, correlation_id, tenant_id = %tenant, "An audit entry was lost.");
        }
        Err(ErrorCode::TenantMismatch.into())
    }
}
