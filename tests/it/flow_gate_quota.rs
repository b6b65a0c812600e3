//! The quota of the day: the answer that tells that nothing is left of it is the last one until the
//! account's day ends, for every instance.

use std::time::Duration;

use jiff::Timestamp;
use serde_json::json;
use sync_domain::gate::{Class, PauseReason, daily_limit_until};
use sync_domain::model::{ObjectType, System, TenantId};
use sync_domain::ports::{Clock, Quota};
use sync_domain::usecase::upsert_record::{
    UpsertOutcome, UpsertRecord, UpsertStats, upsert_record,
};

use crate::support::upsert_world::{World, done, gate_of};

fn left(remaining: u64) -> Option<Quota> {
    Some(Quota { max: 100_000, remaining })
}

fn paused_until(world: &World) -> Option<Timestamp> {
    let health = world.gates.state(&world.tenant, System::Hubspot).health(world.clock.now());
    assert_eq!(health.pause_reason.is_some(), health.paused_until.is_some());
    assert!(health.pause_reason.is_none_or(|reason| reason == PauseReason::DailyLimit));
    health.paused_until
}

#[tokio::test]
async fn answer_that_leaves_nothing_of_the_day_pauses_the_tenant_until_its_day_ends() {
    // Without a zone nobody knows when the day ends, so it is looked at each hour.
    for (zone, pause_max) in [(Some("Asia/Kolkata"), 24 * 3_600 + 60), (None, 3_660)] {
        let world = World::new();
        world.connections.set_time_zone(&world.tenant, zone);
        world.gateway.set_quota(left(0));
        done(world.upsert("k1", json!({"email": "a@b.co"})).await);
        let until = daily_limit_until(world.clock.now(), zone);
        assert!(until <= world.clock.now() + Duration::from_secs(pause_max), "{zone:?}");
        assert_eq!(paused_until(&world), Some(until), "{zone:?}");

        // Neither this instance nor another one calls.
        let waits = world.upsert("k2", json!({"email": "b@b.co"})).await;
        assert!(matches!(waits, Ok(UpsertOutcome::Queued)), "{waits:?}");
        let other = gate_of(&world.gates, world.clock.clone());
        let command =
            world.command(ObjectType::Contact, "k3", &json!({"email": "c@b.co"}), &json!([]));
        let deps = world.deps(&other, &world.queue, Class::Live);
        let waits = upsert_record(&deps, command, &mut UpsertStats::default()).await;
        assert!(matches!(waits, Ok(UpsertOutcome::Queued)), "{waits:?}");
        assert_eq!(world.gateway.writes(), ["a@b.co"]);

        world.gateway.set_quota(left(99_000));
        let early = until - Duration::from_secs(1);
        let wait = Duration::try_from(early.duration_since(world.clock.now())).unwrap();
        world.clock.advance(wait);
        assert_eq!(paused_until(&world), Some(until));
        world.drain().await;
        assert!(world.clock.now() >= until, "nothing was called before");
        assert_eq!(world.gateway.writes().len(), 3);
        assert_eq!(paused_until(&world), None);
    }
}

#[tokio::test]
async fn quota_of_one_tenant_pauses_no_other_one() {
    let world = World::new();
    let globex = TenantId::parse("globex").unwrap();
    world.connections.connect(&globex);
    world.gateway.set_quota(left(0));
    done(world.upsert("k1", json!({"email": "a@b.co"})).await);
    let command = world.command(ObjectType::Contact, "k1", &json!({"email": "a@b.co"}), &json!([]));
    let command = UpsertRecord { tenant: globex, ..command };
    let deps = world.deps(&world.gate, &world.queue, Class::Live);
    done(upsert_record(&deps, command, &mut UpsertStats::default()).await);
}

#[tokio::test]
async fn quota_of_which_something_is_left_pauses_nothing() {
    let world = World::new();
    for quota in [left(1), None] {
        world.gateway.set_quota(quota);
        let email = format!("{}@b.co", quota.is_some());
        done(world.upsert(&email, json!({"email": email})).await);
        assert_eq!(paused_until(&world), None);
    }
}

/// The associations of the record are calls too: they wait, and the record is not written again.
#[tokio::test]
async fn upsert_whose_record_took_the_last_call_makes_its_associations_on_the_next_day() {
    let world = World::new();
    world.gateway.set_quota(left(0));
    let associations = json!([{"type": "company", "external_id": "7"}]);
    let upsert =
        world.upsert_of(ObjectType::Contact, "k1", json!({"email": "a@b.co"}), associations);
    let waits = upsert.await;
    assert!(matches!(waits, Ok(UpsertOutcome::Queued)), "{waits:?}");
    assert_eq!((world.gateway.writes().len(), world.gateway.associations_made()), (1, 0));
    world.gateway.set_quota(left(99_000));
    world.drain().await;
    assert_eq!((world.gateway.writes().len(), world.gateway.associations_made()), (1, 1));
}
