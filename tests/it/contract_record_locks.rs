//! What both stores of the table keep together: a record that is written by the reader of the
//! provider's changes while an upsert of ours holds its lock. The fakes are two, so this runs against
//! the table alone, in `e2e_table_contract`.

use serde_json::json;
use sync_domain::model::{
    CorrelationId, ExternalId, NewVersion, ObjectType, Origin, Recency, RecordChange,
    RecordPointer, StoredRecord, System, VersionChange,
};
use sync_domain::ports::{
    Claim, ClaimOutcome, CommitOutcome, Completion, Lookup, PointerWrite, RecordCommit,
    RecordScope, RecordStore, RecordWrite, Seen, UpsertStore,
};

use crate::contract_upsert_store::Bench;
use crate::support::sync_world::person;

fn scope(claim: &Claim) -> RecordScope {
    let (system, object_type) = (System::Hubspot, ObjectType::Contact);
    RecordScope { tenant: claim.tenant.clone(), system, object_type }
}

async fn record(store: &dyn RecordStore, claim: &Claim) -> StoredRecord {
    let lookup = Lookup { keys: [claim.record.clone()].into(), ..Lookup::default() };
    store.load(&scope(claim), &lookup).await.unwrap().records.remove(&claim.record).unwrap()
}

/// Stores what the provider has, over what is there with its lock.
async fn sync(store: &dyn RecordStore, claim: &Claim, found: &StoredRecord) -> CommitOutcome {
    let record = StoredRecord {
        version: found.version + 1,
        external_id: Some(ExternalId::new("17")),
        attributes: person("a@b.co", "Portal"),
        origin: Origin::Provider,
        recency: Recency { provider_version: 10, read_at_ms: 11 },
        lock: None,
        ..found.clone()
    };
    let new = NewVersion {
        record,
        change: VersionChange::Updated,
        differences: None,
        synced_at: claim.at,
        correlation_id: CorrelationId::unknown(),
    };
    let write = RecordWrite::Store { seen: Some(Seen::from(found)), new: Box::new(new) };
    let commit = RecordCommit { records: vec![write], pointers: Vec::new() };
    store.commit(&scope(claim), &commit).await.unwrap()
}

/// A dead upsert's lock goes with the write, and the dead can't finish.
pub async fn dead_upsert_is_fenced_off<S: RecordStore + UpsertStore>(store: &S) {
    let bench = Bench::new(store);
    let claim = bench.claim_with("k1", "dead", &json!({"email": "a@b.co"}), &json!([]));
    assert_eq!(bench.begin(&claim).await, ClaimOutcome::Claimed);
    let locked = record(store, &claim).await;
    assert_eq!(locked.version, 0, "a place that is locked and has no version");
    assert_eq!(locked.lock.as_ref().map(|lock| &lock.owner), Some(&claim.owner));
    assert_eq!(sync(store, &claim, &locked).await, CommitOutcome::Committed);
    let finished = bench.finished(RecordChange::Created);
    assert_eq!(bench.finish(&claim, &finished).await, Completion::Lost(None));
    let stored = record(store, &claim).await;
    assert_eq!((stored.version, stored.lock), (1, None));
    assert_eq!(stored.attributes, person("a@b.co", "Portal"));
}

/// The object of an upsert was erased, or deleted, before the upsert could store it: nothing of it
/// is stored then, and the caller has its answer.
pub async fn upsert_of_what_is_gone_stores_nothing<S: RecordStore + UpsertStore>(store: &S) {
    let gone = Some(Recency { provider_version: i64::MAX, read_at_ms: i64::MAX });
    let erased = RecordPointer { is_erased: true, ..RecordPointer::default() };
    for news in [erased, RecordPointer { gone, ..RecordPointer::default() }] {
        let bench = Bench::new(store);
        let claim = bench.claim_with("k1", "late", &json!({"email": "a@b.co"}), &json!([]));
        assert_eq!(bench.begin(&claim).await, ClaimOutcome::Claimed);
        let external_id = ExternalId::new("17");
        let write =
            PointerWrite { external_id: external_id.clone(), seen: None, pointer: news.clone() };
        let commit = RecordCommit { records: Vec::new(), pointers: vec![write] };
        let outcome = store.commit(&scope(&claim), &commit).await.unwrap();
        assert_eq!(outcome, CommitOutcome::Committed);
        let finished = bench.finished(RecordChange::Created);
        assert_eq!(bench.finish(&claim, &finished).await, Completion::Stored);
        let lookup =
            Lookup { ids: [external_id.clone()].into(), keys: [claim.record.clone()].into() };
        let mut loaded = store.load(&scope(&claim), &lookup).await.unwrap();
        assert!(loaded.records.is_empty(), "{news:?}");
        assert_eq!(loaded.pointers.remove(&external_id), Some(news));
        let again = bench.claim_with("k1", "again", &json!({"email": "a@b.co"}), &json!([]));
        assert!(matches!(bench.begin(&again).await, ClaimOutcome::Replay(_)));
    }
}

/// An upsert that finishes between a look and a write is seen: the write is refused, and what is
/// there then is ours, as ours.
pub async fn finished_upsert_is_seen<S: RecordStore + UpsertStore>(store: &S) {
    let bench = Bench::new(store);
    let claim = bench.claim_with("k1", "alive", &json!({"email": "a@b.co"}), &json!([]));
    assert_eq!(bench.begin(&claim).await, ClaimOutcome::Claimed);
    let locked = record(store, &claim).await;
    let finished = bench.finished(RecordChange::Created);
    assert_eq!(bench.finish(&claim, &finished).await, Completion::Stored);
    assert_eq!(sync(store, &claim, &locked).await, CommitOutcome::Overtaken);
    let stored = record(store, &claim).await;
    assert_eq!((stored.version, stored.origin, stored.lock.as_ref()), (1, Origin::Platform, None));
    assert_eq!(stored.recency.read_at_ms, finished.read_at.as_millisecond());
    let lookup = Lookup { ids: [ExternalId::new("17")].into(), ..Lookup::default() };
    let loaded = store.load(&scope(&claim), &lookup).await.unwrap();
    let pointer = &loaded.pointers[&ExternalId::new("17")];
    assert_eq!(pointer.record.as_ref(), Some(&claim.record));
    assert!(pointer.places.contains(&claim.record));
    assert_eq!(sync(store, &claim, &stored).await, CommitOutcome::Committed);
}
