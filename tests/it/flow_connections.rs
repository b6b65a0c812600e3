//! Connecting and disconnecting on fakes: what each leaves behind.

use futures::FutureExt;
use secrecy::SecretString;
use serde_json::{Value, json};
use sync_domain::model::{AuditAction, ObjectType, System};
use sync_domain::ports::{AccountDirectory, ConnectionStatus, ProviderError};
use sync_domain::usecase::connect_account::ConnectMethod;
use sync_domain::usecase::locked_connection::ManageError;
use sync_testkit::{Schedule, Scheduled};

use crate::support::connection_world::{CREDENTIALS, ConnectionWorld, WEBHOOK, tenant};

const SEEDS: u64 = 500;

#[tokio::test]
async fn connect_tests_claims_stores_and_audits() {
    let world = ConnectionWorld::with_token();
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
        let world = ConnectionWorld::with_token();
        world.provider.fail_next(error.clone());
        let refused = world.connect("acme", "pat", Some("whs")).await;
        assert!(matches!(refused, Err(ManageError::Provider(it)) if it == error));
        assert_eq!(world.secrets.names(), ["apps/hubspot"]);
        assert_eq!(world.registry.item_count(), 0);
        assert_eq!(world.registry.accounts_of(&tenant("acme")), Vec::<String>::new());
    }
}

#[tokio::test]
async fn connect_that_may_not_make_a_property_says_so_and_goes_on() {
    let world = ConnectionWorld::with_token();
    world.provider.forbid_property(ObjectType::Deal);
    let connected = world.connect("acme", "pat", None).await.unwrap();
    assert_eq!(connected.key_properties, [ObjectType::Company]);
    assert_eq!(world.secret(CREDENTIALS)["key_properties"], json!(["company"]));
}

#[tokio::test]
async fn account_of_another_tenant_is_refused_audited_and_changes_nothing() {
    let world = ConnectionWorld::with_token();
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
    let world = ConnectionWorld::with_token();
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
    let world = ConnectionWorld::with_token();
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
        let world = ConnectionWorld::with_token();
        let callers = ["acme", "globex"].map(|it| world.connect(it, "pat", None).boxed_local());
        let outcomes = Schedule::new(seed, 0).run(callers.into());
        let (mut winners, mut refused) = (0, 0);
        for outcome in outcomes {
            match outcome {
                Scheduled::Finished(Ok(_)) => winners += 1,
                Scheduled::Finished(Err(ManageError::AccountTaken)) => refused += 1,
                other @ (Scheduled::Finished(Err(_)) | Scheduled::Killed) => {
                    panic!("seed {seed}: {other:?}")
                }
            }
        }
        assert_eq!((winners, refused), (1, 1), "seed {seed}");
        assert_eq!(world.registry.item_count(), 1, "seed {seed}");
    }
}

#[tokio::test]
async fn disconnect_twice_finds_nothing_and_a_reconnect_works_at_once() {
    let world = ConnectionWorld::with_token();
    assert!(matches!(world.disconnect("acme").await, Err(ManageError::NotFound)));
    world.connect("acme", "pat", Some("whs")).await.unwrap();
    world.disconnect("acme").await.unwrap();
    assert!(matches!(world.disconnect("acme").await, Err(ManageError::NotFound)));
    world.connect("globex", "pat", None).await.unwrap();
    assert_eq!(world.registry.accounts_of(&tenant("globex")), ["77"]);
}

#[tokio::test]
async fn errors_and_debug_output_carry_no_secret() {
    let world = ConnectionWorld::with_token();
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
    printed.push(format!("{:?}", world.rotate(None, Some(canary)).await));
    world.secrets.set(WEBHOOK, canary);
    printed.push(format!("{:?}", world.rotate(Some(canary), None).await));
    printed.push(format!("{:?}", world.entry("acme").await));
    for text in printed {
        assert!(!text.contains("canary"), "{text}");
    }
}
