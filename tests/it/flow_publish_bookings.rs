//! Events of bookings: which one a version becomes, what is in it, and that its tokens are those of
//! the CRM's events.

use serde_json::{Value, json};
use sync_domain::event::{BusEvent, Change, SOURCE};
use sync_domain::keys::{BookingKey, ContentHash};
use sync_domain::model::{
    AttributeName, Booking, BookingStatus, BookingVersion, ClientId, ClientLink, CorrelationId,
    DetailName, ExternalId, LinkRule, Person, Recency, StatusReason, StoredBooking, System,
    TenantId,
};
use sync_domain::pseudonym::Pseudonymiser;

use crate::support::schemas;

/// A value of a detail, one of the vendors' words where these are not ours to choose.
fn detail(name: DetailName) -> String {
    match name {
        DetailName::IsTentative => "true".to_owned(),
        DetailName::CancelledBy => "business".to_owned(),
        DetailName::ServiceId
        | DetailName::ServiceName
        | DetailName::ResourceId
        | DetailName::LocationId
        | DetailName::ClassId
        | DetailName::ClientTimeZone
        | DetailName::ResourceTimeZone => format!("a {}", name.as_str()),
    }
}

fn pseudonymiser() -> Pseudonymiser {
    Pseudonymiser::new("a-key".into())
}

/// A version with all that a booking can have.
fn version(number: u64) -> BookingVersion {
    let booking = Booking {
        starts_at: "2026-11-22T10:00:00Z".parse().unwrap(),
        ends_at: "2026-11-22T11:00:00Z".parse().unwrap(),
        status: BookingStatus::Cancelled,
        reason: Some(StatusReason::NoShow),
        person: Person {
            first_name: Some("Ada".to_owned()),
            last_name: Some("Lovelace".to_owned()),
            email: Some("ada@example.com".to_owned()),
            phone: Some("+12025550143".to_owned()),
        },
        details: DetailName::ALL.map(|name| (name, detail(name))).into(),
    };
    let differences = booking.fields().into_iter().map(|(name, _)| name.to_owned()).collect();
    let stored = StoredBooking {
        key: BookingKey::from_stored("b00c"),
        external_id: ExternalId::new("54321"),
        version: number,
        booking,
        hash: ContentHash::from_stored("4a54"),
        client: Some(ClientLink { client: ClientId::new("client-1"), rule: LinkRule::Email }),
        recency: Recency { provider_version: 0, read_at_ms: 1_790_000_000_000 },
    };
    BookingVersion {
        tenant: TenantId::parse("acme").unwrap(),
        system: System::Acuity,
        stored,
        differences,
        synced_at: "2026-11-22T12:00:00.5Z".parse().unwrap(),
        correlation_id: CorrelationId::parse("c-1").unwrap(),
    }
}

/// The event of a version, as its schema wants it.
fn event(version: &BookingVersion) -> BusEvent {
    let change = Change::BookingStored(Box::new(version.clone()));
    let event = BusEvent::of(&change, &pseudonymiser()).unwrap();
    schemas::assert_valid(&json!({
        "source": SOURCE, "detail-type": event.detail_type, "detail": event.detail,
    }));
    event
}

#[test]
fn booking_is_imported_once_and_updated_ever_after() {
    let first = event(&version(1));
    assert_eq!((first.detail_type, &first.detail["changed"]), ("booking.imported", &json!([])));
    let second = event(&version(2));
    assert_eq!(second.detail_type, "booking.updated");
    let changed = second.detail["changed"].as_array().unwrap();
    assert!(changed.contains(&json!("status")) && changed.contains(&json!("client_email")));
}

#[test]
fn booking_event_tells_the_state_and_hides_the_person() {
    let detail = event(&version(2)).detail;
    assert_eq!(detail["external_id"], "54321");
    assert_eq!((&detail["status"], &detail["reason"]), (&json!("cancelled"), &json!("no_show")));
    assert_eq!(detail["start_time"], "2026-11-22T10:00:00Z");
    assert_eq!(
        (&detail["client_id"], &detail["client_rule"]),
        (&json!("client-1"), &json!("email"))
    );
    assert_eq!(detail["details"]["service_id"], "a service_id");
    let text = detail.to_string();
    for hidden in ["ada@", "Ada", "Lovelace", "2025550143", "b00c", "4a54"] {
        assert!(!text.contains(hidden), "{hidden} in {text}");
    }
}

#[test]
fn booking_event_leaves_out_what_nobody_knows() {
    let mut bare = version(1);
    bare.stored.client = None;
    bare.stored.booking.reason = None;
    bare.stored.booking.status = BookingStatus::Scheduled;
    bare.stored.booking.person = Person::default();
    bare.stored.booking.details.clear();
    let detail = event(&bare).detail;
    assert_eq!((&detail["tokens"], &detail["details"]), (&json!({}), &json!({})));
    for absent in ["reason", "client_id", "client_rule"] {
        assert_eq!(detail[absent], Value::Null, "{absent}");
    }
}

#[test]
fn booking_tokens_are_those_of_the_crm_for_the_same_values() {
    let detail = event(&version(1)).detail;
    let tenant = TenantId::parse("acme").unwrap();
    for (name, attribute, value) in [
        ("client_email", AttributeName::Email, "ada@example.com"),
        ("client_phone", AttributeName::Phone, "+12025550143"),
        ("first_name", AttributeName::Firstname, "Ada"),
        ("last_name", AttributeName::Lastname, "Lovelace"),
    ] {
        let token = pseudonymiser().token(&tenant, attribute, value).unwrap();
        assert_eq!(detail["tokens"][name], token, "{name}");
    }
}

#[test]
fn booking_event_ids_repeat_for_the_same_version_and_differ_otherwise() {
    let first = event(&version(1)).event_id;
    assert_eq!(event(&version(1)).event_id, first);
    let mut others = vec![version(2), version(1), version(1)];
    others[1].stored.key = BookingKey::from_stored("b00d");
    others[2].synced_at = version(1).synced_at + std::time::Duration::from_nanos(1);
    for other in others {
        assert_ne!(event(&other).event_id, first);
    }
}
