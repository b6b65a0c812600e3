//! One suite for claims and watermarks of imports, run against the fake and against the table of the
//! local cloud in `e2e_table_contract`.

use std::time::Duration;

use futures::future::join_all;
use jiff::Timestamp;
use sync_domain::keys::{ClaimKey, Fingerprint};
use sync_domain::model::{OwnerId, System, TenantId};
use sync_domain::ports::ImportClaimOutcome::{Claimed, InProgress, KeyReused, Replay};
use sync_domain::ports::{ImportAnswer, ImportClaim, ImportClaimOutcome, ImportStore, Watermark};
use sync_testkit::MemoryImports;
use uuid::Uuid;

const SYSTEM: System = System::Acuity;
const NOW: Timestamp = Timestamp::constant(1_790_000_000, 0);
const LEASE: Duration = Duration::from_secs(29);
/// How long a claim is remembered.
const REMEMBERED: Duration = Duration::from_secs(7 * 24 * 3_600);

/// A tenant of its own at a store.
struct Bench<'a, S> {
    store: &'a S,
    tenant: TenantId,
}

impl<'a, S: ImportStore> Bench<'a, S> {
    fn new(store: &'a S) -> Self {
        let tenant = TenantId::parse(&format!("contract-{}", Uuid::new_v4().simple())).unwrap();
        Self { store, tenant }
    }

    fn claim(&self, owner: &str, at: Timestamp) -> ImportClaim {
        ImportClaim {
            tenant: self.tenant.clone(),
            system: SYSTEM,
            key: ClaimKey::from_stored("key-1"),
            fingerprint: Fingerprint::from_stored("asked-1"),
            owner: OwnerId::new(owner),
            at,
            lease_until: at + LEASE,
        }
    }

    async fn take(&self, owner: &str, at: Timestamp) -> ImportClaimOutcome {
        self.store.claim(&self.claim(owner, at)).await.unwrap()
    }

    async fn finish(&self, owner: &str, answer: &ImportAnswer) {
        self.store.finish(&self.claim(owner, NOW), answer).await.unwrap();
    }

    async fn complete(&self, began_at: Timestamp, completed_at: Timestamp) -> Option<Watermark> {
        let watermark = Watermark { began_at, completed_at };
        self.store.complete(&self.tenant, SYSTEM, watermark).await.unwrap();
        self.store.watermark(&self.tenant, SYSTEM).await.unwrap()
    }
}

fn answer() -> ImportAnswer {
    let next_cursor = Some("cursor".to_owned());
    ImportAnswer { imported: 3, updated: 2, skipped_duplicates: 1, next_cursor }
}

async fn watermark_only_moves_on(bench: Bench<'_, impl ImportStore>) {
    assert_eq!(bench.store.watermark(&bench.tenant, SYSTEM).await.unwrap(), None);
    let (half, end) = (NOW + Duration::from_millis(500), NOW + LEASE);
    let first = Some(Watermark { began_at: NOW, completed_at: end });
    assert_eq!(bench.complete(NOW, end).await, first);
    let second = Some(Watermark { began_at: half, completed_at: end });
    assert_eq!(bench.complete(half, end).await, second, "a part of a second counts");
    assert_eq!(bench.complete(NOW, end + LEASE).await, second, "one that began earlier");
    let last = Some(Watermark { began_at: half, completed_at: end + LEASE });
    assert_eq!(bench.complete(half, end + LEASE).await, last);
}

async fn claim_keeps_others_out_until_its_lease_ends(bench: Bench<'_, impl ImportStore>) {
    assert_eq!(bench.take("one", NOW).await, Claimed);
    assert_eq!(bench.take("two", NOW).await, InProgress(NOW + LEASE));
    assert_eq!(bench.take("one", NOW).await, Claimed, "one's own claim, whose answer was lost");
    let elsewhere = Bench::new(bench.store);
    assert_eq!(elsewhere.take("two", NOW).await, Claimed, "another tenant's key");
    assert_eq!(bench.take("two", NOW + LEASE).await, Claimed, "the owner is dead");
    bench.finish("one", &ImportAnswer::default()).await;
    bench.store.release(&bench.claim("one", NOW)).await.unwrap();
    let held = InProgress(NOW + LEASE * 2);
    assert_eq!(bench.take("three", NOW + LEASE).await, held, "the dead one ends nothing");
}

async fn finished_claim_is_replayed_until_it_is_forgotten(bench: Bench<'_, impl ImportStore>) {
    for answer in [answer(), ImportAnswer::default()] {
        let bench = Bench::new(bench.store);
        bench.take("one", NOW).await;
        bench.finish("one", &answer).await;
        bench.finish("one", &ImportAnswer { imported: 99, ..answer.clone() }).await;
        bench.store.release(&bench.claim("one", NOW)).await.unwrap();
        let late = NOW + REMEMBERED - LEASE;
        for owner in ["one", "two"] {
            assert_eq!(bench.take(owner, late).await, Replay(answer.clone()));
        }
        assert_eq!(bench.take("two", NOW + REMEMBERED + LEASE).await, Claimed);
    }
}

async fn key_that_was_used_for_something_else_is_refused(bench: Bench<'_, impl ImportStore>) {
    let other = |owner: &str, at| ImportClaim {
        fingerprint: Fingerprint::from_stored("asked-2"),
        ..bench.claim(owner, at)
    };
    bench.take("one", NOW).await;
    for at in [NOW, NOW + LEASE * 2] {
        assert_eq!(bench.store.claim(&other("two", at)).await.unwrap(), KeyReused);
    }
    bench.finish("one", &answer()).await;
    assert_eq!(bench.store.claim(&other("two", NOW)).await.unwrap(), KeyReused);
}

async fn released_key_is_free_for_anything(bench: Bench<'_, impl ImportStore>) {
    bench.take("one", NOW).await;
    bench.store.release(&bench.claim("two", NOW)).await.unwrap();
    assert_eq!(bench.take("two", NOW).await, InProgress(NOW + LEASE), "it is not two's to release");
    for _time in 0..2 {
        bench.store.release(&bench.claim("one", NOW)).await.unwrap();
    }
    let other =
        ImportClaim { fingerprint: Fingerprint::from_stored("asked-2"), ..bench.claim("two", NOW) };
    assert_eq!(bench.store.claim(&other).await.unwrap(), Claimed);
}

async fn of_many_claims_one_is_granted(bench: Bench<'_, impl ImportStore>) {
    let owners: Vec<_> = (0..8).map(|number| format!("owner-{number}")).collect();
    let outcomes = join_all(owners.iter().map(|owner| bench.take(owner, NOW))).await;
    assert_eq!(outcomes.iter().filter(|outcome| **outcome == Claimed).count(), 1, "{outcomes:?}");
    let waiting = outcomes.iter().filter(|outcome| **outcome == InProgress(NOW + LEASE)).count();
    assert_eq!(waiting, owners.len() - 1);
}

pub async fn whole_suite<S: ImportStore>(store: &S) {
    let bench = || Bench::new(store);
    watermark_only_moves_on(bench()).await;
    claim_keeps_others_out_until_its_lease_ends(bench()).await;
    finished_claim_is_replayed_until_it_is_forgotten(bench()).await;
    key_that_was_used_for_something_else_is_refused(bench()).await;
    released_key_is_free_for_anything(bench()).await;
    of_many_claims_one_is_granted(bench()).await;
}

#[tokio::test]
async fn memory_imports_keep_the_contract() {
    whole_suite(&MemoryImports::default()).await;
}
