//! Requests for a connection with a drawn webhook secret that die at each of their steps, and what the
//! next one makes of it, here and at the provider.

use futures::FutureExt;
use serde_json::{Value, json};
use sync_domain::hook_address;
use sync_domain::model::AuditAction;
use sync_domain::usecase::locked_connection::ManageError;
use sync_domain::usecase::rotate_connection::SecretKind::ApiToken;
use sync_testkit::{Schedule, Scheduled};

use crate::support::connection_systems::{DRAWN, DRAWN_WEBHOOK};
use crate::support::connection_world::{ConnectionWorld, WEBHOOK_URL, tenant};

const STEPS_MAX: usize = 200;
const SEEDS: u64 = 300;

/// Asserts that pointers, secrets and the provider's list all say the same of account 77.
#[track_caller]
fn assert_connected(world: &ConnectionWorld, what: &str) {
    let webhook = world.secret(DRAWN_WEBHOOK);
    let token = webhook["url_token"].as_str().unwrap();
    let pointers = ["77".to_owned(), hook_address::account_id(token)];
    assert_eq!(world.registry.accounts_of(&tenant("acme")), pointers, "{what}");
    let [hook] = &world.provider.registered("77")[..] else { panic!("{what}: not one webhook") };
    assert_eq!(hook.url, format!("{WEBHOOK_URL}?token={token}"), "{what}");
    assert_eq!(webhook["current"], hook.secret, "{what}");
    assert_eq!(webhook["hook_ids"], json!([hook.id]), "{what}");
    assert_eq!((&webhook["account_id"], world.registry.is_locked()), (&"77".into(), false));
}

#[track_caller]
fn assert_gone(world: &ConnectionWorld, what: &str) {
    assert_eq!(world.registry.accounts_of(&tenant("acme")), Vec::<String>::new(), "{what}");
    assert_eq!(world.secrets.names(), ["apps/pipedrive"], "{what}");
    assert_eq!(world.registry.item_count(), 0, "{what}");
    assert_eq!(world.provider.hooks("77"), Vec::<String>::new(), "{what}");
}

#[tokio::test]
async fn connect_that_dies_at_any_step_is_mended_by_the_next_or_cleared_by_a_disconnect() {
    for steps in 0..STEPS_MAX {
        let what = format!("step {steps}");
        let world = ConnectionWorld::with_drawing();
        let is_over = world.die(world.connect_token("acme", "token"), steps).await;
        let drawn = world.secret(DRAWN_WEBHOOK)["current"].clone();
        world.connect_token("acme", "token").await.unwrap();
        assert_connected(&world, &what);
        let current = &world.secret(DRAWN_WEBHOOK)["current"];
        assert!(drawn.is_null() || drawn == *current, "{what}: drawn once");

        let world = ConnectionWorld::with_drawing();
        world.die(world.connect_token("acme", "token"), steps).await;
        let cleared = world.disconnect("acme").await;
        assert!(matches!(cleared, Ok(None) | Err(ManageError::NotFound)), "{what}: {cleared:?}");
        assert_gone(&world, &what);
        if is_over {
            return;
        }
    }
    panic!("a connect has more steps than that");
}

#[tokio::test]
async fn change_of_account_that_dies_at_any_step_leaves_nothing_of_the_former_one_that_counts() {
    for steps in 0..STEPS_MAX {
        let what = format!("step {steps}");
        let world = ConnectionWorld::with_drawing();
        world.provider.add_token("token-11", "11");
        world.connect_token("acme", "token-11").await.unwrap();
        let former = world.provider.registered("11").remove(0).secret;
        let is_over = world.die(world.connect_token("acme", "token"), steps).await;
        world.connect_token("acme", "token").await.unwrap();
        assert_connected(&world, &what);
        let secrets = world.secret(DRAWN_WEBHOOK);
        assert!(secrets["current"] != former && secrets["previous"] == Value::Null, "{what}");
        if is_over {
            return;
        }
    }
    panic!("a connect has more steps than that");
}

/// What the provider shows when the rotation begins again counts, and so does what it shows then.
#[tokio::test]
async fn rotation_that_dies_at_any_step_is_completed_and_what_is_on_its_way_still_counts() {
    for steps in 0..STEPS_MAX {
        let what = format!("step {steps}");
        let world = ConnectionWorld::with_drawing();
        world.provider.add_token("token-2", "77");
        world.connect_token("acme", "token").await.unwrap();
        let first = world.secret(DRAWN_WEBHOOK)["current"].clone();
        let is_over = world.die(world.rotate_with(&[(ApiToken, "token-2")]), steps).await;
        let before = world.provider.registered("77")[0].secret.clone();
        world.rotate_with(&[(ApiToken, "token-2")]).await.unwrap();
        assert_connected(&world, &what);
        let secrets = world.secret(DRAWN_WEBHOOK);
        let counts = [&secrets["current"], &secrets["previous"]];
        assert!(counts.iter().any(|it| **it == before), "{what}: {secrets}");
        assert_ne!(secrets["current"], first, "{what}");
        assert_eq!(world.secret(DRAWN)["access_token"], "token-2", "{what}");
        let audited = world.registry.audited(&tenant("acme"));
        assert_eq!(audited.last(), Some(&AuditAction::ConnectionRotated), "{what}");
        if is_over {
            return;
        }
    }
    panic!("a rotation has more steps than that");
}

/// Who takes the lock in between leaves no trace of the one that died.
#[tokio::test]
async fn rotation_that_died_is_still_seen_after_a_request_that_was_refused() {
    for steps in 0..STEPS_MAX {
        let world = ConnectionWorld::with_drawing();
        world.provider.add_token("token-11", "11");
        world.connect_token("acme", "token").await.unwrap();
        let is_over = world.die(world.rotate_with(&[]), steps).await;
        world.rotate_with(&[(ApiToken, "token-11")]).await.unwrap_err();
        let before = world.provider.registered("77")[0].secret.clone();
        world.rotate_with(&[]).await.unwrap();
        assert_connected(&world, &format!("step {steps}"));
        let secrets = world.secret(DRAWN_WEBHOOK);
        let counts = [&secrets["current"], &secrets["previous"]];
        assert!(counts.iter().any(|it| **it == before), "step {steps}: {secrets}");
        if is_over {
            return;
        }
    }
    panic!("a rotation has more steps than that");
}

#[tokio::test]
async fn disconnect_that_dies_at_any_step_is_completed_by_the_next() {
    for steps in 0..STEPS_MAX {
        let what = format!("step {steps}");
        let world = ConnectionWorld::with_drawing();
        world.connect_token("acme", "token").await.unwrap();
        let is_over = world.die(world.disconnect("acme"), steps).await;
        let again = world.disconnect("acme").await;
        assert!(matches!(again, Ok(None) | Err(ManageError::NotFound)), "{what}: {again:?}");
        assert_gone(&world, &what);
        if is_over {
            return;
        }
    }
    panic!("a disconnect has more steps than that");
}

#[test]
fn connects_at_once_draw_one_secret_and_register_one_webhook() {
    for seed in 0..SEEDS {
        let world = ConnectionWorld::with_drawing();
        let connect = || world.connect_token("acme", "token").boxed_local();
        let outcomes = Schedule::new(seed, 0).run(vec![connect(), connect()]);
        assert_connected(&world, &format!("seed {seed}"));
        let ids: Vec<_> = world.provider.registered("77").into_iter().map(|it| it.id).collect();
        assert_eq!(ids, ["hook-1"], "seed {seed}: none was made anew");
        for outcome in outcomes {
            let is_fine =
                matches!(outcome, Scheduled::Finished(Ok(_) | Err(ManageError::InProgress { .. })));
            assert!(is_fine, "seed {seed}: {outcome:?}");
        }
    }
}

#[test]
fn rotations_at_once_keep_what_the_provider_shows_and_the_one_before() {
    for seed in 0..SEEDS {
        let world = ConnectionWorld::with_drawing();
        futures::executor::block_on(world.connect_token("acme", "token")).unwrap();
        let rotate = || world.rotate_with(&[]).boxed_local();
        drop(Schedule::new(seed, 0).run(vec![rotate(), rotate()]));
        assert_connected(&world, &format!("seed {seed}"));
        let secrets = world.secret(DRAWN_WEBHOOK);
        assert!(secrets["previous"].is_string() && secrets["previous"] != secrets["current"]);
    }
}
