//! Many callers at once, in thousands of random interleavings, with crashes at any await, for every
//! kind of record.

use std::time::Duration;

use futures::FutureExt;
use serde_json::{Value, json};
use sync_domain::model::ObjectType;
use sync_domain::usecase::upsert_record::{UpsertError, UpsertOutcome};
use sync_testkit::{Schedule, Scheduled};

use crate::support::upsert_world::{LEASE, World};

const SEEDS: u64 = 2_000;
const CALLERS: usize = 6;

type Outcome = Scheduled<Result<UpsertOutcome, UpsertError>>;

/// The same wish of several callers, each with a key.
struct Crowd {
    name: &'static str,
    keys: Vec<String>,
    object_type: ObjectType,
    attributes: Value,
    associations: Value,
}

impl Crowd {
    /// Of each kind of record two: all callers with one key, and each with a key of its own.
    fn all() -> Vec<Self> {
        let kinds = [
            (ObjectType::Contact, json!({"email": "a@b.co", "firstname": "Ada"}), json!([])),
            (
                ObjectType::Contact,
                json!({"email": "a@b.co"}),
                json!([{"type": "company", "external_id": "9"}]),
            ),
            (ObjectType::Company, json!({"domain": "example.com", "name": "Ex"}), json!([])),
            (
                ObjectType::Deal,
                json!({"reference": "d-1", "name": "Big one"}),
                json!([
                    {"type": "company", "external_id": "9"},
                    {"type": "contact", "external_id": "7"},
                    {"type": "contact", "external_id": "8"},
                ]),
            ),
        ];
        let crowds = kinds.into_iter().flat_map(|(object_type, attributes, associations)| {
            let one_key = vec!["k".to_owned(); CALLERS];
            let own_keys = (0..CALLERS).map(|caller| format!("k{caller}")).collect();
            [("one key", one_key), ("one record", own_keys)].map(|(name, keys)| Self {
                name,
                keys,
                object_type,
                attributes: attributes.clone(),
                associations: associations.clone(),
            })
        });
        crowds.collect()
    }

    /// Runs one caller per key in the interleaving of a seed.
    fn run(&self, world: &World, seed: u64, kill_percent: u8, callers: usize) -> Vec<Outcome> {
        let callers = self.keys.iter().take(callers).map(|key| {
            let (attributes, associations) = (self.attributes.clone(), self.associations.clone());
            world.upsert_of(self.object_type, key, attributes, associations).boxed_local()
        });
        Schedule::new(seed, kill_percent).run(callers.collect())
    }

    fn assert_one_effect(&self, world: &World, seed: u64) {
        let context = format!("{} of {}, seed {seed}", self.name, self.object_type);
        let wanted = self.associations.as_array().unwrap().len();
        let made = usize::try_from(world.gateway.associations_made()).unwrap();
        assert_eq!((world.gateway.writes().len(), made), (1, wanted), "{context}");
        let records = world.store.records();
        assert_eq!(records.len(), 1, "{context}");
        assert_eq!((records[0].version, records[0].associations.len()), (1, wanted), "{context}");
    }
}

fn assert_answered_or_in_progress(outcome: &Outcome, seed: u64) {
    match outcome {
        Scheduled::Killed
        | Scheduled::Finished(Ok(UpsertOutcome::Done(_)) | Err(UpsertError::InProgress { .. })) => {
        }
        Scheduled::Finished(other) => panic!("seed {seed}: {other:?}"),
    }
}

#[test]
fn callers_have_one_effect_in_any_interleaving() {
    for crowd in Crowd::all() {
        for seed in 0..SEEDS {
            let world = World::new();
            let outcomes = crowd.run(&world, seed, 0, CALLERS);
            outcomes.iter().for_each(|outcome| assert_answered_or_in_progress(outcome, seed));
            crowd.assert_one_effect(&world, seed);
        }
    }
}

#[test]
fn callers_that_crash_anywhere_leave_one_effect_to_the_next_one() {
    for crowd in Crowd::all() {
        for seed in 0..SEEDS {
            let world = World::new();
            for round in 0..3 {
                let outcomes = crowd.run(&world, seed * 3 + round, 15, CALLERS);
                outcomes.iter().for_each(|outcome| assert_answered_or_in_progress(outcome, seed));
                world.clock.advance(LEASE + Duration::from_secs(1));
            }
            let last = crowd.run(&world, seed, 0, 1);
            assert!(matches!(last[..], [Scheduled::Finished(Ok(_))]), "{}, {seed}", crowd.name);
            crowd.assert_one_effect(&world, seed);
        }
    }
}
