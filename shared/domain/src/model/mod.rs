//! The nouns: tenants, systems, records and what protects their data.

mod associations;
mod attributes;
mod audit;
mod booking;
mod booking_message;
mod booking_snapshot;
mod change;
mod client;
mod crm_sweep;
mod draft;
mod ids;
mod invalid;
mod message;
mod normalise;
mod push_message;
mod record;
mod sensitive;
mod stored;
mod sweep_step;
mod system;
mod untold;

pub use associations::associations_of;
pub use attributes::{AttributeName, Attributes};
pub use audit::{AuditAction, AuditEntry};
pub use booking::{
    Booking, BookingStatus, BookingVersion, DetailName, Details, Person, RemoteBooking,
    RemoteState, StatusReason, StoredBooking,
};
pub use booking_message::BookingChange;
pub use booking_snapshot::BookingSnapshot;
pub use change::{ChangeKind, ObjectChange};
pub use client::{
    BLOCK_MAX, BlockEntry, BlockWrite, ClientBlock, ClientId, ClientLink, ClientWrite,
    ComparedName, LinkRule,
};
pub use crm_sweep::{CrmSweepPlace, CrmSweepStep};
pub use draft::draft_of;
pub use ids::{CorrelationId, ExternalId, IdempotencyKey, OwnerId, TenantId};
pub use invalid::{InvalidField, either};
pub use message::UnreadableMessage;
pub use normalise::{normalised, normalised_region, normalised_remote};
pub use push_message::PushMessage;
pub use record::{Association, CrmDraft, RecordChange, SyncedRecord, UpsertStatus};
pub use sensitive::Sensitive;
pub(crate) use stored::READS_APART;
pub use stored::{
    Differences, NewVersion, Origin, Recency, RecordLock, RecordPointer, StoredRecord, Tombstone,
    VersionChange,
};
pub(crate) use sweep_step::POSITION_MAX_BYTES;
pub use sweep_step::{CheckedUpTo, SweepStep};
pub use system::{ObjectType, System, SystemKind};
pub use untold::Untold;
