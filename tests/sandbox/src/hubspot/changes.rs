//! What has happened to the records of a portal since somebody last asked: the raw material of
//! webhooks. Writers note each change once, where they make it.

use super::object_types::ObjectType;
use super::store::Values;

/// A change.
#[derive(Clone, Debug)]
pub enum Change {
    /// A record is new; its values, without those that HubSpot sets.
    Created(Values),
    /// Values are different now; an empty one was cleared.
    Updated(Values),
    /// A record went into the recycling bin.
    Archived,
    /// It came back out.
    Restored,
    /// It was deleted for privacy.
    Erased,
    /// Two records became one.
    Merged {
        /// The id that the user chose to keep.
        primary: u64,
        /// The other one.
        merged: u64,
        /// Values that came from the other one.
        moved: Values,
    },
    /// Two records were associated, or no longer are.
    Linked {
        /// Type of the other record.
        to_type: &'static ObjectType,
        /// Id of the other record.
        to: u64,
        /// Whether the association is the primary one.
        is_primary: bool,
        /// Whether it was taken away.
        removed: bool,
    },
}

/// A change of one record. For a merge, `id` is the one after it.
#[derive(Clone, Debug)]
pub struct Noted {
    /// Type of the record.
    pub object_type: &'static ObjectType,
    /// Its id.
    pub id: u64,
    /// When it happened.
    pub at_ms: i64,
    /// What happened.
    pub change: Change,
}
