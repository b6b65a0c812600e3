//! One suite for the store of pushes that wait, run against the fake here and against the table of
//! the local cloud in `e2e_table_contract`: how pushes get in line, are started, and leave it. What
//! comes of pushes that were given up is in `contract_push_again`.

use std::time::Duration;

use sync_domain::model::OwnerId;
use sync_domain::ports::{
    Claim, ClaimOutcome, Completion, Expectation, KeyStatus, Parked, PushStart, PushStore,
    QueuedAgain, QueuedPush, Release, RemoteEffect, UpsertStore,
};
use sync_testkit::MemoryUpsertStore;

use crate::support::push_line::{LEASE, Line, Places};

async fn parked_claim_waits_and_others_wait_behind_it<S, P>(store: &S, places: &P)
where
    S: UpsertStore + PushStore,
    P: Places,
{
    let mut line = Line::new(store, places);
    let first = line.park("k1", "Ada").await;
    assert_eq!(line.status(&first).await, KeyStatus::Queued);
    assert_eq!(line.bench.begin(&line.claim("k1", "Ada")).await, ClaimOutcome::Waiting);
    assert_eq!(line.bench.begin(&line.claim("k1", "Eve")).await, ClaimOutcome::KeyReused);
    assert_eq!(line.counted(&first).await, Some(1));
    let push = line.next(&first).await.unwrap();
    assert_eq!((push.effect, push.tries), (RemoteEffect::None, 0));
    assert_eq!((&push.key, &push.record), (&first.key, &first.record));
    assert_eq!((&push.fingerprint, push.started_at), (&first.fingerprint, first.started_at));
    let wanted = |claim: &Claim| (claim.draft.attributes.clone(), claim.draft.object_type);
    assert_eq!(wanted(&line.claim_by(&push, "worker")), wanted(&first));
    assert_eq!(push.draft.natural_key.expose(), first.draft.natural_key.expose());
    let second = line.behind("k2", "Bob").await;
    assert_eq!(line.counted(&first).await, Some(2));
    // Neither twice nor under a key that waits.
    let again = store.queue_behind(&second, None, line.bench.now).await.unwrap();
    assert_eq!((again, line.counted(&first).await), (Parked::Lost, Some(2)));
    let stranger = Line::new(store, places);
    assert_eq!(stranger.status(&first).await, KeyStatus::Queued, "asked for the owner's");
    assert_eq!(stranger.status(&stranger.claim("k1", "Ada")).await, KeyStatus::Unknown);
    assert!(stranger.next(&stranger.claim("k1", "Ada")).await.is_none());
}

async fn lost_claim_can_not_be_parked<S: UpsertStore + PushStore, P: Places>(
    store: &S,
    places: &P,
) {
    let mut line = Line::new(store, places);
    let old = line.claim("k1", "Ada");
    assert_eq!(line.bench.begin(&old).await, ClaimOutcome::Claimed);
    line.bench.now += LEASE;
    let new = Claim { owner: OwnerId::new("new"), ..line.claim("k1", "Ada") };
    let mut expectation = Expectation::default();
    while let ClaimOutcome::Stale(found) = store.claim(&new, &expectation).await.unwrap() {
        assert_ne!(found, expectation);
        expectation = found;
    }
    let park = async |claim: &Claim, at| store.park(claim, RemoteEffect::None, at).await.unwrap();
    assert_eq!(park(&old, line.bench.now).await, Parked::Lost);
    assert_eq!((line.counted(&old).await, line.next(&old).await.is_none()), (Some(0), true));
    assert_eq!(park(&new, line.bench.now).await, Parked::Queued);
    assert_eq!(park(&new, line.bench.now).await, Parked::Lost, "it waits already");
    assert_eq!(line.counted(&old).await, Some(1));
    store.release(&new, Release::Undone).await.unwrap();
    assert_eq!(line.status(&new).await, KeyStatus::Queued, "what waits is not given back");
    line.carry_out(&new).await;
    let undone = line.claim("k2", "Bob");
    assert_eq!(line.bench.begin(&undone).await, ClaimOutcome::Claimed);
    store.release(&undone, Release::Undone).await.unwrap();
    assert_eq!(park(&undone, line.bench.now).await, Parked::Lost);
    // Nobody waits any more, so there is nothing to wait behind.
    let behind = store.queue_behind(&line.claim("k3", "Eve"), None, line.bench.now).await.unwrap();
    assert_eq!((behind, line.counted(&old).await), (Parked::Lost, Some(0)));
    assert_eq!(line.status(&line.claim("k3", "Eve")).await, KeyStatus::Unknown);
}

async fn line_keeps_the_order_of_arrival_whatever_the_clocks_say<S, P>(store: &S, places: &P)
where
    S: UpsertStore + PushStore,
    P: Places,
{
    let mut line = Line::new(store, places);
    let mut claims = vec![line.park("k1", "1").await];
    for (key, late) in [("k2", true), ("k3", false), ("k4", false), ("k5", true)] {
        let claim = line.claim(key, key);
        let at = if late { line.bench.now } else { line.bench.now - LEASE };
        let parked = store.queue_behind(&claim, None, at).await.unwrap();
        assert_eq!(parked, Parked::Queued, "{key}");
        claims.push(claim);
    }
    for (done, claim) in claims.iter().enumerate() {
        assert_eq!(line.counted(claim).await, Some(5 - u64::try_from(done).unwrap()));
        line.carry_out(claim).await;
    }
    assert_eq!(
        (line.counted(&claims[0]).await, line.next(&claims[0]).await.is_none()),
        (Some(0), true)
    );
    // Nor does a call whose clock is behind come before what has been applied.
    line.bench.now -= LEASE;
    let slow = line.park("k6", "6").await;
    line.carry_out(&slow).await;
}

async fn dead_owner_of_a_key_is_replaced_in_line<S, P>(store: &S, places: &P)
where
    S: UpsertStore + PushStore,
    P: Places,
{
    let mut line = Line::new(store, places);
    let dead = line.claim("k1", "Ada");
    assert_eq!(line.bench.begin(&dead).await, ClaimOutcome::Claimed);
    line.bench.now += LEASE;
    let other = line.claim("k2", "Bob");
    let ClaimOutcome::Stale(found) = line.bench.begin(&other).await else { panic!("not stale") };
    assert_eq!(store.claim(&other, &found).await.unwrap(), ClaimOutcome::Claimed);
    let parked = store.park(&other, RemoteEffect::None, line.bench.now).await.unwrap();
    assert_eq!(parked, Parked::Queued);
    let again = Claim { owner: OwnerId::new("again"), ..line.claim("k1", "Ada") };
    let ClaimOutcome::Behind { stale } = line.bench.begin(&again).await else {
        panic!("must wait behind")
    };
    assert_eq!(stale.as_ref().map(|stale| &stale.owner), Some(&dead.owner));
    let at = line.bench.now;
    assert_eq!(store.queue_behind(&again, None, at).await.unwrap(), Parked::Lost);
    let queued = store.queue_behind(&again, stale.as_ref(), at).await.unwrap();
    assert_eq!(queued, Parked::Queued);
    assert_eq!(store.queue_behind(&again, stale.as_ref(), at).await.unwrap(), Parked::Lost);
    assert_eq!(line.counted(&dead).await, Some(2));
    line.carry_out(&other).await;
    let push = line.next(&dead).await.unwrap();
    assert_eq!((push.key, push.effect), (dead.key.clone(), RemoteEffect::Unknown));
    line.carry_out(&again).await;
}

async fn start_keeps_others_out_until_the_lease_ends<S, P>(store: &S, places: &P)
where
    S: UpsertStore + PushStore,
    P: Places,
{
    let mut line = Line::new(store, places);
    let first = line.park("k1", "Ada").await;
    let (push, old) = line.start_first(&first, "old").await;
    assert_eq!(line.next(&first).await.unwrap().effect, RemoteEffect::Unknown, "until it is known");
    let lease_until = old.lease_until;
    assert_eq!(line.status(&first).await, KeyStatus::InProgress { lease_until });
    assert_eq!(line.bench.begin(&line.claim("k1", "Ada")).await, ClaimOutcome::Waiting);
    let behind = line.bench.begin(&line.claim("k2", "Bob")).await;
    assert_eq!(behind, ClaimOutcome::Behind { stale: None });
    let busy = PushStart::Busy { until: Some(lease_until) };
    assert_eq!(line.start(&push, "other").await.0, busy);
    line.bench.now += LEASE;
    let (start, new) = line.start(&push, "new").await;
    assert_eq!(start, PushStart::Started);
    // The old worker can do nothing any more.
    assert_eq!(line.finish(&old).await, Completion::Lost(None));
    store.put_back(&push, &old).await.unwrap();
    store.give_up(&push, &old, "provider_rejected", line.bench.now).await.unwrap();
    assert_eq!(store.park(&old, RemoteEffect::None, line.bench.now).await.unwrap(), Parked::Lost);
    store.release(&old, Release::Undone).await.unwrap();
    let lease_until = new.lease_until;
    assert_eq!(line.status(&first).await, KeyStatus::InProgress { lease_until });
    assert_eq!(line.counted(&first).await, Some(1));
    assert_eq!(line.finish(&new).await, Completion::Stored);
    assert!(matches!(line.finish(&old).await, Completion::Lost(Some(_))));
    assert_eq!(line.counted(&first).await, Some(0));
    assert_eq!(line.start(&push, "late").await.0, PushStart::Gone);
    assert!(matches!(line.bench.begin(&line.claim("k1", "Ada")).await, ClaimOutcome::Replay(_)));
    let same = line.bench.begin(&line.claim("k3", "Ada")).await;
    assert!(matches!(same, ClaimOutcome::Unchanged(_)), "{same:?}");
}

async fn push_put_back_keeps_its_place_with_what_is_known<S, P>(store: &S, places: &P)
where
    S: UpsertStore + PushStore,
    P: Places,
{
    let mut line = Line::new(store, places);
    let (first, second) = (line.park("k1", "Ada").await, line.behind("k2", "Bob").await);
    for (tries, effect) in [(1, RemoteEffect::Unknown), (2, RemoteEffect::None)] {
        let (push, claim) = line.start_first(&first, "worker").await;
        store.put_back(&QueuedPush { tries, effect, ..push }, &claim).await.unwrap();
        let waiting = line.next(&first).await.unwrap();
        assert_eq!((waiting.tries, waiting.effect), (tries, effect));
        assert_eq!(line.status(&first).await, KeyStatus::Queued);
        assert_eq!(line.counted(&first).await, Some(2));
        assert_eq!(line.finish(&claim).await, Completion::Lost(None), "it was put back");
    }
    line.carry_out(&first).await;
    line.carry_out(&second).await;
}

async fn completion_leaves_the_line_where_a_later_state_is_stored<S, P>(store: &S, places: &P)
where
    S: UpsertStore + PushStore,
    P: Places,
{
    let mut line = Line::new(store, places);
    let versioned = |line: &Line<'_, S, P>, seconds: u64| {
        let mut finished = line.finished();
        let version = line.bench.now + Duration::from_secs(seconds);
        finished.written.provider_version = Some(version);
        finished
    };
    let direct = line.claim("k0", "Later");
    assert_eq!(line.bench.begin(&direct).await, ClaimOutcome::Claimed);
    let later = versioned(&line, 1_000);
    assert_eq!(line.bench.finish(&direct, &later).await, Completion::Stored);
    let first = line.park("k1", "Ada").await;
    let (_, claim) = line.start_first(&first, "worker").await;
    let earlier = versioned(&line, 1);
    assert_eq!(line.bench.finish(&claim, &earlier).await, Completion::Stored);
    assert!(matches!(line.status(&first).await, KeyStatus::Completed(_)));
    assert_eq!((line.counted(&first).await, line.next(&first).await.is_none()), (Some(0), true));
    let same = line.bench.begin(&line.claim("k2", "Later")).await;
    assert!(matches!(same, ClaimOutcome::Unchanged(_)), "the later state stays: {same:?}");
}

/// Of a push that was refused half done something is at the provider: its key is not as good as new.
async fn key_of_a_push_given_up_half_done_is_taken_over<S, P>(store: &S, places: &P)
where
    S: UpsertStore + PushStore,
    P: Places,
{
    let mut line = Line::new(store, places);
    for (key, is_behind) in [("k1", false), ("k2", true)] {
        let first = line.park(key, key).await;
        let (push, claim) = line.start_first(&first, "gone").await;
        let half_done = QueuedPush { effect: RemoteEffect::Unknown, ..push };
        store.give_up(&half_done, &claim, "provider_rejected", line.bench.now).await.unwrap();
        assert!(matches!(line.status(&first).await, KeyStatus::Failed { .. }));
        assert_eq!(line.finish(&claim).await, Completion::Lost(None));
        let other = if is_behind { Some(line.park("k3", "3").await) } else { None };
        let reused = line.bench.begin(&line.claim(key, "another")).await;
        assert_eq!(reused, ClaimOutcome::KeyReused);
        let again = Claim { owner: OwnerId::new("again"), ..line.claim(key, key) };
        let at = line.bench.now;
        match (line.bench.begin(&again).await, other) {
            (ClaimOutcome::Stale(found), None) => {
                assert_eq!(found.claim.as_ref().map(|stale| &stale.owner), Some(&claim.owner));
                assert_eq!(store.claim(&again, &found).await.unwrap(), ClaimOutcome::Claimed);
                assert_eq!(line.finish(&again).await, Completion::Stored);
            }
            (ClaimOutcome::Behind { stale }, Some(other)) => {
                assert_eq!(stale.as_ref().map(|stale| &stale.owner), Some(&claim.owner));
                let queued = store.queue_behind(&again, stale.as_ref(), at).await.unwrap();
                assert_eq!(queued, Parked::Queued);
                line.carry_out(&other).await;
                assert_eq!(line.next(&again).await.unwrap().effect, RemoteEffect::Unknown);
                line.carry_out(&again).await;
            }
            (found, _) => panic!("{key}: {found:?}"),
        }
        // An operator who has it tried again comes too late.
        assert_eq!(store.queue_again(&line.message(&first), at).await.unwrap(), QueuedAgain::Gone);
        line.bench.now += LEASE;
    }
}

pub async fn whole_suite<S: UpsertStore + PushStore, P: Places>(store: &S, places: &P) {
    parked_claim_waits_and_others_wait_behind_it(store, places).await;
    lost_claim_can_not_be_parked(store, places).await;
    line_keeps_the_order_of_arrival_whatever_the_clocks_say(store, places).await;
    dead_owner_of_a_key_is_replaced_in_line(store, places).await;
    start_keeps_others_out_until_the_lease_ends(store, places).await;
    push_put_back_keeps_its_place_with_what_is_known(store, places).await;
    completion_leaves_the_line_where_a_later_state_is_stored(store, places).await;
    key_of_a_push_given_up_half_done_is_taken_over(store, places).await;
}

#[tokio::test]
async fn memory_store_keeps_the_contract_of_pushes() {
    let store = MemoryUpsertStore::default();
    whole_suite(&store, &store).await;
}
