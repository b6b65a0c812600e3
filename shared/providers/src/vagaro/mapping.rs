//! What a row of Vagaro's is in the platform's terms.
//!
//! Members: docs.vagaro.com, "Appointment events" and "Customer events" (2026); the rows of reads and
//! of exports are taken to have the same names. Statuses beyond those of the pages are known from
//! third parties. Kept is what is named here and nothing else: no amounts, forms, notes or addresses.

use jiff::{SignedDuration, Timestamp};
use sync_domain::model::{BookingSnapshot, DetailName, Details, ExternalId, Person, RemoteState};
use sync_domain::ports::UnreadableBooking;

use super::row::{Member, Row};
use crate::person_fields;

/// A year. What lasts longer is no appointment.
const LASTS_AT_MOST: SignedDuration = SignedDuration::from_hours(366 * 24);
/// The end of the year 9998: beyond it, an end could not be written down.
const STARTS_BEFORE: Timestamp = Timestamp::constant(253_370_764_800, 0);
/// The longest id, in bytes.
const ID_MAX_BYTES: usize = 128;

/// What a status says of an entry of the calendar.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum StatusMeaning {
    /// It is an appointment.
    Appointment {
        /// Its fate.
        state: RemoteState,
        /// Whether the business has yet to say yes.
        is_tentative: bool,
    },
    /// A member of staff is away: nobody has booked.
    StaffBlock,
}

/// How a status is compared, after its blanks and its case are gone.
enum Spelling {
    Whole(&'static str),
    /// Spellings that go on differently: "Service Complete" and "Service Completed".
    Prefix(&'static str),
}

impl Spelling {
    fn fits(&self, folded: &str) -> bool {
        match self {
            Self::Whole(whole) => folded == *whole,
            Self::Prefix(prefix) => folded.starts_with(prefix),
        }
    }
}

const fn stands(is_tentative: bool) -> StatusMeaning {
    StatusMeaning::Appointment { state: RemoteState::Standing, is_tentative }
}

const fn has(state: RemoteState) -> StatusMeaning {
    StatusMeaning::Appointment { state, is_tentative: false }
}

/// Every status that is known. "Show" is whole: it is not the beginning of another one.
const STATUSES: [(Spelling, StatusMeaning); 14] = [
    (Spelling::Whole("accepted"), stands(false)),
    (Spelling::Whole("confirmed"), stands(false)),
    (Spelling::Whole("readytostart"), stands(false)),
    (Spelling::Whole("serviceinprogress"), stands(false)),
    (Spelling::Whole("needacceptance"), stands(true)),
    (Spelling::Whole("awaitingconfirmation"), stands(true)),
    (Spelling::Prefix("servicecomplete"), has(RemoteState::Completed)),
    (Spelling::Whole("show"), has(RemoteState::Completed)),
    (Spelling::Prefix("cancel"), has(RemoteState::Cancelled)),
    (Spelling::Whole("deleted"), has(RemoteState::Deleted)),
    (Spelling::Whole("denied"), has(RemoteState::Declined)),
    (Spelling::Whole("noshow"), has(RemoteState::NoShow)),
    (Spelling::Whole("no-show"), has(RemoteState::NoShow)),
    (Spelling::Whole(PERSONAL_OFF), StatusMeaning::StaffBlock),
];

/// A status, and a type of event, of a member of staff who is away.
const PERSONAL_OFF: &str = "personaloff";
/// The type of event that is one seat of a class.
const CLASS: &str = "class";

fn folded(text: &str) -> String {
    let kept = text.chars().filter(|it| !it.is_whitespace() && *it != '_');
    kept.map(|it| it.to_ascii_lowercase()).collect()
}

/// What a `bookingStatus` says, in any case and spacing; `None` for one that is not known.
pub(crate) fn state_of(booking_status: &str) -> Option<StatusMeaning> {
    let folded = folded(booking_status);
    let known = STATUSES.iter().find(|(spelling, _)| spelling.fits(&folded));
    known.map(|(_, meaning)| *meaning)
}

/// An entry of the calendar.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum CalendarEntry {
    /// Somebody's appointment, but for who booked.
    Appointment {
        /// The vendor's id.
        external_id: ExternalId,
        /// What the row says; without `as_of`, which is not in it.
        snapshot: BookingSnapshot,
    },
    /// A member of staff is away: nobody has booked.
    StaffBlock,
}

/// An id of the vendor's: opaque, like base64, and compared byte by byte.
pub(crate) fn is_id(text: &str) -> bool {
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b"+/=~_-".contains(&byte);
    (1..=ID_MAX_BYTES).contains(&text.len()) && text.bytes().all(is_plain)
}

/// A time with its offset from UTC, as the vendor writes them (`2026-05-12T18:00:00.000Z`), in
/// milliseconds; `None` for one that is not within the years 1970 to 9998.
pub(crate) fn time_of(text: &str) -> Option<Timestamp> {
    let time: Timestamp = text.trim().parse().ok()?;
    let time = Timestamp::from_millisecond(time.as_millisecond()).ok()?;
    (Timestamp::UNIX_EPOCH..STARTS_BEFORE).contains(&time).then_some(time)
}

/// The id of a row's appointment.
pub(crate) fn external_id_of(row: &Row) -> Option<ExternalId> {
    id(row, Member::AppointmentId).map(ExternalId::new)
}

/// What an appointment's row is. `deleted` is the state of one whose deletion is told, whatever its
/// status says.
///
/// # Errors
/// The member without which there is no booking, or whose value is not known.
pub(crate) fn entry_of(
    row: &Row,
    deleted: Option<RemoteState>,
) -> Result<CalendarEntry, UnreadableBooking> {
    if row.text(Member::EventType).is_some_and(|it| folded(it) == PERSONAL_OFF) {
        return Ok(CalendarEntry::StaffBlock);
    }
    let unreadable = |member: Member| UnreadableBooking {
        external_id: external_id_of(row),
        field: member.as_str(),
    };
    let meaning = row.text(Member::BookingStatus).and_then(state_of);
    let (state, is_tentative) = match (meaning, deleted) {
        (Some(StatusMeaning::StaffBlock), _) => return Ok(CalendarEntry::StaffBlock),
        (_, Some(deleted)) => (deleted, false),
        (Some(StatusMeaning::Appointment { state, is_tentative }), None) => (state, is_tentative),
        (None, None) => return Err(unreadable(Member::BookingStatus)),
    };
    let external_id = external_id_of(row).ok_or_else(|| unreadable(Member::AppointmentId))?;
    let time = |member| row.text(member).and_then(time_of).ok_or_else(|| unreadable(member));
    let (starts_at, ends_at) = (time(Member::StartTime)?, time(Member::EndTime)?);
    let lasts = ends_at.duration_since(starts_at);
    if lasts <= SignedDuration::ZERO || lasts > LASTS_AT_MOST {
        return Err(unreadable(Member::EndTime));
    }
    let customer_id = id(row, Member::CustomerId);
    if customer_id.is_none() && row.text(Member::CustomerId).is_some() {
        return Err(unreadable(Member::CustomerId));
    }
    let details = details_of(row, is_tentative);
    let snapshot = BookingSnapshot {
        starts_at,
        ends_at,
        state,
        details,
        customer_id,
        provider_version: None,
        as_of: None,
    };
    Ok(CalendarEntry::Appointment { external_id, snapshot })
}

/// Who a customer's row tells of. `default_region` is the tenant's, for phone numbers of a customer
/// without a country. Of three phones the mobile one counts first.
pub(crate) fn person_of(row: &Row, default_region: Option<&str>) -> Person {
    let country = row.text(Member::CountryCode).map(str::to_ascii_uppercase);
    let country =
        country.filter(|it| it.len() == 2 && it.bytes().all(|it| it.is_ascii_uppercase()));
    let region = country.as_deref().or(default_region);
    let phones = [Member::MobilePhone, Member::DayPhone, Member::NightPhone];
    let mut phones = phones.into_iter().filter_map(|member| row.text(member));
    Person {
        first_name: row.text(Member::FirstName).and_then(person_fields::name_of),
        last_name: row.text(Member::LastName).and_then(person_fields::name_of),
        email: row.text(Member::Email).and_then(person_fields::email_of),
        phone: phones.find_map(|text| person_fields::phone_of(text, region)),
    }
}

fn details_of(row: &Row, is_tentative: bool) -> Details {
    let is_class = row.text(Member::EventType).is_some_and(|it| folded(it) == CLASS);
    let class_id = if is_class { id(row, Member::CalendarEventId) } else { None };
    let details = [
        (DetailName::ServiceId, id(row, Member::ServiceId)),
        (DetailName::ServiceName, row.text(Member::ServiceTitle).and_then(person_fields::name_of)),
        (DetailName::ResourceId, id(row, Member::ServiceProviderId)),
        (DetailName::LocationId, id(row, Member::BusinessId)),
        (DetailName::ClassId, class_id),
        (DetailName::IsTentative, is_tentative.then(|| "true".to_owned())),
    ];
    details.into_iter().filter_map(|(name, value)| Some((name, value?))).collect()
}

fn id(row: &Row, member: Member) -> Option<String> {
    row.text(member).filter(|text| is_id(text)).map(str::to_owned)
}
