//! Bookings as items, both ways.

use std::collections::HashMap;

use aws_sdk_dynamodb::types::AttributeValue;
use jiff::Timestamp;
use sync_domain::keys::{BookingKey, ContentHash};
use sync_domain::model::{
    Booking, BookingStatus, BookingVersion, ClientId, ClientLink, CorrelationId, DetailName,
    Details, ExternalId, LinkRule, Person, Recency, StatusReason, StoredBooking, System, TenantId,
};

use super::item::{
    ENTITY_BOOKING, Item, booking_partition, integer_of, item_of, number, number_of, second_text,
    text, text_of, texts_of,
};
use super::record_item::texts;

/// The item of a version, without its key.
pub fn booking_item(version: &BookingVersion) -> Item {
    let BookingVersion { tenant, system, stored, .. } = version;
    let Booking { starts_at, ends_at, status, reason, person, details } = &stored.booking;
    let optional = |value: &Option<String>| value.as_ref().map(text);
    let client = stored.client.as_ref();
    // What the provider has no more is not looked for there again.
    let is_found = *reason != Some(StatusReason::Deleted);
    item_of([
        ("entity", Some(text(ENTITY_BOOKING))),
        ("tenant_id", Some(text(tenant.as_str()))),
        ("system", Some(text(system.as_str()))),
        ("booking_key", Some(text(stored.key.as_str()))),
        ("external_id", Some(text(stored.external_id.as_str()))),
        ("version", Some(number(stored.version))),
        ("hash", Some(text(stored.hash.as_str()))),
        ("start_time", Some(text(starts_at.to_string()))),
        ("end_time", Some(text(ends_at.to_string()))),
        ("status", Some(text(status.as_str()))),
        ("reason", reason.map(|reason| text(reason.as_str()))),
        ("first_name", optional(&person.first_name)),
        ("last_name", optional(&person.last_name)),
        ("client_email", optional(&person.email)),
        ("client_phone", optional(&person.phone)),
        ("details", Some(details_value(details))),
        ("client_id", client.map(|link| text(link.client.as_str()))),
        ("client_rule", client.map(|link| text(link.rule.as_str()))),
        ("provider_version_ms", Some(number(stored.recency.provider_version))),
        ("read_at_ms", Some(number(stored.recency.read_at_ms))),
        ("synced_at", Some(text(version.synced_at.to_string()))),
        ("differences", texts(version.differences.iter().map(String::as_str))),
        ("correlation_id", Some(text(version.correlation_id.as_str()))),
        ("booking_partition", is_found.then(|| text(booking_partition(tenant, *system)))),
        ("starts_at", is_found.then(|| text(second_text(*starts_at)))),
    ])
}

fn details_value(details: &Details) -> AttributeValue {
    let values = details.iter().map(|(name, value)| (name.as_str().to_owned(), text(value)));
    AttributeValue::M(values.collect::<HashMap<_, _>>())
}

/// The attribute that is missing, or is of another type than we write.
pub type Unreadable = &'static str;

/// Reads a booking.
///
/// # Errors
/// With the name of the first attribute that can't be read.
pub fn booking_of(item: &Item) -> Result<StoredBooking, Unreadable> {
    if text_of(item, "entity") != Some(ENTITY_BOOKING) {
        return Err("entity");
    }
    Ok(StoredBooking {
        key: BookingKey::from_stored(required(item, "booking_key")?),
        external_id: ExternalId::new(required(item, "external_id")?),
        version: number_of(item, "version").filter(|version| *version > 0).ok_or("version")?,
        booking: state_of(item)?,
        hash: ContentHash::from_stored(required(item, "hash")?),
        client: link_of(item)?,
        recency: Recency {
            provider_version: integer_of(item, "provider_version_ms")
                .ok_or("provider_version_ms")?,
            read_at_ms: integer_of(item, "read_at_ms").ok_or("read_at_ms")?,
        },
    })
}

/// Reads a booking together with what is known of its last version.
///
/// # Errors
/// With the name of the first attribute that can't be read.
pub fn version_of(item: &Item) -> Result<BookingVersion, Unreadable> {
    Ok(BookingVersion {
        stored: booking_of(item)?,
        tenant: parsed(item, "tenant_id", TenantId::parse)?,
        system: parsed(item, "system", System::parse)?,
        differences: texts_of(item, "differences").collect(),
        synced_at: time_of(item, "synced_at")?,
        correlation_id: parsed(item, "correlation_id", CorrelationId::parse)?,
    })
}

fn state_of(item: &Item) -> Result<Booking, Unreadable> {
    let optional = |name| text_of(item, name).map(str::to_owned);
    let reason = item.get("reason").map(|_| parsed(item, "reason", StatusReason::parse));
    Ok(Booking {
        starts_at: time_of(item, "start_time")?,
        ends_at: time_of(item, "end_time")?,
        status: parsed(item, "status", BookingStatus::parse)?,
        reason: reason.transpose()?,
        person: Person {
            first_name: optional("first_name"),
            last_name: optional("last_name"),
            email: optional("client_email"),
            phone: optional("client_phone"),
        },
        details: details_of(item)?,
    })
}

/// A detail that this build does not know is left out.
fn details_of(item: &Item) -> Result<Details, Unreadable> {
    let stored = item.get("details").and_then(|value| value.as_m().ok()).ok_or("details")?;
    let known = stored
        .iter()
        .filter_map(|(name, value)| Some((DetailName::parse(name)?, value.as_s().ok()?.clone())));
    Ok(known.collect())
}

fn link_of(item: &Item) -> Result<Option<ClientLink>, Unreadable> {
    let Some(client) = text_of(item, "client_id") else { return Ok(None) };
    let rule = parsed(item, "client_rule", LinkRule::parse)?;
    Ok(Some(ClientLink { client: ClientId::new(client), rule }))
}

fn required<'a>(item: &'a Item, name: &'static str) -> Result<&'a str, Unreadable> {
    text_of(item, name).ok_or(name)
}

fn parsed<T>(
    item: &Item,
    name: &'static str,
    parse: impl Fn(&str) -> Option<T>,
) -> Result<T, Unreadable> {
    parse(required(item, name)?).ok_or(name)
}

fn time_of(item: &Item, name: &'static str) -> Result<Timestamp, Unreadable> {
    required(item, name)?.parse().map_err(|_invalid| name)
}

#[cfg(test)]
mod tests {
    use aws_sdk_dynamodb::types::AttributeValue;
    use sync_domain::keys::{BookingKey, ContentHash};
    use sync_domain::model::{
        Booking, BookingStatus, BookingVersion, ClientId, ClientLink, CorrelationId, DetailName,
        ExternalId, LinkRule, Person, Recency, StatusReason, StoredBooking, System, TenantId,
    };

    use super::{booking_item, version_of};
    use crate::dynamo::item::text;

    fn version() -> BookingVersion {
        let booking = Booking {
            starts_at: "2026-11-22T10:00:00.5Z".parse().unwrap(),
            ends_at: "2026-11-22T11:00:00Z".parse().unwrap(),
            status: BookingStatus::Cancelled,
            reason: Some(StatusReason::NoShow),
            person: Person {
                first_name: Some("Ada".to_owned()),
                last_name: Some("Lovelace".to_owned()),
                email: Some("ada@example.com".to_owned()),
                phone: Some("+12025550143".to_owned()),
            },
            details: [(DetailName::ServiceId, "7".to_owned())].into(),
        };
        let stored = StoredBooking {
            key: BookingKey::from_stored("k"),
            external_id: ExternalId::new("17"),
            version: 3,
            booking,
            hash: ContentHash::from_stored("h"),
            client: Some(ClientLink { client: ClientId::new("c"), rule: LinkRule::Phone }),
            recency: Recency { provider_version: 20, read_at_ms: 21 },
        };
        BookingVersion {
            tenant: TenantId::parse("acme").unwrap(),
            system: System::Acuity,
            stored,
            differences: ["status".to_owned()].into(),
            synced_at: "2026-11-22T12:00:00.25Z".parse().unwrap(),
            correlation_id: CorrelationId::unknown(),
        }
    }

    #[test]
    fn booking_survives_the_table() {
        let full = version();
        assert_eq!(version_of(&booking_item(&full)).unwrap(), full);
        let mut bare = version();
        bare.stored.booking.reason = None;
        bare.stored.booking.person = Person::default();
        bare.stored.booking.details.clear();
        bare.stored.client = None;
        bare.stored.recency = Recency::default();
        bare.differences.clear();
        assert_eq!(version_of(&booking_item(&bare)).unwrap(), bare);
    }

    #[test]
    fn booking_is_in_the_index_under_its_second_until_it_is_deleted() {
        let mut version = version();
        let item = booking_item(&version);
        assert_eq!(item["booking_partition"], text("T#acme#BOOKING#acuity"));
        assert_eq!(item["starts_at"], text("2026-11-22T10:00:00Z"));
        version.stored.booking.reason = Some(StatusReason::Deleted);
        let item = booking_item(&version);
        assert!(!item.contains_key("booking_partition") && !item.contains_key("starts_at"));
        assert_eq!(version_of(&item).unwrap(), version);
    }

    #[test]
    fn booking_that_can_not_be_read_names_the_attribute() {
        for (name, value) in [
            ("entity", text("Other")),
            ("version", AttributeValue::N("0".to_owned())),
            ("status", text("lost")),
            ("reason", text("rain")),
            ("client_rule", text("guess")),
            ("end_time", text("soon")),
            ("details", text("x")),
            ("read_at_ms", text("1")),
        ] {
            let mut item = booking_item(&version());
            item.insert(name.to_owned(), value);
            assert_eq!(version_of(&item).unwrap_err(), name);
        }
    }
}
