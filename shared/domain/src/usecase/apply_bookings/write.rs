//! A decision as it is written: the next version, and what changes about clients with it.

use std::collections::BTreeSet;

use super::decide::Draft;
use super::{ApplyPorts, ApplyScope, Look};
use crate::keys::booking_key;
use crate::linking;
use crate::model::{BookingVersion, ClientId, StoredBooking};
use crate::ports::{BookingWrite, FoundClients};

/// The write for a decision; `None` if no key can be made of the booking or of who booked.
pub(super) fn write_of(
    ports: &ApplyPorts<'_>,
    scope: &ApplyScope,
    look: &Look,
    draft: &Draft,
    found: &FoundClients,
) -> Option<BookingWrite> {
    let tenant = &scope.tenant;
    let (link, client) = if draft.needs_client() {
        let new_id = || ClientId::new(ports.clock.unique_id());
        let linked = linking::link(tenant, &draft.booking.person, found, new_id).ok()?;
        linked.map(|linked| (linked.link, linked.write)).unzip()
    } else {
        (draft.before.as_ref().and_then(|before| before.client.clone()), None)
    };
    let seen = draft.before.as_ref().map(|before| before.version);
    let correlation_id = look.correlation_id.as_ref().unwrap_or(&scope.correlation_id);
    let version = BookingVersion {
        tenant: tenant.clone(),
        system: scope.system,
        stored: StoredBooking {
            key: booking_key(tenant, scope.system, &look.external_id).ok()?,
            external_id: look.external_id.clone(),
            version: seen.unwrap_or_default() + 1,
            booking: draft.booking.clone(),
            hash: draft.hash.clone(),
            client: link,
            recency: draft.recency,
        },
        differences: differences(draft),
        synced_at: ports.clock.now(),
        correlation_id: correlation_id.clone(),
    };
    Some(BookingWrite { version, seen, client: client.flatten() })
}

/// The names whose values differ from the version before; of the first one all that are there.
fn differences(draft: &Draft) -> BTreeSet<String> {
    match &draft.before {
        Some(before) => {
            let names = before.booking.differences(&draft.booking);
            names.into_iter().map(str::to_owned).collect()
        }
        None => {
            let fields = draft.booking.fields().into_iter();
            fields.filter_map(|(name, value)| value.map(|_| name.to_owned())).collect()
        }
    }
}
