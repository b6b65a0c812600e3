//! Requests for a connection with an entered address that die at each of their steps, and what the
//! next one makes of it.

use futures::FutureExt;
use serde_json::Value;
use sync_domain::hook_address;
use sync_domain::model::AuditAction;
use sync_domain::usecase::locked_connection::ManageError;
use sync_domain::usecase::rotate_connection::SecretKind::{ClientSecret, WebhookSecret};
use sync_testkit::{Schedule, Scheduled};

use crate::support::connection_systems::{MINTED, MINTED_WEBHOOK, entered};
use crate::support::connection_world::{ConnectionWorld, WEBHOOK_URL, tenant};

const STEPS_MAX: usize = 200;
const SEEDS: u64 = 300;

/// Asserts that pointers and secrets name account 77 and one address, and returns it.
#[track_caller]
fn assert_connected(world: &ConnectionWorld, secret: &str, what: &str) -> String {
    let webhook = world.secret(MINTED_WEBHOOK);
    let token = webhook["url_token"].as_str().unwrap();
    let pointers = ["77".to_owned(), hook_address::account_id(token)];
    assert_eq!(world.registry.accounts_of(&tenant("acme")), pointers, "{what}");
    assert_eq!((&webhook["current"], &webhook["account_id"]), (&secret.into(), &"77".into()));
    assert_eq!(world.secret(MINTED)["account_id"], "77", "{what}");
    assert!(!world.registry.is_locked(), "{what}");
    format!("{WEBHOOK_URL}/{token}")
}

#[track_caller]
fn assert_gone(world: &ConnectionWorld, what: &str) {
    assert_eq!(world.registry.accounts_of(&tenant("acme")), Vec::<String>::new(), "{what}");
    assert_eq!((world.secrets.names(), world.registry.item_count()), (Vec::new(), 0), "{what}");
}

#[tokio::test]
async fn connect_that_dies_at_any_step_is_mended_by_the_next_or_cleared_by_a_disconnect() {
    for steps in 0..STEPS_MAX {
        let what = format!("step {steps}");
        let world = ConnectionWorld::with_minting();
        let is_over = world.die(world.connect_app("acme", "proof", Some("whs")), steps).await;
        let connected = world.connect_app("acme", "proof", Some("whs")).await.unwrap();
        assert_eq!(entered(&connected), assert_connected(&world, "whs", &what));

        let world = ConnectionWorld::with_minting();
        world.die(world.connect_app("acme", "proof", Some("whs")), steps).await;
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
async fn change_of_account_that_dies_at_any_step_leaves_one_address() {
    for steps in 0..STEPS_MAX {
        let what = format!("step {steps}");
        let world = ConnectionWorld::with_minting();
        world.provider.add_app("client", "proof-11", "11");
        let former = entered(&world.connect_app("acme", "proof-11", Some("old")).await.unwrap());
        let is_over = world.die(world.connect_app("acme", "proof", Some("whs")), steps).await;
        let connected = world.connect_app("acme", "proof", Some("whs")).await.unwrap();
        let address = assert_connected(&world, "whs", &what);
        assert_eq!((&entered(&connected), address != former), (&address, true), "{what}");
        assert_eq!(world.secret(MINTED_WEBHOOK)["previous"], Value::Null, "{what}");
        if is_over {
            return;
        }
    }
    panic!("a connect has more steps than that");
}

#[tokio::test]
async fn rotation_that_dies_at_any_step_is_completed_and_audited_by_the_next() {
    for steps in 0..STEPS_MAX {
        let what = format!("step {steps}");
        let world = ConnectionWorld::with_minting();
        world.provider.add_app("client", "proof-2", "77");
        let address = entered(&world.connect_app("acme", "proof", Some("a")).await.unwrap());
        let given = [(WebhookSecret, "b"), (ClientSecret, "proof-2")];
        let is_over = world.die(world.rotate_with(&given), steps).await;
        world.rotate_with(&given).await.unwrap();
        assert_eq!(assert_connected(&world, "b", &what), address);
        assert_eq!(world.secret(MINTED_WEBHOOK)["previous"], "a", "{what}");
        assert_eq!(world.secret(MINTED)["grant"]["client_secret"], "proof-2", "{what}");
        let audited = world.registry.audited(&tenant("acme"));
        assert_eq!(audited.last(), Some(&AuditAction::ConnectionRotated), "{what}");
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
        let world = ConnectionWorld::with_minting();
        world.connect_app("acme", "proof", Some("a")).await.unwrap();
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
fn connects_at_once_tell_one_address() {
    for seed in 0..SEEDS {
        let world = ConnectionWorld::with_minting();
        let connect = || world.connect_app("acme", "proof", Some("whs")).boxed_local();
        let outcomes = Schedule::new(seed, 0).run(vec![connect(), connect()]);
        let address = assert_connected(&world, "whs", &format!("seed {seed}"));
        for outcome in outcomes {
            match outcome {
                Scheduled::Finished(Ok(connected)) => assert_eq!(entered(&connected), address),
                Scheduled::Finished(Err(ManageError::InProgress { .. })) => {}
                other @ (Scheduled::Finished(Err(_)) | Scheduled::Killed) => {
                    panic!("seed {seed}: {other:?}")
                }
            }
        }
    }
}
