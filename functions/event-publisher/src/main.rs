//! The table's stream to the bus: wiring only, see `handler`.

mod handler;

use std::process::ExitCode;
use std::sync::Arc;

use sync_aws::event_bus::EventBridgeBus;
use sync_aws::sdk;
use sync_aws::secrets::SecretsManagerSource;
use sync_domain::ports::SecretSource;
use sync_domain::pseudonym::Pseudonymiser;
use sync_lambda::clock::SystemClock;
use sync_lambda::config::Settings;
use sync_lambda::{InitError, StreamHandler, serve_stream};

use crate::handler::{Deps, handle};

fn main() -> ExitCode {
    serve_stream("event-publisher", |settings| Box::pin(wire(settings)))
}

async fn wire(mut settings: Settings) -> Result<StreamHandler, InitError> {
    let bus_name = settings.required("EVENT_BUS_NAME");
    let pseudonym_secret = settings.required("PSEUDONYM_SECRET_ID");
    settings.check()?;

    let config = sdk::load().await;
    let key = SecretsManagerSource::new(&config).read(&pseudonym_secret).await?;
    let deps = Arc::new(Deps {
        bus: Arc::new(EventBridgeBus::new(&config, bus_name)),
        pseudonymiser: Pseudonymiser::new(key),
        clock: Arc::new(SystemClock),
    });
    Ok(Arc::new(move |records| {
        let deps = Arc::clone(&deps);
        Box::pin(async move { handle(&deps, records).await })
    }))
}
