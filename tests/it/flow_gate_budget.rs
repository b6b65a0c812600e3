//! The rate budget, shared by instances that crash, lag and disagree about the time.

use std::time::Duration;

use futures::FutureExt;
use futures::future::{LocalBoxFuture, join_all};
use jiff::SignedDuration;
use sync_domain::gate::{Class, ClosedReason, RateLimit};
use sync_testkit::Scheduled;

use crate::support::gate_world::{CALL_MAX, LIMIT, Machine, SYSTEM, World};

const SEEDS: u64 = 60;
/// Two clocks differ by at most twice this.
const SKEW_MS_MAX: u64 = 2_400;
/// What a dead holder's share counts on for at most: lease, longest call, window, clocks.
const RETURN_MAX: Duration = Duration::from_secs(60 + 5 + 10 + 5 + 5);
const PATIENT: Duration = Duration::from_secs(3);

fn between(world: &World, low: u64, high: u64) -> u64 {
    world.timeline.draw(low..high + 1)
}

fn skew_ms(world: &World) -> i64 {
    i64::try_from(between(world, 0, 2 * SKEW_MS_MAX)).unwrap() - i64::try_from(SKEW_MS_MAX).unwrap()
}

/// A machine's whole life: callers who come at random, make a few calls each and take what they get.
async fn life(machine: Machine<'_>) {
    let world = machine.world;
    let callers = between(world, 1, 25);
    let callers = (0..callers).map(|_| async {
        let class = Class::ALL[usize::try_from(between(world, 0, 1)).unwrap()];
        for _ in 0..between(world, 1, 12) {
            world.timeline.sleep(Duration::from_millis(between(world, 0, 20_000))).await;
            let ms_max = if between(world, 0, 9) == 0 { 5_000 } else { 300 };
            let wait_max = Duration::from_millis(between(world, 0, 15_000));
            let requests = u32::try_from(between(world, 1, 3)).unwrap();
            let requests = requests.min(world.limit.usable_by(class));
            let (there_ms, back_ms) =
                (between(world, 0, ms_max / 2), between(world, 0, ms_max / 2));
            drop(machine.call_of(class, requests, wait_max, there_ms, back_ms).await);
            if between(world, 0, 3) == 0 {
                machine.gate.hand_back(&world.tenant, SYSTEM, class).await;
            }
            if between(world, 0, 19) == 0 {
                machine.clock.set_skew(SignedDuration::from_millis(skew_ms(world)));
            }
        }
    });
    join_all(callers).await;
}

#[test]
fn no_rolling_window_exceeds_the_limit_with_crashes_slow_calls_and_clocks_that_step() {
    let mut calls = 0;
    for seed in 0..SEEDS {
        let mut world = World::new(seed);
        let max = [1, 2, 7, 20, 100, 190][usize::try_from(between(&world, 0, 5)).unwrap()];
        world.limit = RateLimit { max, ..LIMIT };
        let machines = between(&world, 1, 12);
        let lives: Vec<LocalBoxFuture<'_, ()>> = (0..machines)
            .map(|_| life(world.machine_off_by(skew_ms(&world))).boxed_local())
            .collect();
        world.timeline.run(lives, 3_000);
        calls += world.arrivals().len();
        world.assert_budget_held(&format!("seed {seed}, limit {max}"));
    }
    assert!(calls > 5_000, "only {calls} calls: the test tests nothing");
}

#[test]
fn hundred_callers_over_ten_instances_all_get_through_and_never_exceed() {
    for seed in 0..20 {
        let world = World::new(seed);
        let machines: Vec<_> = (0..10).map(|_| world.machine()).collect();
        let callers = (0..100).map(|caller| {
            let machine = &machines[caller % 10];
            async {
                for _ in 0..5 {
                    machine.call_until_it_succeeds(Class::Live, PATIENT, 300).await;
                }
            }
            .boxed_local()
        });
        let began = world.timeline.elapsed();
        world.timeline.run(callers.collect(), 0);
        assert_eq!(world.arrivals().len(), 500);
        world.assert_budget_held(&format!("seed {seed}"));
        let took = world.timeline.elapsed() - began;
        // 500 calls at 95 per 10 s are 43 s when nothing is left unused.
        assert!(took < Duration::from_secs(120), "seed {seed}: {took:?}");
    }
}

#[test]
fn every_caller_gets_through_where_there_are_more_instances_than_permits() {
    for seed in 0..10 {
        let mut world = World::new(seed);
        world.limit = RateLimit { max: 12, ..LIMIT };
        let machines: Vec<_> = (0..30).map(|_| world.machine()).collect();
        let callers = machines.iter().map(|machine| {
            async {
                for _ in 0..3 {
                    machine.call_until_it_succeeds(Class::Background, PATIENT, 300).await;
                }
            }
            .boxed_local()
        });
        world.timeline.run(callers.collect(), 0);
        assert_eq!(world.arrivals().len(), 90);
        world.assert_budget_held(&format!("seed {seed}"));
    }
}

/// Calls without a pause until time is up; takes what it gets.
async fn flood(machine: &Machine<'_>, class: Class, end: Duration) {
    while machine.world.timeline.elapsed() < end {
        if let Err(closed) = machine.call(class, PATIENT, 100).await {
            assert_eq!(closed.reason, ClosedReason::RateBudget);
            machine.world.timeline.sleep(Duration::from_millis(500)).await;
        }
    }
}

#[test]
fn crashed_instances_share_returns_without_a_window_above_the_limit() {
    for seed in 0..5 {
        let world = World::new(seed);
        let began = world.timeline.elapsed();
        let greedy = world.machine();
        let callers =
            (0..100).map(|_| flood(&greedy, Class::Live, began + Duration::from_secs(35)));
        let outcomes = world.timeline.run(vec![join_all(callers).boxed_local()], 2_000);
        let crashed = world.timeline.elapsed();
        let was_killed = matches!(outcomes[..], [Scheduled::Killed]);
        let held: u32 = world.state().ledger.shares.iter().map(|share| share.permits).sum();
        assert!(held > 20, "seed {seed}: only {held} permits to return (killed: {was_killed})");
        drop(greedy);

        let heir = world.machine();
        let end = crashed + RETURN_MAX + Duration::from_secs(60);
        let callers = (0..100).map(|_| flood(&heir, Class::Live, end));
        world.timeline.run(vec![join_all(callers).boxed_local()], 0);
        world.assert_budget_held(&format!("seed {seed}"));
        let late = world.busiest_window(|arrival| arrival.at > crashed + RETURN_MAX);
        assert!(late > 85, "seed {seed}: the heir came to {late} calls per window only");
    }
}

/// The worst case: the holder begins all its calls in its lease's last moment, each arrives as late
/// as a call can, the heir's clock is ahead of the holder's, and the heir takes all it can get.
#[test]
fn share_counts_until_its_last_call_has_left_the_window_of_every_clock() {
    let world = World::new(11);
    let holder = world.machine_off_by(-2_500);
    let heir = world.machine_off_by(2_500);
    let began = world.timeline.elapsed();
    let late_ms = u64::try_from(CALL_MAX.as_millis()).unwrap() - 1;
    let last_calls = async {
        holder.call_of(Class::Live, 1, PATIENT, 0, 1).await.unwrap();
        world.timeline.sleep(Duration::from_millis(59_700)).await;
        // The lease can't be renewed, and still holds.
        world.store.set_down(true);
        let calls = (0..9).map(|_| holder.call_of(Class::Live, 1, Duration::ZERO, late_ms, 0));
        let back_up = async {
            world.timeline.sleep(Duration::from_millis(100)).await;
            world.store.set_down(false);
        };
        let (outcomes, ()) = futures::join!(join_all(calls), back_up);
        assert_eq!(outcomes.iter().filter(|it| it.is_ok()).count(), 9, "{outcomes:?}");
    };
    let mut tasks = vec![last_calls.boxed_local()];
    let end = began + Duration::from_secs(100);
    tasks.extend((0..110).map(|_| {
        async {
            world.timeline.sleep(Duration::from_secs(1)).await;
            while world.timeline.elapsed() < end {
                drop(heir.call(Class::Live, PATIENT, 50).await);
                world.timeline.sleep(Duration::from_millis(50)).await;
            }
        }
        .boxed_local()
    }));
    world.timeline.run(tasks, 0);
    world.assert_budget_held("the last moment of a lease");
    let late = world.busiest_window(|arrival| arrival.at > began + RETURN_MAX);
    assert_eq!(late, LIMIT.usable(), "the heir has it all in the end");
}

#[test]
fn live_callers_find_room_during_a_background_flood() {
    for seed in 0..4 {
        let world = World::new(seed);
        let end = world.timeline.elapsed() + Duration::from_secs(180);
        let background: Vec<_> = (0..4).map(|_| world.machine()).collect();
        let live: Vec<_> = (0..2).map(|_| world.machine()).collect();
        let mut tasks: Vec<LocalBoxFuture<'_, ()>> = Vec::new();
        for machine in &background {
            tasks.extend((0..50).map(|_| flood(machine, Class::Background, end).boxed_local()));
        }
        for machine in &live {
            // One call a second each: 20 in a window, where the reserve is 29.
            tasks.push(
                async {
                    world.timeline.sleep(Duration::from_secs(20)).await;
                    while world.timeline.elapsed() < end {
                        let began = world.timeline.elapsed();
                        let called = machine.call(Class::Live, PATIENT, 100).await;
                        assert!(called.is_ok(), "seed {seed}: {called:?}");
                        let took = world.timeline.elapsed() - began;
                        assert!(took < Duration::from_secs(1), "seed {seed}: waited {took:?}");
                        world.timeline.sleep(Duration::from_secs(1)).await;
                    }
                }
                .boxed_local(),
            );
        }
        world.timeline.run(tasks, 0);
        world.assert_budget_held(&format!("seed {seed}"));
        let flooded = world.busiest_window(|arrival| arrival.class == Class::Background);
        assert!(flooded > 55, "seed {seed}: the background came to {flooded} per window only");
    }
}

#[test]
fn limit_follows_what_the_provider_tells() {
    for (told, low, high) in [(190, 150, 181), (40, 30, 38)] {
        let world = World::new(7);
        world.answer_reading(told);
        let machines = [world.machine(), world.machine(), world.machine()];
        let began = world.timeline.elapsed();
        let end = began + Duration::from_secs(200);
        let floods = machines
            .iter()
            .flat_map(|it| (0..70).map(move |_| flood(it, Class::Live, end).boxed_local()));
        world.timeline.run(floods.collect(), 0);
        // Every share was renewed by then.
        let settled = began + Duration::from_secs(60) + CALL_MAX + LIMIT.window;
        let busiest = world.busiest_window(|arrival| arrival.at > settled);
        assert!((low..=high).contains(&busiest), "told {told}, busiest window {busiest}");
    }
}

/// Calls of several requests get all they need or nothing, so two of them can't block each other.
#[test]
fn calls_of_several_requests_get_through_where_the_limit_is_small() {
    for seed in 0..20 {
        let mut world = World::new(seed);
        world.limit = RateLimit { max: 6, ..LIMIT };
        let machines = [world.machine(), world.machine()];
        let callers = (0..6).map(|caller| {
            let machine = &machines[caller % 2];
            async {
                while machine.call_of(Class::Live, 3, PATIENT, 50, 50).await.is_err() {
                    machine.world.timeline.sleep(Duration::from_secs(1)).await;
                }
            }
            .boxed_local()
        });
        world.timeline.run(callers.collect(), 0);
        assert_eq!(world.arrivals().len(), 18);
        world.assert_budget_held(&format!("seed {seed}"));
        // More than a window can ever take goes alone, instead of never.
        let many = machines[0].call_of(Class::Live, 50, Duration::from_secs(200), 1, 1);
        assert!(matches!(
            world.timeline.run(vec![many.boxed_local()], 0)[..],
            [Scheduled::Finished(Ok(_))]
        ));
    }
}

#[test]
fn permit_that_is_dropped_frees_its_place_after_the_longest_call() {
    let mut world = World::new(1);
    world.limit = RateLimit { max: 1, ..LIMIT };
    let machine = world.machine();
    let task = async {
        let visit = machine.visit(Class::Live, 1, Duration::ZERO);
        drop(machine.gate.enter(&visit).await);
        let began = world.timeline.elapsed();
        let visit = machine.visit(Class::Live, 1, Duration::from_secs(60));
        assert!(matches!(machine.gate.enter(&visit).await, sync_domain::gate::Entry::Permit(_)));
        world.timeline.elapsed() - began
    };
    let [Scheduled::Finished(waited)] = world.timeline.run(vec![task.boxed_local()], 0)[..] else {
        panic!("not finished")
    };
    let expected = CALL_MAX + LIMIT.window;
    assert!(waited >= expected && waited < expected + Duration::from_secs(3), "{waited:?}");
}
