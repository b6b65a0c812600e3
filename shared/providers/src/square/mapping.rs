//! What a booking and a customer of Square's are in the platform's terms.
//!
//! Members and their meaning: Square's published description of 2025-08-20. Kept is what is named here
//! and nothing else: no notes, addresses, prices or who made the booking.

use jiff::{SignedDuration, Timestamp};
use sync_domain::model::{BookingSnapshot, DetailName, Details, ExternalId, Person, RemoteState};
use sync_domain::ports::UnreadableBooking;

use super::wire::{Booking, Customer, Segment};
use crate::person_fields;

/// The end of the year 9998: beyond it, an end could not be written down.
const STARTS_BEFORE: Timestamp = Timestamp::constant(253_370_764_800, 0);
/// A year. What lasts longer is no appointment.
const MINUTES_MAX: u64 = 366 * 24 * 60;
/// The longest id that is taken; documented are 36 for bookings, locations and services.
const ID_MAX_BYTES: usize = 128;
/// The longest id of a customer (`Booking`, `customer_id`).
const CUSTOMER_ID_MAX_BYTES: usize = 192;
/// So many bits hold when a booking was changed, in milliseconds: enough up to the year 2109.
const CHANGED_BITS: u32 = 42;
/// The highest version that is told apart from those above it.
const VERSION_MAX: u64 = (1 << 21) - 1;

/// There is something in the place of a customer's id that is none.
struct NoCustomerId;

impl Booking {
    /// The vendor's id.
    pub fn external_id(&self) -> Option<ExternalId> {
        self.id.text().filter(|id| is_id(id)).map(ExternalId::new)
    }

    /// When it begins; the examples are in UTC, and any offset is read.
    pub fn starts_at(&self) -> Option<Timestamp> {
        let starts_at: Timestamp = self.start_at.text()?.parse().ok()?;
        (Timestamp::UNIX_EPOCH..STARTS_BEFORE).contains(&starts_at).then_some(starts_at)
    }

    fn segments(&self) -> &[Segment] {
        self.appointment_segments.get().map(Vec::as_slice).unwrap_or_default()
    }

    /// From the first segment's begin to the last one's end: what lies behind it
    /// (`transition_time_minutes`, the last `intermission_minutes`) is not the client's time.
    fn minutes(&self) -> Option<i64> {
        let mut minutes = 0_u64;
        let mut gap = 0;
        for segment in self.segments() {
            minutes = minutes.checked_add(gap)?.checked_add(segment.duration_minutes.number()?)?;
            let intermission = segment.intermission_minutes.as_ref();
            gap = intermission.map_or(Some(0), |given| given.number())?;
        }
        i64::try_from((1..=MINUTES_MAX).contains(&minutes).then_some(minutes)?).ok()
    }

    /// The version, and of equal versions the later change, as one number. A clock outside of the bits
    /// counts as their end.
    fn packed_version(&self) -> Option<i64> {
        let version = self.version.number()?.min(VERSION_MAX);
        let changed: Option<Timestamp> = self.updated_at.text().and_then(|it| it.parse().ok());
        let changed_ms = changed.map_or(0, Timestamp::as_millisecond);
        let changed_ms = changed_ms.clamp(0, (1 << CHANGED_BITS) - 1);
        i64::try_from(version).ok().map(|version| version << CHANGED_BITS | changed_ms)
    }

    /// `None` for a status that is not known: what is stored must then stay as it is.
    fn fate(&self) -> Option<(RemoteState, Option<(DetailName, &'static str)>)> {
        let called_off_by = |who| (RemoteState::Cancelled, Some((DetailName::CancelledBy, who)));
        Some(match self.status.text()? {
            "PENDING" => (RemoteState::Standing, Some((DetailName::IsTentative, "true"))),
            "ACCEPTED" => (RemoteState::Standing, None),
            "DECLINED" => (RemoteState::Declined, None),
            "CANCELLED_BY_CUSTOMER" => called_off_by("customer"),
            "CANCELLED_BY_SELLER" => called_off_by("business"),
            "NO_SHOW" => (RemoteState::NoShow, None),
            _ => return None,
        })
    }

    fn customer_id(&self) -> Result<Option<&str>, NoCustomerId> {
        let Some(given) = &self.customer_id else { return Ok(None) };
        // An empty text is a customer as little as null is.
        match given.get().map(|text| text.trim()) {
            Some("") => Ok(None),
            Some(id) if is_customer_id(id) => Ok(Some(id)),
            Some(_) | None => Err(NoCustomerId),
        }
    }

    fn details(&self, of_fate: Option<(DetailName, &'static str)>) -> Details {
        let id = |text: Option<&str>| text.filter(|id| is_id(id)).map(str::to_owned);
        let first = self.segments().first();
        let details = [
            (DetailName::ServiceId, id(first.and_then(|it| it.service_variation_id.text()))),
            (DetailName::ResourceId, id(first.and_then(|it| it.team_member_id.text()))),
            (DetailName::LocationId, id(self.location_id.text())),
        ];
        let known = details.into_iter().filter_map(|(name, value)| Some((name, value?)));
        known.chain(of_fate.map(|(name, value)| (name, value.to_owned()))).collect()
    }
}

/// Whether a text may be an id of Square's: short, and free of what would mean something in an address,
/// a key or a log.
pub fn is_id(text: &str) -> bool {
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b"_-.".contains(&byte);
    (1..=ID_MAX_BYTES).contains(&text.len()) && text.bytes().all(is_plain)
}

/// The id of a booking.
///
/// # Errors
/// There is none, or none that could be Square's.
pub fn id_of(booking: &Booking) -> Result<ExternalId, UnreadableBooking> {
    booking.external_id().ok_or(UnreadableBooking { external_id: None, field: "id" })
}

/// The snapshot that a booking is: all of it but who booked.
///
/// # Errors
/// The member without which there is no booking, or of which the value is not known.
pub fn snapshot_of(booking: &Booking) -> Result<BookingSnapshot, UnreadableBooking> {
    let unreadable = |field| UnreadableBooking { external_id: booking.external_id(), field };
    id_of(booking)?;
    let starts_at = booking.starts_at().ok_or_else(|| unreadable("start_at"))?;
    let ends_at = booking
        .minutes()
        .and_then(|minutes| starts_at.checked_add(SignedDuration::from_mins(minutes)).ok())
        .ok_or_else(|| unreadable("appointment_segments"))?;
    let (state, of_fate) = booking.fate().ok_or_else(|| unreadable("status"))?;
    let provider_version = booking.packed_version().ok_or_else(|| unreadable("version"))?;
    let customer_id = booking.customer_id().map_err(|NoCustomerId| unreadable("customer_id"))?;
    Ok(BookingSnapshot {
        starts_at,
        ends_at,
        state,
        details: booking.details(of_fate),
        customer_id: customer_id.map(str::to_owned),
        provider_version: Some(provider_version),
        as_of: None,
    })
}

fn is_customer_id(text: &str) -> bool {
    text.len() <= CUSTOMER_ID_MAX_BYTES && text.bytes().all(|byte| byte.is_ascii_graphic())
}

/// Who a customer is. `default_region` is the tenant's, for phone numbers: Square takes them without a
/// country, too.
pub fn person_of(customer: &Customer, default_region: Option<&str>) -> Person {
    let phone = customer.phone_number.text();
    Person {
        first_name: customer.given_name.text().and_then(person_fields::name_of),
        last_name: customer.family_name.text().and_then(person_fields::name_of),
        email: customer.email_address.text().and_then(person_fields::email_of),
        phone: phone.and_then(|phone| person_fields::phone_of(phone, default_region)),
    }
}
