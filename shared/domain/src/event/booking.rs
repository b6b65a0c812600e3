//! `booking.imported` and `booking.updated`: what is told of a booking.

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;

use super::{BusEvent, Common, EventError};
use crate::model::{AttributeName, BookingVersion, ClientId, Person, StatusReason, TenantId};
use crate::pseudonym::Pseudonymiser;

/// The detail type of a booking's first version.
const IMPORTED: &str = "booking.imported";
/// The detail type of every other version.
const UPDATED: &str = "booking.updated";

#[derive(Serialize)]
struct BookingStored<'a> {
    system: &'static str,
    external_id: &'a str,
    version: u64,
    status: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<&'static str>,
    start_time: String,
    end_time: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    client_id: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    client_rule: Option<&'static str>,
    changed: &'a BTreeSet<String>,
    details: BTreeMap<&'static str, &'a str>,
    tokens: BTreeMap<&'static str, String>,
}

/// The event of a booking's new version.
pub(super) fn booking_stored(
    version: &BookingVersion,
    pseudonymiser: &Pseudonymiser,
) -> Result<BusEvent, EventError> {
    let stored = &version.stored;
    let booking = &stored.booking;
    let number = stored.version.to_string();
    let stored_at = version.synced_at.to_string();
    let parts = ["booking", version.tenant.as_str(), stored.key.as_str(), &number, &stored_at];
    let is_first = stored.version == 1;
    let common = Common {
        detail_type: if is_first { IMPORTED } else { UPDATED },
        event_id: pseudonymiser.stable_id(&parts).ok_or(EventError::NoToken)?,
        tenant: &version.tenant,
        correlation_id: &version.correlation_id,
        occurred_at: version.synced_at,
    };
    let nothing = BTreeSet::new();
    let details = booking.details.iter().map(|(name, value)| (name.as_str(), value.as_str()));
    common.with(BookingStored {
        system: version.system.as_str(),
        external_id: stored.external_id.as_str(),
        version: stored.version,
        status: booking.status.as_str(),
        reason: booking.reason.map(StatusReason::as_str),
        start_time: booking.starts_at.to_string(),
        end_time: booking.ends_at.to_string(),
        client_id: stored.client.as_ref().map(|link| &link.client).map(ClientId::as_str),
        client_rule: stored.client.as_ref().map(|link| link.rule.as_str()),
        // There is no version before the first one that could differ.
        changed: if is_first { &nothing } else { &version.differences },
        details: details.collect(),
        tokens: tokens_of(&version.tenant, &booking.person, pseudonymiser),
    })
}

/// The tokens of a person. They are made under the names that a CRM's contact has for the same
/// things, so the same email of the same tenant has one token in both kinds of event.
fn tokens_of(
    tenant: &TenantId,
    person: &Person,
    pseudonymiser: &Pseudonymiser,
) -> BTreeMap<&'static str, String> {
    let tokens = [
        ("first_name", AttributeName::Firstname, &person.first_name),
        ("last_name", AttributeName::Lastname, &person.last_name),
        ("client_email", AttributeName::Email, &person.email),
        ("client_phone", AttributeName::Phone, &person.phone),
    ];
    let tokens = tokens.into_iter().filter_map(|(name, attribute, value)| {
        Some((name, pseudonymiser.token(tenant, attribute, value.as_deref()?)?))
    });
    tokens.collect()
}
