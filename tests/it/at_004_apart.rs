//! AT-004, tenants: two of them with the same appointment ids and the same clients stay apart in the
//! table, in events and in logs, whatever either of them is told.

use std::collections::BTreeSet;

use futures::future::join;
use serde_json::Value;

use crate::support::account::now_ms;
use crate::support::booking_state::text_in;
use crate::support::booking_system::{Appointment, BookingSystem, for_every_booking_system, noon};
use crate::support::booking_tenant::BookingTenant;
use crate::support::tenant::PHONE;

const FUNCTIONS: [&str; 4] = ["booking-import", "booking-sync", "booking-sweep", "connections"];
const THREE: [u64; 3] = [501, 502, 503];

/// The same three appointments of the same two people, whoever's the account is.
async fn seed_the_same(salon: &BookingTenant) {
    let ada = Appointment::at(501, noon(2)).of("Canaryada", "Canarylove", "canary@example.com");
    let again = Appointment { id: 502, starts_at: noon(3), ..ada.clone() };
    let eve = Appointment::at(503, noon(4)).of("Canaryeve", "Canaryhill", "");
    let eve = Appointment { phone: PHONE.0.to_owned(), ..eve };
    salon.seed(&[ada, again, eve]).await;
}

/// All values of these names, wherever they are.
fn values_of(items: &[Value], name: &str) -> BTreeSet<String> {
    items.iter().map(|it| text_in(it, name).to_owned()).filter(|it| !it.is_empty()).collect()
}

fn tokens_of(events: &[Value]) -> BTreeSet<String> {
    let tokens = events.iter().filter_map(|event| event["detail"]["tokens"].as_object());
    tokens.flat_map(|tokens| tokens.values().map(Value::to_string)).collect()
}

async fn assert_apart(one: &BookingTenant, other: &BookingTenant, since_ms: i64) {
    let webhook = format!("webhook-{}", one.tenant.provider.system);
    for function in FUNCTIONS.into_iter().chain([webhook.as_str()]) {
        let lines = one.tenant.cloud.log_lines(function, &one.tenant.id, since_ms).await;
        let crossed = lines.iter().find(|line| line.to_string().contains(&other.tenant.id));
        // A worker's batch may hold messages of several tenants; its line of the batch names none.
        assert!(crossed.is_none(), "{function}: {crossed:?}");
    }
    let items = Value::from(one.tenant.items().await).to_string();
    for mark in [&other.tenant.id, &other.tenant.access_token, &other.tenant.account] {
        assert!(!items.contains(mark.as_str()), "{mark} in the partition of {}", one.tenant.id);
    }
}

async fn tenants_with_the_same_appointments_and_clients_stay_apart(system: BookingSystem) {
    let since_ms = now_ms();
    let (one, other) = join(BookingTenant::new(system), BookingTenant::new(system)).await;
    seed_the_same(&one).await;
    seed_the_same(&other).await;
    let done = join(one.import_first(&THREE), other.import_first(&THREE)).await;
    assert_eq!((done.0.counts(), done.1.counts()), ((3, 0, 0), (3, 0, 0)));
    let (ours, theirs) = (one.tenant.events(3).await, other.tenant.events(3).await);
    assert!(tokens_of(&ours).is_disjoint(&tokens_of(&theirs)), "one token for two tenants");
    let bookings = (one.bookings().await, other.bookings().await);
    for (name, count) in [("client_id", 2), ("booking_key", 3)] {
        let (ours, theirs) = (values_of(&bookings.0, name), values_of(&bookings.1, name));
        assert_eq!((ours.len(), theirs.len()), (count, count), "{name}");
        assert!(ours.is_disjoint(&theirs), "{name}");
    }

    one.act_told("cancel", 501, &Value::Null).await;
    one.until_version(501, 2).await;
    let event = one.tenant.events(1).await.remove(0);
    assert_eq!(event["detail"]["tenant_id"], one.tenant.id.as_str(), "{event}");
    one.act_untold("cancel", 502, &Value::Null).await;
    assert_eq!(one.sweep((5, 10)).await.drift, 1);
    one.tenant.events(1).await;
    assert_eq!(other.sweep((5, 10)).await.drift, 0, "the other's sweep finds nothing");
    for salon in [&one, &other] {
        salon.assert_in_step().await;
    }
    assert_eq!((one.versions().await, other.versions().await), (5, 3));
    other.tenant.events(0).await;
    assert_apart(&one, &other, since_ms).await;
    assert_apart(&other, &one, since_ms).await;
}

async fn connection_of_one_tenant_is_no_use_to_another(system: BookingSystem) {
    let (one, other) = join(BookingTenant::new(system), BookingTenant::new(system)).await;
    // The account is one tenant's, whoever knows the key.
    other.put_connection_of(&one).await.problem(409, "account_taken");
    other.tenant.disconnect().await;
    if system.registers_webhooks() {
        assert_eq!(other.hooks().await, Vec::<Value>::new(), "it goes with the connection");
    }
    let nothing = one.reading(&THREE, (noon(-10), noon(20)));
    other.import(&nothing).await.problem(404, "connection_not_found");
    assert_eq!(one.import_all(&nothing).await.imported, 0);
    one.assert_told_once().await;
}

for_every_booking_system! {
    tenants_with_the_same_appointments_and_clients_stay_apart;
    connection_of_one_tenant_is_no_use_to_another;
}
