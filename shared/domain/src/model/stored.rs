//! Records as they are stored: versions, tombstones, locks, and the way from a provider's id to a
//! record.

use std::collections::BTreeSet;
use std::time::Duration;

use jiff::Timestamp;

use super::{Association, AttributeName, Attributes, CorrelationId, ExternalId, OwnerId};
use crate::keys::RecordKey;

/// Who caused a stored version.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Origin {
    /// A caller of ours, by an upsert.
    Platform,
    /// Somebody at the provider; we read it there.
    Provider,
}

impl Origin {
    /// The text in the table and in events.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Platform => "platform",
            Self::Provider => "provider",
        }
    }

    /// The origin of that name.
    pub fn parse(text: &str) -> Option<Self> {
        [Self::Platform, Self::Provider].into_iter().find(|origin| origin.as_str() == text)
    }
}

/// How a stored version came about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum VersionChange {
    /// The provider's record is new.
    Created,
    /// The provider's record was there before.
    Updated,
    /// It was deleted at the provider; what we hold of it stays.
    Deleted,
    /// It was deleted for privacy; what we held of it is gone.
    Erased,
    /// It went into another record.
    Merged,
    /// It was deleted and is back.
    Restored,
}

impl VersionChange {
    const ALL: [Self; 6] =
        [Self::Created, Self::Updated, Self::Deleted, Self::Erased, Self::Merged, Self::Restored];

    /// The text in the table and in events.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Created => "created",
            Self::Updated => "updated",
            Self::Deleted => "deleted",
            Self::Erased => "erased",
            Self::Merged => "merged",
            Self::Restored => "restored",
        }
    }

    /// The change of that name.
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|change| change.as_str() == text)
    }
}

/// How recent a state of a record is: the provider's version decides, and between two reads of one
/// version our clock when the read began.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Recency {
    /// The provider's version, which rises; 0 where it has none. For most, when it last changed the
    /// record, by its clock, in milliseconds.
    pub provider_version: i64,
    /// When the call began that gave this state, by our clock, in milliseconds; of a state that a
    /// delivery has told, when it was so by the provider's.
    pub read_at_ms: i64,
}

/// Reads that began this far apart did not overlap: no call takes as long.
pub(crate) const READS_APART: Duration = Duration::from_millis(READS_APART_MS.unsigned_abs());
/// The same in milliseconds.
const READS_APART_MS: i64 = 30_000;

impl Recency {
    /// Whether this state was read after the other one, whatever the provider's versions say.
    pub const fn is_surely_read_after(self, other: Self) -> bool {
        self.read_at_ms >= other.read_at_ms.saturating_add(READS_APART_MS)
    }
}

/// A record that is gone at the provider.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tombstone {
    /// When we took note of it.
    pub deleted_at: Timestamp,
    /// The record that it went into.
    pub merged_into: Option<ExternalId>,
    /// The person was erased: nothing comes after it.
    pub is_erased: bool,
}

/// An upsert that is at the record, or died there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RecordLock {
    /// The attempt.
    pub owner: OwnerId,
    /// When it is surely over.
    pub lease_until: Timestamp,
}

/// A record's item in the table.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredRecord {
    /// Where it is.
    pub key: RecordKey,
    /// 0 for a place that is only locked or waited for, else the number of the stored version.
    pub version: u64,
    /// The provider's id.
    pub external_id: Option<ExternalId>,
    /// The payload.
    pub attributes: Attributes,
    /// The records that it is associated with.
    pub associations: BTreeSet<Association>,
    /// Set when it is gone at the provider.
    pub tombstone: Option<Tombstone>,
    /// Who caused this version.
    pub origin: Origin,
    /// How recent the payload is.
    pub recency: Recency,
    /// The object whose associations were read. An upsert by a natural key that went to another
    /// object meanwhile leaves those of the one before.
    pub associations_of: Option<ExternalId>,
    /// When the read of the associations began, 0 when they were never read. They have an order of
    /// their own, because they can change without the provider's version.
    pub associations_read_at_ms: i64,
    /// An upsert that is at it.
    pub lock: Option<RecordLock>,
    /// How many upserts of it wait.
    pub queued: u64,
}

impl StoredRecord {
    /// Whether it is the provider's record of that id, tombstones included.
    pub fn is_of(&self, external_id: &ExternalId) -> bool {
        self.version > 0 && self.external_id.as_ref() == Some(external_id)
    }

    /// Whether some of its associations are those of another object.
    pub fn has_foreign_associations(&self) -> bool {
        self.associations_of.is_some() && self.associations_of != self.external_id
    }

    /// Whether it is what is left of an erased person.
    pub fn is_erased(&self) -> bool {
        self.tombstone.as_ref().is_some_and(|tombstone| tombstone.is_erased)
    }

    /// Whether the provider has it, as far as we know.
    pub const fn is_live(&self) -> bool {
        self.version > 0 && self.tombstone.is_none()
    }
}

/// Where a provider's id leads to.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct RecordPointer {
    /// The record of that id, or after a merge the one that it went into. `None` for an id of which
    /// nothing was ever stored.
    pub record: Option<RecordKey>,
    /// The id that it went into.
    pub merged_into: Option<ExternalId>,
    /// After a merge: the id's own record, now a tombstone.
    pub tombstone: Option<RecordKey>,
    /// How recent the news is that there is no such record; keeps an older state from coming after.
    pub gone: Option<Recency>,
    /// The person's data was erased. Nothing is stored under this id again.
    pub is_erased: bool,
    /// The ids that went into it and have been dealt with.
    pub merged_ids: BTreeSet<ExternalId>,
    /// The last version that was told of the id when this was written.
    pub last_version: u64,
    /// Every place that was written for the id since its records were last put in order.
    pub places: BTreeSet<RecordKey>,
}

impl RecordPointer {
    /// The pointer of an object that has its record at `place`.
    pub fn to_record(place: RecordKey, merged_ids: BTreeSet<ExternalId>) -> Self {
        let places = [place.clone()].into();
        Self { record: Some(place), merged_ids, places, ..Self::default() }
    }
}

/// A version to be stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewVersion {
    /// All of it. The lock goes, and the count of waiting upserts stays as it is in the table.
    pub record: StoredRecord,
    /// How it came about.
    pub change: VersionChange,
    /// What differs from before, where the version before is not at the same place.
    pub differences: Option<Differences>,
    /// When.
    pub synced_at: Timestamp,
    /// The delivery that told of it.
    pub correlation_id: CorrelationId,
}

/// What differs between two states of a record.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Differences {
    /// Attributes with another value.
    pub attributes: BTreeSet<AttributeName>,
    /// Whether the associations differ.
    pub associations: bool,
}

impl Differences {
    /// Compares two states. An attribute that is absent counts as empty.
    pub fn between(
        before: (&Attributes, &BTreeSet<Association>),
        after: (&Attributes, &BTreeSet<Association>),
    ) -> Self {
        let value = |state: &Attributes, name| state.get(name).unwrap_or_default().to_owned();
        let differs = |name: &AttributeName| value(before.0, *name) != value(after.0, *name);
        Self {
            attributes: AttributeName::ALL.into_iter().filter(differs).collect(),
            associations: before.1 != after.1,
        }
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.attributes.is_empty() && !self.associations
    }

    /// The names in events and in the table.
    pub fn names(&self) -> Vec<&'static str> {
        let attributes = self.attributes.iter().map(|name| name.as_str());
        attributes.chain(self.associations.then_some(ASSOCIATIONS)).collect()
    }

    /// Reads the names; unknown ones are left out.
    pub fn from_names<'a>(names: impl IntoIterator<Item = &'a str>) -> Self {
        let mut differences = Self::default();
        for name in names {
            differences.associations |= name == ASSOCIATIONS;
            differences.attributes.extend(AttributeName::parse(name));
        }
        differences
    }
}

/// The name of the associations among the names of attributes.
const ASSOCIATIONS: &str = "associations";

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::{Differences, Recency};
    use crate::model::{Association, AttributeName, Attributes};

    #[test]
    fn recency_is_the_providers_version_and_then_our_clock() {
        let of = |provider_version, read_at_ms| Recency { provider_version, read_at_ms };
        assert!(of(2, 1) > of(1, 9));
        assert!(of(2, 2) > of(2, 1));
    }

    #[test]
    fn differences_take_an_absent_value_for_an_empty_one_and_survive_their_names() {
        let mut before = Attributes::default();
        before.set(AttributeName::Company, "");
        before.set(AttributeName::Email, "a@b.co");
        let mut after = Attributes::default();
        after.set(AttributeName::Email, "c@b.co");
        let none = BTreeSet::new();
        let some = Association::from_stored("company:1").into_iter().collect();
        let differences = Differences::between((&before, &none), (&after, &some));
        assert_eq!(differences.names(), ["email", "associations"]);
        assert_eq!(Differences::from_names(["associations", "email", "shoe_size"]), differences);
    }
}
