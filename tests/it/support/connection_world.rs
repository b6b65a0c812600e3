//! Connecting and refreshing on fakes: real secrets' JSON in memory, a provider that is scripted.

use std::sync::Arc;
use std::time::Duration;

use serde_json::{Value, json};
use sync_aws::connections::SecretConnectionStore;
use sync_aws::credentials::SecretCredentialStore;
use sync_aws::oauth_apps::SecretOauthApps;
use sync_domain::model::{CorrelationId, System, TenantId};
use sync_domain::ports::{
    Clock, Connection, ConnectionEntry, ConnectionError, ConnectionRegistry, ConnectionStatus,
    ConnectionStore, ProviderError,
};
use sync_domain::retry::RetryPolicy;
use sync_domain::usecase::connect_account::{
    ConnectAccount, ConnectMethod, Connected, connect_account,
};
use sync_domain::usecase::disconnect_account::disconnect_account;
use sync_domain::usecase::fresh_connection::{FreshConnections, FreshPorts};
use sync_domain::usecase::locked_connection::{ConnectionDeps, ConnectionRequest, ManageError};
use sync_domain::usecase::rotate_connection::{
    RotateConnection, Rotated, SecretKind, rotate_connection,
};
use sync_testkit::{
    ManualClock, MemoryRegistry, MemorySecrets, OneConnector, ProviderKind, ScriptedConnector,
};

/// How long an invocation of these tests may take.
pub const INVOCATION: Duration = Duration::from_secs(20);
/// The secret of our app at the scripted provider.
pub const APP_SECRET: &str = "canary-app-secret";

/// How long the secret before a rotation stays good.
pub const GRACE: Duration = Duration::from_secs(86_400);
/// The names of acme's secrets.
pub const CREDENTIALS: &str = "tenants/acme/hubspot";
pub const WEBHOOK: &str = "tenants/acme/hubspot/webhook";

/// Where the provider is told to call us.
pub const WEBHOOK_URL: &str = "https://hooks.example.com/webhooks/booking/acuity";

pub struct ConnectionWorld {
    system: System,
    pub clock: Arc<dyn Clock>,
    manual: Arc<ManualClock>,
    pub secrets: Arc<MemorySecrets>,
    pub registry: Arc<MemoryRegistry>,
    pub provider: Arc<ScriptedConnector>,
    pub credentials: Arc<SecretCredentialStore>,
    apps: Arc<SecretOauthApps>,
}

pub fn tenant(name: &str) -> TenantId {
    TenantId::parse(name).unwrap()
}

impl ConnectionWorld {
    /// Nothing is connected; there is an OAuth app.
    pub fn new() -> Self {
        let manual = Arc::new(ManualClock::default());
        Self { manual: Arc::clone(&manual), ..Self::on(manual) }
    }

    /// The same, and a token `pat` of account 77 is good.
    pub fn with_token() -> Self {
        let world = Self::new();
        world.provider.add_token("pat", "77");
        world
    }

    /// The same with a system whose accounts are connected by API keys: `19:key` is good for account
    /// 77.
    pub fn with_api_key() -> Self {
        Self::taking_api_keys(Self::new())
    }

    /// The same with another clock.
    pub fn with_api_key_on(clock: Arc<dyn Clock>) -> Self {
        Self::taking_api_keys(Self::on(clock))
    }

    fn taking_api_keys(world: Self) -> Self {
        let world = world.of(System::Acuity, ProviderKind::ApiKeys);
        world.provider.add_token("19:key", "77");
        world
    }

    /// The same world of another system, without our app.
    pub fn of(self, system: System, kind: ProviderKind) -> Self {
        self.secrets.remove("apps/hubspot");
        self.provider.become_kind(kind);
        Self { system, ..self }
    }

    /// The same without the app.
    pub fn without_app() -> Self {
        let world = Self::new();
        world.secrets.remove("apps/hubspot");
        world
    }

    /// The same with another clock.
    pub fn on(clock: Arc<dyn Clock>) -> Self {
        let secrets = Arc::new(MemorySecrets::default());
        let app = json!({
            "client_id": "cid", "client_secret": APP_SECRET, "redirect_uri": "https://a/cb",
        });
        secrets.set("apps/hubspot", &app.to_string());
        let apps =
            SecretOauthApps::new(Arc::clone(&secrets) as _, Arc::clone(&clock), "apps".to_owned());
        let credentials = SecretCredentialStore::new(
            Arc::clone(&secrets) as _,
            Arc::clone(&secrets) as _,
            "tenants".to_owned(),
        );
        Self {
            system: System::Hubspot,
            clock,
            manual: Arc::default(),
            secrets,
            registry: Arc::default(),
            provider: Arc::default(),
            credentials: Arc::new(credentials),
            apps: Arc::new(apps),
        }
    }

    /// Moves the clock on, if it is one that is moved by hand.
    pub fn advance(&self, time: Duration) {
        self.manual.advance(time);
    }

    pub fn deps(&self) -> ConnectionDeps<'_> {
        ConnectionDeps {
            registry: self.registry.as_ref(),
            credentials: self.credentials.as_ref(),
            accounts: self.registry.as_ref(),
            apps: self.apps.as_ref(),
            connector: self.provider.as_ref(),
            clock: self.clock.as_ref(),
            retry: RetryPolicy {
                attempts_max: 3,
                backoff_max: Duration::from_secs(2),
                wait_max: Duration::from_secs(2),
            },
        }
    }

    pub fn request(&self, tenant_id: &str) -> ConnectionRequest {
        ConnectionRequest {
            tenant: tenant(tenant_id),
            system: self.system,
            route: format!("PUT /integrations/{}/{}/connection", self.system.kind(), self.system),
            webhook_url: WEBHOOK_URL.to_owned(),
            correlation_id: CorrelationId::parse("test").unwrap(),
            deadline: self.clock.now() + INVOCATION,
        }
    }

    /// Connects with a token of a private app.
    pub async fn connect(
        &self,
        tenant_id: &str,
        token: &str,
        webhook_secret: Option<&str>,
    ) -> Result<Connected, ManageError> {
        let method = ConnectMethod::PrivateApp {
            access_token: token.into(),
            webhook_secret: webhook_secret.map(Into::into),
        };
        self.connect_with(tenant_id, method).await
    }

    /// Connects with an API key of user 19.
    pub async fn connect_key(&self, tenant_id: &str, key: &str) -> Result<Connected, ManageError> {
        let method = ConnectMethod::ApiKey { user_id: "19".to_owned(), api_key: key.into() };
        self.connect_with(tenant_id, method).await
    }

    pub async fn connect_with(
        &self,
        tenant_id: &str,
        method: ConnectMethod,
    ) -> Result<Connected, ManageError> {
        let request = self.request(tenant_id);
        let default_region = Some("US".to_owned());
        let takes_bookings = matches!(method, ConnectMethod::ApiKey { .. });
        let import_horizon_days = takes_bookings.then_some(30);
        let command =
            ConnectAccount { request, method, default_region, import_horizon_days, grace: GRACE };
        connect_account(&self.deps(), command).await
    }

    /// Rotates secrets of acme.
    pub async fn rotate(
        &self,
        webhook_secret: Option<&str>,
        access_token: Option<&str>,
    ) -> Result<Rotated, ManageError> {
        let given = [(SecretKind::WebhookSecret, webhook_secret)];
        let given = given.into_iter().chain([(SecretKind::AccessToken, access_token)]);
        let given: Vec<_> = given.filter_map(|(kind, it)| Some((kind, it?))).collect();
        self.rotate_with(&given).await
    }

    /// Rotates acme's API key.
    pub async fn rotate_key(&self, key: &str) -> Result<Rotated, ManageError> {
        self.rotate_with(&[(SecretKind::ApiKey, key)]).await
    }

    pub async fn rotate_with(&self, given: &[(SecretKind, &str)]) -> Result<Rotated, ManageError> {
        let secrets = given.iter().map(|(kind, secret)| (*kind, (*secret).into())).collect();
        let command = RotateConnection { request: self.request("acme"), secrets, grace: GRACE };
        rotate_connection(&self.deps(), &command).await
    }

    /// Disconnects; says why a webhook is left at the provider.
    pub async fn disconnect(&self, tenant_id: &str) -> Result<Option<ProviderError>, ManageError> {
        disconnect_account(&self.deps(), &self.request(tenant_id)).await
    }

    /// The stored secret as JSON, `Null` when there is none.
    pub fn secret(&self, name: &str) -> Value {
        self.secrets.value(name).map_or(Value::Null, |text| serde_json::from_str(&text).unwrap())
    }

    pub async fn entry(&self, tenant_id: &str) -> Option<ConnectionEntry> {
        self.registry.entry(&tenant(tenant_id), self.system).await.unwrap()
    }

    /// Stores a connection by OAuth of tenant acme whose token ends after `left`.
    pub fn store_oauth(&self, left: Duration) {
        let end = self.clock.now() + left;
        self.provider.add_refresh_token("na1-first", "77");
        let secret = json!({
            "auth": "oauth", "access_token": "first", "refresh_token": "na1-first",
            "expires_at": end.to_string(), "account_id": "77", "token_version": 1,
            "default_region": "US", "key_properties": ["company"], "kept": "by an operator",
        });
        self.secrets.set("tenants/acme/hubspot", &secret.to_string());
    }

    /// One instance of a function: its own cache and its own memory.
    pub fn instance(&self) -> FreshConnections {
        let stored = SecretConnectionStore::new(
            Arc::clone(&self.secrets) as _,
            Arc::clone(&self.clock),
            "tenants".to_owned(),
        );
        let ports = FreshPorts {
            connections: Arc::new(stored),
            credentials: Arc::clone(&self.credentials) as _,
            registry: Arc::clone(&self.registry) as _,
            apps: Arc::clone(&self.apps) as _,
            connectors: Arc::new(OneConnector(Arc::clone(&self.provider))),
            clock: Arc::clone(&self.clock),
        };
        FreshConnections::new(ports, Duration::from_secs(8))
    }

    /// Whether acme is listed as broken.
    pub async fn is_broken(&self) -> bool {
        self.entry("acme").await.is_some_and(|it| it.status == ConnectionStatus::Broken)
    }
}

/// What an instance hands out for tenant acme.
pub async fn acme(instance: &FreshConnections) -> Result<Arc<Connection>, ConnectionError> {
    instance.connection(&tenant("acme"), System::Hubspot).await
}

/// The field that a refusal names.
pub fn field_of<T: std::fmt::Debug>(result: Result<T, ManageError>) -> String {
    match result {
        Err(ManageError::Invalid(invalid)) => invalid.field,
        other => panic!("{other:?}"),
    }
}
