//! The rate budget over a window of one second with ten calls, as Acuity has it: pages of two calls
//! by imports and sweeps, single calls for webhooks, in several instances.

use std::time::Duration;

use futures::FutureExt;
use futures::future::LocalBoxFuture;
use sync_domain::gate::{Class, RateLimit};

use crate::support::gate_world::{Machine, World};

const LIMIT: RateLimit = RateLimit { max: 10, window: Duration::from_secs(1) };
/// As many imports and sweeps of one tenant find room at once.
const IMPORTS: u32 = 3;
const RUN: Duration = Duration::from_secs(120);
/// What an import waits for a page, and a webhook for its call.
const PATIENT: Duration = Duration::from_secs(5);

fn world(seed: u64) -> World {
    let mut world = World::new(seed);
    world.limit = LIMIT;
    world
}

/// Reads pages of two requests, one behind the other. How many came through.
async fn import(machine: &Machine<'_>, end: Duration) -> u32 {
    let timeline = &machine.world.timeline;
    let mut pages = 0;
    while timeline.elapsed() < end {
        let way_ms = timeline.draw(50..200);
        match machine.call_of(Class::Background, 2, PATIENT, way_ms, way_ms).await {
            Ok(_) => pages += 1,
            Err(_closed) => timeline.sleep(Duration::from_millis(500)).await,
        }
    }
    pages
}

#[test]
fn one_import_reads_two_pages_a_second_and_never_exceeds() {
    for seed in 0..5 {
        let world = world(seed);
        let machine = world.machine();
        let end = world.timeline.elapsed() + RUN;
        let task = async { assert!(import(&machine, end).await > 0) };
        world.timeline.run(vec![task.boxed_local()], 0);
        world.assert_budget_held(&format!("seed {seed}"));
        let calls = world.arrivals().len();
        // Each page takes 0.1 to 0.4 s, and its two permits 1.25 s more; there are six.
        assert!(calls >= 240, "seed {seed}: {calls} calls in {RUN:?}");
    }
}

#[test]
fn imports_of_several_instances_share_and_webhooks_find_room() {
    for seed in 0..5 {
        let world = world(seed);
        let end = world.timeline.elapsed() + RUN;
        // Background work has six permits, and a page takes two: a fourth would wait for one to end.
        let imports: Vec<_> = (0..IMPORTS).map(|_| world.machine()).collect();
        let live = [world.machine()];
        let mut tasks: Vec<LocalBoxFuture<'_, ()>> = Vec::new();
        for machine in &imports {
            tasks.push(
                async {
                    let pages = import(machine, end).await;
                    assert!(pages > 0, "an import that gets nothing at all");
                }
                .boxed_local(),
            );
        }
        for machine in &live {
            tasks.push(
                async {
                    while world.timeline.elapsed() < end {
                        let called = machine.call(Class::Live, PATIENT, 200).await;
                        assert!(called.is_ok(), "seed {seed}: {called:?}");
                        world.timeline.sleep(Duration::from_secs(2)).await;
                    }
                }
                .boxed_local(),
            );
        }
        world.timeline.run(tasks, 0);
        world.assert_budget_held(&format!("seed {seed}"));
    }
}
