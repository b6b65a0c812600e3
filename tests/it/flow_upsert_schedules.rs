//! Many callers at once, in thousands of random interleavings, with crashes at any await.

use std::time::Duration;

use futures::FutureExt;
use serde_json::{Value, json};
use sync_domain::usecase::upsert_record::{UpsertError, Upserted};
use sync_testkit::{Schedule, Scheduled};

use crate::support::upsert_world::{LEASE, World};

const SEEDS: u64 = 2_000;
const CALLERS: usize = 6;

type Outcome = Scheduled<Result<Upserted, UpsertError>>;

/// Runs one caller per entry in the interleaving of a seed.
fn run(world: &World, seed: u64, kill_percent: u8, calls: &[(String, Value)]) -> Vec<Outcome> {
    let callers =
        calls.iter().map(|(key, attributes)| world.upsert(key, attributes.clone()).boxed_local());
    Schedule::new(seed, kill_percent).run(callers.collect())
}

fn assert_answered_or_in_progress(outcome: &Outcome, seed: u64) {
    match outcome {
        Scheduled::Killed | Scheduled::Finished(Ok(_) | Err(UpsertError::InProgress { .. })) => {}
        Scheduled::Finished(Err(error)) => panic!("seed {seed}: {error:?}"),
    }
}

fn same_key() -> Vec<(String, Value)> {
    vec![("k".to_owned(), json!({"email": "a@b.co", "firstname": "Ada"})); CALLERS]
}

fn same_record() -> Vec<(String, Value)> {
    let attributes = json!({"email": "a@b.co", "firstname": "Ada"});
    (0..CALLERS).map(|caller| (format!("k{caller}"), attributes.clone())).collect()
}

#[test]
fn callers_with_one_key_have_one_effect_in_any_interleaving() {
    for (calls, name) in [(same_key(), "one key"), (same_record(), "one record")] {
        for seed in 0..SEEDS {
            let world = World::new();
            let outcomes = run(&world, seed, 0, &calls);
            outcomes.iter().for_each(|outcome| assert_answered_or_in_progress(outcome, seed));
            assert_eq!(world.gateway.writes().len(), 1, "{name}, seed {seed}");
            assert_eq!(world.store.records()[0].version, 1, "{name}, seed {seed}");
        }
    }
}

#[test]
fn callers_that_crash_anywhere_leave_one_effect_to_the_next_one() {
    for (calls, name) in [(same_key(), "one key"), (same_record(), "one record")] {
        for seed in 0..SEEDS {
            let world = World::new();
            for round in 0..3 {
                let outcomes = run(&world, seed * 3 + round, 15, &calls);
                outcomes.iter().for_each(|outcome| assert_answered_or_in_progress(outcome, seed));
                world.clock.advance(LEASE + Duration::from_secs(1));
            }
            let last = run(&world, seed, 0, &calls[..1]);
            assert!(matches!(last[..], [Scheduled::Finished(Ok(_))]), "{name}, seed {seed}");
            assert_eq!(world.gateway.writes().len(), 1, "{name}, seed {seed}");
            assert_eq!(world.store.records()[0].version, 1, "{name}, seed {seed}");
        }
    }
}
