//! Connections whose webhooks show a secret that we have drawn: by API token, and by OAuth.

use std::time::Duration;

use secrecy::ExposeSecret;
use serde_json::{Value, json};
use sync_domain::hook_address;
use sync_domain::model::{AttributeName, ObjectType};
use sync_domain::ports::{HookStatus, ProviderError};
use sync_domain::usecase::connect_account::{ConnectMethod, begin_consent};
use sync_domain::usecase::rotate_connection::SecretKind::{AccessToken, ApiToken, WebhookSecret};
use sync_testkit::DOMAIN;

use crate::support::connection_systems::{DRAWN, DRAWN_WEBHOOK, acme_of};
use crate::support::connection_world::{ConnectionWorld, GRACE, WEBHOOK_URL, field_of, tenant};

/// Asserts that the provider has one webhook of ours and shows what is stored, and returns the secret.
#[track_caller]
fn assert_told(world: &ConnectionWorld) -> String {
    let stored = world.secret(DRAWN_WEBHOOK);
    let [hook] = &world.provider.registered("77")[..] else { panic!("not one webhook") };
    let url = format!("{WEBHOOK_URL}?token={}", stored["url_token"].as_str().unwrap());
    assert_eq!((&hook.url, &stored["current"]), (&url, &hook.secret.as_str().into()));
    assert_eq!(stored["hook_ids"], json!([hook.id]));
    assert_eq!(stored["account_id"], "77");
    hook.secret.clone()
}

#[tokio::test]
async fn connect_draws_a_secret_and_notes_the_webhook_and_the_accounts_own_fields() {
    let world = ConnectionWorld::with_drawing();
    let connected = world.connect_token("acme", "token").await.unwrap();
    assert_eq!(connected.webhook.unwrap().status, HookStatus::Registered);
    assert!(connected.entered_url.is_none(), "nobody but the provider is told the address");
    assert!(!assert_told(&world).is_empty());
    let secret = world.secret(DRAWN);
    assert_eq!((&secret["auth"], &secret["domain"]), (&"api_token".into(), &"acme".into()));
    let fields = json!({
        "contact.reference": "f1e1d-contact", "company.reference": "f1e1d-company",
        "deal.reference": "f1e1d-deal",
    });
    assert_eq!((&secret["custom_fields"], &secret["grant"]), (&fields, &Value::Null));
    let token = world.secret(DRAWN_WEBHOOK)["url_token"].as_str().unwrap().to_owned();
    let pointers = ["77".to_owned(), hook_address::account_id(&token)];
    assert_eq!(world.registry.accounts_of(&tenant("acme")), pointers);
    let connection = acme_of(&world.instance(), world.request("acme").system).await.unwrap();
    let field = connection.custom_field(ObjectType::Deal, AttributeName::Reference);
    assert_eq!((field, connection.domain.as_deref()), (Some("f1e1d-deal"), Some(DOMAIN)));
}

#[tokio::test]
async fn connect_without_the_right_to_a_field_goes_on_without_it() {
    let world = ConnectionWorld::with_drawing();
    world.provider.forbid_property(ObjectType::Deal);
    let connected = world.connect_token("acme", "token").await.unwrap();
    assert_eq!(connected.key_properties, [ObjectType::Contact, ObjectType::Company]);
    assert_eq!(world.secret(DRAWN)["custom_fields"]["deal.reference"], Value::Null);
}

#[tokio::test]
async fn connect_again_keeps_the_secret_and_the_one_webhook() {
    let world = ConnectionWorld::with_drawing();
    world.connect_token("acme", "token").await.unwrap();
    let (secrets, writes) = (world.secret(DRAWN_WEBHOOK), world.secrets.writes());
    world.provider.add_token("token-2", "77");
    world.connect_token("acme", "token-2").await.unwrap();
    assert_told(&world);
    assert_eq!(world.secret(DRAWN_WEBHOOK), secrets);
    assert_eq!(world.secrets.writes(), writes + 3, "credentials, without ids, with ids");
}

#[tokio::test]
async fn connect_again_notes_no_ids_while_the_webhook_may_be_made_anew() {
    let world = ConnectionWorld::with_drawing();
    world.connect_token("acme", "token").await.unwrap();
    let before = world.secret(DRAWN_WEBHOOK);
    world.provider.fail_next_hook(ProviderError::MissingScope);
    world.connect_token("acme", "token").await.unwrap();
    let between = world.secret(DRAWN_WEBHOOK);
    assert_eq!((&between["hook_ids"], &between["current"]), (&Value::Null, &before["current"]));
    world.connect_token("acme", "token").await.unwrap();
    assert_told(&world);
}

#[tokio::test]
async fn connect_of_the_same_account_keeps_the_moment_since_when_it_is_connected() {
    let world = ConnectionWorld::with_drawing();
    world.provider.add_token("token-11", "11");
    world.connect_token("acme", "token").await.unwrap();
    let first = world.entry("acme").await.unwrap().connected_at;
    world.advance(Duration::from_secs(3_600));
    world.connect_token("acme", "token").await.unwrap();
    assert_eq!(world.entry("acme").await.unwrap().connected_at, first);
    world.connect_token("acme", "token-11").await.unwrap();
    assert_eq!(world.entry("acme").await.unwrap().connected_at, world.clock.now());
}

#[tokio::test]
async fn connect_to_another_account_draws_anew_and_leaves_no_webhook_behind() {
    let world = ConnectionWorld::with_drawing();
    world.provider.add_token("token-11", "11");
    world.connect_token("acme", "token-11").await.unwrap();
    let former = world.provider.registered("11").remove(0).secret;
    world.connect_token("acme", "token").await.unwrap();
    assert_ne!(assert_told(&world), former);
    assert_eq!(world.secret(DRAWN_WEBHOOK)["previous"], Value::Null);
    assert_eq!(world.provider.hooks("11"), Vec::<String>::new());
}

#[tokio::test]
async fn rotation_of_the_token_draws_a_new_secret_and_tells_the_provider() {
    let world = ConnectionWorld::with_drawing();
    world.provider.add_token("token-2", "77");
    world.connect_token("acme", "token").await.unwrap();
    let (first, before) = (assert_told(&world), world.secret(DRAWN_WEBHOOK));
    let rotated = world.rotate_with(&[(ApiToken, "token-2")]).await.unwrap();
    assert!(rotated.is_changed);
    assert_eq!(rotated.webhook.unwrap().status, HookStatus::Registered);
    assert_eq!(rotated.previous_until, Some(world.clock.now() + GRACE));
    assert_ne!(assert_told(&world), first);
    let after = world.secret(DRAWN_WEBHOOK);
    assert_eq!((&after["previous"], &after["url_token"]), (&first.into(), &before["url_token"]));
    let secret = world.secret(DRAWN);
    assert_eq!((&secret["access_token"], &secret["token_version"]), (&"token-2".into(), &2.into()));
}

#[tokio::test]
async fn rotation_without_a_token_draws_alone_and_twice_keeps_the_newest_two() {
    let world = ConnectionWorld::with_drawing();
    world.connect_token("acme", "token").await.unwrap();
    let credentials = world.secret(DRAWN);
    assert!(world.rotate_with(&[]).await.unwrap().is_changed);
    let second = assert_told(&world);
    world.advance(Duration::from_secs(60));
    assert!(world.rotate_with(&[]).await.unwrap().is_changed);
    assert_ne!(assert_told(&world), second);
    let secrets = world.secret(DRAWN_WEBHOOK);
    assert_eq!(secrets["previous"], second);
    assert_eq!(secrets["previous_until"], (world.clock.now() + GRACE).to_string());
    assert_eq!(world.secret(DRAWN), credentials);
}

#[tokio::test]
async fn rotation_that_the_provider_was_not_told_of_is_told_by_the_next_and_draws_nothing_more() {
    let world = ConnectionWorld::with_drawing();
    world.connect_token("acme", "token").await.unwrap();
    let first = assert_told(&world);
    world.provider.fail_next_hook(ProviderError::MissingScope);
    let rotated = world.rotate_with(&[]).await.unwrap();
    assert_eq!((rotated.is_changed, rotated.webhook.unwrap().status), (true, HookStatus::Failed));
    let second = world.secret(DRAWN_WEBHOOK)["current"].clone();
    // The provider still shows the first one, which must go on counting however often this fails.
    world.provider.fail_next_hook(ProviderError::MissingScope);
    assert!(!world.rotate_with(&[]).await.unwrap().is_changed);
    assert_eq!(world.provider.registered("77")[0].secret, first);
    let secrets = world.secret(DRAWN_WEBHOOK);
    assert_eq!((&secrets["current"], &secrets["previous"]), (&second, &first.as_str().into()));
    assert_eq!(secrets["hook_ids"], Value::Null, "any webhook that shows the secret counts");
    let told = world.rotate_with(&[]).await.unwrap();
    assert_eq!((told.is_changed, told.webhook.unwrap().status), (false, HookStatus::Registered));
    assert_eq!(assert_told(&world), second.as_str().unwrap());
    assert_eq!(world.secret(DRAWN_WEBHOOK)["previous"], first);
    assert!(world.rotate_with(&[]).await.unwrap().is_changed);
}

#[tokio::test]
async fn rotation_takes_no_secret_that_is_not_the_tenants() {
    let world = ConnectionWorld::with_drawing();
    world.connect_token("acme", "token").await.unwrap();
    for (kind, field) in [(WebhookSecret, "webhook_secret"), (AccessToken, "access_token")] {
        assert_eq!(field_of(world.rotate_with(&[(kind, "x")]).await), field);
    }
    world.provider.add_token("token-11", "11");
    assert_eq!(field_of(world.rotate_with(&[(ApiToken, "token-11")]).await), "api_token");
    assert_told(&world);
}

/// Connects acme by consent.
async fn connect_by_consent(world: &ConnectionWorld) {
    world.provider.add_code("code", "77");
    let consent = begin_consent(&world.deps(), &world.request("acme")).await.unwrap();
    let state = consent.authorize_url.rsplit_once("state=").unwrap().1.to_owned();
    let method = ConnectMethod::Oauth { code: "code".into(), state };
    world.connect_with("acme", method).await.unwrap();
}

#[tokio::test]
async fn connect_by_consent_stores_the_domain_and_draws_a_secret_too() {
    let world = ConnectionWorld::with_drawing();
    connect_by_consent(&world).await;
    let first = assert_told(&world);
    let secret = world.secret(DRAWN);
    assert_eq!((&secret["auth"], &secret["domain"]), (&"oauth".into(), &DOMAIN.into()));
    assert_eq!(field_of(world.rotate_with(&[(ApiToken, "token")]).await), "api_token");
    assert!(world.rotate_with(&[]).await.unwrap().is_changed);
    assert_ne!(assert_told(&world), first);
}

#[tokio::test]
async fn disconnect_removes_the_webhook_also_with_a_token_that_has_ended() {
    for has_ended in [false, true] {
        let world = ConnectionWorld::with_drawing();
        connect_by_consent(&world).await;
        if has_ended {
            world.provider.end_token("oauth-access-1");
        }
        assert_eq!(world.disconnect("acme").await.unwrap(), None);
        assert_eq!(world.provider.refreshes(), u32::from(has_ended));
        assert_eq!(world.provider.hooks("77"), Vec::<String>::new());
        assert_eq!(world.secrets.names(), ["apps/pipedrive"]);
        assert_eq!(world.registry.accounts_of(&tenant("acme")), Vec::<String>::new());
    }
}

#[tokio::test]
async fn disconnect_goes_on_when_there_is_no_token_any_more() {
    let world = ConnectionWorld::with_drawing();
    connect_by_consent(&world).await;
    world.provider.end_token("oauth-access-1");
    world.provider.revoke("oauth-refresh-1");
    assert_eq!(world.disconnect("acme").await.unwrap(), Some(ProviderError::Unauthorized));
    assert_eq!(world.secrets.names(), ["apps/pipedrive"]);
}

#[tokio::test]
async fn results_and_debug_output_carry_neither_the_token_nor_the_drawn_secret() {
    let world = ConnectionWorld::with_drawing();
    world.provider.add_token("canary-token", "77");
    let mut printed = vec![format!("{:?}", world.connect_token("acme", "canary-token").await)];
    printed.push(format!("{:?}", world.rotate_with(&[(ApiToken, "canary-token")]).await));
    let secrets = world.secret(DRAWN_WEBHOOK);
    let connection = acme_of(&world.instance(), world.request("acme").system).await.unwrap();
    assert_eq!(connection.access_token.expose_secret(), "canary-token");
    printed.push(format!("{connection:?}"));
    printed.push(format!("{:?}", world.disconnect("acme").await));
    let hidden = ["current", "previous", "url_token"].map(|it| secrets[it].as_str().unwrap());
    for text in printed {
        assert!(!text.contains("canary"), "{text}");
        assert!(!hidden.iter().any(|secret| text.contains(secret)), "{text}");
    }
}
