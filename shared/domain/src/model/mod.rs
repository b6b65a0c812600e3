//! The nouns: tenants, systems, records and what protects their data.

mod attributes;
mod audit;
mod contact;
mod ids;
mod invalid;
mod record;
mod sensitive;
mod system;

pub use attributes::{AttributeName, Attributes};
pub use audit::{AuditAction, AuditEntry};
pub use contact::contact_draft;
pub use ids::{CorrelationId, ExternalId, IdempotencyKey, OwnerId, TenantId};
pub use invalid::InvalidField;
pub use record::{CrmDraft, RecordChange, SyncedRecord, UpsertStatus};
pub use sensitive::Sensitive;
pub use system::{ObjectType, System};
