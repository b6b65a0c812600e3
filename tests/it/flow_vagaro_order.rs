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

use tokio::runtime::{Builder, Runtime};

use crate::support::vagaro::{
    APPOINTMENT, CUSTOMER, appointment, appointment_with, connection, customer, event, listed,
    reader_at,
};
use crate::support::vendor_server::VendorServer;
use crate::support::webhook_signing::{BASE_URL, Sent};
use crate::support::webhook_world::WebhookWorld;

const SECRET: &str = "verification-token";
/// When the worker's clock begins; the one that takes deliveries is an hour ahead, so that it says
/// nothing about when an event was.
const START_S: i64 = 1_790_000_000;
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
    /// Where the vendor answers; deliveries run outside of it, on simulated time.
    runtime: Runtime,
    webhooks: WebhookWorld,
    vendor: VendorServer,
    clock: Arc<ManualClock>,
    store: MemoryBookings,
    accounts: MemoryAccounts,
    gate: Gate,
}

impl Shop {
    fn open() -> Self {
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
        let runtime = Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
        let clock = Arc::new(ManualClock::default());
        let settings = GateSettings::with_call_max(Duration::from_secs(6));
        let shared = Arc::clone(&clock) as Arc<dyn Clock>;
        Self {
            gate: Gate::new(Arc::new(MemoryGateStore::default()), shared, settings),
            vendor: runtime.block_on(VendorServer::start()),
            store: MemoryBookings::default(),
            runtime,
            webhooks,
            clock,
            accounts,
        }
    }

    /// An event of so many seconds after the beginning, delivered; its message.
    fn told(&self, second: i64, action: &str, members: &[(&str, Value)]) -> BookingChange {
        let at = jiff::Timestamp::from_second(START_S + second).unwrap().to_string();
        let body = event(action, &at, appointment_with(APPOINTMENT, members)).to_string();
        assert_eq!(self.webhooks.deliver(&Sent::vagaro(body, SECRET, TOKEN)).status, 200);
        self.webhooks.booking_changes().remove(0)
    }

    /// The worker takes what comes next so many seconds after the beginning.
    fn at(&self, second: i64) -> &Self {
        let until = jiff::Timestamp::from_second(START_S + second).unwrap();
        let wait = until.duration_since(self.clock.now());
        self.clock.advance(Duration::try_from(wait).expect("later than before"));
        self
    }

    fn sync(&self, changes: Vec<BookingChange>) -> Vec<BookingSyncOutcome> {
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
            call_timeout: Duration::from_secs(5),
            deadline: self.clock.now() + Duration::from_secs(30),
        };
        self.runtime.block_on(sync_bookings(&deps, changes)).outcomes
    }

    fn knows_the_customer(&self) {
        self.vendor.will_answer(200, listed(vec![customer(CUSTOMER)]));
    }

    /// Answers to a read by id: the account's location, and these rows.
    fn has(&self, rows: Vec<Value>) {
        let shop = json!({"businessId": appointment("x")["businessId"]});
        self.vendor.will_answer(200, listed(vec![shop])).will_answer(200, listed(rows));
    }

    fn stored(&self) -> StoredBooking {
        let mut stored = self.store.bookings(&TenantId::parse("acme").unwrap());
        assert_eq!(stored.len(), 1);
        stored.remove(0)
    }
}

/// Another begin.
fn moved() -> [(&'static str, Value); 1] {
    [("startTime", json!("2026-09-22T15:15:00Z"))]
}

#[test]
fn newest_event_stays_in_whichever_order_they_come_and_however_often() {
    let shop = Shop::open();
    let created = shop.told(0, "created", &[]);
    let moved = shop.told(40, "updated", &moved());
    let cancelled = shop.told(80, "updated", &[("bookingStatus", json!("Cancelled"))]);
    for (second, change, outcome) in [
        (42, &moved, BookingSyncOutcome::Synced),
        (44, &created, BookingSyncOutcome::Superseded),
        (46, &moved, BookingSyncOutcome::Unchanged),
        (82, &cancelled, BookingSyncOutcome::Synced),
        (84, &moved, BookingSyncOutcome::Superseded),
        (86, &created, BookingSyncOutcome::Superseded),
        (88, &cancelled, BookingSyncOutcome::Unchanged),
    ] {
        shop.knows_the_customer();
        assert_eq!(shop.at(second).sync(vec![change.clone()]), [outcome], "{second}");
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

#[test]
fn events_half_a_minute_apart_are_no_question_and_nearer_ones_are_read() {
    for (second, is_read) in [(30, false), (29, true)] {
        let shop = Shop::open();
        shop.knows_the_customer();
        shop.at(2).sync(vec![shop.told(0, "created", &[])]);
        shop.vendor.asked();
        let moved = shop.told(second, "updated", &moved());
        shop.knows_the_customer();
        if is_read {
            // In the meantime it was called off: what is read counts, not what was told.
            let called_off =
                appointment_with(APPOINTMENT, &[("bookingStatus", json!("Cancelled"))]);
            shop.has(vec![called_off]);
            shop.knows_the_customer();
        }
        let outcomes = shop.at(32).sync(vec![moved]);
        assert_eq!(outcomes, [BookingSyncOutcome::Synced], "{second}");
        let stored = shop.stored().booking;
        let expected = if is_read { BookingStatus::Cancelled } else { BookingStatus::Scheduled };
        assert_eq!(stored.status, expected, "{second}");
        assert_eq!(shop.vendor.lines().len(), if is_read { 4 } else { 1 }, "{second}");
    }
}

#[test]
fn late_first_event_of_an_appointment_that_is_gone_by_now_stores_nothing() {
    for (second, is_read) in [(19, false), (20, true)] {
        let shop = Shop::open();
        let created = shop.told(0, "created", &[]);
        shop.knows_the_customer();
        if is_read {
            shop.has(Vec::new());
        }
        let outcome = shop.at(second).sync(vec![created]).remove(0);
        let tenant = TenantId::parse("acme").unwrap();
        let stored = shop.store.bookings(&tenant).len();
        if is_read {
            assert!(matches!(outcome, BookingSyncOutcome::Confirm { .. }), "{outcome:?}");
            assert_eq!(stored, 0);
        } else {
            assert_eq!((outcome, stored), (BookingSyncOutcome::Synced, 1));
        }
    }
}

#[test]
fn events_of_one_batch_cost_one_question_and_the_newest_counts() {
    let shop = Shop::open();
    let created = shop.told(10, "created", &[]);
    let noshow = shop.told(30, "updated", &[("bookingStatus", json!("No Show"))]);
    let accepted = shop.told(20, "updated", &[("bookingStatus", json!("Accepted"))]);
    shop.knows_the_customer();
    let outcomes = shop.at(32).sync(vec![noshow, created, accepted]);
    assert_eq!(outcomes, [BookingSyncOutcome::Synced; 3]);
    assert_eq!(shop.stored().booking.reason, Some(StatusReason::NoShow));
    assert_eq!(shop.vendor.lines().len(), 1);
}

#[test]
fn deletion_in_full_counts_at_once_and_an_older_event_does_not_undo_it() {
    let shop = Shop::open();
    shop.knows_the_customer();
    shop.at(2).sync(vec![shop.told(0, "created", &[])]);
    shop.knows_the_customer();
    shop.at(82).sync(vec![shop.told(80, "deleted", &[])]);
    assert_eq!(shop.stored().booking.reason, Some(StatusReason::Deleted));
    shop.knows_the_customer();
    let outcomes = shop.at(84).sync(vec![shop.told(40, "updated", &[])]);
    assert_eq!(outcomes, [BookingSyncOutcome::Superseded]);
    assert_eq!(shop.stored().booking.reason, Some(StatusReason::Deleted));
    assert_eq!(shop.vendor.lines().len(), 3, "one question about the customer each");
}

#[test]
fn bare_deletion_is_looked_for_and_confirmed_before_it_counts() {
    let shop = Shop::open();
    shop.knows_the_customer();
    shop.at(2).sync(vec![shop.told(0, "created", &[])]);
    let mark = shop.told(40, "deleted", &[("startTime", json!(null))]);
    assert_eq!(mark.snapshot, None);
    shop.has(Vec::new());
    let outcome = shop.at(42).sync(vec![mark.clone()]).remove(0);
    assert!(matches!(outcome, BookingSyncOutcome::Confirm { .. }), "{outcome:?}");
    assert_eq!(shop.stored().booking.status, BookingStatus::Scheduled);
    shop.has(Vec::new());
    let outcomes = shop.at(74).sync(vec![outcome.changed(&mark).unwrap()]);
    assert_eq!(outcomes, [BookingSyncOutcome::Synced]);
    assert_eq!(shop.stored().booking.reason, Some(StatusReason::Deleted));
}

#[test]
fn customer_who_can_not_be_found_out_stays_who_is_stored() {
    let shop = Shop::open();
    shop.knows_the_customer();
    shop.at(2).sync(vec![shop.told(0, "created", &[])]);
    shop.vendor.will_answer(200, listed(Vec::<Value>::new()));
    let moved = shop.told(40, "updated", &moved());
    assert_eq!(shop.at(42).sync(vec![moved]), [BookingSyncOutcome::Synced]);
    let stored = shop.stored().booking;
    assert_eq!(stored.person.email.as_deref(), Some("ada@example.com"));
    assert_eq!(stored.starts_at.to_string(), "2026-09-22T15:15:00Z");
}
