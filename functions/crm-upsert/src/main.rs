//! `POST /integrations/crm/{system}/upsert`: wiring only, see `handler`.

mod handler;
mod problem;

use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use sync_aws::connections::SecretConnectionStore;
use sync_aws::dynamo::DynamoTable;
use sync_aws::sdk;
use sync_aws::secrets::SecretsManagerSource;
use sync_domain::retry::RetryPolicy;
use sync_lambda::clock::SystemClock;
use sync_lambda::config::Settings;
use sync_lambda::{HttpHandler, InitError, serve_http};
use sync_providers::http::ProviderHttp;
use sync_providers::hubspot::HubspotSettings;
use sync_providers::{ProviderCatalog, ProviderSettings};

use crate::handler::{Deps, handle};

/// Tries of one provider call in one invocation, the first included.
const ATTEMPTS_MAX: u32 = 3;
/// The longest wait between two of them: the caller is waiting too.
const WAIT_MAX: Duration = Duration::from_secs(3);
/// Opening the first connection may not hold the start up for longer.
const WARM_UP_MAX: Duration = Duration::from_secs(1);

fn main() -> ExitCode {
    serve_http("crm-upsert", |settings| Box::pin(wire(settings)))
}

async fn wire(mut settings: Settings) -> Result<HttpHandler, InitError> {
    let call_timeout = Duration::from_millis(settings.parsed("INTEGRATION_TIMEOUT_MS", 5_000));
    let backoff_max = Duration::from_millis(settings.parsed("BACKOFF_MAX_MS", 60_000));
    let tenant_claim = settings.optional("TENANT_CLAIM", "tenant_id");
    let table_name = settings.required("TABLE_NAME");
    let secret_prefix = settings.required("SECRET_PREFIX");
    let hubspot = HubspotSettings {
        base_url: settings.optional("HUBSPOT_BASE_URL", "https://api.hubapi.com"),
        api_version: settings.optional("HUBSPOT_API_VERSION", "2026-03"),
    };
    settings.check()?;

    let config = sdk::load().await;
    let table = Arc::new(DynamoTable::new(&config, table_name));
    let secrets = Arc::new(SecretsManagerSource::new(&config));
    let clock = Arc::new(SystemClock);
    let connections = SecretConnectionStore::new(secrets, Arc::clone(&clock) as _, secret_prefix);
    let catalog =
        ProviderCatalog::new(&ProviderHttp::new(call_timeout)?, ProviderSettings { hubspot });
    drop(tokio::time::timeout(WARM_UP_MAX, table.warm_up()).await);

    let retry = RetryPolicy { attempts_max: ATTEMPTS_MAX, backoff_max, wait_max: WAIT_MAX };
    let connections = Arc::new(connections);
    let deps = Deps {
        connections,
        store: Arc::clone(&table) as _,
        audit: table,
        catalog,
        clock,
        retry,
        call_timeout,
        tenant_claim,
    };
    let deps = Arc::new(deps);
    Ok(Arc::new(move |request| {
        let deps = Arc::clone(&deps);
        Box::pin(async move { handle(&deps, request).await })
    }))
}
