//! Rotating secrets: the newest two are good, whoever rotates, repeats or dies.

use std::time::Duration;

use futures::FutureExt;
use serde_json::json;
use sync_domain::model::AuditAction;
use sync_domain::ports::ProviderError;
use sync_domain::usecase::locked_connection::ManageError;
use sync_domain::usecase::rotate_connection::Rotated;
use sync_testkit::{Schedule, Scheduled};

use crate::support::connection_world::{
    CREDENTIALS, ConnectionWorld, GRACE, INVOCATION, WEBHOOK, field_of, tenant,
};

const SEEDS: u64 = 500;

#[tokio::test]
async fn rotation_keeps_the_newest_two_for_the_grace_period() {
    let world = ConnectionWorld::with_token();
    world.connect("acme", "pat", Some("a")).await.unwrap();
    let rotated = world.rotate(Some("b"), None).await.unwrap();
    let until = world.clock.now() + GRACE;
    let parts = |it: &Rotated| (it.is_changed, it.previous_until, it.webhook.clone());
    assert_eq!(parts(&rotated), (true, Some(until), None));
    let stored = json!({"current": "b", "previous": "a", "previous_until": until.to_string()});
    assert_eq!(world.secret(WEBHOOK), stored);
    world.advance(Duration::from_secs(60));
    let again = world.rotate(Some("b"), None).await.unwrap();
    assert_eq!(parts(&again), (false, Some(until), None));
    assert_eq!(world.secret(WEBHOOK), stored, "the same again changes nothing");
    world.rotate(Some("c"), None).await.unwrap();
    let secret = world.secret(WEBHOOK);
    assert_eq!((&secret["current"], &secret["previous"]), (&"c".into(), &"b".into()));
    world.rotate(Some("b"), None).await.unwrap();
    let secret = world.secret(WEBHOOK);
    assert_eq!((&secret["current"], &secret["previous"]), (&"b".into(), &"c".into()));
    let rotations = world.registry.audited(&tenant("acme")).len() - 1;
    assert_eq!(rotations, 3, "one entry for each that changed something");
}

#[test]
fn rotations_at_once_are_serialised_and_keep_two_of_the_secrets() {
    for seed in 0..SEEDS {
        let world = ConnectionWorld::with_token();
        futures::executor::block_on(world.connect("acme", "pat", Some("a"))).unwrap();
        let callers = ["b", "c"].map(|it| world.rotate(Some(it), None).boxed_local());
        let outcomes = Schedule::new(seed, 0).run(callers.into());
        let done = outcomes.iter().filter(|it| matches!(it, Scheduled::Finished(Ok(_)))).count();
        let secret = world.secret(WEBHOOK);
        let (current, previous) = (&secret["current"], &secret["previous"]);
        assert_ne!(current, previous, "seed {seed}");
        assert!(done == 2 || previous == "a", "seed {seed}: {secret}");
        assert!(done < 2 || (current != "a" && previous != "a"), "seed {seed}: {secret}");
    }
}

#[tokio::test]
async fn rotation_that_dies_at_any_step_is_completed_and_audited_by_the_next() {
    for steps in 0..100 {
        let world = ConnectionWorld::with_token();
        world.provider.add_token("pat-2", "77");
        world.connect("acme", "pat", Some("a")).await.unwrap();
        let mut dying = Box::pin(world.rotate(Some("b"), Some("pat-2")));
        let mut is_over = false;
        for _ in 0..steps {
            is_over = is_over || futures::poll!(&mut dying).is_ready();
        }
        drop(dying);
        world.advance(INVOCATION + Duration::from_secs(1));
        world.rotate(Some("b"), Some("pat-2")).await.unwrap();
        let secret = world.secret(WEBHOOK);
        assert_eq!((&secret["current"], &secret["previous"]), (&"b".into(), &"a".into()));
        assert_eq!(world.secret(CREDENTIALS)["access_token"], "pat-2");
        let audited = world.registry.audited(&tenant("acme"));
        assert_eq!(audited.last(), Some(&AuditAction::ConnectionRotated), "step {steps}");
        if is_over {
            return;
        }
    }
    panic!("a rotation has more steps than that");
}

#[tokio::test]
async fn rotation_takes_a_good_token_of_the_same_account_only() {
    let world = ConnectionWorld::with_token();
    world.provider.add_token("pat-2", "77");
    world.provider.add_token("pat-other", "78");
    assert!(matches!(world.rotate(None, Some("pat-2")).await, Err(ManageError::NotFound)));
    world.connect("acme", "pat", Some("a")).await.unwrap();
    let refused = world.rotate(Some("b"), Some("bad")).await;
    assert!(matches!(refused, Err(ManageError::Provider(ProviderError::Unauthorized))));
    assert_eq!(field_of(world.rotate(Some("b"), Some("pat-other")).await), "access_token");
    assert_eq!(world.secret(WEBHOOK), json!({"current": "a"}), "nothing was changed");
    assert!(world.rotate(None, Some("pat-2")).await.unwrap().is_changed);
    let secret = world.secret(CREDENTIALS);
    assert_eq!((&secret["access_token"], &secret["token_version"]), (&"pat-2".into(), &2.into()));
    assert!(!world.registry.is_locked());
}
