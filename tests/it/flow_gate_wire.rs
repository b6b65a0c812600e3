//! What the gate costs at the table, and what it does without one.

use std::time::Duration;

use futures::FutureExt;
use futures::future::{LocalBoxFuture, join_all};
use sync_domain::gate::{Class, ClosedReason, Outcome};
use sync_testkit::Scheduled;

use crate::support::gate_world::{Machine, World};

const PATIENT: Duration = Duration::from_secs(3);

fn run<T>(world: &World, task: LocalBoxFuture<'_, T>) -> T {
    match world.timeline.run(vec![task], 0).pop() {
        Some(Scheduled::Finished(result)) => result,
        Some(Scheduled::Killed) | None => panic!("not finished"),
    }
}

async fn calls(machine: &Machine<'_>, count: u32, every: Duration) {
    for _ in 0..count {
        machine.call(Class::Live, PATIENT, 100).await.unwrap();
        machine.world.timeline.sleep(every).await;
    }
}

#[test]
fn first_call_is_a_read_and_a_write_and_warm_ones_are_neither() {
    let world = World::new(1);
    let machine = world.machine();
    run(&world, calls(&machine, 1, Duration::ZERO).boxed_local());
    assert_eq!((world.store.loads(), world.store.saves()), (1, 1));
    run(&world, calls(&machine, 8, Duration::from_millis(3_000)).boxed_local());
    assert_eq!((world.store.loads(), world.store.saves()), (1, 1));
}

#[test]
fn healthy_instance_writes_its_lease_and_nothing_else() {
    let world = World::new(2);
    let machine = world.machine();
    // Ten minutes, renewed at half time of the lease of a minute.
    run(&world, calls(&machine, 300, Duration::from_millis(1_950)).boxed_local());
    let (loads, saves) = (world.store.loads(), world.store.saves());
    assert!(loads == 1 && (19..=21).contains(&saves), "{loads} reads, {saves} writes");
    let state = world.state();
    assert!(state.last_success_at.is_some() && state.last_error.is_none());
    assert_eq!(state.breaker, sync_domain::gate::Breaker::default());
    assert_eq!(state.pause, None);
}

#[test]
fn lower_limit_is_written_with_the_next_call_and_a_higher_one_with_the_next_lease() {
    for (told, saves) in [(40, 2), (190, 1)] {
        let world = World::new(8);
        let machine = world.machine();
        world.answer_reading(told);
        run(&world, calls(&machine, 2, Duration::from_secs(1)).boxed_local());
        assert_eq!(world.store.saves(), saves, "told {told}");
        let learned = world.state().ledger.learned.map(|limit| limit.max);
        assert_eq!(learned, (told < 100).then_some(told));
        run(&world, calls(&machine, 2, Duration::from_secs(31)).boxed_local());
        assert_eq!(world.state().ledger.learned.map(|limit| limit.max), Some(told));
    }
}

#[test]
fn call_after_a_long_idle_time_costs_one_write() {
    let world = World::new(3);
    let machine = world.machine();
    run(&world, calls(&machine, 10, Duration::from_secs(300)).boxed_local());
    assert_eq!((world.store.loads(), world.store.saves()), (1, 10));
}

#[test]
fn concurrent_callers_of_one_instance_ask_once() {
    let world = World::new(4);
    let machine = world.machine();
    run(&world, join_all((0..9).map(|_| calls(&machine, 1, Duration::ZERO))).boxed_local());
    assert_eq!((world.store.loads(), world.store.saves()), (1, 1));
}

#[test]
fn instance_with_a_share_goes_on_without_the_table_until_its_lease_ends() {
    let world = World::new(5);
    let (warm, cold) = (world.machine(), world.machine());
    let task = async {
        calls(&warm, 1, Duration::ZERO).await;
        world.store.set_down(true);
        let closed = cold.call(Class::Live, Duration::ZERO, 10).await.unwrap_err();
        assert_eq!(closed.reason, ClosedReason::StoreUnavailable);
        calls(&warm, 27, Duration::from_secs(2)).await;
        world.timeline.sleep(Duration::from_secs(10)).await;
        let closed = warm.call(Class::Live, Duration::ZERO, 10).await.unwrap_err();
        assert_eq!(closed.reason, ClosedReason::StoreUnavailable);
        let before = world.store_calls();
        for _ in 0..20 {
            warm.call(Class::Live, Duration::ZERO, 10).await.unwrap_err();
        }
        assert_eq!(world.store_calls(), before, "the table is left alone for a moment");
        world.store.set_down(false);
        world.timeline.sleep(Duration::from_secs(2)).await;
        calls(&warm, 1, Duration::ZERO).await;
        calls(&cold, 1, Duration::ZERO).await;
    };
    run(&world, task.boxed_local());
}

#[test]
fn failures_that_can_not_be_written_do_not_stop_the_instance() {
    let world = World::new(6);
    let machine = world.machine();
    let task = async {
        calls(&machine, 1, Duration::ZERO).await;
        world.store.set_down(true);
        world.answer(Outcome::Failed { code: "timed_out".to_owned(), retry_after: None });
        let (_, reported) = machine.call(Class::Live, PATIENT, 10).await.unwrap();
        assert_eq!(reported, sync_domain::gate::Reported::NotStored);
        world.answer(Outcome::Succeeded { reading: None });
        calls(&machine, 5, Duration::from_secs(1)).await;
    };
    run(&world, task.boxed_local());
}

/// Writes that were carried out and reported as failed: what is believed stays below what is stored.
#[test]
fn lost_answers_never_break_the_budget() {
    for seed in 0..20 {
        let world = World::new(seed);
        let end = world.timeline.elapsed() + Duration::from_secs(150);
        let machines: Vec<_> = (0..4).map(|_| world.machine()).collect();
        let mut tasks: Vec<LocalBoxFuture<'_, ()>> = vec![
            async {
                while world.timeline.elapsed() < end {
                    world.store.set_losing_answers(world.timeline.draw(0..2) == 0);
                    world.timeline.sleep(Duration::from_millis(700)).await;
                }
            }
            .boxed_local(),
        ];
        for machine in &machines {
            tasks.extend((0..20).map(|_| {
                async {
                    while world.timeline.elapsed() < end {
                        drop(machine.call(Class::Live, PATIENT, 200).await);
                        let pause_ms = world.timeline.draw(0..4_000);
                        world.timeline.sleep(Duration::from_millis(pause_ms)).await;
                    }
                }
                .boxed_local()
            }));
        }
        world.timeline.run(tasks, 0);
        assert!(world.arrivals().len() > 100, "seed {seed}");
        world.assert_budget_held(&format!("seed {seed}"));
    }
}

#[test]
fn tenants_do_not_share_a_gate() {
    let world = World::new(7);
    let machine = world.machine();
    let other = sync_domain::model::TenantId::parse("other").unwrap();
    let task = async {
        world.answer(Outcome::RateLimited { retry_after: Some(Duration::from_secs(3_600)) });
        machine.call(Class::Live, PATIENT, 10).await.unwrap();
        machine.call(Class::Live, PATIENT, 10).await.unwrap_err();
        let visit = sync_domain::gate::Visit {
            tenant: &other,
            ..machine.visit(Class::Live, 1, Duration::ZERO)
        };
        let entry = machine.gate.enter(&visit).await;
        assert!(matches!(entry, sync_domain::gate::Entry::Permit(_)));
        assert_eq!(world.store.state(&other, visit.system).pause, None);
    };
    run(&world, task.boxed_local());
}
