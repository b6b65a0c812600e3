//! `POST /webhooks/booking/vagaro/{token}`: settings only, see `sync_wiring::webhook_handler`.

use std::process::ExitCode;

use sync_domain::model::System;
use sync_lambda::serve_webhook;
use sync_wiring::{WebhookFunction, webhook_handler};

const FUNCTION: WebhookFunction = WebhookFunction {
    name: "webhook-vagaro",
    system: System::Vagaro,
    queue_setting: "BOOKING_CHANGES_QUEUE_URL",
    is_signed_by_our_app: false,
};

fn main() -> ExitCode {
    serve_webhook(FUNCTION.name, |settings| Box::pin(webhook_handler(FUNCTION, settings)))
}
