//! Connecting on fakes, as CRMs with hosts of their tenants' own want it: apps that mint tokens and an
//! entered address, or API tokens and a secret that we draw.

use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use futures::poll;
use secrecy::ExposeSecret;
use serde_json::json;
use sync_domain::model::{Sensitive, System};
use sync_domain::ports::{Clock, Connection, ConnectionError, ConnectionStore};
use sync_domain::usecase::connect_account::{ConnectMethod, Connected};
use sync_domain::usecase::fresh_connection::FreshConnections;
use sync_domain::usecase::locked_connection::ManageError;
use sync_testkit::{DOMAIN, ProviderKind};

use super::connection_world::{ConnectionWorld, INVOCATION, tenant};

/// What acme's secrets are named where tokens are minted.
pub const MINTED: &str = "tenants/acme/salesforce";
pub const MINTED_WEBHOOK: &str = "tenants/acme/salesforce/webhook";
/// What they are named where webhook secrets are drawn.
pub const DRAWN: &str = "tenants/acme/pipedrive";
pub const DRAWN_WEBHOOK: &str = "tenants/acme/pipedrive/webhook";

impl ConnectionWorld {
    /// Nothing is connected; the app `client` of account 77 mints tokens with `proof`.
    pub fn with_minting() -> Self {
        Self::minting(Self::new())
    }

    /// The same with another clock.
    pub fn with_minting_on(clock: Arc<dyn Clock>) -> Self {
        Self::minting(Self::on(clock))
    }

    fn minting(world: Self) -> Self {
        let world = world.of(System::Salesforce, ProviderKind::MintedTokens);
        world.provider.add_app("client", "proof", "77");
        world
    }

    /// Nothing is connected; `token` is good for account 77, and there is an OAuth app.
    pub fn with_drawing() -> Self {
        let world = Self::new().of(System::Pipedrive, ProviderKind::DrawnSecrets);
        world.provider.add_token("token", "77");
        world.provider.add_refresh_token("refresh", "77");
        let app = json!({"client_id": "c", "client_secret": "s", "redirect_uri": "https://a/cb"});
        world.secrets.set("apps/pipedrive", &app.to_string());
        world
    }

    /// Connects with an app's id and secret.
    pub async fn connect_app(
        &self,
        tenant_id: &str,
        client_secret: &str,
        webhook_secret: Option<&str>,
    ) -> Result<Connected, ManageError> {
        self.connect_app_at(DOMAIN, tenant_id, client_secret, webhook_secret).await
    }

    pub async fn connect_app_at(
        &self,
        domain: &str,
        tenant_id: &str,
        client_secret: &str,
        webhook_secret: Option<&str>,
    ) -> Result<Connected, ManageError> {
        let method = ConnectMethod::ClientCredentials {
            domain: domain.to_owned(),
            client_id: "client".to_owned(),
            client_secret: client_secret.into(),
            webhook_secret: webhook_secret.map(Into::into),
        };
        self.connect_with(tenant_id, method).await
    }

    /// Connects acme with an app's signed assertion.
    pub async fn connect_jwt(&self, private_key: &str) -> Result<Connected, ManageError> {
        let method = ConnectMethod::JwtBearer {
            domain: DOMAIN.to_owned(),
            client_id: "client".to_owned(),
            username: Sensitive::new("ada@acme.example".to_owned()),
            private_key: private_key.into(),
            webhook_secret: None,
        };
        self.connect_with("acme", method).await
    }

    /// Connects with a user's API token.
    pub async fn connect_token(
        &self,
        tenant_id: &str,
        token: &str,
    ) -> Result<Connected, ManageError> {
        let method = ConnectMethod::ApiToken { domain: DOMAIN.to_owned(), api_token: token.into() };
        self.connect_with(tenant_id, method).await
    }

    /// Begins something, lets it die after so many steps, and waits until its lock is over. Whether it
    /// was over before.
    pub async fn die<T>(&self, work: impl Future<Output = T>, steps: usize) -> bool {
        let mut is_over = false;
        {
            let mut dying = Box::pin(work);
            for _ in 0..steps {
                is_over = is_over || poll!(&mut dying).is_ready();
            }
        }
        self.advance(INVOCATION + Duration::from_secs(1));
        is_over
    }
}

/// What an instance hands out for tenant acme.
pub async fn acme_of(
    instance: &FreshConnections,
    system: System,
) -> Result<Arc<Connection>, ConnectionError> {
    instance.connection(&tenant("acme"), system).await
}

/// The entered address that an answer tells.
pub fn entered(connected: &Connected) -> String {
    connected.entered_url.as_ref().unwrap().expose_secret().to_owned()
}
