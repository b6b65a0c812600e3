//! Handing a share of the rate budget back: others get it at once, and no window sees too many calls.

use std::time::Duration;

use futures::FutureExt;
use futures::future::{LocalBoxFuture, join_all};
use sync_domain::gate::{Class, ClosedReason, RateLimit};
use sync_testkit::Scheduled;

use crate::support::gate_world::{Machine, SYSTEM, World};

/// As booking systems have it: 9 are ours, and 6 of them the background's.
const SMALL: RateLimit = RateLimit { max: 10, window: Duration::from_secs(1) };
/// A window, its margin, and what clocks may differ by.
const SOON: Duration = Duration::from_millis(1_000 + 250 + 5_000);

fn small(seed: u64) -> World {
    let mut world = World::new(seed);
    world.limit = SMALL;
    world
}

/// Runs it to its end.
fn run<'w, T>(world: &'w World, task: impl Future<Output = T> + 'w) -> T {
    let task: LocalBoxFuture<'_, T> = task.boxed_local();
    match world.timeline.run(vec![task], 0).pop() {
        Some(Scheduled::Finished(value)) => value,
        _ => panic!("not finished"),
    }
}

/// Takes all that the background may have, or what others leave of it.
async fn take_all(machine: &Machine<'_>) {
    let calls =
        (0..40).map(|_| machine.call_of(Class::Background, 1, Duration::from_secs(20), 5, 5));
    let calls = join_all(calls).await;
    assert!(calls.iter().all(|call| call.is_ok() || machine.world.limit != SMALL), "{calls:?}");
}

async fn hand_back(machine: &Machine<'_>) {
    machine.gate.hand_back(&machine.world.tenant, SYSTEM, Class::Background).await;
}

fn held(world: &World) -> u32 {
    world.state().ledger.shares.iter().map(|share| share.permits).sum()
}

#[test]
fn share_that_is_handed_back_is_the_next_ones_within_seconds() {
    for (seed, skew_ms) in (0..20).flat_map(|seed| [(seed, -2_400), (seed, 0), (seed, 2_400)]) {
        let world = small(seed);
        let (first, next) = (world.machine_off_by(-skew_ms), world.machine_off_by(skew_ms));
        let waited = run(&world, async {
            take_all(&first).await;
            let refused = next.call_of(Class::Background, 4, Duration::ZERO, 5, 5).await;
            assert_eq!(refused.unwrap_err().reason, ClosedReason::RateBudget);
            hand_back(&first).await;
            let began = world.timeline.elapsed();
            next.call_of(Class::Background, 4, Duration::from_secs(20), 5, 5).await.unwrap();
            i64::try_from((world.timeline.elapsed() - began).as_millis()).unwrap()
        });
        // Who was refused looks again every two seconds, and by a clock that is ahead sooner.
        let most = i64::try_from(SOON.as_millis()).unwrap() - 2 * skew_ms + 2_100;
        assert!(waited <= most, "seed {seed}, skew {skew_ms}: {waited} ms");
        world.assert_budget_held(&format!("seed {seed}"));
    }
}

#[test]
fn share_that_is_handed_back_long_behind_its_last_call_is_free_at_once() {
    let world = small(1);
    let (first, next) = (world.machine(), world.machine());
    run(&world, async {
        take_all(&first).await;
        world.timeline.sleep(SOON).await;
        hand_back(&first).await;
        assert_eq!(held(&world), 0);
        next.call_of(Class::Background, 6, Duration::ZERO, 5, 5).await.unwrap();
    });
    world.assert_budget_held("free at once");
}

#[test]
fn share_that_is_handed_back_counts_to_a_whole_millisecond_as_the_table_keeps_it() {
    let world = small(1);
    let machine = world.machine();
    run(&world, async {
        take_all(&machine).await;
        world.timeline.sleep(Duration::from_micros(1_300)).await;
        hand_back(&machine).await;
        let shares = world.state().ledger.shares;
        assert!(!shares.is_empty());
        assert!(shares.iter().all(|it| it.until.as_nanosecond() % 1_000_000 == 0), "{shares:?}");
    });
}

#[test]
fn small_share_is_kept_and_costs_no_write() {
    let world = World::new(1);
    let machine = world.machine();
    run(&world, async {
        machine.call_of(Class::Background, 1, Duration::ZERO, 5, 5).await.unwrap();
        let (calls, revision) = (world.store_calls(), world.state().revision);
        hand_back(&machine).await;
        machine.call_of(Class::Background, 1, Duration::ZERO, 5, 5).await.unwrap();
        assert_eq!((world.store_calls(), world.state().revision), (calls, revision));
    });
}

#[test]
fn share_that_a_call_is_under_way_for_is_kept() {
    let world = small(1);
    let machine = world.machine();
    run(&world, async {
        take_all(&machine).await;
        let before = held(&world);
        let call = machine.call_of(Class::Background, 1, Duration::from_secs(20), 2_000, 5);
        let meanwhile = async {
            world.timeline.sleep(Duration::from_millis(1_900)).await;
            hand_back(&machine).await;
            assert_eq!(held(&world), before);
        };
        let (called, ()) = futures::join!(call, meanwhile);
        called.unwrap();
    });
}

#[test]
fn who_has_handed_back_gets_a_share_anew_for_the_next_call() {
    let world = small(1);
    let machine = world.machine();
    run(&world, async {
        for _ in 0..5 {
            take_all(&machine).await;
            hand_back(&machine).await;
        }
    });
    world.assert_budget_held("back and forth");
}

#[test]
fn share_that_can_not_be_handed_back_is_used_no_more_and_comes_back_with_its_lease() {
    let world = small(1);
    let (first, next) = (world.machine(), world.machine());
    run(&world, async {
        take_all(&first).await;
        let before = held(&world);
        world.store.set_down(true);
        hand_back(&first).await;
        let refused = first.call_of(Class::Background, 1, Duration::ZERO, 5, 5).await;
        assert_eq!(refused.unwrap_err().reason, ClosedReason::StoreUnavailable, "it is given up");
        world.store.set_down(false);
        assert_eq!(held(&world), before);
        world.timeline.sleep(Duration::from_secs(90)).await;
        next.call_of(Class::Background, 6, Duration::ZERO, 5, 5).await.unwrap();
    });
    world.assert_budget_held("the table was down");
}

#[test]
fn hand_back_of_many_at_once_reaches_the_table_for_each_of_them() {
    for seed in 0..20 {
        let mut world = World::new(seed);
        world.limit = RateLimit { max: 40, ..SMALL };
        let machines: Vec<_> = (0..3).map(|_| world.machine()).collect();
        run(&world, async {
            join_all(machines.iter().map(take_all)).await;
            assert!(held(&world) > 3 * 6, "seed {seed}: {}", held(&world));
            world.timeline.sleep(SOON).await;
            join_all(machines.iter().map(hand_back)).await;
            // A small share stays with its holder.
            let shares = world.state().ledger.shares;
            assert!(shares.iter().all(|share| share.permits <= 6), "seed {seed}: {shares:?}");
        });
        world.assert_budget_held(&format!("seed {seed}"));
    }
}
