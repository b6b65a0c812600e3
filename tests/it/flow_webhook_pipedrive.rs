//! Pipedrive's webhooks on fakes: whose password is believed at which address, for which company and
//! which webhook, and that no password shows anywhere.

use std::sync::Arc;
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};
use sync_aws::accounts::{CachedAccountDirectory, ClaimedAccountDirectory};
use sync_aws::webhook_secrets::CachedSigningSecrets;
use sync_domain::hook_address;
use sync_domain::model::{ChangeKind, ObjectChange, ObjectType, System, TenantId};
use sync_domain::ports::{AccountOwner, AuthMode};
use sync_lambda::WebhookHandler;
use sync_lambda::clock::SystemClock;
use sync_lambda::webhook::{WebhookRoute, handle};
use sync_lambda::webhook_edge::answer;
use sync_providers::webhook_protocol;
use sync_testkit::{MemoryAccounts, MemorySecrets, MemoryWorkQueue};

use crate::support::cloud::root;
use crate::support::log_capture::logged;
use crate::support::webhook_signing::{BASE_URL, Sent};

const ACME: Tenant = Tenant {
    name: "acme",
    token: "0123456789abcdef0123456789abcdef",
    password: "abc123",
    company: "13940021",
    hooks: ["1702001", "1702002", "1702003"],
};
const GLOBEX: Tenant = Tenant {
    name: "globex",
    token: "fedcba9876543210fedcba9876543210",
    password: "canary-globex",
    company: "13940077",
    hooks: ["1702101", "1702102", "1702103"],
};

/// A tenant as connecting leaves it.
struct Tenant {
    name: &'static str,
    token: &'static str,
    password: &'static str,
    company: &'static str,
    hooks: [&'static str; 3],
}

impl Tenant {
    fn secret(&self) -> Value {
        json!({
            "current": self.password, "url_token": self.token, "account_id": self.company,
            "hook_ids": self.hooks,
        })
    }

    /// One person's name has changed.
    fn event(&self) -> Value {
        json!({
            "meta": {
                "version": "2.0", "action": "change", "entity": "person", "entity_id": "17",
                "company_id": self.company, "webhook_id": self.hooks[0],
                "timestamp": "2026-11-20T08:15:30.125Z",
            },
            "data": {"id": 17, "name": "Canary Lovelace", "org_id": 9},
            "previous": {"name": "Canary Byron", "org_id": null},
        })
    }

    fn sent(&self) -> Sent {
        delivery(&self.event(), self.token, self.password)
    }
}

fn basic(user: &str, password: &str) -> String {
    format!("Basic {}", STANDARD.encode(format!("{user}:{password}")))
}

fn delivery(event: &Value, token: &str, password: &str) -> Sent {
    let sent = Sent::unsigned(event.to_string());
    let sent = sent.header("Authorization", &basic("integration", password));
    Sent { path: "/webhooks/crm/pipedrive".into(), raw_query: format!("token={token}"), ..sent }
}

struct World {
    secrets: Arc<MemorySecrets>,
    queue: Arc<MemoryWorkQueue>,
    handler: WebhookHandler,
}

impl World {
    fn new() -> Self {
        let secrets = Arc::new(MemorySecrets::default());
        for tenant in [ACME, GLOBEX] {
            secrets.set(&secret_name(tenant.name), &tenant.secret().to_string());
        }
        Self::on(secrets)
    }

    /// A fresh instance of the function, which remembers nothing of what was before.
    fn on(secrets: Arc<MemorySecrets>) -> Self {
        let accounts = MemoryAccounts::default();
        for (tenant, auth) in [(ACME, AuthMode::ApiToken), (GLOBEX, AuthMode::Oauth)] {
            let owner = AccountOwner { tenant: TenantId::parse(tenant.name).unwrap(), auth };
            let address_id = hook_address::account_id(tenant.token);
            accounts.connect(System::Pipedrive, &address_id, owner.clone());
            accounts.connect(System::Pipedrive, tenant.company, owner);
        }
        let clock = Arc::new(SystemClock);
        let accounts = CachedAccountDirectory::new(Arc::new(accounts), Arc::clone(&clock) as _);
        let accounts = Arc::new(accounts);
        let signing = CachedSigningSecrets::new(
            Arc::clone(&secrets) as _,
            Arc::clone(&clock) as _,
            "tenants".to_owned(),
            String::new(),
        );
        let queue = Arc::new(MemoryWorkQueue::default());
        let route = Arc::new(WebhookRoute {
            route: "webhook-pipedrive",
            public_base_url: BASE_URL.to_owned(),
            protocol: webhook_protocol(System::Pipedrive),
            secrets: Arc::new(signing),
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
        Self { secrets, queue, handler }
    }

    /// Delivers and returns the status, the body and what is on the queue.
    async fn deliver(&self, sent: &Sent) -> (u64, Value, Vec<ObjectChange>) {
        self.invoke(&sent.gateway_event()).await
    }

    async fn invoke(&self, event: &str) -> (u64, Value, Vec<ObjectChange>) {
        let event = serde_json::from_str(event).unwrap();
        let deadline = jiff::Timestamp::now() + Duration::from_secs(10);
        let answer = answer(Arc::clone(&self.handler), event, deadline).await;
        let body = serde_json::from_str(answer["body"].as_str().unwrap()).unwrap();
        let messages = self.queue.take();
        let changes = messages.iter().map(|it| ObjectChange::parse(&it.body).unwrap()).collect();
        (answer["statusCode"].as_u64().unwrap(), body, changes)
    }

    async fn assert_refused(&self, sent: &Sent, what: &str) {
        let (status, body, changes) = self.deliver(sent).await;
        assert_eq!((status, &body["error_code"]), (401, &"invalid_signature".into()), "{what}");
        assert_eq!(changes, [], "{what}");
    }

    /// Signed, but of another account or webhook than the tenant's: nothing is taken, and the answer
    /// does not say why.
    async fn assert_not_taken(&self, sent: &Sent, what: &str) {
        let (_, body, changes) = self.deliver(sent).await;
        assert_eq!(changes, [], "{what}");
        assert!(body["accepted"].as_u64().is_none_or(|accepted| accepted == 0), "{what}: {body}");
    }
}

fn secret_name(tenant: &str) -> String {
    format!("tenants/{tenant}/pipedrive/webhook")
}

#[tokio::test]
async fn pipedrive_delivery_becomes_one_hint_of_its_tenant() {
    let world = World::new();
    for tenant in [ACME, GLOBEX] {
        for hook in tenant.hooks {
            let mut event = tenant.event();
            event["meta"]["webhook_id"] = hook.into();
            let (status, body, changes) =
                world.deliver(&delivery(&event, tenant.token, tenant.password)).await;
            assert_eq!((status, changes.len()), (200, 1), "{}: {body}", tenant.name);
            let change = &changes[0];
            assert_eq!((change.tenant.as_str(), change.system), (tenant.name, System::Pipedrive));
            assert_eq!(change.account_id, tenant.company);
            assert_eq!(
                (change.object_type, change.external_id.as_str()),
                (ObjectType::Contact, "17")
            );
            let kinds = [ChangeKind::Properties, ChangeKind::Associations];
            assert_eq!(change.kinds, kinds.into());
            assert_eq!(change.properties, ["name".to_owned(), "org_id".to_owned()].into());
            assert_eq!(change.occurred_at, "2026-11-20T08:15:30.125Z".parse().unwrap());
        }
    }
}

#[tokio::test]
async fn pipedrive_delivery_with_any_flipped_bit_of_its_credentials_is_refused() {
    let world = World::new();
    let good = ACME.sent();
    let pair = b"integration:abc123".to_vec();
    for bit in 0..pair.len() * 8 {
        let mut altered = pair.clone();
        altered[bit / 8] ^= 1 << (bit % 8);
        let value = format!("Basic {}", STANDARD.encode(&altered));
        let sent = good.clone().without("Authorization").header("Authorization", &value);
        world.assert_refused(&sent, &format!("bit {bit}")).await;
    }
    assert_eq!(world.deliver(&good).await.0, 200);
}

#[tokio::test]
async fn pipedrive_delivery_needs_one_header_of_its_form() {
    let world = World::new();
    let good = ACME.sent();
    let unsigned = good.clone().without("Authorization");
    world.assert_refused(&unsigned, "no header").await;
    let twice = good.clone().header("Authorization", &good.value("Authorization"));
    world.assert_refused(&twice, "the same header twice").await;
    let value = good.value("Authorization");
    let credentials = value.strip_prefix("Basic ").unwrap();
    for value in [
        format!("{value},{value}"),
        format!("Bearer {credentials}"),
        format!("Digest {credentials}"),
        format!("Token {credentials}"),
        credentials.to_owned(),
        format!("Basic {credentials}="),
        basic("integration", ""),
        basic("", "abc123"),
        basic("abc123", "integration"),
        basic("other", "abc123"),
    ] {
        let sent = unsigned.clone().header("Authorization", &value);
        world.assert_refused(&sent, &value).await;
    }
    let other_name = unsigned.clone().header("X-Authorization", &value);
    world.assert_refused(&other_name, "another header").await;
    let in_query = Sent { raw_query: format!("token={}&password=abc123", ACME.token), ..unsigned };
    world.assert_refused(&in_query, "the password in the query").await;
}

#[tokio::test]
async fn pipedrive_delivery_needs_the_address_and_the_password_of_one_tenant() {
    let world = World::new();
    let unknown = "0f1e2d3c4b5a69788796a5b4c3d2e1f0";
    for (event, token, password, what) in [
        (ACME.event(), GLOBEX.token, ACME.password, "acme's password at globex's address"),
        (GLOBEX.event(), ACME.token, GLOBEX.password, "globex's password at acme's address"),
        (GLOBEX.event(), GLOBEX.token, ACME.password, "acme's password for globex's event"),
        (ACME.event(), unknown, ACME.password, "an unknown address"),
        (ACME.event(), "", ACME.password, "no token"),
        (ACME.event(), ACME.token, ACME.token, "the address's token for a password"),
    ] {
        world.assert_refused(&delivery(&event, token, password), what).await;
    }
}

#[tokio::test]
async fn pipedrive_delivery_of_another_company_or_webhook_is_not_taken() {
    let world = World::new();
    for (member, value, what) in [
        ("company_id", json!(GLOBEX.company), "globex's company, signed by acme"),
        ("company_id", json!("13940022"), "a company that nobody has connected"),
        ("company_id", json!(null), "no company"),
        ("company_id", json!(hook_address::account_id(ACME.token)), "what the address stands for"),
        ("webhook_id", json!(GLOBEX.hooks[0]), "globex's webhook, signed by acme"),
        ("webhook_id", json!("1702009"), "a webhook that we have not made"),
        ("webhook_id", json!(null), "no webhook"),
        ("webhook_id", json!("1702001,1702009"), "two webhooks"),
    ] {
        let mut event = ACME.event();
        event["meta"][member] = value;
        world.assert_not_taken(&delivery(&event, ACME.token, ACME.password), what).await;
    }
    assert_eq!(world.deliver(&ACME.sent()).await.2.len(), 1);
}

#[tokio::test]
async fn pipedrive_delivery_with_the_password_before_is_taken_while_it_is_good() {
    let at =
        |seconds: i64| (jiff::Timestamp::now() + Duration::from_secs(60)).as_second() + seconds;
    let until = |second: i64| jiff::Timestamp::from_second(second).unwrap().to_string();
    for (previous_until, expected) in [(until(at(0)), 200), (until(at(-120)), 401)] {
        let world = World::new();
        let mut secret = ACME.secret();
        secret["current"] = "abc124".into();
        secret["previous"] = "abc123".into();
        secret["previous_until"] = previous_until.into();
        world.secrets.set(&secret_name("acme"), &secret.to_string());
        for (password, expected) in [("abc124", 200), ("abc123", expected), ("abc125", 401)] {
            let sent = delivery(&ACME.event(), ACME.token, password);
            assert_eq!(world.deliver(&sent).await.0, expected, "{password}");
        }
    }
}

#[tokio::test]
async fn pipedrive_delivery_of_a_webhook_that_was_made_anew_is_taken_by_a_warm_instance() {
    let world = World::new();
    assert_eq!(world.deliver(&ACME.sent()).await.2.len(), 1);
    let mut event = ACME.event();
    event["meta"]["webhook_id"] = "1702009".into();
    let mut secret = ACME.secret();
    secret["hook_ids"] = json!(["1702009"]);
    world.secrets.set(&secret_name("acme"), &secret.to_string());
    let sent = delivery(&event, ACME.token, ACME.password);
    assert_eq!(world.deliver(&sent).await.2.len(), 1);
    world.assert_not_taken(&ACME.sent(), "the webhook before, with the password in use").await;
}

#[tokio::test]
async fn pipedrive_delivery_with_the_password_before_may_name_a_webhook_before() {
    let world = World::new();
    let until = jiff::Timestamp::now() + Duration::from_secs(60);
    let mut secret = ACME.secret();
    secret["current"] = "abc124".into();
    secret["previous"] = "abc123".into();
    secret["previous_until"] = until.to_string().into();
    secret["hook_ids"] = json!(["1702009"]);
    world.secrets.set(&secret_name("acme"), &secret.to_string());
    let sent = |event: &Value, password| delivery(event, ACME.token, password);
    assert_eq!(world.deliver(&sent(&ACME.event(), "abc123")).await.2.len(), 1);
    world.assert_not_taken(&sent(&ACME.event(), "abc124"), "the password in use").await;
    let mut event = ACME.event();
    event["meta"]["company_id"] = GLOBEX.company.into();
    world.assert_not_taken(&sent(&event, "abc123"), "another company").await;
}

#[tokio::test]
async fn pipedrive_delivery_after_a_disconnect_is_refused() {
    let world = World::new();
    world.secrets.remove(&secret_name("acme"));
    let world = World::on(world.secrets);
    world.assert_refused(&ACME.sent(), "disconnected").await;
}

#[tokio::test]
async fn signed_delivery_of_pipedrive_that_is_nothing_for_us_leaves_no_message() {
    let world = World::new();
    let altered = |member: &str, value: Value| {
        let mut event = ACME.event();
        event["meta"][member] = value;
        event
    };
    for (event, status, cause) in [
        (altered("entity", json!("note")), 200, None),
        (altered("action", json!("archive")), 200, None),
        (altered("entity_id", json!("x")), 200, None),
        (altered("version", json!("1.0")), 400, Some("invalid_events")),
        (json!([ACME.event()]), 400, Some("invalid_events")),
    ] {
        let sent = delivery(&event, ACME.token, ACME.password);
        let (answered, body, changes) = world.deliver(&sent).await;
        assert_eq!((answered, body["error_code"].as_str()), (status, cause), "{event}");
        assert_eq!(changes, [], "{event}");
    }
}

/// The files are of the company 13940021 and the webhook 1702001.
#[tokio::test]
async fn pipedrive_event_files_get_their_answers() {
    let world = World::new();
    let expected = [
        ("person_changed", 200, 1),
        ("deal_created_base64", 200, 1),
        ("persons_merged", 200, 1),
        ("activity_ignored", 200, 0),
        ("version_1", 400, 0),
        ("no_credentials", 401, 0),
        ("another_password", 401, 0),
        ("bearer", 401, 0),
        ("no_token", 401, 0),
        ("not_base64", 400, 0),
    ];
    // Signed, and not the tenant's: what they are answered is the use case's to say.
    let not_taken = ["another_company", "another_webhook"];
    let folder = root().join("events/webhook-pipedrive");
    let files = std::fs::read_dir(&folder).unwrap().count();
    assert_eq!(files, expected.len() + not_taken.len(), "a file without an expected answer");
    let read = |name: &str| std::fs::read_to_string(folder.join(format!("{name}.json"))).unwrap();
    for (name, status, messages) in expected {
        let (answered, body, changes) = world.invoke(&read(name)).await;
        assert_eq!((answered, changes.len()), (status, messages), "{name}: {body}");
    }
    for name in not_taken {
        assert_eq!(world.invoke(&read(name)).await.2, [], "{name}");
    }
}

#[test]
fn pipedrive_password_token_and_values_show_in_no_log_line_no_answer_and_no_message() {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
    let mut texts = Vec::new();
    let log = logged(|| {
        runtime.block_on(async {
            let world = World::new();
            for password in [GLOBEX.password, "canary-wrong"] {
                let sent = delivery(&GLOBEX.event(), GLOBEX.token, password);
                let (_, body, changes) = world.deliver(&sent).await;
                texts.push(body.to_string());
                texts.extend(changes.iter().map(|change| change.to_body().unwrap()));
            }
        });
    });
    assert!(log.lines().count() >= 2, "{log}");
    texts.push(log);
    let encoded = basic("integration", GLOBEX.password);
    let encoded = encoded.strip_prefix("Basic ").unwrap();
    for text in texts {
        for hidden in ["canary", "Canary", GLOBEX.token, encoded] {
            assert!(!text.contains(hidden), "{hidden} in {text}");
        }
    }
}
