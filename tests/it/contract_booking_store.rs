//! One suite for the store of bookings and the directory of clients, run against the fake and
//! against the table of the local cloud in `e2e_table_contract`. What belongs to clients is in
//! `contract_client_directory`, and to the index in `contract_booking_index`.

use std::collections::BTreeSet;
use std::time::Duration;

use futures::future::join_all;
use jiff::Timestamp;
use sync_domain::keys::{BookingKey, ContentHash, booking_key};
use sync_domain::model::{
    Booking, BookingStatus, BookingVersion, ClientId, ClientLink, ClientWrite, CorrelationId,
    DetailName, ExternalId, LinkRule, Person, Recency, StatusReason, StoredBooking, System,
    TenantId,
};
use sync_domain::ports::BookingOutcome::{Overtaken, Stored};
use sync_domain::ports::{BOOKINGS_READ_MAX, BookingOutcome, BookingStore, BookingWrite};
use sync_testkit::MemoryBookings;
use uuid::Uuid;

pub const SYSTEM: System = System::Acuity;
/// A tenant of its own at a store.
pub struct Bench<'a, S> {
    pub store: &'a S,
    pub tenant: TenantId,
}

pub fn at(second: i64) -> Timestamp {
    Timestamp::from_second(1_790_000_000 + second).unwrap()
}

fn read_at(read_at_ms: i64) -> Recency {
    Recency { provider_version: 0, read_at_ms }
}

impl<'a, S: BookingStore> Bench<'a, S> {
    pub fn new(store: &'a S) -> Self {
        let tenant = TenantId::parse(&format!("contract-{}", Uuid::new_v4().simple())).unwrap();
        Self { store, tenant }
    }

    fn key(&self, external_id: &str) -> BookingKey {
        booking_key(&self.tenant, SYSTEM, &ExternalId::new(external_id)).unwrap()
    }

    /// The first version of a booking that was read at 1000.
    pub fn first(&self, external_id: &str) -> BookingVersion {
        let booking = Booking {
            starts_at: at(0),
            ends_at: at(3_600),
            status: BookingStatus::Scheduled,
            reason: None,
            person: Person { email: Some("ada@example.com".to_owned()), ..Person::default() },
            details: [(DetailName::ServiceId, "7".to_owned())].into(),
        };
        BookingVersion {
            tenant: self.tenant.clone(),
            system: SYSTEM,
            stored: StoredBooking {
                key: self.key(external_id),
                external_id: ExternalId::new(external_id),
                version: 1,
                booking,
                hash: ContentHash::from_stored("hash-1"),
                client: None,
                recency: read_at(1_000),
            },
            differences: BTreeSet::from(["client_email".to_owned()]),
            synced_at: at(-60),
            correlation_id: CorrelationId::parse("contract").unwrap(),
        }
    }

    pub async fn write(
        &self,
        version: &BookingVersion,
        seen: Option<u64>,
        client: Option<ClientWrite>,
    ) -> BookingOutcome {
        let write = BookingWrite { version: version.clone(), seen, client };
        self.store.store(&write).await.unwrap()
    }

    /// Stores a first version.
    pub async fn put(&self, version: &BookingVersion) {
        assert_eq!(self.write(version, None, None).await, Stored);
    }

    pub async fn found(&self, external_id: &str) -> Option<StoredBooking> {
        let key = self.key(external_id);
        let keys = std::slice::from_ref(&key);
        self.store.load(&self.tenant, SYSTEM, keys).await.unwrap().remove(&key)
    }

    async fn refresh(&self, stored: &StoredBooking, recency: Recency) -> BookingOutcome {
        self.store.refresh(&self.tenant, SYSTEM, stored, recency).await.unwrap()
    }
}

/// The next version, with another status, read one second later.
pub fn next(version: &BookingVersion) -> BookingVersion {
    let mut next = version.clone();
    next.stored.version += 1;
    next.stored.booking.status = BookingStatus::Cancelled;
    next.stored.booking.reason = Some(StatusReason::Cancelled);
    next.stored.hash = ContentHash::from_stored(format!("hash-{}", next.stored.version));
    next.stored.recency.read_at_ms += 1_000;
    next.synced_at = version.synced_at + Duration::from_secs(1);
    next
}

fn overtaken_by(stored: &StoredBooking) -> BookingOutcome {
    Overtaken(Some(Box::new(stored.clone())))
}

async fn version_is_read_back_as_it_was_stored(bench: Bench<'_, impl BookingStore>) {
    let bare = bench.first("1");
    let mut full = next(&bench.first("2"));
    full.stored.version = 1;
    full.stored.booking.starts_at = "2026-11-22T10:00:00.25Z".parse().unwrap();
    full.stored.booking.person = Person {
        first_name: Some("Ada".to_owned()),
        last_name: Some("King of Lovelace".to_owned()),
        email: None,
        phone: Some("+12025550143".to_owned()),
    };
    full.stored.client =
        Some(ClientLink { client: ClientId::new("client-1"), rule: LinkRule::Phone });
    full.stored.recency = Recency { provider_version: 17, read_at_ms: 18 };
    bench.put(&bare).await;
    bench.put(&full).await;
    assert_eq!(bench.found("1").await, Some(bare.stored.clone()));
    assert_eq!(bench.found("2").await, Some(full.stored));
    assert_eq!(bench.found("3").await, None);
    let other = Bench::new(bench.store);
    let keys = [bare.stored.key];
    let found = other.store.load(&other.tenant, SYSTEM, &keys).await.unwrap();
    assert!(found.is_empty(), "another tenant's");
}

async fn many_are_loaded_at_once_and_one_twice(bench: Bench<'_, impl BookingStore>) {
    let ids: Vec<_> = (0..BOOKINGS_READ_MAX - 1).map(|number| number.to_string()).collect();
    let versions: Vec<_> = ids.iter().map(|id| bench.first(id)).collect();
    join_all(versions.iter().map(|version| bench.put(version))).await;
    let mut keys: Vec<_> = ids.iter().map(|id| bench.key(id)).collect();
    keys.push(bench.key("0"));
    let found = bench.store.load(&bench.tenant, SYSTEM, &keys).await.unwrap();
    assert_eq!(found.len(), ids.len());
    assert!(bench.store.load(&bench.tenant, SYSTEM, &[]).await.unwrap().is_empty());
}

async fn next_version_replaces_all_of_the_one_before(bench: Bench<'_, impl BookingStore>) {
    let first = next(&bench.first("1"));
    let first = BookingVersion {
        stored: StoredBooking { version: 1, ..first.stored.clone() },
        ..first.clone()
    };
    bench.put(&first).await;
    let mut second = next(&first);
    second.stored.booking.status = BookingStatus::Scheduled;
    second.stored.booking.reason = None;
    second.stored.booking.person = Person::default();
    second.stored.booking.details.clear();
    assert_eq!(bench.write(&second, Some(1), None).await, Stored);
    assert_eq!(bench.found("1").await, Some(second.stored));
}

async fn write_is_overtaken_by_what_was_not_seen(bench: Bench<'_, impl BookingStore>) {
    let first = bench.first("1");
    let second = next(&first);
    assert_eq!(bench.write(&second, Some(1), None).await, Overtaken(None));
    bench.put(&first).await;
    let mut other = first.clone();
    other.stored.hash = ContentHash::from_stored("another");
    other.stored.recency = read_at(5_000);
    assert_eq!(bench.write(&other, None, None).await, overtaken_by(&first.stored));
    assert_eq!(bench.write(&second, Some(1), None).await, Stored);
    let mut late = next(&first);
    late.synced_at = at(9);
    late.stored.recency = read_at(9_000);
    assert_eq!(bench.write(&late, Some(1), None).await, overtaken_by(&second.stored));
    assert_eq!(bench.found("1").await, Some(second.stored));
}

async fn same_write_is_stored_both_times(bench: Bench<'_, impl BookingStore>) {
    let first = bench.first("1");
    bench.put(&first).await;
    bench.put(&first).await;
    let second = next(&first);
    for _time in 0..2 {
        assert_eq!(bench.write(&second, Some(1), None).await, Stored);
    }
    let later = read_at(8_000);
    assert_eq!(bench.refresh(&second.stored, later).await, Stored);
    assert_eq!(bench.write(&second, Some(1), None).await, Stored, "it was seen again meanwhile");
    let stored = bench.found("1").await.unwrap();
    assert_eq!((stored.version, stored.recency), (2, later));
}

async fn equal_state_that_is_more_recent_is_another_write(bench: Bench<'_, impl BookingStore>) {
    let first = bench.first("1");
    bench.put(&first).await;
    let mut later = first.clone();
    later.stored.recency.provider_version = 1;
    assert_eq!(bench.write(&later, None, None).await, overtaken_by(&first.stored));
    assert_eq!(bench.found("1").await, Some(first.stored), "its writer refreshes it");
}

async fn person_and_client_stay_where_a_version_has_them_of_before(
    bench: Bench<'_, impl BookingStore>,
) {
    let mut first = bench.first("1");
    first.stored.recency.provider_version = (3 << 42) | 1_795_119_600_000;
    let client = ClientLink { client: ClientId::new("client-1"), rule: LinkRule::Email };
    first.stored.client = Some(client);
    bench.put(&first).await;
    let mut second = next(&first);
    second.stored.booking.reason = Some(StatusReason::Declined);
    let tentative = (DetailName::IsTentative, "true".to_owned());
    let by_business = (DetailName::CancelledBy, "business".to_owned());
    second.stored.booking.details.extend([tentative, by_business]);
    second.stored.recency.provider_version += 1 << 42;
    assert_eq!(bench.write(&second, Some(1), None).await, Stored);
    assert_eq!(bench.found("1").await, Some(second.stored));
}

async fn state_that_was_read_before_a_refresh_is_overtaken(bench: Bench<'_, impl BookingStore>) {
    let first = bench.first("1");
    bench.put(&first).await;
    let seen_again = StoredBooking { recency: read_at(3_000), ..first.stored.clone() };
    assert_eq!(bench.refresh(&first.stored, seen_again.recency).await, Stored);
    let mut second = next(&first);
    assert_eq!(second.stored.recency, read_at(2_000));
    assert_eq!(bench.write(&second, Some(1), None).await, overtaken_by(&seen_again));
    second.stored.recency = read_at(3_000);
    assert_eq!(
        bench.write(&second, Some(1), None).await,
        Stored,
        "of one moment, the later counts"
    );
}

async fn provider_version_counts_before_the_clock(bench: Bench<'_, impl BookingStore>) {
    let of = |provider_version, read_at_ms| Recency { provider_version, read_at_ms };
    let mut first = bench.first("1");
    first.stored.recency = of(10, 5_000);
    bench.put(&first).await;
    let mut second = next(&first);
    second.stored.recency = of(9, 9_000);
    assert_eq!(bench.write(&second, Some(1), None).await, overtaken_by(&first.stored));
    assert_eq!(bench.refresh(&first.stored, of(9, 9_000)).await, Stored);
    assert_eq!(bench.found("1").await, Some(first.stored.clone()));
    second.stored.recency = of(11, 1);
    assert_eq!(bench.write(&second, Some(1), None).await, Stored);
}

async fn refresh_keeps_the_latest_and_tells_of_another_version(
    bench: Bench<'_, impl BookingStore>,
) {
    let first = bench.first("1");
    assert_eq!(bench.refresh(&first.stored, read_at(2_000)).await, Overtaken(None));
    assert_eq!(bench.found("1").await, None, "nothing is made of a refresh");
    bench.put(&first).await;
    assert_eq!(bench.refresh(&first.stored, read_at(5_000)).await, Stored);
    assert_eq!(bench.refresh(&first.stored, read_at(4_000)).await, Stored, "seen later already");
    let expected = StoredBooking { recency: read_at(5_000), ..first.stored.clone() };
    assert_eq!(bench.found("1").await, Some(expected));
    let mut second = next(&first);
    second.stored.recency = read_at(6_000);
    assert_eq!(bench.write(&second, Some(1), None).await, Stored);
    let outcome = bench.refresh(&first.stored, read_at(9_000)).await;
    assert_eq!(outcome, overtaken_by(&second.stored));
    assert_eq!(bench.found("1").await, Some(second.stored));
}

async fn of_many_first_writes_one_is_stored(bench: Bench<'_, impl BookingStore>) {
    let versions: Vec<_> = (0..8)
        .map(|number| {
            let mut version = bench.first("1");
            version.stored.hash = ContentHash::from_stored(format!("hash-of-{number}"));
            version.synced_at = at(number);
            version
        })
        .collect();
    let outcomes = join_all(versions.iter().map(|version| bench.write(version, None, None))).await;
    assert_eq!(outcomes.iter().filter(|outcome| **outcome == Stored).count(), 1, "{outcomes:?}");
    let stored = bench.found("1").await.unwrap();
    let losers = outcomes.into_iter().filter(|outcome| *outcome != Stored);
    assert!(losers.into_iter().all(|outcome| outcome == overtaken_by(&stored)));
}

pub async fn whole_suite<S: BookingStore>(store: &S) {
    let bench = || Bench::new(store);
    version_is_read_back_as_it_was_stored(bench()).await;
    many_are_loaded_at_once_and_one_twice(bench()).await;
    next_version_replaces_all_of_the_one_before(bench()).await;
    write_is_overtaken_by_what_was_not_seen(bench()).await;
    same_write_is_stored_both_times(bench()).await;
    equal_state_that_is_more_recent_is_another_write(bench()).await;
    person_and_client_stay_where_a_version_has_them_of_before(bench()).await;
    state_that_was_read_before_a_refresh_is_overtaken(bench()).await;
    provider_version_counts_before_the_clock(bench()).await;
    refresh_keeps_the_latest_and_tells_of_another_version(bench()).await;
    of_many_first_writes_one_is_stored(bench()).await;
}

#[tokio::test]
async fn memory_bookings_keep_the_contract_of_bookings() {
    whole_suite(&MemoryBookings::default()).await;
}
