//! One tenant's CRM account, its webhook and its sweeps in memory.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use jiff::{SignedDuration, Timestamp};
use secrecy::{ExposeSecret, SecretString};
use sync_aws::credentials::SecretCredentialStore;
use sync_aws::oauth_apps::SecretOauthApps;
use sync_domain::gate::{Gate, GateSettings};
use sync_domain::model::{
    CorrelationId, CrmSweepStep, ExternalId, ObjectChange, ObjectType, OwnerId, System, TenantId,
};
use sync_domain::ports::{
    AccountAccess, AccountConnector, AccountDetails, AuthMode, Clock, ConnectionEntry,
    ConnectionLock, ConnectionRegistry, ConnectionStatus, CredentialStore, Finish, GrantError,
    Hook, HookAddress, HookRegistration, HookSecret, HookStatus, KeyProperty, LockOutcome,
    OauthApp, OauthTokens, ProviderError, SweepWatermark, WebhookSecretPair,
};
use sync_domain::retry::RetryPolicy;
use sync_domain::usecase::locked_connection::ConnectionDeps;
use sync_domain::usecase::sweep_crm::{CrmSweepDeps, CrmSweepReport, sweep_crm_step};
use sync_domain::usecase::sweeping::SweepOutcome;
use sync_testkit::{
    ManualClock, MemoryConnections, MemoryCrmSweeps, MemoryGateStore, MemoryPortal, MemoryRegistry,
    MemorySecrets, MemoryWorkQueue, PortalFeed,
};

use super::sync_world::person;

pub const SYSTEM: System = System::Pipedrive;
pub const CONTACT: ObjectType = ObjectType::Contact;
pub const MINUTE: SignedDuration = SignedDuration::from_mins(1);
pub const HOUR: SignedDuration = SignedDuration::from_hours(1);
/// How long an invocation takes at most.
const SWEEP_TIME: Duration = Duration::from_secs(60);
const WEBHOOK_URL: &str = "https://hooks.example.com/webhooks/crm/pipedrive";
/// The address of the webhook.
pub const HOOK_URL: &str = "https://hooks.example.com/webhooks/crm/pipedrive?token=t0";

/// The clock of the sweep, whose time limits are reached only where the provider never answers.
struct BoundedClock<'a>(&'a ManualClock, &'a HookedConnector);

#[async_trait]
impl Clock for BoundedClock<'_> {
    fn now(&self) -> Timestamp {
        self.0.now()
    }

    async fn sleep(&self, duration: Duration) {
        self.0.sleep(duration).await;
    }

    async fn limit(&self, duration: Duration) {
        while !self.1.is_silent() {
            tokio::task::yield_now().await;
        }
        self.0.sleep(duration).await;
    }

    fn random(&self) -> f64 {
        self.0.random()
    }

    fn unique_id(&self) -> String {
        self.0.unique_id()
    }
}

/// An account's webhook, with the id that it got and the secret that it shows.
#[derive(Default)]
struct Hooks {
    there: BTreeMap<u32, (String, String)>,
    made: u32,
    looked_at: u32,
    has_no_room: bool,
    fault: Option<ProviderError>,
    is_silent: bool,
}

/// Registers webhooks and nothing else.
#[derive(Default)]
pub struct HookedConnector(Mutex<Hooks>);

impl HookedConnector {
    /// How many webhooks were made so far, and how often they were looked at.
    pub fn counts(&self) -> (u32, u32) {
        let hooks = self.0.lock().unwrap();
        (hooks.made, hooks.looked_at)
    }

    /// Somebody removes what is there.
    pub fn lose(&self) {
        self.0.lock().unwrap().there.clear();
    }

    /// Addresses and secrets of what is there.
    pub fn there(&self) -> Vec<(String, String)> {
        self.0.lock().unwrap().there.values().cloned().collect()
    }

    pub fn leave_no_room(&self) {
        self.0.lock().unwrap().has_no_room = true;
    }

    /// From now on it never answers.
    pub fn fall_silent(&self) {
        self.0.lock().unwrap().is_silent = true;
    }

    fn is_silent(&self) -> bool {
        self.0.lock().unwrap().is_silent
    }

    pub fn fail_next(&self, error: ProviderError) {
        self.0.lock().unwrap().fault = Some(error);
    }
}

#[async_trait]
impl AccountConnector for HookedConnector {
    fn auth_modes(&self) -> &'static [AuthMode] {
        &[AuthMode::ApiToken]
    }

    fn keyed_types(&self) -> &'static [ObjectType] {
        &[]
    }

    async fn account(&self, _access: &AccountAccess) -> Result<AccountDetails, ProviderError> {
        Err(ProviderError::Unauthorized)
    }

    fn authorize_url(&self, _app: &OauthApp, _state: &str) -> String {
        String::new()
    }

    async fn exchange(
        &self,
        _app: &OauthApp,
        _code: &SecretString,
    ) -> Result<OauthTokens, GrantError> {
        Err(GrantError::Refused)
    }

    async fn refresh(
        &self,
        _app: &OauthApp,
        _refresh_token: &SecretString,
    ) -> Result<OauthTokens, GrantError> {
        Err(GrantError::Refused)
    }

    async fn ensure_key_property(
        &self,
        _access: &AccountAccess,
        _object_type: ObjectType,
    ) -> Result<KeyProperty, ProviderError> {
        Ok(KeyProperty::NotAvailable)
    }

    fn hook_address(&self) -> HookAddress {
        HookAddress::Registered
    }

    fn hook_secret(&self) -> HookSecret {
        HookSecret::Drawn
    }

    async fn ensure_webhook(
        &self,
        _access: &AccountAccess,
        hook: &Hook,
    ) -> Result<HookRegistration, ProviderError> {
        tokio::task::yield_now().await;
        if self.is_silent() {
            std::future::pending::<()>().await;
        }
        let registration = {
            let mut hooks = self.0.lock().unwrap();
            hooks.looked_at += 1;
            if let Some(error) = hooks.fault.take() {
                return Err(error);
            }
            let wanted =
                (hook.url.expose_secret().to_owned(), hook.secret.expose_secret().to_owned());
            hooks.there.retain(|_, there| *there == wanted);
            if hooks.there.is_empty() && hooks.has_no_room {
                return Ok(HookRegistration::NoRoom);
            }
            if hooks.there.is_empty() {
                hooks.made += 1;
                let id = hooks.made;
                hooks.there.insert(id, wanted);
            }
            let hook_ids = hooks.there.keys().map(ToString::to_string).collect();
            HookRegistration::Registered { hook_ids }
        };
        tokio::task::yield_now().await;
        Ok(registration)
    }
}

pub struct CrmSweepWorld {
    pub clock: Arc<ManualClock>,
    pub portal: Arc<MemoryPortal>,
    pub feed: PortalFeed,
    pub sweeps: MemoryCrmSweeps,
    pub changes: MemoryWorkQueue,
    pub registry: MemoryRegistry,
    pub connections: MemoryConnections,
    pub connector: HookedConnector,
    pub credentials: SecretCredentialStore,
    pub tenant: TenantId,
    apps: SecretOauthApps,
    gate: Gate,
}

impl CrmSweepWorld {
    /// A tenant who has just been connected, with pages of three objects.
    pub async fn new() -> Self {
        Self::with_page_time(Duration::ZERO).await
    }

    /// With pages that take a while.
    pub async fn with_page_time(page_time: Duration) -> Self {
        let clock = Arc::new(ManualClock::default());
        let tenant = TenantId::parse("acme").unwrap();
        let portal = Arc::new(MemoryPortal::new(&tenant, Arc::clone(&clock)));
        let secrets = Arc::new(MemorySecrets::default());
        let shared = Arc::clone(&clock) as Arc<dyn Clock>;
        let apps =
            SecretOauthApps::new(Arc::clone(&secrets) as _, Arc::clone(&shared), "apps".to_owned());
        let world = Self {
            feed: PortalFeed::new(Arc::clone(&portal), Arc::clone(&clock), 3, page_time),
            credentials: SecretCredentialStore::new(
                Arc::clone(&secrets) as _,
                secrets,
                "tenants".to_owned(),
            ),
            gate: Gate::new(
                Arc::new(MemoryGateStore::default()),
                shared,
                GateSettings::with_call_max(Duration::from_secs(6)),
            ),
            sweeps: MemoryCrmSweeps::default(),
            changes: MemoryWorkQueue::default(),
            registry: MemoryRegistry::default(),
            connections: MemoryConnections::default(),
            connector: HookedConnector::default(),
            apps,
            clock,
            portal,
            tenant,
        };
        world.connections.connect_to(&world.tenant, SYSTEM, AuthMode::ApiToken);
        let entry = world.entry(ConnectionStatus::Connected);
        world.end(Finish::Connected(&entry)).await;
        let secrets = WebhookSecretPair {
            url_token: Some("t0".into()),
            account_id: Some(entry.account_id),
            ..WebhookSecretPair::sole("drawn".into())
        };
        world.credentials.put_webhook_secrets(&world.tenant, SYSTEM, &secrets).await.unwrap();
        world
    }

    pub fn entry(&self, status: ConnectionStatus) -> ConnectionEntry {
        ConnectionEntry {
            status,
            auth: AuthMode::ApiToken,
            account_id: format!("account-of-{}", self.tenant),
            connected_at: self.clock.now(),
            token_version: 1,
            token_expires_at: None,
            key_properties: Vec::new(),
            webhook: None,
            gaps: Vec::new(),
        }
    }

    /// A change of the connection.
    pub async fn end(&self, end: Finish<'_>) {
        let lock = self.lock().await;
        self.registry.finish(&lock, &end, None).await.unwrap();
    }

    /// Takes the connection's lock.
    pub async fn lock(&self) -> ConnectionLock {
        self.try_lock().await.unwrap()
    }

    /// Takes the connection's lock unless somebody has it.
    pub async fn try_lock(&self) -> Option<ConnectionLock> {
        let (tenant, now) = (self.tenant.clone(), self.clock.now());
        let owner = OwnerId::new("a-person");
        let lock = ConnectionLock { tenant, system: SYSTEM, owner, until: now + MINUTE };
        let locked = self.registry.lock(&lock, now).await.unwrap();
        matches!(locked, LockOutcome::Locked(_)).then_some(lock)
    }

    /// The state of the webhook that is noted, and its ids.
    pub async fn noted_hook(&self) -> (Option<HookStatus>, Vec<String>) {
        let entry = self.registry.entry(&self.tenant, SYSTEM).await.unwrap().unwrap();
        let secrets = self.credentials.webhook_secrets(&self.tenant, SYSTEM).await.unwrap();
        (entry.webhook, secrets.unwrap().hook_ids)
    }

    /// The first step of a sweep that is planned now.
    pub fn step(&self) -> CrmSweepStep {
        CrmSweepStep {
            tenant: self.tenant.clone(),
            system: SYSTEM,
            place: None,
            forward_at: self.clock.now(),
            found: 0,
            restarts: 0,
            correlation_id: CorrelationId::parse(&format!("sweep-{}", self.clock.unique_id()))
                .unwrap(),
        }
    }

    pub async fn sweep(&self, step: CrmSweepStep) -> CrmSweepReport {
        let clock = BoundedClock(&self.clock, &self.connector);
        let deps = CrmSweepDeps {
            connections: &self.connections,
            feed: &self.feed,
            gate: &self.gate,
            notice: |_connection, _reported| {},
            manage: ConnectionDeps {
                registry: &self.registry,
                credentials: &self.credentials,
                accounts: &self.registry,
                apps: &self.apps,
                connector: &self.connector,
                clock: &clock,
                retry: RetryPolicy {
                    attempts_max: 3,
                    backoff_max: Duration::from_secs(60),
                    wait_max: Duration::from_secs(3),
                },
            },
            sweeps: &self.sweeps,
            changes: &self.changes,
            webhook_url: WEBHOOK_URL.to_owned(),
            route: "crm-sweep",
            call_timeout: Duration::from_secs(5),
        };
        self.clock.advance(Duration::from_millis(1));
        let deadline = self.clock.now() + SWEEP_TIME;
        sweep_crm_step(&deps, step, deadline).await
    }

    /// Sweeps until it ends, as the queue would; the last report, and the number of steps.
    pub async fn swept(&self) -> (CrmSweepReport, u32) {
        let (mut report, mut steps) = (self.sweep(self.step()).await, 1);
        while report.outcome == SweepOutcome::AT_ONCE {
            let body = report.step.to_body().unwrap();
            report = self.sweep(CrmSweepStep::parse(&body).unwrap()).await;
            steps += 1;
        }
        (report, steps)
    }

    /// Sweeps to the end, and the hints of it.
    pub async fn hints(&self) -> Vec<ObjectChange> {
        let (report, _) = self.swept().await;
        assert_eq!(report.outcome, SweepOutcome::Done);
        self.take_hints()
    }

    /// What is on the queue of changes.
    pub fn take_hints(&self) -> Vec<ObjectChange> {
        let sent = self.changes.take();
        sent.iter().map(|message| ObjectChange::parse(&message.body).unwrap()).collect()
    }

    pub fn watermark(&self) -> Option<SweepWatermark> {
        self.sweeps.watermark(&self.tenant, SYSTEM)
    }

    pub fn swept_until(&self) -> Option<Timestamp> {
        self.watermark().map(|watermark| watermark.swept_until)
    }

    /// Somebody makes a contact at the provider, of which no webhook tells.
    pub fn create(&self, number: usize) -> ExternalId {
        let values = person(&format!("guest-{number}@example.com"), "Ada");
        self.portal.create(CONTACT, values).unwrap().0
    }

    pub fn advance(&self, time: SignedDuration) {
        self.clock.advance(time.unsigned_abs());
    }
}

/// The ids of hints, each once.
pub fn ids_of(hints: &[ObjectChange]) -> Vec<ExternalId> {
    let mut ids: Vec<_> = hints.iter().map(|hint| hint.external_id.clone()).collect();
    ids.sort_unstable();
    ids.dedup();
    ids
}
