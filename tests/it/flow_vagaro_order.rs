//! Vagaro's events out of order and twice: from the delivery over the queue to what is stored, with who
//! booked asked for on the way.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use serde_json::{Value, json};
use sync_domain::gate::{Gate, GateSettings};
use sync_domain::hook_address;
use sync_domain::model::{
    BookingChange, BookingStatus, StatusReason, StoredBooking, System, TenantId,
};
use sync_domain::ports::{
    AccountOwner, AuthMode, BookingReader, Clock, Connection, ConnectionError, ConnectionStore,
};
use sync_domain::usecase::apply_bookings::ApplyPorts;
use sync_domain::usecase::sync_bookings::{BookingSyncOutcome, SyncBookingsDeps, sync_bookings};
use sync_testkit::{ManualClock, MemoryAccounts, MemoryBookings, MemoryGateStore};

use crate::support::vagaro::{
    APPOINTMENT, CUSTOMER, appointment, appointment_with, connection, customer, event, listed,
    reader_at,
};
use crate::support::vendor_server::VendorServer;
use crate::support::webhook_signing::{BASE_URL, Sent};
use crate::support::webhook_world::WebhookWorld;

const SECRET: &str = "verification-token";
const TOKEN: &str = "0123456789abcdef0123456789abcdef";

struct One(Arc<Connection>);

#[async_trait]
impl ConnectionStore for One {
    async fn connection(
        &self,
        _tenant: &TenantId,
        _system: System,
    ) -> Result<Arc<Connection>, ConnectionError> {
        Ok(Arc::clone(&self.0))
    }

    fn forget(&self, _tenant: &TenantId, _system: System) {}
}

struct Shop {
    webhooks: WebhookWorld,
    vendor: VendorServer,
    clock: Arc<ManualClock>,
    store: MemoryBookings,
    accounts: MemoryAccounts,
    gate: Gate,
}

impl Shop {
    async fn open() -> Self {
        let webhooks = WebhookWorld::of(System::Vagaro, "webhook-vagaro", BASE_URL);
        let accounts = MemoryAccounts::default();
        let tenant = TenantId::parse("acme").unwrap();
        let owner = AccountOwner { tenant, auth: AuthMode::ClientCredentials };
        for directory in [webhooks.accounts.as_ref(), &accounts] {
            directory.connect(System::Vagaro, &hook_address::account_id(TOKEN), owner.clone());
        }
        let secret = json!({"current": SECRET, "url_token": TOKEN});
        webhooks.put_secret("tenants/acme/vagaro/webhook", secret);
        webhooks.advance(Duration::from_secs(3_600));
        let clock = Arc::new(ManualClock::default());
        clock.advance(Duration::from_secs(3_601));
        let settings = GateSettings::with_call_max(Duration::from_secs(6));
        let shared = Arc::clone(&clock) as Arc<dyn Clock>;
        Self {
            gate: Gate::new(Arc::new(MemoryGateStore::default()), shared, settings),
            vendor: VendorServer::start().await,
            store: MemoryBookings::default(),
            webhooks,
            clock,
            accounts,
        }
    }

    /// An event of so many seconds after the first hour's begin, delivered; its message.
    fn told(&self, second: i64, action: &str, members: &[(&str, Value)]) -> BookingChange {
        let at = jiff::Timestamp::from_second(1_790_000_000 + second).unwrap().to_string();
        let body = event(action, &at, appointment_with(APPOINTMENT, members)).to_string();
        assert_eq!(self.webhooks.deliver(&Sent::vagaro(body, SECRET, TOKEN)).status, 200);
        self.webhooks.booking_changes().remove(0)
    }

    async fn sync(&self, changes: Vec<BookingChange>) -> Vec<BookingSyncOutcome> {
        let reader: Arc<dyn BookingReader> =
            Arc::new(reader_at(&self.vendor.base_url, Arc::clone(&self.clock)));
        let systems = |_system| Some(Arc::clone(&reader));
        let deps = SyncBookingsDeps {
            connections: &One(Arc::new(connection())),
            accounts: &self.accounts,
            systems: &systems,
            apply: ApplyPorts {
                bookings: &self.store,
                clients: &self.store,
                clock: self.clock.as_ref(),
            },
            gate: &self.gate,
            notice: |_connection, _reported| {},
        };
        self.clock.advance(Duration::from_secs(2));
        sync_bookings(&deps, changes).await.outcomes
    }

    fn knows_the_customer(&self) {
        self.vendor.will_answer(200, listed(vec![customer(CUSTOMER)]));
    }

    fn stored(&self) -> StoredBooking {
        let mut stored = self.store.bookings(&TenantId::parse("acme").unwrap());
        assert_eq!(stored.len(), 1);
        stored.remove(0)
    }
}

#[tokio::test]
async fn newest_event_stays_in_whichever_order_they_come_and_however_often() {
    let shop = Shop::open().await;
    let created = shop.told(10, "created", &[]);
    let moved = shop.told(20, "updated", &[("startTime", json!("2026-09-22T15:15:00Z"))]);
    let cancelled = shop.told(30, "updated", &[("bookingStatus", json!("Cancelled"))]);
    for (change, outcome) in [
        (&moved, BookingSyncOutcome::Synced),
        (&created, BookingSyncOutcome::Superseded),
        (&moved, BookingSyncOutcome::Unchanged),
        (&cancelled, BookingSyncOutcome::Synced),
        (&moved, BookingSyncOutcome::Superseded),
        (&created, BookingSyncOutcome::Superseded),
        (&cancelled, BookingSyncOutcome::Unchanged),
    ] {
        shop.knows_the_customer();
        assert_eq!(shop.sync(vec![change.clone()]).await, [outcome]);
    }
    let stored = shop.stored();
    assert_eq!(stored.booking.status, BookingStatus::Cancelled);
    assert_eq!(stored.booking.person.email.as_deref(), Some("ada@example.com"));
    assert_eq!(stored.version, 2);
    let asked = shop.vendor.lines();
    assert!(
        asked.iter().all(|line| line.ends_with("/customers")),
        "no appointment was read: {asked:?}"
    );
}

#[tokio::test]
async fn events_of_one_batch_cost_one_question_and_the_newest_counts() {
    let shop = Shop::open().await;
    let created = shop.told(10, "created", &[]);
    let noshow = shop.told(30, "updated", &[("bookingStatus", json!("No Show"))]);
    let accepted = shop.told(20, "updated", &[("bookingStatus", json!("Accepted"))]);
    shop.knows_the_customer();
    let outcomes = shop.sync(vec![noshow, created, accepted]).await;
    assert_eq!(outcomes, [BookingSyncOutcome::Synced; 3]);
    assert_eq!(shop.stored().booking.reason, Some(StatusReason::NoShow));
    assert_eq!(shop.vendor.lines().len(), 1);
}

#[tokio::test]
async fn deletion_in_full_counts_at_once_and_an_older_event_does_not_undo_it() {
    let shop = Shop::open().await;
    shop.knows_the_customer();
    shop.sync(vec![shop.told(10, "created", &[])]).await;
    shop.knows_the_customer();
    shop.sync(vec![shop.told(30, "deleted", &[])]).await;
    assert_eq!(shop.stored().booking.reason, Some(StatusReason::Deleted));
    shop.knows_the_customer();
    let outcomes = shop.sync(vec![shop.told(20, "updated", &[])]).await;
    assert_eq!(outcomes, [BookingSyncOutcome::Superseded]);
    assert_eq!(shop.stored().booking.reason, Some(StatusReason::Deleted));
}

#[tokio::test]
async fn bare_deletion_is_looked_for_and_confirmed_before_it_counts() {
    let shop = Shop::open().await;
    shop.knows_the_customer();
    shop.sync(vec![shop.told(10, "created", &[])]).await;
    let mark = shop.told(30, "deleted", &[("startTime", json!(null))]);
    assert_eq!(mark.snapshot, None);
    let shops =
        || json!({"responseCode": 1000, "data": [{"businessId": appointment("x")["businessId"]}]});
    shop.vendor.will_answer(200, shops()).will_answer(200, listed(Vec::<Value>::new()));
    let outcome = shop.sync(vec![mark.clone()]).await.remove(0);
    assert!(matches!(outcome, BookingSyncOutcome::Confirm { .. }), "{outcome:?}");
    assert_eq!(shop.stored().booking.status, BookingStatus::Scheduled);
    shop.clock.advance(Duration::from_secs(30));
    shop.vendor.will_answer(200, shops()).will_answer(200, listed(Vec::<Value>::new()));
    let outcomes = shop.sync(vec![outcome.changed(&mark).unwrap()]).await;
    assert_eq!(outcomes, [BookingSyncOutcome::Synced]);
    assert_eq!(shop.stored().booking.reason, Some(StatusReason::Deleted));
}

#[tokio::test]
async fn customer_who_can_not_be_found_out_stays_who_is_stored() {
    let shop = Shop::open().await;
    shop.knows_the_customer();
    shop.sync(vec![shop.told(10, "created", &[])]).await;
    shop.vendor.will_answer(200, listed(Vec::<Value>::new()));
    let moved = shop.told(20, "updated", &[("startTime", json!("2026-09-22T15:15:00Z"))]);
    assert_eq!(shop.sync(vec![moved]).await, [BookingSyncOutcome::Synced]);
    let stored = shop.stored().booking;
    assert_eq!(stored.person.email.as_deref(), Some("ada@example.com"));
    assert_eq!(stored.starts_at.to_string(), "2026-09-22T15:15:00Z");
}
