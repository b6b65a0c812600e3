//! The webhook route as it ships, from the gateway's event to the queue, on fakes and simulated time.

use std::collections::{BTreeSet, HashMap};
use std::net::IpAddr;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use jiff::{SignedDuration, Timestamp};
use secrecy::SecretString;
use serde_json::{Value, json};
use sync_aws::accounts::{CachedAccountDirectory, ClaimedAccountDirectory};
use sync_aws::webhook_secrets::CachedSigningSecrets;
use sync_domain::model::{BookingChange, ObjectChange, System, TenantId};
use sync_domain::ports::{
    AccountOwner, AuthMode, Clock, SecretError, SecretSource, SendOutcome, WorkMessage, WorkQueue,
};
use sync_lambda::WebhookHandler;
use sync_lambda::webhook::{WebhookRoute, handle};
use sync_lambda::webhook_edge::answer;
use sync_providers::webhook_protocol;
use sync_testkit::{MemoryAccounts, MemoryWorkQueue, Scheduled, SimulatedClock, Timeline};

use super::webhook_signing::{BASE_URL, Sent};

/// A tenant with an app of its own, its portal and its secret.
pub const ACME: u64 = 62_515;
pub const ACME_SECRET: &str = "secret-of-acme";
/// Another one.
pub const GLOBEX: u64 = 62_516;
pub const GLOBEX_SECRET: &str = "secret-of-globex";
/// Tenants that have let our app in.
pub const INITECH: u64 = 70_001;
pub const UMBRELLA: u64 = 70_002;
pub const APP_SECRET: &str = "secret-of-our-app";
/// A portal that nobody has connected.
pub const NOBODY: u64 = 99_999;

/// How long an invocation may take.
pub const TIMEOUT: Duration = Duration::from_secs(5);

/// Secrets by name; counts reads, and can be slow or out of reach.
pub struct Shelf {
    pub clock: SimulatedClock,
    pub secrets: Mutex<HashMap<String, String>>,
    pub reads: Mutex<u32>,
    pub is_down: Mutex<bool>,
    pub delay: Mutex<Duration>,
}

#[async_trait]
impl SecretSource for Shelf {
    async fn read(&self, name: &str) -> Result<SecretString, SecretError> {
        *self.reads.lock().unwrap() += 1;
        let delay = *self.delay.lock().unwrap();
        self.clock.sleep(delay).await;
        if *self.is_down.lock().unwrap() {
            return Err(SecretError::Unavailable("the test wants it so".into()));
        }
        let found = self.secrets.lock().unwrap().get(name).cloned();
        found.map(SecretString::from).ok_or(SecretError::NotFound)
    }
}

/// A queue that takes its time.
pub struct SlowQueue {
    pub clock: SimulatedClock,
    pub queue: MemoryWorkQueue,
    pub delay: Mutex<Duration>,
}

#[async_trait]
impl WorkQueue for SlowQueue {
    async fn send(&self, messages: &[WorkMessage]) -> Vec<SendOutcome> {
        let delay = *self.delay.lock().unwrap();
        self.clock.sleep(delay).await;
        self.queue.send(messages).await
    }
}

/// What the provider got.
#[derive(Debug, PartialEq, Eq)]
pub struct Answer {
    pub status: u64,
    pub error_code: Option<String>,
    pub content_type: String,
    /// The JSON, or the text of what is none.
    pub body: Value,
    pub took: Duration,
}

pub struct WebhookWorld {
    pub timeline: Timeline,
    pub clock: SimulatedClock,
    pub accounts: Arc<MemoryAccounts>,
    pub shelf: Arc<Shelf>,
    pub queue: Arc<SlowQueue>,
    handler: WebhookHandler,
}

impl WebhookWorld {
    pub fn new() -> Self {
        Self::with_base_url(BASE_URL)
    }

    pub fn with_base_url(base_url: &str) -> Self {
        let world = Self::of(System::Hubspot, "webhook-hubspot", base_url);
        world.connect("acme", ACME, AuthMode::PrivateApp);
        world.connect("globex", GLOBEX, AuthMode::PrivateApp);
        world.connect("initech", INITECH, AuthMode::Oauth);
        world.connect("umbrella", UMBRELLA, AuthMode::Oauth);
        world.put_secret("tenants/acme/hubspot/webhook", json!({ "current": ACME_SECRET }));
        world.put_secret("tenants/globex/hubspot/webhook", json!({ "current": GLOBEX_SECRET }));
        world.put_secret("apps/hubspot", json!({ "client_secret": APP_SECRET, "client_id": "1" }));
        world
    }

    /// A system's route that nobody is connected to.
    pub fn of(system: System, function: &'static str, base_url: &str) -> Self {
        Self::with_sources(system, function, base_url, BTreeSet::new())
    }

    /// The same where it is known from where the provider sends.
    pub fn with_sources(
        system: System,
        function: &'static str,
        base_url: &str,
        sources: BTreeSet<IpAddr>,
    ) -> Self {
        let timeline = Timeline::new(7);
        let clock = timeline.clock(SignedDuration::ZERO);
        let shared: Arc<dyn Clock> = Arc::new(clock.clone());
        let accounts = Arc::new(MemoryAccounts::default());
        let shelf = Arc::new(Shelf {
            clock: clock.clone(),
            secrets: Mutex::default(),
            reads: Mutex::default(),
            is_down: Mutex::default(),
            delay: Mutex::default(),
        });
        let queue = Arc::new(SlowQueue {
            clock: clock.clone(),
            queue: MemoryWorkQueue::default(),
            delay: Mutex::default(),
        });
        let cached = CachedAccountDirectory::new(Arc::clone(&accounts) as _, Arc::clone(&shared));
        let cached = Arc::new(cached);
        let secrets = CachedSigningSecrets::new(
            Arc::clone(&shelf) as _,
            Arc::clone(&shared),
            "tenants".to_owned(),
            "apps".to_owned(),
        );
        let route = Arc::new(WebhookRoute {
            route: function,
            public_base_url: base_url.to_owned(),
            protocol: webhook_protocol(system),
            secrets: Arc::new(secrets),
            claimed_accounts: Arc::new(ClaimedAccountDirectory::new(Arc::clone(&cached))),
            accounts: cached,
            queue: Arc::clone(&queue) as _,
            sources,
            clock: shared,
        });
        let handler: WebhookHandler = Arc::new(move |request| {
            let route = Arc::clone(&route);
            Box::pin(async move { handle(&route, request).await })
        });
        Self { timeline, clock, accounts, shelf, queue, handler }
    }

    pub fn connect(&self, tenant: &str, portal_id: u64, auth: AuthMode) {
        let owner = AccountOwner { tenant: TenantId::parse(tenant).unwrap(), auth };
        self.accounts.connect(System::Hubspot, &portal_id.to_string(), owner);
    }

    pub fn put_secret(&self, name: &str, value: Value) {
        self.shelf.secrets.lock().unwrap().insert(name.to_owned(), value.to_string());
    }

    pub fn remove_secret(&self, name: &str) {
        self.shelf.secrets.lock().unwrap().remove(name);
    }

    pub fn now_ms(&self) -> i64 {
        self.clock.now().as_millisecond()
    }

    pub fn advance(&self, duration: Duration) {
        self.run(self.timeline.sleep(duration));
    }

    fn run<T>(&self, work: impl Future<Output = T>) -> T {
        match self.timeline.run(vec![Box::pin(work)], 0).remove(0) {
            Scheduled::Finished(result) => result,
            Scheduled::Killed => panic!("nothing is killed here"),
        }
    }

    /// Delivers a request and returns what the provider gets.
    pub fn deliver(&self, sent: &Sent) -> Answer {
        self.deliver_until(sent, self.clock.now() + TIMEOUT)
    }

    pub fn deliver_until(&self, sent: &Sent, deadline: Timestamp) -> Answer {
        self.invoke(&sent.gateway_event(), deadline)
    }

    /// Gives the function an event of the gateway.
    pub fn invoke(&self, event: &str, deadline: Timestamp) -> Answer {
        let event = serde_json::from_str(event).unwrap();
        let began = self.timeline.elapsed();
        let answer = self.run(answer(Arc::clone(&self.handler), event, deadline));
        let text = answer["body"].as_str().unwrap();
        let body: Value = serde_json::from_str(text).unwrap_or_else(|_no_json| text.into());
        Answer {
            content_type: answer["headers"]["content-type"].as_str().unwrap().to_owned(),
            status: answer["statusCode"].as_u64().unwrap(),
            error_code: body["error_code"].as_str().map(str::to_owned),
            body,
            took: self.timeline.elapsed() - began,
        }
    }

    /// Takes what is on the queue, as the worker reads it.
    pub fn changes(&self) -> Vec<ObjectChange> {
        let messages = self.queue.queue.take();
        messages.iter().map(|message| ObjectChange::parse(&message.body).unwrap()).collect()
    }

    /// The same of a booking system.
    pub fn booking_changes(&self) -> Vec<BookingChange> {
        let messages = self.queue.queue.take();
        messages.iter().map(|message| BookingChange::parse(&message.body).unwrap()).collect()
    }

    /// The number of secrets read so far.
    pub fn secret_reads(&self) -> u32 {
        *self.shelf.reads.lock().unwrap()
    }

    /// Asserts that a delivery is refused as unsigned and leaves nothing behind.
    #[track_caller]
    pub fn assert_unsigned(&self, sent: &Sent, what: &str) {
        let answer = self.deliver(sent);
        assert_eq!(answer.status, 401, "{what}: {answer:?}");
        assert_eq!(answer.error_code.as_deref(), Some("invalid_signature"), "{what}");
        assert_eq!(self.changes(), [], "{what}");
    }
}
