//! Connections whose tokens an app of the tenant's own mints, and whose webhook's address people enter
//! at the provider.

use secrecy::ExposeSecret;
use serde_json::{Value, json};
use sync_domain::hook_address;
use sync_domain::model::ObjectType;
use sync_domain::ports::{
    AuthMode, ConnectionStatus, CredentialStore, GrantError, HookStatus, ProviderError,
    RemoteEffect,
};
use sync_domain::usecase::locked_connection::ManageError;
use sync_domain::usecase::rotate_connection::SecretKind::{
    AccessToken, ApiKey, ApiToken, ClientSecret, PrivateKey, WebhookSecret,
};

use crate::support::connection_systems::{MINTED, MINTED_WEBHOOK, acme_of, entered};
use crate::support::connection_world::{ConnectionWorld, GRACE, WEBHOOK_URL, field_of, tenant};

fn token(world: &ConnectionWorld) -> String {
    world.secret(MINTED_WEBHOOK)["url_token"].as_str().unwrap().to_owned()
}

fn pointers(world: &ConnectionWorld, account_id: &str) -> [String; 2] {
    [account_id.to_owned(), hook_address::account_id(&token(world))]
}

#[tokio::test]
async fn connect_with_an_app_stores_what_mints_and_tells_the_address_to_enter() {
    let world = ConnectionWorld::with_minting();
    let connected = world.connect_app_at("ACME", "acme", "proof", Some("whs")).await.unwrap();
    assert_eq!(
        (connected.auth, connected.account_id.as_str()),
        (AuthMode::ClientCredentials, "77")
    );
    assert_eq!(connected.key_properties, ObjectType::ALL);
    assert_eq!(entered(&connected), format!("{WEBHOOK_URL}/{}", token(&world)));
    assert_eq!(connected.webhook, None, "nothing is registered by a call");
    let expected = json!({
        "auth": "client_credentials", "access_token": "minted-access-1", "account_id": "77",
        "default_region": "US", "time_zone": "US/Eastern", "token_version": 1,
        "key_properties": ["contact", "company", "deal"], "domain": "acme",
        "grant": {"kind": "client_credentials", "client_id": "client", "client_secret": "proof"},
    });
    assert_eq!(world.secret(MINTED), expected);
    let secrets = json!({"current": "whs", "url_token": token(&world), "account_id": "77"});
    assert_eq!(world.secret(MINTED_WEBHOOK), secrets);
    assert_eq!(world.registry.accounts_of(&tenant("acme")), pointers(&world, "77"));
    let entry = world.entry("acme").await.unwrap();
    assert_eq!((entry.webhook, entry.token_expires_at), (None::<HookStatus>, None));
}

#[tokio::test]
async fn connect_with_an_assertion_stores_its_key_and_its_user() {
    let world = ConnectionWorld::with_minting();
    world.connect_jwt("proof").await.unwrap();
    let grant = json!({
        "kind": "jwt_bearer", "client_id": "client", "username": "ada@acme.example",
        "private_key": "proof",
    });
    assert_eq!(world.secret(MINTED)["grant"], grant);
    assert_eq!(world.secret(MINTED_WEBHOOK)["current"], "", "the address alone shows who sends");
}

#[tokio::test]
async fn connect_again_keeps_the_address_and_the_secret_of_the_account() {
    let world = ConnectionWorld::with_minting();
    let first = entered(&world.connect_app("acme", "proof", None).await.unwrap());
    let second = world.connect_app("acme", "proof", Some("whs")).await.unwrap();
    assert_eq!(entered(&second), first);
    let secrets = world.secret(MINTED_WEBHOOK);
    assert_eq!((&secrets["current"], &secrets["previous"]), (&"whs".into(), &Value::Null));
    assert_eq!(entered(&world.connect_app("acme", "proof", None).await.unwrap()), first);
    assert_eq!(world.secret(MINTED_WEBHOOK), secrets);
    assert_eq!(world.secret(MINTED)["token_version"], 3);
}

#[tokio::test]
async fn connect_to_another_account_gives_up_the_address_of_the_former_one() {
    let world = ConnectionWorld::with_minting();
    world.provider.add_app("client", "proof-11", "11");
    let former = entered(&world.connect_app("acme", "proof-11", Some("old")).await.unwrap());
    let connected = world.connect_app("acme", "proof", None).await.unwrap();
    assert_ne!(entered(&connected), former, "those who know it are the former account's");
    assert_eq!(world.registry.accounts_of(&tenant("acme")), pointers(&world, "77"));
    let secrets = world.secret(MINTED_WEBHOOK);
    assert_eq!((&secrets["current"], &secrets["previous"]), (&"".into(), &Value::Null));
}

#[tokio::test]
async fn account_keeps_its_id_and_its_address_while_it_goes_by_that_id() {
    let world = ConnectionWorld::with_minting();
    let first = entered(&world.connect_app("acme", "proof", Some("whs")).await.unwrap());
    let secrets = world.secret(MINTED_WEBHOOK);
    // Another id comes first from now on.
    world.provider.add_app("client", "proof-11", "11");
    world.provider.go_also_by(&["12", "77"]);
    let again = world.connect_app("acme", "proof-11", None).await.unwrap();
    assert_eq!((again.account_id.as_str(), entered(&again)), ("77", first.clone()));
    assert_eq!(world.secret(MINTED)["account_id"], "77");
    assert_eq!(world.secret(MINTED_WEBHOOK), secrets, "nothing is to be entered anew");
    assert_eq!(world.registry.accounts_of(&tenant("acme")), pointers(&world, "77"));
    world.provider.add_app("client", "proof-2", "11");
    let rotated = world.rotate_with(&[(ClientSecret, "proof-2")]).await.unwrap();
    assert_eq!(rotated.entered_url.unwrap().expose_secret(), first);
    world.provider.go_also_by(&["12"]);
    assert_eq!(field_of(world.rotate_with(&[(ClientSecret, "proof-11")]).await), "client_secret");
    let other = world.connect_app("acme", "proof-11", None).await.unwrap();
    assert_eq!(other.account_id, "11", "it is another account now");
    assert_ne!(entered(&other), first);
}

#[tokio::test]
async fn connect_with_a_refused_app_or_domain_leaves_nothing() {
    let world = ConnectionWorld::with_minting();
    assert_eq!(field_of(world.connect_app("acme", "wrong", None).await), "client_id");
    assert_eq!(field_of(world.connect_app_at("other", "acme", "proof", None).await), "client_id");
    let mints = world.provider.mints();
    for domain in ["acme.evil.example", "https://acme", "acme/x", "acme@evil", ""] {
        let refused = world.connect_app_at(domain, "acme", "proof", None).await;
        assert_eq!(field_of(refused), "domain", "{domain}");
    }
    assert_eq!(world.provider.mints(), mints, "no host is made of it");
    assert_eq!((world.secrets.names().len(), world.registry.item_count()), (0, 0));
    assert_eq!(world.registry.accounts_of(&tenant("acme")), Vec::<String>::new());
}

#[tokio::test]
async fn connect_mints_again_after_a_fault_that_passes() {
    let world = ConnectionWorld::with_minting();
    let fault = || ProviderError::Unavailable {
        status: Some(503),
        retry_after: None,
        effect: RemoteEffect::None,
    };
    world.provider.fail_next_grant(GrantError::Provider(fault()));
    world.connect_app("acme", "proof", None).await.unwrap();
    assert_eq!(world.provider.mints(), 2);
    for _try in 0..3 {
        world.provider.fail_next_grant(GrantError::Provider(fault()));
    }
    let failed = world.connect_app("acme", "proof", None).await;
    assert!(matches!(&failed, Err(ManageError::Provider(it)) if *it == fault()), "{failed:?}");
}

#[tokio::test]
async fn rotation_of_the_proof_is_minted_with_before_it_is_stored() {
    let world = ConnectionWorld::with_minting();
    world.provider.add_app("client", "proof-11", "11");
    let address = entered(&world.connect_app("acme", "proof", Some("whs")).await.unwrap());
    let (credentials, webhook) = (world.secret(MINTED), world.secret(MINTED_WEBHOOK));
    for refused in ["wrong", "proof-11"] {
        let given = [(ClientSecret, refused), (WebhookSecret, "whs-2")];
        assert_eq!(field_of(world.rotate_with(&given).await), "client_secret", "{refused}");
    }
    assert_eq!((world.secret(MINTED), world.secret(MINTED_WEBHOOK)), (credentials, webhook));

    world.provider.add_app("client", "proof-2", "77");
    let rotated = world.rotate_with(&[(ClientSecret, "proof-2")]).await.unwrap();
    assert!(rotated.is_changed && rotated.previous_until.is_none());
    assert_eq!(rotated.entered_url.unwrap().expose_secret(), address);
    let secret = world.secret(MINTED);
    assert_eq!(secret["grant"]["client_secret"], "proof-2");
    assert_ne!(secret["access_token"], "minted-access-1", "what it was tested with is in use");
    assert_eq!(secret["token_version"], 2);
    assert_eq!(world.entry("acme").await.unwrap().token_version, 2);
    let again = world.rotate_with(&[(ClientSecret, "proof-2")]).await.unwrap();
    assert!(!again.is_changed);
    assert_eq!(world.secret(MINTED), secret);
    assert_eq!(world.registry.audited(&tenant("acme")).len(), 2);
}

#[tokio::test]
async fn rotation_of_the_webhook_secret_alone_keeps_the_newest_two() {
    let world = ConnectionWorld::with_minting();
    world.connect_jwt("proof").await.unwrap();
    let (credentials, mints) = (world.secret(MINTED), world.provider.mints());
    let first = world.rotate_with(&[(WebhookSecret, "a")]).await.unwrap();
    assert_eq!((first.is_changed, first.previous_until), (true, None), "nothing signed before");
    let second = world.rotate_with(&[(WebhookSecret, "b")]).await.unwrap();
    assert_eq!(second.previous_until, Some(world.clock.now() + GRACE));
    world.rotate_with(&[(WebhookSecret, "c")]).await.unwrap();
    let secrets = world.secret(MINTED_WEBHOOK);
    assert_eq!((&secrets["current"], &secrets["previous"]), (&"c".into(), &"b".into()));
    assert_eq!((world.secret(MINTED), world.provider.mints()), (credentials, mints));
}

#[tokio::test]
async fn rotation_of_what_the_connection_was_not_made_with_names_it() {
    let world = ConnectionWorld::with_minting();
    world.connect_app("acme", "proof", None).await.unwrap();
    for (kind, field) in [
        (AccessToken, "access_token"),
        (ApiKey, "api_key"),
        (ApiToken, "api_token"),
        (PrivateKey, "private_key"),
    ] {
        let refused = world.rotate_with(&[(kind, "x"), (ClientSecret, "proof")]).await;
        assert_eq!(field_of(refused), field);
    }
    assert_eq!(field_of(world.rotate_with(&[]).await), "webhook_secret");
    world.connect_jwt("proof").await.unwrap();
    assert_eq!(field_of(world.rotate_with(&[(ClientSecret, "proof")]).await), "client_secret");
    world.provider.add_app("client", "proof-2", "77");
    assert!(world.rotate_with(&[(PrivateKey, "proof-2")]).await.unwrap().is_changed);
}

#[tokio::test]
async fn rotation_mends_a_connection_whose_app_was_refused() {
    let world = ConnectionWorld::with_minting();
    world.connect_app("acme", "proof", None).await.unwrap();
    world.provider.remove_app("client");
    let instance = world.instance();
    let system = world.request("acme").system;
    let refused = acme_of(&instance, system).await.unwrap();
    sync_domain::usecase::fresh_connection::after_refusal(&instance, &refused).await.unwrap_err();
    assert!(world.is_broken().await);
    // The app is back as it was: the same proof is good again.
    world.provider.add_app("client", "proof", "77");
    world.rotate_with(&[(ClientSecret, "proof")]).await.unwrap();
    assert_eq!(world.entry("acme").await.unwrap().status, ConnectionStatus::Connected);
    let mended = acme_of(&world.instance(), system).await.unwrap();
    assert!(mended.token_version > refused.token_version);
}

#[tokio::test]
async fn disconnect_removes_both_pointers_and_asks_the_provider_nothing() {
    let world = ConnectionWorld::with_minting();
    world.connect_app("acme", "proof", Some("whs")).await.unwrap();
    // A call about webhooks would fail the test: nothing is registered there.
    assert_eq!(world.disconnect("acme").await.unwrap(), None);
    assert_eq!(world.registry.accounts_of(&tenant("acme")), Vec::<String>::new());
    assert_eq!((world.secrets.names().len(), world.registry.item_count()), (0, 0));
}

#[tokio::test]
async fn results_and_debug_output_carry_no_secret_no_address_and_no_user() {
    let world = ConnectionWorld::with_minting();
    world.provider.add_app("client", "canary-proof", "77");
    let mut printed =
        vec![format!("{:?}", world.connect_app("acme", "canary-proof", Some("canary-whs")).await)];
    printed.push(format!("{:?}", world.connect_jwt("canary-proof").await));
    let system = world.request("acme").system;
    printed.push(format!("{:?}", world.credentials.credentials(&tenant("acme"), system).await));
    printed.push(format!("{:?}", world.connect_jwt("canary-wrong").await));
    printed.push(format!("{:?}", world.rotate_with(&[(PrivateKey, "canary-proof")]).await));
    printed.push(format!("{:?}", world.rotate_with(&[(PrivateKey, "canary-wrong")]).await));
    printed.push(format!("{:?}", acme_of(&world.instance(), system).await));
    printed.push(format!("{:?}", world.entry("acme").await));
    let token = token(&world);
    for text in printed {
        assert!(!text.contains("canary") && !text.contains("ada@"), "{text}");
        assert!(!text.contains(&format!("/{token}")) && !text.contains("minted-access"), "{text}");
    }
}
