//! Connecting, rotating and disconnecting on fakes: what each leaves behind, also half way.

use std::time::Duration;

use futures::FutureExt;
use secrecy::SecretString;
use serde_json::{Value, json};
use sync_domain::model::{AuditAction, ObjectType, System};
use sync_domain::ports::{AccountDirectory, ConnectionStatus, ProviderError, RemoteEffect};
use sync_domain::usecase::connect_account::{
    ConnectAccount, ConnectMethod, Connected, begin_consent, connect_account,
};
use sync_domain::usecase::locked_connection::ManageError;
use sync_domain::usecase::rotate_connection::{RotateConnection, Rotated, rotate_connection};
use sync_testkit::{Schedule, Scheduled};

use crate::support::connection_world::{ConnectionWorld, INVOCATION, tenant};

const SEEDS: u64 = 500;
const GRACE: Duration = Duration::from_secs(86_400);
const CREDENTIALS: &str = "tenants/acme/hubspot";
const WEBHOOK: &str = "tenants/acme/hubspot/webhook";

/// A world in which a token `pat` of account 77 is good.
fn world() -> ConnectionWorld {
    let world = ConnectionWorld::new();
    world.provider.add_token("pat", "77");
    world
}

fn field_of<T: std::fmt::Debug>(result: Result<T, ManageError>) -> String {
    match result {
        Err(ManageError::Invalid(invalid)) => invalid.field,
        other => panic!("{other:?}"),
    }
}

async fn rotate(
    world: &ConnectionWorld,
    webhook_secret: Option<&str>,
    access_token: Option<&str>,
) -> Result<Rotated, ManageError> {
    let command = RotateConnection {
        request: world.request("acme"),
        webhook_secret: webhook_secret.map(Into::into),
        access_token: access_token.map(Into::into),
        grace: GRACE,
    };
    rotate_connection(&world.deps(), &command).await
}

async fn come_back(
    world: &ConnectionWorld,
    tenant_id: &str,
    code: &str,
    state: &str,
) -> Result<Connected, ManageError> {
    let method = ConnectMethod::Oauth { code: code.into(), state: state.to_owned() };
    let request = world.request(tenant_id);
    let command = ConnectAccount { request, method, default_region: None };
    connect_account(&world.deps(), command).await
}

async fn state_of(world: &ConnectionWorld, tenant_id: &str) -> String {
    let consent = begin_consent(&world.deps(), &world.request(tenant_id)).await.unwrap();
    consent.authorize_url.rsplit_once("state=").unwrap().1.to_owned()
}

#[tokio::test]
async fn connect_tests_claims_stores_and_audits() {
    let world = world();
    let connected = world.connect("acme", "pat", Some("whs")).await.unwrap();
    assert_eq!(connected.account_id, "77");
    assert_eq!(connected.key_properties, [ObjectType::Company, ObjectType::Deal]);
    assert_eq!(world.provider.account_calls(), 1);
    let secret = world.secret(CREDENTIALS);
    let expected = json!({
        "auth": "private_app", "access_token": "pat", "account_id": "77", "default_region": "US",
        "time_zone": "US/Eastern", "token_version": 1, "key_properties": ["company", "deal"],
    });
    assert_eq!(secret, expected);
    assert_eq!(world.secret(WEBHOOK), json!({"current": "whs"}));
    let owner = world.registry.owner(System::Hubspot, "77").await.unwrap().unwrap();
    assert_eq!(owner.tenant, tenant("acme"));
    let entry = world.entry("acme").await.unwrap();
    assert_eq!((entry.status, entry.token_version), (ConnectionStatus::Connected, 1));
    assert_eq!(world.registry.audited(&tenant("acme")), [AuditAction::ConnectionCreated]);
    assert!(!world.registry.is_locked());
}

#[tokio::test]
async fn connect_with_refused_credentials_leaves_nothing() {
    for (error, _name) in [
        (ProviderError::Unauthorized, "token"),
        (ProviderError::MissingScope, "scope"),
        (ProviderError::Rejected { vendor_code: None, field: None }, "content"),
    ] {
        let world = world();
        world.provider.fail_next(error.clone());
        let refused = world.connect("acme", "pat", Some("whs")).await;
        assert!(matches!(refused, Err(ManageError::Provider(it)) if it == error));
        assert_eq!(world.secrets.names(), ["apps/hubspot"]);
        assert_eq!(world.registry.item_count(), 0);
        assert_eq!(world.registry.accounts_of(&tenant("acme")), Vec::<String>::new());
    }
}

#[tokio::test]
async fn connect_whose_provider_fails_half_way_undoes_its_claim() {
    let world = world();
    // The test of the token succeeds; then both properties fail for good.
    let connecting = world.connect("acme", "pat", None);
    let mut connecting = Box::pin(connecting);
    while world.registry.accounts_of(&tenant("acme")).is_empty() {
        assert!(futures::poll!(&mut connecting).is_pending());
    }
    for _ in 0..6 {
        world.provider.fail_next(ProviderError::Unavailable {
            status: Some(500),
            retry_after: None,
            effect: RemoteEffect::Unknown,
        });
    }
    assert!(matches!(connecting.await, Err(ManageError::Provider(_))));
    assert_eq!(world.registry.accounts_of(&tenant("acme")), Vec::<String>::new());
    assert_eq!((world.registry.item_count(), world.secrets.writes()), (0, 0));
}

#[tokio::test]
async fn connect_that_may_not_make_a_property_says_so_and_goes_on() {
    let world = world();
    world.provider.forbid_property(ObjectType::Deal);
    let connected = world.connect("acme", "pat", None).await.unwrap();
    assert_eq!(connected.key_properties, [ObjectType::Company]);
    assert_eq!(world.secret(CREDENTIALS)["key_properties"], json!(["company"]));
}

#[tokio::test]
async fn account_of_another_tenant_is_refused_audited_and_changes_nothing() {
    let world = world();
    world.connect("globex", "pat", None).await.unwrap();
    let before = world.secrets.writes();
    let refused = world.connect("acme", "pat", None).await;
    assert!(matches!(refused, Err(ManageError::AccountTaken)), "{refused:?}");
    assert_eq!(world.registry.audited(&tenant("acme")), [AuditAction::AccountClaimRefused]);
    assert_eq!((world.registry.item_count(), world.secrets.writes()), (1, before));
    assert_eq!(world.registry.accounts_of(&tenant("globex")), ["77"]);
    assert!(matches!(world.disconnect("acme").await, Err(ManageError::NotFound)));
}

#[tokio::test]
async fn refused_change_of_account_leaves_the_old_connection_as_it_was() {
    let world = world();
    world.provider.add_token("pat-of-acme", "11");
    world.connect("acme", "pat-of-acme", Some("whs")).await.unwrap();
    world.connect("globex", "pat", None).await.unwrap();
    let (credentials, entry) = (world.secret(CREDENTIALS), world.entry("acme").await);
    assert!(matches!(world.connect("acme", "pat", None).await, Err(ManageError::AccountTaken)));
    assert_eq!((world.secret(CREDENTIALS), world.entry("acme").await), (credentials, entry));
    assert_eq!(world.registry.accounts_of(&tenant("acme")), ["11"]);
}

#[tokio::test]
async fn change_of_account_releases_the_former_one_and_its_webhook_secret() {
    let world = world();
    world.provider.add_token("pat-new", "78");
    world.connect("acme", "pat", Some("whs")).await.unwrap();
    world.connect("acme", "pat-new", None).await.unwrap();
    assert_eq!(world.registry.accounts_of(&tenant("acme")), ["78"]);
    assert_eq!(world.secret(WEBHOOK), Value::Null);
    assert_eq!(world.secret(CREDENTIALS)["token_version"], 2);
}

#[test]
fn two_tenants_that_connect_one_account_at_once_have_one_winner() {
    for seed in 0..SEEDS {
        let world = world();
        let callers = ["acme", "globex"].map(|it| world.connect(it, "pat", None).boxed_local());
        let outcomes = Schedule::new(seed, 0).run(callers.into());
        let (mut winners, mut refused) = (0, 0);
        for outcome in outcomes {
            match outcome {
                Scheduled::Finished(Ok(_)) => winners += 1,
                Scheduled::Finished(Err(ManageError::AccountTaken)) => refused += 1,
                other => panic!("seed {seed}: {other:?}"),
            }
        }
        assert_eq!((winners, refused), (1, 1), "seed {seed}");
        assert_eq!(world.registry.item_count(), 1, "seed {seed}");
    }
}

/// A connect killed at each of its steps; then the same again, or a disconnect.
#[tokio::test]
async fn connect_that_dies_at_any_step_is_mended_by_the_next_or_cleared_by_a_disconnect() {
    for steps in 0..200 {
        for is_mended in [true, false] {
            let world = world();
            world.provider.add_token("pat-old", "11");
            world.connect("acme", "pat-old", Some("old")).await.unwrap();
            let mut dying = Box::pin(world.connect("acme", "pat", Some("whs")));
            let mut is_over = false;
            for _ in 0..steps {
                is_over = is_over || futures::poll!(&mut dying).is_ready();
            }
            drop(dying);
            world.advance(INVOCATION + Duration::from_secs(1));
            if is_mended {
                world.connect("acme", "pat", Some("whs")).await.unwrap();
                assert_eq!(world.registry.accounts_of(&tenant("acme")), ["77"], "step {steps}");
                assert_eq!(world.secret(CREDENTIALS)["access_token"], "pat");
                assert_eq!(world.secret(WEBHOOK)["current"], "whs");
                assert_eq!(world.entry("acme").await.unwrap().account_id, "77");
            } else {
                world.disconnect("acme").await.unwrap();
                let left = world.registry.accounts_of(&tenant("acme"));
                assert_eq!(left, Vec::<String>::new(), "step {steps}");
                assert_eq!(world.secrets.names(), ["apps/hubspot"], "step {steps}");
                assert_eq!(world.registry.item_count(), 0, "step {steps}");
            }
            if is_over {
                return;
            }
        }
    }
    panic!("a connect has more steps than that");
}

/// A connect to another account that died must not leave its pointer behind when the tenant goes
/// back to the old one, or on to a third.
#[tokio::test]
async fn connect_that_dies_leaves_no_pointer_when_another_account_is_connected_then() {
    for steps in 0..60 {
        for (token, account) in [("pat-old", "11"), ("pat-third", "33")] {
            let world = world();
            world.provider.add_token("pat-old", "11");
            world.provider.add_token("pat-third", "33");
            world.connect("acme", "pat-old", None).await.unwrap();
            let mut dying = Box::pin(world.connect("acme", "pat", None));
            for _ in 0..steps {
                if futures::poll!(&mut dying).is_ready() {
                    return;
                }
            }
            drop(dying);
            world.advance(INVOCATION + Duration::from_secs(1));
            world.connect("acme", token, None).await.unwrap();
            assert_eq!(world.registry.accounts_of(&tenant("acme")), [account], "step {steps}");
        }
    }
    panic!("a connect has more steps than that");
}

#[tokio::test]
async fn disconnect_that_dies_at_any_step_is_completed_by_the_next() {
    for steps in 0..100 {
        let world = world();
        world.connect("acme", "pat", Some("whs")).await.unwrap();
        let mut dying = Box::pin(world.disconnect("acme"));
        let mut is_over = false;
        for _ in 0..steps {
            is_over = is_over || futures::poll!(&mut dying).is_ready();
        }
        drop(dying);
        world.advance(INVOCATION + Duration::from_secs(1));
        let again = world.disconnect("acme").await;
        // It may have died after its last write, which told nobody.
        assert!(matches!(again, Ok(()) | Err(ManageError::NotFound)), "step {steps}: {again:?}");
        assert_eq!(world.registry.accounts_of(&tenant("acme")), Vec::<String>::new());
        assert_eq!(world.secrets.names(), ["apps/hubspot"], "step {steps}");
        let removed = AuditAction::ConnectionRemoved;
        let audited = world.registry.audited(&tenant("acme"));
        assert_eq!(audited.iter().filter(|it| **it == removed).count(), 1, "step {steps}");
        if is_over {
            return;
        }
    }
    panic!("a disconnect has more steps than that");
}

#[tokio::test]
async fn disconnect_twice_finds_nothing_and_a_reconnect_works_at_once() {
    let world = world();
    assert!(matches!(world.disconnect("acme").await, Err(ManageError::NotFound)));
    world.connect("acme", "pat", Some("whs")).await.unwrap();
    world.disconnect("acme").await.unwrap();
    assert!(matches!(world.disconnect("acme").await, Err(ManageError::NotFound)));
    world.connect("globex", "pat", None).await.unwrap();
    assert_eq!(world.registry.accounts_of(&tenant("globex")), ["77"]);
}

#[tokio::test]
async fn lock_of_another_request_is_waited_for_and_then_reported() {
    let world = world();
    let mut stalled = Box::pin(world.connect("acme", "pat", None));
    while !world.registry.is_locked() {
        assert!(futures::poll!(&mut stalled).is_pending());
    }
    let refused = world.connect("acme", "pat", None).await;
    assert!(matches!(refused, Err(ManageError::InProgress { .. })), "{refused:?}");
    stalled.await.unwrap();
    world.connect("acme", "pat", None).await.unwrap();
}

#[tokio::test]
async fn stalled_connect_that_lost_its_lock_writes_nothing() {
    let world = world();
    world.provider.add_token("pat-2", "77");
    let mut stalled = Box::pin(world.connect("acme", "pat", None));
    while world.provider.property_count("77") < 2 {
        assert!(futures::poll!(&mut stalled).is_pending());
    }
    world.advance(INVOCATION + Duration::from_secs(1));
    world.connect("acme", "pat-2", None).await.unwrap();
    let late = stalled.await;
    assert!(matches!(late, Err(ManageError::InProgress { .. })), "{late:?}");
    assert_eq!(world.secret(CREDENTIALS)["access_token"], "pat-2");
}

#[tokio::test]
async fn consent_comes_back_with_its_state_and_connects() {
    let world = world();
    world.provider.add_code("code-1", "77");
    let state = state_of(&world, "acme").await;
    let connected = come_back(&world, "acme", "code-1", &state).await.unwrap();
    assert_eq!(connected.account_id, "77");
    let secret = world.secret(CREDENTIALS);
    assert_eq!(
        (&secret["auth"], &secret["refresh_token"]),
        (&"oauth".into(), &"oauth-refresh-1".into())
    );
    let entry = world.entry("acme").await.unwrap();
    assert_eq!(secret["expires_at"], entry.token_expires_at.unwrap().to_string());
    // A code is good once.
    assert_eq!(field_of(come_back(&world, "acme", "code-1", &state).await), "code");
    assert_eq!(world.secret(CREDENTIALS), secret);
}

#[tokio::test]
async fn consent_with_a_foreign_old_or_changed_state_uses_no_code_up() {
    let world = world();
    world.provider.add_code("code-1", "77");
    let state = state_of(&world, "acme").await;
    assert_eq!(field_of(come_back(&world, "globex", "code-1", &state).await), "state");
    assert_eq!(field_of(come_back(&world, "acme", "code-1", &state[1..]).await), "state");
    assert_eq!(field_of(come_back(&world, "acme", "code-1", "").await), "state");
    come_back(&world, "acme", "code-1", &state).await.unwrap();
    world.provider.add_code("code-2", "77");
    world.advance(Duration::from_secs(600));
    assert_eq!(field_of(come_back(&world, "acme", "code-2", &state).await), "state");
}

#[tokio::test]
async fn consent_without_an_app_is_not_configured() {
    let world = ConnectionWorld::without_app();
    let refused = begin_consent(&world.deps(), &world.request("acme")).await;
    assert!(matches!(refused, Err(ManageError::OauthNotConfigured)));
    let refused = come_back(&world, "acme", "code", "state").await;
    assert!(matches!(refused, Err(ManageError::OauthNotConfigured)));
}

#[tokio::test]
async fn rotation_keeps_the_newest_two_for_the_grace_period() {
    let world = world();
    world.connect("acme", "pat", Some("a")).await.unwrap();
    let rotated = rotate(&world, Some("b"), None).await.unwrap();
    let until = world.clock.now() + GRACE;
    assert_eq!(rotated, Rotated { is_changed: true, previous_until: Some(until) });
    let stored = json!({"current": "b", "previous": "a", "previous_until": until.to_string()});
    assert_eq!(world.secret(WEBHOOK), stored);
    world.advance(Duration::from_secs(60));
    let again = rotate(&world, Some("b"), None).await.unwrap();
    assert_eq!(again, Rotated { is_changed: false, previous_until: Some(until) });
    assert_eq!(world.secret(WEBHOOK), stored, "the same again changes nothing");
    rotate(&world, Some("c"), None).await.unwrap();
    let secret = world.secret(WEBHOOK);
    assert_eq!((&secret["current"], &secret["previous"]), (&"c".into(), &"b".into()));
    rotate(&world, Some("b"), None).await.unwrap();
    let secret = world.secret(WEBHOOK);
    assert_eq!((&secret["current"], &secret["previous"]), (&"b".into(), &"c".into()));
    let rotations = world.registry.audited(&tenant("acme")).len() - 1;
    assert_eq!(rotations, 3, "one entry for each that changed something");
}

#[test]
fn rotations_at_once_are_serialised_and_keep_two_of_the_secrets() {
    for seed in 0..SEEDS {
        let world = world();
        world.connect("acme", "pat", Some("a")).now_or_never();
        futures::executor::block_on(world.connect("acme", "pat", Some("a"))).unwrap();
        let callers = ["b", "c"].map(|it| rotate(&world, Some(it), None).boxed_local());
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
        let world = world();
        world.provider.add_token("pat-2", "77");
        world.connect("acme", "pat", Some("a")).await.unwrap();
        let mut dying = Box::pin(rotate(&world, Some("b"), Some("pat-2")));
        let mut is_over = false;
        for _ in 0..steps {
            is_over = is_over || futures::poll!(&mut dying).is_ready();
        }
        drop(dying);
        world.advance(INVOCATION + Duration::from_secs(1));
        rotate(&world, Some("b"), Some("pat-2")).await.unwrap();
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
    let world = world();
    world.provider.add_token("pat-2", "77");
    world.provider.add_token("pat-other", "78");
    assert!(matches!(rotate(&world, None, Some("pat-2")).await, Err(ManageError::NotFound)));
    world.connect("acme", "pat", Some("a")).await.unwrap();
    let refused = rotate(&world, Some("b"), Some("bad")).await;
    assert!(matches!(refused, Err(ManageError::Provider(ProviderError::Unauthorized))));
    assert_eq!(field_of(rotate(&world, Some("b"), Some("pat-other")).await), "access_token");
    assert_eq!(world.secret(WEBHOOK), json!({"current": "a"}), "nothing was changed");
    assert!(rotate(&world, None, Some("pat-2")).await.unwrap().is_changed);
    let secret = world.secret(CREDENTIALS);
    assert_eq!((&secret["access_token"], &secret["token_version"]), (&"pat-2".into(), &2.into()));
    assert!(!world.registry.is_locked());
}

#[tokio::test]
async fn rotation_of_a_connection_by_oauth_is_refused() {
    let world = world();
    world.provider.add_code("code-1", "77");
    let state = state_of(&world, "acme").await;
    come_back(&world, "acme", "code-1", &state).await.unwrap();
    assert_eq!(field_of(rotate(&world, Some("b"), None).await), "webhook_secret");
    assert_eq!(field_of(rotate(&world, None, Some("pat")).await), "access_token");
}

#[tokio::test]
async fn errors_and_debug_output_carry_no_secret() {
    let world = world();
    let canary = "canary-secret-value";
    world.provider.add_token(canary, "77");
    let mut printed = vec![format!("{:?}", world.connect("acme", canary, Some(canary)).await)];
    let method = ConnectMethod::PrivateApp {
        access_token: SecretString::from(canary),
        webhook_secret: Some(canary.into()),
    };
    printed.push(format!("{method:?}"));
    let method = ConnectMethod::Oauth { code: canary.into(), state: "s".into() };
    printed.push(format!("{method:?}"));
    world.secrets.set(CREDENTIALS, canary);
    printed.push(format!("{:?}", rotate(&world, None, Some(canary)).await));
    world.secrets.set(WEBHOOK, canary);
    printed.push(format!("{:?}", rotate(&world, Some(canary), None).await));
    printed.push(format!("{:?}", world.entry("acme").await));
    for text in printed {
        assert!(!text.contains("canary"), "{text}");
    }
}
