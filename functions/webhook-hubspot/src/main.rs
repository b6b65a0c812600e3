//! `POST /webhooks/crm/hubspot`: wiring only, see `sync_lambda::webhook`.

use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use sync_aws::accounts::{CachedAccountDirectory, ClaimedAccountDirectory};
use sync_aws::dynamo::DynamoTable;
use sync_aws::sdk;
use sync_aws::secrets::SecretsManagerSource;
use sync_aws::webhook_secrets::CachedSigningSecrets;
use sync_aws::work_queue::SqsWorkQueue;
use sync_domain::model::System;
use sync_domain::ports::{SecretHolder, SigningSecretSource};
use sync_lambda::clock::SystemClock;
use sync_lambda::config::Settings;
use sync_lambda::webhook::{WebhookRoute, handle};
use sync_lambda::{InitError, WebhookHandler, serve_webhook};
use sync_providers::webhook_protocol;

/// Opening the first connections may not hold the start up for longer.
const WARM_UP_MAX: Duration = Duration::from_secs(1);

fn main() -> ExitCode {
    serve_webhook("webhook-hubspot", |settings| Box::pin(wire(settings)))
}

async fn wire(mut settings: Settings) -> Result<WebhookHandler, InitError> {
    let table_name = settings.required("TABLE_NAME");
    let secret_prefix = settings.required("SECRET_PREFIX");
    let app_secret_prefix = settings.required("APP_SECRET_PREFIX");
    let queue_url = settings.required("CRM_CHANGES_QUEUE_URL");
    let public_base_url = settings.optional("PUBLIC_BASE_URL", "");
    settings.check()?;

    let config = sdk::load().await;
    let clock = Arc::new(SystemClock);
    let table = Arc::new(DynamoTable::new(&config, table_name));
    let queue = Arc::new(SqsWorkQueue::new(&config, queue_url));
    let source = Arc::new(SecretsManagerSource::new(&config));
    let secrets = Arc::new(CachedSigningSecrets::new(
        source,
        Arc::clone(&clock) as _,
        secret_prefix,
        app_secret_prefix,
    ));
    // The app's secret is needed by every delivery. A failure shows itself at the first of them.
    let our_app = SecretHolder::OurApp(System::Hubspot);
    let warm_up = async {
        tokio::join!(table.warm_up(), queue.warm_up(), secrets.secrets(&our_app)).2.is_ok()
    };
    drop(tokio::time::timeout(WARM_UP_MAX, warm_up).await);

    let accounts = Arc::new(CachedAccountDirectory::new(table, Arc::clone(&clock) as _));
    let route = Arc::new(WebhookRoute {
        route: "webhook-hubspot",
        public_base_url: public_base_url.trim_end_matches('/').to_owned(),
        protocol: webhook_protocol(System::Hubspot),
        secrets,
        claimed_accounts: Arc::new(ClaimedAccountDirectory::new(Arc::clone(&accounts))),
        accounts,
        queue,
        clock,
    });
    Ok(Arc::new(move |request| {
        let route = Arc::clone(&route);
        Box::pin(async move { handle(&route, request).await })
    }))
}
