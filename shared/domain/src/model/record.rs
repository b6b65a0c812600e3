//! CRM records: what a caller asks for and what is stored.

use jiff::Timestamp;

use super::{
    Attributes, CorrelationId, Differences, ExternalId, ObjectType, Origin, Sensitive, System,
    TenantId, VersionChange,
};
use crate::keys::RecordKey;

/// A record as a caller wants it to be, normalised and complete enough to be found again.
#[derive(Debug, Clone)]
pub struct CrmDraft {
    /// Which kind of record.
    pub object_type: ObjectType,
    /// What identifies it before the provider has given it an id: the email of a contact.
    pub natural_key: Sensitive<String>,
    /// The values to write. Attributes that the caller left out are not touched.
    pub attributes: Attributes,
    /// The records that it is to be associated with, each once, in the order of the request: an
    /// error names one by its place. Others that it has are not touched.
    pub associations: Vec<Association>,
}

/// The other end of an association: a record by the provider's id.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Association {
    /// Which kind of record.
    pub object_type: ObjectType,
    /// The provider's id of it.
    pub external_id: ExternalId,
}

impl Association {
    /// The text in the table: `company:123`.
    pub fn to_stored(&self) -> String {
        format!("{}:{}", self.object_type, self.external_id)
    }

    /// Reads the text in the table.
    pub fn from_stored(text: &str) -> Option<Self> {
        let (object_type, external_id) = text.split_once(':')?;
        let object_type = ObjectType::parse(object_type)?;
        Some(Self { object_type, external_id: ExternalId::new(external_id) })
    }
}

/// What an upsert did, as the caller is told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum UpsertStatus {
    /// The provider has a new record.
    Created,
    /// An existing record was written.
    Updated,
    /// Nothing would have changed: nothing was called, nothing was published.
    Noop,
}

impl UpsertStatus {
    /// The text in answers.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Created => "created",
            Self::Updated => "updated",
            Self::Noop => "noop",
        }
    }
}

/// How a stored version came about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RecordChange {
    /// The provider's record is new.
    Created,
    /// The provider's record was there before.
    Updated,
}

impl RecordChange {
    /// The text in the table and in events.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Created => "created",
            Self::Updated => "updated",
        }
    }

    /// The change of that name.
    pub fn parse(text: &str) -> Option<Self> {
        [Self::Created, Self::Updated].into_iter().find(|change| change.as_str() == text)
    }
}

impl From<RecordChange> for UpsertStatus {
    fn from(change: RecordChange) -> Self {
        match change {
            RecordChange::Created => Self::Created,
            RecordChange::Updated => Self::Updated,
        }
    }
}

/// One stored version of a record, as the stream reports it.
#[derive(Debug, Clone)]
pub struct SyncedRecord {
    /// Whose record it is.
    pub tenant: TenantId,
    /// Where it lives.
    pub system: System,
    /// Its kind.
    pub object_type: ObjectType,
    /// Its stable key in our table.
    pub key: RecordKey,
    /// 1 for the first stored version, then one more for each real change.
    pub version: u64,
    /// How this version came about.
    pub change: VersionChange,
    /// Who caused it.
    pub origin: Origin,
    /// The provider's id.
    pub external_id: ExternalId,
    /// The id of the record that it went into, if it did.
    pub merged_into: Option<ExternalId>,
    /// The whole payload after the change.
    pub attributes: Attributes,
    /// What is another than in the version before.
    pub differences: Differences,
    /// The request that caused it.
    pub correlation_id: CorrelationId,
    /// When it was stored.
    pub synced_at: Timestamp,
}
