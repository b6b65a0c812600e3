//! `PUT|GET|DELETE /integrations/{kind}/{system}/connection` and `POST …/connection/rotate`: wiring
//! only, see `handler`.

mod answer;
mod handler;
mod problem;
mod request;
mod text;

use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use sync_aws::credentials::SecretCredentialStore;
use sync_aws::dynamo::DynamoTable;
use sync_aws::oauth_apps::SecretOauthApps;
use sync_aws::sdk;
use sync_aws::secrets::{SecretsManagerSource, SecretsManagerWriter};
use sync_domain::retry::RetryPolicy;
use sync_lambda::clock::SystemClock;
use sync_lambda::config::Settings;
use sync_lambda::{HttpHandler, InitError, serve_http};
use sync_providers::ProviderCatalog;
use sync_providers::http::ProviderHttp;
use sync_wiring::provider_settings;

use crate::handler::{Deps, handle};

/// Tries of one provider call, and the longest wait between two: the caller is waiting too.
const RETRY: RetryPolicy = RetryPolicy {
    attempts_max: 3,
    backoff_max: Duration::from_secs(2),
    wait_max: Duration::from_secs(2),
};
/// Opening the first connection may not hold the start up for longer.
const WARM_UP_MAX: Duration = Duration::from_secs(1);

fn main() -> ExitCode {
    serve_http("connections", |settings| Box::pin(wire(settings)))
}

async fn wire(mut settings: Settings) -> Result<HttpHandler, InitError> {
    let call_timeout = Duration::from_millis(settings.parsed("INTEGRATION_TIMEOUT_MS", 5_000));
    let grace = Duration::from_secs(settings.parsed("WEBHOOK_SECRET_GRACE_S", 86_400));
    let tenant_claim = settings.optional("TENANT_CLAIM", "tenant_id");
    let public_base_url = settings.optional("PUBLIC_BASE_URL", "");
    let table_name = settings.required("TABLE_NAME");
    let secret_prefix = settings.required("SECRET_PREFIX");
    let app_secret_prefix = settings.required("APP_SECRET_PREFIX");
    let providers = provider_settings(&mut settings);
    settings.check()?;

    let config = sdk::load().await;
    let clock = Arc::new(SystemClock);
    let table = Arc::new(DynamoTable::new(&config, table_name));
    let source = Arc::new(SecretsManagerSource::new(&config));
    let writer = Arc::new(SecretsManagerWriter::new(&config, Arc::clone(&clock) as _));
    let apps =
        SecretOauthApps::new(Arc::clone(&source) as _, Arc::clone(&clock) as _, app_secret_prefix);
    let http = ProviderHttp::new(call_timeout)?;
    drop(tokio::time::timeout(WARM_UP_MAX, table.warm_up()).await);

    let deps = Arc::new(Deps {
        registry: Arc::clone(&table) as _,
        accounts: Arc::clone(&table) as _,
        gate: Arc::clone(&table) as _,
        counts: Arc::clone(&table) as _,
        audit: table,
        credentials: Arc::new(SecretCredentialStore::new(source, writer, secret_prefix)),
        apps: Arc::new(apps),
        connectors: Arc::new(ProviderCatalog::new(&http, providers)),
        clock,
        retry: RETRY,
        grace,
        tenant_claim,
        public_base_url: public_base_url.trim_end_matches('/').to_owned(),
    });
    Ok(Arc::new(move |request| {
        let deps = Arc::clone(&deps);
        Box::pin(async move { handle(&deps, request).await })
    }))
}
