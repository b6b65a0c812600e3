//! A business of Vagaro's from connecting to its first webhook, on fakes: the address comes from
//! connecting, the verification token only after it was entered there.

use std::sync::Arc;
use std::time::Duration;

use sync_aws::accounts::{CachedAccountDirectory, ClaimedAccountDirectory};
use sync_aws::webhook_secrets::CachedSigningSecrets;
use sync_domain::model::System;
use sync_domain::usecase::rotate_connection::SecretKind;
use sync_lambda::clock::SystemClock;
use sync_lambda::webhook::{WebhookRoute, handle};
use sync_lambda::webhook_edge::answer;
use sync_providers::webhook_protocol;
use sync_testkit::{MemoryWorkQueue, ProviderKind};

use crate::support::connection_systems::entered;
use crate::support::connection_world::ConnectionWorld;
use crate::support::vagaro::{APPOINTMENT, appointment, event};
use crate::support::webhook_signing::{BASE_URL, Sent};

fn business() -> ConnectionWorld {
    let world = ConnectionWorld::on(Arc::new(SystemClock));
    let world = world.of(System::Vagaro, ProviderKind::MintedTokens);
    world.provider.add_app("client", "proof", "77");
    world
}

/// The status of a delivery to a fresh instance of the function, which remembers nothing.
async fn delivered(connections: &ConnectionWorld, secret: &str, token: &str) -> u64 {
    let clock = Arc::new(SystemClock);
    let registry = Arc::clone(&connections.registry) as _;
    let accounts = Arc::new(CachedAccountDirectory::new(registry, Arc::clone(&clock) as _));
    let secrets = CachedSigningSecrets::new(
        Arc::clone(&connections.secrets) as _,
        Arc::clone(&clock) as _,
        "tenants".to_owned(),
        String::new(),
    );
    let route = WebhookRoute {
        route: "webhook-vagaro",
        public_base_url: BASE_URL.to_owned(),
        protocol: webhook_protocol(System::Vagaro),
        secrets: Arc::new(secrets),
        claimed_accounts: Arc::new(ClaimedAccountDirectory::new(Arc::clone(&accounts))),
        accounts,
        queue: Arc::new(MemoryWorkQueue::default()),
        sources: Default::default(),
        clock,
    };
    let route = Arc::new(route);
    let body = event("updated", "2026-09-21T14:00:00Z", appointment(APPOINTMENT)).to_string();
    let sent = serde_json::from_str(&Sent::vagaro(body, secret, token).gateway_event()).unwrap();
    let deadline = jiff::Timestamp::now() + Duration::from_secs(10);
    let handler: sync_lambda::WebhookHandler = Arc::new(move |request| {
        let route = Arc::clone(&route);
        Box::pin(async move { handle(&route, request).await })
    });
    answer(handler, sent, deadline).await["statusCode"].as_u64().unwrap()
}

#[tokio::test]
async fn webhook_waits_for_its_token_and_keeps_the_one_before_for_a_while() {
    let business = business();
    let connected = business.connect_app("acme", "proof", None).await.unwrap();
    let url = entered(&connected);
    let token = url.rsplit_once('/').unwrap().1.to_owned();
    assert_eq!(delivered(&business, "first", &token).await, 503, "nothing is entered yet");
    assert_eq!(delivered(&business, "", &token).await, 503);
    business.rotate_with(&[(SecretKind::WebhookSecret, "first")]).await.unwrap();
    assert_eq!(delivered(&business, "first", &token).await, 200);
    assert_eq!(
        delivered(&business, "", &token).await,
        503,
        "the empty one before counts for nothing"
    );
    let rotated = business.rotate_with(&[(SecretKind::WebhookSecret, "second")]).await.unwrap();
    assert_eq!(entered_again(&rotated.entered_url), url, "the address stays");
    for (secret, status) in [("second", 200), ("first", 200), ("third", 503)] {
        assert_eq!(delivered(&business, secret, &token).await, status, "{secret}");
    }
    business.rotate_with(&[(SecretKind::WebhookSecret, "third")]).await.unwrap();
    for (secret, status) in [("third", 200), ("second", 200), ("first", 503)] {
        assert_eq!(delivered(&business, secret, &token).await, status, "{secret}");
    }
    business.disconnect("acme").await.unwrap();
    assert_eq!(delivered(&business, "third", &token).await, 401, "it is nobody's any more");
}

fn entered_again(url: &Option<secrecy::SecretString>) -> String {
    secrecy::ExposeSecret::expose_secret(url.as_ref().unwrap()).to_owned()
}
