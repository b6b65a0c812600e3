//! `POST /integrations/crm/{system}/upsert` and the status of such a call: wiring only, see `handler`
//! and `status`.

mod handler;
mod problem;
mod status;

use std::process::ExitCode;
use std::sync::Arc;

use sync_aws::work_queue::SqsWorkQueue;
use sync_lambda::config::Settings;
use sync_lambda::{HttpHandler, InitError, serve_http};
use sync_wiring::ProviderSide;

use crate::handler::{Deps, handle};

fn main() -> ExitCode {
    serve_http("crm-upsert", |settings| Box::pin(wire(settings)))
}

async fn wire(mut settings: Settings) -> Result<HttpHandler, InitError> {
    let tenant_claim = settings.optional("TENANT_CLAIM", "tenant_id");
    let queue_url = settings.required("CRM_PUSHES_QUEUE_URL");
    let provider_side = ProviderSide::read(&mut settings);
    settings.check()?;

    let parts = provider_side.build().await?;
    let push_queue = Arc::new(SqsWorkQueue::new(&parts.config, queue_url));
    let deps = Arc::new(Deps { parts, push_queue, tenant_claim });
    Ok(Arc::new(move |request| {
        let deps = Arc::clone(&deps);
        Box::pin(async move { handle(&deps, request).await })
    }))
}
