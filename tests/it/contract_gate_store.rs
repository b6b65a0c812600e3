//! One suite for the store of gates, run against the fake here and against the table of the local
//! cloud in `e2e_table_contract`.

use std::time::Duration;

use futures::future::join_all;
use jiff::Timestamp;
use sync_domain::gate::{
    Breaker, Class, GateState, LastError, Ledger, Pause, PauseReason, Probe, RateLimit, Share,
};
use sync_domain::model::{System, TenantId};
use sync_domain::ports::{GateStore, SaveOutcome};
use sync_testkit::MemoryGateStore;
use uuid::Uuid;

const SYSTEM: System = System::Hubspot;

fn tenant() -> TenantId {
    TenantId::parse(&format!("contract-{}", Uuid::new_v4().simple())).unwrap()
}

fn at(second: i64) -> Timestamp {
    Timestamp::from_second(1_790_000_000 + second).unwrap()
}

fn full_state(revision: u64) -> GateState {
    GateState {
        breaker: Breaker {
            failures: 5,
            failed_at: Some(at(1)),
            open_until: Some(at(6)),
            cooldown: Duration::from_secs(5),
            changed_at: Some(at(2)),
            epoch: 3,
            probe: Some(Probe { id: "probe".to_owned(), until: at(20) }),
        },
        pause: Some(Pause { until: at(86_400), reason: PauseReason::DailyLimit }),
        ledger: Ledger {
            learned: Some(RateLimit { max: 190, window: Duration::from_secs(10) }),
            shares: vec![Share {
                holder: "holder".to_owned(),
                class: Class::Background,
                permits: 9,
                until: at(60),
                is_short: true,
            }],
        },
        last_success_at: Some(at(-3)),
        last_error: Some(LastError { code: "http_503".to_owned(), at: at(1) }),
        revision,
    }
}

async fn state_that_was_never_stored_is_the_default(store: &dyn GateStore) {
    let loaded = store.load(&tenant(), SYSTEM).await.unwrap();
    assert_eq!(loaded, GateState::default());
}

async fn saved_state_is_read_back_one_revision_on(store: &dyn GateStore) {
    let tenant = tenant();
    for revision in 0..3 {
        let saved = store.save(&tenant, SYSTEM, &full_state(revision)).await.unwrap();
        assert_eq!(saved, SaveOutcome::Saved);
        assert_eq!(store.load(&tenant, SYSTEM).await.unwrap(), full_state(revision + 1));
    }
    let empty = GateState { revision: 3, ..GateState::default() };
    assert_eq!(store.save(&tenant, SYSTEM, &empty).await.unwrap(), SaveOutcome::Saved);
    let loaded = store.load(&tenant, SYSTEM).await.unwrap();
    assert_eq!(loaded, GateState { revision: 4, ..GateState::default() }, "nothing is left over");
}

async fn save_of_another_revision_is_refused_and_says_what_is_there(store: &dyn GateStore) {
    let tenant = tenant();
    let first = full_state(0);
    assert_eq!(store.save(&tenant, SYSTEM, &first).await.unwrap(), SaveOutcome::Saved);
    let there = SaveOutcome::Conflict(Box::new(full_state(1)));
    for revision in [0, 2, 7] {
        let late = GateState { revision, ..GateState::default() };
        assert_eq!(store.save(&tenant, SYSTEM, &late).await.unwrap(), there, "{revision}");
    }
    let nothing_there = self::tenant();
    let gone = store.save(&nothing_there, SYSTEM, &full_state(5)).await.unwrap();
    assert_eq!(gone, SaveOutcome::Conflict(Box::default()));
}

async fn one_of_many_saves_at_once_is_stored(store: &dyn GateStore) {
    let tenant = tenant();
    for revision in 0..3 {
        let states: Vec<_> = (0..8_u32)
            .map(|failures| GateState {
                breaker: Breaker { failures, ..Breaker::default() },
                revision,
                ..GateState::default()
            })
            .collect();
        let saves = states.iter().map(|state| store.save(&tenant, SYSTEM, state));
        let outcomes: Vec<_> = join_all(saves).await.into_iter().map(Result::unwrap).collect();
        let winners: Vec<_> =
            (0..8).filter(|index| outcomes[*index] == SaveOutcome::Saved).collect();
        let [winner] = winners[..] else { panic!("{} were stored", winners.len()) };
        let stored = store.load(&tenant, SYSTEM).await.unwrap();
        assert_eq!(stored, GateState { revision: revision + 1, ..states[winner].clone() });
    }
}

async fn tenants_do_not_see_each_other(store: &dyn GateStore) {
    let (one, other) = (tenant(), tenant());
    assert_eq!(store.save(&one, SYSTEM, &full_state(0)).await.unwrap(), SaveOutcome::Saved);
    assert_eq!(store.load(&other, SYSTEM).await.unwrap(), GateState::default());
}

pub async fn whole_suite(store: &dyn GateStore) {
    state_that_was_never_stored_is_the_default(store).await;
    saved_state_is_read_back_one_revision_on(store).await;
    save_of_another_revision_is_refused_and_says_what_is_there(store).await;
    one_of_many_saves_at_once_is_stored(store).await;
    tenants_do_not_see_each_other(store).await;
}

#[tokio::test]
async fn memory_store_keeps_the_contract() {
    whole_suite(&MemoryGateStore::default()).await;
}
