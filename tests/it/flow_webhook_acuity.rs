//! Acuity's webhooks on fakes: the address that a connect has registered, the key that signs, and that
//! neither of them shows anywhere.

use std::sync::Arc;
use std::time::Duration;

use serde_json::Value;
use sync_aws::accounts::{CachedAccountDirectory, ClaimedAccountDirectory};
use sync_aws::webhook_secrets::CachedSigningSecrets;
use sync_domain::hook_address;
use sync_domain::model::{BookingChange, System};
use sync_domain::ports::{AccountOwner, AccountRegistry, AuthMode};
use sync_lambda::WebhookHandler;
use sync_lambda::clock::SystemClock;
use sync_lambda::webhook::{WebhookRoute, handle};
use sync_lambda::webhook_edge::answer;
use sync_providers::webhook_protocol;
use sync_testkit::MemoryWorkQueue;

use crate::support::cloud::root;
use crate::support::connection_world::{ConnectionWorld, tenant};
use crate::support::log_capture::logged;
use crate::support::webhook_signing::{BASE_URL, Sent};

const CHANGED: &str = "action=appointment.changed&id=54321&calendarID=27238&appointmentTypeID=1";

/// Tenants that were connected with keys, and the route that their webhooks come to.
struct World {
    connections: ConnectionWorld,
    queue: Arc<MemoryWorkQueue>,
    handler: WebhookHandler,
}

impl World {
    /// A fresh instance of the function, which remembers nothing of what was before.
    fn on(connections: ConnectionWorld) -> Self {
        let queue = Arc::new(MemoryWorkQueue::default());
        let clock = Arc::new(SystemClock);
        let accounts = CachedAccountDirectory::new(
            Arc::clone(&connections.registry) as _,
            Arc::clone(&clock) as _,
        );
        let accounts = Arc::new(accounts);
        let secrets = CachedSigningSecrets::new(
            Arc::clone(&connections.secrets) as _,
            Arc::clone(&clock) as _,
            "tenants".to_owned(),
            String::new(),
        );
        let route = Arc::new(WebhookRoute {
            route: "webhook-acuity",
            public_base_url: BASE_URL.to_owned(),
            protocol: webhook_protocol(System::Acuity),
            secrets: Arc::new(secrets),
            claimed_accounts: Arc::new(ClaimedAccountDirectory::new(Arc::clone(&accounts))),
            accounts,
            queue: Arc::clone(&queue) as _,
            sources: Default::default(),
            clock,
        });
        let handler: WebhookHandler = Arc::new(move |request| {
            let route = Arc::clone(&route);
            Box::pin(async move { handle(&route, request).await })
        });
        Self { connections, queue, handler }
    }

    async fn connected() -> Self {
        let connections = ConnectionWorld::with_api_key_on(Arc::new(SystemClock));
        connections.provider.add_token("19:key-of-globex", "78");
        connections.connect_key("acme", "key").await.unwrap();
        connections.connect_key("globex", "key-of-globex").await.unwrap();
        Self::on(connections)
    }

    fn token(&self, tenant: &str) -> String {
        let secret = self.connections.secret(&format!("tenants/{tenant}/acuity/webhook"));
        secret["url_token"].as_str().unwrap().to_owned()
    }

    /// Delivers and returns the status, the body and what is on the queue.
    async fn deliver(&self, sent: &Sent) -> (u64, Value, Vec<BookingChange>) {
        self.invoke(&sent.gateway_event()).await
    }

    /// Gives the function an event of the gateway.
    async fn invoke(&self, event: &str) -> (u64, Value, Vec<BookingChange>) {
        let event = serde_json::from_str(event).unwrap();
        let deadline = jiff::Timestamp::now() + Duration::from_secs(10);
        let answer = answer(Arc::clone(&self.handler), event, deadline).await;
        let body = serde_json::from_str(answer["body"].as_str().unwrap()).unwrap();
        let messages = self.queue.take();
        let changes = messages.iter().map(|it| BookingChange::parse(&it.body).unwrap()).collect();
        (answer["statusCode"].as_u64().unwrap(), body, changes)
    }

    async fn assert_refused(&self, sent: &Sent, what: &str) {
        let (status, body, changes) = self.deliver(sent).await;
        assert_eq!((status, &body["error_code"]), (401, &"invalid_signature".into()), "{what}");
        assert_eq!(changes, [], "{what}");
    }
}

#[tokio::test]
async fn address_that_a_connect_has_registered_reaches_its_tenant() {
    let world = World::connected().await;
    for tenant in ["acme", "globex"] {
        let (account, key) = if tenant == "acme" { ("77", "key") } else { ("78", "key-of-globex") };
        let registered = world.connections.provider.hooks(account).remove(0);
        let token = registered.split_once("?token=").unwrap().1.to_owned();
        let (status, _, changes) = world.deliver(&Sent::acuity(CHANGED, key, &token)).await;
        assert_eq!((status, changes.len()), (200, 1), "{tenant}");
        assert_eq!(changes[0].tenant.as_str(), tenant);
        assert_eq!((changes[0].system, changes[0].external_id.as_str()), (System::Acuity, "54321"));
        assert_eq!(changes[0].account_id, hook_address::account_id(&token));
        assert_eq!(changes[0].missing_since, None);
    }
}

#[tokio::test]
async fn delivery_that_comes_twice_is_two_marks_because_two_changes_look_the_same() {
    let world = World::connected().await;
    let sent = Sent::acuity(CHANGED, "key", &world.token("acme"));
    let (_, _, first) = world.deliver(&sent).await;
    let (_, _, second) = world.deliver(&sent).await;
    assert_eq!((first.len(), second.len()), (1, 1));
}

#[tokio::test]
async fn delivery_needs_the_address_and_the_key_of_one_tenant() {
    let world = World::connected().await;
    let (acme, globex) = (world.token("acme"), world.token("globex"));
    let unknown = "0123456789abcdef0123456789abcdef";
    for (key, token, what) in [
        ("key", globex.as_str(), "acme's key at globex's address"),
        ("key-of-globex", acme.as_str(), "globex's key at acme's address"),
        ("another user's key", acme.as_str(), "a wrong key"),
        ("key", unknown, "an unknown address"),
        ("key", "", "an empty token"),
    ] {
        world.assert_refused(&Sent::acuity(CHANGED, key, token), what).await;
    }
    let good = Sent::acuity(CHANGED, "key", &acme);
    world.assert_refused(&good.clone().without("X-Acuity-Signature"), "unsigned").await;
    let altered = Sent { body: CHANGED.replace("54321", "54322").into_bytes(), ..good.clone() };
    world.assert_refused(&altered, "another body").await;
    let nowhere = Sent { raw_query: String::new(), ..good };
    world.assert_refused(&nowhere, "no token").await;
}

#[tokio::test]
async fn delivery_with_the_key_before_is_taken_while_it_is_good() {
    let connections = ConnectionWorld::with_api_key_on(Arc::new(SystemClock));
    for key in ["19:key-2", "19:key-3"] {
        connections.provider.add_token(key, "77");
    }
    connections.connect_key("acme", "key").await.unwrap();
    connections.rotate_key("key-2").await.unwrap();
    let world = World::on(connections);
    let token = world.token("acme");
    for (key, expected) in [("key-2", 200), ("key", 200), ("key-3", 401)] {
        let (status, _, _) = world.deliver(&Sent::acuity(CHANGED, key, &token)).await;
        assert_eq!(status, expected, "{key}");
    }
    world.connections.rotate_key("key-3").await.unwrap();
    let world = World::on(world.connections);
    for (key, expected) in [("key-3", 200), ("key-2", 200), ("key", 401)] {
        let (status, _, _) = world.deliver(&Sent::acuity(CHANGED, key, &token)).await;
        assert_eq!(status, expected, "{key} after the second rotation");
    }
}

#[tokio::test]
async fn delivery_after_a_disconnect_or_a_change_of_account_is_refused() {
    let world = World::connected().await;
    let token = world.token("acme");
    world.connections.provider.add_token("19:key-11", "11");
    world.connections.connect_key("acme", "key-11").await.unwrap();
    let world = World::on(world.connections);
    world.assert_refused(&Sent::acuity(CHANGED, "key", &token), "the former account's key").await;
    let (status, _, _) = world.deliver(&Sent::acuity(CHANGED, "key-11", &token)).await;
    assert_eq!(status, 200, "the address stays the same");
    world.connections.disconnect("acme").await.unwrap();
    let world = World::on(world.connections);
    world.assert_refused(&Sent::acuity(CHANGED, "key-11", &token), "disconnected").await;
}

#[tokio::test]
async fn signed_delivery_that_is_nothing_for_us_leaves_no_mark() {
    let world = World::connected().await;
    let token = world.token("acme");
    for (body, status, skipped) in [
        ("action=order.completed&id=987654321", 200, Some(1)),
        ("action=changed&id=five", 200, Some(1)),
        ("action=changed&id=7", 200, Some(0)),
        (r#"{"action":"changed","id":7}"#, 400, None),
    ] {
        let (answered, answer, changes) = world.deliver(&Sent::acuity(body, "key", &token)).await;
        assert_eq!(answered, status, "{body}: {answer}");
        assert_eq!(answer["skipped"].as_u64(), skipped, "{body}");
        assert_eq!(changes.len(), usize::from(skipped == Some(0)), "{body}");
    }
}

/// The files are signed with `abc123` for the token 0123…cdef.
#[tokio::test]
async fn acuity_event_files_get_their_answers() {
    let world = World::connected().await;
    let token = "0123456789abcdef0123456789abcdef";
    let owner = AccountOwner { tenant: tenant("acme"), auth: AuthMode::ApiKey };
    let account_id = hook_address::account_id(token);
    world.connections.registry.claim(System::Acuity, &account_id, &owner).await.unwrap();
    let secret = serde_json::json!({"current": "abc123", "url_token": token});
    world.connections.secrets.set("tenants/acme/acuity/webhook", &secret.to_string());
    let expected = [
        ("rescheduled", 200, 1),
        ("bare_action_base64", 200, 1),
        ("order_completed", 200, 0),
        ("no_signature", 401, 0),
        ("no_token", 401, 0),
        ("another_users_key", 401, 0),
        ("json_body", 400, 0),
        ("not_base64", 400, 0),
    ];
    let folder = root().join("events/webhook-acuity");
    let files = std::fs::read_dir(&folder).unwrap().count();
    assert_eq!(files, expected.len(), "a file without an expected answer");
    for (name, status, messages) in expected {
        let event = std::fs::read_to_string(folder.join(format!("{name}.json"))).unwrap();
        let (answered, body, changes) = world.invoke(&event).await;
        assert_eq!((answered, changes.len()), (status, messages), "{name}: {body}");
    }
}

#[test]
fn token_and_key_show_in_no_log_line_no_answer_and_no_message() {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
    let mut texts = Vec::new();
    let mut hidden = Vec::new();
    let log = logged(|| {
        runtime.block_on(async {
            let world = World::connected().await;
            let token = world.token("acme");
            for key in ["key-of-globex", "key"] {
                let sent = Sent::acuity(CHANGED, key, &token);
                hidden.push(sent.value("X-Acuity-Signature"));
                let (_, body, changes) = world.deliver(&sent).await;
                texts.push(body.to_string());
                texts.extend(changes.iter().map(|change| change.to_body().unwrap()));
            }
            hidden.extend([token, "key-of-globex".to_owned()]);
        });
    });
    assert!(log.lines().count() >= 2, "{log}");
    texts.push(log);
    for text in texts {
        assert!(!hidden.iter().any(|secret| text.contains(secret)), "{text}");
    }
}
