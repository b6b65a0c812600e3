//! The safety net below webhooks: wiring only, see `handler` and `plan`.

mod handler;
mod plan;

use std::process::ExitCode;
use std::sync::Arc;

use sync_aws::dead_letters::SqsDeadLetters;
use sync_aws::work_queue::SqsWorkQueue;
use sync_domain::usecase::sweep_bookings::SweepSpan;
use sync_lambda::config::Settings;
use sync_lambda::{InitError, ScheduledWorker, serve_scheduled_worker};
use sync_wiring::{ProviderSide, days};

use crate::handler::{Deps, ROUTE, handle};
use crate::plan::plan;

fn main() -> ExitCode {
    serve_scheduled_worker(ROUTE, |settings| Box::pin(wire(settings)))
}

async fn wire(mut settings: Settings) -> Result<ScheduledWorker, InitError> {
    let queue_url = settings.required("BOOKING_SWEEPS_QUEUE_URL");
    let dead_letters_url = settings.required("BOOKING_SWEEPS_DLQ_URL");
    let span = SweepSpan {
        back: days(settings.parsed("SWEEP_BACK_DAYS", 35)),
        ahead: days(settings.parsed("SWEEP_AHEAD_DAYS", 400)),
    };
    let provider_side = ProviderSide::read(&mut settings).with_requests_in_a_row(4);
    settings.check()?;

    let parts = provider_side.build().await?;
    let table = parts.table.as_ref().clone();
    let deps = Arc::new(Deps {
        queue: Arc::new(SqsWorkQueue::new(&parts.config, queue_url)),
        dead_letters: Arc::new(SqsDeadLetters::new(&parts.config, dead_letters_url, table)),
        span,
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
