//! The second part of the contract of pushes that wait: those that were given up, queued again,
//! overtaken, erased, or found done when their turn came.

use std::time::Duration;

use sync_domain::model::{OwnerId, UpsertStatus};
use sync_domain::ports::{
    Claim, ClaimOutcome, Completion, KeyStatus, Parked, PushStart, PushStore, QueuedAgain,
    QueuedPush, Release, RemoteEffect, UpsertStore,
};
use sync_testkit::MemoryUpsertStore;

use crate::support::push_line::{LEASE, Line, Places};

const DAY: Duration = Duration::from_secs(24 * 3_600);

fn failed(code: &str) -> KeyStatus {
    KeyStatus::Failed { code: code.to_owned() }
}

/// What becomes of the push of a claim that is queued again.
async fn again<S: UpsertStore + PushStore, P: Places>(
    line: &Line<'_, S, P>,
    of: &Claim,
) -> QueuedAgain {
    line.store.queue_again(&line.message(of), line.bench.now).await.unwrap()
}

async fn given_up_push_leaves_its_key_and_a_bare_record_free<S, P>(store: &S, places: &P)
where
    S: UpsertStore + PushStore,
    P: Places,
{
    let mut line = Line::new(store, places);
    let (first, second) = (line.park("k1", "Ada").await, line.behind("k2", "Bob").await);
    line.give_up_first(&first).await;
    assert_eq!(line.counted(&first).await, Some(1), "the other one still waits");
    line.give_up_first(&second).await;
    assert_eq!(line.counted(&first).await, None, "it was only made to be locked");
    assert!(line.next(&first).await.is_none());
    // The key is as if never used, for the same or for something else.
    line.bench.now += LEASE;
    let other = line.claim("k1", "Eve");
    assert_eq!(line.bench.begin(&other).await, ClaimOutcome::Claimed);
    assert_eq!(line.finish(&other).await, Completion::Stored);
    let third = line.park("k3", "Carol").await;
    line.give_up_first(&third).await;
    assert_eq!(line.counted(&third).await, Some(0), "a record with a version stays");
    let behind = line.park("k4", "Dan").await;
    let retried = line.behind("k3", "Carol").await;
    assert_eq!(line.status(&retried).await, KeyStatus::Queued);
    line.carry_out(&behind).await;
    line.carry_out(&retried).await;
}

async fn push_queued_again_has_the_place_it_had<S: UpsertStore + PushStore, P: Places>(
    store: &S,
    places: &P,
) {
    let mut line = Line::new(store, places);
    let (first, second) = (line.park("k1", "Ada").await, line.behind("k2", "Bob").await);
    assert_eq!(again(&line, &first).await, QueuedAgain::Gone, "it waits already");
    let (push, claim) = line.start_first(&first, "worker").await;
    let tried = QueuedPush { effect: RemoteEffect::Unknown, tries: 9, ..push.clone() };
    store.give_up(&tried, &claim, "attempts_exhausted", line.bench.now).await.unwrap();
    assert_eq!(line.counted(&first).await, Some(1));
    assert_eq!(again(&line, &first).await, QueuedAgain::Queued);
    assert_eq!(again(&line, &first).await, QueuedAgain::Gone, "once is enough");
    assert_eq!(line.counted(&first).await, Some(2));
    assert_eq!(line.status(&first).await, KeyStatus::Queued);
    let waiting = line.next(&first).await.unwrap();
    assert_eq!((&waiting.key, waiting.queued_at), (&first.key, push.queued_at));
    assert_eq!((waiting.effect, waiting.tries), (RemoteEffect::Unknown, 0));
    line.carry_out(&first).await;
    line.carry_out(&second).await;
    assert_eq!(again(&line, &first).await, QueuedAgain::Gone, "it is done");
    // Of a record that nothing is left of.
    let mut line = Line::new(store, places);
    let only = line.park("k1", "Ada").await;
    line.give_up_first(&only).await;
    // Its key was used again in vain: nothing is left of that either.
    let retried = line.claim("k1", "Ada");
    assert_eq!(line.bench.begin(&retried).await, ClaimOutcome::Claimed);
    assert_eq!(again(&line, &only).await, QueuedAgain::Gone, "somebody is at it");
    store.release(&retried, Release::Undone).await.unwrap();
    assert_eq!(line.status(&only).await, KeyStatus::Unknown);
    assert_eq!(again(&line, &only).await, QueuedAgain::Queued);
    line.give_up_first(&only).await;
    // And again, by a caller who crashed.
    let retried = line.claim("k1", "Ada");
    let ClaimOutcome::Stale(found) = line.bench.begin(&retried).await else { panic!("not stale") };
    assert_eq!(store.claim(&retried, &found).await.unwrap(), ClaimOutcome::Claimed);
    line.bench.now += LEASE;
    assert_eq!(again(&line, &only).await, QueuedAgain::Queued);
    assert_eq!(line.counted(&only).await, Some(1));
    assert_eq!(line.bench.begin(&line.claim("k1", "Ada")).await, ClaimOutcome::Waiting);
    line.carry_out(&only).await;
}

async fn push_that_was_overtaken_is_not_queued_again<S: UpsertStore + PushStore, P: Places>(
    store: &S,
    places: &P,
) {
    let mut line = Line::new(store, places);
    let (first, second) = (line.park("k1", "Ada").await, line.behind("k2", "Bob").await);
    line.give_up_first(&first).await;
    line.carry_out(&second).await;
    assert_eq!(again(&line, &first).await, QueuedAgain::Superseded);
    assert_eq!(line.status(&first).await, failed("provider_rejected"));
    assert_eq!((line.counted(&first).await, line.next(&first).await.is_none()), (Some(0), true));
    // Nor one after which a call was carried out at once.
    let third = line.park("k3", "Carol").await;
    line.give_up_first(&third).await;
    line.bench.now += LEASE;
    let direct = line.claim("k4", "Dan");
    assert_eq!(line.bench.begin(&direct).await, ClaimOutcome::Claimed);
    // While it is at it, nobody can tell yet; the start can.
    assert_eq!(again(&line, &third).await, QueuedAgain::Queued);
    let push = line.next(&third).await.unwrap();
    let busy = PushStart::Busy { until: Some(direct.lease_until) };
    assert_eq!(line.start(&push, "worker").await.0, busy);
    assert_eq!(line.finish(&direct).await, Completion::Stored);
    assert_eq!(line.counted(&third).await, Some(1), "it has not waited itself");
    assert_eq!(line.start(&push, "worker").await.0, PushStart::Superseded);
    assert_eq!(line.status(&third).await, failed("superseded"));
    assert_eq!((line.counted(&third).await, line.next(&third).await.is_none()), (Some(0), true));
    assert_eq!(again(&line, &third).await, QueuedAgain::Gone, "for good");
    let same = line.bench.begin(&line.claim("k5", "Dan")).await;
    assert!(matches!(same, ClaimOutcome::Unchanged(_)), "{same:?}");
}

async fn push_that_comes_back_while_a_later_one_is_carried_out_is_superseded<S, P>(
    store: &S,
    places: &P,
) where
    S: UpsertStore + PushStore,
    P: Places,
{
    let mut line = Line::new(store, places);
    let (first, second) = (line.park("k1", "Ada").await, line.behind("k2", "Bob").await);
    line.give_up_first(&first).await;
    let (_, at_it) = line.start_first(&second, "worker").await;
    assert_eq!(again(&line, &first).await, QueuedAgain::Queued);
    assert_eq!(line.finish(&at_it).await, Completion::Stored);
    assert_eq!(line.counted(&first).await, Some(1));
    let push = line.next(&first).await.unwrap();
    assert_eq!(line.start(&push, "worker").await.0, PushStart::Superseded);
    assert_eq!((line.counted(&first).await, line.next(&first).await.is_none()), (Some(0), true));
}

async fn dead_lock_of_a_call_does_not_keep_a_push_from_being_started<S, P>(store: &S, places: &P)
where
    S: UpsertStore + PushStore,
    P: Places,
{
    let mut line = Line::new(store, places);
    let first = line.park("k1", "Ada").await;
    line.give_up_first(&first).await;
    line.bench.now += LEASE;
    let dead = line.claim("k2", "Bob");
    assert_eq!(line.bench.begin(&dead).await, ClaimOutcome::Claimed);
    assert_eq!(again(&line, &first).await, QueuedAgain::Queued);
    line.bench.now += LEASE;
    line.carry_out(&first).await;
    assert_eq!(line.finish(&dead).await, Completion::Lost(None));
    assert_eq!(line.counted(&first).await, Some(0));
}

async fn key_that_was_used_again_does_not_bring_the_old_push_back<S, P>(store: &S, places: &P)
where
    S: UpsertStore + PushStore,
    P: Places,
{
    let mut line = Line::new(store, places);
    let first = line.park("k1", "Ada").await;
    line.give_up_first(&first).await;
    // The same key for another record, which is given up too.
    line.bench.now += LEASE;
    let attributes = serde_json::json!({"email": "other@b.co"});
    let other = line.bench.claim_with("k1", "o", &attributes, &serde_json::json!([]));
    assert_eq!(line.bench.begin(&other).await, ClaimOutcome::Claimed);
    let at = line.bench.now;
    let parked = store.park(&other, RemoteEffect::None, at).await.unwrap();
    assert_eq!(parked, Parked::Queued);
    // A message for the old record has no hold on the new push.
    assert!(!store.abandon(&line.message(&first), "erased", at).await.unwrap());
    assert_eq!(again(&line, &first).await, QueuedAgain::Gone);
    line.give_up_first(&other).await;
    assert_eq!(again(&line, &first).await, QueuedAgain::Gone, "the key is the other one's");
    assert_eq!((line.counted(&first).await, line.next(&first).await.is_none()), (None, true));
    assert_eq!(again(&line, &other).await, QueuedAgain::Queued);
    line.carry_out(&other).await;
    let stranger = Line::new(store, places);
    assert_eq!(again(&stranger, &stranger.claim("k1", "Ada")).await, QueuedAgain::Gone);
}

async fn push_that_finds_everything_done_is_completed_without_a_version<S, P>(store: &S, places: &P)
where
    S: UpsertStore + PushStore,
    P: Places,
{
    let mut line = Line::new(store, places);
    let (first, same) = (line.park("k1", "Ada").await, line.behind("k2", "Ada").await);
    let unresolved = line.behind("k3", "Ada").await;
    line.carry_out(&first).await;
    let push = line.next(&same).await.unwrap();
    assert_eq!(line.start(&push, "worker").await.0, PushStart::Unchanged);
    assert_eq!(line.counted(&same).await, Some(1));
    let KeyStatus::Completed(answer) = line.status(&same).await else { panic!("not completed") };
    assert_eq!((answer.external_id.as_str(), answer.status), ("17", UpsertStatus::Noop));
    assert_eq!(line.bench.begin(&line.claim("k2", "Ada")).await, ClaimOutcome::Replay(answer));
    assert_eq!(line.start(&push, "late").await.0, PushStart::Gone);
    // What may be at the provider is looked for there.
    let push = line.next(&unresolved).await.unwrap();
    let (start, claim) =
        line.start(&QueuedPush { effect: RemoteEffect::Unknown, ..push }, "worker").await;
    assert_eq!((start, line.finish(&claim).await), (PushStart::Started, Completion::Stored));
    assert_eq!(line.counted(&same).await, Some(0));
    // Not when a later one was applied in between: what was found done is not the last word.
    let older = line.park("k4", "Bob").await;
    let unchanged_place = line.behind("k5", "Ada").await;
    line.give_up_first(&older).await;
    let push = line.next(&unchanged_place).await.unwrap();
    assert_eq!(line.start(&push, "worker").await.0, PushStart::Unchanged);
    assert_eq!(again(&line, &older).await, QueuedAgain::Superseded);
}

async fn claim_of_an_erased_push_is_abandoned_once<S: UpsertStore + PushStore, P: Places>(
    store: &S,
    places: &P,
) {
    let mut line = Line::new(store, places);
    let abandon = async |line: &Line<'_, S, P>, of: &Claim| {
        store.abandon(&line.message(of), "erased", line.bench.now).await.unwrap()
    };
    let (first, second) = (line.park("k1", "Ada").await, line.behind("k2", "Bob").await);
    assert!(!abandon(&line, &first).await, "it is in line");
    let (push, at_it) = line.start_first(&first, "worker").await;
    places.erase(&first).await;
    assert!(!abandon(&line, &first).await, "a worker is at it");
    assert_eq!(line.finish(&at_it).await, Completion::Lost(None), "nothing comes back");
    store.put_back(&push, &at_it).await.unwrap();
    store.give_up(&push, &at_it, "provider_rejected", line.bench.now).await.unwrap();
    assert_eq!((line.counted(&first).await, line.next(&first).await.is_none()), (None, true));
    assert!(matches!(line.start(&push, "late").await.0, PushStart::Gone | PushStart::Busy { .. }));
    line.bench.now += LEASE;
    for claim in [&first, &second] {
        assert!(abandon(&line, claim).await);
        assert_eq!(line.status(claim).await, failed("erased"));
        assert!(!abandon(&line, claim).await);
        assert_eq!(again(&line, claim).await, QueuedAgain::Gone);
    }
    let crashed = line.claim("k3", "Eve");
    assert_eq!(line.bench.begin(&crashed).await, ClaimOutcome::Claimed);
    line.bench.now += LEASE;
    assert!(!abandon(&line, &crashed).await, "it never waited");
    assert!(!abandon(&line, &line.claim("k4", "Eve")).await, "it never was");
}

async fn claim_that_waits_does_not_expire_and_a_failed_one_does<S, P>(store: &S, places: &P)
where
    S: UpsertStore + PushStore,
    P: Places,
{
    let mut line = Line::new(store, places);
    let (first, second) = (line.park("k1", "Ada").await, line.behind("k2", "Bob").await);
    line.bench.now += DAY * 400;
    for claim in [&first, &second] {
        assert_eq!(line.status(claim).await, KeyStatus::Queued);
        let again = Claim { at: line.bench.now, ..claim.clone() };
        assert_eq!(line.bench.begin(&again).await, ClaimOutcome::Waiting);
    }
    line.give_up_first(&first).await;
    line.carry_out(&second).await;
    line.bench.now += DAY * 14;
    assert_eq!(line.status(&first).await, failed("provider_rejected"));
    assert_eq!(line.status(&second).await, KeyStatus::Unknown, "an answer is kept for a week");
    line.bench.now += DAY * 2;
    assert_eq!(line.status(&first).await, KeyStatus::Unknown);
    let free = Claim { owner: OwnerId::new("o"), ..line.claim("k2", "Carol") };
    assert_eq!(line.bench.begin(&free).await, ClaimOutcome::Claimed);
}

pub async fn whole_suite<S: UpsertStore + PushStore, P: Places>(store: &S, places: &P) {
    given_up_push_leaves_its_key_and_a_bare_record_free(store, places).await;
    push_queued_again_has_the_place_it_had(store, places).await;
    push_that_was_overtaken_is_not_queued_again(store, places).await;
    push_that_comes_back_while_a_later_one_is_carried_out_is_superseded(store, places).await;
    dead_lock_of_a_call_does_not_keep_a_push_from_being_started(store, places).await;
    key_that_was_used_again_does_not_bring_the_old_push_back(store, places).await;
    push_that_finds_everything_done_is_completed_without_a_version(store, places).await;
    claim_of_an_erased_push_is_abandoned_once(store, places).await;
    claim_that_waits_does_not_expire_and_a_failed_one_does(store, places).await;
}

#[tokio::test]
async fn memory_store_keeps_the_contract_of_pushes_given_up() {
    let store = MemoryUpsertStore::default();
    whole_suite(&store, &store).await;
}
