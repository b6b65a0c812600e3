//! Upserts that the provider can't take now: accepted whatever it answers, in line per record, and
//! carried out once when it can.

use std::time::Duration;

use serde_json::{Value, json};
use sync_domain::model::{AttributeName, ObjectType, UpsertStatus};
use sync_domain::ports::{Clock, DELAY_MAX, KeyStatus, ProviderError, RateScope, RemoteEffect};
use sync_domain::usecase::settle_work::Verdict;
use sync_domain::usecase::upsert_record::{UpsertError, UpsertOutcome, UpsertStats, push_queued};
use sync_testkit::GatewayFault::{self, Fail, FailAfterEffect};

use crate::support::upsert_world::{CALL_TIMEOUT, LEASE, Outcome, World, done};

fn unavailable(effect: RemoteEffect) -> ProviderError {
    ProviderError::Unavailable { status: Some(503), retry_after: None, effect }
}

fn limited(retry_after_s: Option<u64>, scope: RateScope) -> ProviderError {
    let retry_after = retry_after_s.map(Duration::from_secs);
    ProviderError::RateLimited { retry_after, scope }
}

fn ada(firstname: &str) -> Value {
    json!({"email": "a@b.co", "firstname": firstname})
}

#[track_caller]
fn assert_queued(outcome: &Outcome) {
    assert!(matches!(outcome, Ok(UpsertOutcome::Queued)), "{outcome:?}");
}

/// Every fault that keeps a call from being done, with whether it has an effect all the same.
fn outages() -> Vec<(&'static str, Vec<GatewayFault>)> {
    let thrice = |error: ProviderError| vec![Fail(error); 3];
    let with_effect = |error: ProviderError| {
        vec![FailAfterEffect(error.clone()), Fail(error.clone()), Fail(error)]
    };
    vec![
        ("5xx", thrice(unavailable(RemoteEffect::None))),
        ("cut answer", thrice(unavailable(RemoteEffect::Unknown))),
        ("cut answer with effect", with_effect(unavailable(RemoteEffect::Unknown))),
        ("timeout", thrice(ProviderError::TimedOut)),
        ("timeout with effect", with_effect(ProviderError::TimedOut)),
        ("429", vec![Fail(limited(Some(60), RateScope::Window))]),
        ("429 without an end", thrice(limited(None, RateScope::Window))),
        ("daily limit", vec![Fail(limited(None, RateScope::Daily))]),
        ("locked", thrice(ProviderError::Contended { retry_after: Duration::ZERO, status: 423 })),
        ("long wait asked for", {
            let retry_after = Some(Duration::from_secs(7_200));
            let effect = RemoteEffect::None;
            vec![Fail(ProviderError::Unavailable { status: Some(503), retry_after, effect })]
        }),
    ]
}

fn world_with(faults: &[GatewayFault]) -> World {
    let world = World::new();
    faults.iter().for_each(|fault| world.gateway.fail_next(fault.clone()));
    world
}

#[tokio::test]
async fn upsert_waits_out_every_fault_and_is_done_once() {
    for (name, faults) in outages() {
        let world = world_with(&faults);
        assert_queued(&world.upsert("k1", ada("Ada")).await);
        assert_eq!(world.key_status("k1").await, KeyStatus::Queued, "{name}");
        assert!(world.store.records().is_empty(), "{name}: there is no version to tell of");
        assert_eq!((world.store.waiting(), world.collect()), ((1, 1), 1), "{name}");
        assert_queued(&world.upsert("k1", ada("Ada")).await);
        let reused = world.upsert("k1", ada("Eve")).await;
        assert!(matches!(reused, Err(UpsertError::KeyReused)), "{name}: {reused:?}");
        world.drain().await;
        world.assert_no_line(name);
        assert_eq!((world.gateway.faults_left(), world.gateway.writes().len()), (0, 1), "{name}");
        assert_eq!(world.store.records()[0].version, 1, "{name}");
        let replay = done(world.upsert("k1", ada("Ada")).await);
        assert!(replay.is_replay, "{name}");
        assert_eq!(world.key_status("k1").await, KeyStatus::Completed(replay.answer), "{name}");
        assert!(world.dead_letters.letters().is_empty(), "{name}");
    }
}

#[tokio::test]
async fn upsert_in_front_of_an_open_breaker_waits_without_a_call() {
    let world = world_with(&vec![Fail(ProviderError::TimedOut); 8]);
    for key in ["k1", "k2"] {
        assert_queued(&world.upsert(key, json!({"email": format!("{key}@b.co")})).await);
    }
    let left = world.gateway.faults_left();
    assert_eq!(left, 3, "five failures open the breaker");
    let mut stats = UpsertStats::default();
    let behind =
        world.upsert_counted(ObjectType::Contact, "k3", ada("Ada"), json!([]), &mut stats).await;
    assert_queued(&behind);
    assert_eq!((stats.provider_calls, world.gateway.faults_left()), (0, left));
    let verdicts = world.drain().await;
    let tries = verdicts.iter().filter(|verdict| matches!(verdict, Verdict::Retry { .. }));
    assert_eq!(tries.count(), 0, "waiting costs no tries: {verdicts:?}");
    world.assert_no_line("after the outage");
    assert_eq!(world.gateway.writes().len(), 3);
}

#[tokio::test]
async fn upsert_without_a_token_to_call_with_waits_for_one_and_is_done_once() {
    let world = World::new();
    world.connections.set_token_ended(&world.tenant, true);
    let mut stats = UpsertStats::default();
    let outcome =
        world.upsert_counted(ObjectType::Contact, "k1", ada("Ada"), json!([]), &mut stats).await;
    assert_queued(&outcome);
    assert_eq!(stats.provider_calls, 0);
    let invalid = world.upsert("k2", json!({"email": "nobody"})).await;
    assert!(matches!(invalid, Err(UpsertError::Invalid(_))), "{invalid:?}");
    world.collect();
    for round in 0..30 {
        world.clock.advance(Duration::from_secs(60));
        let verdict = world.work(world.receive().unwrap()).await;
        assert!(matches!(verdict, Verdict::Wait { .. }), "{round}: it costs no try: {verdict:?}");
    }
    world.connections.set_token_ended(&world.tenant, false);
    world.drain().await;
    world.assert_no_line("after the outage");
    assert_eq!((world.gateway.writes().len(), world.gateway.reads()), (1, 0));
    assert!(world.dead_letters.letters().is_empty());
}

#[tokio::test]
async fn daily_limit_is_waited_out_in_steps_that_a_queue_takes_without_calling() {
    let world = world_with(&[Fail(limited(None, RateScope::Daily))]);
    assert_queued(&world.upsert("k1", ada("Ada")).await);
    let began = world.clock.now();
    let verdicts = world.drain().await;
    let waited = world.clock.now().duration_since(began).unsigned_abs();
    let steps = u32::try_from(verdicts.len()).unwrap();
    assert!(waited > DELAY_MAX * 2 && waited <= DELAY_MAX * steps, "{steps} in {waited:?}");
    assert_eq!((world.gateway.writes().len(), world.gateway.reads()), (1, 0));
}

#[tokio::test]
async fn upserts_of_a_record_wait_behind_each_other_and_end_in_their_order() {
    let world = world_with(&vec![Fail(unavailable(RemoteEffect::None)); 3]);
    let values = ["1", "2", "3", "4"];
    for value in values {
        assert_queued(&world.upsert(&format!("k{value}"), ada(value)).await);
    }
    assert_eq!(world.store.waiting(), (4, 4));
    // Another record does not wait.
    assert_eq!(world.status("other", json!({"email": "o@b.co"})).await, UpsertStatus::Created);
    // The last one's message comes first, each twice.
    let mut items = world.receive_all();
    items.reverse();
    world.clock.advance(Duration::from_secs(60));
    for item in items.iter().chain(&items) {
        assert_eq!(world.work(item.clone()).await, Verdict::Done);
    }
    world.assert_no_line("after the outage");
    let written = world.gateway.written().into_iter().filter(|(key, _)| key == "a@b.co");
    let written: Vec<_> =
        written.map(|(_, it)| it.get(AttributeName::Firstname).map(str::to_owned)).collect();
    assert_eq!(written, values.map(|value| Some(value.to_owned())));
    for (value, status) in values.iter().zip([UpsertStatus::Created, UpsertStatus::Updated]) {
        let KeyStatus::Completed(answer) = world.key_status(&format!("k{value}")).await else {
            panic!("k{value} is not done")
        };
        assert_eq!(answer.status, status);
    }
    let record = world.store.records().into_iter().find(|record| record.version == 4).unwrap();
    assert_eq!(record.attributes.get(AttributeName::Firstname), Some("4"));
    assert_eq!(world.status("k5", ada("5")).await, UpsertStatus::Updated, "nobody waits any more");
}

#[tokio::test]
async fn long_line_is_worked_off_in_order_whichever_message_comes() {
    let world = world_with(&vec![Fail(unavailable(RemoteEffect::None)); 3]);
    for number in 0..45 {
        assert_queued(&world.upsert(&format!("k{number}"), ada(&format!("{number}"))).await);
    }
    let last = world.receive_all().pop().unwrap();
    world.clock.advance(Duration::from_secs(60));
    let mut verdicts = vec![world.work(last).await];
    verdicts.extend(world.drain().await);
    assert_eq!(verdicts.last(), Some(&Verdict::Done));
    assert_eq!(verdicts.len(), 3, "20 pushes a message: {verdicts:?}");
    world.assert_no_line("by one message");
    let written = world.gateway.written().into_iter();
    let written: Vec<u32> =
        written.filter_map(|(_, it)| it.get(AttributeName::Firstname)?.parse().ok()).collect();
    assert_eq!(written, (0..45).collect::<Vec<_>>());
}

#[tokio::test]
async fn upsert_that_finds_its_values_there_when_its_turn_comes_is_a_noop() {
    let world = world_with(&vec![Fail(unavailable(RemoteEffect::None)); 3]);
    for key in ["k1", "k2"] {
        assert_queued(&world.upsert(key, ada("Ada")).await);
    }
    world.drain().await;
    world.assert_no_line("after the outage");
    assert_eq!((world.gateway.writes().len(), world.store.records()[0].version), (1, 1));
    let replay = done(world.upsert("k2", ada("Ada")).await);
    assert_eq!((replay.is_replay, replay.answer.status), (true, UpsertStatus::Noop));
}

#[tokio::test]
async fn worker_begins_nothing_that_might_not_be_over_in_time() {
    let world = world_with(&vec![Fail(unavailable(RemoteEffect::None)); 3]);
    assert_queued(&world.upsert("k1", ada("Ada")).await);
    let item = world.receive().unwrap();
    let message = sync_domain::model::PushMessage::parse(&item.body).unwrap();
    let deps = world.deps(&world.gate, &world.queue, sync_domain::gate::Class::Background);
    let mut stats = UpsertStats::default();
    let deadline = world.clock.now() + Duration::from_secs(5);
    let verdict = push_queued(&deps, &message, false, deadline, &mut stats).await;
    assert!(matches!(verdict, Verdict::Wait { .. }), "{verdict:?}");
    assert_eq!((stats.provider_calls, world.key_status("k1").await), (0, KeyStatus::Queued));
    assert_eq!(world.work(item).await, Verdict::Done);
}

#[tokio::test]
async fn caller_without_time_for_its_associations_leaves_them_to_the_worker() {
    let world = World::new();
    let deal = || json!({"reference": "d-1", "name": "Big one"});
    let ends = || json!([{"type": "company", "external_id": "9"}]);
    let mut slow = Box::pin(world.upsert_of(ObjectType::Deal, "k1", deal(), ends()));
    while world.gateway.writes().is_empty() {
        assert!(futures::poll!(&mut slow).is_pending());
    }
    world.clock.advance(LEASE - CALL_TIMEOUT);
    let outcome = slow.await;
    assert_queued(&outcome);
    world.drain().await;
    world.assert_no_line("after the lease");
    assert_eq!((world.gateway.writes().len(), world.gateway.associations_made()), (1, 1));
}

#[tokio::test]
async fn push_of_an_erased_record_is_dropped_and_its_caller_told() {
    let world = world_with(&vec![Fail(unavailable(RemoteEffect::None)); 3]);
    for (key, value) in [("k1", "1"), ("k2", "2")] {
        assert_queued(&world.upsert(key, ada(value)).await);
    }
    let item = world.receive_all().remove(0);
    let message = sync_domain::model::PushMessage::parse(&item.body).unwrap();
    world.store.erase(&world.tenant, &message.record);
    for body in [item.clone(), item] {
        assert_eq!(world.work(body).await, Verdict::Done);
    }
    assert_eq!(world.key_status("k1").await, KeyStatus::Failed { code: "erased".to_owned() });
    assert!(world.gateway.writes().is_empty() && world.dead_letters.letters().is_empty());
    assert_eq!(world.status("k1", ada("3")).await, UpsertStatus::Created, "the key is free");
}
