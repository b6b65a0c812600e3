//! Waiting upserts whose callers, workers, table or queue fail at any point: nothing accepted is
//! lost, nothing is done twice, and who crashed was told nothing.

use std::time::Duration;

use futures::future::LocalBoxFuture;
use serde_json::{Value, json};
use sync_domain::model::{AttributeName, UpsertStatus};
use sync_domain::ports::{KeyStatus, ProviderError, RemoteEffect, StoreError};
use sync_domain::usecase::settle_work::Verdict;
use sync_domain::usecase::upsert_record::{UpsertError, UpsertOutcome};
use sync_testkit::GatewayFault::{self, Fail, FailAfterEffect};
use sync_testkit::StoreFault;

use crate::support::upsert_world::{LEASE, Outcome, World, done};

/// When a message comes again that a worker has not finished.
const VISIBILITY: Duration = Duration::from_secs(180);

fn ada(firstname: &str) -> Value {
    json!({"email": "a@b.co", "firstname": firstname})
}

fn outage() -> [GatewayFault; 3] {
    [ProviderError::TimedOut, ProviderError::TimedOut, ProviderError::TimedOut].map(Fail)
}

/// Surely without an effect.
fn refusals() -> [GatewayFault; 3] {
    let effect = RemoteEffect::None;
    [(); 3]
        .map(|()| Fail(ProviderError::Unavailable { status: Some(503), retry_after: None, effect }))
}

fn outage_with_effect() -> [GatewayFault; 3] {
    let [first, second, third] = outage();
    let Fail(error) = first else { panic!("not a failure") };
    [FailAfterEffect(error), second, third]
}

fn world_with(faults: impl IntoIterator<Item = GatewayFault>) -> World {
    let world = World::new();
    faults.into_iter().for_each(|fault| world.gateway.fail_next(fault));
    world
}

fn is_queued(outcome: &Outcome) -> bool {
    matches!(outcome, Ok(UpsertOutcome::Queued))
}

fn written(world: &World) -> Vec<String> {
    let written = world.gateway.written().into_iter();
    written.map(|(_, it)| it.get(AttributeName::Firstname).unwrap().to_owned()).collect()
}

/// Goes on until the queue has as many messages as that, and stops there.
async fn until_sent<T>(world: &World, caller: &mut LocalBoxFuture<'_, T>, messages: usize) {
    while world.collect() < messages {
        assert!(futures::poll!(&mut *caller).is_pending());
    }
}

#[tokio::test]
async fn caller_that_crashes_between_message_and_parking_leaves_a_message_with_nothing_to_do() {
    for faults in [outage(), outage_with_effect()] {
        let world = world_with(faults);
        let effects = {
            let mut crashing: LocalBoxFuture<'_, _> = Box::pin(world.upsert("k1", ada("1")));
            until_sent(&world, &mut crashing, 1).await;
            world.gateway.writes().len()
        };
        assert_eq!(world.store.waiting(), (0, 0));
        let verdicts = world.drain().await;
        assert_eq!(verdicts.last(), Some(&Verdict::Done));
        assert!(verdicts.len() > 1, "it waits for the call to be surely over: {verdicts:?}");
        assert_eq!(world.gateway.writes().len(), effects, "nothing was accepted");
        done(world.upsert("k1", ada("1")).await);
        assert_eq!((written(&world), world.store.records()[0].version), (vec!["1".to_owned()], 1));
        world.assert_no_line("after the crash");
    }
}

#[tokio::test]
async fn message_that_comes_before_its_upsert_is_in_line_waits_for_it() {
    let world = world_with(outage());
    assert!(is_queued(&world.upsert("k1", ada("1")).await));
    let mut slow: LocalBoxFuture<'_, _> = Box::pin(world.upsert("k2", ada("2")));
    until_sent(&world, &mut slow, 2).await;
    let early = world.receive_all().pop().unwrap();
    assert_eq!(world.key_status("k2").await, KeyStatus::Unknown);
    assert!(matches!(world.work(early.clone()).await, Verdict::Wait { .. }));
    assert!(is_queued(&slow.await));
    world.drain().await;
    assert_eq!(written(&world), ["1", "2"]);
    world.assert_no_line("after the outage");
    // The same for one that is never in line, but not for ever.
    let world = world_with(outage());
    assert!(is_queued(&world.upsert("k1", ada("1")).await));
    {
        let mut crashing: LocalBoxFuture<'_, _> = Box::pin(world.upsert("k2", ada("2")));
        until_sent(&world, &mut crashing, 2).await;
    }
    world.drain().await;
    assert_eq!(
        (written(&world), world.key_status("k2").await),
        (vec!["1".to_owned()], KeyStatus::Unknown)
    );
    world.assert_no_line("after the crash");
}

#[tokio::test]
async fn caller_that_crashes_at_any_await_of_an_outage_leaves_one_effect_to_the_next() {
    for (faults, name) in [(outage(), "no effect"), (outage_with_effect(), "effect")] {
        for steps in 0.. {
            let world = world_with(faults.clone());
            let mut is_over = false;
            {
                let mut crashing = Box::pin(world.upsert("k1", ada("1")));
                for _step in 0..steps {
                    is_over = is_over || futures::poll!(&mut crashing).is_ready();
                }
            }
            world.drain().await;
            world.clock.advance(LEASE);
            let again = world.upsert("k1", ada("1")).await;
            assert!(again.is_ok(), "{name}, {steps} steps: {again:?}");
            world.drain().await;
            let replay = done(world.upsert("k1", ada("1")).await);
            assert!(replay.is_replay, "{name}, {steps} steps");
            assert_eq!(written(&world), ["1"], "{name}, {steps} steps");
            assert_eq!(world.store.records()[0].version, 1, "{name}, {steps} steps");
            world.assert_no_line(&format!("{name}, {steps} steps"));
            if is_over {
                assert!(steps > 10, "claim, three calls, message and parking give way");
                break;
            }
        }
    }
}

#[tokio::test]
async fn worker_that_crashes_at_any_await_leaves_one_effect_in_order_to_the_next() {
    for (faults, name) in [
        (vec![], "a provider that is well"),
        (outage_with_effect().to_vec(), "an outage with effect"),
        (outage().to_vec(), "an outage"),
    ] {
        for steps in 0.. {
            let world = world_with(outage_with_effect());
            for value in ["1", "2", "3"] {
                let outcome = world.upsert(&format!("k{value}"), ada(value)).await;
                assert!(is_queued(&outcome), "{outcome:?}");
            }
            faults.iter().for_each(|fault| world.gateway.fail_next(fault.clone()));
            let items = world.receive_all();
            world.clock.advance(Duration::from_secs(30));
            let mut is_over = false;
            {
                let mut crashing = Box::pin(world.work(items[1].clone()));
                for _step in 0..steps {
                    is_over = is_over || futures::poll!(&mut crashing).is_ready();
                }
            }
            let other = world.work(items[2].clone()).await;
            assert!(matches!(other, Verdict::Done | Verdict::Wait { .. }), "{other:?}");
            world.clock.advance(VISIBILITY);
            for item in [&items[1], &items[0]] {
                world.work(item.clone()).await;
            }
            world.drain().await;
            assert_eq!(written(&world), ["1", "2", "3"], "{name}, {steps} steps");
            assert_eq!(world.store.records()[0].version, 3, "{name}, {steps} steps");
            world.assert_no_line(&format!("{name}, {steps} steps"));
            assert!(world.dead_letters.letters().is_empty());
            if is_over {
                assert!(steps > 6, "status, start, call and completion give way");
                break;
            }
        }
    }
}

#[tokio::test]
async fn parking_with_an_unknown_outcome_is_an_error_that_the_same_key_resolves() {
    let world = world_with(outage_with_effect());
    for fault in [StoreFault::None, StoreFault::FailAfterEffect] {
        world.store.fail_next(fault);
    }
    let failed = world.upsert("k1", ada("1")).await;
    assert!(matches!(failed, Err(UpsertError::Store(StoreError::Unavailable(_)))), "{failed:?}");
    assert!(is_queued(&world.upsert("k1", ada("1")).await), "it was parked all the same");
    world.drain().await;
    assert!(done(world.upsert("k1", ada("1")).await).is_replay);
    assert_eq!(written(&world), ["1"]);
}

#[tokio::test]
async fn upsert_that_can_not_be_parked_is_given_back_and_its_message_finds_nothing() {
    let parking_fails: [&[StoreFault]; 2] = [
        &[StoreFault::None, StoreFault::Fail],
        &[StoreFault::None, StoreFault::Fail, StoreFault::Fail],
    ];
    for faults in parking_fails {
        let world = world_with(refusals());
        faults.iter().for_each(|fault| world.store.fail_next(*fault));
        let failed = world.upsert("k1", ada("1")).await;
        assert!(matches!(failed, Err(UpsertError::Store(_))), "{failed:?}");
        let left = if faults.len() == 2 { 0 } else { 2 };
        assert_eq!(world.store.item_count(), left);
        assert_eq!(world.drain().await.last(), Some(&Verdict::Done));
        assert!(written(&world).is_empty());
        assert_eq!(world.status("k1", ada("1")).await, UpsertStatus::Created);
    }
    let world = world_with(refusals());
    world.queue.fail_next(1);
    let failed = world.upsert("k1", ada("1")).await;
    assert!(matches!(failed, Err(UpsertError::Store(_))), "{failed:?}");
    assert_eq!((world.store.item_count(), world.collect()), (0, 0));
}

/// Each write of a worker's first invocations fails once, with and without effect.
#[tokio::test]
async fn worker_gets_over_any_write_to_the_table_that_fails() {
    let rejected = ProviderError::Rejected { vendor_code: None, field: None };
    let courses: [(&str, Vec<GatewayFault>); 3] = [
        ("well", vec![]),
        ("an outage with effect", outage_with_effect().to_vec()),
        ("a refusal", vec![Fail(rejected)]),
    ];
    for (name, faults) in courses {
        for failing in 0..12 {
            for fault in [StoreFault::Fail, StoreFault::FailAfterEffect] {
                let context = format!("{name}, write {failing}, {fault:?}");
                let world = world_with(outage());
                for value in ["1", "2"] {
                    assert!(is_queued(&world.upsert(&format!("k{value}"), ada(value)).await));
                }
                faults.iter().for_each(|fault| world.gateway.fail_next(fault.clone()));
                (0..failing).for_each(|_| world.store.fail_next(StoreFault::None));
                world.store.fail_next(fault);
                world.drain().await;
                world.assert_no_line(&context);
                let mut expected = vec![];
                for value in ["1", "2"] {
                    match world.key_status(&format!("k{value}")).await {
                        KeyStatus::Completed(_) => expected.push(value.to_owned()),
                        KeyStatus::Failed { code } if code == "provider_rejected" => {}
                        other @ (KeyStatus::Failed { .. }
                        | KeyStatus::Unknown
                        | KeyStatus::InProgress { .. }
                        | KeyStatus::Queued) => panic!("{context}: {other:?}"),
                    }
                }
                assert_eq!(written(&world), expected, "{context}");
                assert_eq!(world.store.records()[0].version, expected.len() as u64, "{context}");
                let dead = world.dead_letters.letters().len();
                assert_eq!(dead, 2 - expected.len(), "{context}");
                // A refusal that could not be noted is found out again, or is none any more.
                assert!(dead == 0 || name == "a refusal", "{context}");
            }
        }
    }
}
