//! What every function puts together in the same way that calls providers: settings, adapters, the
//! connections with fresh tokens, and the gate. Which adapter serves which port is decided here and
//! in each function's `main.rs`, and nowhere else.

mod bookings;
mod change_batch;
mod sweep_batch;
mod webhook;

use std::sync::Arc;
use std::time::Duration;

use aws_config::SdkConfig;
use sync_aws::connections::SecretConnectionStore;
use sync_aws::credentials::SecretCredentialStore;
use sync_aws::dynamo::DynamoTable;
use sync_aws::oauth_apps::SecretOauthApps;
use sync_aws::sdk;
use sync_aws::secrets::{SecretsManagerSource, SecretsManagerWriter};
use sync_domain::gate::{Gate, GateSettings, Reported};
use sync_domain::model::{System, TenantId};
use sync_domain::ports::{Clock, Connection, ConnectionStore, CredentialStore, OauthAppSource};
use sync_domain::retry::RetryPolicy;
use sync_domain::usecase::fresh_connection::{FreshConnections, FreshPorts};
use sync_lambda::InitError;
use sync_lambda::clock::SystemClock;
use sync_lambda::config::Settings;
use sync_providers::acuity::AcuitySettings;
use sync_providers::http::ProviderHttp;
use sync_providers::hubspot::HubspotSettings;
use sync_providers::pipedrive::PipedriveSettings;
use sync_providers::salesforce::SalesforceSettings;
use sync_providers::square::SquareSettings;
use sync_providers::vagaro::VagaroSettings;
use sync_providers::{ProviderCatalog, ProviderSettings};

pub use bookings::{RowScope, days, log_unreadable};
pub use change_batch::{ChangeMessage, age, handle_changes, report_unreadable};
pub use sweep_batch::{Swept, handle_sweeps, tell_planned};
pub use webhook::{WebhookFunction, webhook_handler};

/// Tries of one provider call in one invocation, the first included.
const ATTEMPTS_MAX: u32 = 3;
/// The longest wait between two of them, and in front of the gate: somebody is waiting, and time in
/// a function is paid for.
const WAIT_MAX: Duration = Duration::from_secs(3);
/// The longest wait for another instance that is refreshing a token.
const REFRESH_WAIT_MAX: Duration = Duration::from_secs(5);
/// From a permit to the sending of its request.
const SENDING_MAX: Duration = Duration::from_millis(500);
/// Opening the first connection may not hold the start up for longer.
const WARM_UP_MAX: Duration = Duration::from_secs(1);

/// The settings of a function that calls providers.
pub struct ProviderSide {
    table_name: String,
    secret_prefix: String,
    app_secret_prefix: String,
    providers: ProviderSettings,
    call_timeout: Duration,
    requests_in_a_row: u32,
    backoff_max: Duration,
}

/// The adapters of a function that calls providers.
pub struct Parts {
    /// For adapters of the function's own.
    pub config: SdkConfig,
    /// The one table.
    pub table: Arc<DynamoTable>,
    /// The tenants' connections, with tokens that are good.
    pub connections: Arc<dyn ConnectionStore>,
    /// The same secrets, without a cache and to be written.
    pub credentials: Arc<dyn CredentialStore>,
    /// Our apps at the providers.
    pub apps: Arc<dyn OauthAppSource>,
    /// The providers.
    pub catalog: Arc<ProviderCatalog>,
    /// What is in front of them.
    pub gate: Arc<Gate>,
    /// Time.
    pub clock: Arc<dyn Clock>,
    /// How failed calls are repeated within an invocation.
    pub retry: RetryPolicy,
    /// How long one call may take.
    pub call_timeout: Duration,
}

impl ProviderSide {
    /// Reads the settings; the caller checks them together with its own.
    pub fn read(settings: &mut Settings) -> Self {
        Self {
            table_name: settings.required("TABLE_NAME"),
            secret_prefix: settings.required("SECRET_PREFIX"),
            app_secret_prefix: settings.required("APP_SECRET_PREFIX"),
            providers: provider_settings(settings),
            call_timeout: Duration::from_millis(settings.parsed("INTEGRATION_TIMEOUT_MS", 5_000)),
            requests_in_a_row: 1,
            backoff_max: Duration::from_millis(settings.parsed("BACKOFF_MAX_MS", 60_000)),
        }
    }

    /// For a function whose permits are for so many requests that wait for each other, as the steps
    /// of a walk over a window do: a permit counts for as long as all of them may take.
    #[must_use]
    pub const fn with_requests_in_a_row(mut self, requests: u32) -> Self {
        self.requests_in_a_row = requests;
        self
    }

    /// Builds the adapters and opens the first connection to the table.
    ///
    /// # Errors
    /// When TLS can't be set up.
    pub async fn build(self) -> Result<Parts, InitError> {
        let config = sdk::load().await;
        let table = Arc::new(DynamoTable::new(&config, self.table_name));
        let secrets = Arc::new(SecretsManagerSource::new(&config));
        let clock: Arc<dyn Clock> = Arc::new(SystemClock);
        let catalog = Arc::new(ProviderCatalog::new(
            &ProviderHttp::new(self.call_timeout)?,
            self.providers,
            &clock,
        ));
        let credentials: Arc<dyn CredentialStore> = Arc::new(SecretCredentialStore::new(
            Arc::clone(&secrets) as _,
            Arc::new(SecretsManagerWriter::new(&config, Arc::clone(&clock))),
            self.secret_prefix.clone(),
        ));
        let apps: Arc<dyn OauthAppSource> = Arc::new(SecretOauthApps::new(
            Arc::clone(&secrets) as _,
            Arc::clone(&clock),
            self.app_secret_prefix,
        ));
        let connections = FreshConnections::new(
            FreshPorts {
                connections: Arc::new(SecretConnectionStore::new(
                    secrets,
                    Arc::clone(&clock),
                    self.secret_prefix,
                )),
                credentials: Arc::clone(&credentials),
                registry: Arc::clone(&table) as _,
                apps: Arc::clone(&apps),
                connectors: Arc::clone(&catalog) as _,
                clock: Arc::clone(&clock),
            },
            REFRESH_WAIT_MAX,
        )
        .with_witness(Arc::new(log_refusal));
        let gate_settings =
            GateSettings::with_call_max(self.call_timeout * self.requests_in_a_row + SENDING_MAX);
        let gate = Gate::new(Arc::clone(&table) as _, Arc::clone(&clock), gate_settings);
        drop(tokio::time::timeout(WARM_UP_MAX, table.warm_up()).await);
        Ok(Parts {
            config,
            table,
            connections: Arc::new(connections),
            credentials,
            apps,
            catalog,
            gate: Arc::new(gate),
            clock,
            retry: RetryPolicy {
                attempts_max: ATTEMPTS_MAX,
                backoff_max: self.backoff_max,
                wait_max: WAIT_MAX,
            },
            call_timeout: self.call_timeout,
        })
    }
}

/// Where the providers are; by default at their vendors' own addresses.
pub fn provider_settings(settings: &mut Settings) -> ProviderSettings {
    ProviderSettings {
        hubspot: HubspotSettings {
            base_url: settings.optional("HUBSPOT_BASE_URL", "https://api.hubapi.com"),
            api_version: settings.optional("HUBSPOT_API_VERSION", "2026-03"),
        },
        salesforce: SalesforceSettings {
            base_url: settings
                .optional("SALESFORCE_BASE_URL", "https://{domain}.my.salesforce.com"),
            api_version: settings.optional("SALESFORCE_API_VERSION", "v67.0"),
        },
        pipedrive: PipedriveSettings {
            base_url: settings.optional("PIPEDRIVE_BASE_URL", "https://{domain}.pipedrive.com"),
            oauth_base_url: settings
                .optional("PIPEDRIVE_OAUTH_BASE_URL", "https://oauth.pipedrive.com"),
        },
        acuity: AcuitySettings {
            base_url: settings.optional("ACUITY_BASE_URL", "https://acuityscheduling.com"),
            rows_max: settings.parsed("ACUITY_ROWS_MAX", 100),
        },
        square: SquareSettings {
            base_url: settings.optional("SQUARE_BASE_URL", "https://connect.squareup.com"),
            version: settings.optional("SQUARE_VERSION", "2026-05-20"),
        },
        vagaro: VagaroSettings {
            base_url: settings.optional("VAGARO_BASE_URL", "https://api.vagaro.com"),
        },
    }
}

/// Tells the operators that a gate has changed for all instances.
pub fn gate_notice(connection: &Connection, reported: Reported) {
    let (tenant_id, system) = (connection.tenant.as_str(), connection.system.as_str());
    match reported {
        Reported::Noted => {}
        Reported::BreakerOpened { until } => {
            tracing::warn!(tenant_id, system, %until, "The breaker opened.");
        }
        Reported::BreakerClosed => tracing::info!(tenant_id, system, "The breaker closed."),
        Reported::Paused(pause) => {
            let (until, reason) = (pause.until, pause.reason.as_str());
            tracing::warn!(tenant_id, system, %until, reason, "Calls to the provider pause.");
        }
        Reported::NotStored => {
            tracing::warn!(tenant_id, system, "The gate's state could not be stored.");
        }
    }
}

/// Somebody should look before the token ends: a person of the tenant may have to connect anew.
fn log_refusal(tenant: &TenantId, system: System) {
    tracing::error!(
        tenant_id = tenant.as_str(),
        system = system.as_str(),
        "The provider refused to replace a token that is still good; it is used until its end."
    );
}
