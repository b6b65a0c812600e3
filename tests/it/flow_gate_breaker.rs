//! The breaker over many instances: opens once, one probe at a time, closes for all.

use std::time::Duration;

use futures::FutureExt;
use futures::future::{LocalBoxFuture, join_all};
use sync_domain::gate::{BreakerStatus, Class, ClosedReason, Outcome, Reported};

use crate::support::gate_world::{CALL_MAX, Machine, World};

const PATIENT: Duration = Duration::from_secs(3);

fn failure() -> Outcome {
    Outcome::Failed { code: "http_503".to_owned(), retry_after: None }
}

fn success() -> Outcome {
    Outcome::Succeeded { reading: None }
}

/// The provider fails for so long, then is well.
async fn outage(world: &World, begins_in: Duration, lasts: Duration) {
    world.timeline.sleep(begins_in).await;
    world.answer(failure());
    world.timeline.sleep(lasts).await;
    world.answer(success());
}

async fn working(machine: &Machine<'_>, calls: u32) {
    for _ in 0..calls {
        machine.call_until_it_succeeds(Class::Live, PATIENT, 400).await;
        let pause_ms = machine.world.timeline.draw(0..15_000);
        machine.world.timeline.sleep(Duration::from_millis(pause_ms)).await;
    }
}

#[test]
fn outage_opens_once_sends_single_probes_and_lets_all_callers_through_afterwards() {
    for seed in 0..40 {
        let world = World::new(seed);
        let lasts = Duration::from_secs(30 + seed * 7);
        let began = world.timeline.elapsed();
        let machines: Vec<_> = (0..10).map(|_| world.machine()).collect();
        let mut tasks: Vec<LocalBoxFuture<'_, ()>> =
            vec![outage(&world, Duration::from_secs(10), lasts).boxed_local()];
        for machine in &machines {
            tasks.extend((0..8).map(|_| working(machine, 6).boxed_local()));
        }
        world.timeline.run(tasks, 0);

        // Opened once and closed once: no see-saw.
        assert_eq!(world.store.breaker_epochs(), [0, 1, 2], "seed {seed}");
        let (opens, ends) =
            (began + Duration::from_secs(10), began + Duration::from_secs(10) + lasts);
        let during = world.arrivals().into_iter().filter(|it| it.at > opens && it.at < ends);
        // Five that open it, those that were under way, one by each instance that had not heard,
        // and one probe per cooldown.
        let during = during.count();
        assert!(during <= 80, "seed {seed}: {during} calls to a provider that is down");
        assert_eq!(world.state().health(machines[0].now()).breaker, BreakerStatus::Closed);
        world.assert_budget_held(&format!("seed {seed}"));
    }
}

#[test]
fn crashed_probes_are_replaced_and_never_doubled() {
    for seed in 0..60 {
        let world = World::new(seed);
        world.answer(failure());
        // Each instance is killed sooner or later, some while they probe.
        let life = || {
            async {
                let machine = world.machine();
                join_all((0..6).map(|_| working(&machine, 3))).await;
            }
            .boxed_local()
        };
        for round in 0..4 {
            if round == 3 {
                world.answer(success());
            }
            let kill_one_in = if round == 3 { 0 } else { 150 };
            let lives = (0..5).map(|_| life()).collect();
            let recovery = async { world.timeline.sleep(Duration::from_secs(200)).await };
            if round < 3 {
                let until = async {
                    recovery.await;
                    world.answer(success());
                };
                let mut tasks: Vec<LocalBoxFuture<'_, ()>> = lives;
                tasks.push(until.boxed_local());
                world.timeline.run(tasks, kill_one_in);
                world.answer(failure());
            } else {
                world.timeline.run(lives, kill_one_in);
            }
        }
        world.assert_budget_held(&format!("seed {seed}"));
        assert_eq!(world.state().breaker.open_until, None, "seed {seed}");
    }
}

#[test]
fn opening_is_heard_of_by_an_instance_that_was_well() {
    let world = World::new(5);
    let (failing, well) = (world.machine(), world.machine());
    let task = async {
        for machine in [&failing, &well] {
            machine.call(Class::Live, PATIENT, 10).await.unwrap();
        }
        world.timeline.sleep(Duration::from_millis(700)).await;
        well.call(Class::Live, PATIENT, 10).await.unwrap();
        world.answer(failure());
        for _ in 0..5 {
            failing.call(Class::Live, PATIENT, 10).await.unwrap();
        }
        world.timeline.sleep(Duration::from_secs(2)).await;
        // It holds a share of its own and has seen nothing but success.
        let closed = well.call(Class::Live, Duration::ZERO, 10).await.unwrap_err();
        assert_eq!(closed.reason, ClosedReason::BreakerOpen);
    };
    world.timeline.run(vec![task.boxed_local()], 0);
}

#[test]
fn healthy_instances_that_share_read_the_table_every_other_second_at_most() {
    let world = World::new(6);
    let (busy, other) = (world.machine(), world.machine());
    let task = async {
        busy.call(Class::Live, PATIENT, 10).await.unwrap();
        other.call(Class::Live, PATIENT, 10).await.unwrap();
        let (loads, began) = (world.store.loads(), world.timeline.elapsed());
        for _ in 0..40 {
            busy.call(Class::Live, PATIENT, 10).await.unwrap();
            world.timeline.sleep(Duration::from_millis(700)).await;
        }
        let most = (world.timeline.elapsed() - began).as_secs() / 2 + 1;
        let reads = world.store.loads() - loads;
        assert!((5..=most).contains(&reads), "{reads} reads, {most} at most");
    };
    world.timeline.run(vec![task.boxed_local()], 0);
}

#[test]
fn open_breaker_answers_from_memory_until_its_time() {
    let world = World::new(3);
    let (first, second) = (world.machine(), world.machine());
    let task = async {
        let mut reported = Vec::new();
        world.answer(failure());
        for _ in 0..5 {
            reported.push(first.call(Class::Live, PATIENT, 10).await.unwrap().1);
        }
        assert!(matches!(reported[..], [.., Reported::Noted, Reported::BreakerOpened { .. }]));
        let closed = second.call(Class::Live, Duration::ZERO, 10).await.unwrap_err();
        assert_eq!(closed.reason, ClosedReason::BreakerOpen);
        let before = world.store_calls();
        for machine in [&first, &second] {
            for _ in 0..50 {
                let closed = machine.call(Class::Live, Duration::ZERO, 10).await.unwrap_err();
                assert_eq!(closed.reason, ClosedReason::BreakerOpen);
                world.timeline.sleep(Duration::from_millis(40)).await;
            }
        }
        assert_eq!(world.store_calls(), before, "no table call while it cools down");
        let left = world.state().breaker.open_until.unwrap();
        let left = left.duration_since(first.now());
        world.timeline.sleep(left.unsigned_abs()).await;
        // The probe fails, and the next one is twice as far.
        let (_, reported) = first.call(Class::Live, PATIENT, 10).await.unwrap();
        assert!(matches!(reported, Reported::BreakerOpened { .. }), "{reported:?}");
        assert_eq!(world.state().breaker.cooldown, Duration::from_secs(10));
        world.answer(success());
        world.timeline.sleep(Duration::from_secs(10)).await;
        let (_, reported) = second.call(Class::Live, PATIENT, 10).await.unwrap();
        assert_eq!(reported, Reported::BreakerClosed);
        let health = world.state().health(first.now());
        assert_eq!(health.breaker, BreakerStatus::Closed);
        assert_eq!(health.last_error.map(|error| error.code), Some("http_503".to_owned()));
    };
    world.timeline.run(vec![task.boxed_local()], 0);
}

#[test]
fn call_of_several_requests_can_be_the_probe() {
    let world = World::new(8);
    let machine = world.machine();
    let task = async {
        world.answer(failure());
        for _ in 0..5 {
            machine.call_of(Class::Live, 2, PATIENT, 1, 1).await.unwrap();
        }
        world.answer(success());
        world.timeline.sleep(Duration::from_secs(8)).await;
        let (_, reported) = machine.call_of(Class::Live, 2, PATIENT, 1, 1).await.unwrap();
        assert_eq!(reported, Reported::BreakerClosed);
    };
    world.timeline.run(vec![task.boxed_local()], 0);
}

/// The client missed the answer and sent the write again: it was refused by its own first try.
#[test]
fn repeated_writes_count_once_and_probes_go_out() {
    let world = World::new(9);
    let machine = world.machine();
    let task = async {
        world.store.set_repeating_writes(true);
        world.answer(failure());
        for failures in 1..=5 {
            machine.call(Class::Live, PATIENT, 10).await.unwrap();
            assert_eq!(world.state().breaker.failures, failures);
        }
        world.answer(success());
        world.timeline.sleep(Duration::from_secs(8)).await;
        let (_, reported) = machine.call(Class::Live, PATIENT, 10).await.unwrap();
        assert_eq!(reported, Reported::BreakerClosed);
    };
    world.timeline.run(vec![task.boxed_local()], 0);
}

#[test]
fn refusals_and_scattered_failures_keep_it_closed() {
    let world = World::new(4);
    let machines = [world.machine(), world.machine()];
    let task = async {
        for outcome in [Outcome::Refused, success(), failure(), Outcome::Refused] {
            for round in 0..8 {
                world.answer(outcome.clone());
                machines[round % 2].call(Class::Live, PATIENT, 10).await.unwrap();
                world.answer(success());
                machines[round % 2].call(Class::Live, PATIENT, 10).await.unwrap();
            }
        }
    };
    world.timeline.run(vec![task.boxed_local()], 0);
    assert_eq!((world.state().breaker.epoch, world.state().breaker.failures), (0, 0));
}

#[test]
fn slow_calls_from_before_the_opening_neither_close_nor_reopen() {
    let world = World::new(5);
    let (slow, other) = (world.machine(), world.machine());
    let report = |outcome: Outcome| {
        let slow = &slow;
        async move {
            let visit = slow.visit(Class::Live, 1, PATIENT);
            let sync_domain::gate::Entry::Permit(permit) = slow.gate.enter(&visit).await else {
                panic!("closed")
            };
            (permit, outcome)
        }
    };
    let task = async {
        let (lucky, success) = report(success()).await;
        let (late, failure) = report(failure()).await;
        world.answer(failure.clone());
        for _ in 0..5 {
            other.call(Class::Live, PATIENT, 10).await.unwrap();
        }
        assert_eq!(slow.gate.report(lucky, success.clone()).await, Reported::Noted);
        assert!(world.state().breaker.open_until.is_some(), "a late success must not close it");
        world.answer(success);
        world.timeline.sleep(Duration::from_secs(6)).await;
        let (_, reported) = other.call(Class::Live, PATIENT, 10).await.unwrap();
        assert_eq!(reported, Reported::BreakerClosed);
        assert_eq!(slow.gate.report(late, failure).await, Reported::Noted);
        assert_eq!(world.state().breaker.failures, 0, "a late failure must not count");
    };
    world.timeline.run(vec![task.boxed_local()], 0);
    assert!(world.timeline.elapsed() > CALL_MAX);
}
