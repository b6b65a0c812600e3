//! Appointments: as a provider tells of them, and as the platform holds them.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use jiff::Timestamp;

use super::{ClientLink, CorrelationId, ExternalId, Recency, System, TenantId};
use crate::keys::{BookingKey, ContentHash};

/// What a provider says of an appointment's fate.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum RemoteState {
    /// It stands. Whether it is over already is for the clock to say.
    Standing,
    /// The provider itself says that it took place.
    Completed,
    /// It was called off.
    Cancelled,
    /// It was asked for, and the business said no.
    Declined,
    /// The client did not come.
    NoShow,
    /// The provider has it no more.
    Deleted,
}

/// The platform's status of a booking.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum BookingStatus {
    /// It is to come, or under way.
    Scheduled,
    /// It took place, as far as anybody has said.
    Completed,
    /// It did not, or will not.
    Cancelled,
}

impl BookingStatus {
    /// Every status.
    pub const ALL: [Self; 3] = [Self::Scheduled, Self::Completed, Self::Cancelled];

    /// The text in the table and in events.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Scheduled => "scheduled",
            Self::Completed => "completed",
            Self::Cancelled => "cancelled",
        }
    }

    /// The status of that name.
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|status| status.as_str() == text)
    }
}

/// Why a booking is cancelled.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum StatusReason {
    /// Somebody called it off.
    Cancelled,
    /// It was asked for, and the business said no.
    Declined,
    /// The client did not come.
    NoShow,
    /// The provider has it no more.
    Deleted,
}

impl StatusReason {
    /// Every reason.
    pub const ALL: [Self; 4] = [Self::Cancelled, Self::Declined, Self::NoShow, Self::Deleted];

    /// The text in the table and in events.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Cancelled => "cancelled",
            Self::Declined => "declined",
            Self::NoShow => "no_show",
            Self::Deleted => "deleted",
        }
    }

    /// The reason of that name.
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|reason| reason.as_str() == text)
    }
}

impl RemoteState {
    /// Every state.
    pub const ALL: [Self; 6] = [
        Self::Standing,
        Self::Completed,
        Self::Cancelled,
        Self::Declined,
        Self::NoShow,
        Self::Deleted,
    ];

    /// The text in messages.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Standing => "standing",
            Self::Completed => "completed",
            Self::Cancelled => "cancelled",
            Self::Declined => "declined",
            Self::NoShow => "no_show",
            Self::Deleted => "deleted",
        }
    }

    /// The state of that name.
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|state| state.as_str() == text)
    }

    /// Status and reason at `now`. That an appointment was completed is mostly nobody's word: it is
    /// what becomes of one that stands when its end has come, and a later no-show may still undo it.
    pub fn status(
        self,
        ends_at: Timestamp,
        now: Timestamp,
    ) -> (BookingStatus, Option<StatusReason>) {
        match self {
            Self::Standing if ends_at > now => (BookingStatus::Scheduled, None),
            Self::Standing | Self::Completed => (BookingStatus::Completed, None),
            Self::Cancelled => (BookingStatus::Cancelled, Some(StatusReason::Cancelled)),
            Self::Declined => (BookingStatus::Cancelled, Some(StatusReason::Declined)),
            Self::NoShow => (BookingStatus::Cancelled, Some(StatusReason::NoShow)),
            Self::Deleted => (BookingStatus::Cancelled, Some(StatusReason::Deleted)),
        }
    }
}

/// Who booked, in the form that the platform compares by. `Debug` can't print it.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Person {
    /// Given name as typed, trimmed.
    pub first_name: Option<String>,
    /// Family name as typed, trimmed.
    pub last_name: Option<String>,
    /// A valid email in lower case.
    pub email: Option<String>,
    /// A valid phone number in E.164, else what was typed.
    pub phone: Option<String>,
}

impl fmt::Debug for Person {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("Person([hidden])")
    }
}

/// What else is kept of an appointment: references and names of the vendor's catalogue, nothing that
/// a client or a member of staff typed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum DetailName {
    /// The vendor's id of what was booked.
    ServiceId,
    /// Its name.
    ServiceName,
    /// The vendor's id of the calendar, or of the member of staff.
    ResourceId,
    /// The vendor's id of the place.
    LocationId,
    /// The vendor's id of the class of which this is one seat.
    ClassId,
    /// The client's time zone, an IANA name.
    ClientTimeZone,
    /// The time zone of the calendar or the place, an IANA name.
    ResourceTimeZone,
    /// `true` where it stands only until the business has said yes.
    IsTentative,
    /// Who called it off: `customer` or `business`.
    CancelledBy,
}

impl DetailName {
    /// Every name.
    pub const ALL: [Self; 9] = [
        Self::ServiceId,
        Self::ServiceName,
        Self::ResourceId,
        Self::LocationId,
        Self::ClassId,
        Self::ClientTimeZone,
        Self::ResourceTimeZone,
        Self::IsTentative,
        Self::CancelledBy,
    ];

    /// The name in the table and in events.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::ServiceId => "service_id",
            Self::ServiceName => "service_name",
            Self::ResourceId => "resource_id",
            Self::LocationId => "location_id",
            Self::ClassId => "class_id",
            Self::ClientTimeZone => "client_time_zone",
            Self::ResourceTimeZone => "resource_time_zone",
            Self::IsTentative => "is_tentative",
            Self::CancelledBy => "cancelled_by",
        }
    }

    /// The detail of that name.
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|name| name.as_str() == text)
    }
}

/// Details by name; none is empty.
pub type Details = BTreeMap<DetailName, String>;

/// An appointment as the provider has it, in the platform's terms.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RemoteBooking {
    /// The provider's id.
    pub external_id: ExternalId,
    /// When it begins.
    pub starts_at: Timestamp,
    /// When it ends; after `starts_at`.
    pub ends_at: Timestamp,
    /// Its fate.
    pub state: RemoteState,
    /// Who booked. `None` where that could not be found out: what is known of it stays.
    pub person: Option<Person>,
    /// What else is kept.
    pub details: Details,
    /// The provider's version, which rises; `None` where the provider has none.
    pub provider_version: Option<i64>,
}

/// An appointment as the platform holds it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Booking {
    /// When it begins.
    pub starts_at: Timestamp,
    /// When it ends.
    pub ends_at: Timestamp,
    /// Its status when it was last looked at.
    pub status: BookingStatus,
    /// Why it is cancelled, if it is.
    pub reason: Option<StatusReason>,
    /// Who booked.
    pub person: Person,
    /// What else is kept.
    pub details: Details,
}

impl Booking {
    /// What the platform holds of it at `now`; `known` is what it held before, if anything.
    pub fn of(remote: &RemoteBooking, known: Option<&Self>, now: Timestamp) -> Self {
        let (status, reason) = remote.state.status(remote.ends_at, now);
        let known_person = || known.map(|known| known.person.clone()).unwrap_or_default();
        Self {
            starts_at: remote.starts_at,
            ends_at: remote.ends_at,
            status,
            reason,
            person: remote.person.clone().unwrap_or_else(known_person),
            details: remote.details.clone(),
        }
    }

    /// Every name with its value, `None` where there is none, in a fixed order: what the content hash
    /// is made of, and what two states are compared by.
    pub fn fields(&self) -> Vec<(&'static str, Option<String>)> {
        let mut fields = vec![
            ("start_time", Some(self.starts_at.to_string())),
            ("end_time", Some(self.ends_at.to_string())),
            ("status", Some(self.status.as_str().to_owned())),
            ("reason", self.reason.map(|reason| reason.as_str().to_owned())),
            ("first_name", self.person.first_name.clone()),
            ("last_name", self.person.last_name.clone()),
            ("client_email", self.person.email.clone()),
            ("client_phone", self.person.phone.clone()),
        ];
        let details = DetailName::ALL.into_iter();
        fields.extend(details.map(|name| (name.as_str(), self.details.get(&name).cloned())));
        fields
    }

    /// The names whose values differ.
    pub fn differences(&self, other: &Self) -> BTreeSet<&'static str> {
        let pairs = self.fields().into_iter().zip(other.fields());
        pairs.filter(|(ours, theirs)| ours.1 != theirs.1).map(|(ours, _)| ours.0).collect()
    }
}

/// A booking as it is stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredBooking {
    /// Where.
    pub key: BookingKey,
    /// The provider's id.
    pub external_id: ExternalId,
    /// Counts the stored states, from 1.
    pub version: u64,
    /// The state.
    pub booking: Booking,
    /// The hash of that state.
    pub hash: ContentHash,
    /// Whose booking it is; `None` where nothing tells.
    pub client: Option<ClientLink>,
    /// How recent the state is.
    pub recency: Recency,
}

/// A state that was stored: what the bus is told of.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BookingVersion {
    /// Whose.
    pub tenant: TenantId,
    /// From which system.
    pub system: System,
    /// What is stored.
    pub stored: StoredBooking,
    /// The names whose values differ from the version before; all that are there for the first.
    pub differences: BTreeSet<String>,
    /// When it was stored.
    pub synced_at: Timestamp,
    /// The request, delivery or sweep that brought it.
    pub correlation_id: CorrelationId,
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use jiff::Timestamp;

    use super::{BookingStatus, Person, RemoteState, StatusReason};

    #[test]
    fn status_follows_the_clock_only_while_the_appointment_stands() {
        let now = Timestamp::constant(1_790_000_000, 0);
        let (later, earlier) = (now + Duration::from_secs(1), now - Duration::from_secs(1));
        let status = |state: RemoteState, ends_at| state.status(ends_at, now);
        assert_eq!(status(RemoteState::Standing, later), (BookingStatus::Scheduled, None));
        assert_eq!(status(RemoteState::Standing, now), (BookingStatus::Completed, None));
        assert_eq!(status(RemoteState::Standing, earlier), (BookingStatus::Completed, None));
        for ends_at in [later, earlier] {
            for (state, reason) in [
                (RemoteState::Cancelled, StatusReason::Cancelled),
                (RemoteState::Declined, StatusReason::Declined),
                (RemoteState::NoShow, StatusReason::NoShow),
                (RemoteState::Deleted, StatusReason::Deleted),
            ] {
                assert_eq!(status(state, ends_at), (BookingStatus::Cancelled, Some(reason)));
            }
        }
    }

    #[test]
    fn person_hides_itself_in_debug_output() {
        let person = Person { email: Some("canary@example.com".to_owned()), ..Person::default() };
        assert!(!format!("{person:?}").contains("canary"));
    }
}
