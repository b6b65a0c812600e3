//! Vagaro's rate budget: what webhooks need finds room while sweeps and imports use all that they may.

use std::cell::Cell;
use std::time::Duration;

use futures::FutureExt;
use futures::future::{LocalBoxFuture, join, join_all};
use sync_domain::gate::{Class, RateLimit};
use sync_domain::ports::{BookingReader, RateLimits};
use sync_providers::vagaro::VagaroReader;

use crate::support::gate_world::{Machine, World};
use crate::support::vagaro::{connection, reader_at};

const RUN: Duration = Duration::from_secs(240);
/// What a sweep's read and a webhook's call wait for their turn.
const PATIENT: Duration = Duration::from_secs(5);
/// A call is answered within this.
const WAY_MS: std::ops::Range<u64> = 20..200;

fn vagaro() -> (VagaroReader, RateLimit) {
    let reader = reader_at("http://127.0.0.1:1", std::sync::Arc::default());
    let limit = reader.default_limit(&connection());
    (reader, limit)
}

fn world(seed: u64) -> World {
    let mut world = World::new(seed);
    world.limit = vagaro().1;
    world
}

async fn call(machine: &Machine<'_>, class: Class, requests: u32) -> bool {
    let timeline = &machine.world.timeline;
    let (there, back) = (timeline.draw(WAY_MS), timeline.draw(WAY_MS));
    machine.call_of(class, requests, PATIENT, there, back).await.is_ok()
}

/// Works in the background until the end, so many operations at once. How many came through.
async fn busy(machine: &Machine<'_>, requests: u32, at_once: usize, end: Duration) -> u32 {
    let timeline = &machine.world.timeline;
    let done = Cell::new(0);
    let workers = (0..at_once).map(|_| async {
        while timeline.elapsed() < end {
            match call(machine, Class::Background, requests).await {
                true => done.set(done.get() + 1),
                false => timeline.sleep(Duration::from_millis(500)).await,
            }
        }
    });
    join_all(workers).await;
    done.get()
}

/// A delivery in full and one that has to be read, both at once, every ten seconds.
async fn webhooks(machine: &Machine<'_>, requests: (u32, u32), end: Duration) {
    let timeline = &machine.world.timeline;
    while timeline.elapsed() < end {
        let told = call(machine, Class::Live, requests.0);
        let read = call(machine, Class::Live, requests.1);
        let came_through = join(told, read).await;
        assert_eq!(came_through, (true, true), "at {:?}", timeline.elapsed());
        timeline.sleep(Duration::from_secs(10)).await;
    }
}

#[test]
fn webhooks_find_room_while_a_sweep_and_an_import_use_all_they_may() {
    let (reader, _) = vagaro();
    // The location is known mostly; a read and a page take as much as they can.
    let live = (1, reader.requests_per_read());
    for seed in 0..8 {
        let world = world(seed);
        let end = world.timeline.elapsed() + RUN;
        let (sweep, import, hooks) = (world.machine(), world.machine(), world.machine());
        let mut tasks: Vec<LocalBoxFuture<'_, ()>> = Vec::new();
        // Which of the two finds more is not promised: both are done with in minutes.
        tasks.push(
            async {
                let reads = busy(&sweep, reader.requests_per_read(), 4, end);
                let pages = busy(&import, reader.requests_per_page(), 1, end);
                let (reads, pages) = join(reads, pages).await;
                let requests =
                    reads * reader.requests_per_read() + pages * reader.requests_per_page();
                assert!(requests >= 120, "seed {seed}: {reads} reads, {pages} pages");
            }
            .boxed_local(),
        );
        tasks.push(webhooks(&hooks, live, end).boxed_local());
        world.timeline.run(tasks, 0);
        world.assert_budget_held(&format!("seed {seed}"));
    }
}

#[test]
fn sweep_alone_reads_more_than_one_booking_in_two_seconds() {
    let (reader, limit) = vagaro();
    for seed in 0..4 {
        let world = world(seed);
        let end = world.timeline.elapsed() + RUN;
        let sweep = world.machine();
        let task = async {
            let reads = busy(&sweep, reader.requests_per_read(), 4, end).await;
            assert!(reads >= 120, "seed {seed}: {reads} reads in {RUN:?} within {limit:?}");
        };
        world.timeline.run(vec![task.boxed_local()], 0);
        world.assert_budget_held(&format!("seed {seed}"));
    }
}
