//! An appointment as a delivery tells of it: all but who booked, so that it may go into a message.

use std::cmp::Ordering;
use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::ExternalId;
use super::booking::{DetailName, Details, Person, RemoteBooking, RemoteState};
use super::change::is_id;

/// The longest value of a detail that a message carries. Names of services are the longest of them,
/// some hundred characters at the vendors.
const DETAIL_MAX_BYTES: usize = 1_024;

/// What a delivery says of an appointment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BookingSnapshot {
    /// When it begins.
    pub starts_at: Timestamp,
    /// When it ends; not before `starts_at`.
    pub ends_at: Timestamp,
    /// Its fate.
    pub state: RemoteState,
    /// What else is kept.
    pub details: Details,
    /// The provider's id of who booked, if anybody.
    pub customer_id: Option<String>,
    /// The provider's version, which rises; `None` where the provider has none.
    pub provider_version: Option<i64>,
    /// When it was so, by the provider's clock; `None` where `provider_version` tells what is newer.
    pub as_of: Option<Timestamp>,
}

impl BookingSnapshot {
    /// What it says, with who booked.
    pub fn with_person(self, external_id: ExternalId, person: Option<Person>) -> RemoteBooking {
        let Self { starts_at, ends_at, state, details, provider_version, .. } = self;
        RemoteBooking { external_id, starts_at, ends_at, state, person, details, provider_version }
    }

    /// Whether it tells of a later state than the other one, of an earlier one or of the same; `None`
    /// where neither version nor time tells two different states apart.
    pub fn compared(&self, other: &Self) -> Option<Ordering> {
        let order = match (self.provider_version, other.provider_version) {
            (Some(ours), Some(theirs)) => ours.cmp(&theirs),
            (None, None) => self.as_of?.cmp(&other.as_of?),
            (Some(_), None) | (None, Some(_)) => return None,
        };
        (order.is_ne() || self == other).then_some(order)
    }

    /// Whether a message can hold it: whoever can't put it into one leaves it to be read.
    fn is_carried(&self) -> bool {
        let is_short = |value: &String| !value.is_empty() && value.len() <= DETAIL_MAX_BYTES;
        self.starts_at <= self.ends_at
            && self.details.values().all(is_short)
            && self.customer_id.as_deref().is_none_or(is_provider_id)
    }
}

/// Whether a text may be a provider's id of an appointment or a customer: those of Vagaro are base64
/// and like it.
pub(super) fn is_provider_id(text: &str) -> bool {
    is_id(&text.replace(['+', '/', '=', '~'], "-"))
}

/// A snapshot in a message.
#[derive(Serialize, Deserialize)]
pub(super) struct SnapshotBody {
    starts_at_ms: i64,
    ends_at_ms: i64,
    state: String,
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    details: BTreeMap<String, String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    customer_id: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    provider_version: Option<i64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    as_of_ms: Option<i64>,
}

impl SnapshotBody {
    /// The snapshot as a message holds it; nothing if none can.
    pub fn of(snapshot: &BookingSnapshot) -> Option<Self> {
        let details = snapshot.details.iter();
        snapshot.is_carried().then(|| Self {
            starts_at_ms: snapshot.starts_at.as_millisecond(),
            ends_at_ms: snapshot.ends_at.as_millisecond(),
            state: snapshot.state.as_str().to_owned(),
            details: details.map(|(name, value)| (name.as_str().into(), value.clone())).collect(),
            customer_id: snapshot.customer_id.clone(),
            provider_version: snapshot.provider_version,
            as_of_ms: snapshot.as_of.map(Timestamp::as_millisecond),
        })
    }

    /// What it says; nothing if this build can't tell: a later one may know more states and details.
    pub fn read(self) -> Option<BookingSnapshot> {
        let moment = |ms| Timestamp::from_millisecond(ms).ok();
        let details = self.details.into_iter();
        let details = details.map(|(name, value)| Some((DetailName::parse(&name)?, value)));
        let snapshot = BookingSnapshot {
            starts_at: moment(self.starts_at_ms)?,
            ends_at: moment(self.ends_at_ms)?,
            state: RemoteState::parse(&self.state)?,
            details: details.collect::<Option<_>>()?,
            customer_id: self.customer_id,
            provider_version: self.provider_version,
            as_of: self.as_of_ms.map(Timestamp::from_millisecond).transpose().ok()?,
        };
        snapshot.is_carried().then_some(snapshot)
    }
}
