//! What every function puts together in the same way that a provider's webhooks come to.

use std::sync::Arc;

use sync_aws::accounts::{CachedAccountDirectory, ClaimedAccountDirectory};
use sync_aws::dynamo::DynamoTable;
use sync_aws::sdk;
use sync_aws::secrets::SecretsManagerSource;
use sync_aws::webhook_secrets::CachedSigningSecrets;
use sync_aws::work_queue::SqsWorkQueue;
use sync_domain::model::System;
use sync_domain::ports::{AuthMode, SigningSecretSource};
use sync_lambda::clock::SystemClock;
use sync_lambda::config::Settings;
use sync_lambda::webhook::{WebhookRoute, handle};
use sync_lambda::{InitError, WebhookHandler};
use sync_providers::webhook_protocol;

use crate::WARM_UP_MAX;

/// One provider's function.
#[derive(Debug, Clone, Copy)]
pub struct WebhookFunction {
    /// Its name, as metrics and logs have it.
    pub name: &'static str,
    /// The provider.
    pub system: System,
    /// The setting with the address of the queue that changes go to.
    pub queue_setting: &'static str,
    /// Whether deliveries may be signed by an app of ours, so that its secret is needed.
    pub is_signed_by_our_app: bool,
}

/// Reads the settings of a webhook function and builds its handler.
///
/// # Errors
/// When a setting is missing.
pub async fn webhook_handler(
    function: WebhookFunction,
    mut settings: Settings,
) -> Result<WebhookHandler, InitError> {
    let table_name = settings.required("TABLE_NAME");
    let secret_prefix = settings.required("SECRET_PREFIX");
    // Without an app of ours nobody asks for its secret.
    let app_secret_prefix =
        function.is_signed_by_our_app.then(|| settings.required("APP_SECRET_PREFIX"));
    let queue_url = settings.required(function.queue_setting);
    let public_base_url = settings.optional("PUBLIC_BASE_URL", "");
    let sources = settings.addresses("WEBHOOK_SOURCE_ADDRESSES");
    settings.check()?;

    let config = sdk::load().await;
    let clock = Arc::new(SystemClock);
    let table = Arc::new(DynamoTable::new(&config, table_name));
    let queue = Arc::new(SqsWorkQueue::new(&config, queue_url));
    let secrets = Arc::new(CachedSigningSecrets::new(
        Arc::new(SecretsManagerSource::new(&config)),
        Arc::clone(&clock) as _,
        secret_prefix,
        app_secret_prefix.unwrap_or_default(),
    ));
    warm_up(function, &table, &queue, secrets.as_ref()).await;

    let accounts = Arc::new(CachedAccountDirectory::new(table, Arc::clone(&clock) as _));
    let route = Arc::new(WebhookRoute {
        route: function.name,
        public_base_url: public_base_url.trim_end_matches('/').to_owned(),
        protocol: webhook_protocol(function.system),
        secrets,
        claimed_accounts: Arc::new(ClaimedAccountDirectory::new(Arc::clone(&accounts))),
        accounts,
        queue,
        sources,
        clock,
    });
    Ok(Arc::new(move |request| {
        let route = Arc::clone(&route);
        Box::pin(async move { handle(&route, request).await })
    }))
}

/// Opens the connections. Our app's secret is needed by every delivery that it may have signed. A
/// failure shows itself at the first delivery.
async fn warm_up(
    function: WebhookFunction,
    table: &DynamoTable,
    queue: &SqsWorkQueue,
    secrets: &dyn SigningSecretSource,
) {
    let app = async {
        let signed_by = webhook_protocol(function.system).signed_by(AuthMode::Oauth);
        let holder = signed_by.holder_of_ours(function.system);
        if let Some(holder) = holder.filter(|_| function.is_signed_by_our_app) {
            drop(secrets.secrets(&holder).await);
        }
    };
    let all = async { tokio::join!(table.warm_up(), queue.warm_up(), app) };
    drop(tokio::time::timeout(WARM_UP_MAX, all).await);
}
