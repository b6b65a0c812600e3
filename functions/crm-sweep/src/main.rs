//! The safety net below the webhooks of CRMs: wiring only, see `handler` and `plan`.

mod handler;
mod plan;

use std::process::ExitCode;
use std::sync::Arc;

use sync_aws::dead_letters::SqsDeadLetters;
use sync_aws::work_queue::SqsWorkQueue;
use sync_lambda::config::Settings;
use sync_lambda::{InitError, ScheduledWorker, serve_scheduled_worker};
use sync_wiring::ProviderSide;

use crate::handler::{Deps, ROUTE, handle};
use crate::plan::plan;

fn main() -> ExitCode {
    serve_scheduled_worker(ROUTE, |settings| Box::pin(wire(settings)))
}

async fn wire(mut settings: Settings) -> Result<ScheduledWorker, InitError> {
    let queue_url = settings.required("CRM_SWEEPS_QUEUE_URL");
    let dead_letters_url = settings.required("CRM_SWEEPS_DLQ_URL");
    let changes_url = settings.required("CRM_CHANGES_QUEUE_URL");
    // Nobody calls this function by the API, so the address can't be taken from a call.
    let public_base_url = settings.required("PUBLIC_BASE_URL");
    let provider_side = ProviderSide::read(&mut settings);
    settings.check()?;

    let parts = provider_side.build().await?;
    let table = parts.table.as_ref().clone();
    let deps = Arc::new(Deps {
        queue: Arc::new(SqsWorkQueue::new(&parts.config, queue_url)),
        changes: Arc::new(SqsWorkQueue::new(&parts.config, changes_url)),
        dead_letters: Arc::new(SqsDeadLetters::new(&parts.config, dead_letters_url, table)),
        public_base_url: public_base_url.trim_end_matches('/').to_owned(),
        parts,
    });
    let planning = Arc::clone(&deps);
    Ok(ScheduledWorker {
        tick: Arc::new(move |tick| {
            let deps = Arc::clone(&planning);
            Box::pin(async move { plan(&deps, tick).await })
        }),
        batch: Arc::new(move |batch| {
            let deps = Arc::clone(&deps);
            Box::pin(async move { handle(&deps, batch).await })
        }),
    })
}
