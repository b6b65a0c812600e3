//! The second part of the contract of the store: what a completion stores besides the caller's
//! values, what it must not overwrite, and what counts as unchanged afterwards.

use std::time::Duration;

use jiff::Timestamp;
use serde_json::{Value, json};
use sync_domain::model::{AttributeName, Attributes, ExternalId, ObjectType, RecordChange};
use sync_domain::ports::{Claim, ClaimOutcome, Completion, Finished, Release, UpsertStore};
use sync_testkit::MemoryUpsertStore;

use crate::contract_upsert_store::Bench;

/// What the suite does to the records of a store, and sees of them, past the port: as the reader of
/// the provider's changes would.
pub trait Records {
    /// Leaves a tombstone in place of a claim's record.
    async fn mark_deleted(&self, claim: &Claim);
    /// The record key that a provider's id of a contact leads to.
    async fn pointer(&self, claim: &Claim, external_id: &str) -> Option<String>;
    /// The provider's version of a claim's record.
    async fn provider_version(&self, claim: &Claim) -> Option<Timestamp>;
}

impl Records for MemoryUpsertStore {
    async fn mark_deleted(&self, claim: &Claim) {
        self.edit(&claim.tenant, &claim.record, |record| record.is_deleted = true);
    }

    async fn pointer(&self, claim: &Claim, external_id: &str) -> Option<String> {
        let id = ExternalId::new(external_id);
        let key = MemoryUpsertStore::pointer(self, &claim.tenant, ObjectType::Contact, &id);
        key.map(|key| key.as_str().to_owned())
    }

    async fn provider_version(&self, claim: &Claim) -> Option<Timestamp> {
        let mut version = None;
        self.edit(&claim.tenant, &claim.record, |record| version = record.provider_version);
        version
    }
}

fn company(ids: impl IntoIterator<Item = u32>) -> Value {
    let association = |id: u32| json!({"type": "company", "external_id": id.to_string()});
    ids.into_iter().map(association).collect()
}

/// Claims and completes; the outcome of the claim must be that it is ours.
async fn store(bench: &Bench<'_>, claim: &Claim, finished: &Finished) {
    assert_eq!(bench.begin(claim).await, ClaimOutcome::Claimed);
    assert_eq!(bench.finish(claim, finished).await, Completion::Stored);
}

/// What a claim comes to that is given back at once.
async fn outcome(bench: &Bench<'_>, claim: &Claim) -> ClaimOutcome {
    let outcome = bench.begin(claim).await;
    if outcome == ClaimOutcome::Claimed {
        bench.store.release(claim, Release::Undone).await.unwrap();
    }
    outcome
}

fn unchanged() -> ClaimOutcome {
    ClaimOutcome::Unchanged(ExternalId::new("17"))
}

async fn claim_is_unchanged_only_with_all_its_associations(store_: &dyn UpsertStore) {
    let bench = Bench::new(store_);
    let ada = json!({"email": "a@b.co", "firstname": "Ada"});
    let first = bench.claim_with("k1", "o1", &ada, &company([1, 2]));
    store(&bench, &first, &bench.finished(RecordChange::Created)).await;
    for (index, (companies, is_unchanged)) in [
        (company([]), true),
        (company([2, 1]), true),
        (company([1]), true),
        (company([1, 3]), false),
        (company([12]), false),
    ]
    .into_iter()
    .enumerate()
    {
        let key = format!("k2-{index}");
        let found = outcome(&bench, &bench.claim_with(&key, &key, &ada, &companies)).await;
        assert_eq!(found == unchanged(), is_unchanged, "{companies}: {found:?}");
    }
    // Added to those that are there, not put in their place.
    let more = bench.claim_with("k3", "o3", &ada, &company([3]));
    store(&bench, &more, &bench.finished(RecordChange::Updated)).await;
    let all = bench.claim_with("k4", "o4", &ada, &company([1, 2, 3]));
    assert_eq!(outcome(&bench, &all).await, unchanged());
}

async fn claim_takes_as_many_associations_as_a_caller_may_send(store_: &dyn UpsertStore) {
    let bench = Bench::new(store_);
    let full = json!({
        "email": "a@b.co", "phone": "1", "firstname": "A", "lastname": null, "company": null,
        "lifecyclestage": null,
    });
    let ids = || company((0..50).map(|id| 4_000_000_000 - id));
    let first = bench.claim_with("k1", "o1", &full, &ids());
    store(&bench, &first, &bench.finished(RecordChange::Created)).await;
    assert_eq!(outcome(&bench, &bench.claim_with("k2", "o2", &full, &ids())).await, unchanged());
}

async fn deleted_record_differs_from_every_wanted_one(
    store_: &dyn UpsertStore,
    records: &impl Records,
) {
    let bench = Bench::new(store_);
    let ada = json!({"email": "a@b.co", "firstname": "Ada"});
    let first = bench.claim_with("k1", "o1", &ada, &company([]));
    assert_eq!(store_.known_external_id(&first).await.unwrap(), None);
    store(&bench, &first, &bench.finished(RecordChange::Created)).await;
    assert_eq!(store_.known_external_id(&first).await.unwrap(), Some(ExternalId::new("17")));
    records.mark_deleted(&first).await;
    assert_eq!(store_.known_external_id(&first).await.unwrap(), None);
    let again = bench.claim_with("k2", "o2", &ada, &company([]));
    // The provider's clock need not agree with what was stored of the deleted record.
    let mut recreated = bench.finished(RecordChange::Created);
    recreated.written.external_id = ExternalId::new("18");
    recreated.read_at -= Duration::from_secs(60);
    store(&bench, &again, &recreated).await;
    let third = bench.claim_with("k3", "o3", &ada, &company([]));
    assert_eq!(outcome(&bench, &third).await, ClaimOutcome::Unchanged(ExternalId::new("18")));
}

async fn completion_keeps_what_the_provider_answered_besides(store_: &dyn UpsertStore) {
    let bench = Bench::new(store_);
    let ada = json!({"email": "a@b.co", "firstname": "Ada"});
    let first = bench.claim_with("k1", "o1", &ada, &company([]));
    let mut finished = bench.finished(RecordChange::Created);
    let mut answered = Attributes::default();
    answered.set(AttributeName::Firstname, "ADA");
    answered.set(AttributeName::Company, "Example Works");
    finished.written.attributes = answered;
    store(&bench, &first, &finished).await;
    let both = json!({"email": "a@b.co", "firstname": "Ada", "company": "Example Works"});
    let claim = bench.claim_with("k2", "o2", &both, &company([]));
    assert_eq!(outcome(&bench, &claim).await, unchanged());
}

async fn completion_leads_from_each_id_to_the_record(
    store_: &dyn UpsertStore,
    records: &impl Records,
) {
    let bench = Bench::new(store_);
    let first = bench.claim_with("k1", "o1", &json!({"email": "a@b.co"}), &company([]));
    assert_eq!(records.pointer(&first, "17").await, None);
    store(&bench, &first, &bench.finished(RecordChange::Created)).await;
    let renamed = json!({"email": "a@b.co", "firstname": "Ada"});
    let second = bench.claim_with("k2", "o2", &renamed, &company([]));
    let mut recreated = bench.finished(RecordChange::Created);
    recreated.written.external_id = ExternalId::new("18");
    store(&bench, &second, &recreated).await;
    for id in ["17", "18"] {
        assert_eq!(records.pointer(&first, id).await.as_deref(), Some(first.record.as_str()));
    }
}

async fn completion_leaves_a_later_state_in_place(
    store_: &dyn UpsertStore,
    records: &impl Records,
) {
    let bench = Bench::new(store_);
    let named = |name: &str| json!({"email": "a@b.co", "firstname": name});
    let version = |seconds: i64| bench.now + Duration::from_secs(seconds.unsigned_abs());
    let claim = |key: &str, name: &str| bench.claim_with(key, key, &named(name), &company([]));
    let at = |provider_version: Timestamp, read_at: Timestamp| {
        let mut finished = bench.finished(RecordChange::Updated);
        finished.written.provider_version = Some(provider_version);
        finished.read_at = read_at;
        finished
    };
    let later = claim("k1", "Later");
    store(&bench, &later, &at(version(9), bench.now)).await;
    for (key, earlier) in [
        ("k2", at(version(8), version(20))),
        ("k3", at(version(9), bench.now - Duration::from_secs(1))),
    ] {
        let claim = claim(key, "Earlier");
        store(&bench, &claim, &earlier).await;
        // Its caller has an answer, and the lock is gone, but the record is as it was.
        assert!(matches!(bench.begin(&claim).await, ClaimOutcome::Replay(_)));
        assert_eq!(records.provider_version(&later).await, Some(version(9)));
    }
    assert_eq!(outcome(&bench, &claim("k4", "Later")).await, unchanged());
    // A state from the same version that was read later is as good as a later version.
    store(&bench, &claim("k5", "Same"), &at(version(9), version(1))).await;
    assert_eq!(outcome(&bench, &claim("k6", "Same")).await, unchanged());
    // An answer without a version does not take the known one away.
    let mut unversioned = bench.finished(RecordChange::Updated);
    unversioned.read_at = version(2);
    store(&bench, &claim("k7", "Unversioned"), &unversioned).await;
    assert_eq!(outcome(&bench, &claim("k8", "Unversioned")).await, unchanged());
    assert_eq!(records.provider_version(&later).await, Some(version(9)));
}

pub async fn whole_suite(store: &dyn UpsertStore, records: &impl Records) {
    claim_is_unchanged_only_with_all_its_associations(store).await;
    claim_takes_as_many_associations_as_a_caller_may_send(store).await;
    deleted_record_differs_from_every_wanted_one(store, records).await;
    completion_keeps_what_the_provider_answered_besides(store).await;
    completion_leads_from_each_id_to_the_record(store, records).await;
    completion_leaves_a_later_state_in_place(store, records).await;
}

#[tokio::test]
async fn memory_store_keeps_the_contract_of_versions() {
    let store = MemoryUpsertStore::default();
    whole_suite(&store, &store).await;
}
