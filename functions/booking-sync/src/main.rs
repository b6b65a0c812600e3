//! What booking systems say has changed: wiring only, see `handler`.

mod handler;

use std::process::ExitCode;
use std::sync::Arc;

use sync_aws::accounts::CachedAccountDirectory;
use sync_aws::dead_letters::SqsDeadLetters;
use sync_aws::work_queue::SqsWorkQueue;
use sync_lambda::config::Settings;
use sync_lambda::{InitError, QueueHandler, serve_queue};
use sync_wiring::ProviderSide;

use crate::handler::{Deps, ROUTE, handle};

fn main() -> ExitCode {
    serve_queue(ROUTE, |settings| Box::pin(wire(settings)))
}

async fn wire(mut settings: Settings) -> Result<QueueHandler, InitError> {
    let queue_url = settings.required("BOOKING_CHANGES_QUEUE_URL");
    let dead_letters_url = settings.required("BOOKING_CHANGES_DLQ_URL");
    let provider_side = ProviderSide::read(&mut settings).with_requests_in_a_row(4);
    settings.check()?;

    let parts = provider_side.build().await?;
    let table = parts.table.as_ref().clone();
    let accounts =
        CachedAccountDirectory::new(Arc::clone(&parts.table) as _, Arc::clone(&parts.clock));
    let deps = Arc::new(Deps {
        accounts: Arc::new(accounts),
        queue: Arc::new(SqsWorkQueue::new(&parts.config, queue_url)),
        dead_letters: Arc::new(SqsDeadLetters::new(&parts.config, dead_letters_url, table)),
        parts,
    });
    Ok(Arc::new(move |batch| {
        let deps = Arc::clone(&deps);
        Box::pin(async move { handle(&deps, batch).await })
    }))
}
