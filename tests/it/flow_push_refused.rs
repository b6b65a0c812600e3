//! Waiting upserts that can't be done: put aside with their cause, out of the way of those behind
//! them, and done after all when an operator has them tried again.

use std::time::Duration;

use serde_json::{Value, json};
use sync_domain::model::{Association, AttributeName, ExternalId, ObjectType, UpsertStatus};
use sync_domain::ports::{DeadCause, KeyStatus, ProviderError, RemoteEffect};
use sync_domain::usecase::settle_work::Verdict;
use sync_domain::usecase::upsert_record::UpsertOutcome;
use sync_testkit::GatewayFault::{Fail, FailAfterEffect};

use crate::support::upsert_world::{Outcome, World, done};

fn ada(firstname: &str) -> Value {
    json!({"email": "a@b.co", "firstname": firstname})
}

fn rejected() -> ProviderError {
    ProviderError::Rejected { vendor_code: None, field: None }
}

fn failed(cause: DeadCause) -> KeyStatus {
    KeyStatus::Failed { code: cause.as_str().to_owned() }
}

/// A world in which upserts with these first names wait for one record, in this order.
async fn waiting(names: &[&str]) -> World {
    let world = World::new();
    let effect = RemoteEffect::None;
    for _try in 0..3 {
        let error = ProviderError::Unavailable { status: Some(503), retry_after: None, effect };
        world.gateway.fail_next(Fail(error));
    }
    for name in names {
        let outcome = world.upsert(&format!("k-{name}"), ada(name)).await;
        assert!(matches!(outcome, Ok(UpsertOutcome::Queued)), "{outcome:?}");
    }
    world
}

fn causes(world: &World) -> Vec<DeadCause> {
    world.dead_letters.letters().iter().map(|letter| letter.cause).collect()
}

fn written(world: &World) -> Vec<String> {
    let written = world.gateway.written().into_iter();
    written.map(|(_, it)| it.get(AttributeName::Firstname).unwrap().to_owned()).collect()
}

#[tokio::test]
async fn refused_push_is_put_aside_with_its_cause_and_the_next_one_goes_on() {
    let conflict = ProviderError::Contended { retry_after: Duration::ZERO, status: 409 };
    for (errors, cause) in [
        (vec![rejected()], DeadCause::ProviderRejected),
        (vec![ProviderError::Unauthorized], DeadCause::ProviderUnauthorized),
        (vec![ProviderError::MissingScope], DeadCause::ProviderMissingScope),
        (vec![conflict; 3], DeadCause::ProviderRejected),
    ] {
        let world = waiting(&["1", "2"]).await;
        for error in errors {
            world.gateway.fail_next(Fail(error));
        }
        world.drain().await;
        assert_eq!(causes(&world), [cause]);
        let letter = &world.dead_letters.letters()[0];
        assert_eq!(letter.tenant.as_ref(), Some(&world.tenant));
        assert!(!letter.body.contains("a@b.co"), "{}", letter.body);
        assert_eq!(world.key_status("k-1").await, failed(cause));
        assert!(matches!(world.key_status("k-2").await, KeyStatus::Completed(_)));
        assert_eq!(written(&world), ["2"]);
        world.assert_no_line(cause.as_str());
    }
}

#[tokio::test]
async fn refused_push_is_done_when_it_is_replayed_after_the_cause_is_mended() {
    let world = waiting(&["1"]).await;
    world.gateway.fail_next(Fail(rejected()));
    world.drain().await;
    let letter = world.dead_letters.letters().remove(0);
    // Replayed before it is mended: the same letter again.
    world.gateway.fail_next(Fail(rejected()));
    world.replay(&letter);
    world.drain().await;
    let letters = world.dead_letters.letters();
    assert_eq!((letters.len(), &letters[1].id), (2, &letter.id));
    assert!(world.dead_letters.resolved().is_empty());
    assert_eq!(world.key_status("k-1").await, failed(DeadCause::ProviderRejected));

    world.replay(&letter);
    world.replay(&letter);
    let verdicts = world.drain().await;
    assert_eq!(verdicts, [Verdict::Done, Verdict::Done]);
    assert!(world.dead_letters.resolved().contains(&letter.id));
    assert!(matches!(world.key_status("k-1").await, KeyStatus::Completed(_)));
    assert_eq!((written(&world), world.store.records()[0].version), (vec!["1".to_owned()], 1));
    world.assert_no_line("after the replay");
}

#[tokio::test]
async fn refused_push_that_a_later_one_overtook_is_never_put_over_it() {
    let world = waiting(&["1", "2"]).await;
    world.gateway.fail_next(Fail(rejected()));
    world.drain().await;
    let letter = world.dead_letters.letters().remove(0);
    world.replay(&letter);
    assert_eq!(world.drain().await, [Verdict::Dead(DeadCause::Superseded)]);
    assert_eq!(causes(&world), [DeadCause::ProviderRejected, DeadCause::Superseded]);
    assert_eq!(world.dead_letters.letters()[1].id, letter.id);
    // Nor over one that was carried out at once.
    let world = waiting(&["1"]).await;
    world.gateway.fail_next(Fail(rejected()));
    world.drain().await;
    assert_eq!(world.status("k-2", ada("2")).await, UpsertStatus::Created);
    world.replay(&world.dead_letters.letters()[0]);
    assert_eq!(world.drain().await, [Verdict::Dead(DeadCause::Superseded)]);
    assert_eq!(written(&world), ["2"]);
    world.assert_no_line("after the replay");
}

/// The replay comes while the later one is on its way, so only the start can tell.
#[tokio::test]
async fn refused_push_that_comes_back_during_a_later_one_is_put_aside_for_good() {
    let world = waiting(&["1", "2"]).await;
    world.gateway.fail_next(Fail(rejected()));
    let mut items = world.receive_all().into_iter();
    world.clock.advance(Duration::from_secs(10));
    assert_eq!(world.work(items.next().unwrap()).await, Verdict::Dead(DeadCause::ProviderRejected));
    let letter = world.dead_letters.letters().remove(0);
    let mut second = Box::pin(world.work(items.next().unwrap()));
    while world.gateway.writes().is_empty() {
        assert!(futures::poll!(&mut second).is_pending());
    }
    world.replay(&letter);
    let replayed = world.receive().unwrap();
    assert!(matches!(world.work(replayed).await, Verdict::Wait { .. }), "the other one is at it");
    assert_eq!(second.await, Verdict::Done);
    assert_eq!(world.drain().await, [Verdict::Dead(DeadCause::Superseded)]);
    assert_eq!(world.key_status("k-1").await, failed(DeadCause::Superseded));
    world.replay(&letter);
    assert_eq!(world.drain().await, [Verdict::Dead(DeadCause::Superseded)]);
    assert_eq!(written(&world), ["2"]);
    world.assert_no_line("after the replay");
}

#[tokio::test]
async fn push_that_fails_ten_times_for_itself_makes_way() {
    let world = waiting(&["1", "2"]).await;
    let busy = ProviderError::Contended { retry_after: Duration::ZERO, status: 423 };
    for _try in 0..30 {
        world.gateway.fail_next(Fail(busy.clone()));
    }
    world.drain().await;
    assert_eq!(causes(&world), [DeadCause::AttemptsExhausted]);
    assert_eq!(world.key_status("k-1").await, failed(DeadCause::AttemptsExhausted));
    assert_eq!((written(&world), world.gateway.faults_left()), (vec!["2".to_owned()], 0));
    world.assert_no_line("after ten tries");
}

#[tokio::test]
async fn push_with_a_token_that_was_replaced_is_tried_with_the_new_one() {
    let world = waiting(&["1"]).await;
    world.connections.renew_token(&world.tenant, "another-token");
    world.gateway.fail_next(Fail(ProviderError::Unauthorized));
    assert_eq!(world.drain().await, [Verdict::Done]);
    assert_eq!(written(&world), ["1"]);
    world.assert_no_line("with the new token");
}

#[tokio::test]
async fn pushes_of_a_tenant_that_disconnected_are_put_aside_until_it_connects() {
    let world = waiting(&["1", "2"]).await;
    world.connections.disconnect(&world.tenant);
    world.drain().await;
    assert_eq!(causes(&world), [DeadCause::ConnectionNotFound; 2]);
    for key in ["k-1", "k-2"] {
        assert_eq!(world.key_status(key).await, failed(DeadCause::ConnectionNotFound));
    }
    world.assert_no_line("disconnected");
    world.connections.connect(&world.tenant);
    world.dead_letters.letters().iter().for_each(|letter| world.replay(letter));
    assert_eq!(world.drain().await, [Verdict::Done; 2]);
    assert_eq!(written(&world), ["1", "2"]);
    world.assert_no_line("connected again");
}

/// With the company that it lacked: a deal whose push was given up half done.
async fn refused_half_done() -> (World, Association) {
    let world = World::new();
    for _try in 0..3 {
        world.gateway.fail_next(Fail(ProviderError::TimedOut));
    }
    let company =
        Association { object_type: ObjectType::Company, external_id: ExternalId::new("9") };
    world.gateway.set_missing(company.clone(), true);
    let outcome = upsert_deal(&world).await;
    assert!(matches!(outcome, Ok(UpsertOutcome::Queued)), "{outcome:?}");
    world.drain().await;
    assert_eq!(causes(&world), [DeadCause::ProviderRejected]);
    assert_eq!((world.gateway.writes().len(), world.store.records().len()), (1, 0));
    (world, company)
}

async fn upsert_deal(world: &World) -> Outcome {
    let deal = json!({"reference": "d-1", "name": "Big one"});
    let ends = json!([{"type": "company", "external_id": "9"}]);
    world.upsert_of(ObjectType::Deal, "k-1", deal, ends).await
}

#[tokio::test]
async fn push_that_was_refused_half_done_is_not_written_again_by_an_operator_or_its_caller() {
    let (world, company) = refused_half_done().await;
    world.gateway.set_missing(company, false);
    world.replay(&world.dead_letters.letters()[0]);
    assert_eq!(world.drain().await, [Verdict::Done]);
    assert_eq!((world.gateway.writes().len(), world.gateway.associations_made()), (1, 1));
    assert_eq!(world.store.records()[0].version, 1);

    let (world, company) = refused_half_done().await;
    world.gateway.set_missing(company, false);
    assert_eq!(done(upsert_deal(&world).await).answer.status, UpsertStatus::Created);
    world.replay(&world.dead_letters.letters()[0]);
    assert_eq!(world.drain().await, [Verdict::Done]);
    assert_eq!((world.gateway.writes().len(), world.gateway.associations_made()), (1, 1));
    assert_eq!(world.store.records()[0].version, 1);
}

#[tokio::test]
async fn key_of_a_refused_push_can_be_used_again_and_its_letter_finds_it_done() {
    let world = waiting(&["1"]).await;
    world.gateway.fail_next(Fail(rejected()));
    world.drain().await;
    assert_eq!(world.status("k-1", ada("1")).await, UpsertStatus::Created);
    world.replay(&world.dead_letters.letters()[0]);
    assert_eq!(world.drain().await, [Verdict::Done]);
    assert_eq!((written(&world), world.store.records()[0].version), (vec!["1".to_owned()], 1));
    // Or for something else: the letter has nothing to say of it.
    let world = waiting(&["1"]).await;
    world.gateway.fail_next(Fail(rejected()));
    world.drain().await;
    for _try in 0..3 {
        world.gateway.fail_next(FailAfterEffect(ProviderError::TimedOut));
    }
    let other = world.upsert("k-1", json!({"email": "o@b.co", "firstname": "other"})).await;
    assert!(matches!(other, Ok(UpsertOutcome::Queued)), "{other:?}");
    let own = world.receive_all();
    world.replay(&world.dead_letters.letters()[0]);
    let item = world.receive().unwrap();
    assert!(matches!(world.work(item).await, Verdict::Wait { .. }), "the key is in use");
    for item in own {
        assert_eq!(world.work(item).await, Verdict::Done);
    }
    world.drain().await;
    assert_eq!(written(&world), ["other"]);
    world.assert_no_line("the key was used again");
}
