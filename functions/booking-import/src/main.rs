//! `POST /integrations/booking/{system}/import`: wiring only, see `handler`.

mod handler;
mod problem;
mod report;

use std::process::ExitCode;
use std::sync::Arc;

use sync_aws::secrets::SecretsManagerSource;
use sync_domain::ports::SecretSource;
use sync_lambda::config::Settings;
use sync_lambda::{HttpHandler, InitError, serve_http};
use sync_wiring::{ProviderSide, days};

use crate::handler::{Deps, ROUTE, handle};

fn main() -> ExitCode {
    serve_http(ROUTE, |settings| Box::pin(wire(settings)))
}

async fn wire(mut settings: Settings) -> Result<HttpHandler, InitError> {
    let tenant_claim = settings.optional("TENANT_CLAIM", "tenant_id");
    let cursor_secret = settings.required("CURSOR_KEY_SECRET");
    let horizon = days(settings.parsed("IMPORT_HORIZON_DAYS", 400));
    let provider_side = ProviderSide::read(&mut settings).with_requests_in_a_row(4);
    settings.check()?;

    let parts = provider_side.build().await?;
    let cursor_key = SecretsManagerSource::new(&parts.config).read(&cursor_secret).await?;
    let deps = Arc::new(Deps { parts, tenant_claim, cursor_key, horizon });
    Ok(Arc::new(move |request| {
        let deps = Arc::clone(&deps);
        Box::pin(async move { handle(&deps, request).await })
    }))
}
