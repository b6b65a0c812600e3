//! The upsert use case on fakes: what each kind of repeat, failure and takeover comes to.

use std::time::Duration;

use serde_json::json;
use sync_domain::model::UpsertStatus::{Created, Noop, Updated};
use sync_domain::ports::{ProviderError, RateScope, RemoteEffect, StoreError};
use sync_domain::usecase::upsert_record::{UpsertError, UpsertOutcome};
use sync_testkit::GatewayFault::{Fail, FailAfterEffect};

use crate::support::upsert_world::{LEASE, World, done};

fn unavailable(effect: RemoteEffect) -> ProviderError {
    ProviderError::Unavailable { status: Some(502), retry_after: None, effect }
}

fn rate_limited(retry_after: Duration) -> ProviderError {
    ProviderError::RateLimited { retry_after: Some(retry_after), scope: RateScope::Window }
}

#[tokio::test]
async fn upsert_tells_created_updated_noop_and_replay_apart() {
    let world = World::new();
    let ada = json!({"email": "ada@example.com", "firstname": "Ada"});
    assert_eq!(world.status("k1", ada.clone()).await, Created);
    assert_eq!(world.status("k2", ada.clone()).await, Noop);
    let renamed = json!({"email": "ADA@example.com ", "firstname": "Augusta"});
    assert_eq!(world.status("k3", renamed.clone()).await, Updated);
    let replay = done(world.upsert("k1", ada).await);
    assert!(replay.is_replay && replay.answer.status == Created);
    assert_eq!(world.gateway.writes().len(), 2, "one write each for created and updated");
    assert_eq!(world.store.records()[0].version, 2);
}

#[tokio::test]
async fn upsert_is_noop_for_a_part_of_what_is_stored_and_for_clearing_what_is_absent() {
    let world = World::new();
    world.status("k1", json!({"email": "a@b.co", "firstname": "Ada", "company": "X"})).await;
    assert_eq!(world.status("k2", json!({"email": "a@b.co", "company": "X"})).await, Noop);
    assert_eq!(world.status("k3", json!({"email": "a@b.co", "phone": null})).await, Noop);
    assert_eq!(world.status("k4", json!({"email": "a@b.co", "company": null})).await, Updated);
    assert_eq!(world.status("k5", json!({"email": "a@b.co", "company": null})).await, Noop);
}

#[tokio::test]
async fn upsert_refuses_a_key_that_was_used_for_another_payload() {
    let world = World::new();
    world.status("k1", json!({"email": "a@b.co", "firstname": "Ada"})).await;
    for other in [json!({"email": "a@b.co", "firstname": "Eve"}), json!({"email": "e@b.co"})] {
        let refused = world.upsert("k1", other).await;
        assert!(matches!(refused, Err(UpsertError::KeyReused)), "{refused:?}");
    }
    assert_eq!(world.gateway.writes().len(), 1);
}

#[tokio::test]
async fn upsert_leaves_nothing_behind_when_the_provider_surely_wrote_nothing() {
    for error in [
        ProviderError::Rejected { vendor_code: None, field: None },
        ProviderError::Unauthorized,
        ProviderError::MissingScope,
    ] {
        let world = World::new();
        world.gateway.fail_next(Fail(error.clone()));
        let failed = world.upsert("k1", json!({"email": "a@b.co"})).await;
        assert!(matches!(failed, Err(UpsertError::Provider(it)) if it == error));
        assert_eq!(world.store.item_count(), 0, "{error:?}");
        assert_eq!(world.status("k1", json!({"email": "a@b.co"})).await, Created);
    }
}

#[tokio::test]
async fn upsert_repeats_what_may_pass_and_waits_after_three_tries() {
    let world = World::new();
    world.gateway.fail_next(Fail(unavailable(RemoteEffect::None)));
    world.gateway.fail_next(Fail(rate_limited(Duration::from_secs(1))));
    assert_eq!(world.status("k1", json!({"email": "a@b.co"})).await, Created);
    for _ in 0..3 {
        world.gateway.fail_next(Fail(unavailable(RemoteEffect::None)));
    }
    let parked = world.upsert("k2", json!({"email": "b@b.co"})).await;
    assert!(matches!(parked, Ok(UpsertOutcome::Queued)), "{parked:?}");
    assert_eq!(world.gateway.faults_left(), 0);
}

#[tokio::test]
async fn upsert_looks_before_it_writes_again_after_an_unknown_outcome() {
    for error in [ProviderError::TimedOut, unavailable(RemoteEffect::Unknown)] {
        let world = World::new();
        world.gateway.fail_next(FailAfterEffect(error));
        assert_eq!(world.status("k1", json!({"email": "a@b.co"})).await, Created);
        assert_eq!(world.gateway.writes().len(), 1, "the first write was found");
        assert_eq!(world.gateway.reads(), 1);
    }
}

#[tokio::test]
async fn upsert_takes_an_unresolved_claim_over_without_waiting_for_its_lease() {
    let world = World::new();
    world.gateway.fail_next(FailAfterEffect(ProviderError::TimedOut));
    for _ in 0..2 {
        world.gateway.fail_next(Fail(ProviderError::TimedOut));
    }
    world.queue.fail_next(1);
    let failed = world.upsert("k1", json!({"email": "a@b.co"})).await;
    assert!(matches!(failed, Err(UpsertError::Store(StoreError::Unavailable(_)))), "{failed:?}");
    assert_eq!(world.status("k1", json!({"email": "a@b.co"})).await, Created);
    assert_eq!(world.gateway.writes().len(), 1, "the next call finds what the first one wrote");
    assert_eq!(world.store.records()[0].version, 1);
}

#[tokio::test]
async fn upsert_finishes_for_a_crashed_owner_after_its_lease() {
    let world = World::new();
    let attributes = json!({"email": "a@b.co"});
    // Dropped in the middle of the provider call, after its effect.
    let mut crashing = Box::pin(world.upsert("k1", attributes.clone()));
    while world.gateway.writes().is_empty() {
        assert!(futures::poll!(&mut crashing).is_pending());
    }
    drop(crashing);
    let early = world.upsert("k1", attributes.clone()).await;
    assert!(matches!(early, Err(UpsertError::InProgress { .. })));
    world.clock.advance(LEASE);
    assert_eq!(world.status("k1", attributes).await, Created);
    assert_eq!(world.gateway.writes().len(), 1);
}

#[tokio::test]
async fn upsert_of_a_stale_owner_is_refused_and_the_newer_result_stands() {
    let world = World::new();
    let mut stalled = Box::pin(world.upsert("k1", json!({"email": "a@b.co", "firstname": "Old"})));
    while world.gateway.writes().is_empty() {
        assert!(futures::poll!(&mut stalled).is_pending());
    }
    world.clock.advance(LEASE);
    let newer = json!({"email": "a@b.co", "firstname": "New"});
    assert_eq!(world.status("k2", newer).await, Updated, "the stalled one has created it");
    let refused = stalled.await;
    assert!(matches!(refused, Err(UpsertError::InProgress { .. })), "{refused:?}");
    let record = &world.store.records()[0];
    assert_eq!(record.version, 1);
    let firstname = sync_domain::model::AttributeName::Firstname;
    assert_eq!(record.attributes.get(firstname), Some("New"));
}

#[tokio::test]
async fn upsert_of_a_stale_owner_gets_the_answer_of_the_one_that_took_its_key_over() {
    let world = World::new();
    let attributes = json!({"email": "a@b.co"});
    let mut stalled = Box::pin(world.upsert("k1", attributes.clone()));
    while world.gateway.writes().is_empty() {
        assert!(futures::poll!(&mut stalled).is_pending());
    }
    world.clock.advance(LEASE);
    assert_eq!(world.status("k1", attributes).await, Created);
    let late = done(stalled.await);
    assert!(late.is_replay && late.answer.status == Created);
    assert_eq!(world.gateway.writes().len(), 1);
    assert_eq!(world.store.records()[0].version, 1);
}

#[tokio::test]
async fn upsert_goes_on_with_another_token_after_refused_credentials() {
    let world = World::new();
    world.connections.renew_token(&world.tenant, "token-after-rotation");
    world.gateway.fail_next(Fail(ProviderError::Unauthorized));
    assert_eq!(world.status("k1", json!({"email": "a@b.co"})).await, Created);
    world.connections.renew_token(&world.tenant, "token-after-next-rotation");
    for _ in 0..2 {
        world.gateway.fail_next(Fail(ProviderError::Unauthorized));
    }
    let refused = world.upsert("k2", json!({"email": "b@b.co"})).await;
    let is_refused = matches!(refused, Err(UpsertError::Provider(ProviderError::Unauthorized)));
    assert!(is_refused, "once, and not again and again: {refused:?}");
    assert_eq!(world.gateway.writes().len(), 1);
}
