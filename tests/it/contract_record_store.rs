//! One suite for the store of records that come from the provider, run against the fake here and
//! against the table of the local cloud in `e2e_table_contract`.

use std::collections::BTreeSet;

use async_trait::async_trait;
use jiff::Timestamp;
use sync_domain::keys::{RecordKey, record_key};
use sync_domain::model::{
    Association, CorrelationId, ExternalId, NewVersion, ObjectType, Origin, OwnerId, Recency,
    RecordLock, RecordPointer, Sensitive, StoredRecord, System, TenantId, Tombstone, VersionChange,
};
use sync_domain::ports::CommitOutcome::{Committed, Overtaken};
use sync_domain::ports::{
    CommitOutcome, Loaded, Lookup, PointerWrite, RecordCommit, RecordScope, RecordStore,
    RecordWrite, Seen,
};
use sync_testkit::MemoryRecordStore;
use uuid::Uuid;

use crate::support::sync_world::{id, person};

/// What others do to the items: upserts of ours, which lock and wait.
#[async_trait]
pub trait Others: Sync {
    async fn lock(&self, scope: &RecordScope, key: &RecordKey, lock: &RecordLock);
    async fn queue_push(&self, scope: &RecordScope, key: &RecordKey);
    async fn queued_pushes(&self, scope: &RecordScope, key: &RecordKey) -> usize;
}

#[async_trait]
impl Others for MemoryRecordStore {
    async fn lock(&self, scope: &RecordScope, key: &RecordKey, lock: &RecordLock) {
        let is_free = MemoryRecordStore::lock(self, scope, key, lock.clone(), lock.lease_until);
        assert!(is_free);
    }

    async fn queue_push(&self, scope: &RecordScope, key: &RecordKey) {
        MemoryRecordStore::queue_push(self, scope, key, "wanted");
    }

    async fn queued_pushes(&self, scope: &RecordScope, key: &RecordKey) -> usize {
        MemoryRecordStore::queued_pushes(self, scope, key).len()
    }
}

/// A tenant of its own at a store.
struct Bench<'a> {
    store: &'a dyn RecordStore,
    others: &'a dyn Others,
    scope: RecordScope,
}

impl<'a> Bench<'a> {
    fn new(store: &'a dyn RecordStore, others: &'a dyn Others) -> Self {
        let tenant = TenantId::parse(&format!("contract-{}", Uuid::new_v4().simple())).unwrap();
        let (system, object_type) = (System::Hubspot, ObjectType::Contact);
        Self { store, others, scope: RecordScope { tenant, system, object_type } }
    }

    fn key(&self, email: &str) -> RecordKey {
        let RecordScope { tenant, system, object_type } = &self.scope;
        record_key(tenant, *system, *object_type, &Sensitive::new(email.to_owned())).unwrap()
    }

    fn record(&self, email: &str, external_id: &str) -> StoredRecord {
        StoredRecord {
            key: self.key(email),
            version: 1,
            external_id: Some(id(external_id)),
            attributes: person(email, "Ada"),
            associations: Association::from_stored("company:7").into_iter().collect(),
            associations_of: Some(id(external_id)),
            associations_read_at_ms: 12,
            tombstone: None,
            origin: Origin::Provider,
            recency: Recency { provider_version: 10, read_at_ms: 11 },
            lock: None,
            queued: 0,
        }
    }

    async fn load(&self, ids: &[&str], keys: &[&RecordKey]) -> Loaded {
        let ids = ids.iter().map(|text| id(text)).collect();
        let keys = keys.iter().map(|key| (*key).clone()).collect();
        self.store.load(&self.scope, &Lookup { ids, keys }).await.unwrap()
    }

    async fn found(&self, key: &RecordKey) -> Option<StoredRecord> {
        self.load(&[], &[key]).await.records.remove(key)
    }

    async fn commit(
        &self,
        records: Vec<RecordWrite>,
        pointers: Vec<PointerWrite>,
    ) -> CommitOutcome {
        self.store.commit(&self.scope, &RecordCommit { records, pointers }).await.unwrap()
    }

    /// Stores a first version.
    async fn put(&self, record: &StoredRecord) {
        assert_eq!(self.commit(vec![store(None, record)], Vec::new()).await, Committed);
    }
}

fn store(seen: Option<&StoredRecord>, record: &StoredRecord) -> RecordWrite {
    let new = NewVersion {
        record: record.clone(),
        change: VersionChange::Updated,
        differences: None,
        synced_at: Timestamp::from_second(1_790_000_000).unwrap(),
        correlation_id: CorrelationId::unknown(),
    };
    RecordWrite::Store { seen: seen.map(Seen::from), new: Box::new(new) }
}

fn refresh(seen: Seen, key: &RecordKey) -> RecordWrite {
    RecordWrite::Refresh {
        seen,
        key: key.clone(),
        recency: Recency { provider_version: 20, read_at_ms: 21 },
        associations_of: Some(id("17")),
        associations_read_at_ms: 22,
    }
}

fn point(external_id: &str, seen: Option<&RecordPointer>, to: RecordPointer) -> PointerWrite {
    PointerWrite { external_id: id(external_id), seen: seen.cloned(), pointer: to }
}

async fn version_is_read_back_as_it_was_stored(bench: Bench<'_>) {
    let live = bench.record("a@b.co", "17");
    let gone = StoredRecord {
        attributes: Default::default(),
        associations: BTreeSet::new(),
        associations_of: None,
        associations_read_at_ms: 0,
        tombstone: Some(Tombstone {
            deleted_at: "2026-11-22T00:00:00.25Z".parse().unwrap(),
            merged_into: Some(id("9")),
            is_erased: false,
        }),
        recency: Recency::default(),
        ..bench.record("c@b.co", "18")
    };
    let pointer = RecordPointer {
        gone: Some(Recency { provider_version: 1, read_at_ms: 2 }),
        merged_into: Some(id("9")),
        ..RecordPointer::to_record(live.key.clone(), [id("5")].into())
    };
    let writes = vec![store(None, &live), store(None, &gone)];
    let pointers = vec![point("17", None, pointer.clone())];
    assert_eq!(bench.commit(writes, pointers).await, Committed);
    let missing = bench.key("none@b.co");
    let loaded = bench.load(&["17", "none"], &[&live.key, &gone.key, &missing]).await;
    assert_eq!(loaded.records.len(), 2);
    assert_eq!(loaded.pointers.into_iter().collect::<Vec<_>>(), [(id("17"), pointer)]);
    assert!(loaded.unread.is_empty() && loaded.unreadable.is_empty());
    assert_eq!(bench.found(&live.key).await, Some(live));
    assert_eq!(bench.found(&gone.key).await, Some(gone));
}

async fn write_is_refused_when_anything_else_is_there_than_was_seen(bench: Bench<'_>) {
    let record = bench.record("a@b.co", "17");
    bench.put(&record).await;
    let seen = Seen::from(&record);
    let next = StoredRecord { version: 2, ..record.clone() };
    let other = bench.record("other@b.co", "18");
    let wrong = [
        Seen { version: 2, ..seen.clone() },
        Seen { version: 0, ..seen.clone() },
        Seen { lock_owner: Some(OwnerId::new("dead")), ..seen.clone() },
        Seen { recency: Recency { provider_version: 9, read_at_ms: 11 }, ..seen.clone() },
        Seen { recency: Recency { provider_version: 10, read_at_ms: 0 }, ..seen.clone() },
        Seen { associations_read_at_ms: 0, ..seen.clone() },
    ];
    let first = store(None, &next);
    assert_eq!(bench.commit(vec![first.clone()], Vec::new()).await, Overtaken);
    assert_eq!(bench.commit(vec![store(None, &other), first], Vec::new()).await, Overtaken);
    for wrong in wrong {
        let RecordWrite::Store { new, .. } = store(None, &next) else { panic!() };
        let write = RecordWrite::Store { seen: Some(wrong.clone()), new };
        assert_eq!(bench.commit(vec![write], Vec::new()).await, Overtaken, "{wrong:?}");
        let write = refresh(wrong, &record.key);
        assert_eq!(bench.commit(vec![write, store(None, &other)], Vec::new()).await, Overtaken);
    }
    assert_eq!(bench.found(&record.key).await, Some(record.clone()), "nothing is written");
    assert_eq!(bench.found(&other.key).await, None, "all or nothing");
    assert_eq!(bench.commit(vec![store(Some(&record), &next)], Vec::new()).await, Committed);
}

async fn refresh_leaves_all_but_the_times(bench: Bench<'_>) {
    let record = bench.record("a@b.co", "17");
    bench.put(&record).await;
    let write = refresh(Seen::from(&record), &record.key);
    assert_eq!(bench.commit(vec![write], Vec::new()).await, Committed);
    let refreshed = StoredRecord {
        recency: Recency { provider_version: 20, read_at_ms: 21 },
        associations_read_at_ms: 22,
        ..record.clone()
    };
    assert_eq!(bench.found(&record.key).await, Some(refreshed));
}

async fn version_takes_a_lock_that_was_seen_with_it_and_leaves_those_who_wait(bench: Bench<'_>) {
    let record = bench.record("a@b.co", "17");
    bench.put(&record).await;
    let lease_until = Timestamp::from_second(1_790_000_000).unwrap();
    let lock = RecordLock { owner: OwnerId::new("dead"), lease_until };
    bench.others.lock(&bench.scope, &record.key, &lock).await;
    bench.others.queue_push(&bench.scope, &record.key).await;
    let next = StoredRecord { version: 2, ..record.clone() };
    assert_eq!(bench.commit(vec![store(Some(&record), &next)], Vec::new()).await, Overtaken);
    let locked = bench.found(&record.key).await.unwrap();
    assert_eq!((locked.lock.as_ref(), locked.queued), (Some(&lock), 1));
    assert_eq!(bench.commit(vec![store(Some(&locked), &next)], Vec::new()).await, Committed);
    let stored = bench.found(&record.key).await.unwrap();
    assert_eq!((stored.version, stored.lock, stored.queued), (2, None, 1));
}

async fn vacated_place_goes_unless_somebody_waits_there(bench: Bench<'_>) {
    let (free, awaited) = (bench.record("a@b.co", "17"), bench.record("c@b.co", "18"));
    bench.put(&free).await;
    bench.put(&awaited).await;
    let vacate = |record: &StoredRecord| {
        let (seen, key) = (Seen::from(record), record.key.clone());
        vec![RecordWrite::Vacate { seen, key }]
    };
    assert_eq!(bench.commit(vacate(&free), Vec::new()).await, Committed);
    assert_eq!(bench.found(&free.key).await, None);
    bench.others.queue_push(&bench.scope, &awaited.key).await;
    assert_eq!(bench.commit(vacate(&awaited), Vec::new()).await, Overtaken, "one more waits");
    let seen = bench.found(&awaited.key).await.unwrap();
    assert_eq!(bench.commit(vacate(&seen), Vec::new()).await, Committed);
    let place = bench.found(&awaited.key).await.unwrap();
    assert_eq!((place.version, place.queued, place.external_id.clone()), (0, 1, None));
    assert_eq!(place.attributes, Default::default());
    let again = bench.record("c@b.co", "30");
    assert_eq!(bench.commit(vec![store(Some(&place), &again)], Vec::new()).await, Committed);
}

async fn erased_place_goes_with_all_that_waits_there(bench: Bench<'_>) {
    let record = bench.record("a@b.co", "17");
    bench.put(&record).await;
    for _push in 0..3 {
        bench.others.queue_push(&bench.scope, &record.key).await;
    }
    let other = bench.key("other@b.co");
    bench.others.queue_push(&bench.scope, &other).await;
    bench.store.discard_queued_pushes(&bench.scope, &record.key).await.unwrap();
    assert_eq!(bench.others.queued_pushes(&bench.scope, &record.key).await, 0);
    assert_eq!(bench.others.queued_pushes(&bench.scope, &other).await, 1, "another record's");
    let erase = |queued| {
        let seen = Seen { queued, ..Seen::from(&record) };
        vec![RecordWrite::Erase { seen, key: record.key.clone() }]
    };
    assert_eq!(bench.commit(erase(2), Vec::new()).await, Overtaken);
    assert_eq!(bench.commit(erase(3), Vec::new()).await, Committed);
    assert_eq!(bench.found(&record.key).await, None);
}

async fn pointer_is_written_only_over_what_was_seen(bench: Bench<'_>) {
    let key = bench.key("a@b.co");
    let first = RecordPointer::to_record(key.clone(), BTreeSet::new());
    assert_eq!(bench.commit(Vec::new(), vec![point("17", None, first.clone())]).await, Committed);
    let next = RecordPointer { is_erased: true, ..RecordPointer::default() };
    let gone = Some(Recency { provider_version: 0, read_at_ms: 3 });
    let wrong = [
        None,
        Some(RecordPointer::default()),
        Some(RecordPointer { record: None, ..first.clone() }),
        Some(RecordPointer { merged_into: Some(id("9")), ..first.clone() }),
        Some(RecordPointer { tombstone: Some(key), ..first.clone() }),
        Some(RecordPointer { gone, ..first.clone() }),
        Some(RecordPointer { is_erased: true, ..first.clone() }),
        Some(RecordPointer { merged_ids: [id("5")].into(), ..first.clone() }),
        Some(RecordPointer { places: BTreeSet::new(), ..first.clone() }),
        Some(RecordPointer { last_version: 3, ..first.clone() }),
    ];
    let record = bench.record("a@b.co", "17");
    for wrong in wrong {
        let write = point("17", wrong.as_ref(), next.clone());
        let outcome = bench.commit(vec![store(None, &record)], vec![write]).await;
        assert_eq!(outcome, Overtaken, "{wrong:?}");
    }
    assert_eq!(bench.found(&record.key).await, None, "all or nothing");
    let write = point("17", Some(&first), next.clone());
    assert_eq!(bench.commit(Vec::new(), vec![write]).await, Committed);
    assert_eq!(bench.load(&["17"], &[]).await.pointers.remove(&id("17")), Some(next));
}

async fn more_items_than_one_call_takes_are_loaded(bench: Bench<'_>) {
    let ids: Vec<ExternalId> = (0..60).map(|number| id(&format!("{number}"))).collect();
    let mut keys = BTreeSet::new();
    for id in &ids {
        let record = bench.record(&format!("{id}@b.co"), id.as_str());
        let pointer = RecordPointer::to_record(record.key.clone(), BTreeSet::new());
        keys.insert(record.key.clone());
        let pointers = vec![point(id.as_str(), None, pointer)];
        assert_eq!(bench.commit(vec![store(None, &record)], pointers).await, Committed);
    }
    let lookup = Lookup { ids: ids.into_iter().collect(), keys };
    let loaded = bench.store.load(&bench.scope, &lookup).await.unwrap();
    assert_eq!((loaded.pointers.len(), loaded.records.len()), (60, 60));
}

async fn scopes_share_nothing(bench: Bench<'_>) {
    let record = bench.record("a@b.co", "17");
    let pointer = RecordPointer::to_record(record.key.clone(), BTreeSet::new());
    bench.commit(vec![store(None, &record)], vec![point("17", None, pointer)]).await;
    let stranger = Bench::new(bench.store, bench.others);
    let companies = RecordScope { object_type: ObjectType::Company, ..bench.scope.clone() };
    for scope in [stranger.scope, companies] {
        let lookup = Lookup { ids: [id("17")].into(), keys: [record.key.clone()].into() };
        let loaded = bench.store.load(&scope, &lookup).await.unwrap();
        assert!(loaded.pointers.is_empty() && loaded.records.is_empty(), "{scope:?}");
    }
}

pub async fn whole_suite(store: &dyn RecordStore, others: &dyn Others) {
    let bench = || Bench::new(store, others);
    version_is_read_back_as_it_was_stored(bench()).await;
    write_is_refused_when_anything_else_is_there_than_was_seen(bench()).await;
    refresh_leaves_all_but_the_times(bench()).await;
    version_takes_a_lock_that_was_seen_with_it_and_leaves_those_who_wait(bench()).await;
    vacated_place_goes_unless_somebody_waits_there(bench()).await;
    erased_place_goes_with_all_that_waits_there(bench()).await;
    pointer_is_written_only_over_what_was_seen(bench()).await;
    more_items_than_one_call_takes_are_loaded(bench()).await;
    scopes_share_nothing(bench()).await;
}

#[tokio::test]
async fn memory_store_keeps_the_contract_of_records() {
    let store = MemoryRecordStore::default();
    whole_suite(&store, &store).await;
}
