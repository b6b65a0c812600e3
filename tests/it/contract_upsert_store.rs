//! One suite for the store of claims and records, run against the fake here and against the table of
//! the local cloud in `e2e_table_contract`.

use std::time::Duration;

use jiff::Timestamp;
use serde_json::{Value, json};
use sync_domain::keys;
use sync_domain::model::UpsertStatus::{Created, Updated};
use sync_domain::model::{
    Attributes, CorrelationId, ExternalId, IdempotencyKey, ObjectType, OwnerId, RecordChange,
    System, TenantId, associations_of, draft_of,
};
use sync_domain::ports::{
    Answer, Claim, ClaimOutcome, Completion, Expectation, Finished, Release, UpsertStore, Written,
};
use sync_testkit::MemoryUpsertStore;
use uuid::Uuid;

const LEASE: Duration = Duration::from_secs(20);

/// A tenant of its own at a store, with the time of day.
pub struct Bench<'a> {
    pub store: &'a dyn UpsertStore,
    pub tenant: TenantId,
    pub now: Timestamp,
}

impl<'a> Bench<'a> {
    pub fn new(store: &'a dyn UpsertStore) -> Self {
        let tenant = format!("contract-{}", Uuid::new_v4().simple());
        let now = Timestamp::from_second(1_790_000_000).unwrap();
        Self { store, tenant: TenantId::parse(&tenant).unwrap(), now }
    }

    fn claim(&self, key: &str, owner: &str, attributes: &Value) -> Claim {
        self.claim_with(key, owner, attributes, &json!([]))
    }

    /// The claim of a contact that is to be associated with companies.
    pub fn claim_with(
        &self,
        key: &str,
        owner: &str,
        attributes: &Value,
        associations: &Value,
    ) -> Claim {
        let object_type = ObjectType::Contact;
        let mut draft = draft_of(object_type, attributes.as_object().unwrap(), None).unwrap();
        draft.associations = associations_of(object_type, associations).unwrap();
        let record =
            keys::record_key(&self.tenant, System::Hubspot, draft.object_type, &draft.natural_key)
                .unwrap();
        let key = IdempotencyKey::parse(key).unwrap();
        Claim {
            key: keys::claim_key(&self.tenant, "contract", &key).unwrap(),
            fingerprint: keys::fingerprint(&record, &draft).unwrap(),
            tenant: self.tenant.clone(),
            system: System::Hubspot,
            record,
            draft,
            owner: OwnerId::new(owner),
            at: self.now,
            lease_until: self.now + LEASE,
            started_at: self.now,
            correlation_id: CorrelationId::parse("contract").unwrap(),
            queued_at: None,
        }
    }

    pub async fn begin(&self, claim: &Claim) -> ClaimOutcome {
        self.store.claim(claim, &Expectation::default()).await.unwrap()
    }

    async fn complete(&self, claim: &Claim, change: RecordChange) -> Completion {
        self.finish(claim, &self.finished(change)).await
    }

    pub async fn finish(&self, claim: &Claim, finished: &Finished) -> Completion {
        self.store.complete(claim, finished).await.unwrap()
    }

    /// What the provider answered just now, without a version.
    pub fn finished(&self, change: RecordChange) -> Finished {
        let written = Written {
            external_id: ExternalId::new("17"),
            change,
            attributes: Attributes::default(),
            provider_version: None,
        };
        Finished { written, read_at: self.now, at: self.now }
    }

    /// Stores the attributes under a key, from claim to completion.
    async fn store(&self, key: &str, attributes: &Value) {
        let claim = self.claim(key, key, attributes);
        assert_eq!(self.begin(&claim).await, ClaimOutcome::Claimed);
        assert_eq!(self.complete(&claim, RecordChange::Created).await, Completion::Stored);
    }
}

fn answer(status: sync_domain::model::UpsertStatus) -> Answer {
    Answer { external_id: ExternalId::new("17"), status }
}

async fn claim_keeps_others_out_until_it_is_completed(store: &dyn UpsertStore) {
    let bench = Bench::new(store);
    let ada = json!({"email": "a@b.co", "firstname": "Ada"});
    let first = bench.claim("k1", "o1", &ada);
    assert_eq!(bench.begin(&first).await, ClaimOutcome::Claimed);
    let in_progress = ClaimOutcome::InProgress { lease_until: Some(first.lease_until) };
    assert_eq!(bench.begin(&bench.claim("k1", "o2", &ada)).await, in_progress);
    assert_eq!(bench.begin(&bench.claim("k2", "o3", &ada)).await, in_progress);
    let other = json!({"email": "a@b.co", "firstname": "Eve"});
    assert_eq!(bench.begin(&bench.claim("k1", "o4", &other)).await, ClaimOutcome::KeyReused);
    assert_eq!(bench.complete(&first, RecordChange::Created).await, Completion::Stored);
    let replay = ClaimOutcome::Replay(answer(Created));
    assert_eq!(bench.begin(&bench.claim("k1", "o5", &ada)).await, replay);
    assert_eq!(bench.begin(&bench.claim("k1", "o6", &other)).await, ClaimOutcome::KeyReused);
}

async fn claim_of_stored_values_is_unchanged(store: &dyn UpsertStore) {
    let bench = Bench::new(store);
    bench.store("k1", &json!({"email": "a@b.co", "firstname": "Ada", "company": "X"})).await;
    let unchanged = ClaimOutcome::Unchanged(ExternalId::new("17"));
    for attributes in [
        json!({"email": "a@b.co", "firstname": "Ada", "company": "X"}),
        json!({"email": "a@b.co", "company": "X"}),
        json!({"email": "a@b.co", "phone": null}),
    ] {
        assert_eq!(bench.begin(&bench.claim("k2", "o2", &attributes)).await, unchanged);
    }
    for attributes in [
        json!({"email": "a@b.co", "firstname": "Eve"}),
        json!({"email": "a@b.co", "company": null}),
        json!({"email": "a@b.co", "phone": "+1"}),
        json!({"email": "other@b.co"}),
    ] {
        let claim = bench.claim("k3", "o3", &attributes);
        assert_eq!(bench.begin(&claim).await, ClaimOutcome::Claimed, "{attributes}");
        bench.store.release(&claim, Release::Undone).await.unwrap();
    }
}

async fn stale_claim_is_taken_over_once_and_fences_its_old_owner(store: &dyn UpsertStore) {
    let mut bench = Bench::new(store);
    let ada = json!({"email": "a@b.co"});
    let old = bench.claim("k1", "old", &ada);
    assert_eq!(bench.begin(&old).await, ClaimOutcome::Claimed);
    bench.now += LEASE;
    let new = bench.claim("k1", "new", &ada);
    let ClaimOutcome::Stale(expectation) = bench.begin(&new).await else { panic!("not stale") };
    let began = |it: &sync_domain::ports::StaleClaim| (it.owner.clone(), it.started_at);
    assert_eq!(expectation.claim.as_ref().map(began), Some((old.owner.clone(), old.started_at)));
    assert_eq!(store.claim(&new, &expectation).await.unwrap(), ClaimOutcome::Claimed);
    let late = bench.claim("k1", "late", &ada);
    let outcome = store.claim(&late, &expectation).await.unwrap();
    assert!(matches!(outcome, ClaimOutcome::InProgress { .. }), "{outcome:?}");

    assert_eq!(bench.complete(&old, RecordChange::Created).await, Completion::Lost(None));
    assert_eq!(bench.complete(&new, RecordChange::Updated).await, Completion::Stored);
    let lost = Completion::Lost(Some(answer(Updated)));
    assert_eq!(bench.complete(&old, RecordChange::Created).await, lost);
    store.release(&old, Release::Undone).await.unwrap();
    let replay = ClaimOutcome::Replay(answer(Updated));
    assert_eq!(bench.begin(&bench.claim("k1", "o", &ada)).await, replay);
}

async fn stale_lock_of_another_key_is_taken_over(store: &dyn UpsertStore) {
    let mut bench = Bench::new(store);
    let old = bench.claim("k1", "old", &json!({"email": "a@b.co", "firstname": "Old"}));
    assert_eq!(bench.begin(&old).await, ClaimOutcome::Claimed);
    bench.now += LEASE;
    let new = bench.claim("k2", "new", &json!({"email": "a@b.co", "firstname": "New"}));
    let ClaimOutcome::Stale(expectation) = bench.begin(&new).await else { panic!("not stale") };
    assert_eq!((expectation.claim.is_none(), expectation.lock.is_some()), (true, true));
    assert_eq!(store.claim(&new, &expectation).await.unwrap(), ClaimOutcome::Claimed);
    assert_eq!(bench.complete(&old, RecordChange::Created).await, Completion::Lost(None));
    assert_eq!(bench.complete(&new, RecordChange::Created).await, Completion::Stored);
}

/// Between finding a dead owner and taking over from it, a third caller did both and finished.
async fn takeover_after_another_one_finished_starts_from_what_is_there_now(
    store: &dyn UpsertStore,
) {
    let mut bench = Bench::new(store);
    let named = |name: &str| json!({"email": "a@b.co", "firstname": name});
    let old = bench.claim("k1", "old", &named("Old"));
    assert_eq!(bench.begin(&old).await, ClaimOutcome::Claimed);
    bench.now += LEASE;
    let (new, third) =
        (bench.claim("k2", "new", &named("New")), bench.claim("k3", "3", &named("3")));
    let ClaimOutcome::Stale(found) = bench.begin(&new).await else { panic!("not stale") };
    assert_eq!(store.claim(&third, &found).await.unwrap(), ClaimOutcome::Claimed);
    assert_eq!(bench.complete(&third, RecordChange::Created).await, Completion::Stored);
    // Not "unchanged": the record is free, but it does not hold the wanted values.
    let ClaimOutcome::Stale(found) = store.claim(&new, &found).await.unwrap() else {
        panic!("must look again")
    };
    assert_eq!(found, Expectation::default());
    assert_eq!(store.claim(&new, &found).await.unwrap(), ClaimOutcome::Claimed);
    assert_eq!(bench.complete(&new, RecordChange::Updated).await, Completion::Stored);
}

/// The same, but the third caller gave up and left nothing.
async fn takeover_after_another_one_undid_it_starts_from_nothing(store: &dyn UpsertStore) {
    let mut bench = Bench::new(store);
    let ada = json!({"email": "a@b.co"});
    let old = bench.claim("k1", "old", &ada);
    assert_eq!(bench.begin(&old).await, ClaimOutcome::Claimed);
    bench.now += LEASE;
    let (new, third) = (bench.claim("k1", "new", &ada), bench.claim("k1", "third", &ada));
    let mut expectation = Expectation::default();
    // The dead owner's claim and its lock may show one after the other.
    while let ClaimOutcome::Stale(found) = store.claim(&third, &expectation).await.unwrap() {
        assert_ne!(found, expectation);
        expectation = found;
    }
    store.release(&third, Release::Undone).await.unwrap();
    // Not "key reused": there is no such key any more.
    let ClaimOutcome::Stale(found) = store.claim(&new, &expectation).await.unwrap() else {
        panic!("must look again")
    };
    assert_eq!(found, Expectation::default());
    assert_eq!(store.claim(&new, &found).await.unwrap(), ClaimOutcome::Claimed);
}

async fn release_undoes_or_opens_the_way_at_once(store: &dyn UpsertStore) {
    let bench = Bench::new(store);
    let ada = json!({"email": "a@b.co", "firstname": "Ada"});
    let undone = bench.claim("k1", "o1", &ada);
    assert_eq!(bench.begin(&undone).await, ClaimOutcome::Claimed);
    store.release(&undone, Release::Undone).await.unwrap();
    let other = json!({"email": "a@b.co", "firstname": "Eve"});
    let free = bench.claim("k1", "o2", &other);
    assert_eq!(bench.begin(&free).await, ClaimOutcome::Claimed, "the key is as if never used");
    store.release(&free, Release::Unresolved).await.unwrap();
    let next = bench.claim("k1", "o3", &other);
    let ClaimOutcome::Stale(expectation) = bench.begin(&next).await else { panic!("not stale") };
    assert!(expectation.claim.is_some() && expectation.lock.is_some());
}

async fn release_of_a_stored_record_keeps_it(store: &dyn UpsertStore) {
    let bench = Bench::new(store);
    let ada = json!({"email": "a@b.co", "firstname": "Ada"});
    bench.store("k1", &ada).await;
    let claim = bench.claim("k2", "o2", &json!({"email": "a@b.co", "firstname": "Eve"}));
    assert_eq!(bench.begin(&claim).await, ClaimOutcome::Claimed);
    store.release(&claim, Release::Undone).await.unwrap();
    let unchanged = ClaimOutcome::Unchanged(ExternalId::new("17"));
    assert_eq!(bench.begin(&bench.claim("k3", "o3", &ada)).await, unchanged);
}

pub async fn whole_suite(store: &dyn UpsertStore) {
    claim_keeps_others_out_until_it_is_completed(store).await;
    claim_of_stored_values_is_unchanged(store).await;
    stale_claim_is_taken_over_once_and_fences_its_old_owner(store).await;
    stale_lock_of_another_key_is_taken_over(store).await;
    takeover_after_another_one_finished_starts_from_what_is_there_now(store).await;
    takeover_after_another_one_undid_it_starts_from_nothing(store).await;
    release_undoes_or_opens_the_way_at_once(store).await;
    release_of_a_stored_record_keeps_it(store).await;
}

#[tokio::test]
async fn memory_store_keeps_the_contract() {
    whole_suite(&MemoryUpsertStore::default()).await;
}
