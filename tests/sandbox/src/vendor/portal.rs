//! Acts of a user inside a vendor's own interface, as the control API orders them.

use serde::Deserialize;
use serde_json::{Map, Value};

/// What the user does.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PortalAct {
    /// Makes records.
    #[serde(alias = "schedule")]
    Create,
    /// Changes records.
    Update,
    /// Puts records into the recycling bin.
    Archive,
    /// Takes records out of the recycling bin.
    Restore,
    /// Deletes records for privacy.
    GdprDelete,
    /// Merges two records.
    Merge,
    /// Associates records with one other.
    Associate,
    /// Takes such associations away.
    Dissociate,
    /// Moves appointments to another time or calendar.
    Reschedule,
    /// Calls appointments off.
    Cancel,
    /// Notes that nobody came to them.
    NoShow,
    /// Refuses appointments that a client has asked for.
    Decline,
    /// Notes that they were done.
    Complete,
    /// Changes details of appointments other than time and calendar.
    Edit,
    /// Deletes appointments as if they had never been.
    Delete,
}

/// A record that an act is about.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PortalObject {
    /// Its id; absent for a record to be made.
    #[serde(default)]
    pub id: Option<String>,
    /// Values to set.
    #[serde(default)]
    pub properties: Map<String, Value>,
}

/// An act with all that it needs.
#[derive(Clone, Debug)]
pub struct PortalOrder {
    /// What is done.
    pub act: PortalAct,
    /// Type of the records, where the vendor has more than one.
    pub object_type: Option<String>,
    /// The records, at least one.
    pub objects: Vec<PortalObject>,
    /// For a merge: the record that is merged into the first one.
    pub merge_id: Option<String>,
    /// For associations: type and id of the other end.
    pub to: Option<(String, String)>,
    /// For associations: whether it becomes the primary one.
    pub is_primary: bool,
}

/// What became of an act.
pub struct PortalOutcome {
    /// The records that it was about, as they are called now.
    pub ids: Vec<String>,
    /// The webhook events that it causes.
    pub events: Vec<Value>,
}

/// A webhook as a person enters it in a vendor's settings. Has no `Debug`: it holds a secret.
#[derive(Clone, PartialEq, Eq)]
pub struct EnteredHook {
    /// Receiver.
    pub target: String,
    /// What its deliveries are proved by.
    pub token: String,
    /// What it is told of; absent means what the vendor tells first.
    pub event_types: Option<Vec<String>>,
    /// The locations that it is told of; absent means all.
    pub businesses: Option<Vec<String>>,
}
