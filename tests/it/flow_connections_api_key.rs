//! Connections by API key, whose webhook we register ourselves: what each request leaves behind, here
//! and at the provider, also when it dies half way.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use futures::FutureExt;
use jiff::SignedDuration;
use serde_json::{Value, json};
use sync_domain::hook_address;
use sync_domain::model::AuditAction;
use sync_domain::ports::{HookStatus, ProviderError};
use sync_domain::usecase::connect_account::{ConnectMethod, begin_consent};
use sync_domain::usecase::locked_connection::ManageError;
use sync_testkit::{Scheduled, Timeline};

use crate::support::connection_world::{
    ConnectionWorld, GRACE, INVOCATION, WEBHOOK_URL, field_of, tenant,
};

const CREDENTIALS: &str = "tenants/acme/acuity";
const WEBHOOK: &str = "tenants/acme/acuity/webhook";

fn token(world: &ConnectionWorld) -> String {
    world.secret(WEBHOOK)["url_token"].as_str().unwrap().to_owned()
}

/// Asserts that pointers, secrets and the provider's list all name account 77 and one address.
#[track_caller]
fn assert_connected(world: &ConnectionWorld, key: &str, what: &str) {
    let token = token(world);
    let pointers = ["77".to_owned(), hook_address::account_id(&token)];
    assert_eq!(world.registry.accounts_of(&tenant("acme")), pointers, "{what}");
    assert_eq!(world.provider.hooks("77"), [format!("{WEBHOOK_URL}?token={token}")], "{what}");
    assert_eq!(world.secret(CREDENTIALS)["access_token"], format!("19:{key}"), "{what}");
    assert_eq!(world.secret(WEBHOOK)["current"], key, "{what}");
    assert!(!world.registry.is_locked(), "{what}");
}

#[track_caller]
fn assert_gone(world: &ConnectionWorld, what: &str) {
    assert_eq!(world.registry.accounts_of(&tenant("acme")), Vec::<String>::new(), "{what}");
    assert_eq!(world.secrets.names(), Vec::<String>::new(), "{what}");
    assert_eq!(world.registry.item_count(), 0, "{what}");
    assert_eq!(world.provider.hooks("77"), Vec::<String>::new(), "{what}");
}

#[tokio::test]
async fn connect_with_a_key_stores_one_token_and_registers_the_address_with_it() {
    let world = ConnectionWorld::with_api_key();
    let connected = world.connect_key("acme", "key").await.unwrap();
    assert_eq!((connected.account_id.as_str(), connected.auth.as_str()), ("77", "api_key"));
    assert_eq!(connected.webhook.unwrap().status, HookStatus::Registered);
    assert_connected(&world, "key", "connected");
    assert_eq!(world.secret(CREDENTIALS)["auth"], "api_key");
    assert_eq!(world.secret(CREDENTIALS)["import_horizon_days"], 30);
    let secrets = world.secret(WEBHOOK);
    let url_token = &secrets["url_token"];
    assert_eq!(secrets, json!({"current": "key", "url_token": url_token, "account_id": "77"}));
    assert_eq!(world.entry("acme").await.unwrap().webhook, Some(HookStatus::Registered));
}

#[tokio::test]
async fn connect_again_keeps_the_token_and_the_one_webhook() {
    let world = ConnectionWorld::with_api_key();
    world.connect_key("acme", "key").await.unwrap();
    let (first, secrets) = (token(&world), world.secret(WEBHOOK));
    world.connect_key("acme", "key").await.unwrap();
    assert_eq!(world.secret(WEBHOOK), secrets);
    world.provider.add_token("19:key-2", "77");
    world.connect_key("acme", "key-2").await.unwrap();
    assert_eq!(token(&world), first);
    assert_connected(&world, "key-2", "another key");
    assert_eq!(world.secret(WEBHOOK)["previous"], "key", "what is on its way is signed with it");
}

#[tokio::test]
async fn connect_to_another_account_leaves_nothing_at_the_former_one() {
    let world = ConnectionWorld::with_api_key();
    world.provider.add_token("19:key-11", "11");
    world.connect_key("acme", "key-11").await.unwrap();
    assert_eq!(world.provider.hooks("11").len(), 1);
    let connected = world.connect_key("acme", "key").await.unwrap();
    assert_eq!(connected.former_webhook_left, None);
    assert_connected(&world, "key", "another account");
    assert_eq!(world.provider.hooks("11"), Vec::<String>::new());
    assert_eq!(world.secret(WEBHOOK)["previous"], Value::Null, "the old account signs no more");
}

#[tokio::test]
async fn account_of_another_tenant_is_refused_without_a_webhook() {
    let world = ConnectionWorld::with_api_key();
    world.connect_key("globex", "key").await.unwrap();
    let (before, hooks) = (world.secrets.writes(), world.provider.hooks("77"));
    let refused = world.connect_key("acme", "key").await;
    assert!(matches!(refused, Err(ManageError::AccountTaken)), "{refused:?}");
    assert_eq!(world.registry.audited(&tenant("acme")), [AuditAction::AccountClaimRefused]);
    assert_eq!(world.registry.accounts_of(&tenant("acme")), Vec::<String>::new());
    assert_eq!((world.secrets.writes(), world.provider.hooks("77")), (before, hooks));
}

#[tokio::test]
async fn two_tenants_have_addresses_of_their_own() {
    let world = ConnectionWorld::with_api_key();
    world.provider.add_token("19:key-11", "11");
    world.connect_key("acme", "key").await.unwrap();
    world.connect_key("globex", "key-11").await.unwrap();
    let addresses: BTreeSet<_> =
        [world.provider.hooks("77"), world.provider.hooks("11")].concat().into_iter().collect();
    assert_eq!(addresses.len(), 2);
}

#[tokio::test]
async fn webhook_that_can_not_be_registered_is_noted_and_registered_by_the_next_request() {
    let world = ConnectionWorld::with_api_key();
    world.provider.leave_no_room(true);
    let connected = world.connect_key("acme", "key").await.unwrap();
    assert_eq!(connected.webhook.unwrap().status, HookStatus::NoRoom);
    assert_eq!(world.entry("acme").await.unwrap().webhook, Some(HookStatus::NoRoom));
    world.provider.leave_no_room(false);
    world.provider.fail_next_hook(ProviderError::MissingScope);
    let rotated = world.rotate_key("key").await.unwrap();
    let hook = rotated.webhook.unwrap();
    assert_eq!(
        (hook.status, hook.failure),
        (HookStatus::Failed, Some(ProviderError::MissingScope))
    );
    assert_eq!(world.entry("acme").await.unwrap().webhook, Some(HookStatus::Failed));
    let rotated = world.rotate_key("key").await.unwrap();
    assert!(!rotated.is_changed, "no secret was replaced");
    assert_connected(&world, "key", "registered");
    assert_eq!(world.entry("acme").await.unwrap().webhook, Some(HookStatus::Registered));
}

#[tokio::test]
async fn rotation_of_a_key_keeps_the_one_before_for_webhooks_only() {
    let world = ConnectionWorld::with_api_key();
    world.provider.add_token("19:key-2", "77");
    world.provider.add_token("19:key-3", "77");
    world.connect_key("acme", "key").await.unwrap();
    let first = token(&world);
    let rotated = world.rotate_key("key-2").await.unwrap();
    assert!(rotated.is_changed);
    assert_eq!(rotated.previous_until, Some(world.clock.now() + GRACE));
    assert_connected(&world, "key-2", "rotated");
    assert_eq!(world.secret(WEBHOOK)["previous"], "key");
    assert_eq!(world.secret(CREDENTIALS)["token_version"], 2);
    world.rotate_key("key-3").await.unwrap();
    let secrets = world.secret(WEBHOOK);
    assert_eq!((&secrets["current"], &secrets["previous"]), (&"key-3".into(), &"key-2".into()));
    assert_eq!(token(&world), first);
}

#[tokio::test]
async fn rotation_takes_what_the_connection_was_made_with_and_a_key_of_its_account() {
    let world = ConnectionWorld::with_api_key();
    world.provider.add_token("19:key-11", "11");
    world.connect_key("acme", "key").await.unwrap();
    assert_eq!(field_of(world.rotate_key("key-11").await), "api_key");
    assert_eq!(field_of(world.rotate(Some("whs"), None).await), "webhook_secret");
    assert_eq!(field_of(world.rotate(None, Some("19:key")).await), "access_token");
    assert_eq!(field_of(world.rotate(None, None).await), "api_key");
    let refused = world.rotate_key("bad").await;
    assert!(matches!(refused, Err(ManageError::Provider(ProviderError::Unauthorized))));
    assert_connected(&world, "key", "as it was");

    let other = ConnectionWorld::with_token();
    other.connect("acme", "pat", None).await.unwrap();
    assert_eq!(field_of(other.rotate_key("key").await), "api_key");
}

#[tokio::test]
async fn connect_in_a_way_that_the_system_does_not_have_names_auth() {
    let by_key = ConnectionWorld::with_api_key();
    assert_eq!(field_of(by_key.connect("acme", "pat", None).await), "auth");
    let begun = begin_consent(&by_key.deps(), &by_key.request("acme")).await;
    assert_eq!(field_of(begun), "auth");
    let by_token = ConnectionWorld::with_token();
    assert_eq!(field_of(by_token.connect_key("acme", "key").await), "auth");
    assert_eq!(by_token.registry.item_count(), 0);
}

#[tokio::test]
async fn disconnect_removes_pointers_secrets_and_the_webhook() {
    let world = ConnectionWorld::with_api_key();
    world.connect_key("acme", "key").await.unwrap();
    assert_eq!(world.disconnect("acme").await.unwrap(), None);
    assert_gone(&world, "disconnected");
    assert!(matches!(world.disconnect("acme").await, Err(ManageError::NotFound)));
    world.connect_key("globex", "key").await.unwrap();
}

#[tokio::test]
async fn disconnect_goes_on_when_the_provider_keeps_the_webhook() {
    let world = ConnectionWorld::with_api_key();
    world.connect_key("acme", "key").await.unwrap();
    world.provider.fail_next_hook(ProviderError::Unauthorized);
    assert_eq!(world.disconnect("acme").await.unwrap(), Some(ProviderError::Unauthorized));
    assert_eq!(world.provider.hooks("77").len(), 1);
    assert_eq!(world.registry.accounts_of(&tenant("acme")), Vec::<String>::new());
    assert_eq!(world.secrets.names(), Vec::<String>::new());
    world.connect_key("acme", "key").await.unwrap();
    assert_connected(&world, "key", "the webhook that was left is replaced");
}

/// A connect killed at each of its steps; then the same again, or a disconnect.
#[tokio::test]
async fn connect_with_a_key_that_dies_at_any_step_is_mended_or_cleared() {
    for steps in 0..200 {
        for is_mended in [true, false] {
            let world = ConnectionWorld::with_api_key();
            let mut dying = Box::pin(world.connect_key("acme", "key"));
            let mut is_over = false;
            for _ in 0..steps {
                is_over = is_over || futures::poll!(&mut dying).is_ready();
            }
            drop(dying);
            world.advance(INVOCATION + Duration::from_secs(1));
            let what = format!("step {steps}");
            if is_mended {
                world.connect_key("acme", "key").await.unwrap();
                assert_connected(&world, "key", &what);
            } else {
                let cleared = world.disconnect("acme").await;
                assert!(matches!(cleared, Ok(None) | Err(ManageError::NotFound)), "{what}");
                assert_gone(&world, &what);
            }
            if is_over && !is_mended {
                return;
            }
        }
    }
    panic!("a connect has more steps than that");
}

/// A change of account killed at each of its steps leaves one account's pointer, whatever follows.
#[tokio::test]
async fn change_of_account_that_dies_at_any_step_leaves_no_pointer_behind() {
    for steps in 0..200 {
        let world = ConnectionWorld::with_api_key();
        world.provider.add_token("19:key-11", "11");
        world.connect_key("acme", "key-11").await.unwrap();
        let mut dying = Box::pin(world.connect_key("acme", "key"));
        let mut is_over = false;
        for _ in 0..steps {
            is_over = is_over || futures::poll!(&mut dying).is_ready();
        }
        drop(dying);
        world.advance(INVOCATION + Duration::from_secs(1));
        world.connect_key("acme", "key").await.unwrap();
        assert_connected(&world, "key", &format!("step {steps}"));
        assert_eq!(world.secret(WEBHOOK)["previous"], Value::Null, "step {steps}");
        if is_over {
            return;
        }
    }
    panic!("a connect has more steps than that");
}

#[tokio::test]
async fn rotation_of_a_key_that_dies_at_any_step_is_completed_by_the_next() {
    for steps in 0..200 {
        let world = ConnectionWorld::with_api_key();
        world.provider.add_token("19:key-2", "77");
        world.connect_key("acme", "key").await.unwrap();
        let mut dying = Box::pin(world.rotate_key("key-2"));
        let mut is_over = false;
        for _ in 0..steps {
            is_over = is_over || futures::poll!(&mut dying).is_ready();
        }
        drop(dying);
        world.advance(INVOCATION + Duration::from_secs(1));
        world.rotate_key("key-2").await.unwrap();
        assert_connected(&world, "key-2", &format!("step {steps}"));
        assert_eq!(world.secret(WEBHOOK)["previous"], "key", "step {steps}");
        let audited = world.registry.audited(&tenant("acme"));
        assert_eq!(audited.last(), Some(&AuditAction::ConnectionRotated), "step {steps}");
        if is_over {
            return;
        }
    }
    panic!("a rotation has more steps than that");
}

#[tokio::test]
async fn disconnect_of_a_key_that_dies_at_any_step_is_completed_by_the_next() {
    for steps in 0..200 {
        let world = ConnectionWorld::with_api_key();
        world.connect_key("acme", "key").await.unwrap();
        let mut dying = Box::pin(world.disconnect("acme"));
        let mut is_over = false;
        for _ in 0..steps {
            is_over = is_over || futures::poll!(&mut dying).is_ready();
        }
        drop(dying);
        world.advance(INVOCATION + Duration::from_secs(1));
        let again = world.disconnect("acme").await;
        assert!(matches!(again, Ok(None) | Err(ManageError::NotFound)), "step {steps}: {again:?}");
        assert_gone(&world, &format!("step {steps}"));
        if is_over {
            return;
        }
    }
    panic!("a disconnect has more steps than that");
}

#[tokio::test]
async fn results_and_debug_output_carry_neither_the_key_nor_the_token() {
    let world = ConnectionWorld::with_api_key();
    let canary = "canary-key";
    world.provider.add_token("19:canary-key", "77");
    let method = ConnectMethod::ApiKey { user_id: "19".to_owned(), api_key: canary.into() };
    let mut printed = vec![format!("{method:?}")];
    printed.push(format!("{:?}", world.connect_key("acme", canary).await));
    let token = token(&world);
    printed.push(format!("{:?}", world.rotate_key(canary).await));
    printed.push(format!("{:?}", world.entry("acme").await));
    printed.push(format!("{:?}", world.disconnect("acme").await));
    for text in printed {
        assert!(!text.contains("canary") && !text.contains(&token), "{text}");
    }
}

#[test]
fn provider_that_does_not_answer_about_the_webhook_leaves_time_to_note_the_connection() {
    let timeline = Timeline::new(7);
    let clock = Arc::new(timeline.clock(SignedDuration::ZERO));
    let world = ConnectionWorld::with_api_key_on(clock);
    world.provider.be_silent_about_hooks();
    let deadline = world.request("acme").deadline;
    let outcome = timeline.run(vec![world.connect_key("acme", "key").boxed_local()], 0).remove(0);
    let Scheduled::Finished(Ok(connected)) = outcome else { panic!("{outcome:?}") };
    let webhook = connected.webhook.unwrap();
    assert_eq!(
        (webhook.status, webhook.failure),
        (HookStatus::Failed, Some(ProviderError::TimedOut))
    );
    assert!(world.clock.now() < deadline && !world.registry.is_locked());
    assert!(world.secret("tenants/acme/acuity")["access_token"].is_string());
}
